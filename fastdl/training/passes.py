"""Passes over samples in arrays: several in one call of the core if nothing runs between them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from .._types import Array
from ..callbacks import Callback
from ..losses import Loss
from .examples import Examples
from .machines import Machines
from .mixup import mixed
from .state import TrainingState
from .stepping import BLOCK_SECONDS, Pace, means, take_block, take_pass
from .steps import Steps

if TYPE_CHECKING:
    from ..sequential import Sequential


_SLOW = 1e9  # operations a second; cores do ten to a hundred times as many
_SAMPLES = 1 << 16  # of all passes in one call: the orders of more take more memory than saving a call is worth


@dataclass(eq=False, repr=False)
class Passes:
    """The passes of a call of `fit`, each over all samples in its own order.

    Attributes
    ----------
    batch : int
        The number of samples in a step, at most.
    watched : bool
        Whether something besides callbacks runs between two passes, such as a validation.
    """

    net: Sequential
    state: TrainingState
    loss: Loss
    data: Examples
    batch: int
    shuffle: bool
    mixup: float
    watched: bool
    machines: Machines
    _pace: Pace = field(default_factory=Pace, init=False)
    _figures: deque[dict[str, float]] = field(default_factory=deque, init=False)  # passes not given yet
    _error: BaseException | None = field(default=None, init=False)  # that ended the passes

    @property
    def figures(self) -> list[str]:
        """The figures of a pass."""
        return list(self.data.figures(0.0, 0.0))

    @property
    def samples(self) -> int:
        """The number of samples."""
        return len(self.data)

    @property
    def work(self) -> float:
        """The multiply-adds of a forward pass over them."""
        return len(self.data.samples.x) * float(self.net.plan_for(self.data.samples.shape).work)

    @property
    def steps(self) -> int:
        """The number of steps in a pass."""
        return -(-len(self.data) // self.batch)

    def take(self, epoch: int, last: int, watchers: list[Callback]) -> dict[str, float]:
        """Return the figures of the next pass, and its seconds too if it was taken together with others."""
        if not self._figures:
            if self._error is not None:
                try:
                    raise self._error
                finally:
                    self._error = None  # its frames hold the network
            self._take(epoch, 1 if watchers else self._together(last + 1 - epoch), watchers)
        return self._figures.popleft()

    def _together(self, left: int) -> int:
        """Return how many passes to take in one call: as many as fill a block, if nothing needs to run between them."""
        looks = self.watched or self.machines.core is not None
        anew = self.mixup or self.net.stateful or not self.data.samples.are_ready
        if looks or anew or not (self.loss.is_fused and self.state.knows_rates):  # a user's function may look, or raise
            return 1
        # A backward pass takes twice as long as a forward one, and an optimizer some twenty operations a parameter; a
        # network may have neither.
        operations = max(1.0, 6 * self.work + 20.0 * self.net.parameters.size * self.steps)
        quick = int(BLOCK_SECONDS * _SLOW / operations)  # surely done in time, without having measured a pass
        return max(1, min(left, max(quick, self._pace.block // self.steps), _SAMPLES // len(self.data)))

    def _take(self, epoch: int, count: int, watchers: list[Callback]) -> None:
        net, state, steps, batch = self.net, self.state, self.steps, self.batch
        with net.turn.lock:
            rates = state.rates(steps, count)
            before = net.generator.bit_generator.state if count > 1 else {}
            order, seeds, examples = self._drawn(count)
            plan, states = net.plan_for(self.data.samples.shape), net.states_for(batch)
        run = Steps(net, plan, state, self.loss, examples, order, batch, seeds, states, self.machines).run
        if count == 1:
            figures = take_pass(
                net, state, run, rates, samples=len(self.data), batch=batch, figures=self.data.figures, epoch=epoch,
                watchers=watchers, states=states, pace=self._pace, machines=self.machines,
            )  # fmt: skip
            self._figures.append(figures)
            return
        records, begin, start = np.zeros((len(rates), 3)), state.steps, perf_counter()
        try:
            take_block(net, state, run, rates, records, pace=self._pace)
        except BaseException as error:  # raised once the passes before it have been given
            count = (state.steps - begin) // steps
            net.generator.bit_generator.state = before
            self._drawn(count + 1)
            if not count:
                raise
            self._error = error
        seconds = (perf_counter() - start) / count
        for sums in np.add.reduce(records.reshape(-1, steps, 3)[:count], axis=1).tolist():
            self._figures.append({**self.data.figures(*means(*sums)), "seconds": seconds})

    def _drawn(self, count: int) -> tuple[Array, Array, Examples]:
        """Draw an order and a seed for each of ``count`` passes, and reset the states."""
        net, samples, examples = self.net, len(self.data), self.data
        order, seeds = np.empty((count, samples), np.int64), np.empty(count, np.uint64)
        for k in range(count):
            order[k] = net.generator.permutation(samples) if self.shuffle else np.arange(samples)
            if self.mixup:
                examples = mixed(self.data, self.mixup, net.generator)
            seeds[k] = net.draw()
        net.reset_state()
        return order, seeds, examples
