"""Metrics: numbers that tell how good outputs are, on validation data in `fit`, and in `evaluate`.

They are given by name, as objects, or as functions ``metric(targets, outputs)`` of your own. A metric gets the rows
that count: targets are integer labels (n,) for classes, otherwise numbers (n, F); outputs (n, F) are on the targets'
scale: probabilities with `losses.CrossEntropy` and `losses.BinaryCrossEntropy`, rates with `losses.Poisson`, and with
other losses the network's outputs.
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
    from .adapters import of_labels, of_scores
    from .classes import AUC, F1, Accuracy, BalancedAccuracy, TopK
    from .numbers import R2, MeanAbsoluteError
else:
    __getattr__, __dir__ = lazily(
        globals(),
        {
            "adapters": ["of_labels", "of_scores"],
            "classes": ["AUC", "F1", "Accuracy", "BalancedAccuracy", "TopK"],
            "numbers": ["R2", "MeanAbsoluteError"],
        },
    )
