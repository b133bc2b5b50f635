"""Passes over a user's own batches, of which the next is made while the core works on the last."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from math import inf
from time import perf_counter
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from .agreement import check_shares
from .examples import Examples, figures_of
from .machines import Machines
from .state import TrainingState
from .stepping import BLOCK_SECONDS, means
from .steps import step_on
from .stream import Stream

if TYPE_CHECKING:
    from ..callbacks import Callback
    from ..losses import Loss
    from ..sequential import Sequential


@dataclass(eq=False, repr=False)
class Batches:
    """Passes of a call of `fit` over an iterable of batches.

    Attributes
    ----------
    figures : list of str
        The names of the figures that a pass may have.
    samples : int
        0, as their number is not known.
    work : float
        Infinite, as it is not known either.
    data : None
        None, as there are no samples before a batch comes.
    """

    net: Sequential
    state: TrainingState
    loss: Loss
    stream: Stream[Examples]
    machines: Machines
    figures: ClassVar[list[str]] = ["loss", "accuracy"]
    samples: ClassVar[int] = 0
    work: ClassVar[float] = inf
    data: ClassVar[None] = None

    def take(self, epoch: int, last: int, watchers: list[Callback]) -> dict[str, float]:
        """Train on each batch once, and give the figures; callbacks have their turn ten times a second."""
        net, machines, sums, done, found = self.net, self.machines, np.zeros(3), 0, dict[str, float]()
        classes = True  # as long as those of all batches are
        with net.turn.lock:
            seed = net.draw()
            net.reset_state()
        shown = perf_counter()
        with closing(self.stream.checked()) as examples:  # whatever ends the loop also ends the making of batches
            for data in examples:
                check_shares(machines, net, self.loss, len(data), len(data))
                rates = self.state.rates(1)
                machines.agree_on_steps(1, rates, data)
                with net.turn.lock:
                    states = net.states_for(len(data))
                    sums += step_on(net, self.state, self.loss, data, seed + done, rates[0], states, machines)
                done += len(data)
                classes = classes and data.classes
                found = figures_of(classes, *means(*sums.tolist()))
                if machines.first(perf_counter() - shown) > BLOCK_SECONDS:
                    for watcher in watchers:
                        watcher.on_batch_block(net, done, 0, {"epoch": epoch, **found})
                    shown = perf_counter()
        machines.check_end()
        for watcher in watchers:
            watcher.on_batch_block(net, done, done, {"epoch": epoch, **found})
        return found
