"""The outline of a network for tables and pictures: its tree of layers, and their connections."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import add
from reprlib import repr as short
from typing import Any, NamedTuple

from .._core.graph import Graph, Lowered
from .._core.kinds import MERGES
from .._types import Shape
from ..layers import Activation, Layer
from ..layers.configuration import is_ours
from ..layers.container import Container
from .work import Costs, Count

CHAIN, APART = "chain", "apart"  # wirings: layers one after another, and layers whose connections are not known


class Part(NamedTuple):
    """A layer of a network.

    Attributes
    ----------
    name : str
        The prefix of its parameters' names; empty for the network itself.
    layer : Layer
    input_shape, output_shape : tuple
    frozen : bool
        Whether it, or a layer that it is part of, is not trained.
    wiring : str
        How its layers are connected: CHAIN, the kind of operation that merges branches, or APART.
    branches : tuple of tuples of Part
        Its chains: one, or several that read the same input; none for a layer that is not made of others.
    kinds : tuple of str
        The kinds of its own operations.
    multiply_adds : Count
        The multiply-adds of its own operations for a sample.
    numbers : Count
        The size of its output for a sample, if its own operations compute it.
    """

    name: str
    layer: Layer
    input_shape: Shape
    output_shape: Shape
    frozen: bool
    wiring: str
    branches: tuple[tuple[Part, ...], ...]
    kinds: tuple[str, ...]
    multiply_adds: Count
    numbers: Count

    @property
    def parameter_count(self) -> int:
        """The number of its parameters, including those of the layers inside."""
        return self.layer.parameter_count

    def children(self) -> list[Part]:
        """Return the layers that it is made of."""
        return [part for branch in self.branches for part in branch]

    def all(self) -> list[Part]:
        """Return it and all layers inside it, each before its own parts."""
        return [self, *(inner for part in self.children() for inner in part.all())]


class Outline:
    """A built network.

    Attributes
    ----------
    whole : Part
    symbol : str
        The symbol for an unknown number of steps or nodes of a sample.
    itemsize : int
        The bytes of a number.
    """

    def __init__(self, net: Layer) -> None:
        net.check_built()
        self._graph = Graph(net.input_shape)
        net.lower(self._graph.input)
        self._lowered = {id(lowered.layer): lowered for lowered in self._graph.layers}
        arity = net.arity
        self._costs = Costs(self._graph, arity)
        self.in_trees = arity is not None
        self.symbol = "T" if arity is None else "M"
        self.itemsize = 8 if net.dtype == "float64" else 4
        self.whole = self._part("", net, frozen=False)

    def _part(self, name: str, layer: Layer, frozen: bool) -> Part:
        lowered, frozen = self._lowered[id(layer)], frozen or not layer.trainable
        inside: Mapping[str, Layer] = layer.named_layers() if isinstance(layer, Container) else {}
        children = {
            id(child): self._part(f"{name}.{key}" if name else key, child, frozen) for key, child in inside.items()
        }
        own = _outside(lowered.operations, [self._lowered[key].operations for key in children])
        wiring, chains = self._wired(lowered, [self._lowered[key] for key in children], own)
        return Part(
            name, layer, lowered.input_shape, lowered.output_shape, frozen, wiring,
            tuple([tuple([children[id(one.layer)] for one in chain]) for chain in chains]),
            tuple([self._graph.operations[number]["kind"] for number in own]),
            reduce(add, map(self._costs.multiply_adds, own), Count()),
            self._costs.numbers(lowered.target) if own or not children else Count(),
        )  # fmt: skip

    def _wired(self, whole: Lowered, inside: list[Lowered], own: list[int]) -> tuple[str, list[list[Lowered]]]:
        """Find out how the layers inside a layer are connected, from the tensors that each reads."""
        chains: list[list[Lowered]] = []
        for one in inside:
            if chains and one.source == chains[-1][-1].target:
                chains[-1].append(one)
            elif one.source == whole.source:
                chains.append([one])
            else:
                return APART, [inside]
        if not own and len(chains) < 2:
            return CHAIN, chains
        ends = {chain[-1].target: chain for chain in chains}
        if len(own) == 1 and (last := self._graph.operations[own[0]])["kind"] in MERGES:
            reads: tuple[int, ...] = last["reads"]
            if sorted(number for number in reads if number != whole.source) == sorted(ends):
                return last["kind"], [ends.get(number, []) for number in reads]
        return (APART, [inside]) if inside else (CHAIN, [])

    def shape_text(self, shape: Shape, separator: str = ", ") -> str:
        """Write a shape, with a symbol for an unknown number."""
        first = self.symbol if shape[0] is None or (self.in_trees and len(shape) == 2) else str(shape[0])
        return separator.join([first, *map(str, shape[1:])])


def _outside(numbers: range, parts: Sequence[range]) -> list[int]:
    inner = {number for part in parts for number in part}
    return [number for number in numbers if number not in inner]


def settings_of(layer: Layer) -> list[str]:
    """List the settings of a layer as text: those without a default, and those that differ from it."""
    arguments, parameters = layer.given_arguments(), inspect.signature(type(layer).__init__).parameters
    needed = [name for name in arguments if name in parameters and parameters[name].default is inspect.Parameter.empty]
    defaults = {name: getattr(parameters.get(name), "default", None) for name in arguments}
    if is_ours(type(layer)) and not any(_holds_layers(arguments[name]) for name in needed):
        defaults = type(layer)(**{name: arguments[name] for name in needed}).given_arguments()  # as a layer keeps them
    texts = []
    for name, value in arguments.items():
        if _holds_layers(value) or name.endswith("initializer"):
            continue
        if name in needed or name == "activation":
            texts.append(_text(value) if name in needed or repr(value) != repr(defaults[name]) else "")
        elif repr(value) != repr(defaults[name]):
            words = name.replace("_", " ")
            texts.append(words if value is True else f"{words} {_text(value)}")
    return [text for text in texts if text]


def _holds_layers(value: Any) -> bool:
    """Return whether an argument is a layer, or lists of layers, even empty ones."""
    if isinstance(value, (list, tuple)):
        return not value or any(isinstance(item, Layer) or _holds_layers(item) for item in value)
    return isinstance(value, Layer) and not isinstance(value, Activation)


def _text(value: Any) -> str:
    if isinstance(value, Activation):
        return ", ".join(settings_of(value))
    if isinstance(value, tuple) and len(value) == 2:
        return f"{value[0]} × {value[1]}"
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else getattr(value, "__name__", short(value))
