"""Numbers as targets of a network, and its outputs as predictions."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from sklearn.metrics import d2_pinball_score, r2_score
from sklearn.utils import check_array

from .._types import Array, ArrayLike
from .._validation.arrays import check_unmasked
from ..losses import AbsoluteError, Loss, Poisson, Quantile, SquaredError
from ..metrics.base import Metric
from ..metrics.choice import Metrics
from ..sequential import Sequential
from .columns import check_no_dates
from .data import Data

_OF_ANY_SCALE = (SquaredError, AbsoluteError, Quantile)  # their minimum scales with the targets


def as_numbers(y: Any, lengths: Any = None) -> Array:
    """Check numbers, (N,), or (N, K) with several for each sample, and give them in float64.

    Where sequences have lengths, each may have a number for each step: `fit` checks that those that count are finite.
    """
    check_unmasked(y, "y")
    for array in (y, np.asarray(y)):  # a column of times in a time zone becomes one of objects
        check_no_dates(array, "y")
    values = check_array(
        y, accept_sparse=False, ensure_2d=False, dtype=np.float64, input_name="y",
        ensure_all_finite=lengths is None or np.ndim(y) < 2,
    )  # fmt: skip
    if values.ndim > 2:
        raise ValueError(f"y must have shape (N,) or (N, K); received {values.shape}")
    checked: Array = values
    return checked


class Numbers:
    """Targets of a regression, standardised where the loss allows it.

    Parameters
    ----------
    shape : tuple of int
        The shape of a sample's target, () or (K,).
    loss : Loss or None
    own_scale : bool
        Whether targets are never standardised, whatever the loss.
    """

    columns = None
    over_time = False  # whether the network predicts a number for each step, all on one scale

    def __init__(self, shape: tuple[int, ...], loss: Loss | None, own_scale: bool) -> None:
        self.shape, self.loss = shape, loss or SquaredError()
        self.levels = len(self.loss.levels) if isinstance(self.loss, Quantile) else 1
        self.mean, self.scale = np.zeros(shape), np.ones(shape)
        self._standardised = isinstance(self.loss, _OF_ANY_SCALE) and not own_scale

    @property
    def outputs(self) -> int:
        """The number of outputs that the network must have."""
        return prod(self.shape) * self.levels

    @property
    def leaves_out(self) -> str:
        """The last activation, if it is part of the loss."""
        return self.loss.leaves_out

    def fit_to(self, net: Sequential, data: Data) -> None:
        """Note the mean and the scale of the targets that a new network is trained on first, over steps that count."""
        values, weights = data.y, data.weights
        self.over_time = values.ndim == len(net.output_shape) == 2 and net.output_shape[0] in (None, values.shape[1])
        if self.over_time:
            mask = steps(data.lengths, values.shape)
            weights = None if weights is None else np.repeat(weights, mask.sum(axis=1))
            values = values[mask]
        self.settle(values, weights)

    def settle(self, values: Array, weights: Array | None) -> None:
        """Note the mean and the scale of these targets."""
        if self._standardised:
            weights = None if weights is None else abs(weights)  # which may have any sign, and cancel
            self.mean = np.average(values, axis=0, weights=weights)
            unit = np.exp2(np.frexp(abs(values - self.mean).max(axis=0))[1])  # squares stay within what float64 holds
            deviation = unit * np.sqrt(np.average(((values - self.mean) / unit) ** 2, axis=0, weights=weights))
            self.scale = np.where(deviation > 0, deviation, 1.0)

    def read(self, values: Array) -> Array:
        """Check values: as many for each sample as in the first call."""
        if prod(values.shape[1:]) != prod(self.shape):
            raise ValueError(f"y must have {prod(self.shape)} numbers a sample; received shape {values.shape}")
        return values.reshape(len(values), *self.shape)

    def targets(self, values: Array) -> Array:
        """Return the targets that the loss compares outputs with, (N, K)."""
        standard: Array = (values - self.mean) / self.scale
        return standard.reshape(len(values), -1)

    def strata(self, values: Array) -> Array | None:
        """Return the strata of samples, each of which is held out in the same share."""
        return values.reshape(-1) if prod(self.shape) == 1 else None

    def predictions(self, outputs: Array) -> Array:
        """Return the predictions of targets, (N,) or (N, K), with one more axis for several levels."""
        told = self.loss.predictions(outputs)
        if told.shape[-1] != self.levels if self.over_time else told.shape[1:] != (self.outputs,):
            return told
        shape = told.shape[:2] if self.over_time else (len(told), *self.shape)
        return self.in_units(told).reshape(*shape, *([self.levels] if self.levels > 1 else []))

    def in_units(self, standard: Array) -> Array:
        """Return standardised values, with any number of levels side by side, in the targets' own units."""
        columns = standard.reshape(len(standard), self.mean.size, -1)
        numbers: Array = columns * self.scale.reshape(-1, 1) + self.mean.reshape(-1, 1)
        return numbers.reshape(standard.shape)

    def measured_by(self, metrics: Metrics) -> list[Any]:
        """Return metrics that see targets and outputs in the targets' own units."""
        return [InUnits(name, metric, self) if self._standardised else metric for name, metric in metrics.items()]

    def errors(self, told: Array, values: Array) -> Array:
        """Return the losses of predictions, (N,), in the scale of the network's outputs."""
        outputs = told.reshape(len(told), -1)
        if outputs.shape[1] == self.outputs:
            of_levels = outputs.reshape(len(told), -1, self.levels)
            standard = (of_levels - self.mean.reshape(-1, 1)) / self.scale.reshape(-1, 1)
            outputs = standard.reshape(len(told), -1)
        if isinstance(self.loss, Poisson):
            outputs = np.log(np.maximum(outputs, np.finfo(float).tiny))
        return self.loss(outputs, self.targets(values))[0]

    def score(self, y: Any, told: Array, weights: Any, lengths: Any = None) -> float:
        """Compute R²; for several levels, the mean over them of D², the same with the pinball loss.

        With a number for each step, all steps that count are one column.
        """
        y = as_numbers(y, lengths)
        if self.over_time:
            if y.shape != told.shape[:2]:
                raise ValueError(f"y must have shape {told.shape[:2]}, a number for each step; received {y.shape}")
            mask = steps(lengths, y.shape)
            y, told = y[mask], told[mask]
            weights = None if weights is None else np.repeat(weights, mask.sum(axis=1))
        if not isinstance(self.loss, Quantile) or self.levels == 1:
            return float(r2_score(y, told, sample_weight=weights))
        levels = enumerate(self.loss.levels)
        return float(np.mean([d2_pinball_score(y, told[..., k], alpha=q, sample_weight=weights) for k, q in levels]))


class InUnits(Metric):
    """A metric of standardised values."""

    def __init__(self, name: str, metric: Any, numbers: Numbers) -> None:
        self.name, self.metric, self.numbers = name, metric, numbers  # type: ignore[misc]

    def check(self, targets: Array, outputs: int) -> None:
        """Check as the metric does."""
        if isinstance(self.metric, Metric):
            self.metric.check(targets, outputs)

    def __call__(self, targets: Any, outputs: Any) -> Any:
        """Measure in the targets' own units."""
        return self.metric(self.numbers.in_units(targets), self.numbers.in_units(outputs))


def steps(lengths: ArrayLike | None, shape: tuple[int, ...]) -> Array:
    """Return which steps count, (N, T)."""
    return np.arange(shape[1]) < (np.full(shape[0], shape[1]) if lengths is None else np.asarray(lengths))[:, None]
