"""Graphs of chains of fastdl's own layers, one for all that are alike: sweeps and simulations make thousands."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

from .._core.graph import Graph
from .._types import Shape
from .configuration import is_ours

_PLAIN = {bool, float, int, str, type(None)}
_MOST = 64  # graphs that are kept
_kept: dict[Hashable, Graph] = {}  # without the layers that they were made of


def graph_of_alike(shape: Shape, layers: Sequence[Any], network: Any) -> Graph | None:
    """Give the graph of a new network that is a chain of layers, whose places in it are those of the chain's.

    It is kept for networks and layers of the same classes and attributes. None where one is of a user's own class, or
    has anything but plain data, such as a function, an array or layers.
    """
    own = {name: value for name, value in vars(network).items() if name not in ("layers", "notes")}
    forms = [_form(network, own), *[_form(layer, vars(layer)) for layer in layers]]
    if None in forms:
        return None
    graph = _kept.get(key := (shape, *forms))
    if graph is None:
        graph = network.graph_for(shape).without_layers()
        if len(_kept) >= _MOST:
            _kept.clear()
        _kept[key] = graph
    return graph


def _form(layer: Any, attributes: dict[str, Any]) -> Hashable:
    """Give what determines a layer's operations; None if that cannot be told."""
    kind = type(layer)
    if not is_ours(kind) or not _are_plain(attributes.values()):
        return None
    return kind, kind.operations, *attributes.items()  # the second of which a program may have replaced


def _are_plain(values: Iterable[Any]) -> bool:
    return _PLAIN.issuperset(map(type, values)) or all(
        [type(value) in _PLAIN or (type(value) is tuple and _are_plain(value)) for value in values]
    )
