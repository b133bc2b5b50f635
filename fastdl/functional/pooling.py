"""Pooling of windows."""

from __future__ import annotations

from typing import Any

from .. import _core
from .._threads import get_num_threads
from .._types import Array, ArrayLike
from .._validation.arrays import as_array, as_ranked, precision
from .._validation.values import as_pair
from ._layers import Pair


def max_pool2d(x: ArrayLike, size: Pair, stride: Pair | None = None) -> Array:
    """Return the largest value of each window (article 4).

    Parameters
    ----------
    x : array_like, shape (N, C, H, W)
    size : int or (int, int)
    stride : int or (int, int), optional
        The size where not given.

    Returns
    -------
    ndarray, shape (N, C, (H - size) // stride + 1, (W - size) // stride + 1)
    """
    return _pool(x, size, stride, largest=True)


def max_pool2d_backward(dy: ArrayLike, x: ArrayLike, size: Pair, stride: Pair | None = None) -> Array:
    """Return each window's gradient to the first place, row by row, that holds its largest value.

    Parameters
    ----------
    dy : array_like, shape (N, C, OH, OW)
    x : array_like, shape (N, C, H, W)
    size, stride
        As for `max_pool2d`.

    Returns
    -------
    ndarray, shape (N, C, H, W)
        Where windows overlap, their gradients add.
    """
    return _pool_backward(dy, x, size, stride, largest=True)


def mean_pool2d(x: ArrayLike, size: Pair, stride: Pair | None = None) -> Array:
    """Return the mean of each window (article 4).

    Parameters
    ----------
    x : array_like, shape (N, C, H, W)
    size : int or (int, int)
    stride : int or (int, int), optional
        The size where not given.

    Returns
    -------
    ndarray, shape (N, C, (H - size) // stride + 1, (W - size) // stride + 1)
    """
    return _pool(x, size, stride, largest=False)


def mean_pool2d_backward(dy: ArrayLike, x: ArrayLike, size: Pair, stride: Pair | None = None) -> Array:
    """Share each window's gradient out evenly.

    Parameters
    ----------
    dy : array_like, shape (N, C, OH, OW)
    x : array_like, shape (N, C, H, W)
    size, stride
        As for `mean_pool2d`.

    Returns
    -------
    ndarray, shape (N, C, H, W)
    """
    return _pool_backward(dy, x, size, stride, largest=False)


def _pool(x: Any, size: Pair, stride: Pair | None, *, largest: bool) -> Array:
    x, kernel, stride, output = _windows(x, size, stride)
    core = _core.load(precision(x))
    return core.pool(x, largest, kernel, stride, output, get_num_threads())  # type: ignore[no-any-return]


def _pool_backward(dy: Any, x: Any, size: Pair, stride: Pair | None, *, largest: bool) -> Array:
    x, kernel, stride, output = _windows(x, size, stride)
    dtype = precision(x)
    dy = as_array(dy, "dy", dtype)
    if dy.shape != (*x.shape[:2], *output):
        raise ValueError(f"dy must have shape {(*x.shape[:2], *output)}; received {dy.shape}")
    core = _core.load(dtype)
    return core.pool_back(x, dy, largest, kernel, stride, get_num_threads())  # type: ignore[no-any-return]


def _windows(
    x: Any, size: Pair, stride: Pair | None
) -> tuple[Array, tuple[int, int], tuple[int, int], tuple[int, int]]:
    """Return images, and of their windows the size, the stride and how many there are, each (height, width)."""
    x = as_ranked(x, "x", 4, "(N, C, H, W)")
    kh, kw = as_pair(size, "size")
    sh, sw = (kh, kw) if stride is None else as_pair(stride, "stride")
    h, w = x.shape[2:]
    if h < kh or w < kw:
        raise ValueError(f"size must fit into the input of {h} x {w}; received {kh} x {kw}")
    return x, (kh, kw), (sh, sw), ((h - kh) // sh + 1, (w - kw) // sw + 1)
