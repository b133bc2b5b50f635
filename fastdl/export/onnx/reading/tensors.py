"""Numbers of a graph as tensors that layers can read, by adding layers that rearrange numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from ...._types import Array
from ....layers import Activation, Flatten, Layer, Rescaling, Reshape, Select
from .values import Node, Numbers, Spec, UnreadableError, check_size


class Tensors:
    """The nodes of a network, for a batch with some number of samples."""

    def __init__(self, samples: int) -> None:
        self.samples = samples
        self._plain: WeakKeyDictionary[Numbers, Numbers] = WeakKeyDictionary()

    def all_of(self, node: Node) -> Numbers:
        """Return all numbers of a node, in their order."""
        return Numbers(node, node.everywhere(self.samples))

    def covers(self, x: Numbers) -> bool:
        """Return whether numbers are all those of their node, each once."""
        size = x.places.size
        if size != self.samples * x.node.size or x.places.min(initial=0) < 0:
            return False
        is_there = np.zeros(size, bool)
        is_there[x.places] = True
        return bool(is_there.all())

    def plain(self, x: Numbers) -> Numbers:
        """Return the numbers without factor and term: if there are any, a layer applies them."""
        if x.is_plain:
            return x
        if x not in self._plain:
            spec, facts = Spec(Rescaling, {"scale": x.scale, "offset": x.offset}), {"scales": (x.scale, x.offset)}
            self._plain[x] = Numbers(Node(x.node.shape, spec, (x.node,), facts), x.places)
        return self._plain[x]

    def elementwise(self, x: Numbers, kind: type[Layer], **arguments: Any) -> Numbers:
        """Apply a layer to each number."""
        x = self.plain(x)
        if not self.covers(x):
            x = self.all_of(self.tensor(x))
        return Numbers(Node(x.node.shape, Spec(kind, arguments), (x.node,)), x.places)

    def activated(self, x: Numbers, name: str, **setting: float) -> Numbers:
        """Return an activation of each number."""
        return self.elementwise(x, Activation, name=name, **setting)

    def tensor(self, x: Numbers) -> Node:
        """Return a node that has these numbers, (N, ...), in this order."""
        x = self.plain(x)
        node, shape = x.node, x.places.shape[1:]
        if x.places.ndim < 2 or len(x.places) != self.samples:
            raise UnreadableError(f"tensors must have samples along their first axis; received {x.places.shape}")
        of_samples = x.places.reshape(self.samples, -1) - node.size * np.arange(self.samples)[:, None]
        own = of_samples[0]
        if (of_samples != own).any() or own.min(initial=0) < 0 or own.max(initial=0) >= node.size:
            raise UnreadableError(
                "numbers must stay with their samples, zeros around them be read by convolutions alone"
            )
        in_order = len(own) == node.size and bool((own == np.arange(node.size)).all())
        if in_order and shape == node.shape:
            return node
        if "last" in node.facts and np.array_equal(own.reshape(shape), node.facts["last_places"]):
            last: Node = node.facts["last"]
            return last
        if not in_order:
            if (chosen := _selected(own.reshape(shape), node)) is not None:
                selected = (len(chosen), *shape[1:]) if len(shape) == 3 else shape
                return Node(selected, Spec(Select, {"indices": chosen.tolist()}), (node,))
            node = self._flat(node)
            node = Node((len(own),), Spec(Select, {"indices": own.tolist()}), (node,))
        if shape == node.shape:
            return node
        if len(shape) == 1:
            return self._flat(node)
        if len(shape) > 3:
            raise UnreadableError(f"tensors must be (N, F), (N, T, F) or (N, C, H, W); received {x.places.shape}")
        return Node(shape, Spec(Reshape, {"shape": list(shape)}), (node,))

    @staticmethod
    def _flat(node: Node) -> Node:
        return node if len(node.shape) == 1 else Node((node.size,), Spec(Flatten), (node,))

    def rows(self, x: Numbers) -> tuple[Node, Array]:
        """Return a node with these numbers (..., F) as rows of features, and the row of each, (...)."""
        node, features = x.node, x.places.shape[-1]
        if len(node.shape) < 3 and node.features == features and self.covers(x):
            first = x.places[..., 0] // features
            if (x.places == first[..., None] * features + np.arange(features)).all():
                return self.plain(x).node, first
        node = self.tensor(x)
        if len(node.shape) == 3:
            raise UnreadableError(f"rows must be those of vectors or steps; received images {node.shape}")
        return node, np.arange(x.places.size // features).reshape(x.places.shape[:-1])

    @staticmethod
    def of_rows(node: Node, rows: Array) -> Numbers:
        """Return a node's numbers whose rows are in this order."""
        check_size(rows.size, node.features)
        return Numbers(
            node, rows[..., None].astype(np.int32) * node.features + np.arange(node.features, dtype=np.int32)
        )

    def in_order(self, values: Array, x: Numbers) -> Array:
        """Return a constant beside these numbers, which are all of a node's, in the order of a sample's numbers."""
        beside = np.broadcast_to(values, x.places.shape)
        ordered = np.empty(x.places.size, values.dtype)
        ordered[x.places.reshape(-1)] = beside.reshape(-1)
        of_samples = ordered.reshape(self.samples, *x.node.shape)
        if (of_samples != of_samples[0]).any():
            raise UnreadableError("constants must be the same for all samples")
        one: Array = of_samples[0]
        return one

    def images(self, x: Numbers) -> tuple[Node, list[tuple[int, int]]]:
        """Return a node with these numbers as images (N, C, H, W), or sequences (N, F, T), and their padding."""
        inside, sides = x, []
        for axis in range(2, x.places.ndim):
            there = np.flatnonzero((x.places >= 0).any(axis=tuple(k for k in range(x.places.ndim) if k != axis)))
            if not len(there):
                raise UnreadableError("images must not be zeros alone")
            sides.append((int(there[0]), x.places.shape[axis] - 1 - int(there[-1])))
            inside = inside.moved(np.take(inside.places, np.arange(there[0], there[-1] + 1), axis))
        if len(sides) == 1:
            inside = inside.moved(inside.places.transpose(0, 2, 1))
        if len(sides) not in (1, 2):
            raise UnreadableError(f"images must be (N, C, H, W), sequences (N, F, T); received {x.places.shape}")
        return self.tensor(inside), sides

    def of_images(self, node: Node) -> Numbers:
        """Return a node's numbers as images, or as sequences (N, F, T)."""
        places = node.everywhere(self.samples)
        return Numbers(node, places.transpose(0, 2, 1) if len(node.shape) == 2 else places)


def one_behind_another(t: Tensors, values: Sequence[Numbers]) -> Numbers:
    """Return numbers of several nodes along the first axis, as states of recurrent layers are stored: part of a layer.

    The numbers of its node are those of one node, then those of the next.
    """
    plain = [t.plain(x) for x in values]
    starts = np.cumsum([0, *(t.samples * x.node.size for x in plain)])
    check_size(int(starts[-1]))
    ends = all(x.node.facts.get("ends") for x in plain)
    facts = {"parts": [x.node for x in plain], "starts": starts, "ends": ends}
    node = Node((int(starts[-1]) // t.samples,), "what is of several layers", tuple(x.node for x in plain), facts)
    places = [np.where(x.places < 0, -1, x.places + start) for x, start in zip(plain, starts, strict=False)]
    return Numbers(node, np.concatenate(places).astype(np.int32))


def of_one(x: Numbers) -> Numbers:
    """Return numbers as those of one of several nodes, if all belong to it."""
    if "parts" not in x.node.facts or not x.places.size or x.places.min() < 0:
        return x
    starts = x.node.facts["starts"]
    k = int(np.searchsorted(starts, x.places.min(), "right")) - 1
    if x.places.max() >= starts[k + 1]:
        return x
    return replace(x, node=x.node.facts["parts"][k], places=x.places - np.int32(starts[k]))


def _selected(own: Array, node: Node) -> Array | None:
    """Return the features that these numbers are, if they are the same features everywhere."""
    of_images = own.ndim == 3
    around = (own.shape[1:], node.shape[1:]) if of_images else (own.shape[:-1], node.shape[:-1])
    if own.ndim != len(node.shape) or around[0] != around[1]:
        return None
    size = int(np.prod(node.shape[1:])) if of_images else node.shape[-1]
    chosen = own.reshape(len(own), -1)[:, 0] // size if of_images else own.reshape(-1, own.shape[-1])[0] % size
    everywhere = np.arange(node.size).reshape(node.shape)
    expected = np.take(everywhere, chosen, axis=0 if of_images else -1)
    found: Array | None = chosen if np.array_equal(expected, own) else None
    return found
