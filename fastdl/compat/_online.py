"""The common part of article 3's networks: sigmoid layers over one vector, trained by the core sample by sample."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

from .. import optimizers
from .._types import Array
from .._validation.arrays import as_array
from .._validation.values import as_int
from ..layers import Dense
from ..sequential import Sequential
from ._checks import as_rows, as_sequence

_BLOCK = 8192  # samples turned to float64 at a time


def as_sizes(layers: Sequence[int]) -> list[int]:
    """Check the numbers of nodes of at least two layers."""
    if not isinstance(layers, Iterable):
        raise TypeError(f"layers must be the nodes of each layer; received {layers!r}")
    sizes = [as_int(n, "layers") for n in layers]
    if len(sizes) < 2:
        raise ValueError(f"layers must hold the nodes of at least two layers; received {sizes}")
    return sizes


def as_pairs(labels: Any, data_set: Any, inputs: int, outputs: int) -> tuple[Array, Array]:
    """Check label vectors (N, outputs), as many as samples (N, inputs)."""
    data_set, labels = as_rows(data_set, "data_set", inputs), as_rows(labels, "labels", outputs)
    if len(data_set) != len(labels):
        raise ValueError(f"labels must be as many as data_set, {len(data_set)}; received {len(labels)}")
    return labels, data_set


def one_by_one(step: Callable[[Any, Any, Any], None], labels: Any, data_set: Any, rate: Any, epochs: int) -> None:
    """Call ``step(label, sample, rate)`` for all samples in order, unconverted, ``epochs`` times."""
    labels, data_set = as_sequence(labels), as_sequence(data_set)
    if len(data_set) != len(labels):
        raise ValueError(f"labels must be as many as data_set, {len(data_set)}; received {len(labels)}")
    for _ in range(epochs):
        for label, sample in zip(labels, data_set, strict=True):
            step(label, sample, rate)


def by_layer(flat: Array, sizes: Sequence[int]) -> list[Array]:
    """Return views of fully connected layers' parameters or gradients, each (inputs + 1, outputs), the bias last."""
    views, start = [], 0
    for n, m in pairwise(sizes):
        views.append(flat[start : start + (n + 1) * m].reshape(n + 1, m))
        start += (n + 1) * m
    return views


class SigmoidChain:
    """Fully connected sigmoid layers in float64.

    Parameters
    ----------
    sizes : sequence of int
        Nodes of each layer, the inputs first.

    Attributes
    ----------
    net : Sequential
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        self.sizes = tuple(sizes)
        self.net = Sequential(
            [Dense(n, "sigmoid", initializer="zeros") for n in sizes[1:]], input_shape=(sizes[0],), dtype="float64"
        )

    def train(self, labels: Array, data_set: Array, rate: float, epochs: int) -> None:
        """Train on all samples ``epochs`` times, except the very last one.

        The caller trains on that one itself, so that its objects have the outputs and errors of the last step.
        """
        for epoch in range(epochs):
            count = len(data_set) - (epoch == epochs - 1)
            for start in range(0, count, _BLOCK):
                stop = min(start + _BLOCK, count)
                self.net.fit(
                    as_array(data_set[start:stop], "data_set", "float64"),
                    as_array(labels[start:stop], "labels", "float64"),
                    batch_size=1,
                    loss="squared_error",
                    optimizer=optimizers.SGD(rate),
                    shuffle=False,
                    verbose=0,
                )
