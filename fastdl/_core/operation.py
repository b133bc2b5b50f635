"""An operation to be added to a graph: its settings are checked as its kind reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import prod
from typing import Any, NamedTuple

from .._limits import MOST_NUMBERS
from .._types import Array, Shape
from .shapes import TooManyNumbersError, features_of, is_whole, numbers

Fields = dict[str, Any]  # of an operation in a graph
Operations = list[Fields]
Inferred = tuple[Shape, tuple[Shape, ...]]  # the shapes of an output and of each parameter, as the core stores it


def parameters_of(operation: Fields, flat: Array) -> list[Array]:
    """Return an operation's parameters, or anything that lies as they do, as views of the vector of all."""
    views, start = [], operation["offset"]
    for shape in operation["parameters"]:
        views.append(flat[start : start + prod(shape)].reshape(shape))
        start += prod(shape)
    return views


class Kind(NamedTuple):
    """A kind of operation, as the graph knows it."""

    infer: Callable[[Operation], Inferred]  # checks settings
    settings: str = ""
    on_trees: bool = False  # works on single nodes, or on a node and its children
    merges: bool = False  # reads several tensors
    draws: bool = False  # random numbers, in training; otherwise it passes on what it reads
    normalizes: bool = False  # its parameters do not multiply features, and count as biases do
    moves: Callable[[Array, Fields], Array] | None = None  # rearranges an array, if the operation computes nothing


class Operation:
    """An operation to be added, whose settings are checked as they are read.

    Parameters
    ----------
    kind : str
    row : Kind
        The row of that kind.
    settings : dict
    shapes : tuple of tuples
        The shapes of the tensors that it reads.

    Attributes
    ----------
    buffers : int
        The number of parameters, at the end, that no optimizer changes; known after `infer`.
    """

    def __init__(self, kind: str, row: Kind, settings: dict[str, Any], shapes: tuple[Shape, ...]) -> None:
        self.kind, self.row, self.settings = kind, row, settings
        self.shapes, self.shape, self.buffers = shapes, shapes[0], 0
        wanted = self.row.settings.split()
        if settings.keys() != set(wanted):
            given = ", ".join(settings) or "none"
            raise self.error(f"must have {', '.join(wanted) or 'no settings'}; received {given}")

    def infer(self) -> Inferred:
        """Check its settings, and infer the shapes of its output and of its parameters."""
        if len(self.shapes) > 1 and not self.row.merges:
            raise self.error(f"must read one tensor; received {len(self.shapes)}")
        shape, parameters = self.row.infer(self)
        count = sum(map(prod, parameters))
        if numbers(shape) > MOST_NUMBERS or count > MOST_NUMBERS:
            raise TooManyNumbersError(self.kind, shape if numbers(shape) > MOST_NUMBERS else (count,))
        return shape, parameters

    def error(self, message: str) -> ValueError:
        return ValueError(f"{self.kind}: {message}")

    def ranked(self, ranks: Iterable[int], axes: str) -> None:
        if len(self.shape) not in ranks:
            raise self.error(f"must read {axes}; received {self.shape}")

    def features(self) -> int:
        """Return the number of features, or channels, that it reads."""
        features = features_of(self.shape)
        if features is None:
            raise self.error(f"must read a known number of features; received {self.shape}")
        return features

    def one_of(self, name: str, known: Iterable[str]) -> str:
        value = self.settings[name]
        if not isinstance(value, str) or value not in known:
            raise self.error(f"{name} must be one of {', '.join(known)}; received {value!r}")
        return value

    def whole(self, name: str, least: int, most: int = MOST_NUMBERS) -> int:
        value = self.settings[name]
        if not is_whole(value, least, most):
            raise self.error(f"{name} must be an integer from {least} to {most}; received {value!r}")
        return int(value)

    def pair(self, name: str, least: int) -> tuple[int, int]:
        values = self.settings[name]
        if not isinstance(values, tuple) or len(values) != 2 or not all(is_whole(n, least) for n in values):
            raise self.error(f"{name} must be two integers from {least} to {MOST_NUMBERS}; received {values!r}")
        return int(values[0]), int(values[1])

    def sides(self, name: str) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return the sizes (above, below), (left, right)."""
        values = self.settings[name]
        if (
            not isinstance(values, tuple)
            or [isinstance(pair, tuple) and len(pair) == 2 and all(is_whole(n, 0) for n in pair) for pair in values]
            != [True] * 2
        ):
            raise self.error(
                f"{name} must be two pairs of integers from 0 to {MOST_NUMBERS}, above and below, left and right; "
                f"received {values!r}"
            )
        return values

    def flag(self, name: str) -> bool:
        value = self.settings[name]
        if not isinstance(value, bool):
            raise self.error(f"{name} must be True or False; received {value!r}")
        return value

    def number(self, name: str, low: float, high: float) -> float:
        value = self.settings[name]
        if not isinstance(value, (int, float)) or not low <= value <= high:
            raise self.error(f"{name} must be from {low:g} to {high:g}; received {value!r}")
        return float(value)

    def interval(self, name: str, low: float, high: float) -> tuple[float, float]:
        values = self.settings[name]
        numbers = isinstance(values, tuple) and len(values) == 2 and all(isinstance(n, (int, float)) for n in values)
        if not numbers or not low <= values[0] <= values[1] <= high:
            raise self.error(f"{name} must be two numbers in order, from {low:g} to {high:g}; received {values!r}")
        return float(values[0]), float(values[1])
