"""What the outputs of a network that classifies images mean: labels, and how probable each is."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.graph import Graph
from .._types import Array
from ..functional import softmax
from ..sequential import Sequential

_LEAST = {"sigmoid": 0, "relu": 0, "tanh": -1, "hard_sigmoid": 0, "hard_tanh": -1}  # what these can give
_PASSING = ("dropout", "noise", "flatten", "reshape")  # which leave in inference what they read


def labels_of(net: Sequential, name: str) -> list[Any]:
    """Give the labels of a network of grey or colour images, those of its notes or else numbers.

    Raises
    ------
    ValueError
        If it is another network, or its notes do not fit; ``name`` is what the error calls it.
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
    """Give what a network gave of samples, (N, classes), as shares: of logits their softmax."""
    activation = _last_activation(net)
    shares: Array
    if activation == "softmax":
        return outputs
    if activation in _LEAST:  # each output is a score of its own
        scores = outputs - _LEAST[activation] + np.finfo(outputs.dtype).tiny
        shares = scores / scores.sum(axis=1, keepdims=True)
    else:
        shares = softmax(outputs)
    return shares


def _last_activation(net: Sequential) -> str:
    """Name the activation that gave a network's outputs, whichever layer it is of."""
    graph = Graph(net.input_shape)
    net.lower(graph.input)
    for operation in reversed(graph.operations):
        if operation["kind"] not in _PASSING:
            return str(operation.get("activation", "identity"))
    return "identity"
