"""Many networks at once: 64 MLPs, which learn from the same data, each from its own initial weights."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import reference

NETWORKS = 64


class Case(NamedTuple):
    """An MLP with relu, and how it is trained: plain descent while it is checked, then Adam."""

    sizes: tuple[int, ...]
    batch: int
    samples: int
    epochs: int  # that are timed

    @property
    def title(self) -> str:
        return f"{NETWORKS} MLPs {'-'.join(map(str, self.sizes))}, training, Adam, batch {self.batch}"

    @property
    def labelled(self) -> bool:
        """Whether targets are classes, rather than numbers."""
        return self.sizes[-1] > 1

    @property
    def steps(self) -> int:
        """The number of timed steps of all networks."""
        return self.epochs * self.samples // self.batch

    @property
    def flop(self) -> float:
        """Operations of a step of all networks: forward and all gradients but the input's."""
        layers = [2.0 * a * b for a, b in pairwise(self.sizes)]
        return NETWORKS * self.batch * (3 * sum(layers) - layers[0])


CASES = {
    "many_small": Case((20, 64, 64, 1), 32, 2048, 10),
    "many_large": Case((64, 384, 384, 10), 256, 1024, 2),
}

CHECKED_BATCH, CHECKED_STEPS, CHECKED_RATE = 4, 3, 0.02
ADAM_RATE = 1e-3


@cache
def start(name: str) -> list[np.ndarray]:
    """Return weights (networks, out, in) and biases (networks, out), alternately."""
    rng, found = np.random.default_rng(7), []
    sizes = CASES[name].sizes
    for inputs, outputs in pairwise(sizes):
        for shape in ((NETWORKS, outputs, inputs), (NETWORKS, outputs)):
            found.append((rng.uniform(-1, 1, shape) / np.sqrt(inputs)).astype("float32"))
    return found


@cache
def data(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return samples and targets that can be learned."""
    case, rng = CASES[name], np.random.default_rng(8)
    x = rng.standard_normal((case.samples, case.sizes[0])).astype("float32")
    y = np.tanh(x @ rng.standard_normal((case.sizes[0], case.sizes[-1]))).astype("float32")
    return x, y.argmax(axis=1) if case.labelled else y


@cache
def result(name: str) -> np.ndarray:
    """Return the networks' outputs for the first samples after some steps of plain descent on them."""
    case, (x, y) = CASES[name], data(name)
    x, y = x[:CHECKED_BATCH].astype(float), y[:CHECKED_BATCH]
    back = reference.cross_entropy_backward if case.labelled else reference.squared_error_backward
    found = []
    for k in range(NETWORKS):
        given = [values[k].astype(float) for values in start(name)]
        ends = ["relu"] * (len(given) // 2 - 1) + ["identity"]
        net = reference.Network(
            [
                {"kind": "dense", "weight": w, "bias": b, "activation": end}
                for w, b, end in zip(given[::2], given[1::2], ends, strict=True)
            ]
        )
        for _ in range(CHECKED_STEPS):
            gradients = net.backward(back(net.forward(x), y))
            for layer, (dw, db) in zip(net.layers, gradients, strict=True):
                layer["weight"] -= CHECKED_RATE * dw
                layer["bias"] -= CHECKED_RATE * db
        found.append(net.forward(x))
    return np.array(found)
