"""Samples and the targets that a loss compares their outputs with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .._types import Array
from .._validation.arrays import as_array
from .._validation.values import as_int, as_number
from ..losses import Loss
from ..metrics.base import Metric, as_rows
from ..metrics.choice import Metrics
from ..samples import Mask, Samples, as_batch

if TYPE_CHECKING:
    from ..sequential import Sequential


@dataclass(eq=False, repr=False, slots=True)
class Examples:
    """Checked samples with a target, a mask and a weight for each row of their outputs.

    Attributes
    ----------
    samples : Samples
    targets : ndarray
        int64 labels, with the axes of the rows; or numbers, with one more axis; for a custom loss, any further axes.
    mask : ndarray of bool, or ...
        Which rows count; ... if all do.
    classes : bool
        Whether targets are classes, which outputs hit or miss.
    axes : int
        The number of axes of the rows.
    weights : ndarray, or None where all are 1
    """

    samples: Samples
    targets: Array
    mask: Mask
    classes: bool
    axes: int
    weights: Array | None = None

    def __len__(self) -> int:
        return self.samples.count

    def part(self, first: int, last: int) -> Examples:
        """Return the samples ``first`` to ``last``."""
        rows = self.samples.place(first, last)
        mask = self.mask if self.mask is ... else self.mask[rows]
        weights = None if self.weights is None else self.weights[rows]
        return replace(
            self, samples=self.samples.part(first, last), targets=self.targets[rows], mask=mask, weights=weights
        )

    def taken(self, order: Array) -> Examples:
        """Return the samples with these numbers."""
        rows = self.samples.places(order)
        mask = self.mask if self.mask is ... else self.mask[rows]
        weights = None if self.weights is None else self.weights[rows]
        return replace(self, samples=self.samples.taken(order), targets=self.targets[rows], mask=mask, weights=weights)

    def counted(self, order: Array) -> int:
        """Count the rows that count, of the samples with these numbers."""
        rows = self.samples.places(order)
        if self.mask is ...:
            return len(rows) * int(np.prod(self.targets.shape[1 : self.axes]))
        return int(self.mask[rows].sum())

    def counts(self) -> bool:
        """Return whether any row counts."""
        return self.mask is ... or bool(self.mask.any())

    def figures(self, loss: float, accuracy: float) -> dict[str, float]:
        """Return the figures under their names."""
        return figures_of(self.classes, loss, accuracy)

    def measure(self, loss: Loss, outputs: Array) -> tuple[float, float, int]:
        """Return the sum of weighted losses and the hits over the rows that count, and the number of these rows."""
        return self.measure_back(loss, outputs)[:3]

    def measure_back(self, loss: Loss, outputs: Array) -> tuple[float, float, int, Array]:
        """Do what `measure` does, and give the gradient of the mean loss too, with zeros in rows that do not count."""
        mask, targets = _flat(self.mask, self.axes), _flat(self.targets, self.axes)
        weights = None if self.weights is None else self.weights.reshape(-1)
        outputs = outputs.reshape(len(targets), -1)
        if mask is ...:
            mean, gradient, hits = loss.measure(outputs, targets, weights)
            return mean * len(outputs), hits, len(outputs), gradient
        dy, count = np.zeros_like(outputs), int(mask.sum())
        if not count:
            return 0.0, 0, 0, dy
        weights = None if weights is None else weights[mask]
        mean, dy[mask], hits = loss.measure(outputs[mask], targets[mask], weights)
        return mean * count, hits, count, dy

    def seen(self, loss: Loss, outputs: Array) -> tuple[Array, Array]:
        """Return the targets of the rows that count, and their predictions on the targets' scale."""
        rows = outputs.reshape(np.prod(self.targets.shape[: self.axes]), -1)[_flat(self.mask, self.axes)]
        return self.counted_targets(), loss.predictions(rows)

    def counted_targets(self) -> Array:
        """Return the targets of the rows that count, one after another."""
        targets: Array = _flat(self.targets, self.axes)[_flat(self.mask, self.axes)]
        return targets

    def check_metrics(self, metrics: Metrics, loss: Loss, outputs: int) -> None:
        """Check that fastdl's metrics can compare the targets with rows of this number of outputs."""
        for metric in metrics.values():
            if isinstance(metric, Metric):
                targets = loss.as_labels(self.counted_targets()) if self.classes else self.counted_targets()
                rows, _ = as_rows(targets, np.broadcast_to(0.0, (len(targets), outputs)))
                metric.check(rows, outputs)

    def weighted_by_class(self, class_weight: Any, loss: Loss, outputs: int) -> Examples:
        """Multiply weights by class weights: a number for each label, or a dict of those that are not 1."""
        labels, classes = loss.as_classes(self.targets, outputs)
        if not self.classes or not self._are_labels(labels, classes):
            raise ValueError(
                f"class_weight must come with integer labels from 0 to {classes - 1}; received targets of shape "
                f"{self.targets.shape}, dtype {self.targets.dtype}"
            )
        weights = _class_weights(class_weight, classes, self.samples.dtype)[labels]
        if self.weights is not None:
            with np.errstate(over="ignore"):
                weights = as_array(weights * self.weights, "sample_weight times class_weight")
        return replace(self, weights=weights)

    def _are_labels(self, labels: Array | None, classes: int) -> bool:
        if labels is None or labels.ndim != self.axes:
            return False
        return bool(((labels >= 0) & (labels < classes)).all())

    def check_weights(self) -> None:
        """Check that not all weights are 0."""
        if self.weights is not None and not self.weights[self.mask].any():
            raise ValueError("sample_weight and class_weight must not make all weights 0; received nothing else")


def examples_of(
    net: Sequential,
    x: Any,
    y: Any,
    lengths: Any,
    trees: Any,
    sample_weight: Any,
    loss: Loss,
    prefix: str = "",
    *,
    of_many: bool = False,
) -> Examples:
    """Check samples, targets and weights; in one batch of many there may be no row that counts."""
    if y is None:
        if hasattr(x, "__getitem__") and not (hasattr(x, "__iter__") or hasattr(x, "__array__")):  # as PyTorch's
            raise TypeError(
                f"{prefix}x must be an array, or give batches, as a DataLoader of a dataset does; "
                f"received a {type(x).__name__}, without an __iter__"
            )
        hint = " by itself, not in a tuple" if isinstance(x, tuple) else ""
        raise TypeError(
            f"{prefix}y must be given with x{hint}: labels or numbers, or x itself for a network to reproduce"
        )
    samples = as_batch(net, x, lengths, trees, prefix, may_wait=True)
    if len(net.output_shape) == 3:
        raise ValueError(
            f"the network must end in (F,) or (T, F) for a loss; it ends in {net.output_shape}: add a Flatten"
        )
    loss.check_outputs(net.output_shape)
    shape = net.plan_for(samples.shape).output_shape
    targets, mask = samples.targets(y, f"{prefix}y", loss, shape)
    if not of_many:
        loss.check_counts(mask, f"{prefix}y", samples.no_label)
    weights = None if sample_weight is None else samples.weights(sample_weight, f"{prefix}sample_weight", shape)
    axes = len(samples.rows(shape))
    classes = loss.tell_classes(_flat(targets, axes) if mask is ... else targets[mask], shape[-1])
    return Examples(samples, targets, mask, classes, axes, weights)


def figures_of(classes: bool, loss: float, accuracy: float) -> dict[str, float]:
    """Return the figures under their names; there is an accuracy only if targets are classes."""
    return {"loss": loss, "accuracy": accuracy} if classes else {"loss": loss}


def _flat(of_rows: Any, axes: int) -> Any:
    """Merge the axes of the rows into one."""
    return of_rows if of_rows is ... or axes == 1 else of_rows.reshape(-1, *of_rows.shape[axes:])


def _class_weights(class_weight: Any, classes: int, dtype: str) -> Array:
    if isinstance(class_weight, Mapping):
        table = np.ones(classes)
        for label, weight in class_weight.items():
            if as_int(label, "labels of class_weight", least=0) >= classes:
                raise ValueError(f"class_weight must name labels from 0 to {classes - 1}; received {label}")
            table[label] = as_number(weight, f"class_weight[{label}]", low=-np.inf)
        class_weight = table
    if isinstance(class_weight, str):
        raise TypeError(f"class_weight must be a mapping of labels to weights, or a list; received {class_weight!r}")
    table = as_array(class_weight, "class_weight", dtype)
    if table.shape != (classes,):
        raise ValueError(f"class_weight must hold {classes} weights; received {table}")
    return table
