"""A pass over the samples, in blocks of steps; whatever ends it leaves the network after a whole, finite step."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .._crew import check_ended
from .._threads import get_num_threads
from .._types import Array
from ..callbacks import Callback
from .divergence import DivergenceError
from .machines import ALONE, Machines
from .state import TrainingState

if TYPE_CHECKING:
    from ..sequential import Sequential

BLOCK_SECONDS = 0.1  # of steps in one call of the core: then callbacks, progress bars and Ctrl-C have their turn

# (first, rates, records): take a step for each rate, from step ``first`` of the passes on, and count it in the state
# once it is whole; record its sums over rows of the losses and of the hits, and its number of rows. The same call gives
# the same again, to the bit.
Run = Callable[[int, Array, Array], None]


class Pace:
    """The number of steps in a block, adapted from one pass to the next.

    Attributes
    ----------
    block : int
    """

    def __init__(self) -> None:
        self.block = 1

    def took(self, steps: int, seconds: float) -> None:
        """Adapt to the time that some steps took; blocks grow gradually."""
        self.block = max(1, int(min(8.0 * self.block, steps * BLOCK_SECONDS / max(seconds, 1e-9))))


def take_pass(
    net: Sequential,
    state: TrainingState,
    run: Run,
    rates: Array,
    *,
    samples: int,
    batch: int,
    figures: Callable[[float, float], dict[str, float]],
    epoch: int,
    watchers: list[Callback],
    states: Array | None = None,
    pace: Pace | None = None,
    machines: Machines = ALONE,
) -> dict[str, float]:
    """Take a step for each batch of the samples, with callbacks after each block of them, and give the figures.

    A rate that a callback sets holds from the next block on. Without a pace each step is a block. Of several machines
    the first decides the length of blocks.
    """
    steps, done, lr = len(rates), 0, state.optimizer.lr
    records = np.zeros((steps, 3))
    found: dict[str, float] = {}
    while done < steps:
        if state.optimizer.lr is not lr:
            lr, rates = state.optimizer.lr, np.concatenate([rates[:done], state.rates(steps - done)])
        end = min(steps, done + machines.agree_on_steps(pace.block if pace else 1, rates[done:]))
        take_block(net, state, run, rates[done:end], records[done:end], done, states, pace)
        done = end
        if watchers or done == steps:
            found = figures(*means(np.add.reduce(records[:done])))
        for watcher in watchers:
            watcher.on_batch_block(net, min(done * batch, samples), samples, {"epoch": epoch, **found})
    return found


def means(sums: Array) -> tuple[float, float]:
    """Give the mean loss and the share of hits, from their sums over rows and the number of rows."""
    loss, hits, rows = sums.tolist()
    rows = max(rows, 1)  # of trees, there may be no node with a label so far
    return loss / rows, hits / rows


def take_block(
    net: Sequential,
    state: TrainingState,
    run: Run,
    rates: Array,
    records: Array,
    first: int = 0,
    states: Array | None = None,
    pace: Pace | None = None,
) -> None:
    """Take some steps together, from the ``first`` on."""
    with net.turn.lock:
        start = perf_counter()
        _Block(net, state, run, rates, records, first, states).take()
    if pace:
        pace.took(len(rates), perf_counter() - start)


def take_batch(net: Sequential, state: TrainingState, run: Run, rates: Array, states: Array | None) -> Array:
    """Take one step, and give its sums over rows of the losses and of the hits, and its number of rows."""
    records = np.zeros((1, 3))
    _Block(net, state, run, rates, records, 0, states).take()
    sums: Array = records[0]
    return sums


def take_step(net: Sequential, state: TrainingState, plan: Any, rates: Array) -> None:
    """Take one step with the present gradients."""

    def run(first: int, rates: Array, records: Array) -> None:
        state.follow_gradients(plan, rates[0])

    _Block(net, state, run, rates, np.zeros((1, 3)), 0, net.flat_states).take()


class _Block:
    """Some steps of a pass, taken together."""

    def __init__(
        self,
        net: Sequential,
        state: TrainingState,
        run: Run,
        rates: Array,
        records: Array,
        first: int,
        states: Array | None,
    ) -> None:
        self.net, self.state, self.states = net, state, states
        self._run, self._rates, self._records, self._first = run, rates, records, first
        average = None if state.average is None else state.average.values
        self._before = _core.load(net.dtype).Snapshot(net.parameters, state.moments, state.counter, states, average)

    def take(self) -> None:
        """Take the steps; whatever ends them leaves the network after a whole, finite step."""
        check_ended()
        net, turn, begin, steps = self.net, self.net.turn, self.state.steps, len(self._rates)
        turn.trained += 1  # a backward pass must not cross the beginning or the end of a block
        if self.states is not None:
            net.flat_states = self.states  # the core changes these with each step
        try:
            self._run(self._first, self._rates, self._records)
            if self._is_finite(steps):
                return
            self._go_back(steps)
        except BaseException:
            taken = self.state.steps - begin
            if turn.running:  # a signal handler calls this in the middle of a step, which continues
                raise
            if taken == 0:
                self._before.restore()
            elif not self._is_finite(taken):
                self._go_back(taken)
            raise
        finally:
            turn.trained += 1
            if self.states is not None:
                net.flat_states = self.states.copy()  # other calls, as in callbacks, may change the network's
        raise DivergenceError(
            f"step {self.state.steps + 1} gives a loss, parameters or moments that are not finite",
            "a lower learning rate, or clip_norm in the optimizer, may help"
            + ("; reset_state() forgets states that have grown too large" if self.states is not None else ""),
        )

    def _steps(self, count: int) -> None:
        self._run(self._first, self._rates[:count], self._records[:count])

    def _is_finite(self, count: int) -> bool:
        """Tell whether the network and the losses of the steps are finite."""
        finite: bool = self._before.is_finite(self._records[:count], get_num_threads())
        return finite

    def _go_back(self, bad: int) -> None:
        """Go back to the last finite step before the ``bad`` one, by repeating the steps up to there.

        As steps are reproducible to the bit, bisection finds the first one that is not finite.
        """
        good = 0
        try:
            while bad - good > 1:
                middle = (good + bad) // 2
                self._before.restore()
                self._steps(middle)
                if self._is_finite(middle):
                    good = middle
                else:
                    bad = middle
            self._before.restore()
            if good > 0:
                self._steps(good)
        except BaseException:
            self._before.restore()
            raise
