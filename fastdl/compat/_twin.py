"""Article 3's network of objects once more, in arrays: what the core trains while nobody has changed the objects.

The objects are plain Python. Connections come to be when they are first looked at: there are 240,000 in a network for
digits. Before the arrays are used they take over the numbers of the objects that there are, and then hand theirs back.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from operator import attrgetter
from typing import Any

import numpy as np

from .._validation import Array
from ._online import SigmoidChain
from ._untouched import Steps


class _Made:
    """The connections of one layer to the next that there are, each at its place."""

    def __init__(self, inputs: int, outputs: int) -> None:
        self.at = np.full((inputs + 1, outputs), None, dtype=object)
        self.objects: list[Any] = []
        self.places: list[tuple[int, int]] = []

    @property
    def index(self) -> Any:
        return tuple(np.array(self.places, dtype=np.intp).T)


class Twin:
    """A fully connected sigmoid network in arrays.

    Parameters
    ----------
    sizes : sequence of int
        Nodes of each layer, the inputs first.
    layers : sequence of Layer
        Their nodes become this network's.
    connection : type
        What makes a connection of two nodes, a weight and a gradient.
    """

    def __init__(self, sizes: Sequence[int], layers: Sequence[Any], connection: Any) -> None:
        self.chain = SigmoidChain(sizes)
        self.outputs = [np.append(np.zeros(n), 1.0) for n in sizes]
        self.deltas = [np.zeros(n + 1) for n in sizes]
        self.layers = list(layers)
        self.nodes = [list(layer._nodes) for layer in layers]
        self.seen = [False] * len(sizes)
        self._made = [_Made(n, m) for n, m in pairwise(sizes)]
        self._connection, self._complete = connection, False
        for k, (layer, nodes) in enumerate(zip(self.layers, self.nodes, strict=True)):
            layer._twin = self, k
            for i, node in enumerate(nodes):
                node._twin = self, k, i
                if k < len(sizes) - 1:
                    node._downstream = None
            for node in nodes[:-1] if k else ():
                node._upstream = None

    # objects

    def from_node(self, k: int, i: int) -> list[Any]:
        """Make the connections that leave a node."""
        return [self._at(k, i, j) for j in range(self.chain.sizes[k + 1])]

    def into_node(self, k: int, j: int) -> list[Any]:
        """Make the connections that reach a node."""
        return [self._at(k - 1, i, j) for i in range(self.chain.sizes[k - 1] + 1)]

    def everything(self) -> list[Any]:
        """Make all that is not there yet; give all connections, from upstream to downstream."""
        if not self._complete:
            for k, nodes in enumerate(self.nodes):
                self.see(k)
                for i, node in enumerate(nodes):
                    if node._downstream is None:
                        node._downstream = self.from_node(k, i)
                for j, node in enumerate(nodes[:-1]):
                    if node._upstream is None:
                        node._upstream = self.into_node(k, j)
            self._complete = True
        return [conn for made in self._made for conn in made.at.ravel().tolist()]

    def see(self, k: int) -> None:
        """Show the nodes of a layer, from now on."""
        if not self.seen[k]:
            self.seen[k] = True
            self._show_nodes(k)

    def _at(self, k: int, i: int, j: int) -> Any:
        made = self._made[k]
        conn = made.at[i, j]
        if conn is None:
            self.see(k)
            self.see(k + 1)
            weight, gradient = (self.chain.by_layer(flat)[k][i, j] for flat in self._flat())
            conn = self._connection(self.nodes[k][i], self.nodes[k + 1][j], float(weight), float(gradient))
            made.at[i, j] = conn
            made.objects.append(conn)
            made.places.append((i, j))
        return conn

    def _flat(self) -> tuple[Array, Array]:
        return self.chain.net.parameters, self.chain.net.gradients

    # are they what they were?

    def holds(self, layers: Any, of_layers: Steps, of_nodes: Steps, of_last: Steps, of_connections: Steps) -> bool:
        """Tell whether a network still consists of what was made here, each object doing what its class does."""
        return (
            len(layers) == len(self.layers)
            and all(layer is ours for layer, ours in zip(layers, self.layers, strict=True))
            and all(map(of_layers.untouched, self.layers))
            and all(layer._nodes == nodes for layer, nodes in zip(self.layers, self.nodes, strict=True))
            and all(self._nodes_hold(k, of_nodes, of_last) for k, seen in enumerate(self.seen) if seen)
            and all(self._connections_hold(k, of_connections) for k in range(len(self._made)))
        )

    def _nodes_hold(self, k: int, of_nodes: Steps, of_last: Steps) -> bool:
        *nodes, last = self.nodes[k]
        return (
            of_nodes.all_untouched(nodes)
            and of_last.untouched(last)
            and last.output == 1
            and all(n._downstream is None or n._downstream == self._row(k, i) for i, n in enumerate(self.nodes[k]))
            and all(n._upstream is None or n._upstream == self._column(k, j) for j, n in enumerate(nodes))
        )

    def _row(self, k: int, i: int) -> Any:
        return self._made[k].at[i].tolist() if k < len(self._made) else []

    def _column(self, k: int, j: int) -> Any:
        return self._made[k - 1].at[:, j].tolist() if k else []

    def _connections_hold(self, k: int, of_connections: Steps) -> bool:
        made, above, below = self._made[k], self.nodes[k], self.nodes[k + 1]
        return of_connections.all_untouched(made.objects) and all(
            conn.upstream_node is above[i] and conn.downstream_node is below[j]
            for conn, (i, j) in zip(made.objects, made.places, strict=True)
        )

    # numbers

    def take(self) -> None:
        """Take over the numbers of all objects that there are."""
        parameters, gradients = (self.chain.by_layer(flat) for flat in self._flat())
        for k, made in enumerate(self._made):
            if made.objects:
                index = made.index
                parameters[k][index] = _numbers(made.objects, "weight")
                gradients[k][index] = _numbers(made.objects, "gradient")
        for k, nodes in enumerate(self.nodes):
            if self.seen[k]:
                self.outputs[k][:] = _numbers(nodes, "output")
                self.deltas[k][:] = _numbers(nodes, "delta")

    def show(self) -> None:
        """Hand the numbers back to all objects that there are."""
        parameters, gradients = (self.chain.by_layer(flat) for flat in self._flat())
        for k, made in enumerate(self._made):
            if made.objects:
                index = made.index
                for conn, weight, gradient in zip(
                    made.objects, parameters[k][index].tolist(), gradients[k][index].tolist(), strict=True
                ):
                    conn.weight, conn.gradient = weight, gradient
        self.show_nodes()

    def show_nodes(self) -> None:
        """Hand outputs and error terms back."""
        for k, seen in enumerate(self.seen):
            if seen:
                self._show_nodes(k)

    def _show_nodes(self, k: int) -> None:
        for node, output, delta in zip(self.nodes[k], self.outputs[k].tolist(), self.deltas[k].tolist(), strict=True):
            node.output, node.delta = output, delta

    # the algorithm (article 3, equations 1 to 5)

    def predict(self, sample: Array) -> Array:
        """Fill all outputs; give the last ones."""
        self.outputs[0][:-1] = sample
        for k, layer in enumerate(self.chain.net.layers):
            self.outputs[k + 1][:-1] = layer.forward(self.outputs[k][None, :-1])[0]
        return self.outputs[-1][:-1]

    def calc_delta(self, label: Array) -> None:
        """Fill all error terms."""
        y = self.outputs[-1][:-1]
        self.deltas[-1][:-1] = y * (1 - y) * (label - y)
        for k, weights in reversed(list(enumerate(self.chain.by_layer(self.chain.net.parameters)))):
            y = self.outputs[k][:-1]
            self.deltas[k][:-1] = y * (1 - y) * (weights[:-1] @ self.deltas[k + 1][:-1])

    def calc_gradient(self) -> None:
        """Fill all gradients."""
        for k, gradients in enumerate(self.chain.by_layer(self.chain.net.gradients)):
            np.multiply.outer(self.outputs[k], self.deltas[k + 1][:-1], out=gradients)

    def update_weight(self, rate: float) -> None:
        """Follow the gradients."""
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
