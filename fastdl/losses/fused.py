"""fastdl's own losses, which the core computes where the outputs lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .. import _core
from .._settings import Settings, keep_number
from .._types import Array
from .._validation.arrays import as_array, as_real
from .._validation.samples import as_labels
from .base import Loss, Measured, check_samples


@dataclass(frozen=True)
class Fused(Settings, Loss):
    """What these share.

    Attributes
    ----------
    name : str
        Of its row in the core's table (`src/kernels/losses.pxi`).
    setting : float
        What this row reads besides.
    """

    is_fused: ClassVar[bool] = True
    name: ClassVar[str]
    takes_labels: ClassVar[bool] = False

    @property
    def setting(self) -> float:
        """What the core is told besides the name."""
        return 0.0

    def __call__(self, outputs: Any, targets: Any) -> tuple[Array, Array]:
        """Give the loss of each row, (N,) or (N, T), and the gradient of their sum, of the outputs' shape.

        Parameters
        ----------
        outputs : array_like, shape (N, F) or (N, T, F)
        targets : array_like
            As `fit` takes them.
        """
        y = as_array(outputs, "outputs")
        if y.ndim not in (2, 3):
            raise ValueError(f"outputs must have shape (N, F) or (N, T, F); received {y.shape}")
        values, gradient, _ = self._of_rows(y, self.as_targets(targets, "targets", y.shape, y.dtype.name))
        return values.reshape(y.shape[:-1]), gradient.reshape(y.shape)

    def measure(self, outputs: Array, targets: Array, weights: Array | None = None) -> Measured:  # noqa: D102
        values, gradient, hits = self._of_rows(outputs, targets, weights, len(outputs))
        return Measured(float(values.mean()), gradient, hits)

    def _of_rows(
        self, outputs: Array, targets: Array, weights: Array | None = None, over: int = 1
    ) -> tuple[Array, Array, int]:
        """Give the weighted losses, the gradient of their sum over a number, and how many rows hit."""
        rows = outputs.reshape(-1, outputs.shape[-1])
        targets = targets.reshape(-1) if targets.dtype == np.int64 else targets.reshape(rows.shape)
        found: tuple[Array, Array, int] = _core.load(outputs.dtype.name).losses_of_rows(
            self, rows, targets, weights, over
        )
        return found

    def as_targets(self, y: Any, name: str, outputs: tuple[int, ...], dtype: str, there: Any = ...) -> Array:  # noqa: D102
        array = as_real(y, name)
        check_samples(array, name, outputs)
        if self.takes_labels and array.shape == outputs[:-1] and array.dtype.kind in "biu":
            return as_labels(array if there is ... else np.where(there, array, 0), name, outputs[-1])
        if array.shape != outputs:
            *axes, features = ("N", *map(str, outputs[1:]))
            labels = f" or integer labels ({', '.join(axes)}{',' * (len(axes) == 1)})" if self.takes_labels else ""
            raise ValueError(
                f"{name} must have shape ({', '.join(axes)}, {features}){labels}; "
                f"received {array.shape} of dtype {array.dtype}"
            )
        return as_array(array, name, dtype)

    def get_config(self) -> Any:  # noqa: D102
        config = super().get_config()
        return self.name if len(config) == 1 or self == type(self)() else config


@dataclass(frozen=True)
class SquaredError(Fused):
    """Half the sum of squares of each row (article 2, the linear unit's objective)."""

    name: ClassVar[str] = "squared_error"


@dataclass(frozen=True)
class Huber(Fused):
    """Half the squares of errors up to ``delta``, and beyond it straight lines, summed over each row (Huber 1964).

    Parameters
    ----------
    delta : float
        Above 0.
    """

    name: ClassVar[str] = "huber"
    delta: float = 1.0

    def __post_init__(self) -> None:
        if keep_number(self, "delta") == 0:
            raise ValueError("delta must be above 0; received 0")

    @property
    def setting(self) -> float:  # noqa: D102
        return self.delta


@dataclass(frozen=True)
class CrossEntropy(Fused):
    """Softmax cross-entropy, -sum t log softmax(logits), of each row.

    A softmax that ends the network is left out: its inputs are the logits.

    Parameters
    ----------
    label_smoothing : float
        From 0 to 1. Each target t becomes (1 - label_smoothing) t + label_smoothing / classes (Szegedy et al. 2016).
    """

    name: ClassVar[str] = "cross_entropy"
    takes_logits: ClassVar[bool] = True
    takes_labels: ClassVar[bool] = True
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        keep_number(self, "label_smoothing", high=1.0)

    @property
    def setting(self) -> float:  # noqa: D102
        return self.label_smoothing

    def as_targets(self, y: Any, name: str, outputs: tuple[int, ...], dtype: str, there: Any = ...) -> Array:  # noqa: D102
        targets = super().as_targets(y, name, outputs, dtype, there)
        if targets.dtype != np.int64:
            totals = targets.sum(axis=-1)
            if targets.min() < 0 or abs(totals - 1).max() > 1e-3:
                raise ValueError(
                    f"{name} must hold distributions, numbers from 0 on that add up to 1 in each row; received numbers "
                    f"from {targets.min():g} on, and rows that add up to {totals.min():g} to {totals.max():g}"
                )
        return targets

    def check_outputs(self, shape: tuple[int, ...]) -> None:  # noqa: D102
        if shape[-1] < 2:
            raise ValueError(
                "the network must end in an output for each class with cross_entropy, Dense(2) for yes and no; it ends "
                "in one, which squared_error takes"
            )

    def tell_classes(self, targets: Array) -> bool:  # noqa: D102
        return True
