"""Pooling of windows."""

from __future__ import annotations

from typing import Any

from .._types import Array
from .._validation.arrays import as_ranked
from ..layers import Layer, MaxPool2D, MeanPool2D
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
    return _pool(MaxPool2D, x, size, stride)[1]


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
    return _pool(MaxPool2D, x, size, stride)[0].backward(dy)


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
    return _pool(MeanPool2D, x, size, stride)[1]


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
    return _pool(MeanPool2D, x, size, stride)[0].backward(dy)


def _pool(pool: type[MaxPool2D] | type[MeanPool2D], x: Any, size: Pair, stride: Pair | None) -> tuple[Layer, Array]:
    x = as_ranked(x, "x", 4, "(N, C, H, W)")
    layer = pool(size, stride).build(x.shape[1:], dtype=x.dtype.name)
    return layer, layer.forward(x)
