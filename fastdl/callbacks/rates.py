"""Learning rates set epoch by epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .._hints.attributes import is_function
from .._validation.values import as_int, as_number
from .base import Callback
from .monitor import Monitor, Watching

if TYPE_CHECKING:
    from ..optimizers import Optimizer
    from ..sequential import Sequential


class LearningRateSchedule(Callback):
    """Sets the learning rate of each epoch. For one that changes at each step, give the optimizer a schedule.

    Parameters
    ----------
    schedule : callable
        Takes an epoch, counted from 0 as steps are, and returns its rate: ``lambda epoch: 0.1 * 0.5 ** (epoch // 10)``,
        or one of `fastdl.schedules`, whose steps then are epochs.
    """

    def __init__(self, schedule: Callable[[int], float]) -> None:
        if not is_function(schedule):
            raise TypeError(f"schedule must be a function of the epoch; received {schedule!r}")
        self.schedule = schedule

    def on_fit_begin(self, net: Sequential, epochs: int, samples: int) -> None:
        """Check that nothing else sets the rate."""
        _fixed_rate(self, net)
        kinds = (LearningRateSchedule, ReduceLROnPlateau)
        if others := [one for one in net.training_state.watchers if isinstance(one, kinds) and one is not self]:
            raise ValueError(
                f"callbacks must hold nothing else that sets the rate beside a LearningRateSchedule; received a "
                f"{type(others[0]).__name__} too"
            )

    def on_epoch_begin(self, net: Sequential, epoch: int) -> None:
        """Set the rate of the epoch."""
        rate = as_number(self.schedule(epoch - 1), f"the rate that schedule gives epoch {epoch - 1}")
        net.training_state.optimizer.lr = rate


class ReduceLROnPlateau(Watching):
    """Lowers the learning rate when training no longer improves.

    Parameters
    ----------
    monitor : str
        The name of a figure, such as val_loss; it may be one that an earlier callback adds.
    mode : {"min", "max"}, optional
        Whether lower or higher is better; needed only for figures whose names do not tell.
    factor : float
        What the rate is multiplied by.
    patience : int
        It is lowered after this many epochs in a row without improvement.
    min_delta : float
        Only what is better by more than this counts as better.
    cooldown : int
        This many epochs after that do not use up patience.
    min_lr : float
        The rate is not lowered below this.

    Notes
    -----
    It sets the optimizer's ``lr``, which keeps its value for further training with this optimizer. A training that
    continues (``initial_epoch``) does so at the lowered rate.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        *,
        mode: str | None = None,
        factor: float = 0.1,
        patience: int = 10,
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        self._monitor = Monitor(monitor, mode, min_delta)
        self.factor: float = as_number(factor, "factor", high=1.0)
        if self.factor == 1:
            raise ValueError(f"factor must be below 1; received {factor!r}")
        self.patience, self.cooldown = as_int(patience, "patience"), as_int(cooldown, "cooldown", least=0)
        self.min_lr: float = as_number(min_lr, "min_lr")
        self._waited = self._resting = 0
        self._lowered: Optimizer | None = None  # the optimizer, once its rate has been lowered

    def on_fit_begin(self, net: Sequential, epochs: int, samples: int) -> None:
        """Forget an earlier training."""
        _fixed_rate(self, net)
        self._monitor.forget()
        self._waited, self._resting, self._lowered = 0, 0, None

    def on_epoch_end(self, net: Sequential, epoch: int, logs: dict[str, Any]) -> None:
        """Compare."""
        better, rate = self._monitor.see(epoch, logs), _fixed_rate(self, net)
        rests, self._resting = self._resting > 0, max(self._resting - 1, 0)
        self._waited = 0 if better or rests else self._waited + 1
        if self._waited >= self.patience and rate > self.min_lr:
            self._lowered = net.training_state.optimizer
            self._lowered.lr = max(rate * self.factor, self.min_lr)
            self._waited, self._resting = 0, self.cooldown

    def get_state(self) -> dict[str, Any]:  # noqa: D102
        rate = None if self._lowered is None else self._lowered.lr  # which another callback may have set since
        return {**self._monitor.get_state(), "waited": self._waited, "resting": self._resting, "lr": rate}

    def set_state(self, net: Sequential, state: dict[str, Any]) -> None:  # noqa: D102
        if self._monitor.set_state(state):
            self._waited, self._resting = state["waited"], state["resting"]
            if state["lr"] is not None:
                self._lowered = net.training_state.optimizer
                self._lowered.lr = state["lr"]


def _fixed_rate(callback: Callback, net: Sequential) -> float:
    """Return the optimizer's rate, which must be a number."""
    rate = net.training_state.optimizer.lr
    if callable(rate):
        raise ValueError(f"lr must be a number with {type(callback).__name__}, which sets it; received {rate!r}")
    return rate
