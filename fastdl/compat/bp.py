"""Article 3, one object a neuron and a connection: live views of the core's arrays.

Reading and assigning ``conn.weight``, ``node.output`` or ``node.delta`` works at any time; `Network.train` does not go
through the objects, and runs at the speed of the core.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import functional
from .._validation import Array, as_int, as_number
from ._checks import as_vector
from ._live import LiveNumber
from ._online import SigmoidChain
from .activators import SigmoidActivator, through

__all__ = ["Connection", "Connections", "ConstNode", "Layer", "Network", "Node", "gradient_check"]

_SIGMOID = SigmoidActivator()


class _BaseNode:
    """What nodes have in common: a place in a layer's arrays."""

    __slots__ = ("_deltas", "_outputs", "downstream", "layer_index", "node_index", "upstream")

    _place = 0
    output, delta = LiveNumber("_outputs"), LiveNumber("_deltas")

    def __init__(self, layer_index: int, node_index: int) -> None:
        self.layer_index, self.node_index = layer_index, node_index
        self.downstream: list[Connection] = []
        self.upstream: list[Connection] = []
        self._outputs, self._deltas = np.zeros(1), np.zeros(1)

    def _bind(self, outputs: Array, deltas: Array) -> None:
        """Move into one place of a layer's arrays."""
        outputs[0], deltas[0] = self._outputs[0], self._deltas[0]
        self._outputs, self._deltas = outputs, deltas

    def append_downstream_connection(self, conn: Connection) -> None:
        """Add a connection to a node of the next layer."""
        self.downstream.append(conn)

    def calc_hidden_layer_delta(self) -> None:
        """Compute ``delta`` from those of the next layer (article 3, equation 4)."""
        weights = np.array([[conn.weight for conn in self.downstream]])
        deltas = np.array([[conn.downstream_node.delta for conn in self.downstream]])
        total = functional.dense(deltas, weights) if self.downstream else np.zeros((1, 1))
        self.delta = float(through(_SIGMOID, total, np.array([[self.output]]))[0, 0])

    def _connections(self, title: str, connections: list[Connection]) -> str:
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

    def set_output(self, output: float) -> None:
        """Assign ``output``: for nodes of the input layer."""
        self.output = output

    def append_upstream_connection(self, conn: Connection) -> None:
        """Add a connection from a node of the layer before."""
        self.upstream.append(conn)

    def calc_output(self) -> None:
        """Compute ``output`` from those of the layer before (article 3, equation 1)."""
        weights = np.array([[conn.weight for conn in self.upstream]])
        inputs = np.array([[conn.upstream_node.output for conn in self.upstream]])
        self.output = _SIGMOID.forward(functional.dense(inputs, weights))[0, 0] if self.upstream else 0.5

    def calc_output_layer_delta(self, label: float) -> None:
        """Compute ``delta`` from the label (article 3, equation 3)."""
        error = as_number(label, "label", -np.inf) - self.output
        self.delta = float(through(_SIGMOID, np.array([error]), np.array([self.output]))[0])

    def __str__(self) -> str:
        return (
            f"{self.layer_index}-{self.node_index}: output: {self.output:f} delta: {self.delta:f}"
            + self._connections("downstream", self.downstream)
            + self._connections("upstream", self.upstream)
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
        return f"{self.layer_index}-{self.node_index}: output: 1" + self._connections("downstream", self.downstream)


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
        self.nodes: list[Any] = [Node(layer_index, i) for i in range(node_count)]
        self.nodes.append(ConstNode(layer_index, node_count))
        self._outputs, self._deltas = np.zeros((2, node_count + 1))
        for i, node in enumerate(self.nodes):
            node._bind(self._outputs[i : i + 1], self._deltas[i : i + 1])

    def set_output(self, data: Sequence[float]) -> None:
        """Assign the nodes' outputs: for the input layer."""
        self._outputs[:-1] = as_vector(data, "data", len(self.nodes) - 1)

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

    __slots__ = ("_gradients", "_place", "_weights", "downstream_node", "upstream_node")

    weight, gradient = LiveNumber("_weights"), LiveNumber("_gradients")

    def __init__(self, upstream_node: Any, downstream_node: Node) -> None:
        self._bind(upstream_node, downstream_node, np.zeros((1, 1)), np.zeros((1, 1)), (0, 0))

    def _bind(
        self, upstream_node: Any, downstream_node: Node, weights: Array, gradients: Array, place: tuple[int, int]
    ) -> Connection:
        self.upstream_node, self.downstream_node = upstream_node, downstream_node
        self._weights, self._gradients, self._place = weights, gradients, place
        weights[place] = random.uniform(-0.1, 0.1)
        return self

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


class Connections:
    """All connections of a network, in ``connections``."""

    def __init__(self) -> None:
        self.connections: list[Connection] = []

    def add_connection(self, connection: Connection) -> None:
        """Add one."""
        self.connections.append(connection)

    def dump(self) -> None:
        """Print them."""
        for conn in self.connections:
            print(conn)


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
        self._chain = SigmoidChain(layers)
        self.connections = Connections()
        self.layers = [Layer(i, n) for i, n in enumerate(layers)]
        for k, (above, below) in enumerate(zip(self.layers, self.layers[1:], strict=False)):
            arrays = self._chain.weights[k], self._chain.gradients[k]
            for i, up in enumerate(above.nodes):
                for j, down in enumerate(below.nodes[:-1]):
                    conn = Connection.__new__(Connection)._bind(up, down, *arrays, (i, j))
                    self.connections.add_connection(conn)
                    down.append_upstream_connection(conn)
                    up.append_downstream_connection(conn)

    @property
    def parameters(self) -> Array:
        """All weights as one vector, in the order of the connections, live."""
        return self._chain.net.parameters

    @parameters.setter
    def parameters(self, values: Any) -> None:
        self.parameters[...] = as_vector(values, "parameters", self.parameters.size)

    def train(self, labels: Any, data_set: Any, rate: float, iteration: int) -> None:
        """Go through all samples in order, ``iteration`` times, and learn from each.

        Parameters
        ----------
        labels : array_like, shape (N, outputs)
        data_set : array_like, shape (N, inputs)
        rate : float
        iteration : int
        """
        self._chain.train(labels, data_set, rate, as_int(iteration, "iteration", least=0), self.train_one_sample)

    def train_one_sample(self, label: Any, sample: Any, rate: float) -> None:
        """Predict, compute every error term, and correct every weight."""
        label = self._label(label)
        self.predict(sample)
        self.calc_delta(label)
        self.update_weight(rate)

    def calc_delta(self, label: Any) -> None:
        """Compute every node's error term (article 3, equations 3 and 4)."""
        last = self.layers[-1]
        error = self._label(label) - last._outputs[:-1]
        last._deltas[:-1] = through(_SIGMOID, error, last._outputs[:-1])
        for k in range(len(self._chain.linear) - 1, -1, -1):
            layer, linear = self.layers[k], self._chain.linear[k]
            linear.forward(layer._outputs[None, :-1])
            back = linear.backward(self.layers[k + 1]._deltas[None, :-1])[0]
            layer._deltas[:-1] = through(_SIGMOID, back, layer._outputs[:-1])

    def calc_gradient(self) -> None:
        """Compute every connection's gradient from the nodes' outputs and error terms."""
        for k, linear in enumerate(self._chain.linear):
            linear.forward(self.layers[k]._outputs[None, :-1])
            linear.backward(self.layers[k + 1]._deltas[None, :-1])

    def update_weight(self, rate: float) -> None:
        """Correct every connection's weight."""
        self.calc_gradient()
        self.parameters += as_number(rate, "rate") * self._chain.net.gradients

    def get_gradient(self, label: Any, sample: Any) -> None:
        """Compute every connection's gradient for one sample.

        Parameters
        ----------
        label : array_like, shape (outputs,)
        sample : array_like, shape (inputs,)
        """
        label = self._label(label)
        self.predict(sample)
        self.calc_delta(label)
        self.calc_gradient()

    def predict(self, sample: Any) -> list[float]:
        """Give the outputs for a sample (inputs,)."""
        self.layers[0]._outputs[:-1] = as_vector(sample, "sample", len(self.layers[0].nodes) - 1)
        for k, layer in enumerate(self._chain.net.layers):
            self.layers[k + 1]._outputs[:-1] = layer.forward(self.layers[k]._outputs[None, :-1])[0]
        return self.layers[-1]._outputs[:-1].tolist()  # type: ignore[no-any-return]

    def dump(self) -> None:
        """Print every node and its connections."""
        for layer in self.layers:
            layer.dump()

    def _label(self, label: Any) -> Array:
        return as_vector(label, "label", len(self.layers[-1].nodes) - 1)


def gradient_check(network: Network, sample_feature: Any, sample_label: Any) -> float:
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

    def error() -> float:
        return functional.squared_error([network.predict(sample_feature)], [sample_label])

    network.get_gradient(sample_label, sample_feature)
    epsilon, worst, scale = 1e-4, 0.0, 0.0
    for conn in network.connections.connections:
        actual, kept, errors = conn.get_gradient(), conn.weight, []
        for shift in (-epsilon, epsilon):
            conn.weight = kept + shift
            errors.append(error())
        conn.weight = kept
        expected = (errors[0] - errors[1]) / (2 * epsilon)
        print(f"expected gradient: \t{expected:f}\nactual gradient: \t{actual:f}")
        worst, scale = max(worst, abs(expected - actual)), max(scale, abs(actual))
    network.predict(sample_feature)
    return worst / scale if scale else worst
