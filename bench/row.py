"""One row of the table: what is measured, in which unit, and the reference result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

TOLERANCE = 1e-5  # of the largest value, for float32 and another order of additions
EPOCH = "s per 60,000 samples"
MICROSECONDS = "us a call"
CHARACTER = "us a character"
SAMPLE = "us a sample"
STEP = "ms a step of all"
EPOCH_OF_TREES = "s per epoch"
_SCALE = {  # times seconds
    EPOCH: 1.0,
    EPOCH_OF_TREES: 1.0,
    MICROSECONDS: 1e6,
    "us an image": 1e6,
    "ms": 1e3,
    CHARACTER: 1e6,
    SAMPLE: 1e6,
    STEP: 1e3,
}


@dataclass(frozen=True)
class Target:
    """What is to be reached: a ratio to the fastest of some peers, or a share of the peak."""

    ratio: float = 0.0
    peers: tuple[str, ...] = ()
    peak: float = 0.0


@dataclass(frozen=True)
class Work:
    """One row of the table.

    ``unit`` is what is timed, ``flop`` the number of its useful operations, or a function that counts them if data must
    be read for it; ``result`` gives the reference for every contestant's check.
    """

    title: str
    unit: str
    flop: float | Callable[[], float]
    threads: int
    result: Callable[[], np.ndarray]
    target: Target

    def operations(self) -> float:
        """Return how many useful operations the unit takes."""
        return self.flop() if callable(self.flop) else self.flop

    def in_unit(self, seconds: float) -> float:
        """Convert seconds to the unit."""
        return seconds * _SCALE[self.unit]

    def verify(self, check: Any, who: str) -> None:
        """Compare a contestant's results with the reference's."""
        wanted = self.result().ravel()
        limit = TOLERANCE * abs(wanted).max(initial=0)
        np.testing.assert_allclose(np.ravel(check), wanted, rtol=0, atol=limit, err_msg=f"{self.title}: {who}")


def together(*arrays):
    """Concatenate all numbers to a vector."""
    return np.concatenate([np.ravel(a) for a in arrays])


def digest(y, dx, dw):
    """Return what is compared of a layer's results: a slice of each."""
    return np.concatenate([np.asarray(a[:2], "float64").ravel()[:4096] for a in (y, dx, dw)])
