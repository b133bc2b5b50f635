"""The network, which does not use its objects as long as they are unchanged."""

from __future__ import annotations

import random
from collections.abc import Sequence
from copy import deepcopy
from itertools import pairwise
from typing import Any

import numpy as np

from ..._types import Array
from ..._validation.values import as_int, as_number
from .._checks import as_numbers, as_shaped, as_vector
from .._online import as_pairs, as_sizes, one_by_one
from .._untouched import Steps
from .connections import Connection, Connections, entrust_connections
from .copying import copy_linked
from .nodes import ConstNode, Layer, Node, bare_nodes, sigmoid
from .twin import Twin

_FEW = 16  # fewer steps are not worth turning the objects to arrays
_NAMED = Layer, Node, ConstNode, Connection, sigmoid
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
    """Return whether the names of `fastdl.compat.bp`, and the methods that `Network` skips, have not been replaced."""
    return (Layer, Node, ConstNode, Connection, sigmoid) == _NAMED and all(steps.as_written() for steps in _STEPS)


class Network:
    """A fully connected sigmoid network.

    Parameters
    ----------
    layers : sequence of int
        The number of nodes of each layer, the inputs first.

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
            self._twin = Twin(sizes, self.layers, Connection)
            parameters = self._twin.chain.net.parameters
            parameters[...] = [random.uniform(-0.1, 0.1) for _ in range(parameters.size)]
            entrust_connections(self.connections, self._twin)
            return
        for above, below in pairwise(self.layers):
            between = [Connection(up, down) for up in above.nodes for down in below.nodes[:-1]]
            for conn in between:
                self.connections.add_connection(conn)
                conn.downstream_node.append_upstream_connection(conn)
                conn.upstream_node.append_downstream_connection(conn)

    def __deepcopy__(self, memo: dict[int, Any]) -> Network:
        """Copy nodes and connections, which refer to one another, one after another rather than recursively."""
        copied = type(self).__new__(type(self))
        memo[id(self)] = copied
        copy_linked((node for layer in self.layers for node in bare_nodes(layer)), memo)
        vars(copied).update(deepcopy(vars(self), memo))
        return copied

    def _arrays(self, *, many: bool = False) -> Twin | None:
        """Return the twin, with the objects' numbers, or None if the objects must be used.

        For one sample the arrays must be faster in spite of the copying; for ``many`` they always are.
        """
        twin: Twin | None = vars(self).get("_twin")  # a subclass with its own constructor may not have one
        if twin is None:
            return None
        if not ((many or twin.pays()) and _parts_as_written()):
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
            The number of passes over all samples.
        epoch : int
            Another name for ``iteration``.
        """
        if (iteration is None) == (epoch is None):
            raise TypeError(f"iteration or epoch must be given, one of them; received {iteration} and {epoch}")
        times = as_int(epoch, "epoch", least=0) if iteration is None else as_int(iteration, "iteration", least=0)
        twin = None
        if _TRAINING.untouched(self) and _parts_as_written():
            rate = as_number(rate, "rate")
            inputs, outputs = (len(bare_nodes(layer)) - 1 for layer in (self.layers[0], self.layers[-1]))
            labels, data_set = as_pairs(labels, data_set, inputs, outputs)
            twin = self._arrays(many=True) if times * len(data_set) >= _FEW else None
        if twin is None:
            one_by_one(self.train_one_sample, labels, data_set, rate, times)
            return
        try:
            twin.chain.train(labels, data_set, rate, times)
        finally:
            twin.show()
        self.train_one_sample(labels[-1], data_set[-1], rate)

    def train_one_sample(self, label: Any, sample: Any, rate: float) -> None:
        """Predict, compute all error terms, and correct all weights."""
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
        for node, value in zip(nodes, as_numbers(label, "label", len(nodes) - 1), strict=False):
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
        """Return the outputs for a sample (inputs,)."""
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
