"""The state of a training, which copies, pickles and files take along."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .._threads import get_num_threads
from .._types import Array
from .._warning import warn
from ..callbacks.base import Callback
from ..callbacks.keeping import Kept, kept_of
from ..losses import CrossEntropy, Loss
from ..optimizers import SGD, Optimizer
from ..optimizers.choice import check_optimizer

if TYPE_CHECKING:
    from ..callbacks import EMA
    from ..sequential import Sequential

Moments = Array  # (K, P), a row for each moment that the optimizer keeps


@dataclass(eq=False, repr=False)
class TrainingState:
    """The state that a network keeps between calls of `fit` or `train_on_batch`, besides its parameters.

    Attributes
    ----------
    loss : Loss, or None of a file that could not hold it
    optimizer : Optimizer
    counter : ndarray of int64, shape (1,)
        The number of steps taken. The core counts each as it is done.
    moments : ndarray, shape (K, P), or None before the first call
    average : EMA, or None
        The average to which the core adds the parameters after each step.
    epochs : int
        The epochs that the last call of `fit` has finished, ``initial_epoch`` included.
    watchers : sequence of Callback
        The callbacks of the call of `fit` that is training.
    settings : dict
        What loggers read about the call of `fit` that is training.
    error : BaseException or None
        The error that ends it, which callbacks see in `on_fit_end`.
    kept : list of Kept
        The states of the callbacks of the last call.
    """

    loss: Loss | None = field(default_factory=CrossEntropy)
    optimizer: Optimizer = field(default_factory=lambda: SGD(0.01, momentum=0.9))
    counter: Array = field(default_factory=lambda: np.zeros(1, np.int64))
    moments: Moments | None = None
    average: EMA | None = None
    epochs: int = 0
    watchers: Sequence[Callback] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    error: BaseException | None = None
    kept: list[Kept] = field(default_factory=list)

    @property
    def steps(self) -> int:
        """The number of steps taken."""
        steps: int = self.counter.item()
        return steps

    def following(self, loss: Loss | None, optimizer: Any, net: Sequential) -> TrainingState:
        """Return the state from which a call with this loss and this optimizer begins; None means the last ones.

        It continues with the same moments, or starts with new ones (`Optimizer.goes_on_from`). The states of callbacks
        stay either way.
        """
        loss, optimizer = loss or self.loss, self.optimizer if optimizer is None else optimizer
        if self.moments is not None and loss is self.loss and optimizer is self.optimizer:
            return self
        check_optimizer(optimizer)
        if self.moments is not None and optimizer.goes_on_from(self.optimizer):
            return replace(self, loss=loss, optimizer=optimizer, counter=self.counter.copy())
        moments = zero_moments(optimizer, net.parameters.size, net.dtype)
        return TrainingState(loss, optimizer, moments=moments, epochs=self.epochs, kept=self.kept)

    def callbacks(self) -> list[Kept]:
        """Return the states of callbacks, from which a further call of `fit` continues."""
        return kept_of(self.watchers) if self.watchers else self.kept

    def rest(self) -> None:
        """Keep the states of the callbacks of a call of `fit` that has ended."""
        try:
            self.kept = self.callbacks()
        finally:  # even if one of them cannot tell its state
            self.watchers, self.settings, self.error = (), {}, None

    @property
    def knows_rates(self) -> bool:
        """Whether the rate is a number or a schedule of fastdl's, so that it may be computed long before it is used."""
        optimizer = self.optimizer
        if type(optimizer).rates is not Optimizer.rates:
            return False
        if not callable(optimizer.lr):
            return True
        from ..schedules import is_known  # most trainings do without it

        return is_known(optimizer.lr)

    def rates(self, count: int, passes: int = 1) -> Array:
        """Return the learning rates of the next passes of ``count`` steps each."""
        optimizer, count = self.optimizer, count * passes
        if type(optimizer).rates is Optimizer.rates and not callable(optimizer.lr):
            return optimizer.rates(self.steps, count)  # numbers, checked when they were set
        rates = np.asarray(optimizer.rates(self.steps, count), dtype=float)
        if rates.shape != (count,):
            raise ValueError(f"the optimizer's rates must have shape ({count},); received {rates.shape}")
        least, most = rates.min(), rates.max()
        if not (least >= 0 and most < np.inf):
            raise ValueError(f"lr must give finite rates, not below 0; gave {least} to {most}")
        highest = rates.reshape(passes, -1).max(axis=1)
        if callable(optimizer.lr) and not highest[0 if self.steps else 1 :].all():  # the first one may be a warm-up's
            warn(
                "lr gives 0 for all of the next steps, so that nothing is learned: an equal optimizer goes on where it "
                "was, and a schedule that has ended stays so",  # the same text each time, so that Python shows it once
            )
        return rates

    def next_rate(self) -> float:
        """Return the learning rate of the next step."""
        optimizer = self.optimizer
        if type(optimizer).rates is Optimizer.rates and not callable(optimizer.lr):
            return optimizer.lr
        return float(self.rates(1)[0])

    def follow_gradients(self, plan: Any, rate: float) -> bool:
        """Update a plan's parameters by the present gradients, and count that as a step, if it is finite."""
        finite: bool = plan.step(rate, self.counter, self.optimizer.rule, self.moments, get_num_threads(), self.average)
        return finite


def zero_moments(optimizer: Optimizer, size: int, dtype: str) -> Moments:
    """Return the initial moments of an optimizer of this number of parameters."""
    count = optimizer.moments
    moments: Moments = _core.load(dtype).aligned_zeros(count * size).reshape(count, size)
    return moments
