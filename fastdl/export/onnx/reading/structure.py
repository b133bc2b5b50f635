"""The structure of a network's nodes as layers: chains, and branches that are merged."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...._core.kinds import ACTIVATIONS, ELEMENTWISE, MERGES
from ...._types import Array
from ....layers import (
    Activation,
    Conv1D,
    Conv2D,
    ConvTranspose2D,
    Dense,
    Layer,
    Parallel,
    Residual,
    SelfAttention,
)  # fmt: skip
from .values import Node, Spec, UnreadableError

_ENDING = {Dense: ACTIVATIONS, Conv1D: ELEMENTWISE, Conv2D: ELEMENTWISE, ConvTranspose2D: ELEMENTWISE}


class _Merged(NamedTuple):
    """Chains with the same input, which are merged."""

    how: str
    branches: list[list[Any]]
    are_alike: bool  # in shape


class _Attention(NamedTuple):
    """The part between the two dense layers of an attention."""

    heads: int
    causal: bool


Arrays = list[tuple[Layer, dict[str, Array]]]  # layers with their parameters


def layers_of(output: Node, start: Node) -> tuple[list[Layer], Arrays]:
    """Return the layers between two nodes, and the values of their parameters."""
    chain = _Chains(output, start).between(start, output)
    arrays: Arrays = []
    return [_made(item, arrays) for item in chain] or [Activation("identity")], arrays


class _Chains:
    """Nodes, each with the last node that all paths to it go through."""

    def __init__(self, output: Node, start: Node) -> None:
        order = _in_order(output)
        for node in order:
            if not node.sources and node is not start:
                raise UnreadableError(
                    f"it must have one input, {start.facts['name']}, besides states that recurrent layers start with; "
                    f"it computes with {node.facts.get('name', node.does)} too"
                )
        if order[0] is not start:
            raise UnreadableError(f"the output must be made of the input, {start.facts['name']}")
        self._before: dict[int, Node] = {}
        self._depth = {id(start): 0}
        self._used: set[int] = set()
        for node in order[1:]:
            common = node.sources[0]
            for source in node.sources[1:]:
                common = self._common(common, source)
            self._before[id(node)], self._depth[id(node)] = common, self._depth[id(common)] + 1

    def _common(self, one: Node, other: Node) -> Node:
        while one is not other:
            if self._depth[id(one)] < self._depth[id(other)]:
                one, other = other, one
            one = self._before[id(one)]
        return one

    def between(self, start: Node, end: Node) -> list[Any]:
        """Return a chain of layers and of merges."""
        found: list[Any] = []
        node = end
        while node is not start:
            if id(node) in self._used and (node.spec is None or node.spec.arrays):  # without any it may occur twice
                raise UnreadableError("parts side by side must read the same and end together; received a node of two")
            self._used.add(id(node))
            before = self._before[id(node)]
            if node.does in MERGES:
                branches = [self.between(before, source) for source in node.sources]
                are_alike = len({source.shape for source in node.sources}) == 1
                found.append(_flat(_Merged(str(node.does), branches, are_alike)))
            elif node.does == "attention":
                found.append(_Attention(**node.facts))
            elif isinstance(node.does, Spec):
                found.append(node.does)
            else:
                raise UnreadableError(f"{node.does} must be a part of a layer; received it alone")
            node = before
        return _joined(found[::-1])


def _in_order(output: Node) -> list[Node]:
    """Return all nodes, each after its sources."""
    order: list[Node] = []
    seen, waiting = set(), [(output, False)]
    while waiting:
        node, is_ready = waiting.pop()
        if is_ready:
            order.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            waiting += [(node, True), *((source, False) for source in reversed(node.sources))]
    return order


def _flat(merged: _Merged) -> _Merged:
    """Flatten nested merges of the same kind, such as sums of sums."""
    flat: list[list[Any]] = []
    for branch in merged.branches:
        inner = branch[0] if len(branch) == 1 else None
        flat += inner.branches if isinstance(inner, _Merged) and inner.how == merged.how else [branch]
    return merged._replace(branches=flat)


def _joined(chain: list[Any]) -> list[Any]:
    """Merge activations into the layers before them, and attention with the dense layers around it."""
    found: list[Any] = []
    for item in chain:
        before = found[-1] if found else None
        if isinstance(before, _Attention):
            found[-2:] = [_self_attention(found[-2] if len(found) > 1 else None, before, item)]
        elif (
            isinstance(item, Spec)
            and item.kind is Activation
            and isinstance(before, Spec)
            and item.arguments["name"] in _ENDING.get(before.kind, ())
            and "activation" not in before.arguments
        ):
            found[-1] = Spec(before.kind, {**before.arguments, "activation": item}, before.arrays)
        else:
            found.append(item)
    if found and isinstance(found[-1], _Attention):
        raise UnreadableError("attention must be followed by a dense layer")
    return found


def _self_attention(before: Any, attention: _Attention, after: Any) -> Spec:
    is_whole = all(isinstance(one, Spec) and one.kind is Dense and len(one.arguments) == 1 for one in (before, after))
    features = before.arguments["units"] // 3 if is_whole else 0
    if not is_whole or after.arguments["units"] != features or before.arrays["weight"].shape[1] != features:
        raise UnreadableError("attention must be between a dense layer of three times the features and one of as many")
    arrays = {
        f"{place}_proj_{name}": one.arrays[name]
        for place, one in (("in", before), ("out", after))
        for name in ("weight", "bias")
    }
    return Spec(SelfAttention, attention._asdict(), arrays)


def _made(item: Any, arrays: Arrays) -> Layer:
    if isinstance(item, _Merged):
        branches = [[_made(one, arrays) for one in branch] for branch in item.branches]
        if item.how == "sum" and item.are_alike and len(branches) == 2 and not all(branches) and any(branches):
            return Residual(branches[0] or branches[1])
        return Parallel(branches, item.how)
    arguments = {
        name: _made(value, arrays) if isinstance(value, Spec) else value for name, value in item.arguments.items()
    }
    layer: Layer = item.kind(**arguments)
    if item.arrays:
        arrays.append((layer, item.arrays))
    return layer


def same(one: tuple[list[Layer], Arrays], other: tuple[list[Layer], Arrays]) -> bool:
    """Return whether two readings of a graph found the same layers."""
    (layers, arrays), (other_layers, other_arrays) = one, other
    return (
        [layer.get_config() for layer in layers] == [layer.get_config() for layer in other_layers]
        and len(arrays) == len(other_arrays)
        and all(
            a.keys() == b.keys() and all(np.array_equal(a[name], b[name], equal_nan=True) for name in a)
            for (_, a), (_, b) in zip(arrays, other_arrays, strict=True)
        )
    )
