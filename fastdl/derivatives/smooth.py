"""The derivatives of activations, elementwise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .. import _core
from .._core.kinds import FROM_OUTPUT
from .._types import Array
from .._validation.arrays import precision
from .jets import Derivatives

# The second and third derivatives of smooth activations, from the input x, the output y and the first derivative d. The
# second one of elu has a jump at 0 if alpha is 1; with another alpha, even the first.
Bent = Callable[[Array, Array, Array], tuple[Array, Array]]


def _identity(x: Array, y: Array, d: Array) -> tuple[Array, Array]:
    zeros = np.zeros_like(x)
    return zeros, zeros


def _sigmoid(x: Array, y: Array, d: Array) -> tuple[Array, Array]:
    return d * (1 - 2 * y), d * (1 - 6 * d)


def _tanh(x: Array, y: Array, d: Array) -> tuple[Array, Array]:
    return -2 * y * d, d * (6 * y * y - 2)


def _softplus(x: Array, y: Array, d: Array) -> tuple[Array, Array]:
    second = d * (1 - d)
    return second, second * (1 - 2 * d)


def _elu(x: Array, y: Array, d: Array) -> tuple[Array, Array]:
    below = np.where(x < 0, d, 0)
    return below, below


def _silu(x: Array, y: Array, d: Array) -> tuple[Array, Array]:
    s = derivatives("sigmoid", 0.0, x)
    return 2 * s.first + x * s.second, 3 * s.second + x * s.third


def _gelu(x: Array, y: Array, d: Array) -> tuple[Array, Array]:
    density = np.exp(-0.5 * x * x) * float(1 / np.sqrt(2 * np.pi))
    return density * (2 - x * x), density * x * (x * x - 4)


_BENT: dict[str, Bent] = {
    "identity": _identity,
    "sigmoid": _sigmoid,
    "tanh": _tanh,
    "softplus": _softplus,
    "elu": _elu,
    "silu": _silu,
    "gelu": _gelu,
}
SMOOTH = tuple(_BENT)


def is_smooth(name: str, setting: float) -> bool:
    """Return whether an activation has a second derivative."""
    return name in _BENT and (name != "elu" or setting == 1)


def derivatives(name: str, setting: float, x: Array) -> Derivatives:
    """Return an activation and its derivatives, only the first if it is not smooth."""
    core = _core.load(precision(x))
    y = core.activation_forward(name, setting, x)
    d = core.activation_backward(name, setting, np.ones_like(x), y if name in FROM_OUTPUT else x)
    if not is_smooth(name, setting):
        return Derivatives(y, d, None, None)
    return Derivatives(y, d, *_BENT[name](x, y, d))


def exponential(x: Array) -> Derivatives:
    """Return e^x and its derivatives."""
    y = np.exp(x)
    return Derivatives(y, y, y, y)


def power(x: Array, exponent: float) -> Derivatives:
    """Return x^p and its derivatives, for x above 0."""
    p = exponent
    return Derivatives(x**p, p * x ** (p - 1), p * (p - 1) * x ** (p - 2), p * (p - 1) * (p - 2) * x ** (p - 3))
