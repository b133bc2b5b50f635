"""Activations of arrays of any shape."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from .._core.kinds import FROM_OUTPUT, WITH_SETTING
from .._types import Array, ArrayLike
from .._validation.arrays import as_array, precision
from .._validation.values import as_choice, as_number

_SMALLEST = float(np.finfo(np.float32).tiny)


def identity(x: ArrayLike) -> Array:
    """Return a copy of x, of any shape."""
    return _activate("identity", x)


def relu(x: ArrayLike) -> Array:
    """Return max(0, x) of each element of x, of any shape."""
    return _activate("relu", x)


def sigmoid(x: ArrayLike) -> Array:
    """Return 1 / (1 + exp(-x)) of each element of x, of any shape."""
    return _activate("sigmoid", x)


def tanh(x: ArrayLike) -> Array:
    """Return the hyperbolic tangent of each element of x, of any shape."""
    return _activate("tanh", x)


def softmax(x: ArrayLike) -> Array:
    """Return exp(x) over its sum along the last axis; x of any shape (..., F)."""
    return _activate("softmax", x)


def leaky_relu(x: ArrayLike, slope: float = 0.01) -> Array:
    """Return x where it is above 0, elsewhere slope x (Maas, Hannun and Ng 2013).

    Parameters
    ----------
    x : array_like, of any shape
    slope : float, above 0

    Returns
    -------
    ndarray, of x's shape
    """
    return _activate("leaky_relu", x, _setting(slope, "slope"))


def elu(x: ArrayLike, alpha: float = 1.0) -> Array:
    """Return x where it is above 0, elsewhere alpha (exp(x) - 1) (Clevert, Unterthiner and Hochreiter 2016).

    Parameters
    ----------
    x : array_like, of any shape
    alpha : float, above 0

    Returns
    -------
    ndarray, of x's shape
    """
    return _activate("elu", x, _setting(alpha, "alpha"))


def selu(x: ArrayLike) -> Array:
    """Return 1.0507 elu(x) of alpha 1.6733 (Klambauer et al. 2017); x of any shape."""
    return _activate("selu", x)


def softplus(x: ArrayLike) -> Array:
    """Return log(1 + exp(x)) of each element of x, of any shape."""
    return _activate("softplus", x)


def hard_sigmoid(x: ArrayLike) -> Array:
    """Return (x + 3) / 6, but no less than 0 and no more than 1; x of any shape."""
    return _activate("hard_sigmoid", x)


def hard_tanh(x: ArrayLike) -> Array:
    """Return x, but no less than -1 and no more than 1; x of any shape."""
    return _activate("hard_tanh", x)


def relu6(x: ArrayLike) -> Array:
    """Return x, but no less than 0 and no more than 6 (Krizhevsky 2010); x of any shape."""
    return _activate("relu6", x)


def gelu(x: ArrayLike) -> Array:
    """Return x P(x), P the normal distribution, not an approximation (Hendrycks and Gimpel 2016); x of any shape."""
    return _activate("gelu", x)


def gelu_backward(dy: ArrayLike, x: ArrayLike) -> Array:
    """Return the gradient with respect to the input of `gelu`.

    Parameters
    ----------
    dy : array_like
        The gradient with respect to the output.
    x : array_like, of dy's shape
        The input, as the output does not determine the gradient.

    Returns
    -------
    ndarray, of dy's shape
    """
    return _activate_backward("gelu", dy, x, "x")


def silu(x: ArrayLike) -> Array:
    """Return x sigmoid(x), also called swish (Elfwing, Uchibe and Doya 2018); x of any shape."""
    return _activate("silu", x)


def silu_backward(dy: ArrayLike, x: ArrayLike) -> Array:
    """Return the gradient with respect to the input of `silu`; arguments as of `gelu_backward`."""
    return _activate_backward("silu", dy, x, "x")


def hard_silu(x: ArrayLike) -> Array:
    """Return x hard_sigmoid(x), also called hard swish (Howard et al. 2019); x of any shape."""
    return _activate("hard_silu", x)


def hard_silu_backward(dy: ArrayLike, x: ArrayLike) -> Array:
    """Return the gradient with respect to the input of `hard_silu`; arguments as of `gelu_backward`."""
    return _activate_backward("hard_silu", dy, x, "x")


def activation_backward(dy: ArrayLike, y: ArrayLike, name: str, *, slope: float = 0.01, alpha: float = 1.0) -> Array:
    """Return the gradient with respect to the input of an activation from its output.

    For `gelu`, `silu` and `hard_silu`, which need the input, there are separate functions.

    Parameters
    ----------
    dy : array_like
        The gradient with respect to the activation's output.
    y : array_like, of dy's shape
        That output.
    name : str
        identity, relu, sigmoid, tanh, softmax, leaky_relu, elu, selu, softplus, hard_sigmoid,
        hard_tanh or relu6.
    slope, alpha : float, above 0
        Of leaky_relu and of elu.

    Returns
    -------
    ndarray, of dy's shape
    """
    name = as_choice(name, "name", FROM_OUTPUT)
    settings = {"slope": _setting(slope, "slope"), "alpha": _setting(alpha, "alpha")}
    setting = settings[WITH_SETTING[name][0]] if name in WITH_SETTING else 0.0
    return _activate_backward(name, dy, y, "y", setting)


def _rows(x: Array) -> Array:
    return x.reshape(-1, x.shape[-1]) if x.ndim else x.reshape(1, 1)


def _setting(value: Any, name: str) -> float:
    return as_number(value, name, _SMALLEST)


def _activate(name: str, x: Any, setting: float = 0.0) -> Array:
    x = as_array(x, "x")
    return _core.load(precision(x)).activation_forward(name, setting, _rows(x)).reshape(x.shape)  # type: ignore[no-any-return]


def _activate_backward(name: str, dy: Any, seen: Any, seen_name: str, setting: float = 0.0) -> Array:
    """Return dx from dy and the output or the input, as the activation needs it."""
    seen = as_array(seen, seen_name)
    dy = as_array(dy, "dy", precision(seen))
    if dy.shape != seen.shape:
        raise ValueError(f"dy must have the shape of {seen_name}, {seen.shape}; received {dy.shape}")
    rows = _rows(seen)
    core = _core.load(precision(seen))
    return core.activation_backward(name, setting, dy.reshape(rows.shape), rows).reshape(seen.shape)  # type: ignore[no-any-return]
