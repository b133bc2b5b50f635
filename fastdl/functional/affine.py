"""Products with a matrix, of dense layers."""

from __future__ import annotations

from typing import Any

from .._types import Array, ArrayLike
from .._validation.arrays import as_ranked
from ..layers import Dense, Layer
from ._layers import alike, gradients_of, with_parameters


def dense(x: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None) -> Array:
    """Return x W^T + b.

    Parameters
    ----------
    x : array_like, shape (N, F)
    weight : array_like, shape (O, F)
    bias : array_like, shape (O,), optional

    Returns
    -------
    ndarray, shape (N, O)
    """
    x, layer = _dense(x, weight, bias)
    return layer.forward(x)


def dense_backward(dy: ArrayLike, x: ArrayLike, weight: ArrayLike) -> tuple[Array, Array, Array]:
    """Return the gradients of `dense`.

    Parameters
    ----------
    dy : array_like, shape (N, O)
    x : array_like, shape (N, F)
    weight : array_like, shape (O, F)

    Returns
    -------
    dx : ndarray, shape (N, F)
    dweight : ndarray, shape (O, F)
    dbias : ndarray, shape (O,)
    """
    x, layer = _dense(x, weight, None)
    return gradients_of(layer, x, dy)


def _dense(x: Any, weight: Any, bias: Any) -> tuple[Array, Layer]:
    x, weight = alike(as_ranked(x, "x", 2, "(N, F)"), as_ranked(weight, "weight", 2, "(O, F)"))
    if weight.shape[1] != x.shape[1]:
        raise ValueError(f"weight must have shape (O, {x.shape[1]}); received {weight.shape}")
    return x, with_parameters(Dense(len(weight)), x, weight, bias)
