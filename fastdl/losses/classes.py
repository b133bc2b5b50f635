"""Losses of classes: one of many for each row, or a yes or no for each output."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import numpy as np

from .. import _core
from .._limits import MOST_NUMBERS
from .._settings import keep_number
from .._types import Array, Mask, Shape
from .._validation.arrays import as_real, precision
from .._validation.samples import as_labels
from .._validation.values import as_int
from .base import Rows, named
from .fused import Fused


@dataclass(eq=False, repr=False)
class CrossEntropy(Fused):
    """Softmax cross-entropy, -sum t log softmax(logits), of each row, as PyTorch's ``CrossEntropyLoss``.

    If the network ends in a softmax, the loss is computed from its inputs, the logits.

    Parameters
    ----------
    label_smoothing : float
        From 0 to 1. Each target t becomes (1 - label_smoothing) t + label_smoothing / classes (Szegedy et al. 2016).
    ignore_label : int, optional
        Rows with this label do not count in the loss, its mean, its gradient and the accuracy. Targets must then be
        labels.
    """

    name: ClassVar[str] = "cross_entropy"
    leaves_out: ClassVar[str] = "softmax"
    takes_labels: ClassVar[bool] = True
    _: KW_ONLY
    label_smoothing: float = 0.0
    ignore_label: int | None = None

    def __post_init__(self) -> None:
        keep_number(self, "label_smoothing", high=1.0)
        if self.ignore_label is not None:
            object.__setattr__(self, "ignore_label", as_int(self.ignore_label, "ignore_label", least=-MOST_NUMBERS - 1))

    @property
    def settings(self) -> tuple[float, ...]:  # noqa: D102
        return (self.label_smoothing,)

    def as_targets(self, y: Any, name: str, rows: Rows) -> tuple[Array, Mask]:  # noqa: D102
        array = as_real(y, name)
        if array.shape == rows.axes and array.dtype.kind in "biu":
            labels, mask = self.labelled(array, rows)
            return as_labels(labels, name, rows.outputs, rows.dtype), mask
        if self.ignore_label is not None:
            raise ValueError(
                f"{name} must be integer labels of shape {rows.axes} with ignore_label; "
                f"received {array.shape} of dtype {array.dtype}"
            )
        return super().as_targets(y, name, rows)

    def check_numbers(self, rows: Array, name: str) -> None:  # noqa: D102
        totals = rows.sum(axis=-1)
        if rows.min() < 0 or abs(totals - 1).max() > 1e-3:
            raise ValueError(
                f"{name} must hold distributions, numbers from 0 on that add up to 1 in each row; received numbers "
                f"from {rows.min():g} on, and rows that add up to {totals.min():g} to {totals.max():g}"
            )

    def described(self, axes: Shape, width: int) -> str:  # noqa: D102
        return f"({named(axes)}, {width}) or integer labels ({named(axes)}{',' * (len(axes) == 1)})"

    def check_outputs(self, shape: tuple[int, ...]) -> None:  # noqa: D102
        if shape[-1] < 2:
            raise ValueError(
                "the network must end in an output for each class with cross_entropy, Dense(2) for yes and no; it ends "
                "in one, which binary_cross_entropy takes, or squared_error"
            )

    def tell_classes(self, targets: Array, outputs: int) -> bool:  # noqa: D102
        return True

    def predictions(self, outputs: Array) -> Array:  # noqa: D102
        odds = np.exp(outputs.astype(float) - outputs.max(axis=-1, keepdims=True))
        probabilities: Array = odds / odds.sum(axis=-1, keepdims=True)
        return probabilities


class BinaryCrossEntropy(Fused):
    """Cross-entropy of each yes or no on its own, log(1 + e^x) - t x for a logit x, summed over each row.

    Targets t lie between 0 and 1, booleans or integers too, one for each output: any number of labels may apply at
    once. If the network ends in a sigmoid, the loss is computed from its inputs, the logits. An output is right if it
    is above 0 (a sigmoid above 0.5) for a target of 1, and not for a target of 0; accuracy is the share of outputs that
    are right. If some target is neither 0 nor 1, there is no accuracy. The loss is F times PyTorch's
    ``BCEWithLogitsLoss``, where F is the number of outputs.
    """

    name: ClassVar[str] = "binary_cross_entropy"
    leaves_out: ClassVar[str] = "sigmoid"
    takes_labels: ClassVar[bool] = True

    def check_numbers(self, rows: Array, name: str) -> None:  # noqa: D102
        if not _core.load(precision(rows)).are_within(rows, 0, 1):
            raise ValueError(f"{name} must hold numbers from 0 to 1; received {rows.min():g} to {rows.max():g}")

    def tell_classes(self, targets: Array, outputs: int) -> bool:  # noqa: D102
        return bool(_core.load(precision(targets)).are_zeros_and_ones(targets))

    def as_labels(self, targets: Array) -> Array:  # noqa: D102
        return targets  # several may hold at once

    def predictions(self, outputs: Array) -> Array:  # noqa: D102
        probabilities: Array = np.exp(-np.logaddexp(0.0, -outputs.astype(float)))
        return probabilities

    def as_classes(self, targets: Array, outputs: int) -> tuple[Array | None, int]:  # noqa: D102
        return (targets[..., 0] > 0.5).astype(np.int64) if outputs == 1 else None, 2
