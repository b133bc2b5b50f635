"""Metrics: numbers that tell how good outputs are, of validation data in `fit`, and in `evaluate`.

They are taken by name, as objects, or as functions ``metric(targets, outputs)`` of one's own. Of the rows that count,
targets are integer labels (n,) where targets are classes, and else numbers (n, F); outputs (n, F) are on the targets'
scale: probabilities with `losses.CrossEntropy` and `losses.BinaryCrossEntropy`, rates with `losses.Poisson`, and with
other losses what the network gives.
"""

from .adapted import of_labels, of_scores
from .base import Metric
from .classes import AUC, F1, Accuracy, BalancedAccuracy, TopK
from .numbers import R2, MeanAbsoluteError

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
