"""Activations of arrays of any shape."""

from __future__ import annotations

from typing import Any

from .. import _core
from .._types import Array
from .._validation.arrays import as_array
from ..layers.base import check_activation


def identity(x: Any) -> Array:
    """Give a copy of x, of any shape."""
    return _activate("identity", x)


def relu(x: Any) -> Array:
    """Give max(0, x) of each element of x, of any shape."""
    return _activate("relu", x)


def sigmoid(x: Any) -> Array:
    """Give 1 / (1 + exp(-x)) of each element of x, of any shape."""
    return _activate("sigmoid", x)


def tanh(x: Any) -> Array:
    """Give the hyperbolic tangent of each element of x, of any shape."""
    return _activate("tanh", x)


def softmax(x: Any) -> Array:
    """Give exp(x) over its sum along the last axis; x of any shape (..., F)."""
    return _activate("softmax", x)


def activation_backward(dy: Any, y: Any, name: str) -> Array:
    """Give the gradient with respect to an activation's input.

    Parameters
    ----------
    dy : array_like
        The gradient with respect to the activation's output.
    y : array_like, of dy's shape
        That output.
    name : str
        identity, relu, sigmoid, tanh or softmax.

    Returns
    -------
    ndarray, of dy's shape
    """
    name = check_activation(name, "name")
    y = as_array(y, "y")
    dy = as_array(dy, "dy", y.dtype.name)
    if dy.shape != y.shape:
        raise ValueError(f"dy must have the shape of y, {y.shape}; received {dy.shape}")
    rows = _rows(y)
    return _core.load(y.dtype.name).activation_backward(name, dy.reshape(rows.shape), rows).reshape(y.shape)  # type: ignore[no-any-return]


def _rows(x: Array) -> Array:
    return x.reshape(-1, x.shape[-1]) if x.ndim else x.reshape(1, 1)


def _activate(name: str, x: Any) -> Array:
    x = as_array(x, "x")
    return _core.load(x.dtype.name).activation_forward(name, _rows(x)).reshape(x.shape)  # type: ignore[no-any-return]
