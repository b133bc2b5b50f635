"""The articles' activators: a function of the weighted input, and its derivative, taken from the output."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from .. import functional
from .._validation import Array, as_array

__all__ = ["IdentityActivator", "ReluActivator", "SigmoidActivator", "TanhActivator"]


class _Activator:
    kernel: ClassVar[str]

    def forward(self, weighted_input: Any) -> Any:
        """Give the function of numbers or arrays of any shape."""
        x = as_array(weighted_input, "weighted_input", "float64")
        y = getattr(functional, self.kernel)(x)
        return y if x.ndim else float(y)

    def backward(self, output: Any) -> Any:
        """Give the derivative where the function has this output."""
        y = as_array(output, "output", "float64")
        slope = functional.activation_backward(np.ones_like(y), y, self.kernel)
        return slope if y.ndim else float(slope)


class IdentityActivator(_Activator):
    """f(x) = x."""

    kernel = "identity"


class ReluActivator(_Activator):
    """f(x) = max(0, x) (article 4)."""

    kernel = "relu"


class SigmoidActivator(_Activator):
    """f(x) = 1 / (1 + e^-x) (article 3)."""

    kernel = "sigmoid"


class TanhActivator(_Activator):
    """f(x) = tanh x (article 6)."""

    kernel = "tanh"


def check_activator(activator: Any, name: str = "activator") -> Any:
    """Give an object that has the two methods."""
    if not (callable(getattr(activator, "forward", None)) and callable(getattr(activator, "backward", None))):
        raise TypeError(f"{name} must have the methods forward and backward; received {activator!r}")
    return activator


def kernel_of(activator: Any) -> str | None:
    """Give the core's name of one of ours."""
    return activator.kernel if isinstance(activator, _Activator) else None


def apply(method: Callable[[Any], Any], x: Array) -> Array:
    """Give a method of an activator on an array, number by number where it takes numbers alone."""
    if isinstance(getattr(method, "__self__", None), _Activator):
        return method(x)  # type: ignore[no-any-return]
    try:
        y = np.asarray(method(x), dtype=np.float64)
    except (TypeError, ValueError):
        y = np.empty(0)
    if y.shape != x.shape:
        y = np.array([method(number) for number in x.reshape(-1).tolist()], dtype=np.float64).reshape(x.shape)
    return y


def through(activator: Any, delta: Array, output: Array) -> Array:
    """Give the gradient before the activator, from that after it."""
    if isinstance(activator, _Activator):
        return functional.activation_backward(delta, output, activator.kernel)
    return delta * apply(activator.backward, output)
