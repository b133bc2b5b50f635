"""Layers made from the parameters that a function receives."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._types import Array
from .._validation.arrays import as_array, precision
from ..layers import Layer

Pair = int | tuple[int, int]


def alike(x: Array, weight: Array) -> tuple[Array, Array]:
    """Return both in one dtype, float64 where one of them has it."""
    dtype = np.promote_types(x.dtype, weight.dtype)
    return x.astype(dtype, copy=False), weight.astype(dtype, copy=False)


def with_parameters(layer: Layer, x: Array, weight: Array, bias: Any) -> Layer:
    """Build a layer for samples like those of x, with these parameters."""
    layer.allocate(x.shape[1:], dtype=precision(x))
    layer.params["weight"][...] = weight
    if bias is not None:
        bias = as_array(bias, "bias", precision(x))
        if bias.shape != (len(weight),):
            raise ValueError(f"bias must have shape ({len(weight)},); received {bias.shape}")
        layer.params["bias"][...] = bias
    return layer


def gradients_of(layer: Layer, x: Array, dy: Any) -> tuple[Array, Array, Array]:
    """Return the gradients of the input, the weight and the bias."""
    layer.forward(x)
    dx = np.ascontiguousarray(layer.backward(dy))  # its memory may be channels last, like that of dy
    return dx, np.ascontiguousarray(layer.grads["weight"]), layer.grads["bias"]
