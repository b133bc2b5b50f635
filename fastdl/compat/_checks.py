"""Checks of the arguments of the articles' classes."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

import numpy as np

from .. import _core
from .._types import Array
from .._validation.arrays import as_array, as_real
from .._validation.values import as_int

_is_ready = _core.load("float64").is_ready


def as_shaped(x: Any, name: str, shape: tuple[int, ...]) -> Array:
    """Return a float64 array of this shape."""
    if type(x) is np.ndarray and x.shape == shape and _is_ready(x):
        return x
    array = as_array(x, name, "float64")
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}; received {array.shape}")
    return array


def as_column(x: Any, name: str, size: int) -> Array:
    """Return a float64 column (size, 1)."""
    return as_shaped(x, name, (size, 1))


def as_vector(x: Any, name: str, size: int) -> Array:
    """Return float64 numbers (size,)."""
    return as_shaped(x, name, (size,))


def as_numbers(x: Any, name: str, size: int) -> Sequence[float]:
    """Check that there are this many finite numbers; a list or a tuple of numbers stays as it is."""
    if type(x) in (list, tuple) and len(x) == size:
        try:
            if isfinite(sum(x)):
                return x  # type: ignore[no-any-return]
        except (TypeError, OverflowError):
            pass
    return as_vector(x, name, size).tolist()  # type: ignore[no-any-return]


def as_rows(values: Any, name: str, size: int) -> Array:
    """Return finite samples (N, size), from vectors or columns (size, 1), not yet in float64."""
    rows = as_real(values, name)
    if rows.dtype.kind == "f" and rows.size:
        rows = as_array(rows, name)
    if rows.size == 0 or rows.shape[1:] not in ((size,), (size, 1)):
        raise ValueError(f"{name} must hold vectors of {size} numbers; received shape {rows.shape}")
    return rows.reshape(-1, size)


def as_sequence(values: Any) -> Any:
    """Return a sequence of rows; a data frame would iterate over its columns."""
    return values if isinstance(values, list | tuple | np.ndarray) else np.asarray(values)


def windows(size: int, window: int, padding: int, stride: int, *, axis: str, what: str = "filter") -> int:
    """Count the places of a window along an axis; the rest at its end is ignored."""
    as_int(stride, "stride")
    room = size + 2 * padding - window
    if room < 0:
        raise ValueError(
            f"{what}_{axis} must be at most {size + 2 * padding}, the padded input's {axis}; received {window}"
        )
    return room // stride + 1
