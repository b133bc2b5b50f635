"""Article 3's network with one object for each neuron and each connection: the baseline that everything began with.

Plain Python, no arrays. A node keeps its connections in lists and sums over them with `reduce`; a connection keeps its
weight and its gradient. Training takes one sample at a time, on half the sum of squared errors, with sigmoids. The
order of the work is the article's: connections are made from upstream to downstream, and deltas are computed for
every layer before the last, the input's too, which nothing uses.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from functools import reduce


class Node:
    """A neuron: its output, its delta, and its connections on both sides."""

    def __init__(self) -> None:
        self.upstream: list[Connection] = []
        self.downstream: list[Connection] = []
        self.output = 0.0
        self.delta = 0.0

    def compute_output(self) -> None:
        """Take the sigmoid of the weighted sum of the layer before."""
        total = reduce(lambda sum_, c: sum_ + c.upstream.output * c.weight, self.upstream, 0.0)
        self.output = 1.0 / (1.0 + math.exp(-total))

    def compute_hidden_delta(self) -> None:
        """Collect delta, minus the gradient with respect to the weighted sum, from the layer after."""
        total = reduce(lambda sum_, c: sum_ + c.downstream.delta * c.weight, self.downstream, 0.0)
        self.delta = self.output * (1.0 - self.output) * total

    def compute_output_delta(self, target: float) -> None:
        """Start delta at the last layer."""
        self.delta = self.output * (1.0 - self.output) * (target - self.output)


class Bias(Node):
    """A node whose output is always 1: the weights of its connections are the next layer's biases."""

    def __init__(self) -> None:
        super().__init__()
        self.output = 1.0


class Connection:
    """A weight between two nodes, which adds itself to their lists."""

    def __init__(self, upstream: Node, downstream: Node) -> None:
        self.upstream, self.downstream = upstream, downstream
        self.weight = random.uniform(-0.1, 0.1)
        self.gradient = 0.0
        upstream.downstream.append(self)
        downstream.upstream.append(self)

    def compute_gradient(self) -> None:
        """Multiply the output upstream by the delta downstream."""
        self.gradient = self.downstream.delta * self.upstream.output

    def update(self, rate: float) -> None:
        """Step along the gradient."""
        self.compute_gradient()
        self.weight += rate * self.gradient


class Connections:
    """Every connection between two layers."""

    def __init__(self, upstream: Layer, downstream: Layer) -> None:
        self.connections = [Connection(u, d) for u in upstream.nodes for d in downstream.nodes[:-1]]

    def update(self, rate: float) -> None:
        """Step with each."""
        for connection in self.connections:
            connection.update(rate)


class Layer:
    """Nodes, and one bias after them."""

    def __init__(self, size: int) -> None:
        self.nodes: list[Node] = [*(Node() for _ in range(size)), Bias()]

    def set_output(self, sample: Sequence[float]) -> None:
        """Take a sample, as the first layer."""
        for node, value in zip(self.nodes[:-1], sample, strict=True):
            node.output = value

    def compute_output(self) -> None:
        """Compute every node but the bias."""
        for node in self.nodes[:-1]:
            node.compute_output()

    def compute_delta(self) -> None:
        """Compute every node's delta from the layer after."""
        for node in self.nodes:
            node.compute_hidden_delta()


class Network:
    """Layers of these sizes, each node of one connected with each node of the next."""

    def __init__(self, sizes: Sequence[int]) -> None:
        self.layers = [Layer(size) for size in sizes]
        self.between = [Connections(a, b) for a, b in zip(self.layers, self.layers[1:], strict=False)]

    def predict(self, sample: Sequence[float]) -> list[float]:
        """Return the last layer's outputs."""
        self.layers[0].set_output(sample)
        for layer in self.layers[1:]:
            layer.compute_output()
        return [node.output for node in self.layers[-1].nodes[:-1]]

    def train_one_sample(self, sample: Sequence[float], target: Sequence[float], rate: float) -> None:
        """Take one step."""
        self.predict(sample)
        for node, wanted in zip(self.layers[-1].nodes[:-1], target, strict=True):
            node.compute_output_delta(wanted)
        for layer in self.layers[-2::-1]:
            layer.compute_delta()
        for connections in self.between:
            connections.update(rate)

    def set_weights(self, pairs: Sequence[tuple[Sequence[Sequence[float]], Sequence[float]]]) -> None:
        """Take each layer's weights (out, in) and biases (out,)."""
        for layer, (weight, bias) in zip(self.layers[1:], pairs, strict=True):
            for node, row, b in zip(layer.nodes[:-1], weight, bias, strict=True):
                for connection, w in zip(node.upstream, [*row, b], strict=True):
                    connection.weight = w

    def get_weights(self) -> list[float]:
        """Return every weight, node by node, each node's bias last."""
        return [c.weight for layer in self.layers[1:] for node in layer.nodes[:-1] for c in node.upstream]
