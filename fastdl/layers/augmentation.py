"""Data augmentation: layers that change each image at random in training, and pass it on otherwise.

Their random numbers depend on the network's seed, but not on the number of threads. Gradients are those of the changes.
"""

from __future__ import annotations

from typing import Any

from .._core.graph import Tensor
from .._core.kinds import RATIOS
from .._validation.values import as_flag, as_number, as_pair
from .base import Layer
from .sample_shapes import image_shape


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
        self.pixels: tuple[int, int] = as_pair(pixels, "pixels", least=0)

    def operations(self, x: Tensor) -> Tensor:  # noqa: D102
        image_shape(self, x.shape)
        return x.then("shift", padding=self.pixels)


class RandomFlip(Layer):
    """In training, mirrors each image with a probability of one half, on each of the chosen axes.

    Parameters
    ----------
    horizontal : bool
        Whether to swap left and right.
    vertical : bool
        Whether to swap top and bottom.

    Notes
    -----
    x and y (N, C, H, W).
    """

    def __init__(self, *, horizontal: bool = True, vertical: bool = False) -> None:
        super().__init__()
        self.horizontal, self.vertical = as_flag(horizontal, "horizontal"), as_flag(vertical, "vertical")
        if not (self.horizontal or self.vertical):
            raise ValueError("horizontal or vertical must be True; received False for both")

    def operations(self, x: Tensor) -> Tensor:  # noqa: D102
        image_shape(self, x.shape)
        return x.then("flip", horizontal=self.horizontal, vertical=self.vertical)


class RandomRotation(Layer):
    """In training, rotates each image about its centre by a random angle, filling with zeros.

    Parameters
    ----------
    degrees : float
        The largest angle in either direction, up to 180; all angles are equally likely.

    Notes
    -----
    x and y (N, C, H, W). Between pixels it interpolates bilinearly.
    """

    def __init__(self, degrees: float) -> None:
        super().__init__()
        self.degrees: float = as_number(degrees, "degrees", high=180)

    def operations(self, x: Tensor) -> Tensor:  # noqa: D102
        image_shape(self, x.shape)
        return x.then("rotate", degrees=self.degrees)


class RandomErasing(Layer):
    """In training, sets a random rectangle of an image to zero, with a probability (Zhong et al. 2020).

    Parameters
    ----------
    rate : float
        The probability.
    area : (float, float)
        The smallest and the largest share of the image's area; all shares in between are equally likely.
    ratio : (float, float)
        The smallest and the largest ratio of height to width, uniform in its logarithm.

    Notes
    -----
    x and y (N, C, H, W). Sizes are whole pixels; a rectangle that is higher or wider than the image is cut to it.
    """

    def __init__(
        self, rate: float = 0.5, *, area: tuple[float, float] = (0.02, 0.33), ratio: tuple[float, float] = (0.3, 3.3)
    ) -> None:
        super().__init__()
        self.rate: float = as_number(rate, "rate", high=1.0)
        self.area, self.ratio = _interval(area, "area", 0.0, 1.0), _interval(ratio, "ratio", *RATIOS)

    def operations(self, x: Tensor) -> Tensor:  # noqa: D102
        image_shape(self, x.shape)
        return x.then("erase", rate=self.rate, area=self.area, ratio=self.ratio)


def _interval(values: Any, name: str, low: float, high: float) -> tuple[float, float]:
    if not isinstance(values, (tuple, list)) or len(values) != 2:
        raise ValueError(f"{name} must be two numbers, the least and the most; received {values!r}")
    least = as_number(values[0], name, low, high)
    return least, as_number(values[1], name, least, high)
