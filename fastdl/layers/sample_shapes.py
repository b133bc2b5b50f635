"""Checks of the shapes of samples that a layer can read."""

from __future__ import annotations

from typing import Any

from .._core.shapes import features_of
from .._types import Shape
from .base import Layer


def image_shape(layer: Layer, shape: Shape) -> tuple[int, int, int]:
    """Check that samples are images, and give (C, H, W)."""
    if len(shape) != 3:
        raise ValueError(f"input_shape of {type(layer).__name__} must be (C, H, W); received {shape}")
    return shape[0], shape[1], shape[2]


def sequence_shape(layer: Layer, shape: Shape) -> tuple[Any, int]:
    """Check that samples are sequences, and give (T, F)."""
    if len(shape) != 2:
        hint = " (a recurrent layer before it would need return_sequences=True)" if len(shape) == 1 else ""
        raise ValueError(f"input_shape of {type(layer).__name__} must be (T, F); received {shape}{hint}")
    return shape[0], shape[1]


def check_features(layer: Layer, shape: Shape) -> None:
    """Check that the number of features is known."""
    if features_of(shape) is None:
        raise ValueError(f"input_shape of {type(layer).__name__} must have a number of features; received {shape}")
