"""Steps over the samples in an order: in the core alone, or around a loss of a user's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._threads import get_num_threads
from .._types import Array
from ..losses import Loss
from .examples import Examples
from .state import TrainingState

if TYPE_CHECKING:
    from ..sequential import Sequential


@dataclass
class Steps:
    """What the steps of a pass have in common; its methods take some of them (`stepping.Run`).

    Attributes
    ----------
    order : ndarray of int64, shape (N,)
        Of the samples.
    batch, seed : int
        Which samples a step is of, and what decides what is random in it.
    states : ndarray, shape (batch, S), or None
        Those of stateful layers, which each step moves on.
    """

    net: Sequential
    plan: Any
    state: TrainingState
    loss: Loss
    data: Examples
    order: Array
    batch: int
    seed: int
    states: Array | None

    def __post_init__(self) -> None:
        data = self.data
        self._x, self._trees = data.samples.x.reshape(-1), data.samples.core_trees()
        self._weights = None if data.weights is None else data.weights.reshape(-1)
        self._counts = None if data.there is ... else data.there.reshape(-1).view(np.uint8)

    def fused(self, first: int, rates: Array, records: Array) -> None:
        """Take steps with a loss that the core has."""
        self.plan.train(
            self._x, self.data.targets, self._weights, self.order, self.batch, first * self.batch, rates,
            self.state.counter, self.loss, self.state.optimizer.rule, self.state.moments, self.seed, get_num_threads(),
            records, self._counts, self.data.samples.lengths, self.states, self._trees,
        )  # fmt: skip

    def own(self, first: int, rates: Array, records: Array) -> None:
        """Take steps with a function of a user's own, which is called in the middle of each."""
        for k, rate in enumerate(rates):
            position = (first + k) * self.batch
            records[k] = self._step(self.order[position : position + self.batch], position, rate)

    def _step(self, order: Array, position: int, rate: float) -> tuple[float, float, int]:
        """Take one; whatever ends it before it is counted, running statistics and states are what they were."""
        part, plan, threads = self.data.taken(order), self.plan, get_num_threads()
        samples, trees = part.samples, part.samples.core_trees()
        states = None if self.states is None else self.states.copy()
        before, taken, draw = self.net.parameters.copy(), self.state.steps, self.seed + position
        given = len(samples), threads, True, draw, False, samples.lengths
        try:
            outputs = plan.forward(samples.x.reshape(-1), *given, states, False, trees)
            forwards = plan.forwards
            loss, hits, rows, gradient = part.measure_back(self.loss, outputs)
            if plan.forwards != forwards:  # and what backward needs is another's
                raise RuntimeError("loss must not call forward of the network that is trained by it")
            plan.backward(gradient.reshape(-1), *given, None, trees)
            self.state.follow_gradients(plan, rate)
            return loss, hits, rows
        finally:
            if self.state.steps == taken:
                self.net.parameters[...] = before
            elif states is not None and self.states is not None:
                self.states[...] = states
