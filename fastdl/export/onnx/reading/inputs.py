"""The inputs of operators."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ...._types import Array
from .moves import Attributes
from .tensors import Tensors
from .values import Constant, Node, Numbers, UnreadableError, Value

Inputs = Sequence[Value | None]


Function = Callable[[Tensors, Inputs, Attributes, int], Any]


def numbers_of(inputs: Inputs, k: int = 0) -> Numbers:
    """Return an input that depends on samples."""
    x = inputs[k] if k < len(inputs) else None
    if not isinstance(x, Numbers):
        raise UnreadableError(f"input {k} must depend on samples")
    return x


def array_of(inputs: Inputs, k: int) -> Array:
    """Return an input that is constant."""
    x = inputs[k] if k < len(inputs) else None
    if not isinstance(x, Constant):
        raise UnreadableError(f"input {k} must be constant")
    return x.values


def optional(inputs: Inputs, k: int) -> Array | None:
    """Return a constant input, if it is given."""
    return array_of(inputs, k) if k < len(inputs) and inputs[k] is not None else None


def expect(attributes: Attributes, **wanted: Any) -> None:
    """Check attributes of which layers support only one value."""
    for name, value in wanted.items():
        given = attributes.get(name, value)
        if list(given) != list(value) if isinstance(value, (list, tuple)) else given != value:
            raise UnreadableError(f"{name} must be {value}; received {given}")


def part(name: str) -> Function:
    """Return a function that makes a node for part of a layer, computed from its input."""

    def make(t: Tensors, inputs: Inputs, attributes: Attributes, _: int) -> Numbers:
        return part_of(numbers_of(inputs), name)

    return make


def part_of(x: Numbers, name: str) -> Numbers:
    """Return a node for part of a layer, computed from these numbers."""
    return replace(x, node=Node(x.node.shape, name, (x.node,), {"of": x}), scale=1.0, offset=0.0)
