"""What numbers are to a network that predicts them, and what its outputs say of them."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from sklearn.metrics import d2_pinball_score, r2_score
from sklearn.utils import check_array

from .._types import Array
from ..losses import AbsoluteError, Loss, Poisson, Quantile, SquaredError

_OF_ANY_SCALE = (SquaredError, AbsoluteError, Quantile)  # their least is at the same outputs, times the targets' scale


def as_numbers(y: Any) -> Array:
    """Give numbers (N,), or some for each sample (N, K), in float64, checked."""
    values = check_array(y, accept_sparse=False, ensure_2d=False, dtype=np.float64, input_name="y")
    if values.ndim > 2:
        raise ValueError(f"y must have shape (N,) or (N, K); received {values.shape}")
    checked: Array = values
    return checked


class Numbers:
    """Targets of a regression, standardised where the loss allows it.

    Parameters
    ----------
    shape : tuple of int
        Of a sample's target, () or (K,).
    loss : Loss or None
    own_scale : bool
        Whether targets stay as they are whatever the loss.
    """

    columns = None

    def __init__(self, shape: tuple[int, ...], loss: Loss | None, own_scale: bool) -> None:
        self.shape, self.loss = shape, loss or SquaredError()
        self.levels = len(self.loss.levels) if isinstance(self.loss, Quantile) else 1
        self.mean, self.scale = np.zeros(shape), np.ones(shape)
        self._standardised = isinstance(self.loss, _OF_ANY_SCALE) and not own_scale

    @property
    def outputs(self) -> int:
        """How many a network has to have."""
        return prod(self.shape) * self.levels

    def fit_to(self, outputs: int) -> None:
        """Take as many outputs as there are: a function of one's own may compare any with its targets."""

    def settle(self, values: Array, weights: Array | None) -> None:
        """Take note of the mean and the scale of what will be trained on first."""
        if self._standardised:
            self.mean = np.average(values, axis=0, weights=weights)
            deviation = np.sqrt(np.average((values - self.mean) ** 2, axis=0, weights=weights))
            self.scale = np.where(deviation > 0, deviation, 1.0)

    def read(self, y: Any, rows: Any = ...) -> Array:
        """Give the values of these rows, as many for each as those that came first."""
        values: Array = as_numbers(y)[rows]
        if prod(values.shape[1:]) != prod(self.shape):
            raise ValueError(f"y must have {prod(self.shape)} numbers a sample; received shape {values.shape}")
        return values.reshape(len(values), *self.shape)

    def targets(self, values: Array) -> Array:
        """Give what the loss compares outputs with, (N, K)."""
        standard: Array = (values - self.mean) / self.scale
        return standard.reshape(len(values), -1)

    def strata(self, values: Array) -> Array | None:
        """Give what a held-out part is to have in the same shares."""
        return values.reshape(-1) if prod(self.shape) == 1 else None

    def predictions(self, outputs: Array) -> Array:
        """Give what outputs say of targets: (N,) or (N, K), with an axis more where there are several levels."""
        told = self.loss.predictions(outputs)
        if told.shape[1] != self.outputs:
            return told
        told = told.reshape(len(told), -1, self.levels) * self.scale.reshape(-1, 1) + self.mean.reshape(-1, 1)
        return told.reshape(len(told), *self.shape, *([self.levels] if self.levels > 1 else []))

    def errors(self, told: Array, values: Array) -> Array:
        """Give the losses (N,) of predictions, as the network's outputs have them that say so."""
        outputs = told.reshape(len(told), -1)
        if outputs.shape[1] == self.outputs:
            of_levels = outputs.reshape(len(told), -1, self.levels)
            standard = (of_levels - self.mean.reshape(-1, 1)) / self.scale.reshape(-1, 1)
            outputs = standard.reshape(len(told), -1)
        if isinstance(self.loss, Poisson):
            outputs = np.log(np.maximum(outputs, np.finfo(float).tiny))
        return self.loss(outputs, self.targets(values))[0]

    def score(self, y: Any, told: Array, weights: Any) -> float:
        """Give R², or of several levels the mean over them of D², the same of the pinball loss."""
        if not isinstance(self.loss, Quantile) or self.levels == 1:
            return float(r2_score(y, told, sample_weight=weights))
        levels = enumerate(self.loss.levels)
        return float(np.mean([d2_pinball_score(y, told[..., k], alpha=q, sample_weight=weights) for k, q in levels]))
