"""Custom losses: a user's function of outputs and targets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._types import Array, Mask
from .._validation.arrays import as_array, as_real
from .base import Loss, Measured, Rows, check_samples, named

Function = Callable[[Array, Array], tuple[Any, Any]]

_UNCALLED = (
    "as_classes", "as_labels", "check_counts", "check_outputs", "labelled", "measure", "tell_classes",
)  # of another loss  # fmt: skip


class Custom(Loss):
    """A loss that a function computes: the values of rows, and the gradient of their sum.

    Parameters
    ----------
    function : callable
        Takes outputs (N, F) and targets (N, ...) of the rows that count, and returns the value of each row (N,) and the
        gradient of their sum with respect to the outputs (N, F). Weights and the mean are applied outside it.
    """

    takes_labels = True

    def __init__(self, function: Function) -> None:
        self.function = function
        if isinstance(function, Loss):  # of a subclass of one of fastdl's
            _check_called(type(function))
            self.ignore_label = function.ignore_label

    def __repr__(self) -> str:
        return repr(self.function)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Custom) and self.function == other.function

    def __hash__(self) -> int:
        return hash(self.function)

    def __call__(self, outputs: Any, targets: Any) -> tuple[Array, Array]:
        """Call the function, and check what it gives."""
        given = self.function(outputs, targets)
        if not isinstance(given, (tuple, list)) or len(given) != 2:
            raise TypeError(
                "loss must return two arrays, each row's value and the gradient of their sum; "
                f"{self!r} returned {type(given).__name__}"
            )
        values, gradient = as_real(given[0], "the loss's values"), as_real(given[1], "the loss's gradient")
        for name, array, shape in (("values", values, outputs.shape[:1]), ("a gradient", gradient, outputs.shape)):
            if array.shape != shape:
                raise ValueError(f"loss must return {name} of shape {shape}; {self!r} returned {array.shape}")
        return values.astype(float), gradient.astype(outputs.dtype)

    def as_targets(self, y: Any, name: str, rows: Rows) -> tuple[Array, Mask]:
        """Check that there is a target for each row; integers become int64, other numbers the network's dtype."""
        array = as_real(y, name)
        check_samples(array, name, rows.axes[0])
        if array.shape[: len(rows.axes)] != rows.axes:
            raise ValueError(f"{name} must have shape ({named(rows.axes)}, ...); received {array.shape}")
        array, mask = self.labelled(array, rows)
        if array.dtype.kind in "biu":
            return np.require(array, np.int64, ["C", "A"]), mask
        return as_array(array, name, rows.dtype), mask

    def tell_classes(self, targets: Array, outputs: int) -> bool:
        """Return whether targets are integers, one for each row of several outputs."""
        return targets.ndim == 1 and targets.dtype == np.int64 and outputs > 1

    def predictions(self, outputs: Array) -> Array:  # noqa: D102
        return self.function.predictions(outputs) if isinstance(self.function, Loss) else super().predictions(outputs)

    def measure(self, outputs: Array, targets: Array, weights: Array | None = None) -> Measured:  # noqa: D102
        values, gradient = self(outputs.copy(), targets.copy())  # it may change them
        if weights is not None:
            values, gradient = values * weights, gradient * weights[:, None]
        classes = self.tell_classes(targets, outputs.shape[-1])
        hits = float((outputs.argmax(axis=-1) == targets).sum()) if classes else 0
        return Measured(float(values.mean()), gradient / len(outputs), hits)


def _check_called(kind: type[Loss]) -> None:
    """Check that a subclass of a loss does not override methods that would never be called."""
    is_called = _owner(kind, "__call__") is None  # fastdl's own, which calls as_targets
    for name in _UNCALLED if is_called else (*_UNCALLED, "as_targets"):
        if owner := _owner(kind, name):
            raise TypeError(
                f"loss must not have its own {name}, which nothing calls: override __call__, which gives each row's "
                f"value and the gradient of their sum; {owner.__name__} has"
            )


def _owner(kind: type[Loss], name: str) -> type | None:
    """Return the class that a method is of, or None if that is one of fastdl's."""
    owner = next(base for base in kind.__mro__ if name in vars(base))
    return None if owner.__module__.startswith("fastdl.") else owner
