"""How parameters start: functions of (shape, fan_in, fan_out, rng) that give an array of that shape."""

from __future__ import annotations

import math

import numpy as np

from ._types import Array
from ._validation.shapes import check_size
from ._validation.values import as_int

__all__ = ["glorot_uniform", "he_normal", "orthogonal", "uniform", "zeros"]


def uniform(shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
    """Draw uniformly within 1 / sqrt(fan_in) of zero (LeCun et al. 1998)."""
    return _within(1 / math.sqrt(as_int(fan_in, "fan_in")), shape, rng)


def glorot_uniform(shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
    """Draw uniformly within sqrt(6 / (fan_in + fan_out)) of zero (Glorot and Bengio 2010)."""
    return _within(math.sqrt(6 / (as_int(fan_in, "fan_in") + as_int(fan_out, "fan_out"))), shape, rng)


def he_normal(shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
    """Draw from a normal distribution with variance 2 / fan_in, for relu (He et al. 2015)."""
    return rng.normal(0.0, math.sqrt(2 / as_int(fan_in, "fan_in")), _sizes(shape))


def orthogonal(shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
    """Draw a random rotation, rows or columns of length one at right angles (Saxe, McClelland and Ganguli 2014)."""
    shape = _sizes(shape)
    rows, columns = shape[0], math.prod(shape[1:])
    q, r = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
    q *= np.sign(np.diag(r))  # without it, not all rotations would be equally likely
    return np.ascontiguousarray(q if rows >= columns else q.T).reshape(shape)


def zeros(shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
    """Give zeros."""
    return np.zeros(_sizes(shape))


def _within(limit: float, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    numbers = rng.random(_sizes(shape))  # those of rng.uniform(-limit, limit), which takes longer for a few
    numbers *= 2 * limit
    numbers -= limit
    return numbers


def _sizes(shape: tuple[int, ...]) -> tuple[int, ...]:
    sizes = tuple([as_int(n, "shape") for n in shape])
    check_size(sizes, "shape")
    return sizes
