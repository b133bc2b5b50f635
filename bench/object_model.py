"""Article 3's network with one object for each neuron and each connection: the baseline that everything began with.

Plain Python, no arrays: a node keeps its connections in lists and sums over them with `reduce`; a connection keeps its
weight and gradient. Training is one sample at a time, squared error, sigmoids.
"""

from __future__ import annotations

import math
import random
from functools import reduce


class Node:
    """A neuron: its output, its delta, and the connections on both sides."""

    def __init__(self) -> None:
        self.upstream: list[Connection] = []
        self.downstream: list[Connection] = []
        self.output = 0.0
        self.delta = 0.0

    def compute_output(self) -> None:
        total = reduce(lambda sum_, c: sum_ + c.upstream.output * c.weight, self.upstream, 0.0)
        self.output = 1.0 / (1.0 + math.exp(-total))

    def compute_hidden_delta(self) -> None:
        total = reduce(lambda sum_, c: sum_ + c.downstream.delta * c.weight, self.downstream, 0.0)
        self.delta = self.output * (1.0 - self.output) * total

    def compute_output_delta(self, target: float) -> None:
        self.delta = self.output * (1.0 - self.output) * (target - self.output)


class Connection:
    """A weight between two nodes."""

    def __init__(self, upstream: Node, downstream: Node) -> None:
        self.upstream, self.downstream = upstream, downstream
        self.weight = random.uniform(-0.1, 0.1)
        self.gradient = 0.0
        upstream.downstream.append(self)
        downstream.upstream.append(self)

    def compute_gradient(self) -> None:
        self.gradient = self.downstream.delta * self.upstream.output

    def update(self, rate: float) -> None:
        self.compute_gradient()
        self.weight += rate * self.gradient


class Layer:
    """Nodes, and one more whose output is always 1: its connections are the next layer's biases."""

    def __init__(self, size: int) -> None:
        self.nodes = [Node() for _ in range(size)]
        self.bias = Node()
        self.bias.output = 1.0


class Network:
    """Layers, each node of one connected with each node of the next."""

    def __init__(self, sizes: list[int]) -> None:
        self.layers = [Layer(size) for size in sizes]
        self.connections = [
            Connection(upstream, downstream)
            for layer, following in zip(self.layers, self.layers[1:], strict=False)
            for downstream in following.nodes
            for upstream in [*layer.nodes, layer.bias]
        ]

    def predict(self, sample: list[float]) -> list[float]:
        for node, value in zip(self.layers[0].nodes, sample, strict=True):
            node.output = value
        for layer in self.layers[1:]:
            for node in layer.nodes:
                node.compute_output()
        return [node.output for node in self.layers[-1].nodes]

    def train_one_sample(self, sample: list[float], target: list[float], rate: float) -> None:
        self.predict(sample)
        for node, wanted in zip(self.layers[-1].nodes, target, strict=True):
            node.compute_output_delta(wanted)
        for layer in self.layers[-2:0:-1]:
            for node in layer.nodes:
                node.compute_hidden_delta()
        for connection in self.connections:
            connection.update(rate)

    def set_weights(self, pairs: list[tuple[list[list[float]], list[float]]]) -> None:
        """Take weights (out, in) and biases (out,) of each layer."""
        connections = iter(self.connections)
        for weight, bias in pairs:
            for row, b in zip(weight, bias, strict=True):
                for w in [*row, b]:
                    next(connections).weight = w

    def get_weights(self) -> list[float]:
        """Give every connection's weight, row by row, each row's bias last."""
        return [connection.weight for connection in self.connections]
