"""Checks of batches of samples, with their lengths and labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from math import prod
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from .. import _core
from .._types import Array, Shape
from .arrays import as_array, as_real
from .shapes import fits

if TYPE_CHECKING:
    from .._core.reading import Tokens

_PART = 1 << 20  # numbers that are checked, and maybe copied, at a time
Checked = TypeVar("Checked")


def as_samples(x: Any, name: str, shape: Shape, dtype: str) -> Array:
    """Return a batch (N, *shape)."""
    if _core.load(dtype).is_ready(x, shape):
        ready: Array = x
        return ready
    array = as_array(x, name, dtype)
    _check_shape(array, name, shape)
    return array


def _check_shape(array: Array, name: str, shape: Shape) -> None:
    if array.ndim == 0 or not fits(array.shape[1:], shape):
        expected, hint = ", ".join("T" if n is None else str(n) for n in shape), _hint(array, name, shape)
        raise ValueError(f"{name} must have shape (N,{' ' if shape else ''}{expected}); received {array.shape}{hint}")


def _hint(array: Array, name: str, shape: Shape) -> str:
    """Say how to bring images into the expected axes: in rows, or with channels first."""
    if len(shape) == 1 and array.ndim > 2 and (prod(array.shape[1:]),) == shape:
        return f": {name}.reshape(-1, {shape[0]}), or a network of input_shape {array.shape[1:]} with a Flatten first"
    if len(shape) != 3:
        return ""
    if array.shape[1:] == (*shape[1:], shape[0]):
        return f", channels last: {name}.transpose(0, 3, 1, 2)"
    return f", without channels: {name}[:, None]" if (1, *array.shape[1:]) == shape else ""


def as_stored(x: Any, name: str, shape: Shape, dtype: str) -> tuple[Array, bool]:
    """Return a batch, and whether its conversion to ``dtype`` waits, as do bytes and arrays mapped from a file.

    Such an array is not copied as a whole: it is checked, part by part, to be finite in ``dtype``.
    """
    of_bytes = type(x) is np.ndarray and x.itemsize == 1 and x.dtype == np.uint8
    if not of_bytes and type(x) is not np.memmap:
        return as_samples(x, name, shape, dtype), False
    array = as_real(x, name)
    if not array.size:
        raise ValueError(f"{name} must not be empty; received shape {array.shape}")
    _check_shape(array, name, shape)
    if array.dtype == dtype and array.flags.c_contiguous and array.flags.aligned:
        return as_array(array, name, dtype), False
    for rows in in_parts(array) if array.dtype.kind == "f" else ():
        as_array(rows, name, dtype)
    return array, True


def in_parts(array: Array) -> Iterator[Array]:
    """Return rows of an array, some at a time, so that copies stay small."""
    rows = max(1, _PART * len(array) // array.size)
    return (array[i : i + rows] for i in range(0, len(array), rows))


def as_images(x: Any, name: str, shape: Shape, dtype: str) -> tuple[Array, bool]:
    """Return a batch of images, and whether it is (N, H, W, C): a view of memory with channels last is not copied."""
    if _core.load(dtype).is_ready(x, shape):
        return x, False
    if isinstance(x, np.ndarray) and x.ndim == 4 and x.shape[1:] == shape and not x.flags.c_contiguous:
        last = x.transpose(0, 2, 3, 1)
        if last.flags.c_contiguous:
            return as_array(last, name, dtype), True
    return as_samples(x, name, shape, dtype), False


def check_tokens(x: Array, name: str, tokens: Sequence[Tokens]) -> None:
    """Check that a batch holds token ids wherever an embedding reads it."""
    for places, vocabulary in tokens:
        for part in in_parts(x):
            ids = part if places is None else part.reshape(len(part), -1)[:, places]
            low, high = ids.min(), ids.max()
            if low < 0 or high >= vocabulary:
                raise ValueError(f"{name} must hold token ids from 0 to {vocabulary - 1}; received {low:g} to {high:g}")
            others = ids[ids != np.floor(ids)]
            if len(others):
                raise ValueError(f"{name} must hold token ids, integers; received {others[0]:g}")


def as_lengths(lengths: Any, name: str, x: Array) -> Array:
    """Return int64 lengths (N,) of the sequences x (N, T, ...), from 1 to T.

    They are a copy, which nobody can change: the core indexes with them.
    """
    array = as_real(lengths, name)
    if array.dtype.kind not in "iu" or array.shape != x.shape[:1] or x.ndim < 2:
        raise ValueError(
            f"{name} must hold an integer for each of the {len(x)} sequences; "
            f"received shape {array.shape} of dtype {array.dtype} for samples of shape {x.shape[1:]}"
            + ("; of a mask, mask.sum(axis=1)" if array.shape == x.shape[:2] else "")
        )
    if array.min() < 1 or array.max() > x.shape[1]:
        raise ValueError(f"{name} must be from 1 to {x.shape[1]}; received {array.min()} to {array.max()}")
    return np.array(array, np.int64, order="C")


def checked_within(
    check: Callable[[Any], Checked], values: Any, lengths: Any, name: str, lengths_name: str = "lengths"
) -> Checked:
    """Check values of the steps of sequences, (N, T, ...); beyond the lengths they may be anything, such as NaN.

    If needed, these are set to zero in a copy.
    """
    with suppress(ValueError):
        return check(values)
    array = as_real(values, name)
    return check(within(array, _lengths_of(check, array, lengths, lengths_name)))


def check_parts_within(
    check: Callable[[Any], Any], values: Any, lengths: Any, name: str, lengths_name: str = "lengths"
) -> None:
    """Do this with some of the values at a time, as of an array that is mapped from a file."""
    array, first = as_real(values, name), 0
    lengths = _lengths_of(check, array, lengths, lengths_name)
    for part in in_parts(array):
        checked_within(check, np.asarray(part), lengths[first : first + len(part)], name)
        first += len(part)


def _lengths_of(check: Callable[[Any], Any], array: Array, lengths: Any, name: str) -> Array:
    """Return the lengths of sequences, unless zeros in their place would not pass either, for their shape."""
    try:
        return as_lengths(lengths, name, array)
    except ValueError:
        check(np.zeros(array.shape, array.dtype))
        raise


def within(x: Array, lengths: Array) -> Array:
    """Return a copy with zeros beyond the lengths."""
    mask = np.arange(x.shape[1]) < lengths[:, None]
    return np.where(mask.reshape(*mask.shape, *[1] * (x.ndim - 2)), x, x.dtype.type(0))


def as_labels(y: Any, name: str, classes: int, dtype: str) -> Array:
    """Return a copy of labels from 0 to ``classes`` - 1, as int64: the core of ``dtype`` indexes with them."""
    labels = np.array(y, np.int64, order="C")
    if not _core.load(dtype).are_labels(labels, classes):
        raise ValueError(f"{name} must hold labels from 0 to {classes - 1}; received {np.min(y)} to {np.max(y)}")
    return labels
