"""Article 1: the perceptron, small enough for plain Python numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .._validation import as_array, as_int, as_number, as_ranked
from ._checks import as_rows, as_vector

__all__ = ["Perceptron"]


class Perceptron:
    """One neuron, trained by the perceptron rule.

    Parameters
    ----------
    input_num : int
        Inputs.
    activator : callable
        From the weighted input, a number, to the output.

    Attributes
    ----------
    weights : list of float
    bias : float
    """

    def __init__(self, input_num: int, activator: Callable[[float], float]) -> None:
        if not callable(activator):
            raise TypeError(f"activator must be a function of one number; received {activator!r}")
        self.activator = activator
        self.weights = [0.0] * as_int(input_num, "input_num")
        self.bias = 0.0

    def __str__(self) -> str:
        return f"weights\t:{self.weights}\nbias\t:{self.bias:f}\n"

    def predict(self, input_vec: Sequence[float]) -> float:
        """Give the activator of the weighted sum of the inputs and the bias."""
        return self._output(self._inputs(input_vec))

    def train(
        self, input_vecs: Iterable[Sequence[float]], labels: Iterable[float], iteration: int, rate: float
    ) -> None:
        """Correct the weights by each sample in turn: w += rate (label - output) x.

        Parameters
        ----------
        input_vecs : sequence of vectors
        labels : sequence of numbers
        iteration : int
            How often to go through all samples.
        rate : float
        """
        inputs = as_array(as_rows(input_vecs, "input_vecs", len(self.weights)), "input_vecs", "float64").tolist()
        targets = as_ranked(labels, "labels", 1, "(N,)", "float64").tolist()
        if len(inputs) != len(targets):
            raise ValueError(f"labels must be as many as input_vecs, {len(inputs)}; received {len(targets)}")
        rate = as_number(rate, "rate")
        for _ in range(as_int(iteration, "iteration", least=0)):
            for x, label in zip(inputs, targets, strict=True):
                step = rate * (label - self._output(x))
                self.weights = [w + step * value for w, value in zip(self.weights, x, strict=True)]
                self.bias += step

    def _inputs(self, input_vec: Any) -> list[float]:
        return as_vector(input_vec, "input_vec", len(self.weights)).tolist()  # type: ignore[no-any-return]

    def _output(self, x: list[float]) -> float:
        return self.activator(sum(w * value for w, value in zip(self.weights, x, strict=True)) + self.bias)
