"""The dropout layer."""

from __future__ import annotations

from typing import Any

from .._types import Shape
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
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = as_number(rate, "rate", high=MOST_DROPPED)

    def _output_shape(self, shape: Shape) -> Shape:
        return shape

    def _operations(self, shape: Shape, offset: int) -> list[dict[str, Any]]:
        return [{"kind": "dropout", "output_shape": shape, "rate": self.rate}]
