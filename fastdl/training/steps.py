"""Steps over the samples, pass after pass: in the core alone, or around a user's own loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from .._threads import get_num_threads
from .._types import Array
from ..losses import Loss
from .examples import Examples
from .machines import ALONE, Machines
from .state import TrainingState
from .stepping import Run, take

if TYPE_CHECKING:
    from ..sequential import Sequential


@dataclass(eq=False, repr=False, slots=True)
class Steps:
    """The steps of some passes.

    Attributes
    ----------
    order : ndarray of int64, shape (passes, N)
        The order of the samples in each pass.
    batch : int
        The number of samples in a step; the last step of a pass takes those that are left.
    seeds : ndarray of uint64, shape (passes,)
        The seed of the random layers in each pass.
    states : ndarray, shape (batch, S), or None
        The states of stateful layers, which each step updates.
    machines : Machines
        The processes that share each batch.
    """

    net: Sequential
    plan: Any
    state: TrainingState
    loss: Loss
    data: Examples
    order: Array
    batch: int
    seeds: Array
    states: Array | None
    machines: Machines = ALONE

    @property
    def run(self) -> Run:
        """The function that takes some of the steps."""
        return self._fused if self.loss.is_fused else self._own

    def _fused(self, first: int, rates: Array, records: Array) -> bool:
        """Take steps with one of the core's losses."""
        order, data, state = self.order, self.data, self.state
        if not data.samples.are_ready:  # of a single pass
            position = first * self.batch
            rows = order[0, position : position + len(rates) * self.batch]
            data, order = data.taken(rows), np.zeros_like(order)
            order[0, position : position + len(rows)] = np.arange(len(rows))
        samples, mask, weights = data.samples, data.mask, data.weights
        finite: bool = self.plan.train(
            samples.given(), data.targets, weights, order, self.batch, first, rates, state.counter, self.loss,
            data.classes, state.optimizer.rule, state.moments, self.seeds, get_num_threads(), records,
            None if mask is ... else mask.view(np.uint8), samples.lengths, self.states, samples.core_trees(),
            state.average, self.machines.core,
        )  # fmt: skip
        return finite

    def _own(self, first: int, rates: Array, records: Array) -> bool:
        """Take steps of a single pass, with a user's own loss, which is called in the middle of each."""
        ranks = self.machines.core
        if ranks is not None:
            ranks.begin()
        try:
            finite = True
            for k, rate in enumerate(rates):
                position = (first + k) * self.batch
                order = self.order[0, position : position + self.batch]
                finite = self._step(order, int(self.seeds[0]) + position, rate, records[k])
                if not finite:
                    break
            if ranks is not None:
                ranks.lost = False
            return finite
        finally:
            if ranks is not None and not ranks.lost:
                ranks.end(self.states)

    def _step(self, order: Array, seed: int, rate: float, record: Array) -> bool:
        """Take one step, if it is finite; otherwise running statistics and states, too, are as before."""
        first, last = self.machines.share(len(order))
        states = None if self.states is None else self.states[first:last].copy()
        before, taken = self.net.parameters.copy(), self.state.steps
        try:
            record[:] = self._go_back(order, first, last, seed, states)
            return isfinite(record[0]) and self.state.follow_gradients(self.plan, rate)
        finally:
            if self.state.steps == taken:
                self.net.parameters[...] = before
            elif states is not None and self.states is not None:
                self.states[first:last] = states

    def _go_back(
        self, order: Array, first: int, last: int, seed: int, states: Array | None
    ) -> tuple[float, float, int]:
        """Fill the gradients of a batch, of which this process takes the samples from first to last."""
        plan, machines, error = self.plan, self.machines, None
        if first == last:  # other machines have all samples
            plan.gradients[...] = 0
            return *machines.meet(plan, 0.0, 0, None), self.data.counted(order)
        part = self.data.taken(order[first:last] if last - first < len(order) else order)
        samples, trees = part.samples, part.samples.core_trees()
        given = len(samples), get_num_threads(), True, seed, False, samples.lengths
        outputs = plan.forward(samples.numbers(), *given, states, False, trees, machines.core, first)
        forwards = plan.forwards
        try:
            loss, hits, rows, gradient = part.measure_back(self.loss, outputs)
            if plan.forwards != forwards:  # so the values for backward are another call's
                raise RuntimeError("loss must not call forward of the network that is trained by it")
        except BaseException as raised:  # which the others hear of at the next meeting
            if machines.core is None or plan.forwards != forwards:
                raise
            loss, hits, rows, gradient, error = 0.0, 0, 0, np.zeros_like(outputs), raised
        if last - first < len(order):
            share, rows = rows, self.data.counted(order)
            gradient *= share / max(rows, 1)
        try:
            plan.backward(gradient.reshape(-1), *given, None, trees, machines.core, first)
        except RuntimeError as lost:  # the memory for backward is another call's
            raise RuntimeError(
                f"loss must not call predict, or the like, of the network that is trained by it: {lost}"
            ) from None
        if machines.core is not None:
            loss, hits = machines.meet(plan, loss, hits, error)
        return loss, hits, rows


def step_on(
    net: Sequential,
    state: TrainingState,
    loss: Loss,
    data: Examples,
    seed: int,
    rate: float,
    states: Array | None,
    machines: Machines = ALONE,
) -> tuple[float, float, float]:
    """Take one step on all of these examples: give the sums over rows of losses and of hits, and the number of rows."""
    samples, mask, plan = data.samples, data.mask, net.plan_for(data.samples.shape)
    run: Callable[[], Any]
    if loss.is_fused:
        run = partial(
            plan.train_on_batch, samples.given(), data.targets, data.weights, samples.count, rate, state.counter, loss,
            data.classes, state.optimizer.rule, state.moments, seed, get_num_threads(),
            None if mask is ... else mask.view(np.uint8), samples.lengths, states, samples.core_trees(),
            state.average, machines.core,
        )  # fmt: skip
    else:
        order, seeds = np.arange(samples.count)[None], np.array([seed], np.uint64)
        steps = Steps(net, plan, state, loss, data, order, samples.count, seeds, states, machines)
        run = partial(_recorded, steps.run, rate)
    sums: tuple[float, float, float] = take(net, state, states, run)
    return sums


def _recorded(run: Run, rate: float) -> list[float] | None:
    """Take one step, and give its record if it is finite."""
    records = np.zeros((1, 3))
    return records[0].tolist() if run(0, np.array([rate]), records) else None
