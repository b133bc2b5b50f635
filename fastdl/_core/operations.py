"""What a plan is told, checked before any memory is taken.

Each operation must read what the one before gives, give what its kind makes of that, and have its parameters to itself.
A layer may be anybody's, and what the core took for granted it would read, and write, past the end of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import prod
from typing import Any

import numpy as np

Shape = tuple[int, ...]

MOST_CHILDREN = 16  # as in src/kernels/trees.pxi
MOST_NUMBERS = 2**31 - 1  # of a sample: the core counts some of them in ints

_ELEMENTWISE = ("identity", "relu", "sigmoid", "tanh")
_ACTIVATIONS = (*_ELEMENTWISE, "softmax")
_GATES = {"rnn": 1, "lstm": 4, "gru_before": 3, "gru_after": 3}
_OF_NODES = ("dense", "activation", "dropout", "embedding", "recursive")  # what a network of trees may have


def check_operations(input_shape: Any, output_shape: Any, operations: list[dict[str, Any]], parameters: int) -> None:
    """Check that operations follow one another from one shape to the other, over so many parameters."""
    shape = _shape(input_shape, "input_shape")
    end = 0
    for k, fields in enumerate(operations):
        operation = _Operation(fields, f"operations[{k}]")
        if operation.kind == "embedding" and k > 0:
            raise operation.error("must come first, as it reads token ids; received others before it")
        shape, count = operation.outcome(shape)
        if count and operation.whole("offset", 0) != end:
            raise operation.error(f"offset must be {end}, where its parameters begin; received {fields['offset']}")
        end += count
    if _shape(output_shape, "output_shape") != shape:
        raise ValueError(f"output_shape must be {shape}, which the operations give; received {output_shape}")
    if end != parameters:
        raise ValueError(f"parameters must be the {end} numbers that the operations have; received {parameters}")
    _check_trees(input_shape, operations)


def _check_trees(input_shape: Shape, operations: list[dict[str, Any]]) -> None:
    """Check that a node is one step, and that all see the same trees."""
    kinds = [operation["kind"] for operation in operations]
    if "recursive" not in kinds:
        return
    others = [kind for kind in kinds if kind not in _OF_NODES]
    if others:
        raise ValueError(f"operations on trees must be of {', '.join(_OF_NODES)}; received {', '.join(others)}")
    if len(children := {operation["children"] for operation in operations if "children" in operation}) > 1:
        raise ValueError(f"operations must agree on the children of a node; received {', '.join(map(str, children))}")
    if input_shape[0] != 1 or len(input_shape) == 3:
        raise ValueError(f"input_shape must be (1, F) or (1,) for trees; received {input_shape}")


def _is_whole(value: Any, least: int, most: int = MOST_NUMBERS) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and least <= int(value) <= most


def _shape(shape: Any, name: str) -> Shape:
    if not isinstance(shape, tuple) or not 1 <= len(shape) <= 3 or not all(_is_whole(n, 1) for n in shape):
        raise ValueError(f"{name} must be (F,), (T, F) or (C, H, W); received {shape!r}")
    sizes = tuple(int(n) for n in shape)
    if prod(sizes) > MOST_NUMBERS:
        raise ValueError(f"{name} must have at most {MOST_NUMBERS} numbers; received {shape}")
    return sizes


class _Operation:
    """One of them, whose fields are checked as they are read."""

    def __init__(self, fields: dict[str, Any], name: str) -> None:
        self.fields, self.name = fields, name
        self.kind = self.one_of("kind", _KINDS)
        self.name = f"{name}, {self.kind}"
        wanted = ("kind", "output_shape", *_KINDS[self.kind][1].split())
        if fields.keys() != set(wanted):
            raise self.error(f"must have {', '.join(wanted)}; received {', '.join(map(str, fields))}")
        self.out = _shape(fields["output_shape"], f"{self.name}: output_shape")

    def outcome(self, shape: Shape) -> tuple[Shape, int]:
        """Give the shape after it, where it reads this one, and how many parameters it has."""
        outcome, count = _KINDS[self.kind][0](self, shape)
        if self.out != outcome:
            raise self.error(f"output_shape must be {outcome}, of {shape}; received {self.out}")
        return outcome, count

    def error(self, message: str) -> ValueError:
        return ValueError(f"{self.name}: {message}")

    def ranked(self, shape: Shape, ranks: Iterable[int], axes: str) -> None:
        if len(shape) not in ranks:
            raise self.error(f"must read {axes}; received {shape}")

    def one_of(self, field: str, known: Iterable[str]) -> str:
        value = self.fields.get(field)
        if not isinstance(value, str) or value not in known:
            raise self.error(f"{field} must be one of {', '.join(known)}; received {value!r}")
        return value

    def whole(self, field: str, least: int, most: int = MOST_NUMBERS) -> int:
        value = self.fields[field]
        if not _is_whole(value, least, most):
            raise self.error(f"{field} must be an integer from {least} to {most}; received {value!r}")
        return int(value)

    def pair(self, field: str, least: int) -> tuple[int, int]:
        values = self.fields[field]
        if not isinstance(values, tuple) or len(values) != 2 or not all(_is_whole(n, least) for n in values):
            raise self.error(f"{field} must be two integers from {least} to {MOST_NUMBERS}; received {values!r}")
        return int(values[0]), int(values[1])

    def flag(self, field: str) -> bool:
        value = self.fields[field]
        if not isinstance(value, bool):
            raise self.error(f"{field} must be True or False; received {value!r}")
        return value


# What each kind gives of what it reads, and how many parameters it has. What is its own to choose, such as the number
# of units, is taken from what it says that it gives.


def _dense(operation: _Operation, shape: Shape) -> tuple[Shape, int]:
    operation.ranked(shape, (1, 2), "(F,) or (T, F)")
    operation.one_of("activation", _ACTIVATIONS)
    units = operation.out[-1]
    return (*shape[:-1], units), (shape[-1] + 1) * units


def _window(operation: _Operation, shape: Shape) -> tuple[int, int]:
    operation.ranked(shape, (3,), "(C, H, W)")
    (kh, kw), (sh, sw) = operation.pair("kernel", 1), operation.pair("stride", 1)
    _, h, w = shape
    if kh > h or kw > w:
        raise operation.error(f"kernel must fit into {h} x {w}; received {kh} x {kw}")
    return (h - kh) // sh + 1, (w - kw) // sw + 1


def _convolution(operation: _Operation, shape: Shape) -> tuple[Shape, int]:
    operation.one_of("activation", _ELEMENTWISE)
    size, filters = _window(operation, shape), operation.out[0]
    return (filters, *size), (prod(operation.pair("kernel", 1)) * shape[0] + 1) * filters


def _pool(operation: _Operation, shape: Shape) -> tuple[Shape, int]:
    return (shape[0], *_window(operation, shape)), 0


def _flatten(operation: _Operation, shape: Shape) -> tuple[Shape, int]:
    return (prod(shape),), 0


def _activation(operation: _Operation, shape: Shape) -> tuple[Shape, int]:
    operation.one_of("activation", _ACTIVATIONS if len(shape) < 3 else _ELEMENTWISE)
    return shape, 0


def _pad(operation: _Operation, shape: Shape) -> tuple[Shape, int]:
    operation.ranked(shape, (3,), "(C, H, W)")
    ph, pw = operation.pair("padding", 0)
    return (shape[0], shape[1] + 2 * ph, shape[2] + 2 * pw), 0


def _shift(operation: _Operation, shape: Shape) -> tuple[Shape, int]:
    operation.ranked(shape, (3,), "(C, H, W)")
    operation.pair("padding", 0)
    return shape, 0


def _dropout(operation: _Operation, shape: Shape) -> tuple[Shape, int]:
    rate = operation.fields["rate"]
    if not isinstance(rate, (int, float)) or not 0 <= rate <= 0.999:
        raise operation.error(f"rate must be from 0 to 0.999; received {rate!r}")
    return shape, 0


def _embedding(operation: _Operation, shape: Shape) -> tuple[Shape, int]:
    operation.ranked(shape, (1,), "(T,)")
    dim = operation.out[-1]
    return (shape[0], dim), operation.whole("vocabulary", 1) * dim


def _recurrent(operation: _Operation, shape: Shape) -> tuple[Shape, int]:
    operation.ranked(shape, (2,), "(T, F)")
    cell = operation.one_of("cell", _GATES)
    operation.one_of("cell_activation", _ELEMENTWISE if cell == "rnn" else ("tanh",))
    units, directions = operation.whole("units", 1), operation.whole("directions", 1, 2)
    if operation.flag("adds") and directions == 1:
        raise operation.error("adds must be False for one direction; received True")
    if operation.flag("stateful") and directions == 2:
        raise operation.error("stateful must be False for two directions; received True")
    features = units * (1 if operation.flag("adds") else directions)
    steps = shape[:1] if operation.flag("sequences") else ()
    return (*steps, features), directions * _GATES[cell] * units * (shape[1] + units + 2)


def _recursive(operation: _Operation, shape: Shape) -> tuple[Shape, int]:
    operation.ranked(shape, (2,), "(1, F)")
    composition = operation.one_of("composition", ("matrix", "tensor", "lstm"))
    operation.one_of("composition_activation", ("tanh",) if composition == "lstm" else _ELEMENTWISE)
    children, units = operation.whole("children", 1, MOST_CHILDREN), shape[1]
    inputs = children * units
    features = inputs + (inputs * (inputs + 1) // 2 if composition == "tensor" else 0)
    nodes = shape[: len(operation.out) - 1]
    return (*nodes, units), (features + 1) * units * (3 + children if composition == "lstm" else 1)


# Of each kind what it gives, and its fields besides `kind` and `output_shape`.
_KINDS: dict[str, tuple[Callable[[_Operation, Shape], tuple[Shape, int]], str]] = {
    "dense": (_dense, "activation offset"),
    "convolution": (_convolution, "activation kernel offset stride"),
    "max_pool": (_pool, "kernel stride"),
    "mean_pool": (_pool, "kernel stride"),
    "flatten": (_flatten, ""),
    "activation": (_activation, "activation"),
    "pad": (_pad, "padding"),
    "shift": (_shift, "padding"),
    "recurrent": (_recurrent, "adds cell cell_activation directions offset sequences stateful units"),
    "embedding": (_embedding, "offset vocabulary"),
    "dropout": (_dropout, "rate"),
    "recursive": (_recursive, "children composition composition_activation offset"),
}
