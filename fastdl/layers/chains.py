"""Chains of layers, each of which reads the output of the one before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .._core.graph import Tensor
from .._limits import MOST_NESTED
from .base import Layer
from .building import not_new
from .configuration import is_ours


def adopted(layers: Any, name: str = "layers", *, empty: bool = False) -> tuple[Layer, ...]:
    """Check that these layers are new, and mark them as belonging to a network."""
    if not isinstance(layers, Iterable) or isinstance(layers, Layer):
        raise TypeError(f"{name} must be a list of layers; received {layers!r}")
    found = tuple(layers)
    if not found and not empty:
        raise ValueError(f"{name} must hold at least one layer; received none")
    before = set()
    for i, layer in enumerate(found):
        if not isinstance(layer, Layer):
            hint = ", a class: make one of it" if isinstance(layer, type) else ""
            raise TypeError(f"{name} must hold layers; received {layer!r}{hint}")
        if layer.in_network or hasattr(layer, "dtype") or id(layer) in before:
            raise not_new(layer, name)
        before.add(id(layer))
        check_called(layer, f"{name}[{i}]", ("forward", "backward"), "network")
    _check_depth(found, name)
    for layer in found:
        layer.enter_network()
    return found


def _check_depth(layers: Sequence[Layer], name: str) -> None:
    """Check that layers are not nested so deeply that to build, to copy or to save them would be too many calls."""
    level = list(layers)
    for _ in range(MOST_NESTED):
        level = [child for layer in level for child in layer.sublayers]
        if not level:
            return
    raise ValueError(f"{name} must be nested at most {MOST_NESTED} deep, in one another; received some deeper")


def check_called(layer: Layer, name: str, methods: Iterable[str], who: str) -> None:
    """Check that a layer or a network does not override methods that would never be called."""
    for method in () if is_ours(type(layer)) else methods:
        owner = next(kind for kind in type(layer).__mro__ if method in vars(kind))
        if not is_ours(owner):
            raise TypeError(f"{name} must not have its own {method}, which no {who} calls; {owner.__name__} has")


def numbered(layers: Sequence[Layer]) -> dict[str, Layer]:
    """Return layers by their position, as a string."""
    return {str(i): layer for i, layer in enumerate(layers)}


def through(layers: Sequence[Layer], x: Tensor, name: str = "layers") -> Tensor:
    """Apply a chain of layers to a tensor; an error names the layer that cannot take its input."""
    for i, layer in enumerate(layers):
        try:
            x = x.then(layer)
        except ValueError as error:
            raise ValueError(f"{name}[{i}]: {error}") from None
    return x
