"""Greedy selection of members, with replacement (Caruana et al. 2004)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .._types import Array


def selected(told: list[list[Array]], error: Callable[[list[Array]], float], rounds: int) -> Array:
    """Return the weights of members that a greedy selection finds."""
    total = [np.zeros_like(column) for column in told[0]]
    counts, best, found = np.zeros(len(told)), np.inf, np.zeros(len(told))
    for chosen in range(1, rounds + 1):
        errors = [error([(a + b) / chosen for a, b in zip(total, columns, strict=True)]) for columns in told]
        k = int(np.argmin(errors))
        total = [a + b for a, b in zip(total, told[k], strict=True)]
        counts[k] += 1
        if errors[k] < best:
            best, found = errors[k], counts / chosen
    return found
