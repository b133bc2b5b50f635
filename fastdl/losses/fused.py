"""The base of the losses that the core computes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from .. import _core
from .._settings import Settings
from .._types import Array, Mask, Shape
from .._validation.arrays import as_array, as_real, precision
from .base import Loss, Measured, Rows, check_samples, named


@lru_cache(maxsize=64)
def _numbers(settings: tuple[float, ...]) -> Array:
    return np.array(settings or (0.0,))


@dataclass(eq=False, repr=False)
class Fused(Settings, Loss):
    """A loss that is a row of the core's table.

    Attributes
    ----------
    name : str
        The name of the row (`src/kernels/losses.pxi`).
    settings : tuple of float
        The numbers that the row reads.
    """

    is_fused: ClassVar[bool] = True
    name: ClassVar[str]

    @property
    def settings(self) -> tuple[float, ...]:
        """The settings that the core needs besides the name."""
        return ()

    @property
    def numbers(self) -> Array:
        """The settings as the core reads them, or a 0 if there are none."""
        return _numbers(self.settings)  # not kept in the loss, which must not change by being used

    def __call__(self, outputs: Any, targets: Any) -> tuple[Array, Array]:
        """Return the loss of each row, (N,) or (N, T), and the gradient of their sum, of the outputs' shape.

        Parameters
        ----------
        outputs : array_like, shape (N, F) or (N, T, F)
        targets : array_like
            As `fit` takes them.
        """
        y = as_array(outputs, "outputs")
        if y.ndim not in (2, 3):
            raise ValueError(f"outputs must have shape (N, F) or (N, T, F); received {y.shape}")
        checked, mask = self.as_targets(targets, "targets", Rows(y.shape[:-1], y.shape[-1], precision(y)))
        values, _, gradient, _ = self._of_rows(y, checked)
        values, gradient = values.reshape(y.shape[:-1]), gradient.reshape(y.shape)
        if mask is not ...:
            values[~mask], gradient[~mask] = 0, 0
        return values, gradient

    def measure(self, outputs: Array, targets: Array, weights: Array | None = None) -> Measured:  # noqa: D102
        values, total, gradient, hits = self._of_rows(outputs, targets, weights, len(outputs))
        return Measured(total / len(values), gradient, hits)

    def _of_rows(
        self, outputs: Array, targets: Array, weights: Array | None = None, over: int = 1
    ) -> tuple[Array, float, Array, float]:
        """Return the weighted losses, their sum, its gradient divided by a number, and the hits."""
        rows = outputs.reshape(-1, outputs.shape[-1])
        targets = targets.reshape(-1) if targets.dtype == np.int64 else targets.reshape(len(rows), -1)
        found: tuple[Array, float, Array, float] = _core.load(precision(outputs)).losses_of_rows(
            self, rows, targets, weights, over
        )
        return found

    def as_targets(self, y: Any, name: str, rows: Rows) -> tuple[Array, Mask]:  # noqa: D102
        axes, dtype, width = rows.axes, rows.dtype, self.target_width(rows.outputs)
        if rows.mask is ... and _core.load(dtype).is_ready(y, (*axes[1:], width)) and len(y) == axes[0]:
            self.check_numbers(y, name)
            return y, ...  # as most are, without a look at what else they might be
        array = as_real(y, name)
        check_samples(array, name, axes[0])
        array, mask = self.labelled(array, rows)
        if width == 1 and array.shape == axes:
            array = array[..., None]
        if array.shape != (*axes, width):
            raise ValueError(
                f"{name} must have shape {self.described(axes, width)}; received {array.shape} of dtype {array.dtype}"
            )
        numbers = as_array(array, name, dtype)
        self.check_numbers(numbers if mask is ... else numbers[mask], name)
        return numbers, mask

    def check_numbers(self, rows: Array, name: str) -> None:
        """Check targets of rows that count, numbers (..., F)."""

    def target_width(self, outputs: int) -> int:
        """Return how many numbers a row of targets has, for this number of outputs."""
        return outputs

    def described(self, axes: Shape, width: int) -> str:
        """Describe targets of rows with these axes."""
        without = f" or ({named(axes)}{',' * (len(axes) == 1)})" if width == 1 else ""
        return f"({named(axes)}, {width}){without}"

    def get_config(self) -> Any:  # noqa: D102
        config = super().get_config()
        return self.name if len(config) == 1 or self == type(self)() else config
