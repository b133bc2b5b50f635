"""Adapters that make metrics from functions of labels or of scores, such as scikit-learn's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._types import Array, ArrayLike
from .base import as_rows
from .choice import name_of


def of_labels(function: Callable[[Any, Any], float]) -> Callable[[ArrayLike, ArrayLike], float]:
    """Make a metric from a function of labels, such as ``sklearn.metrics.matthews_corrcoef``.

    Parameters
    ----------
    function : callable
        ``function(labels, predicted)``: the labels of the targets and those that the outputs predict, (n,). If a row
        has several yes-or-no answers, both are 0 and 1 in columns (n, F).

    Returns
    -------
    callable
        ``metric(targets, outputs)``, with the function's name.
    """
    return _Adapted(_of_labels, function)


def of_scores(function: Callable[[Any, Any], float]) -> Callable[[ArrayLike, ArrayLike], float]:
    """Make a metric from a function of scores, such as ``sklearn.metrics.average_precision_score``, or of numbers.

    Parameters
    ----------
    function : callable
        ``function(targets, scores)``: labels or numbers, and the outputs. With two classes the scores (n,) are those of
        class 1, with more they are (n, C); for one yes or no, or one number, both are (n,).

    Returns
    -------
    callable
        ``metric(targets, outputs)``, with the function's name.
    """
    return _Adapted(_of_scores, function)


class _Adapted:
    """A metric by an adapter of a function: an object, as no pickle holds a function made within another."""

    def __init__(self, adapter: Callable[..., float], function: Callable[[Any, Any], float]) -> None:
        self._adapter, self._function, self.__name__ = adapter, function, name_of(function)

    def __call__(self, targets: ArrayLike, outputs: ArrayLike) -> float:
        return self._adapter(self._function, *as_rows(targets, outputs))

    def __repr__(self) -> str:
        return f"metrics.{self._adapter.__name__[1:]}({self.__name__})"


def _of_labels(function: Callable[[Any, Any], float], targets: Array, outputs: Array) -> float:
    if targets.ndim == 1:
        return function(targets, outputs.argmax(axis=1))
    return function(_column(targets.astype(int)), _column((outputs > 0.5).astype(int)))


def _of_scores(function: Callable[[Any, Any], float], targets: Array, outputs: Array) -> float:
    if targets.ndim == 1:
        return function(targets, outputs[:, 1] if outputs.shape[1] == 2 else outputs)
    return function(_column(targets), _column(outputs))


def _column(numbers: Array) -> Array:
    """Return (n,) if each row is one number."""
    return numbers[:, 0] if numbers.shape[1] == 1 else numbers
