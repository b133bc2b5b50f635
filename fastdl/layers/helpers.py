"""What layers check of their samples' shapes and arguments, and how their weights start."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import initializers
from .._types import Shape
from .._validation.values import as_choice
from .base import Layer


def image_shape(layer: Layer, shape: Shape) -> tuple[int, int, int]:
    """Give (C, H, W), which the layer needs."""
    if len(shape) != 3:
        raise ValueError(f"input_shape of {type(layer).__name__} must be (C, H, W); received {shape}")
    return shape[0], shape[1], shape[2]


def check_initializer(initializer: Any, name: str = "initializer") -> str:
    """Give an initializer's name."""
    return as_choice(initializer, name, initializers.__all__)


def sequence_shape(layer: Layer, shape: Shape) -> tuple[Any, int]:
    """Give (T, F), which the layer needs."""
    if len(shape) != 2:
        hint = " (a recurrent layer before it would need return_sequences=True)" if len(shape) == 1 else ""
        raise ValueError(f"input_shape of {type(layer).__name__} must be (T, F); received {shape}{hint}")
    return shape[0], shape[1]


def start_weights(layer: Layer, initializer: str, fan_in: int, fan_out: int, rng: np.random.Generator) -> None:
    """Draw the weights; biases start at zero."""
    weight = layer.params["weight"]
    weight[...] = getattr(initializers, initializer)(weight.shape, fan_in, fan_out, rng)
    layer.params["bias"][...] = 0
