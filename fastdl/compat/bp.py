"""Article 3, one object a neuron and a connection.

The objects are the article's, and may be changed, replaced and linked as one likes. As long as nobody does, `Network`
does not go through them, and runs at the speed of the core.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from .._types import Array
from .._validation.values import as_int, as_number
from ._checks import as_shaped, as_vector
from ._online import FEW, as_pairs, as_sizes, one_by_one
from ._twin import Twin
from ._untouched import Steps
from .activators import SigmoidActivator

__all__ = [
    "Connection",
    "Connections",
    "ConstNode",
    "Layer",
    "Network",
    "Node",
    "Normalizer",
    "gradient_check",
    "mean_square_error",
    "sigmoid",
    "train_data_set",
]


def sigmoid(inX: Any) -> Any:
    """Give 1 / (1 + e^-x) of a number or an array."""
    if isinstance(inX, float | int):
        return 1.0 / (1.0 + math.exp(min(-inX, 709.0)))
    return SigmoidActivator().forward(inX)


_sigmoid = sigmoid


class _BaseNode:
    """What nodes have in common: connections to the next layer, made when they are first asked for."""

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
        """Connections to nodes of the next layer."""
        if self._downstream is None:
            twin, k, i = self._twin
            self._downstream = twin.from_node(k, i)
        return self._downstream  # type: ignore[no-any-return]

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
        Where it stands.

    Attributes
    ----------
    output, delta : float
    upstream, downstream : list of Connection
    """

    __slots__ = ()

    @property
    def upstream(self) -> list[Any]:
        """Connections from nodes of the layer before."""
        if self._upstream is None:
            twin, k, j = self._twin
            self._upstream = twin.into_node(k, j)
        return self._upstream  # type: ignore[no-any-return]

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
        Where it stands.
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
        for node, value in zip(self.nodes, as_vector(data, "data", len(self.nodes) - 1).tolist(), strict=False):
            node.set_output(value)

    def calc_output(self) -> None:
        """Let every node compute its output."""
        for node in self.nodes[:-1]:
            node.calc_output()

    def dump(self) -> None:
        """Print the nodes."""
        for node in self.nodes:
            print(node)


class Connection:
    """The weight between two nodes, at first a small random number.

    Parameters
    ----------
    upstream_node, downstream_node : Node

    Attributes
    ----------
    weight, gradient : float
        The gradient points down the error.
    """

    __slots__ = ("__dict__", "__weakref__", "downstream_node", "gradient", "upstream_node", "weight")

    def __init__(self, upstream_node: Any, downstream_node: Any) -> None:
        self.upstream_node, self.downstream_node = upstream_node, downstream_node
        self.weight, self.gradient = random.uniform(-0.1, 0.1), 0.0

    def calc_gradient(self) -> None:
        """Compute ``gradient``: the error term downstream times the output upstream."""
        self.gradient = self.downstream_node.delta * self.upstream_node.output

    def get_gradient(self) -> float:
        """Give ``gradient``."""
        return self.gradient

    def update_weight(self, rate: float) -> None:
        """Follow the gradient (article 3, equation 5)."""
        self.calc_gradient()
        self.weight += rate * self.gradient

    def __str__(self) -> str:
        up, down = self.upstream_node, self.downstream_node
        return f"({up.layer_index}-{up.node_index}) -> ({down.layer_index}-{down.node_index}) = {self.weight:f}"


def _connection(up: Any, down: Any, weight: float, gradient: float) -> Connection:
    conn = Connection.__new__(Connection)
    conn.upstream_node, conn.downstream_node, conn.weight, conn.gradient = up, down, weight, gradient
    return conn


class Connections:
    """All connections of a network, in ``connections``."""

    def __init__(self) -> None:
        self._connections: list[Any] | None = []
        self._twin: Twin | None = None

    @property
    def connections(self) -> list[Any]:
        """The connections, in the order in which they were added."""
        if self._connections is None:
            self._connections = self._twin.connections()  # type: ignore[union-attr]
        return self._connections

    @connections.setter
    def connections(self, connections: list[Any]) -> None:
        self._connections = connections

    def add_connection(self, connection: Any) -> None:
        """Add one."""
        self.connections.append(connection)

    def dump(self) -> None:
        """Print them."""
        for conn in self.connections:
            print(conn)


_PARTS = Layer, Node, ConstNode, Connection
_STEPS = (
    Steps(Layer, "__init__", "nodes", "set_output", "calc_output"),
    Steps(Node, "__init__", "upstream", "downstream", "output", "delta", "set_output", "calc_output",
          "calc_hidden_layer_delta", "calc_output_layer_delta"),
    Steps(ConstNode, "__init__", "downstream", "output", "delta", "calc_hidden_layer_delta"),
    Steps(Connection, "__init__", "upstream_node", "downstream_node", "weight", "gradient", "calc_gradient",
          "update_weight"),
)  # fmt: skip
_ADDING = Steps(Connections, "__init__", "connections", "add_connection")
_LINKING = Steps(Node, "append_upstream_connection", "append_downstream_connection")
_LINKING_CONST = Steps(ConstNode, "append_downstream_connection")


def _parts_as_written() -> bool:
    """Tell whether the names of this module still mean what they meant, and what `Network` skips was not replaced."""
    return (Layer, Node, ConstNode, Connection, sigmoid) == (*_PARTS, _sigmoid) and all(
        steps.as_written() for steps in _STEPS
    )


def _width(layer: Any) -> int:
    """Count a layer's nodes but for the last; to ask one of ours for its ``nodes`` would show them all."""
    return len(layer._nodes if isinstance(layer, Layer) else layer.nodes) - 1


class Network:
    """A fully connected sigmoid network.

    Parameters
    ----------
    layers : sequence of int
        Nodes of each layer, the inputs first.

    Attributes
    ----------
    layers : list of Layer
    connections : Connections
        Their weights are drawn in the articles' order, by Python's ``random``.
    """

    def __init__(self, layers: Sequence[int]) -> None:
        sizes = as_sizes(layers)
        self.connections = Connections()
        self.layers = [Layer(i, n) for i, n in enumerate(sizes)]
        self._twin: Twin | None = None
        linking = _LINKING.as_written() and _LINKING_CONST.as_written()
        if linking and _ADDING.untouched(self.connections) and _parts_as_written():
            self._twin = Twin(sizes, self.layers, _connection)
            parameters = self._twin.chain.net.parameters
            parameters[...] = [random.uniform(-0.1, 0.1) for _ in range(parameters.size)]
            self.connections._connections, self.connections._twin = None, self._twin
            return
        for above, below in pairwise(self.layers):
            between = [Connection(up, down) for up in above.nodes for down in below.nodes[:-1]]
            for conn in between:
                self.connections.add_connection(conn)
                conn.downstream_node.append_upstream_connection(conn)
                conn.upstream_node.append_downstream_connection(conn)

    def _arrays(self, *, many: bool = False) -> Twin | None:
        """Give the twin, with the objects' numbers, or None where the objects are to be gone through.

        Taking over their numbers must pay: for ``many`` samples it always does.
        """
        twin: Twin | None = vars(self).get("_twin")  # which a subclass with a constructor of its own may not have
        if twin is None:
            return None
        if not (_parts_as_written() and (many or twin.pays())):
            twin.everything()
            return None
        if not twin.holds(self.layers, *_STEPS):
            twin.everything()
            self._twin = None
            return None
        twin.take()
        return twin

    @property
    def parameters(self) -> Array:
        """All weights, one after the other as in ``connections``: a copy. Assigning to it changes them."""
        twin = self._arrays(many=True)
        if twin is not None:
            values = twin.chain.net.parameters.copy()
        else:
            values = np.array([conn.weight for conn in self.connections.connections])
        values.flags.writeable = False
        return values

    @parameters.setter
    def parameters(self, values: Any) -> None:
        values = as_shaped(values, "parameters", self.parameters.shape)
        twin = self._arrays(many=True)
        if twin is not None:
            twin.chain.net.parameters[...] = values
            twin.show()
        else:
            for conn, weight in zip(self.connections.connections, values.tolist(), strict=True):
                conn.weight = weight

    def train(
        self, labels: Any, data_set: Any, rate: float, iteration: int | None = None, epoch: int | None = None
    ) -> None:
        """Go through all samples in order, and learn from each.

        Parameters
        ----------
        labels : array_like, shape (N, outputs)
        data_set : array_like, shape (N, inputs)
        rate : float
        iteration : int
            How often.
        epoch : int
            Another name for ``iteration``.
        """
        if (iteration is None) == (epoch is None):
            raise TypeError(f"iteration or epoch must be given, one of them; received {iteration} and {epoch}")
        times = as_int(epoch, "epoch", least=0) if iteration is None else as_int(iteration, "iteration", least=0)
        twin = None
        if _TRAINING.untouched(self) and _parts_as_written():
            rate = as_number(rate, "rate")
            inputs, outputs = (_width(layer) for layer in (self.layers[0], self.layers[-1]))
            labels, data_set = as_pairs(labels, data_set, inputs, outputs)
            twin = self._arrays(many=True) if times * len(data_set) >= FEW else None
        if twin is None:
            one_by_one(self.train_one_sample, labels, data_set, rate, times)
            return
        try:
            twin.chain.train(labels, data_set, rate, times)
        finally:
            twin.show()
        self.train_one_sample(labels[-1], data_set[-1], rate)

    def train_one_sample(self, label: Any, sample: Any, rate: float) -> None:
        """Predict, compute every error term, and correct every weight."""
        self.predict(sample)
        self.calc_delta(label)
        self.update_weight(rate)

    def calc_delta(self, label: Any) -> None:
        """Compute every node's error term (article 3, equations 3 and 4)."""
        twin = self._arrays()
        if twin is not None:
            twin.calc_delta(as_vector(label, "label", twin.chain.sizes[-1]))
            twin.show_nodes()
            return
        nodes = self.layers[-1].nodes
        for node, value in zip(nodes, as_vector(label, "label", len(nodes) - 1).tolist(), strict=False):
            node.calc_output_layer_delta(value)
        for layer in self.layers[-2::-1]:
            for node in layer.nodes:
                node.calc_hidden_layer_delta()

    def update_weight(self, rate: float) -> None:
        """Correct every connection's weight."""
        twin = self._arrays()
        if twin is not None:
            twin.update_weight(as_number(rate, "rate"))
            twin.show()
            return
        for layer in self.layers[:-1]:
            for node in layer.nodes:
                for conn in node.downstream:
                    conn.update_weight(rate)

    def calc_gradient(self) -> None:
        """Compute every connection's gradient from the nodes' outputs and error terms."""
        twin = self._arrays()
        if twin is not None:
            twin.calc_gradient()
            twin.show()
            return
        for layer in self.layers[:-1]:
            for node in layer.nodes:
                for conn in node.downstream:
                    conn.calc_gradient()

    def get_gradient(self, label: Any, sample: Any) -> None:
        """Compute every connection's gradient for one sample.

        Parameters
        ----------
        label : array_like, shape (outputs,)
        sample : array_like, shape (inputs,)
        """
        self.predict(sample)
        self.calc_delta(label)
        self.calc_gradient()

    def predict(self, sample: Any) -> list[float]:
        """Give the outputs for a sample (inputs,)."""
        twin = self._arrays()
        if twin is not None:
            outputs = twin.predict(as_vector(sample, "sample", twin.chain.sizes[0])).tolist()
            twin.show_nodes()
            return outputs  # type: ignore[no-any-return]
        self.layers[0].set_output(sample)
        for layer in self.layers[1:]:
            layer.calc_output()
        return [node.output for node in self.layers[-1].nodes[:-1]]

    def dump(self) -> None:
        """Print every node and its connections."""
        for layer in self.layers:
            layer.dump()


_TRAINING = Steps(Network, "train_one_sample", "predict", "calc_delta", "update_weight")


class Normalizer:
    """Whole numbers from 0 to 255 as vectors of their eight bits, the lowest first: 0.9 for one, 0.1 for zero.

    Attributes
    ----------
    mask : list of int
        What each bit stands for.
    """

    def __init__(self) -> None:
        self.mask = [1 << bit for bit in range(8)]

    def norm(self, number: int) -> list[float]:
        """Give the vector of a number."""
        return [0.9 if number & bit else 0.1 for bit in self.mask]

    def denorm(self, vec: Sequence[float]) -> int:
        """Give the number of a vector, whose ones are above a half."""
        return sum(bit for bit, value in zip(self.mask, vec, strict=True) if value > 0.5)


def mean_square_error(vec1: Sequence[float], vec2: Sequence[float]) -> float:
    """Give half the sum of squared differences."""
    return 0.5 * sum((a - b) * (a - b) for a, b in zip(vec1, vec2, strict=True))


def train_data_set() -> tuple[list[list[float]], list[list[float]]]:
    """Give 32 random numbers, each a vector of bits that is its own label: labels, then samples."""
    normalizer = Normalizer()
    data_set = [normalizer.norm(int(random.uniform(0, 256))) for _ in range(32)]
    return list(data_set), data_set


def gradient_check(network: Any, sample_feature: Any, sample_label: Any) -> float:
    """Compare every connection's gradient with central differences, and print both.

    Parameters
    ----------
    network : Network
    sample_feature : array_like, shape (inputs,)
    sample_label : array_like, shape (outputs,)

    Returns
    -------
    float
        The largest difference, relative to the largest gradient.
    """
    network.get_gradient(sample_label, sample_feature)
    epsilon, worst, scale = 1e-4, 0.0, 0.0
    for conn in network.connections.connections:
        actual, kept, errors = conn.get_gradient(), conn.weight, []
        for shift in (-epsilon, epsilon):
            conn.weight = kept + shift
            errors.append(mean_square_error(network.predict(sample_feature), sample_label))
        conn.weight = kept
        expected = (errors[0] - errors[1]) / (2 * epsilon)
        print(f"expected gradient: \t{expected:f}\nactual gradient: \t{actual:f}")
        worst, scale = max(worst, abs(expected - actual)), max(scale, abs(actual))
    network.predict(sample_feature)
    return worst / scale if scale else worst
