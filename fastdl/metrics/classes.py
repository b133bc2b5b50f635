"""Metrics of classes: one of many for each row, or a yes or no for each output, which is yes above 0.5.

If a row has several yes-or-no outputs, a metric is the mean over them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .._settings import Settings, keep_int
from .._types import Array
from .base import Metric


@dataclass(frozen=True)
class _OfClasses(Settings, Metric):
    def check(self, targets: Array, outputs: int) -> None:
        if targets.ndim == 1 and targets.dtype.kind in "iu":
            if targets.min() < 0 or targets.max() >= outputs:
                raise ValueError(
                    f"targets must hold labels from 0 to {outputs - 1} with {self.name}; "
                    f"received {targets.min()} to {targets.max()}"
                )
        elif targets.ndim != 2 or targets.shape[1] != outputs or not ((targets == 0) | (targets == 1)).all():
            raise ValueError(
                f"targets must be integer labels (N,), or a 0 or 1 for each output, with {self.name}; "
                f"received other numbers of shape {targets.shape}"
            )

    def compute(self, targets: Array, outputs: Array) -> float:
        if targets.ndim == 1:
            return self.of_labels(targets, outputs)
        found = [self.of_one(targets[:, k] == 1, outputs[:, k]) for k in range(outputs.shape[1])]
        return _mean(found)

    def of_labels(self, labels: Array, outputs: Array) -> float:
        """Measure rows that each are of one of many classes."""
        raise NotImplementedError

    def of_one(self, yes: Array, scores: Array) -> float:
        """Measure a single yes-or-no output."""
        raise NotImplementedError


def _mean(values: list[float]) -> float:
    """Return the mean of the values that are defined."""
    defined = [value for value in values if not math.isnan(value)]
    return sum(defined) / len(defined) if defined else math.nan


@dataclass(frozen=True)
class Accuracy(_OfClasses):
    """The share of rows whose largest output is their label's; for yes or no, the share of outputs that are right."""

    name: ClassVar[str] = "accuracy"

    def of_labels(self, labels: Array, outputs: Array) -> float:  # noqa: D102
        return float((outputs.argmax(axis=1) == labels).mean())

    def of_one(self, yes: Array, scores: Array) -> float:  # noqa: D102
        return float(((scores > 0.5) == yes).mean())


@dataclass(frozen=True)
class TopK(_OfClasses):
    """The share of rows whose label's output is among the ``k`` largest; among equal ones the first comes first.

    Parameters
    ----------
    k : int
    """

    k: int = 5

    def __post_init__(self) -> None:
        keep_int(self, "k")

    @property
    def name(self) -> str:  # type: ignore[override]  # noqa: D102
        return f"top_{self.k}"

    def check(self, targets: Array, outputs: int) -> None:  # noqa: D102
        if targets.ndim != 1:
            raise ValueError(f"targets must be integer labels (N,) with {self.name}; received shape {targets.shape}")
        super().check(targets, outputs)

    def of_labels(self, labels: Array, outputs: Array) -> float:  # noqa: D102
        own = np.take_along_axis(outputs, labels[:, None], axis=1)
        equals_before = (outputs == own) & (np.arange(outputs.shape[1]) < labels[:, None])
        return float((((outputs > own) | equals_before).sum(axis=1) < self.k).mean())


@dataclass(frozen=True)
class BalancedAccuracy(_OfClasses):
    """The share of right answers among each class's rows, averaged over the classes that occur."""

    name: ClassVar[str] = "balanced_accuracy"

    def of_labels(self, labels: Array, outputs: Array) -> float:  # noqa: D102
        right, there = _right(labels, outputs.argmax(axis=1), outputs.shape[1]), np.bincount(labels)
        return float((right[: len(there)][there > 0] / there[there > 0]).mean())

    def of_one(self, yes: Array, scores: Array) -> float:  # noqa: D102
        return self.of_labels(yes.astype(int), np.stack([1 - scores, scores], axis=1))


def _right(labels: Array, found: Array, classes: int) -> Array:
    """Count the rows of each class that are predicted right."""
    counts: Array = np.bincount(labels[labels == found], minlength=classes)
    return counts


@dataclass(frozen=True)
class F1(_OfClasses):
    """The harmonic mean of precision and recall; 0 if no answer is right.

    With two classes it is that of class 1, and for yes or no that of yes. With more classes it is the mean over those
    that occur among labels or predictions ("macro").
    """

    name: ClassVar[str] = "f1"

    def of_labels(self, labels: Array, outputs: Array) -> float:  # noqa: D102
        found, classes = outputs.argmax(axis=1), outputs.shape[1]
        told = np.bincount(found, minlength=classes) + np.bincount(labels, minlength=classes)
        each = 2 * _right(labels, found, classes) / np.maximum(told, 1)
        return float(each[1] if classes == 2 else each[told > 0].mean())

    def of_one(self, yes: Array, scores: Array) -> float:  # noqa: D102
        found = scores > 0.5
        return float(2 * (found & yes).sum() / max(found.sum() + yes.sum(), 1))


@dataclass(frozen=True)
class AUC(_OfClasses):
    """The area under the ROC curve: how often a row of a class scores higher for it than a row of another class.

    With two classes it is that of class 1, with more the mean of each class against the rest. Classes of all rows, or
    of none, are left out; if no class remains it is NaN.
    """

    name: ClassVar[str] = "auc"

    def of_labels(self, labels: Array, outputs: Array) -> float:  # noqa: D102
        if outputs.shape[1] == 2:
            return self.of_one(labels == 1, outputs[:, 1])
        return _mean([self.of_one(labels == k, outputs[:, k]) for k in range(outputs.shape[1])])

    def of_one(self, yes: Array, scores: Array) -> float:  # noqa: D102
        count = int(yes.sum())
        pairs = count * (len(yes) - count)
        if not pairs:
            return math.nan
        _, place, sizes = np.unique(scores, return_inverse=True, return_counts=True)
        ranks = np.cumsum(sizes) - (sizes - 1) / 2  # from 1 on; equal scores share the mean of their ranks
        return float((ranks[place.reshape(-1)][yes].sum() - count * (count + 1) / 2) / pairs)
