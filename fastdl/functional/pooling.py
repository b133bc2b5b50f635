"""Pooling of windows."""

from __future__ import annotations

from typing import Any

from .. import _core
from .._threads import get_num_threads
from .._types import Array
from .._validation.arrays import as_ranked, precision
from .._validation.values import as_pair
from ..layers import MaxPool2D, MeanPool2D
from ._layers import Pair


def max_pool2d(x: Any, size: Pair, stride: Pair | None = None) -> Array:
    """Give the largest value of each window (article 4).

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


def max_pool2d_backward(dy: Any, x: Any, size: Pair, stride: Pair | None = None) -> Array:
    """Give each window's gradient to the first place, row by row, that holds its largest value.

    Parameters
    ----------
    dy : array_like, shape (N, C, OH, OW)
    x : array_like, shape (N, C, H, W)
    size, stride
        As of `max_pool2d`.

    Returns
    -------
    ndarray, shape (N, C, H, W)
        Where windows overlap, their gradients add.
    """
    return _pool_backward(MaxPool2D, dy, x, size, stride)


def mean_pool2d(x: Any, size: Pair, stride: Pair | None = None) -> Array:
    """Give the mean of each window (article 4).

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


def mean_pool2d_backward(dy: Any, x: Any, size: Pair, stride: Pair | None = None) -> Array:
    """Share each window's gradient out evenly.

    Parameters
    ----------
    dy : array_like, shape (N, C, OH, OW)
    x : array_like, shape (N, C, H, W)
    size, stride
        As of `mean_pool2d`.

    Returns
    -------
    ndarray, shape (N, C, H, W)
    """
    return _pool_backward(MeanPool2D, dy, x, size, stride)


def _pool(x: Any, size: Pair, stride: Pair | None, *, largest: bool) -> Array:
    x = as_ranked(x, "x", 4, "(N, C, H, W)")
    kh, kw = as_pair(size, "size")
    sh, sw = (kh, kw) if stride is None else as_pair(stride, "stride")
    h, w = x.shape[2:]
    if h < kh or w < kw:
        raise ValueError(f"size must fit into the input of {h} x {w}; received {kh} x {kw}")
    output = (h - kh) // sh + 1, (w - kw) // sw + 1
    core = _core.load(precision(x))
    return core.pool(x, largest, (kh, kw), (sh, sw), output, get_num_threads())  # type: ignore[no-any-return]


def _pool_backward(pool: type[MaxPool2D] | type[MeanPool2D], dy: Any, x: Any, size: Pair, stride: Pair | None) -> Array:
    x = as_ranked(x, "x", 4, "(N, C, H, W)")
    layer = pool(size, stride).build(x.shape[1:], dtype=x.dtype.name)
    layer.forward(x)
    return layer.backward(dy)
