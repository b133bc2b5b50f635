"""Losses of numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .. import _core
from .._settings import keep_number
from .._types import Array
from .._validation.arrays import precision
from .._validation.values import as_list, as_number
from .fused import Fused


class SquaredError(Fused):
    """Half the squared errors, summed over each row (article 2, the linear unit's objective).

    It is F / 2 times PyTorch's ``MSELoss``, where F is the number of outputs.
    """

    name: ClassVar[str] = "squared_error"


class AbsoluteError(Fused):
    """Absolute errors, summed over each row.

    It is F times PyTorch's ``L1Loss``, where F is the number of outputs.
    """

    name: ClassVar[str] = "absolute_error"


@dataclass(eq=False, repr=False)
class Huber(Fused):
    """Half the squared errors up to ``delta``, and linear beyond, summed over each row (Huber 1964).

    It is F times PyTorch's ``HuberLoss``, where F is the number of outputs.

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


@dataclass(eq=False, repr=False)
class Quantile(Fused):
    """The pinball loss, which learns quantiles of each target, summed over each row (Koenker and Bassett 1978).

    For a level q, an output below its target costs q times the error, and one above it (1 - q) times. The mean is
    smallest if a share q of the targets lies below. Targets (N, H), or (N,) for one, are compared with outputs (N, H
    levels), in which the levels of each target stand side by side, ``outputs.reshape(N, H, len(levels))``. With time
    steps there is an axis T after N.

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

    def tell_classes(self, targets: Array, outputs: int) -> bool:  # noqa: D102
        return False


class Poisson(Fused):
    """The Poisson loss for counts t, with outputs y the logarithms of rates: e^y - t y, summed over each row.

    This is the negative log-likelihood of the Poisson distribution without log t!, which does not depend on y, and F
    times PyTorch's ``PoissonNLLLoss``, where F is the number of outputs. Targets are not negative. If e^y overflows, at
    y above about 88 in float32 and 709 in float64, the loss is not finite.
    """

    name: ClassVar[str] = "poisson"

    def check_numbers(self, rows: Array, name: str) -> None:  # noqa: D102
        if not _core.load(precision(rows)).are_within(rows, 0, np.inf):
            raise ValueError(f"{name} must hold counts, numbers from 0 on, with poisson; received {rows.min():g}")

    def tell_classes(self, targets: Array, outputs: int) -> bool:  # noqa: D102
        return False

    def predictions(self, outputs: Array) -> Array:  # noqa: D102
        with np.errstate(over="ignore"):
            rates: Array = np.exp(outputs.astype(float))
        return rates
