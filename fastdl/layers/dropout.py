"""Layers that are random in training: dropout and noise."""

from __future__ import annotations

from .._core.graph import Tensor
from .._core.kinds import MOST_DROPPED, MOST_SCALE
from .._validation.values import as_number
from .base import Layer


class Dropout(Layer):
    """In training, sets each number to zero with a given probability, and divides the others by 1 - rate.

    Outside training it does nothing (Srivastava et al. 2014).

    Parameters
    ----------
    rate : float
        The probability, from 0 to below 1, in steps of 2^-16.

    Notes
    -----
    x and y (N, F), (N, T, F) or (N, C, H, W).
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate: float = as_number(rate, "rate", high=MOST_DROPPED)

    def operations(self, x: Tensor) -> Tensor:  # noqa: D102
        return x.then("dropout", rate=self.rate)


class GaussianNoise(Layer):
    """In training, adds a random number from a normal distribution to each number; otherwise it does nothing.

    Parameters
    ----------
    stddev : float
        The standard deviation.

    Notes
    -----
    x and y (N, F), (N, T, F) or (N, C, H, W). The noise follows the network's seed, whatever the number of threads.
    """

    def __init__(self, stddev: float) -> None:
        super().__init__()
        self.stddev: float = as_number(stddev, "stddev", high=MOST_SCALE)

    def operations(self, x: Tensor) -> Tensor:  # noqa: D102
        return x.then("noise", stddev=self.stddev)
