"""Metrics of numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .._settings import Settings
from .._types import Array
from .base import Metric


@dataclass(frozen=True)
class _OfNumbers(Settings, Metric):
    def check(self, targets: Array, outputs: int) -> None:
        if targets.ndim != 2 or targets.shape[1] != outputs:
            raise ValueError(
                f"targets must be numbers, {outputs} for as many outputs, with {self.name}; "
                f"received shape {targets.shape}"
            )


@dataclass(frozen=True)
class MeanAbsoluteError(_OfNumbers):
    """The mean absolute error of all numbers."""

    name: ClassVar[str] = "mean_absolute_error"
    higher_is_better: ClassVar[bool] = False

    def compute(self, targets: Array, outputs: Array) -> float:  # noqa: D102
        return float(abs(outputs - targets).mean())


@dataclass(frozen=True)
class R2(_OfNumbers):
    """The coefficient of determination, 1 - (squared errors) / (squared deviations), averaged over outputs.

    For constant targets it is 1 if there is no error, and otherwise 0; for a single row it is NaN.
    """

    name: ClassVar[str] = "r2"

    def compute(self, targets: Array, outputs: Array) -> float:  # noqa: D102
        if len(targets) < 2:
            return math.nan
        errors = ((outputs - targets) ** 2).sum(axis=0)
        about = ((targets - targets.mean(axis=0)) ** 2).sum(axis=0)
        each = np.where(about > 0, 1 - errors / np.where(about > 0, about, 1), errors == 0)
        return float(each.mean())
