"""The base of all metrics, and the rows that they compare."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from .._types import Array, ArrayLike
from .._validation.arrays import as_real


class Metric:
    """A number that tells how good outputs are; NaN if an output is not finite.

    Attributes
    ----------
    name : str
        The name of its figure.
    higher_is_better : bool
    """

    name: ClassVar[str]
    higher_is_better: ClassVar[bool] = True

    def __call__(self, targets: ArrayLike, outputs: ArrayLike) -> float:
        """Measure.

        Parameters
        ----------
        targets : array_like
            Integer labels (N,) of outputs for classes, or numbers of the outputs' shape.
        outputs : array_like, shape (N, F), or (N,) for one
            Outputs on the targets' scale; a single output for a yes or no is a probability. With an axis of steps
            (N, T, F), targets have it too.
        """
        wanted, y = as_rows(targets, outputs)
        self.check(wanted, y.shape[1])
        return float(self.compute(wanted, y)) if np.isfinite(y).all() else math.nan

    def check(self, targets: Array, outputs: int) -> None:
        """Check that targets, labels (n,) or numbers (n, F), fit rows with this number of outputs."""
        raise NotImplementedError(f"{type(self).__name__} must check targets")

    def compute(self, targets: Array, outputs: Array) -> float:
        """Measure checked rows of finite outputs (n, F)."""
        raise NotImplementedError(f"{type(self).__name__} must measure")


def as_rows(targets: Any, outputs: Any) -> tuple[Array, Array]:
    """Return labels (n,), or numbers (n, F), and outputs (n, F); what is not whole in float64, as means need it."""
    wanted, y = as_real(targets, "targets"), as_real(outputs, "outputs").astype(float, copy=False)
    if wanted.dtype.kind == "f":
        wanted = wanted.astype(float, copy=False)
    if y.ndim == 1:
        y = y[:, None]
    if y.ndim not in (2, 3) or not y.size:
        raise ValueError(f"outputs must have shape (N,), (N, F) or (N, T, F), and not be empty; received {y.shape}")
    rows, width = y.shape[:-1], y.shape[-1]
    if width == 1 and wanted.shape == rows:
        wanted = wanted[..., None]
    if wanted.shape not in (rows, y.shape):
        raise ValueError(f"targets must have shape {rows} or {y.shape} beside the outputs; received {wanted.shape}")
    return wanted.reshape((-1, width) if wanted.shape == y.shape else -1), y.reshape(-1, width)
