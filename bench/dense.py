"""Single dense layers, forward and gradients: three matrix products, of several sizes."""

from __future__ import annotations

from functools import cache

import numpy as np

from .row import digest

# batch, inputs, outputs, and threads
CASES = {
    "dense_64_one_thread": (64, 64, 64, 1),
    "dense_256_one_thread": (64, 256, 256, 1),
    "dense_300_one_thread": (128, 784, 300, 1),
    "dense_512_one_thread": (256, 512, 512, 1),
    "dense_1024_one_thread": (256, 1024, 1024, 1),
    "dense_300": (128, 784, 300, 2),
    "dense_512": (256, 512, 512, 2),
    "dense_1024": (256, 1024, 1024, 2),
}
_TIMED = 2e9  # operations of a turn, at least


def flop(batch: int, inputs: int, outputs: int) -> float:
    """Count the operations of the three products."""
    return 3 * 2 * batch * inputs * outputs


def calls(name: str) -> int:
    """Return the number of calls in a turn."""
    return max(5, int(_TIMED / flop(*CASES[name][:3])))


@cache
def data(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return x, weight (outputs, inputs) and the gradient of y."""
    batch, inputs, outputs, _ = CASES[name]
    rng = np.random.default_rng(2)
    x, dy = (rng.standard_normal((batch, n)).astype("float32") for n in (inputs, outputs))
    return x, (rng.standard_normal((outputs, inputs)) / np.sqrt(inputs)).astype("float32"), dy


def result(name):
    x, weight, dy = (a.astype(float) for a in data(name))
    return digest(x @ weight.T, dy @ weight, dy.T @ x)
