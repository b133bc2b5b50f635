"""Ends trainings that no longer improve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._types import Array
from .._validation.values import as_int, as_number
from .checks import as_parameters
from .monitor import Monitor, Watching

if TYPE_CHECKING:
    from ..sequential import Sequential


class EarlyStopping(Watching):
    """Ends training that no longer improves, and restores the parameters of its best epoch.

    Parameters
    ----------
    monitor : str
        The name of a figure, such as val_loss; it may be one that an earlier callback adds.
    mode : {"min", "max"}, optional
        Whether lower or higher is better; needed only for figures whose names do not tell.
    patience : int
        Training ends after this many epochs in a row without improvement.
    min_delta : float
        Only what is better by more than this counts as better.
    baseline : float, optional
        Epochs no better than this value count as without improvement, though the best of them is what is restored.
    start_from_epoch : int
        The first epoch to consider, counted from 1: earlier ones are neither the best nor use up patience.

    Attributes
    ----------
    best_epoch : int
        Counted from 1; 0 before the first.
    best : float
        The figure of that epoch.
    waited : int
        The number of epochs without improvement since then.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        *,
        mode: str | None = None,
        patience: int = 3,
        min_delta: float = 0.0,
        baseline: float | None = None,
        start_from_epoch: int = 1,
    ) -> None:
        self._monitor = Monitor(monitor, mode, min_delta)
        self.patience: int = as_int(patience, "patience")
        self.baseline = None if baseline is None else as_number(baseline, "baseline", low=-float("inf"))
        self.start_from_epoch: int = as_int(start_from_epoch, "start_from_epoch")
        self.waited = 0
        self._parameters: Array | None = None

    @property
    def best_epoch(self) -> int:  # noqa: D102
        return self._monitor.epoch

    @property
    def best(self) -> float:  # noqa: D102
        return self._monitor.best

    def on_fit_begin(self, net: Sequential, epochs: int, samples: int) -> None:
        """Forget an earlier training."""
        self._monitor.forget()
        self.waited, self._parameters = 0, None

    def on_epoch_end(self, net: Sequential, epoch: int, logs: dict[str, Any]) -> bool:
        """Compare."""
        if epoch < self.start_from_epoch:
            return False
        value = self._monitor.value(logs)
        better = self._monitor.is_best(value)
        if better:
            self._parameters = net.parameters.copy()  # first, as Ctrl-C may come while they are copied
            self._monitor.see(epoch, logs)
        counts = better and (self.baseline is None or self._monitor.is_better(value, self.baseline))
        self.waited = 0 if counts else self.waited + 1
        return self.waited >= self.patience

    def on_fit_end(self, net: Sequential) -> None:
        """Restore the best parameters, if there was an epoch."""
        if self._parameters is not None:
            with net.turn.lock:
                net.parameters[...] = self._parameters
                net.turn.count_change()

    def get_state(self) -> dict[str, Any]:  # noqa: D102
        state = {**self._monitor.get_state(), "waited": self.waited}
        return state if self._parameters is None else {**state, "parameters": self._parameters}

    def set_state(self, net: Sequential, state: dict[str, Any]) -> None:  # noqa: D102
        if self._monitor.set_state(state):
            self.waited = state["waited"]
            if "parameters" in state:
                self._parameters = as_parameters(net, state["parameters"])
