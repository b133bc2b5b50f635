"""The cost of a forward pass of one sample, in multiply-adds, as a function of an unknown number of steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

from .._core.graph import Graph
from .._core.operation import Fields
from .._core.shapes import features_of
from .._types import Shape


@dataclass(frozen=True)
class Count:
    """A count for one sample: once + per_step T + per_pair T^2, for a number of steps T that is not known yet."""

    once: float = 0
    per_step: float = 0
    per_pair: float = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.once + other.once, self.per_step + other.per_step, self.per_pair + other.per_pair)

    def times(self, factor: float) -> Count:
        """Multiply it by a number."""
        return Count(self.once * factor, self.per_step * factor, self.per_pair * factor)

    def squared(self) -> Count:
        """Return the number of pairs of this number of steps."""
        return Count(self.once**2, 2 * self.once * self.per_step, self.per_step**2)

    def text(self, step: str, number: Callable[[float], str]) -> str:
        """Write it, as ``64 T² + 512 T + 10`` for the symbol `` T``."""
        text = ""
        for value, power in ((self.per_pair, f"{step}²"), (self.per_step, step), (self.once, "")):
            if value:
                sign = (" - " if value < 0 else " + ") if text else ("-" if value < 0 else "")
                text += f"{sign}{number(abs(value))}{power}"
        return text or number(0)


class Costs:
    """The cost of each operation of a graph.

    Parameters
    ----------
    graph : Graph
        An unfinished graph, whose operations have not been fused.
    children : int or None
        The number of a node's children, if samples are trees. Then each node is a step, and their number is unknown.
    """

    def __init__(self, graph: Graph, children: int | None) -> None:
        self.graph, self.children = graph, children
        self._shapes: list[Shape] = [graph.input_shape, *(one["output_shape"] for one in graph.operations)]
        self._steps = [self._first(graph.input_shape)]
        for number, operation in enumerate(graph.operations, 1):
            self._steps.append(self._after(operation, self._shapes[number]))

    def _first(self, shape: Shape) -> Count:
        if self.children or shape[0] is None:
            return Count(per_step=1)
        return Count(shape[0] if len(shape) == 2 else 1)

    def _after(self, operation: Fields, shape: Shape) -> Count:
        """Return how many steps an operation writes; if T is unknown, about as many as it reads over its stride."""
        if len(shape) != 2 or (shape[0] is not None and not self.children):
            return Count(shape[0] if len(shape) == 2 else 1)
        source: int = operation["reads"][0]
        return self._steps[source].times(1 / operation.get("stride", (1, 1))[1])

    def numbers(self, tensor: int) -> Count:
        """Return the size of this tensor for a sample."""
        shape = self._shapes[tensor]
        return self._steps[tensor].times(shape[1] if len(shape) == 2 else 1 if shape[0] is None else prod(shape))

    def multiply_adds(self, number: int) -> Count:
        """Return the multiply-adds of an operation's products."""
        operation = self.graph.operations[number]
        source = operation["reads"][0]
        if operation["kind"] not in MULTIPLY_ADDS:
            return Count()
        work = _Work(operation, self._shapes[source], self._steps[source], self._steps[number + 1], self.children)
        return MULTIPLY_ADDS[operation["kind"]](work)


@dataclass(frozen=True)
class _Work:
    """An operation, the shape of its input, and the numbers of steps that it reads and writes."""

    settings: Fields
    shape: Shape
    reads: Count
    writes: Count
    children: int | None

    def __getitem__(self, name: str) -> Any:
        return self.settings[name]

    @property
    def weights(self) -> int:
        """The size of the matrices among its parameters, each number of which is multiplied once a row."""
        return sum([prod(shape) for shape in self["parameters"] if len(shape) > 1])


def _dense(work: _Work) -> Count:
    return work.writes.times(work.weights)


def _convolution(work: _Work) -> Count:
    shape = work["output_shape"]
    return work.writes.times(work.weights * (prod(shape[1:]) if len(shape) == 3 else 1))


def _transposed_convolution(work: _Work) -> Count:
    return work.reads.times(work.weights * prod(work.shape[1:]))


def _recurrent(work: _Work) -> Count:
    return work.reads.times(work.weights)


def _recursive(work: _Work) -> Count:
    children = work["children"]
    merges = Count(-1 / children, 1 / children)  # the nodes with children, of M nodes
    return merges.times(work.weights)


def _attention(work: _Work) -> Count:
    pairs = work.reads.squared()
    if work["causal"]:
        pairs = (pairs + work.reads).times(1 / 2)
    return pairs.times(2 * features_of(work["output_shape"]))


# For the operations that multiply matrices; the others work elementwise, or move numbers.
MULTIPLY_ADDS: dict[str, Callable[[_Work], Count]] = {
    "dense": _dense,
    "convolution": _convolution,
    "transposed_convolution": _transposed_convolution,
    "recurrent": _recurrent,
    "recursive": _recursive,
    "attention": _attention,
}
