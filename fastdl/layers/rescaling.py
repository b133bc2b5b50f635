"""The layer that rescales numbers linearly."""

from __future__ import annotations

from .._core.graph import Tensor
from .._core.kinds import MOST_SCALE
from .._validation.values import as_number
from .base import Layer


class Rescaling(Layer):
    """y = scale x + offset, such as ``Rescaling(1 / 255)`` for images of bytes.

    Parameters
    ----------
    scale, offset : float

    Notes
    -----
    x and y (N, F), (N, T, F) or (N, C, H, W).
    """

    def __init__(self, scale: float, offset: float = 0.0) -> None:
        super().__init__()
        self.scale: float = as_number(scale, "scale", -MOST_SCALE, MOST_SCALE)
        self.offset: float = as_number(offset, "offset", -MOST_SCALE, MOST_SCALE)

    def operations(self, x: Tensor) -> Tensor:  # noqa: D102
        return x.then("rescale", scale=self.scale, added=self.offset)
