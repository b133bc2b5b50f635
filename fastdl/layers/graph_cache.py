"""A cache of graphs, so that sweeps and simulations make thousands of equal networks fast."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

from .._core.graph import Graph
from .._types import Shape
from .configuration import is_ours

_PLAIN = {bool, float, int, str, type(None)}
_MOST = 64  # graphs
_graphs: dict[Hashable, Graph] = {}  # without layers, so that no network is kept alive


def cached_graph(shape: Shape, layers: Sequence[Any], network: Any) -> Graph | None:
    """Return the graph of a new network that is a chain of layers, with a place for each of them, in their order.

    Networks share it if their layers are of the same classes and have equal attributes. None if the network or a layer
    is of a user's own class, or has an attribute that is no plain data, such as a function, an array or a layer.
    """
    own = {name: value for name, value in vars(network).items() if name not in ("layers", "notes")}
    forms = [_form(network, own), *[_form(layer, vars(layer)) for layer in layers]]
    if None in forms:
        return None
    graph = _graphs.get(key := (shape, *forms))
    if graph is None:
        graph = network.graph_for(shape).without_layers()
        if len(_graphs) >= _MOST:
            _graphs.clear()
        _graphs[key] = graph
    return graph


def _form(layer: Any, attributes: dict[str, Any]) -> Hashable:
    """Return a key that determines a layer's operations; None if there is none."""
    kind = type(layer)
    if not is_ours(kind) or not _are_plain(attributes.values()):
        return None
    return kind, kind.operations, *attributes.items()  # `operations` too, which a program may have replaced


def _are_plain(values: Iterable[Any]) -> bool:
    return _PLAIN.issuperset(map(type, values)) or all(
        [type(value) in _PLAIN or (type(value) is tuple and _are_plain(value)) for value in values]
    )
