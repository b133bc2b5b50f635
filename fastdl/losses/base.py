"""The base of all losses: a check of targets, and the function that training minimizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from .. import _core
from .._types import Array, Mask, Shape
from .._validation.arrays import precision


@dataclass(eq=False, repr=False, slots=True)
class Rows:
    """The rows of outputs that targets belong to, one each."""

    axes: Shape  # (N,) or (N, T)
    outputs: int  # numbers in a row
    dtype: str
    mask: Mask = ...
    no_label: int | None = None  # the label of rows that do not count, whatever the loss


class Measured(NamedTuple):
    """A loss of some rows of outputs: its mean, its gradient (rows, F), and the number of rows that are right."""

    mean: float
    gradient: Array
    hits: float


class Loss:
    """A number for each row of outputs, whose mean training minimizes.

    It can be called in the same way as a function of your own: ``loss(outputs, targets)`` returns the values (N,) and
    the gradient of their sum (N, F).
    """

    name: ClassVar[str] = "loss"  # its name in errors and files
    leaves_out: ClassVar[str] = "identity"  # the activation that is part of it, and left out at the network's end
    is_fused: ClassVar[bool] = False  # whether the core computes it
    takes_labels: ClassVar[bool] = False  # whether integers, one for each row, may be labels
    ignore_label: int | None = None  # the label of rows that do not count

    def __call__(self, outputs: Any, targets: Any) -> tuple[Array, Array]:
        """Return the loss of each row, (N,) or (N, T), and the gradient of their sum, of the outputs' shape."""
        raise NotImplementedError(f"{type(self).__name__} must be called on outputs and targets")

    def as_targets(self, y: Any, name: str, rows: Rows) -> tuple[Array, Mask]:
        """Check the targets of these rows: int64 labels, without the last axis, or numbers.

        Return them, and which rows count: without those with ``rows.no_label`` or the loss's ``ignore_label``, whose
        labels become 0.
        """
        raise NotImplementedError(f"{type(self).__name__} must check targets")

    def labelled(self, array: Array, rows: Rows) -> tuple[Array, Mask]:
        """Return the targets, with label 0 in rows that do not count, and which rows count."""
        if not self.takes_labels or array.shape != rows.axes or array.dtype.kind not in "biu":
            return array, rows.mask
        if rows.mask is ... and self.ignore_label is None and rows.no_label is None:
            return array, ...
        mask = np.ones(rows.axes, bool) if rows.mask is ... else rows.mask.copy()
        for label in self._ignored(rows.no_label):
            mask &= array != label
        return (array, ...) if mask.all() else (np.where(mask, array, 0), mask)

    def check_counts(self, mask: Mask, name: str, no_label: int | None) -> None:
        """Check that some row counts."""
        if mask is not ... and not mask.any():
            ignored = " and ".join(map(str, self._ignored(no_label)))
            raise ValueError(f"{name} must hold a label that counts; received {ignored} for all")

    def _ignored(self, no_label: int | None) -> set[int]:
        return {label for label in (self.ignore_label, no_label) if label is not None}

    def check_outputs(self, shape: tuple[int, ...]) -> None:
        """Check that a network with outputs of this shape can be trained by it."""

    def tell_classes(self, targets: Array, outputs: int) -> bool:
        """Return whether the targets of rows that count are classes of these outputs, so that there is an accuracy."""
        return targets.shape[-1] > 1 and bool(_core.load(precision(targets)).are_zeros_and_ones(targets, True))

    def as_labels(self, targets: Array) -> Array:
        """Return the labels (rows,) of targets that are classes by `tell_classes`."""
        labels: Array = targets if targets.ndim == 1 else targets.argmax(axis=-1)
        return labels

    def predictions(self, outputs: Array) -> Array:
        """Return the predictions of outputs (n, F) on the targets' scale, in float64."""
        return outputs.astype(float)

    def as_classes(self, targets: Array, outputs: int) -> tuple[Array | None, int]:
        """Return the class of each row, int64, or None if targets are no classes, and the number of classes."""
        return targets if targets.dtype == np.int64 else None, outputs

    def measure(self, outputs: Array, targets: Array, weights: Array | None = None) -> Measured:
        """Measure checked rows (N, F). Weights multiply each row's loss; the mean is still over the number of rows."""
        raise NotImplementedError(f"{type(self).__name__} must measure rows")

    def get_config(self) -> Any:
        """Return the loss as plain data, which `from_config` takes back.

        Raises
        ------
        TypeError
            If the loss is not fastdl's.
        """
        raise TypeError(f"loss must be one of fastdl.losses to be saved; received {self!r}")


def named(axes: Shape) -> str:
    """Write the axes of rows for an error."""
    return ", ".join(("N", *map(str, axes[1:])))


def check_samples(array: Array, name: str, samples: int) -> None:
    """Check that there are as many targets as outputs."""
    if array.ndim == 0 or len(array) != samples:
        raise ValueError(f"{name} must have as many rows as the outputs, {samples}; received shape {array.shape}")
