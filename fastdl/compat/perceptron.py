"""Article 1: the perceptron, small enough for plain Python numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from operator import add, mul
from typing import Any

from .._validation.arrays import as_array, as_ranked
from .._validation.values import as_int, as_number
from ._checks import as_numbers, as_rows, as_sequence

__all__ = ["Perceptron", "VectorOp"]

Activator = Callable[[float], float]


class VectorOp:
    """Sums and products of vectors, as lists of numbers."""

    @staticmethod
    def dot(x: Sequence[float], y: Sequence[float]) -> float:
        """Return the sum of the products, element by element."""
        return reduce(add, VectorOp.element_multiply(x, y), 0.0)  # sum() rounds otherwise from Python 3.12 on

    @staticmethod
    def element_multiply(x: Sequence[float], y: Sequence[float]) -> list[float]:
        """Return the products, element by element."""
        return list(map(mul, x, y))

    @staticmethod
    def element_add(x: Sequence[float], y: Sequence[float]) -> list[float]:
        """Return the sums, element by element."""
        return list(map(add, x, y))

    @staticmethod
    def scala_multiply(v: Sequence[float], s: float) -> list[float]:
        """Multiply each element by a number."""
        return [value * s for value in v]


class Perceptron:
    """One neuron, trained by the perceptron rule.

    Parameters
    ----------
    input_num : int
        The number of inputs.
    activator : callable
        The function from the weighted input, a number, to the output.
    activator_fun : callable
        Another name for ``activator``.

    Attributes
    ----------
    weights : list of float
    bias : float
    """

    def __init__(
        self, input_num: int, activator: Activator | None = None, activator_fun: Activator | None = None
    ) -> None:
        if activator is None:
            activator = activator_fun
        elif activator_fun is not None:
            raise TypeError("activator and activator_fun are one argument; received both")
        if not callable(activator):
            raise TypeError(f"activator must be a function of one number; received {activator!r}")
        self.activator = activator
        self.weights = [0.0] * as_int(input_num, "input_num")
        self.bias = 0.0

    def __str__(self) -> str:
        return f"weights\t:{self.weights}\nbias\t:{self.bias:f}\n"

    def predict(self, input_vec: Sequence[float]) -> float:
        """Return the activator of the weighted sum of the inputs and the bias."""
        numbers = as_numbers(input_vec, "input_vec", len(self.weights))
        return self.activator(VectorOp.dot(numbers, self.weights) + self.bias)

    def train(self, input_vecs: Any, labels: Any, iteration: int, rate: float) -> None:
        """Correct the weights by each sample in turn: w += rate (label - output) x.

        Parameters
        ----------
        input_vecs : sequence of vectors
        labels : sequence of numbers
        iteration : int
            The number of passes over all samples.
        rate : float
        """
        inputs = as_array(as_rows(input_vecs, "input_vecs", len(self.weights)), "input_vecs", "float64")
        targets = as_ranked(labels, "labels", 1, "(N,)", "float64")
        if len(inputs) != len(targets):
            raise ValueError(f"labels must be as many as input_vecs, {len(inputs)}; received {len(targets)}")
        rate = as_number(rate, "rate")
        if not isinstance(labels, list | tuple):
            labels = targets.tolist()
        for _ in range(as_int(iteration, "iteration", least=0)):
            self._one_iteration(as_sequence(input_vecs), labels, rate)

    def _one_iteration(self, input_vecs: Any, labels: Any, rate: float) -> None:
        """Go through all samples once."""
        for input_vec, label in zip(input_vecs, labels, strict=True):
            self._update_weights(input_vec, self.predict(input_vec), label, rate)

    def _update_weights(self, input_vec: Sequence[float], output: float, label: float, rate: float) -> None:
        """Correct weights and bias by one sample."""
        step = rate * (label - output)
        numbers = as_numbers(input_vec, "input_vec", len(self.weights))
        self.weights = VectorOp.element_add(self.weights, VectorOp.scala_multiply(numbers, step))
        self.bias += step
