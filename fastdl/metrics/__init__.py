"""Metrics: numbers that tell how good outputs are, of validation data in `fit`, and in `evaluate`.

They are taken by name, as objects, or as functions ``metric(targets, outputs)`` of one's own. Of the rows that count,
targets are integer labels (n,) where targets are classes, and else numbers (n, F); outputs (n, F) are on the targets'
scale: probabilities with `losses.CrossEntropy` and `losses.BinaryCrossEntropy`, rates with `losses.Poisson`, and with
other losses what the network gives.
"""

from typing import TYPE_CHECKING

from .._lazily import lazily
from .base import Metric

__all__ = [
    "AUC",
    "F1",
    "R2",
    "Accuracy",
    "BalancedAccuracy",
    "MeanAbsoluteError",
    "Metric",
    "TopK",
    "of_labels",
    "of_scores",
]

if TYPE_CHECKING:
    from .adapted import of_labels, of_scores
    from .classes import AUC, F1, Accuracy, BalancedAccuracy, TopK
    from .numbers import R2, MeanAbsoluteError
else:
    __getattr__, __dir__ = lazily(
        globals(),
        {
            "adapted": ["of_labels", "of_scores"],
            "classes": ["AUC", "F1", "Accuracy", "BalancedAccuracy", "TopK"],
            "numbers": ["R2", "MeanAbsoluteError"],
        },
    )
