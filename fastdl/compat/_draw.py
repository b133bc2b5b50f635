"""The initial values of the articles' arrays."""

from __future__ import annotations

import numpy as np

from .._types import Array


def uniform(most: float, shape: tuple[int, ...]) -> Array:
    """Draw uniformly from -most to most with NumPy's global generator, as the articles do; np.random.seed seeds it."""
    return np.random.uniform(-most, most, shape)  # noqa: NPY002
