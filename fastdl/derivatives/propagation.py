"""Propagation of jets through a network for vectors, operation by operation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .._core.graph import Graph
from .._core.kinds import RANDOM
from .._core.operation import Fields, Operations, parameters_of
from .._types import Array
from ..layers.container import walk
from .jets import Jet, Tape
from .products import Product
from .smooth import SMOOTH, derivatives, exponential, is_smooth, power

if TYPE_CHECKING:
    from ..layers import Layer


class Weights(NamedTuple):
    """The parameters of an operation, each with the array to which its gradient is added.

    Attributes
    ----------
    pairs : list of (ndarray, ndarray)
    product : Product
        The product of a dense operation.
    """

    pairs: list[tuple[Array, Array]]
    product: Any


Function = Callable[[Tape, Sequence[Jet], Fields, Weights], Jet]


def _passed(tape: Tape, read: Sequence[Jet], operation: Fields, weights: Weights) -> Jet:
    return read[0]


def _dense(tape: Tape, read: Sequence[Jet], operation: Fields, weights: Weights) -> Jet:
    (weight, dweight), (bias, dbias) = weights.pairs
    return tape.affine(read[0], weights.product, weight, bias, dweight, dbias)


def _activation(tape: Tape, read: Sequence[Jet], operation: Fields, weights: Weights) -> Jet:
    name = operation["activation"]
    if name == "softmax":
        return _softmax(tape, read[0])
    return tape.elementwise(read[0], partial(derivatives, name, operation["setting"]))


def _softmax(tape: Tape, x: Jet) -> Jet:
    # The maximum that is subtracted from each row cancels out.
    powers = tape.elementwise(tape.scaled(x, 1.0, -x.values[0].max(axis=-1, keepdims=True)), exponential)
    return tape.multiplied(powers, tape.elementwise(tape.total(powers), partial(power, exponent=-1.0)))


def _layer_norm(tape: Tape, read: Sequence[Jet], operation: Fields, weights: Weights) -> Jet:
    x, features = read[0], read[0].values.shape[-1]
    apart = tape.added([x, tape.scaled(tape.total(x), -1 / features, 0.0)])
    variance = tape.scaled(tape.total(tape.multiplied(apart, apart)), 1 / features, operation["epsilon"])
    z = tape.multiplied(apart, tape.elementwise(variance, partial(power, exponent=-0.5)))
    return tape.weighed(z, *_weight_and_bias(weights.pairs))


def _batch_norm(tape: Tape, read: Sequence[Jet], operation: Fields, weights: Weights) -> Jet:
    *own, (mean, _), (variance, _) = weights.pairs
    scale = (1 / np.sqrt(variance.astype("float64") + operation["epsilon"])).astype(variance.dtype)
    return tape.weighed(tape.scaled(read[0], scale, -mean * scale), *_weight_and_bias(own))


def _weight_and_bias(pairs: Sequence[tuple[Array, Array]]) -> tuple[Array, Array, Array, Array]:
    (weight, dweight), (bias, dbias) = pairs
    return weight, bias, dweight, dbias


def _sum(tape: Tape, read: Sequence[Jet], operation: Fields, weights: Weights) -> Jet:
    return tape.added(_spread(tape, read))


def _product(tape: Tape, read: Sequence[Jet], operation: Fields, weights: Weights) -> Jet:
    y, *others = _spread(tape, read)
    for x in others:
        y = tape.multiplied(y, x)
    return y


def _spread(tape: Tape, read: Sequence[Jet]) -> list[Jet]:
    """Repeat single features as often as the widest has some."""
    widest = max(x.values.shape[-1] for x in read)
    every = np.zeros(widest, np.intp)
    return [x if x.values.shape[-1] == widest else tape.selected(x, every) for x in read]


FUNCTIONS: dict[str, Function] = {
    "dense": _dense,
    "activation": _activation,
    "flatten": _passed,
    "rescale": lambda tape, read, operation, _: tape.scaled(read[0], operation["scale"], operation["added"]),
    "select": lambda tape, read, operation, _: tape.selected(read[0], operation["indices"]),
    "layer_norm": _layer_norm,
    "batch_norm": _batch_norm,
    "concat": lambda tape, read, *_: tape.concatenated(read),
    "sum": _sum,
    "product": _product,
    **dict.fromkeys(RANDOM, _passed),
}


def _operations(layer: Layer) -> tuple[Operations, int]:
    """Return a layer's operations before fusion, and the number of its output tensor."""
    graph = Graph(layer.input_shape)
    return graph.operations, layer.lower(graph.input).number


def _obstacle(net: Layer, bends: bool) -> str | None:
    """Return why, if at all, jets cannot be propagated through a network, with or without second derivatives."""
    if len(net.input_shape) != 1:
        return f"samples must be vectors; those of the network are {net.input_shape}"
    for name, layer in walk(net):
        for operation in _operations(layer)[0]:
            if operation["kind"] not in FUNCTIONS:
                return f"layers must be dense, or made of such; layer {name}, {layer!r}, is {operation['kind']}"
            if bends and operation["kind"] == "activation" and not _is_smooth(operation):
                known = ", ".join(SMOOTH)
                return f"activations must be of {known}, and elu's alpha 1; layer {name}, {layer!r}, has another"
    return None


def _is_smooth(operation: Fields) -> bool:
    return operation["activation"] == "softmax" or is_smooth(operation["activation"], operation["setting"])


class Propagation:
    """Propagates jets through a network, with its current parameters.

    Parameters
    ----------
    net : Layer
        Built.

    Attributes
    ----------
    goes : bool
        Whether jets can be propagated, at least without second derivatives.
    """

    def __init__(self, net: Layer) -> None:
        self.goes: bool = _obstacle(net, False) is None
        self._obstacle = _obstacle(net, True)
        self._operations, self._output = _operations(net)
        shapes = [net.input_shape, *(operation["output_shape"] for operation in self._operations)]
        self._products = [
            Product(shapes[operation["reads"][0]][-1], operation["units"], net.dtype, net.turn)
            if self.goes and operation["kind"] == "dense"
            else None
            for operation in self._operations
        ]

    def check_smooth(self) -> None:
        """Check that there are second derivatives."""
        if self._obstacle is not None:
            raise ValueError(self._obstacle)

    @property
    def widest(self) -> int:
        """The largest number of features of a jet."""
        widths: list[int] = [operation["output_shape"][-1] for operation in self._operations]
        return max([1, *widths])

    def __call__(self, tape: Tape, x: Jet, parameters: Array, gradients: Array) -> Jet:
        """Return the output's jet."""
        jets = [x]
        for operation, product in zip(self._operations, self._products, strict=True):
            read = [jets[number] for number in operation["reads"]]
            pairs = zip(parameters_of(operation, parameters), parameters_of(operation, gradients), strict=True)
            weights = Weights(list(pairs), product)
            jets.append(FUNCTIONS[operation["kind"]](tape, read, operation, weights))
        return jets[self._output]
