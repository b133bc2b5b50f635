"""The article's functions on arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..._types import Array
from ..._validation.arrays import as_array, as_ranked
from ..._validation.shapes import check_size
from ..._validation.values import as_int, as_number
from .._checks import windows
from ..activators import each


def get_patch(input_array: Array, i: int, j: int, filter_width: int, filter_height: int, stride: int) -> Array:
    """Return the window of output pixel (i, j), a view of (H, W) or (C, H, W)."""
    top, left = i * stride, j * stride
    return input_array[..., top : top + filter_height, left : left + filter_width]


def get_max_index(array: Array) -> tuple[int, int]:
    """Return the row and column of the largest number, the first of equals."""
    array = as_ranked(array, "array", 2, "(H, W)", "float64")
    i, j = divmod(int(array.argmax()), array.shape[1])
    return i, j


def element_wise_op(array: Array, op: Callable[[Any], Any]) -> None:
    """Apply ``op`` to each number of an array, in place."""
    array = _writable(array, "array")
    array[...] = each(op, array)


def padding(input_array: Array, zp: int) -> Array:
    """Put a frame of ``zp`` zeros around (H, W) or around each channel of (C, H, W)."""
    input_array = as_array(input_array, "input_array", "float64")
    if as_int(zp, "zp", least=0) == 0:
        return input_array
    if input_array.ndim not in (2, 3):
        raise ValueError(f"input_array must have shape (H, W) or (C, H, W); received {input_array.shape}")
    check_size((*input_array.shape[:-2], *(n + 2 * zp for n in input_array.shape[-2:])), "zp")
    return frame(input_array, zp, zp)


def frame(x: Array, rows: int, columns: int) -> Array:
    """Put zeros around the last two axes, or remove rows and columns if the number is negative."""
    x = x[..., max(-rows, 0) : x.shape[-2] + min(rows, 0), max(-columns, 0) : x.shape[-1] + min(columns, 0)]
    rows, columns = max(rows, 0), max(columns, 0)
    framed = np.zeros((*x.shape[:-2], x.shape[-2] + 2 * rows, x.shape[-1] + 2 * columns))
    framed[..., rows : rows + x.shape[-2], columns : columns + x.shape[-1]] = x
    return framed


def conv(input_array: Array, kernel_array: Array, output_array: Array, stride: int, bias: float) -> None:
    """Cross-correlate (H, W) or (C, H, W) with one kernel of as many axes, into output_array (OH, OW)."""
    x = as_array(input_array, "input_array", "float64")
    kernel = as_array(kernel_array, "kernel_array", "float64")
    if x.ndim not in (2, 3) or kernel.ndim != x.ndim or kernel.shape[:-2] != x.shape[:-2]:
        raise ValueError(
            f"input_array and kernel_array must both be (H, W) or both (C, H, W); received {x.shape} and {kernel.shape}"
        )
    if _writable(output_array, "output_array").ndim != 2:
        raise ValueError(f"output_array must have shape (OH, OW); received {output_array.shape}")
    height, width = kernel.shape[-2:]
    most = tuple(windows(n, m, 0, stride, axis=axis, what="kernel") for n, m, axis in zip(
        x.shape[-2:], kernel.shape[-2:], ("height", "width"), strict=True))  # fmt: skip
    rows, columns = output_array.shape
    if rows > most[0] or columns > most[1]:
        raise ValueError(f"output_array must be at most {most}; received {output_array.shape}")
    bias = as_number(bias, "bias", -np.inf)
    if get_patch is not _FUNCTIONS[0]:
        for i, j in np.ndindex(rows, columns):
            output_array[i, j] = (get_patch(input_array, i, j, width, height, stride) * kernel).sum() + bias
        return
    channels, kernels = x.reshape(-1, *x.shape[-2:]), kernel.reshape(-1, height, width)
    plane, row, column = channels.strides
    patches = np.lib.stride_tricks.as_strided(
        channels, (len(channels), rows, columns, height, width), (plane, row * stride, column * stride, row, column),
        writeable=False,
    )  # fmt: skip
    output_array[...] = np.einsum("cijkl,ckl->ij", patches, kernels) + bias


def _writable(array: Any, name: str) -> Array:
    if not (isinstance(array, np.ndarray) and array.flags.writeable):
        raise TypeError(f"{name} must be an array to write into; received {array!r}")
    return array


def _functions() -> tuple[Any, ...]:
    return get_patch, get_max_index, element_wise_op, padding, conv


_FUNCTIONS = _functions()


def functions_as_written() -> bool:
    """Return whether the functions of `fastdl.compat.cnn` have not been replaced."""
    return _functions() == _FUNCTIONS
