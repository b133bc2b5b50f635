"""Neurons, and layers of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from .._checks import as_numbers
from ..activators import SigmoidActivator

if TYPE_CHECKING:
    from .twin import Twin


def sigmoid(inX: Any) -> Any:
    """Return 1 / (1 + e^-x) of a number or an array."""
    if type(inX) is float and inX > -709.0:
        return 1.0 / (1.0 + math.exp(-inX))
    return SigmoidActivator().forward(inX)


class _BaseNode:
    """The base of nodes: connections to the next layer, made when they are first read."""

    __slots__ = ("__dict__", "__weakref__", "_downstream", "_twin", "_upstream", "delta", "layer_index", "node_index",
                 "output")  # fmt: skip

    def __init__(self, layer_index: int, node_index: int) -> None:
        self.layer_index, self.node_index = layer_index, node_index
        self.output, self.delta = 0.0, 0.0
        self._downstream: Any = []
        self._upstream: Any = []
        self._twin: Any = None

    @property
    def downstream(self) -> list[Any]:
        """The connections to nodes of the next layer."""
        return downstream_of(self)

    @downstream.setter
    def downstream(self, connections: list[Any]) -> None:
        self._downstream = connections

    def append_downstream_connection(self, conn: Any) -> None:
        """Add a connection to a node of the next layer."""
        self.downstream.append(conn)

    def calc_hidden_layer_delta(self) -> None:
        """Compute ``delta`` from those of the next layer (article 3, equation 4)."""
        total = 0.0
        for conn in self.downstream:
            total += conn.downstream_node.delta * conn.weight
        self.delta = self.output * (1 - self.output) * total


def _listed(title: str, connections: list[Any]) -> str:
    return f"\n\t{title}:" + "".join(f"\n\t{conn}" for conn in connections)


class Node(_BaseNode):
    """A neuron.

    Parameters
    ----------
    layer_index, node_index : int
        Its position.

    Attributes
    ----------
    output, delta : float
    upstream, downstream : list of Connection
    """

    __slots__ = ()

    @property
    def upstream(self) -> list[Any]:
        """The connections from nodes of the layer before."""
        return upstream_of(self)

    @upstream.setter
    def upstream(self, connections: list[Any]) -> None:
        self._upstream = connections

    def set_output(self, output: float) -> None:
        """Assign ``output``: for nodes of the input layer."""
        self.output = output

    def append_upstream_connection(self, conn: Any) -> None:
        """Add a connection from a node of the layer before."""
        self.upstream.append(conn)

    def calc_output(self) -> None:
        """Compute ``output`` from those of the layer before (article 3, equation 1)."""
        total = 0.0
        for conn in self.upstream:
            total += conn.upstream_node.output * conn.weight
        self.output = sigmoid(total)

    def calc_output_layer_delta(self, label: float) -> None:
        """Compute ``delta`` from the label (article 3, equation 3)."""
        self.delta = self.output * (1 - self.output) * (label - self.output)

    def __str__(self) -> str:
        return (
            f"{self.layer_index}-{self.node_index}: output: {self.output:f} delta: {self.delta:f}"
            + _listed("downstream", self.downstream)
            + _listed("upstream", self.upstream)
        )


class ConstNode(_BaseNode):
    """A node whose output is always 1: the weights of its connections are biases.

    Parameters
    ----------
    layer_index, node_index : int
        Its position.
    """

    __slots__ = ()

    def __init__(self, layer_index: int, node_index: int) -> None:
        super().__init__(layer_index, node_index)
        self.output = 1.0

    def __str__(self) -> str:
        return f"{self.layer_index}-{self.node_index}: output: 1" + _listed("downstream", self.downstream)


class Layer:
    """A layer of nodes, and a `ConstNode` after them.

    Parameters
    ----------
    layer_index : int
    node_count : int

    Attributes
    ----------
    nodes : list of Node
        The last is the ConstNode.
    """

    def __init__(self, layer_index: int, node_count: int) -> None:
        self.layer_index = layer_index
        self._nodes: list[Any] = [Node(layer_index, i) for i in range(node_count)]
        self._nodes.append(ConstNode(layer_index, node_count))
        self._twin: tuple[Twin, int] | None = None

    @property
    def nodes(self) -> list[Any]:
        """The nodes, the ConstNode last."""
        if self._twin is not None:
            twin, k = self._twin
            twin.see(k)
        return self._nodes

    @nodes.setter
    def nodes(self, nodes: list[Any]) -> None:
        self._nodes = nodes

    def set_output(self, data: Sequence[float]) -> None:
        """Assign the nodes' outputs: for the input layer."""
        nodes = self.nodes
        for node, value in zip(nodes, as_numbers(data, "data", len(nodes) - 1), strict=False):
            node.set_output(value)

    def calc_output(self) -> None:
        """Compute the output of every node."""
        for node in self.nodes[:-1]:
            node.calc_output()

    def dump(self) -> None:
        """Print the nodes."""
        for node in self.nodes:
            print(node)


# how a twin accesses nodes

made_downstream, made_upstream = (
    attrgetter("_downstream"),
    attrgetter("_upstream"),
)  # None if none has been read


def downstream_of(node: Any) -> list[Any]:
    """Return a node's connections to the next layer, and make those that do not exist yet."""
    if node._downstream is None:
        twin, k, i = node._twin
        node._downstream = twin.from_node(k, i)
    return node._downstream  # type: ignore[no-any-return]


def upstream_of(node: Any) -> list[Any]:
    """Return a node's connections from the layer before, and make those that do not exist yet."""
    if node._upstream is None:
        twin, k, j = node._twin
        node._upstream = twin.into_node(k, j)
    return node._upstream  # type: ignore[no-any-return]


def bare_nodes(layer: Any) -> list[Any]:
    """Return a layer's nodes, without setting their numbers as reading ``nodes`` of our layers does."""
    return layer._nodes if isinstance(layer, Layer) else layer.nodes


def entrust_layers(layers: Sequence[Layer], twin: Twin) -> None:
    """Let a twin set the numbers of layers' nodes, and make their connections, on first use."""
    for k, layer in enumerate(layers):
        layer._twin = twin, k
        for i, node in enumerate(layer._nodes):
            node._twin = twin, k, i
            if k < len(layers) - 1:
                node._downstream = None
        for node in layer._nodes[:-1] if k else ():
            node._upstream = None
