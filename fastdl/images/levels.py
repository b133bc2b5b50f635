"""The range of the pixels that a network takes: from 0 to 1, or bytes."""

from __future__ import annotations

from .._core.graph import Graph
from .._core.kinds import RANDOM
from .._types import Array
from ..sequential import Sequential

_KEEPING = (*RANDOM, "flatten", "reshape")  # none changes the range
_OF_BYTES = 1 / 16  # a network that begins by rescaling by less takes bytes: 1/255, 1/127.5, or by their deviation
_MOST_BYTE = 255


def in_range(net: Sequential, images: Array) -> Array:
    """Return images in [0, 1] in the range a network takes: from 0 to 255 if it begins with a Rescaling of bytes."""
    graph = Graph(net.input_shape)
    net.lower(graph.input)
    first = next((one for one in graph.operations if one["kind"] not in _KEEPING), None)
    takes_bytes = first is not None and first["kind"] == "rescale" and abs(first["scale"]) < _OF_BYTES
    return images * images.dtype.type(_MOST_BYTE) if takes_bytes else images
