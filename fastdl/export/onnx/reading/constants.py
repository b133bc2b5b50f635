"""Operators on constants, with which a graph computes shapes, indices and masks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...._types import Array
from .values import UnreadableError, check_size, flag


def _broadcast(function: Callable[..., Any]) -> Callable[..., Any]:
    def compute(attributes: dict[str, Any], *arrays: Array) -> Any:
        check_size(*np.broadcast_shapes(*(array.shape for array in arrays)))
        with np.errstate(all="ignore"):
            return function(*arrays)

    return compute


def _divide(a: Array, b: Array) -> Array:
    if a.dtype.kind == "f":
        return np.divide(a, b)
    if not np.all(b):
        raise UnreadableError("integers must not be divided by 0")
    quotients: Array = np.sign(a) * np.sign(b) * (np.abs(a) // np.abs(b))
    return quotients


def _constant_of_shape(attributes: dict[str, Any], shape: Array) -> Array:
    sizes = as_integers(shape)
    check_size(*sizes)
    value = attributes.get("value", np.zeros(1, np.float32))
    return np.full(sizes, value.reshape(-1)[0], value.dtype)


def _range(attributes: dict[str, Any], start: Any, limit: Any, delta: Any) -> Array:
    if not delta or not np.isfinite([start, limit, delta]).all():
        raise UnreadableError("ranges must be finite")
    check_size(max(0, int(np.ceil((limit - start) / delta))))
    steps: Array = np.arange(start, limit, delta, dtype=start.dtype)
    return steps


def _trilu(attributes: dict[str, Any], x: Array, k: Array | None = None) -> Array:
    return (np.triu if flag(attributes, "upper", 1) else np.tril)(x, 0 if k is None else int(k))


def _cast(attributes: dict[str, Any], x: Array) -> Array:
    if np.dtype(attributes["to"]).kind not in "biuf":
        raise UnreadableError(f"constants must be numbers; received {attributes['to']}")
    with np.errstate(all="ignore"):
        return x.astype(attributes["to"])


def as_integers(array: Array) -> list[int]:
    """Return a vector, or a number, as Python's integers."""
    if array.dtype.kind not in "iu" or array.ndim > 1 or array.size > 64:
        raise UnreadableError(f"shapes and axes must be vectors of integers; received {array.dtype} {array.shape}")
    return [int(n) for n in array.reshape(-1)]


CONSTANTS: dict[str, Callable[..., Any]] = {
    "Add": _broadcast(np.add),
    "Sub": _broadcast(np.subtract),
    "Mul": _broadcast(np.multiply),
    "Div": _broadcast(_divide),
    "Mod": _broadcast(lambda a, b: np.mod(a, np.where(b == 0, 1, b))),
    "Neg": _broadcast(np.negative),
    "Sqrt": _broadcast(np.sqrt),
    "Less": _broadcast(np.less),
    "LessOrEqual": _broadcast(np.less_equal),
    "Greater": _broadcast(np.greater),
    "GreaterOrEqual": _broadcast(np.greater_equal),
    "Equal": _broadcast(np.equal),
    "And": _broadcast(np.logical_and),
    "Or": _broadcast(np.logical_or),
    "Not": _broadcast(np.logical_not),
    "Where": _broadcast(np.where),
    "Cast": _cast,
    "ConstantOfShape": _constant_of_shape,
    "Range": _range,
    "Trilu": _trilu,
}
