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
from .._validation.values import MOST, as_int, as_list, as_number
from .base import Loss, Measured, check_samples


@dataclass(frozen=True)
class Fused(Settings, Loss):
    """What these share.

    Attributes
    ----------
    name : str
        Of its row in the core's table (`src/kernels/losses.pxi`).
    settings : tuple of float
        What this row reads besides.
    """

    is_fused: ClassVar[bool] = True
    name: ClassVar[str]

    @property
    def settings(self) -> tuple[float, ...]:
        """What the core is told besides the name."""
        return ()

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
        checked, there = self.as_targets(targets, "targets", y.shape, y.dtype.name)
        values, gradient, _ = self._of_rows(y, checked)
        values, gradient = values.reshape(y.shape[:-1]), gradient.reshape(y.shape)
        if there is not ...:
            values[~there], gradient[~there] = 0, 0
        return values, gradient

    def measure(self, outputs: Array, targets: Array, weights: Array | None = None) -> Measured:  # noqa: D102
        values, gradient, hits = self._of_rows(outputs, targets, weights, len(outputs))
        return Measured(float(values.mean()), gradient, hits)

    def _of_rows(
        self, outputs: Array, targets: Array, weights: Array | None = None, over: int = 1
    ) -> tuple[Array, Array, float]:
        """Give the weighted losses, the gradient of their sum over a number, and how much hits."""
        rows = outputs.reshape(-1, outputs.shape[-1])
        targets = targets.reshape(-1) if targets.dtype == np.int64 else targets.reshape(len(rows), -1)
        found: tuple[Array, Array, float] = _core.load(outputs.dtype.name).losses_of_rows(
            self, rows, targets, weights, over
        )
        return found

    def as_targets(  # noqa: D102
        self,
        y: Any,
        name: str,
        outputs: tuple[int, ...],
        dtype: str,
        there: Any = ...,
        no_label: int | None = None,
    ) -> tuple[Array, Any]:
        array, rows = as_real(y, name), outputs[:-1]
        check_samples(array, name, outputs)
        array, there = self.labelled(array, name, rows, there, no_label)
        width = self.target_width(outputs[-1])
        if width == 1 and array.shape == rows:
            array = array[..., None]
        if array.shape != (*rows, width):
            axes = ", ".join(["N", *map(str, rows[1:])])
            raise ValueError(
                f"{name} must have shape {self._described(axes, len(rows), width)}; "
                f"received {array.shape} of dtype {array.dtype}"
            )
        return as_array(array, name, dtype), there

    def target_width(self, outputs: int) -> int:
        """Give how many numbers a row of targets has, beside so many outputs."""
        return outputs

    def _described(self, axes: str, rank: int, width: int) -> str:
        """Describe targets of rows with these axes."""
        without = f" or ({axes}{',' * (rank == 1)})" if width == 1 else ""
        return f"({axes}, {width}){without}"

    def get_config(self) -> Any:  # noqa: D102
        config = super().get_config()
        return self.name if len(config) == 1 or self == type(self)() else config


@dataclass(frozen=True)
class SquaredError(Fused):
    """Half the squares of errors, summed over each row (article 2, the linear unit's objective)."""

    name: ClassVar[str] = "squared_error"


@dataclass(frozen=True)
class AbsoluteError(Fused):
    """Absolute errors, summed over each row."""

    name: ClassVar[str] = "absolute_error"


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
    def settings(self) -> tuple[float, ...]:  # noqa: D102
        return (self.delta,)


@dataclass(frozen=True)
class Quantile(Fused):
    """What tells quantiles of each target, summed over each row (the pinball loss; Koenker and Bassett 1978).

    Of a level q, an output below its target costs q times the error, one above it (1 - q) times: it is least, on
    average, where a share q of targets are below. Targets (N, H), or (N,) for one, are compared with outputs (N, H
    levels): of each target the levels in their order, ``outputs.reshape(N, H, len(levels))``; with steps in time there
    is an axis T behind N.

    Parameters
    ----------
    levels : sequence of float
        Each between 0 and 1.
    """

    name: ClassVar[str] = "quantile"
    levels: tuple[float, ...] = (0.1, 0.5, 0.9)

    def __post_init__(self) -> None:
        levels = tuple(as_number(q, "levels", high=1.0) for q in as_list(self.levels, "levels", "numbers"))
        if not levels or not 0 < min(levels) <= max(levels) < 1:
            raise ValueError(f"levels must be numbers between 0 and 1, one at least; received {self.levels}")
        object.__setattr__(self, "levels", levels)

    @property
    def settings(self) -> tuple[float, ...]:  # noqa: D102
        return self.levels

    def check_outputs(self, shape: tuple[int, ...]) -> None:  # noqa: D102
        if shape[-1] % len(self.levels):
            raise ValueError(
                f"outputs must be {len(self.levels)} for each target with quantile, one a level of "
                f"{', '.join(map(str, self.levels))}; received {shape[-1]}"
            )

    def target_width(self, outputs: int) -> int:  # noqa: D102
        self.check_outputs((outputs,))
        return outputs // len(self.levels)

    def tell_classes(self, targets: Array) -> bool:  # noqa: D102
        return False


@dataclass(frozen=True)
class Poisson(Fused):
    """What counts cost, outputs being the logarithms of their rates: e^y - t y, summed over each row.

    That is the negative log-likelihood of Poisson's distribution without log t!, which no output changes. Targets are
    numbers from 0 on. Where e^y is no finite number, above about 88 in float32 and 709 in float64, neither is the loss.
    """

    name: ClassVar[str] = "poisson"

    def as_targets(  # noqa: D102
        self,
        y: Any,
        name: str,
        outputs: tuple[int, ...],
        dtype: str,
        there: Any = ...,
        no_label: int | None = None,
    ) -> tuple[Array, Any]:
        targets, there = super().as_targets(y, name, outputs, dtype, there, no_label)
        if (low := targets[there].min()) < 0:
            raise ValueError(f"{name} must hold counts, numbers from 0 on, with poisson; received {low:g}")
        return targets, there

    def tell_classes(self, targets: Array) -> bool:  # noqa: D102
        return False

    def predictions(self, outputs: Array) -> Array:  # noqa: D102
        with np.errstate(over="ignore"):
            rates: Array = np.exp(outputs.astype(float))
        return rates


@dataclass(frozen=True)
class BinaryCrossEntropy(Fused):
    """Cross-entropy of each yes or no by itself, log(1 + e^x) - t x of a logit x, summed over each row.

    Targets t are from 0 to 1, booleans or integers too, a number for each output: any number of labels may hold at
    once. A sigmoid that ends the network is left out: its inputs are the logits. An output hits where it is above 0 (a
    sigmoid above 0.5) for a target of 1, and elsewhere for one of 0; accuracy is the share of outputs that hit. Where
    some target is neither, there is none.
    """

    name: ClassVar[str] = "binary_cross_entropy"
    leaves_out: ClassVar[str] = "sigmoid"
    takes_labels: ClassVar[bool] = True

    def as_targets(  # noqa: D102
        self,
        y: Any,
        name: str,
        outputs: tuple[int, ...],
        dtype: str,
        there: Any = ...,
        no_label: int | None = None,
    ) -> tuple[Array, Any]:
        targets, there = super().as_targets(y, name, outputs, dtype, there, no_label)
        low, high = targets[there].min(), targets[there].max()
        if low < 0 or high > 1:
            raise ValueError(f"{name} must hold numbers from 0 to 1; received {low:g} to {high:g}")
        return targets, there

    def tell_classes(self, targets: Array) -> bool:  # noqa: D102
        return bool(((targets == 0) | (targets == 1)).all())

    def as_labels(self, targets: Array) -> Array:  # noqa: D102
        return targets  # several may hold at once

    def predictions(self, outputs: Array) -> Array:  # noqa: D102
        probabilities: Array = np.exp(-np.logaddexp(0.0, -outputs.astype(float)))
        return probabilities

    def as_classes(self, targets: Array, outputs: int) -> tuple[Array | None, int]:  # noqa: D102
        return (targets[..., 0] > 0.5).astype(np.int64) if outputs == 1 else None, 2


@dataclass(frozen=True)
class CrossEntropy(Fused):
    """Softmax cross-entropy, -sum t log softmax(logits), of each row.

    A softmax that ends the network is left out: its inputs are the logits.

    Parameters
    ----------
    label_smoothing : float
        From 0 to 1. Each target t becomes (1 - label_smoothing) t + label_smoothing / classes (Szegedy et al. 2016).
    ignore_label : int, optional
        Rows with this label do not count: they are no part of the loss, its mean, its gradient and the accuracy.
        Targets must be labels then.
    """

    name: ClassVar[str] = "cross_entropy"
    leaves_out: ClassVar[str] = "softmax"
    takes_labels: ClassVar[bool] = True
    label_smoothing: float = 0.0
    ignore_label: int | None = None

    def __post_init__(self) -> None:
        keep_number(self, "label_smoothing", high=1.0)
        if self.ignore_label is not None:
            object.__setattr__(self, "ignore_label", as_int(self.ignore_label, "ignore_label", least=-MOST - 1))

    @property
    def settings(self) -> tuple[float, ...]:  # noqa: D102
        return (self.label_smoothing,)

    def as_targets(  # noqa: D102
        self,
        y: Any,
        name: str,
        outputs: tuple[int, ...],
        dtype: str,
        there: Any = ...,
        no_label: int | None = None,
    ) -> tuple[Array, Any]:
        array = as_real(y, name)
        if array.shape == outputs[:-1] and array.dtype.kind in "biu":
            labels, there = self.labelled(array, name, outputs[:-1], there, no_label)
            return as_labels(labels, name, outputs[-1]), there
        if self.ignore_label is not None:
            raise ValueError(
                f"{name} must be integer labels of shape {outputs[:-1]} with ignore_label; "
                f"received {array.shape} of dtype {array.dtype}"
            )
        targets, there = super().as_targets(y, name, outputs, dtype, there, no_label)
        rows = targets[there]
        totals = rows.sum(axis=-1)
        if rows.min() < 0 or abs(totals - 1).max() > 1e-3:
            raise ValueError(
                f"{name} must hold distributions, numbers from 0 on that add up to 1 in each row; received numbers "
                f"from {rows.min():g} on, and rows that add up to {totals.min():g} to {totals.max():g}"
            )
        return targets, there

    def _described(self, axes: str, rank: int, width: int) -> str:
        return f"({axes}, {width}) or integer labels ({axes}{',' * (rank == 1)})"

    def check_outputs(self, shape: tuple[int, ...]) -> None:  # noqa: D102
        if shape[-1] < 2:
            raise ValueError(
                "the network must end in an output for each class with cross_entropy, Dense(2) for yes and no; it ends "
                "in one, which binary_cross_entropy takes, or squared_error"
            )

    def tell_classes(self, targets: Array) -> bool:  # noqa: D102
        return True

    def predictions(self, outputs: Array) -> Array:  # noqa: D102
        odds = np.exp(outputs.astype(float) - outputs.max(axis=-1, keepdims=True))
        probabilities: Array = odds / odds.sum(axis=-1, keepdims=True)
        return probabilities
