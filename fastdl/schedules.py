"""Learning rates as functions of the step, which counts from 0."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any

from ._hints.names import hinting_getattr
from ._settings import Settings, keep_int, keep_number, make

__all__ = ["constant", "cosine", "from_config", "one_cycle", "step"]

if not TYPE_CHECKING:
    __getattr__ = hinting_getattr(__name__, __all__)


@dataclass(eq=False, repr=False)
class constant(Settings):
    """The same rate at every step.

    Parameters
    ----------
    lr : float
    """

    lr: float

    def __post_init__(self) -> None:
        keep_number(self, "lr")

    def __call__(self, step: int) -> float:
        """Return the rate of a step."""
        return self.lr


@dataclass(eq=False, repr=False)
class step(Settings):
    """A rate that is multiplied by ``factor`` after every ``every`` steps.

    Parameters
    ----------
    lr : float
        The rate of the first step.
    every : int
        The number of steps between reductions.
    factor : float
    """

    lr: float
    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        keep_number(self, "lr")
        keep_int(self, "every")
        keep_number(self, "factor")

    def __call__(self, step: int) -> float:
        """Return the rate of a step."""
        try:
            return self.lr * self.factor ** (step // self.every)
        except OverflowError:
            return math.inf


@dataclass(eq=False, repr=False)
class cosine(Settings):
    """A rate that rises linearly to ``lr`` over ``warmup`` steps, then falls along half a cosine to ``final``.

    Parameters
    ----------
    lr : float
        The highest rate.
    steps : int
        All steps, those of the warm-up included. Later steps keep ``final``.
    warmup : int
    final : float
        The last rate.

    Notes
    -----
    Loshchilov and Hutter 2017, without restarts.
    """

    lr: float
    steps: int
    _: KW_ONLY
    warmup: int = 0
    final: float = 0.0

    def __post_init__(self) -> None:
        keep_number(self, "lr")
        keep_int(self, "steps")
        keep_number(self, "final")
        if keep_int(self, "warmup", least=0) > self.steps:
            raise ValueError(f"warmup must be at most steps, {self.steps}; received {self.warmup}")

    def __call__(self, step: int) -> float:
        """Return the rate of a step."""
        if step < self.warmup:
            return self.lr * (step + 1) / self.warmup
        if step >= self.steps:
            return self.final
        return _fall(self.lr, self.final, (step - self.warmup) / (self.steps - self.warmup))


@dataclass(eq=False, repr=False)
class one_cycle(Settings):
    """A rate that goes up to ``lr`` and down to nearly nothing, each along half a cosine.

    Parameters
    ----------
    lr : float
        The highest rate.
    steps : int
        All steps. Later ones keep the last rate.
    rise : float
        The fraction of the steps that go up.
    start_factor, final_factor : float
        What ``lr`` is multiplied by at the first and at the last step, from 0 to 1.

    Notes
    -----
    Smith and Topin 2018.
    """

    lr: float
    steps: int
    _: KW_ONLY
    rise: float = 0.3
    start_factor: float = 0.04
    final_factor: float = 1e-4

    def __post_init__(self) -> None:
        keep_number(self, "lr")
        keep_int(self, "steps")
        for name in ("rise", "start_factor", "final_factor"):
            keep_number(self, name, high=1.0)

    def __call__(self, step: int) -> float:
        """Return the rate of a step."""
        top, last = self.rise * self.steps, self.steps - 1
        step = min(step, last)
        if step < top:
            return _fall(self.lr * self.start_factor, self.lr, step / top)
        return _fall(self.lr, self.lr * self.final_factor, (step - top) / (last - top) if last > top else 0.0)


def _fall(start: float, end: float, part: float) -> float:
    """Interpolate from start to end along half a cosine."""
    return end + (start - end) * (1 + math.cos(math.pi * part)) / 2


_CLASSES = {c.__name__: c for c in (constant, step, cosine, one_cycle)}


def is_known(schedule: Any) -> bool:
    """Return whether a learning rate is one of these schedules."""
    return _CLASSES.get(type(schedule).__name__) is type(schedule)


def get_config(schedule: Callable[[int], float]) -> dict[str, Any]:
    """Return a schedule's class and arguments as plain data, which `from_config` takes back."""
    if not (isinstance(schedule, Settings) and is_known(schedule)):
        raise TypeError(f"lr must be a number or one of fastdl.schedules to be saved; received {schedule!r}")
    return schedule.get_config()


def from_config(config: dict[str, Any]) -> Callable[[int], float]:
    """Make a schedule from what its `get_config` gave.

    Parameters
    ----------
    config : dict
        The class and the arguments.

    Returns
    -------
    callable

    Raises
    ------
    TypeError, ValueError
        If it is of none of fastdl's, or of an argument that is unknown or wrong.
    """
    schedule: Callable[[int], float] = make(config, _CLASSES, "a schedule")
    return schedule
