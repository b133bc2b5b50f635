"""Numbers in arrays of objects, which data frames with mixed columns or missing values convert to."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._types import Array


def as_numbers(x: Any, array: Array, name: str) -> Array:
    """Convert ``array``, which NumPy made of x, to a numeric dtype, if all its objects are numbers."""
    labels = columns_of(x, array)
    if labels is None:
        found = _of_one_kind(array)
        if found is None:
            hint = ": numpy.unique(y, return_inverse=True) gives the names and integer labels"
            hint = hint if array.ndim == 1 and name.endswith("y") and str in map(type, array.tolist()) else ""
            raise TypeError(
                f"{name} must be an array of real numbers; received dtype {array.dtype}{_example(x, array)}{hint}"
            )
        return found
    columns = [_of_one_kind(array[:, i]) for i in range(len(labels))]
    for i, column in enumerate(columns):
        if column is None:
            raise TypeError(
                f"{name} must be an array of real numbers; received column {labels[i]!r} of others"
                f"{_example(x, array[:, i])}"
            )
    return np.column_stack([column for column in columns if column is not None])


def columns_of(x: Any, array: Array) -> Sequence[Any] | None:
    """Return the names of a data frame's columns; None if x is no data frame."""
    labels = getattr(x, "column_names", None) or getattr(x, "columns", None)  # of pyarrow, or of pandas and polars
    if labels is None or array.ndim != 2:
        return None
    labels = list(labels)
    return labels if len(labels) == array.shape[1] else None


def check_frame(x: Any, name: str) -> None:
    """Refuse lazy frames of polars, and columns of dates and the like, which would convert to numbers."""
    if type(x).__module__.partition(".")[0] == "polars":
        if type(x).__name__ == "LazyFrame":
            raise TypeError(f"{name} must be an array of real numbers; received a LazyFrame: collect makes a DataFrame")
        for label, dtype in getattr(x, "schema", {}).items():
            if dtype.is_temporal() or hasattr(dtype, "fields"):
                raise TypeError(f"{name} must be an array of real numbers; received column {label!r} of {dtype}")


def _of_one_kind(array: Array) -> Array | None:
    """Convert an array to a numeric dtype; None if some values are no numbers. Strings are never numbers."""
    if array.dtype.kind == "O":
        values = array.reshape(-1).tolist()
        try:
            array = np.asarray(values).reshape(array.shape)
            if array.dtype.kind == "O" and all(map(_is_number, values)):  # such as decimals
                array = array.astype(np.float64)
        except (ValueError, OverflowError):
            return None
    return array if array.dtype.kind in "biuf" else None


def _is_number(value: Any) -> bool:
    """Return whether a value is a real number; Decimal counts, although it is not registered as `numbers.Real`."""
    if isinstance(value, numbers.Complex):
        return isinstance(value, numbers.Real)
    return isinstance(value, numbers.Number | np.bool_)


def _example(x: Any, array: Array) -> str:
    """Return the end of the error: the type of an object, or a value that is not a number."""
    if array.ndim == 0:
        return f", a {type(x).__name__}" + (": toarray makes it dense" if hasattr(x, "toarray") else "")
    values = array.reshape(-1).tolist()
    value = next((v for v in values if not _is_number(v)), values[0])  # or one that is too large for a float
    return f", such as {value!r:.50}"
