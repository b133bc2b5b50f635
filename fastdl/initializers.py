"""Initializers: functions of (shape, fan_in, fan_out, rng) that give the initial values of a parameter.

A layer takes the name of one, ``initializer="he_normal"``; a name with a gain, which multiplies the drawn values,
``initializer=("orthogonal", 2**0.5)``; or a function of your own with these four arguments. A network with a function
cannot be saved, as files hold no code: fill its ``params`` instead. The ``shape`` is that of the parameter in
``params``; for a recurrent layer, that of each gate. Biases start at zero, except with "pytorch".
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ._hints.names import hinting_getattr
from ._types import Array
from ._validation.shapes import check_size
from ._validation.values import as_int

__all__ = [
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "orthogonal",
    "pytorch",
    "uniform",
    "zeros",
]

if not TYPE_CHECKING:
    __getattr__ = hinting_getattr(__name__, __all__)

Initializer = str | tuple[str, float] | Callable[[tuple[int, ...], int, int, "np.random.Generator"], Any]


def uniform(shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
    """Draw uniformly within 1 / sqrt(fan_in) of zero, with a third of `lecun_uniform`'s variance."""
    return _within(1 / math.sqrt(as_int(fan_in, "fan_in")), shape, rng)


def pytorch(shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
    """Draw as `uniform` does, biases too, like PyTorch's layers.

    In a recurrent layer all values lie within 1 / sqrt(units). For an LSTM like PyTorch's, set its ``forget_bias`` to
    0.
    """
    return uniform(shape, fan_in, fan_out, rng)


def glorot_uniform(shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
    """Draw uniformly within sqrt(6 / (fan_in + fan_out)) of zero (Glorot and Bengio 2010)."""
    return _within(math.sqrt(3 / _mean(fan_in, fan_out)), shape, rng)


def glorot_normal(shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
    """Draw from a normal distribution with variance 2 / (fan_in + fan_out) (Glorot and Bengio 2010)."""
    return _normal(1 / _mean(fan_in, fan_out), shape, rng)


def he_uniform(shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
    """Draw uniformly within sqrt(6 / fan_in) of zero, for relu (He et al. 2015)."""
    return _within(math.sqrt(6 / as_int(fan_in, "fan_in")), shape, rng)


def he_normal(shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
    """Draw from a normal distribution with variance 2 / fan_in, for relu (He et al. 2015)."""
    return _normal(2 / as_int(fan_in, "fan_in"), shape, rng)


def lecun_uniform(shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
    """Draw uniformly within sqrt(3 / fan_in) of zero (LeCun et al. 1998)."""
    return _within(math.sqrt(3 / as_int(fan_in, "fan_in")), shape, rng)


def lecun_normal(shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
    """Draw from a normal distribution with variance 1 / fan_in, for selu (LeCun et al. 1998)."""
    return _normal(1 / as_int(fan_in, "fan_in"), shape, rng)


def orthogonal(shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
    """Draw a random rotation, rows or columns of length one at right angles (Saxe, McClelland and Ganguli 2014)."""
    shape = _sizes(shape)
    rows, columns = shape[0], math.prod(shape[1:])
    q, r = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
    q *= np.sign(np.diag(r))  # so that all rotations are equally likely
    return np.ascontiguousarray(q if rows >= columns else q.T).reshape(shape)


def zeros(shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
    """Return zeros."""
    return np.zeros(_sizes(shape))


def _mean(fan_in: int, fan_out: int) -> float:
    return (as_int(fan_in, "fan_in") + as_int(fan_out, "fan_out")) / 2


def _normal(variance: float, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    return rng.normal(0.0, math.sqrt(variance), _sizes(shape))


def _within(limit: float, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    numbers = rng.random(_sizes(shape))  # the same numbers as rng.uniform(-limit, limit), which is slower for a few
    numbers *= 2 * limit
    numbers -= limit
    return numbers


def _sizes(shape: tuple[int, ...]) -> tuple[int, ...]:
    sizes = tuple([as_int(n, "shape") for n in shape])
    check_size(sizes, "shape")
    return sizes
