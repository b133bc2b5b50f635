"""Activation as a layer of its own."""

from __future__ import annotations

from typing import Any

from .base import Layer, check_activation


class Activation(Layer):
    """An activation of every element; softmax works over the features of (N, F) or (N, T, F).

    Parameters
    ----------
    name : str
        identity, relu, sigmoid, tanh or softmax.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = check_activation(name, "name")

    def _output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if self.name == "softmax" and len(shape) == 3:
            raise ValueError(f"input_shape of a softmax must be (F,) or (T, F); received {shape}")
        return shape

    def _operations(self, shape: tuple[int, ...], offset: int) -> list[dict[str, Any]]:
        return [{"kind": "activation", "output_shape": shape, "activation": self.name}]
