"""Activations, as separate layers and at the end of other layers."""

from __future__ import annotations

from typing import Any

from .._core.graph import Tensor
from .._core.kinds import ACTIVATIONS, LEAST_SETTING, MOST_SETTING, WITH_SETTING
from .._validation.values import as_choice, as_number
from .base import Layer
from .chains import check_called


class Activation(Layer):
    """An activation of every element; softmax works over the features of (N, F) or (N, T, F).

    Other layers that end with an activation take its name, or one of these with its setting:
    ``Dense(8, Activation("leaky_relu", slope=0.2))``.

    Parameters
    ----------
    name : str
        identity, relu, sigmoid, tanh, softmax, leaky_relu (Maas, Hannun and Ng 2013), elu (Clevert, Unterthiner and
        Hochreiter 2016), selu (Klambauer et al. 2017), softplus, gelu (Hendrycks and Gimpel 2016), silu (Elfwing,
        Uchibe and Doya 2018), or the piecewise hard_sigmoid, hard_tanh, relu6 and hard_silu (Howard et al. 2019).
    slope : float, optional
        The slope of leaky_relu below 0; it must be above 0, and is 0.01 by default.
    alpha : float, optional
        Minus the limit of elu; it must be above 0, and is 1.0 by default.

    Notes
    -----
    x and y (N, F), (N, T, F) or (N, C, H, W).
    """

    def __init__(self, name: str, *, slope: float | None = None, alpha: float | None = None) -> None:
        super().__init__()
        self.name: str = as_choice(name, "name", ACTIVATIONS)
        self.slope = self._setting("slope", slope)
        self.alpha = self._setting("alpha", alpha)

    def _setting(self, name: str, value: Any) -> float | None:
        if value is None:
            return None
        if WITH_SETTING.get(self.name, ("",))[0] != name:
            raise ValueError(f"{name} must be None for {self.name}; received {value!r}")
        return as_number(value, name, LEAST_SETTING, MOST_SETTING)

    def given(self) -> float | None:
        """Return the setting that was given, if any."""
        return self.slope if self.alpha is None else self.alpha

    def operations(self, x: Tensor) -> Tensor:  # noqa: D102
        if self.name == "softmax" and len(x.shape) == 3:
            raise ValueError(f"input_shape of a softmax must be (F,) or (T, F); received {x.shape}")
        return activated(x, self)


def as_activation(activation: Any, name: str = "activation", known: tuple[str, ...] = ACTIVATIONS) -> str | Activation:
    """Check the activation of a layer: a name, "identity" for None, or an `Activation` with a setting."""
    if activation is None:
        return "identity"
    if isinstance(activation, Activation):
        check_called(activation, name, ("forward", "backward", "operations"), "layer that ends in it")
        as_choice(activation.name, name, known)
        return activation.name if activation.given() is None else activation
    return as_choice(activation, name, known)


def name_and_setting(activation: str | Activation) -> tuple[str, float]:
    """Return an activation in the core's form."""
    name, given = (activation, None) if isinstance(activation, str) else (activation.name, activation.given())
    _, default = WITH_SETTING.get(name, ("", 0.0))
    return name, default if given is None else given


def activated(x: Tensor, activation: str | Activation) -> Tensor:
    """Apply an activation to a tensor."""
    name, setting = name_and_setting(activation)
    return x if name == "identity" else x.then("activation", activation=name, setting=setting)
