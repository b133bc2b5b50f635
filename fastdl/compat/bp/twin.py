"""The twin of article 3's network of objects, in arrays: the core trains it while the objects are unchanged.

The objects are plain Python. Connections are made on first use, as a network for digits has 240,000. Before the arrays
are used, the numbers of existing objects are copied to them, and afterwards back.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from operator import attrgetter
from typing import Any

import numpy as np

from ..._types import Array
from .._online import SigmoidChain, by_layer
from .._untouched import Steps
from .connections import Connection, connected
from .nodes import bare_nodes, downstream_of, entrust_layers, made_downstream, made_upstream, upstream_of

_SMALL = 1000  # with fewer connections, the objects are as fast as the core for one sample


class _Made:
    """The existing connections from one layer to the next, each at the place of its weight."""

    def __init__(self, above: Sequence[Any], below: Sequence[Any]) -> None:
        self.at = np.full((len(above), len(below) - 1), None, dtype=object)
        self.all_places = np.arange(self.at.size).reshape(self.at.shape)
        self.objects: list[Any] = []
        self.ups: list[Any] = []
        self.downs: list[Any] = []
        self._places: list[int] = []
        self._index = np.empty(0, np.intp)

    def add(self, place: int, conn: Any) -> None:
        self.at.flat[place] = conn
        self.objects.append(conn)
        self.ups.append(conn.upstream_node)
        self.downs.append(conn.downstream_node)
        self._places.append(place)

    @property
    def index(self) -> Array:
        """The places in the flat array of all weights between these layers."""
        if len(self._index) < len(self._places):
            self._index = np.array(self._places, np.intp)
        return self._index

    def holds(self, of_connections: Steps) -> bool:
        """Return whether each still connects the same nodes, with unchanged methods."""
        return (
            of_connections.all_untouched(self.objects)
            and list(map(_UP, self.objects)) == self.ups
            and list(map(_DOWN, self.objects)) == self.downs
        )


_UP, _DOWN = attrgetter("upstream_node"), attrgetter("downstream_node")


class Twin:
    """A fully connected sigmoid network in arrays.

    Parameters
    ----------
    sizes : sequence of int
        The number of nodes of each layer, the inputs first.
    layers : sequence of Layer
        Their nodes become this network's.
    connection : type
        The class of the connections that it makes.
    """

    def __init__(self, sizes: Sequence[int], layers: Sequence[Any], connection: type[Connection]) -> None:
        self.chain = SigmoidChain(sizes)
        self.outputs = [np.append(np.zeros(n), 1.0) for n in sizes]
        self.deltas = [np.zeros(n + 1) for n in sizes]
        self.layers = list(layers)
        self.nodes = [list(bare_nodes(layer)) for layer in layers]
        self.seen = [False] * len(sizes)
        self._made = [_Made(above, below) for above, below in pairwise(self.nodes)]
        self._connection, self._complete = connection, False
        self._size = sum(made.at.size for made in self._made)
        entrust_layers(self.layers, self)
        # the lists of each node, or None if they have not been read
        self._leaving: list[list[Any]] = [
            [None if made_downstream(node) is None else [] for node in nodes] for nodes in self.nodes
        ]
        self._reaching: list[list[Any]] = [
            [None if made_upstream(node) is None else [] for node in nodes] for nodes in self.nodes
        ]

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "gradients": self.chain.net.gradients.copy()}  # copies of networks have none

    def __setstate__(self, state: dict[str, Any]) -> None:
        gradients = state.pop("gradients")
        vars(self).update(state)
        self.chain.net.gradients = gradients

    # objects

    def from_node(self, k: int, i: int) -> list[Any]:
        """Make the connections that leave a node."""
        self._leaving[k][i] = self._make(k, (i, slice(None)))
        return list(self._leaving[k][i])

    def into_node(self, k: int, j: int) -> list[Any]:
        """Make the connections that reach a node."""
        self._reaching[k][j] = self._make(k - 1, (slice(None), j))
        return list(self._reaching[k][j])

    def _make(self, k: int, where: Any) -> list[Any]:
        """Return a row or a column of connections, and make those that do not exist yet."""
        made, (above, below) = self._made[k], self.nodes[k : k + 2]
        self.see(k)
        self.see(k + 1)
        weights, gradients = (by_layer(flat, self.chain.sizes)[k][where].tolist() for flat in self._flat())
        there = made.at[where].tolist()
        for place, conn, weight, gradient in zip(
            made.all_places[where].tolist(), there, weights, gradients, strict=True
        ):
            if conn is None:
                i, j = divmod(place, made.at.shape[1])
                made.add(place, connected(self._connection, above[i], below[j], weight, gradient))
        return made.at[where].tolist()  # type: ignore[no-any-return]

    def everything(self) -> None:
        """Make all connections that do not exist yet."""
        if not self._complete:
            for k, nodes in enumerate(self.nodes):
                self.see(k)
                for node in nodes:
                    downstream_of(node)
                for node in nodes[:-1]:
                    upstream_of(node)
            self._complete = True

    def connections(self) -> list[Any]:
        """Make and give all connections, from upstream to downstream."""
        self.everything()
        return [conn for made in self._made for conn in made.at.ravel().tolist()]

    def pays(self) -> bool:
        """Return whether one sample is faster through the arrays than through the objects."""
        return self._size > _SMALL and 8 * sum(len(made.objects) for made in self._made) < self._size

    def see(self, k: int) -> None:
        """Keep the numbers of a layer's nodes up to date from now on."""
        if not self.seen[k]:
            self.seen[k] = True
            self._show_nodes(k)

    def _flat(self) -> tuple[Array, Array]:
        return self.chain.net.parameters, self.chain.net.gradients

    # checks that objects are unchanged

    def holds(self, layers: Any, of_layers: Steps, of_nodes: Steps, of_last: Steps, of_connections: Steps) -> bool:
        """Return whether a network still consists of the objects made here, with unchanged methods."""
        return (
            len(layers) == len(self.layers)
            and all(layer is ours for layer, ours in zip(layers, self.layers, strict=True))
            and all(map(of_layers.untouched, self.layers))
            and all(bare_nodes(layer) == nodes for layer, nodes in zip(self.layers, self.nodes, strict=True))
            and all(self._nodes_hold(k, of_nodes, of_last) for k, seen in enumerate(self.seen) if seen)
            and all(made.holds(of_connections) for made in self._made)
        )

    def _nodes_hold(self, k: int, of_nodes: Steps, of_last: Steps) -> bool:
        *nodes, last = self.nodes[k]
        return (
            of_nodes.all_untouched(nodes)
            and of_last.untouched(last)
            and last.output == 1
            and list(map(made_downstream, self.nodes[k])) == self._leaving[k]
            and list(map(made_upstream, self.nodes[k])) == self._reaching[k]
        )

    # numbers

    def take(self) -> None:
        """Copy the numbers of all existing objects into the arrays."""
        parameters, gradients = (by_layer(flat, self.chain.sizes) for flat in self._flat())
        for k, made in enumerate(self._made):
            if made.objects:
                parameters[k].reshape(-1)[made.index] = _numbers(made.objects, "weight")
                gradients[k].reshape(-1)[made.index] = _numbers(made.objects, "gradient")
        for k, nodes in enumerate(self.nodes):
            if self.seen[k]:
                self.outputs[k][:] = _numbers(nodes, "output")
                self.deltas[k][:] = _numbers(nodes, "delta")

    def show(self) -> None:
        """Copy the numbers back to all existing objects."""
        parameters, gradients = (by_layer(flat, self.chain.sizes) for flat in self._flat())
        for k, made in enumerate(self._made):
            if made.objects:
                weights, slopes = (flat[k].reshape(-1)[made.index].tolist() for flat in (parameters, gradients))
                for conn, weight, gradient in zip(made.objects, weights, slopes, strict=True):
                    conn.weight, conn.gradient = weight, gradient
        self.show_nodes()

    def show_nodes(self) -> None:
        """Copy outputs and error terms back."""
        for k, seen in enumerate(self.seen):
            if seen:
                self._show_nodes(k)

    def _show_nodes(self, k: int) -> None:
        for node, output, delta in zip(self.nodes[k], self.outputs[k].tolist(), self.deltas[k].tolist(), strict=True):
            node.output, node.delta = output, delta

    # the algorithm (article 3, equations 1 to 5)

    def predict(self, sample: Array) -> Array:
        """Compute all outputs; give the last ones."""
        self.outputs[0][:-1] = sample
        for k, layer in enumerate(self.chain.net.layers):
            self.outputs[k + 1][:-1] = layer.forward(self.outputs[k][None, :-1])[0]
        return self.outputs[-1][:-1]

    def calc_delta(self, label: Array) -> None:
        """Compute all error terms."""
        y = self.outputs[-1][:-1]
        self.deltas[-1][:-1] = y * (1 - y) * (label - y)
        for k, weights in reversed(list(enumerate(by_layer(self.chain.net.parameters, self.chain.sizes)))):
            y = self.outputs[k][:-1]
            self.deltas[k][:-1] = y * (1 - y) * (weights[:-1] @ self.deltas[k + 1][:-1])

    def calc_gradient(self) -> None:
        """Compute all gradients."""
        for k, gradients in enumerate(by_layer(self.chain.net.gradients, self.chain.sizes)):
            np.multiply.outer(self.outputs[k], self.deltas[k + 1][:-1], out=gradients)

    def update_weight(self, rate: float) -> None:
        """Take a step along the gradients."""
        self.calc_gradient()
        parameters, gradients = self._flat()
        parameters += rate * gradients


def _numbers(objects: Sequence[Any], name: str) -> Array:
    try:
        values = np.fromiter(map(attrgetter(name), objects), np.float64, len(objects))
    except (TypeError, ValueError):
        values = None
    if values is None or not np.isfinite(values).all():
        for obj in objects:
            value = getattr(obj, name)
            if not isinstance(value, float | int | np.number) or not np.isfinite(value):
                raise ValueError(f"{name} must be a finite number; received {value!r}")
    return values  # type: ignore[return-value]
