"""What the networks of article 3 share: sigmoid layers over one memory, trained a sample at a time by the core."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from .. import optimizers
from .._validation import as_array, as_int, as_number
from ..layers import Dense
from ..model import Sequential
from ._checks import as_rows

_BLOCK = 8192  # samples turned to float64 at a time


class SigmoidChain:
    """Fully connected sigmoid layers in float64.

    Parameters
    ----------
    sizes : sequence of int
        Nodes of each layer, the inputs first.

    Attributes
    ----------
    net : Sequential
    linear : list of Dense
        Each layer without its activation, over the same parameters and gradients.
    weights, gradients : list of ndarray, shape (inputs + 1, outputs)
        Of each layer; the last row is the bias. Live.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        if not isinstance(sizes, Iterable):
            raise TypeError(f"layers must be the nodes of each layer; received {sizes!r}")
        sizes = [as_int(n, "layers") for n in sizes]
        if len(sizes) < 2:
            raise ValueError(f"layers must hold the nodes of at least two layers; received {sizes}")
        self.net = Sequential([Dense(n, "sigmoid") for n in sizes[1:]], input_shape=(sizes[0],), dtype="float64")
        parameters, gradients = self.net.parameters, self.net.gradients
        self.linear, self.weights, self.gradients = [], [], []
        start = 0
        for n, m in pairwise(sizes):
            layer = Dense(m)
            layer._turn = self.net._turn
            layer._attach((n,), (m,), "float64", parameters, gradients, start)
            end = start + (n + 1) * m
            self.linear.append(layer)
            self.weights.append(parameters[start:end].reshape(n + 1, m))
            self.gradients.append(gradients[start:end].reshape(n + 1, m))
            start = end

    def train(self, labels: Any, data_set: Any, rate: float, epochs: int, last: Any) -> None:
        """Go through all samples ``epochs`` times, the very last one by ``last(label, sample, rate)``.

        So the caller's objects hold outputs and errors of the last sample, as if each had gone their way.
        """
        inputs, outputs = self.net.input_shape[0], self.net.output_shape[0]
        data_set, labels = as_rows(data_set, "data_set", inputs), as_rows(labels, "labels", outputs)
        if len(data_set) != len(labels):
            raise ValueError(f"labels must be as many as data_set, {len(data_set)}; received {len(labels)}")
        rate = as_number(rate, "rate")
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
        if epochs:
            last(labels[-1], data_set[-1], rate)
