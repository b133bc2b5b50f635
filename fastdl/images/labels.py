"""The labels of a network that classifies images, and their probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.graph import Graph
from .._core.kinds import RANDOM
from .._types import Array
from ..functional import softmax
from ..sequential import Sequential

_LEAST = {
    "sigmoid": 0,
    "relu": 0,
    "relu6": 0,
    "tanh": -1,
    "hard_sigmoid": 0,
    "hard_tanh": -1,
}  # the smallest outputs
_PASSING = (*RANDOM, "flatten", "reshape")  # these change nothing in inference


def labels_of(net: Sequential, name: str) -> list[Any]:
    """Return the labels of a classifier of grey or colour images: those of its notes, or numbers from 0 on.

    Raises
    ------
    ValueError
        If it is another kind of network, or its notes do not fit; ``name`` is its name in the error.
    """
    channels, classes = net.input_shape[0], net.output_shape[0]
    if len(net.input_shape) != 3 or channels not in (1, 3) or len(net.output_shape) != 1 or classes < 2:
        raise ValueError(
            f"{name} must be a network of grey or colour images; it goes from {net.input_shape} to {net.output_shape}, "
            "and not from (1, H, W) or (3, H, W) to a number for each of two labels or more"
        )
    labels = net.notes.get("labels", list(range(classes)))
    if not isinstance(labels, list) or len(labels) != classes:
        raise ValueError(f"{name} must have notes of its {classes} labels; received {labels!r}")
    return labels


def probabilities(net: Sequential, outputs: Array) -> Array:
    """Convert a network's outputs (N, classes) to probabilities: logits by softmax, others by their shares."""
    activation = _last_activation(net)
    shares: Array
    if activation == "softmax":
        return outputs
    if activation in _LEAST:  # each output is a separate score
        scores = outputs - _LEAST[activation] + np.finfo(outputs.dtype).tiny
        shares = scores / scores.sum(axis=1, keepdims=True)
    else:
        shares = softmax(outputs)
    return shares


def _last_activation(net: Sequential) -> str:
    """Name the last activation of a network, whichever layer it belongs to."""
    graph = Graph(net.input_shape)
    net.lower(graph.input)
    for operation in reversed(graph.operations):
        if operation["kind"] not in _PASSING:
            return str(operation.get("activation", "identity"))
    return "identity"
