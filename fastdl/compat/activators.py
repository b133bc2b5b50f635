"""The articles' activators: a function of the weighted input, and its derivative, taken from the output."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from .._types import Array
from .._validation.arrays import as_real
from ._untouched import Steps

__all__ = ["IdentityActivator", "ReluActivator", "SigmoidActivator", "TanhActivator"]

_MOST = 709.0  # the largest exponent of e
_MOST_OF_ARRAYS, _ONE, _DOUBLE = np.array(_MOST), np.array(1.0), np.dtype(np.float64)  # faster operands than numbers
_NUMBERS = frozenset((int, np.float64))  # besides float, which is checked first


class _Activator:
    """A function of numbers and, elementwise, of arrays of any shape.

    NumPy takes ten times as long for a number as Python does.
    """

    kernel: ClassVar[str]


class IdentityActivator(_Activator):
    """f(x) = x."""

    kernel = "identity"

    def forward(self, weighted_input: Any) -> Any:
        """Return the number, or a copy of the array."""
        if type(weighted_input) is float:
            return weighted_input
        if type(weighted_input) in _NUMBERS:
            return float(weighted_input)
        return +_real(weighted_input, "weighted_input")

    def backward(self, output: Any) -> Any:
        """Return 1."""
        if type(output) is float or type(output) in _NUMBERS:
            return 0.0 * output + 1.0
        return 0.0 * _real(output, "output") + 1.0


class ReluActivator(_Activator):
    """f(x) = max(0, x) (article 4)."""

    kernel = "relu"

    def forward(self, weighted_input: Any) -> Any:
        """Return the larger of 0 and x."""
        if type(weighted_input) is float or type(weighted_input) in _NUMBERS:
            return 0.0 if weighted_input <= 0.0 else 1.0 * weighted_input
        return np.maximum(_real(weighted_input, "weighted_input"), 0.0)

    def backward(self, output: Any) -> Any:
        """Return 1 where the output is positive, else 0."""
        if type(output) is float or type(output) in _NUMBERS:
            return 1.0 if output > 0.0 else 0.0
        return np.greater(_real(output, "output"), 0.0) * 1.0


class SigmoidActivator(_Activator):
    """f(x) = 1 / (1 + e^-x) (article 3)."""

    kernel = "sigmoid"

    def forward(self, weighted_input: Any) -> Any:
        """Return a number from 0 to 1."""
        if type(weighted_input) is float or type(weighted_input) in _NUMBERS:
            return 1.0 / (1.0 + math.exp(_MOST if weighted_input < -_MOST else -weighted_input))
        return np.reciprocal(_ONE + np.exp(np.minimum(-_real(weighted_input, "weighted_input"), _MOST_OF_ARRAYS)))

    def backward(self, output: Any) -> Any:
        """Return y (1 - y)."""
        if type(output) is float or type(output) in _NUMBERS:
            return output * (1.0 - output)
        y = _real(output, "output")
        return y * (_ONE - y)


class TanhActivator(_Activator):
    """f(x) = tanh x (article 6)."""

    kernel = "tanh"

    def forward(self, weighted_input: Any) -> Any:
        """Return a number from -1 to 1."""
        if type(weighted_input) is float or type(weighted_input) in _NUMBERS:
            return math.tanh(weighted_input)
        return np.tanh(_real(weighted_input, "weighted_input"))

    def backward(self, output: Any) -> Any:
        """Return 1 - y^2."""
        if type(output) is float or type(output) in _NUMBERS:
            return 1.0 - output * output
        y = _real(output, "output")
        return _ONE - y * y


def _real(x: Any, name: str) -> Any:
    """Return a float or a float64 array."""
    if type(x) is np.ndarray and x.dtype is _DOUBLE:
        return x
    if isinstance(x, float) or (isinstance(x, np.ndarray) and x.dtype == np.float64):
        return x
    return as_real(x, name).astype(np.float64)


def check_activator(activator: Any) -> Any:
    """Check that an object has the two methods."""
    if not (callable(getattr(activator, "forward", None)) and callable(getattr(activator, "backward", None))):
        raise TypeError(f"activator must have the methods forward and backward; received {activator!r}")
    return activator


_STEPS = {
    cls: Steps(cls, "forward", "backward")
    for cls in (IdentityActivator, ReluActivator, SigmoidActivator, TanhActivator)
}


def sigmoid_as_written() -> bool:
    """Return whether no method of `SigmoidActivator` has been replaced."""
    return _STEPS[SigmoidActivator].as_written()


def is_plain_sigmoid(activator: Any) -> bool:
    """Return whether it is a `SigmoidActivator` without attributes of its own."""
    return type(activator) is SigmoidActivator and not activator.__dict__


def kernel_of(activator: Any) -> str | None:
    """Return the core's name of an activator of ours that is unchanged, or None."""
    for cls in type(activator).__mro__:
        if cls in _STEPS:
            return activator.kernel if _STEPS[cls].untouched(activator) else None
    return None


def _takes_arrays_number_by_number(op: Any) -> bool:
    return isinstance(op, np.ufunc) or kernel_of(getattr(op, "__self__", None)) is not None


def each(op: Callable[[Any], Any], x: Array) -> Array:
    """Apply ``op`` to each number: one at a time, unless it is known to work elementwise on arrays."""
    if _takes_arrays_number_by_number(op):
        return op(x)  # type: ignore[no-any-return]
    return np.fromiter(map(op, x.ravel()), np.float64, x.size).reshape(x.shape)


def whole(op: Callable[[Any], Any], x: Array) -> Array:
    """Apply ``op`` to an array, or to each of its numbers if it takes only numbers."""
    if _takes_arrays_number_by_number(op):
        return op(x)  # type: ignore[no-any-return]
    try:
        y = np.asarray(op(x), dtype=np.float64)
    except (TypeError, ValueError):
        return each(op, x)
    return np.full(x.shape, y) if y.ndim == 0 else y if y.shape == x.shape else each(op, x)
