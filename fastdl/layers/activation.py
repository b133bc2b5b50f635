"""Activation as a layer of its own, and as what other layers end with."""

from __future__ import annotations

from typing import Any

from .._core.graph import Tensor
from .._core.kinds import ACTIVATIONS
from .._validation.values import as_choice, as_number
from .base import Layer

_SLOPE = 0.01  # of leaky_relu, where none is given
_LEAST_SLOPE, _MOST_SLOPE = 1e-12, 1e12


class Activation(Layer):
    """An activation of every element; softmax works over the features of (N, F) or (N, T, F).

    Other layers that end with an activation take its name, or one of these with its setting:
    ``Dense(8, Activation("leaky_relu", slope=0.2))``.

    Parameters
    ----------
    name : str
        identity, relu, sigmoid, tanh, softmax, leaky_relu (Maas, Hannun and Ng 2013) or gelu (Hendrycks and Gimpel
        2016).
    slope : float, optional
        Of leaky_relu below 0, above 0; 0.01 where not given.

    Notes
    -----
    x and y (N, F), (N, T, F) or (N, C, H, W).
    """

    def __init__(self, name: str, *, slope: float | None = None) -> None:
        super().__init__()
        self.name = as_choice(name, "name", ACTIVATIONS)
        if slope is not None and self.name != "leaky_relu":
            raise ValueError(f"slope must be None for {self.name}; received {slope!r}")
        self.slope = None if slope is None else as_number(slope, "slope", _LEAST_SLOPE, _MOST_SLOPE)

    def operations(self, x: Tensor) -> Tensor:  # noqa: D102
        if self.name == "softmax" and len(x.shape) == 3:
            raise ValueError(f"input_shape of a softmax must be (F,) or (T, F); received {x.shape}")
        return activated(x, self)


def as_activation(activation: Any, name: str = "activation", known: tuple[str, ...] = ACTIVATIONS) -> str | Activation:
    """Give what a layer ends with: a name, of None the identity's, or an `Activation` with a setting."""
    if activation is None:
        return "identity"
    if isinstance(activation, Activation):
        as_choice(activation.name, name, known)
        return activation.name if activation.slope is None else activation
    return as_choice(activation, name, known)


def name_and_setting(activation: str | Activation) -> tuple[str, float]:
    """Give an activation as the core takes it."""
    name, slope = (activation, None) if isinstance(activation, str) else (activation.name, activation.slope)
    return name, (_SLOPE if slope is None else slope) if name == "leaky_relu" else 0.0


def activated(x: Tensor, activation: str | Activation) -> Tensor:
    """Give an activation of a tensor."""
    name, setting = name_and_setting(activation)
    return x if name == "identity" else x.then("activation", activation=name, setting=setting)
