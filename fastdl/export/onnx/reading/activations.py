"""Activations, also those that exporters compose of several operators."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .attention import NEVER, masked
from .inputs import Function, Inputs, array_of, expect, numbers_of, optional
from .moves import Attributes
from .tables import FAR, far_clipped
from .tensors import Tensors
from .values import Above, Constant, Numbers, Scores, UnreadableError, Value, is_close

_MOST_CLIPPED = 100.0  # as a hard_tanh that is scaled and shifted rounds as its ends do


def named(name: str, **settings: str) -> Function:
    """Return an activation, whose settings have these names in ONNX."""

    def activation(t: Tensors, inputs: Inputs, attributes: Attributes, _: int) -> Numbers:
        given = {ours: attributes[theirs] for ours, theirs in settings.items() if theirs in attributes}
        return t.activated(numbers_of(inputs), name, **given)

    return activation


def selu(t: Tensors, inputs: Inputs, attributes: Attributes, _: int) -> Numbers:
    """Return a selu, of its own settings."""
    if not is_close(attributes.get("alpha", 1.6732632), 1.6732632) or not is_close(
        attributes.get("gamma", 1.0507010), 1.0507010
    ):
        raise UnreadableError("Selu must have its own alpha and gamma")
    return t.activated(numbers_of(inputs), "selu")


def hard_sigmoid(t: Tensors, inputs: Inputs, attributes: Attributes, _: int) -> Numbers:
    """Return a hard_sigmoid, which must have PyTorch's slope and offset."""
    alpha, beta = attributes.get("alpha", 0.2), attributes.get("beta", 0.5)
    if not is_close(alpha, 1 / 6) or not is_close(beta, 0.5):
        raise UnreadableError(f"HardSigmoid must have an alpha of 1/6 and a beta of 0.5; received {alpha:g}, {beta:g}")
    return t.activated(numbers_of(inputs), "hard_sigmoid")


def clip(t: Tensors, inputs: Inputs, attributes: Attributes, _: int) -> Numbers:
    """Return a hard_tanh, also of other numbers than 1, a relu, a relu6, or a part of a RobustScaling."""
    low, high = (float(value if value is not None else end) for value, end in (
        (optional(inputs, 1), -np.inf), (optional(inputs, 2), np.inf)))  # fmt: skip
    if low == 0 and high >= np.finfo(np.float32).max:
        return t.activated(numbers_of(inputs), "relu")
    if low == -high and high >= FAR:
        return far_clipped(t, numbers_of(inputs))
    if (low, high) == (0, 6):
        return t.activated(numbers_of(inputs), "relu6")
    if not -_MOST_CLIPPED <= low < high <= _MOST_CLIPPED:
        raise UnreadableError(
            f"Clip must be from 0 on, or to a larger number from {-_MOST_CLIPPED:g} to {_MOST_CLIPPED:g}; "
            f"received {low:g} to {high:g}"
        )
    x, middle, half = numbers_of(inputs), (low + high) / 2, (high - low) / 2
    y = t.activated(replace(x, scale=x.scale / half, offset=(x.offset - middle) / half), "hard_tanh")
    return replace(y, scale=half, offset=middle)


def gelu(t: Tensors, inputs: Inputs, attributes: Attributes, _: int) -> Numbers:
    """Return the exact gelu."""
    expect(attributes, approximate=b"none")
    return t.activated(numbers_of(inputs), "gelu")


def greater(t: Tensors, inputs: Inputs, attributes: Attributes, _: int) -> Above:
    """Return a part of a softplus."""
    return Above(numbers_of(inputs), float(array_of(inputs, 1).reshape(())))


def softplus(t: Tensors, inputs: Inputs, attributes: Attributes, _: int) -> Numbers:
    """Return a softplus, and record of which numbers."""
    x = numbers_of(inputs)
    y = t.activated(x, "softplus")
    y.node.facts.update(of=x, places=y.places)
    return y


def _softplus(above: Above, x: Numbers, y: Numbers) -> Numbers:
    """Return a softplus for one that is replaced by x where both are equal to rounding."""
    of = y.node.facts.get("of") if y.node.activation == "softplus" else None
    if (
        of is None or above.x is not of or above.limit < 20 or not np.array_equal(y.places, y.node.facts["places"])
        or x.node is not of.node or not np.array_equal(x.places, of.places)
        or not is_close(x.scale, of.scale * y.scale) or not is_close(x.offset, of.offset * y.scale + y.offset)
    ):  # fmt: skip
        raise UnreadableError("choices must be those of a softplus")
    return y


def _shape(x: Value | None) -> tuple[int, ...]:
    if not isinstance(x, (Constant, Numbers)):
        raise UnreadableError("choices must be of numbers")
    shape: tuple[int, ...] = (x.values if isinstance(x, Constant) else x.places).shape
    return shape


def where(t: Tensors, inputs: Inputs, attributes: Attributes, _: int) -> Value:
    """Read a Where: a constant choice, masked scores, or a softplus."""
    if isinstance(inputs[0], Above):
        return _softplus(inputs[0], numbers_of(inputs, 1), numbers_of(inputs, 2))
    chosen, a, b = array_of(inputs, 0), inputs[1], inputs[2]
    if isinstance(a, Scores) or isinstance(b, Scores):
        scores, other = (a, b) if isinstance(a, Scores) else (b, a)
        if (
            not isinstance(scores, Scores)
            or not isinstance(other, Constant)
            or other.values.max(initial=-np.inf) > NEVER
        ):
            raise UnreadableError("scores must be masked by what is far below them")
        return masked(scores, chosen if scores is a else ~chosen)
    taken = a if chosen.all() else b if not chosen.any() else None
    if taken is None or np.broadcast_shapes(*map(_shape, inputs)) != _shape(taken):
        raise UnreadableError("choices must be the same for all numbers")
    return taken
