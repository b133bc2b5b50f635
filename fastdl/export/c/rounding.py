"""A network whose weights are rounded to those that 8 bits and a scale can represent."""

from __future__ import annotations

from copy import deepcopy

from ..._core.graph import Graph
from ..._types import Shape
from ...sequential import Sequential
from .parameters import named_parameters
from .unit import rounded


def with_rounded_weights(net: Sequential, shape: Shape) -> Sequential:
    """Return a copy of a network, whose samples have this shape, with each weight rounded as the C file's will be."""
    copy = deepcopy(net)
    graph = Graph(shape)
    copy.lower(graph.input)
    for operation in graph.operations:
        for name, weight in named_parameters(operation, copy.flat[0]).items():
            if name.startswith("weight"):
                axis = 0 if operation["kind"] == "embedding" else -1
                codes, scales = rounded(weight.reshape(-1, weight.shape[-1]), axis)
                weight[...] = (codes * (scales[:, None] if axis == 0 else scales)).reshape(weight.shape)
    return copy
