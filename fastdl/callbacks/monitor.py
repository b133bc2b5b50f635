"""A watched figure, and its best value so far."""

from __future__ import annotations

import math
from typing import Any

from .._hints.names import hint_of_value
from .._validation.values import as_choice, as_number
from ..metrics.choice import known_figures, mode_of
from .base import Callback


class Monitor:
    """A figure, and the epoch at which it was best.

    Parameters
    ----------
    figure : str
    mode : {"min", "max"}, optional
        Whether it is to be low or high, if its name does not say so.
    min_delta : float
        Only what is better by more than this counts as better.

    Attributes
    ----------
    epoch : int
        The epoch at which it was best, counted from 1; 0 before the first.
    best : float
    """

    def __init__(self, figure: str, mode: str | None = None, min_delta: float = 0.0) -> None:
        if not isinstance(figure, str):
            raise TypeError(f"monitor must be the name of a figure; received {figure!r}")
        better = mode_of(figure) if mode is None else mode
        if better is None:
            raise ValueError(
                f"mode of monitor {figure!r} must be one of min, max, as its name does not tell which is better; "
                f"received None{hint_of_value(figure, known_figures())}"
            )
        if mode is not None:
            as_choice(mode, f"mode of monitor {figure!r}", ("min", "max"))
        self.figure, self.mode = figure, better
        self.min_delta: float = as_number(min_delta, "min_delta")
        self.forget()

    def forget(self) -> None:
        """Forget all epochs."""
        self.epoch, self.best = 0, math.inf if self.mode == "min" else -math.inf

    def value(self, logs: dict[str, Any]) -> float:
        """Return the figure of an epoch."""
        if self.figure not in logs:
            raise ValueError(f"monitor must be one of {', '.join(logs)}; received {self.figure!r}")
        return float(logs[self.figure])

    def is_better(self, value: float, than: float) -> bool:
        """Return whether a value is better than the best; NaN is worse than any other."""
        if math.isnan(than):
            return not math.isnan(value)
        return value < than - self.min_delta if self.mode == "min" else value > than + self.min_delta

    def is_best(self, value: float) -> bool:
        """Return whether a value is the best so far, as the first one is."""
        return not self.epoch or self.is_better(value, self.best)

    def see(self, epoch: int, logs: dict[str, Any]) -> bool:
        """Note an epoch, and tell whether it is the best so far."""
        value = self.value(logs)
        if not self.is_best(value):
            return False
        self.epoch, self.best = epoch, value
        return True

    def get_state(self) -> dict[str, Any]:
        """Return the state as plain data."""
        return {"monitor": self.figure, "mode": self.mode, "epoch": self.epoch, "best": self.best}

    def set_state(self, state: dict[str, Any]) -> bool:
        """Continue from a state and give True if it is of the same figure; otherwise start anew."""
        if (state["monitor"], state["mode"]) != (self.figure, self.mode):
            return False
        self.epoch, self.best = state["epoch"], state["best"]
        return True


class Watching(Callback):
    """A callback that watches a figure."""

    _monitor: Monitor

    @property
    def monitor(self) -> str:
        """The figure."""
        return self._monitor.figure

    @property
    def mode(self) -> str:
        """Whether it is to be low, "min", or high, "max"."""
        return self._monitor.mode

    @property
    def min_delta(self) -> float:
        """Only what is better by more than this counts as better."""
        return self._monitor.min_delta

    def reads(self) -> dict[str, str]:  # noqa: D102
        return {self.monitor: "monitor"}
