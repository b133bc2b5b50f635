"""Layers that move numbers without computing."""

from __future__ import annotations

from math import prod
from typing import Any

from .._validation.values import as_pair
from .base import Layer, image_shape


class Flatten(Layer):
    """(N, C, H, W) as (N, C H W), rows of channels first, and (N, T, F) as (N, T F).

    Steps that do not count, where `lengths` are given, are zeros in it.
    """

    def _output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if None in shape:
            raise ValueError(f"input_shape of Flatten must be of known length; received {shape}")
        return (prod(shape),)

    def _operations(self, shape: tuple[int, ...], offset: int) -> list[dict[str, Any]]:
        return [{"kind": "flatten", "output_shape": self._output_shape(shape)}]


class RandomShift(Layer):
    """In training, moves each image by a random whole number of pixels on each axis, filling with zeros.

    Parameters
    ----------
    pixels : int or (int, int)
        The largest shift down or up, and right or left.
    """

    def __init__(self, pixels: int | tuple[int, int]) -> None:
        super().__init__()
        self.pixels = as_pair(pixels, "pixels", least=0)

    def _output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return image_shape(self, shape)

    def _operations(self, shape: tuple[int, ...], offset: int) -> list[dict[str, Any]]:
        return [{"kind": "shift", "output_shape": shape, "padding": self.pixels}]
