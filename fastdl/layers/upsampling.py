"""The layer that upsamples images."""

from __future__ import annotations

from .._core.graph import Tensor
from .._validation.values import as_choice, as_pair
from .base import Layer
from .sample_shapes import image_shape


class UpSample2D(Layer):
    """Enlarge images by integer factors.

    Parameters
    ----------
    size : int or (int, int)
        The factors of height and width.
    interpolation : {"nearest", "bilinear"}
        "nearest" repeats each pixel in a block; "bilinear" interpolates between the centres of pixels, as PyTorch does
        with ``align_corners=False``.

    Notes
    -----
    x (N, C, H, W), y (N, C, H size, W size).
    """

    def __init__(self, size: int | tuple[int, int] = 2, interpolation: str = "nearest") -> None:
        super().__init__()
        self.size: tuple[int, int] = as_pair(size, "size")
        self.interpolation: str = as_choice(interpolation, "interpolation", ("nearest", "bilinear"))

    def operations(self, x: Tensor) -> Tensor:  # noqa: D102
        image_shape(self, x.shape)
        return x.then("upsample", size=self.size, bilinear=self.interpolation == "bilinear")
