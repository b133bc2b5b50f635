"""Samples and what a loss compares their outputs with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import losses
from .._types import Array
from .._validation.arrays import as_array
from .._validation.values import as_int, as_number
from ..samples import Mask, Samples, as_batch

if TYPE_CHECKING:
    from ..sequential import Sequential


@dataclass(frozen=True)
class Examples:
    """Checked samples, and for each row of their outputs what belongs to it.

    Attributes
    ----------
    samples : Samples
    targets : ndarray
        int64 labels, with the axes of the rows, or numbers, with one axis more.
    there : ndarray of bool, or ...
        Which of the rows count.
    classes : bool
        Whether an output hits or misses its target.
    weights : ndarray, or None where all are 1
    """

    samples: Samples
    targets: Array
    there: Mask
    classes: bool
    weights: Array | None = None

    def __len__(self) -> int:
        return len(self.samples)

    def part(self, first: int, last: int) -> Examples:
        """Give the samples ``first`` to ``last``."""
        rows = self.samples.place(first, last)
        there = self.there if self.there is ... else self.there[rows]
        weights = None if self.weights is None else self.weights[rows]
        return Examples(self.samples.part(first, last), self.targets[rows], there, self.classes, weights)

    def counts(self) -> bool:
        """Tell whether any row counts."""
        return self.there is ... or bool(self.there.any())

    def figures(self, loss: float, accuracy: float) -> dict[str, float]:
        """Name what was measured."""
        return {"loss": loss, "accuracy": accuracy} if self.classes else {"loss": loss}

    def measure(self, loss: str, outputs: Array) -> tuple[float, int, int]:
        """Give the sum of weighted losses over rows of outputs that count, how many of them hit, and how many count."""
        there, weights = self.there, None if self.weights is None else self.weights[self.there]
        outputs = outputs.reshape(*self.targets.shape[: self._axes], -1)[there]
        rows = outputs.size // outputs.shape[-1]
        if not rows:
            return 0.0, 0, 0
        mean, _, hits = losses.measure(loss, outputs, self.targets[there], weights)
        return mean * rows, hits, rows

    @property
    def _axes(self) -> int:
        """How many the rows have."""
        return self.targets.ndim if self.targets.dtype == np.int64 else self.targets.ndim - 1

    def weighted_by_class(self, class_weight: Any, classes: int) -> Examples:
        """Multiply weights with those of the labels, a number for each, or a dict of those that are not 1."""
        if self.targets.dtype != np.int64:
            raise ValueError("class_weight must come with integer labels; received other targets")
        weights = _class_weights(class_weight, classes, self.samples.x.dtype.name)[self.targets]
        if self.weights is not None:
            with np.errstate(over="ignore"):
                weights = as_array(weights * self.weights, "sample_weight times class_weight")
        return replace(self, weights=weights)

    def check_weights(self) -> None:
        """Check that there is something to learn from."""
        if self.weights is not None and not self.weights[self.there].any():
            raise ValueError("sample_weight and class_weight must not make all weights 0; received nothing else")


def examples_of(
    net: Sequential, x: Any, y: Any, lengths: Any, trees: Any, sample_weight: Any, loss: str, prefix: str = ""
) -> Examples:
    """Check samples, what a loss compares them with, and weights."""
    samples = as_batch(net, x, lengths, trees, prefix)
    if len(net.output_shape) == 3:
        raise ValueError(
            f"the network must end in (F,) or (T, F) for a loss; it ends in {net.output_shape}: add a Flatten"
        )
    if loss == "cross_entropy" and net.output_shape[-1] < 2:
        raise ValueError(
            "the network must end in an output for each class with cross_entropy, Dense(2) for yes and no; it ends "
            "in one, which squared_error takes"
        )
    shape = net.plan_for(samples.shape).output_shape
    targets, there = samples.targets(y, f"{prefix}y", loss, shape)
    weights = None if sample_weight is None else samples.weights(sample_weight, f"{prefix}sample_weight", shape)
    return Examples(samples, targets, there, losses.tell_classes(loss, targets[there]), weights)


def _class_weights(class_weight: Any, classes: int, dtype: str) -> Array:
    if isinstance(class_weight, Mapping):
        table = np.ones(classes)
        for label, weight in class_weight.items():
            if as_int(label, "labels of class_weight", least=0) >= classes:
                raise ValueError(f"class_weight must name labels from 0 to {classes - 1}; received {label}")
            table[label] = as_number(weight, f"class_weight[{label}]", low=-np.inf)
        class_weight = table
    table = as_array(class_weight, "class_weight", dtype)
    if table.shape != (classes,):
        raise ValueError(f"class_weight must hold {classes} weights; received {table}")
    return table
