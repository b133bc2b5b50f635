"""Article 2: the linear unit, trained by stochastic gradient descent."""

from __future__ import annotations

from .perceptron import Perceptron

__all__ = ["LinearUnit"]


class LinearUnit(Perceptron):
    """A perceptron whose output is the weighted input itself: a line, a plane.

    The perceptron's rule is then the gradient of half the squared error, so that `train` is gradient descent.

    Parameters
    ----------
    input_num : int
        The number of inputs.
    """

    def __init__(self, input_num: int) -> None:
        super().__init__(input_num, lambda x: x)
