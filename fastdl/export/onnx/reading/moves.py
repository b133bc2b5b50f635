"""Operators that only rearrange numbers, applied to constants or to arrays of places."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...._types import Array
from .constants import as_integers
from .values import UnreadableError, check_size, flag

Attributes = dict[str, Any]


def axes_of(attributes: Attributes, given: Array | None) -> list[int] | None:
    """Return the axes, which are an input of newer operators."""
    axes = attributes.get("axes") if given is None else as_integers(given)
    return None if axes is None else list(axes)


def _reshape(attributes: Attributes, x: Array, shape: Array) -> Array:
    sizes = as_integers(shape)
    if not flag(attributes, "allowzero", 0):
        sizes = [x.shape[k] if n == 0 else n for k, n in enumerate(sizes)]
    return x.reshape(sizes)


def _flatten(attributes: Attributes, x: Array) -> Array:
    axis = attributes.get("axis", 1)
    axis += x.ndim if axis < 0 else 0
    return x.reshape(int(np.prod(x.shape[:axis])), -1)


def _squeeze(attributes: Attributes, x: Array, axes: Array | None = None) -> Array:
    given = axes_of(attributes, axes)
    return x.squeeze() if given is None else x.squeeze(tuple(given))


def _unsqueeze(attributes: Attributes, x: Array, axes: Array | None = None) -> Array:
    return np.expand_dims(x, tuple(axes_of(attributes, axes) or ()))


def _gather(attributes: Attributes, x: Array, indices: Array) -> Array:
    axis = attributes.get("axis", 0) % max(x.ndim, 1)
    check_size(*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])
    return np.take(x, indices, axis=axis)


def _gather_nd(attributes: Attributes, x: Array, indices: Array) -> Array:
    if attributes.get("batch_dims", 0) or not 1 <= indices.shape[-1] <= x.ndim:
        raise UnreadableError("numbers must be gathered without axes of batches")
    check_size(*indices.shape[:-1], *x.shape[indices.shape[-1] :])
    gathered: Array = x[tuple(np.moveaxis(indices, -1, 0))]
    return gathered


def _slice(
    attributes: Attributes, x: Array, starts: Array, ends: Array, axes: Array | None = None, steps: Array | None = None
) -> Array:
    firsts, lasts = as_integers(starts), as_integers(ends)
    along = list(range(len(firsts))) if axes is None else as_integers(axes)
    by = [1] * len(firsts) if steps is None else as_integers(steps)
    parts = [slice(None)] * x.ndim
    for first, last, axis, step in zip(firsts, lasts, along, by, strict=True):
        n = x.shape[axis]
        # With a negative step, an end before the first number is None in Python.
        parts[axis] = slice(first, None if step < 0 and last < -n else last, step)
    return x[tuple(parts)]


def _expand(attributes: Attributes, x: Array, shape: Array) -> Array:
    sizes = np.broadcast_shapes(x.shape, tuple(as_integers(shape)))
    check_size(*sizes)
    return np.broadcast_to(x, sizes)


def split(attributes: Attributes, outputs: int, x: Array, sizes: Array | None = None) -> list[Array]:
    """Return the parts."""
    axis = attributes.get("axis", 0)
    n = x.shape[axis]
    each = -(-n // outputs)
    lengths = [min(each, n - k * each) for k in range(outputs)] if sizes is None else as_integers(sizes)
    if sum(lengths) != n or min(lengths) < 0 or len(lengths) != outputs:
        raise UnreadableError(f"parts must be as long as their whole, {n}; received {lengths}")
    return np.split(x, np.cumsum(lengths)[:-1].tolist(), axis)


def pad(attributes: Attributes, x: Array, pads: Array, axes: Array | None, fill: Any) -> Array:
    """Return an array with a number around it."""
    if (mode := attributes.get("mode", b"constant")) != b"constant":
        raise UnreadableError(f"padding must be constant; received {mode.decode()}")
    ends, sides = as_integers(pads), [(0, 0)] * x.ndim
    along = list(range(x.ndim)) if axes is None else as_integers(axes)
    for k, axis in enumerate(along):
        sides[axis] = ends[k], ends[k + len(along)]
    if any(n < 0 for pair in sides for n in pair):
        raise UnreadableError(f"padding must not be negative; received {ends}")
    check_size(*(n + sum(pair) for n, pair in zip(x.shape, sides, strict=True)))
    return np.pad(x, sides, constant_values=fill)


def concatenated(attributes: Attributes, arrays: Sequence[Array]) -> Array:
    """Concatenate arrays."""
    axis = attributes["axis"]
    check_size(sum(array.size for array in arrays))
    return np.concatenate(arrays, axis)


def _dropout(attributes: Attributes, x: Array, ratio: Array | None = None, training: Array | None = None) -> Array:
    if training is not None and training.any():
        raise UnreadableError("dropout must be that of inference")
    return x


MOVES: dict[str, Callable[..., Array]] = {
    "Identity": lambda _, x: x,
    "Dropout": _dropout,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Transpose": lambda attributes, x: x.transpose(attributes.get("perm")),
    "Gather": _gather,
    "GatherND": _gather_nd,
    "Slice": _slice,
    "Expand": _expand,
}
