"""The dropout layer."""

from __future__ import annotations

from .._core.graph import Tensor
from .._validation.values import as_number
from .base import Layer

MOST_DROPPED = 0.999


class Dropout(Layer):
    """In training, makes each number zero with a probability, and the others larger to make up for it.

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
        self.rate = as_number(rate, "rate", high=MOST_DROPPED)

    def operations(self, x: Tensor) -> Tensor:  # noqa: D102
        return x.then("dropout", rate=self.rate)
