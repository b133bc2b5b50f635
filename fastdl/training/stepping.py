"""A pass over the samples, in blocks of steps; whatever ends it leaves the network after a whole, finite step."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from .._crew import check_ended
from .._types import Array
from ..callbacks import Callback
from .divergence import DivergenceError
from .machines import ALONE, Machines
from .state import TrainingState

if TYPE_CHECKING:
    from ..sequential import Sequential

BLOCK_SECONDS = 0.1  # of steps in one call of the core: then callbacks, progress bars and Ctrl-C have their turn

# (first, rates, records): take a step for each rate, from step ``first`` of the passes on, and count it in the state
# once it is whole; record its sums over rows of the losses and of the hits, and its number of rows. Give whether all
# steps are finite; those from the first on that is not are not taken.
Run = Callable[[int, Array, Array], bool]
Taken = TypeVar("Taken")


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
            found = figures(*means(*np.add.reduce(records[:done]).tolist()))
        for watcher in watchers:
            watcher.on_batch_block(net, min(done * batch, samples), samples, {"epoch": epoch, **found})
    return found


def means(loss: float, hits: float, rows: float) -> tuple[float, float]:
    """Return the mean loss and the share of hits, from their sums over rows and the number of rows."""
    rows = rows or 1  # of trees, there may be no node with a label so far
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
        take(net, state, states, lambda: run(first, rates, records))
    if pace:
        pace.took(len(rates), perf_counter() - start)


def take(net: Sequential, state: TrainingState, states: Array | None, run: Callable[[], Taken]) -> Taken:
    """Call a function that takes steps of this state, in a thread that holds the turn's lock.

    Whatever ends them, it leaves the network after a whole, finite step, in this state if there was one. The function
    gives nothing if it had to go back to such a step.
    """
    check_ended()
    turn, last, steps = net.turn, net.training_state, state.steps
    turn.changes += 1  # a backward pass must not cross the beginning or the end of steps
    try:
        if state is not last:
            net.training_state = state
        if states is not None:
            net.flat_states = states  # the core changes these with each step
        taken = run()
    finally:
        turn.changes += 1
        if state is not last and state.steps == steps:
            net.training_state = last
        if states is not None:
            net.flat_states = states.copy()  # other calls, as in callbacks, may change the network's
    if not taken:
        raise DivergenceError(
            f"step {state.steps + 1} gives a loss, parameters or moments that are not finite",
            "a lower learning rate, or clip_norm in the optimizer, may help"
            + ("; reset_state() forgets states that have grown too large" if states is not None else ""),
        )
    return taken
