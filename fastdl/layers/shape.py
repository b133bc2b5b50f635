"""Layers that move numbers without computing."""

from __future__ import annotations

from .._core.graph import Tensor
from .._validation.values import as_pair
from .base import Layer
from .helpers import image_shape


class Flatten(Layer):
    """(N, C, H, W) as (N, C H W), rows of channels first, and (N, T, F) as (N, T F).

    Steps that do not count, where `lengths` are given, are zeros in it.
    """

    def operations(self, x: Tensor) -> Tensor:  # noqa: D102
        if None in x.shape:
            raise ValueError(f"input_shape of Flatten must be of known length; received {x.shape}")
        return x.then("flatten")


class RandomShift(Layer):
    """In training, moves each image by a random whole number of pixels on each axis, filling with zeros.

    Parameters
    ----------
    pixels : int or (int, int)
        The largest shift down or up, and right or left.

    Notes
    -----
    x and y (N, C, H, W).
    """

    def __init__(self, pixels: int | tuple[int, int]) -> None:
        super().__init__()
        self.pixels = as_pair(pixels, "pixels", least=0)

    def operations(self, x: Tensor) -> Tensor:  # noqa: D102
        image_shape(self, x.shape)
        return x.then("shift", padding=self.pixels)
