"""Layers made of layers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .._core.graph import Graph, Lowered, Tensor, merged
from .._core.kinds import MERGES
from .._types import Array, Shape
from .._validation.values import as_choice
from .base import Layer
from .building import not_new
from .configuration import is_ours


class Container(Layer, abstract=True):
    """A layer made of other layers, which its `named_layers` gives by name."""

    def named_layers(self) -> Mapping[str, Layer]:
        """Give the layers that it is made of, by the prefix of their parameters' names."""
        raise NotImplementedError

    @property
    def sublayers(self) -> Sequence[Layer]:  # noqa: D102
        return tuple(self.named_layers().values())

    @property
    def stateful(self) -> bool:
        """Whether any of its layers continues where the last batch ended, once built."""
        return self.reading.stateful

    def initialize(self, rng: np.random.Generator) -> None:  # noqa: D102
        for layer in self.sublayers:
            layer.initialize(rng)

    def check_parameters(  # noqa: D102
        self, shapes: dict[str, Shape], graph: Graph, offset: int, within: Sequence[Lowered]
    ) -> None:
        sizes = {id(lowered.layer): lowered.end - lowered.offset for lowered in within}
        kind, named = type(self).__name__, self.named_layers()
        if unused := [name for name, layer in named.items() if id(layer) not in sizes]:
            raise ValueError(
                f"named_layers of {kind} must be those of its operations; received {', '.join(unused)} that is not"
            )
        size = sum([sizes[id(layer)] for layer in named.values()])
        if size != graph.size - offset:
            raise ValueError(
                f"named_layers of {kind} must give layers with all of the {graph.size - offset} parameters that its "
                f"operations have; those of {', '.join(named) or 'none'} have {size}"
            )

    def views(self, what: str) -> dict[str, Array]:  # noqa: D102
        return {
            f"{prefix}.{name}": array
            for prefix, layer in self.named_layers().items()
            for name, array in getattr(layer, what).items()
        }


class Residual(Container):
    """x + f(x), where f is a chain of layers that keeps the shape of its input (He et al. 2016).

    Parameters
    ----------
    layers : sequence of Layer
        New ones: a layer belongs to one network.

    Notes
    -----
    x and y (N, F), (N, T, F) or (N, C, H, W).
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        super().__init__()
        self.layers: tuple[Layer, ...] = adopted(layers)

    def named_layers(self) -> Mapping[str, Layer]:  # noqa: D102
        return numbered(self.layers)

    def operations(self, x: Tensor) -> Tensor:  # noqa: D102
        y = through(self.layers, x)
        if y.shape != x.shape:
            raise ValueError(f"layers of Residual must give the shape that they take, {x.shape}; they give {y.shape}")
        return merged([y, x], "sum")


class Parallel(Container):
    """Several chains of layers that read the same input, and whose outputs are merged into one.

    Parameters
    ----------
    branches : sequence of sequences of Layer
        At least one. An empty branch passes its input on.
    merge : {"concat", "sum", "product"}
        Whether the outputs are concatenated along their features or channels, added, or multiplied element by element.

    Notes
    -----
    x is whatever all branches can read, tokens (N, T) too. Their outputs (N, F), (N, T, F) or (N, C, H, W) have equal
    shapes, except that with "concat" the features or channels may differ; y then has all of them.
    """

    def __init__(self, branches: Sequence[Sequence[Layer]], merge: str = "concat") -> None:
        super().__init__()
        if not isinstance(branches, Iterable) or isinstance(branches, Layer):
            raise TypeError(f"branches must be lists of layers; received {branches!r}")
        given = list(branches)
        if not given:
            raise ValueError("branches must be one at least; received none")
        self.branches = tuple(adopted(layers, f"branches[{k}]", empty=True) for k, layers in enumerate(given))
        flat = [layer for branch in self.branches for layer in branch]
        if len({id(layer) for layer in flat}) < len(flat):
            raise ValueError("branches must be of different layers; received one twice")
        self.merge: str = as_choice(merge, "merge", MERGES)

    def named_layers(self) -> Mapping[str, Layer]:  # noqa: D102
        return {
            f"{k}.{name}": layer for k, branch in enumerate(self.branches) for name, layer in numbered(branch).items()
        }

    def operations(self, x: Tensor) -> Tensor:  # noqa: D102
        return merged([through(branch, x, f"branches[{k}]") for k, branch in enumerate(self.branches)], self.merge)


def check_called(layer: Layer, name: str, methods: Iterable[str], who: str) -> None:
    """Check that a layer or a network does not override methods that would never be called."""
    for method in () if is_ours(type(layer)) else methods:
        owner = next(kind for kind in type(layer).__mro__ if method in vars(kind))
        if not is_ours(owner):
            raise TypeError(f"{name} must not have a {method} of its own, which no {who} calls; {owner.__name__} has")


def adopted(layers: Any, name: str = "layers", *, empty: bool = False) -> tuple[Layer, ...]:
    """Check that these layers are new, and mark them as belonging to a network."""
    if not isinstance(layers, Iterable) or isinstance(layers, Layer):
        raise TypeError(f"{name} must be a list of layers; received {layers!r}")
    found = tuple(layers)
    if not found and not empty:
        raise ValueError(f"{name} must hold at least one layer; received none")
    for i, layer in enumerate(found):
        if not isinstance(layer, Layer):
            hint = ", a class: make one of it" if isinstance(layer, type) else ""
            raise TypeError(f"{name} must hold layers; received {layer!r}{hint}")
        if layer.in_network or hasattr(layer, "dtype") or layer in found[:i]:
            raise not_new(layer, name)
        check_called(layer, f"{name}[{i}]", ("forward", "backward"), "network")
    for layer in found:
        layer.enter_network()
    return found


def numbered(layers: Sequence[Layer]) -> dict[str, Layer]:
    """Give layers by their position, as a string."""
    return {str(i): layer for i, layer in enumerate(layers)}


def through(layers: Sequence[Layer], x: Tensor, name: str = "layers") -> Tensor:
    """Apply a chain of layers to a tensor; an error names the layer that cannot take its input."""
    for i, layer in enumerate(layers):
        try:
            x = x.then(layer)
        except ValueError as error:
            raise ValueError(f"{name}[{i}]: {error}") from None
    return x


def walk(layer: Layer, prefix: str = "") -> Iterator[tuple[str, Layer]]:
    """Give all layers that are not containers, each with the prefix of its parameters' names."""
    if not isinstance(layer, Container):
        yield prefix, layer
        return
    for name, child in layer.named_layers().items():
        yield from walk(child, f"{prefix}.{name}" if prefix else name)
