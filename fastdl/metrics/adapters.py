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

    def metric(targets: ArrayLike, outputs: ArrayLike) -> float:
        wanted, y = as_rows(targets, outputs)
        if wanted.ndim == 1:
            return function(wanted, y.argmax(axis=1))
        return function(_column(wanted.astype(int)), _column((y > 0.5).astype(int)))

    metric.__name__ = name_of(function)
    return metric


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

    def metric(targets: ArrayLike, outputs: ArrayLike) -> float:
        wanted, y = as_rows(targets, outputs)
        if wanted.ndim == 1:
            return function(wanted, y[:, 1] if y.shape[1] == 2 else y)
        return function(_column(wanted), _column(y))

    metric.__name__ = name_of(function)
    return metric


def _column(numbers: Array) -> Array:
    """Return (n,) if each row is one number."""
    return numbers[:, 0] if numbers.shape[1] == 1 else numbers
