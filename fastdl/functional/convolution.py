"""Convolutions, and the operations that they consist of."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from .._threads import get_num_threads
from .._types import Array, ArrayLike
from .._validation.arrays import as_contiguous, as_ranked, check_rank, precision
from .._validation.shapes import check_size
from .._validation.values import as_pair
from ..layers import Conv2D, Layer
from ._layers import Pair, alike, gradients_of, with_parameters


def cross_correlate2d(
    x: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None, *, stride: Pair = 1, padding: Pair = 0
) -> Array:
    """Cross-correlate images with kernels, which are not flipped (article 4).

    y[n, o, i, j] = bias[o] + sum over c, k, l of x[n, c, i sh + k, j sw + l] weight[o, c, k, l]

    Parameters
    ----------
    x : array_like, shape (N, C, H, W)
    weight : array_like, shape (O, C, KH, KW)
    bias : array_like, shape (O,), optional
    stride, padding : int or (int, int)

    Returns
    -------
    ndarray, shape (N, O, OH, OW)
        With OH = (H + 2 padding - KH) // stride + 1.
    """
    x, layer = _convolution(x, weight, bias, stride, padding)
    return layer.forward(x)


def cross_correlate2d_backward(
    dy: ArrayLike, x: ArrayLike, weight: ArrayLike, *, stride: Pair = 1, padding: Pair = 0
) -> tuple[Array, Array, Array]:
    """Return the gradients of `cross_correlate2d`.

    Parameters
    ----------
    dy : array_like, shape (N, O, OH, OW)
        The gradient with respect to the output.
    x : array_like, shape (N, C, H, W)
    weight : array_like, shape (O, C, KH, KW)
    stride, padding : int or (int, int)

    Returns
    -------
    dx : ndarray, shape (N, C, H, W)
    dweight : ndarray, shape (O, C, KH, KW)
    dbias : ndarray, shape (O,)
    """
    x, layer = _convolution(x, weight, None, stride, padding)
    return gradients_of(layer, x, dy)


def im2col(x: ArrayLike, kernel_size: Pair, *, stride: Pair = 1, padding: Pair = 0) -> Array:
    """Copy every receptive field to a column.

    Parameters
    ----------
    x : array_like, shape (N, C, H, W)
    kernel_size, stride, padding : int or (int, int)

    Returns
    -------
    ndarray, shape (N, C * KH * KW, OH * OW)
        Rows in the order of channel, row and column of the kernel.
    """
    x = as_ranked(x, "x", 4, "(N, C, H, W)")
    kernel, stride, padding, size = _fields(x.shape[2:], kernel_size, stride, padding)
    check_size((x.shape[1], *kernel, *size), "kernel_size and padding")
    core = _core.load(precision(x))
    return core.im2col(x, kernel, stride, padding, size, get_num_threads())  # type: ignore[no-any-return]


def col2im(columns: ArrayLike, input_size: Pair, kernel_size: Pair, *, stride: Pair = 1, padding: Pair = 0) -> Array:
    """Add every column to the receptive field that it belongs to: the adjoint of `im2col`.

    Parameters
    ----------
    columns : array_like, shape (N, C * KH * KW, OH * OW)
    input_size : int or (int, int)
        (H, W) of the images.
    kernel_size, stride, padding : int or (int, int)

    Returns
    -------
    ndarray, shape (N, C, H, W)
    """
    columns = as_ranked(columns, "columns", 3, "(N, C * KH * KW, OH * OW)")
    h, w = as_pair(input_size, "input_size")
    (kh, kw), (sh, sw), (ph, pw), (oh, ow) = _fields((h, w), kernel_size, stride, padding)
    samples, rows, pixels = columns.shape
    if rows % (kh * kw) or pixels != oh * ow:
        raise ValueError(f"columns must have shape (N, C * {kh * kw}, {oh * ow}); received {columns.shape}")
    fields = columns.reshape(samples, rows // (kh * kw), kh, kw, oh, ow)
    padded = _core.load(precision(columns)).col2im(fields, h + 2 * ph, w + 2 * pw, sh, sw)
    return np.ascontiguousarray(padded[:, :, ph : ph + h, pw : pw + w])


def expand_sensitivity_map(delta: ArrayLike, stride: Pair, size: Pair | None = None) -> Array:
    """Spread a sensitivity map of any stride out to what stride 1 would give, with zeros between (article 4).

    Parameters
    ----------
    delta : array_like, shape (N, C, OH, OW)
    stride : int or (int, int)
    size : int or (int, int), optional
        (EH, EW) of the result, at least ((OH - 1) sh + 1, (OW - 1) sw + 1), which it is where not given.

    Returns
    -------
    ndarray, shape (N, C, EH, EW)
        delta[n, c, i, j] at [n, c, i sh, j sw].
    """
    delta = as_contiguous(delta, "delta")  # the core checks that it is finite
    check_rank(delta, "delta", 4, "(N, C, OH, OW)")
    sh, sw = as_pair(stride, "stride")
    least = (delta.shape[2] - 1) * sh + 1, (delta.shape[3] - 1) * sw + 1
    h, w = least if size is None else as_pair(size, "size")
    if h < least[0] or w < least[1]:
        raise ValueError(f"size must be at least {least}; received {(h, w)}")
    check_size((*delta.shape[1:2], h, w), "stride and size")
    core = _core.load(precision(delta))
    return core.expand(delta, (sh, sw), (h, w), get_num_threads())  # type: ignore[no-any-return]


def _convolution(x: Any, weight: Any, bias: Any, stride: Pair, padding: Pair) -> tuple[Array, Layer]:
    x, weight = alike(as_ranked(x, "x", 4, "(N, C, H, W)"), as_ranked(weight, "weight", 4, "(O, C, KH, KW)"))
    if weight.shape[1] != x.shape[1]:
        raise ValueError(f"weight must have shape (O, {x.shape[1]}, KH, KW); received {weight.shape}")
    kernel = weight.shape[2], weight.shape[3]
    layer = Conv2D(len(weight), kernel, stride=stride, padding=padding)
    return x, with_parameters(layer, x, weight, bias)


def _fields(shape: tuple[int, ...], kernel_size: Pair, stride: Pair, padding: Pair) -> tuple[tuple[int, int], ...]:
    """Return kernel, stride, padding and output size, each (height, width)."""
    kernel, stride = as_pair(kernel_size, "kernel_size"), as_pair(stride, "stride")
    padding = as_pair(padding, "padding", least=0)
    check_size((shape[0] + 2 * padding[0], shape[1] + 2 * padding[1]), "padding")
    oh, ow = ((shape[i] + 2 * padding[i] - kernel[i]) // stride[i] + 1 for i in (0, 1))
    if oh < 1 or ow < 1:
        raise ValueError(f"kernel_size must fit into the padded input of {shape} and {padding}; received {kernel}")
    return kernel, stride, padding, (oh, ow)
