"""Columns of any library's tables, as arrays of numbers or as lists of categories, None if missing."""

from __future__ import annotations

from collections.abc import Callable, Container
from numbers import Number
from typing import Any

import numpy as np

from .._validation.arrays import check_unmasked

_NOTHING = {type(None)}
_OF_TIME = ": of dates make numbers first, such as the month, or days since a date"
_NUMBERS_OF_ARROW = {"bool", "double", "float", "halffloat", "int", "uint"}  # with their bits left out


def holds_categories(x: Any) -> bool:
    """Return whether a data frame has columns other than numbers and booleans; booleans count as 0 and 1."""
    library = library_of(x)
    if library == "polars":
        return not all(dtype.is_numeric() or str(dtype) == "Boolean" for dtype in x.dtypes)
    if library == "pandas":
        return any(dtype.kind not in "biufc" or hasattr(dtype, "categories") for dtype in x.dtypes)
    if library == "pyarrow":
        return not all(str(kind).rstrip("0123456789") in _NUMBERS_OF_ARROW for kind in x.schema.types)
    return False


def library_of(x: Any) -> str | None:
    """Say of which library a data frame is, or None of what is none; one that is not collected is a TypeError."""
    library = type(x).__module__.partition(".")[0]
    if type(x).__name__ == "LazyFrame":
        raise TypeError("X must be a table; received a LazyFrame: collect makes a DataFrame")
    return library if library in _READERS and len(getattr(x, "shape", ())) == 2 else None


def check_no_dates(array: Any, name: str) -> None:
    """Refuse an array, or a column, of dates or durations, which would convert to numbers."""
    dtype = getattr(array, "dtype", None)
    if isinstance(array, np.ndarray) and array.dtype.kind == "O":
        dtype = next((one.dtype for one in array.flat if isinstance(one, np.datetime64 | np.timedelta64)), dtype)
    if getattr(dtype, "kind", "") in ("m", "M"):
        raise TypeError(f"{name} must hold numbers; received {dtype}{_OF_TIME}")


def read_columns(
    x: Any, coded: Callable[[list[Any] | None, int], Container[int]]
) -> tuple[list[Any] | None, list[Any]]:
    """Return the names of columns, if any, and each column as an array of numbers, or as a list with None if missing.

    ``coded`` is called with the names and the number of columns, and tells which are categories whatever they hold:
    these become lists. Integers stay integers if none is missing, or if they are categories: as float64, different ones
    beyond 2^53 would become equal.
    """
    names, columns, codes = _read(x, coded)
    return names, [_as_categories(column) if k in codes else column for k, column in enumerate(columns)]


def _read(x: Any, coded: Any) -> tuple[list[Any] | None, list[Any], Container[int]]:
    library = library_of(x)
    if library is not None:
        names = list(x.column_names if library == "pyarrow" else x.columns)
        codes = coded(names, len(names))
        return names, [_READERS[library](x, k, name, k in codes) for k, name in enumerate(names)], codes
    if type(x).__module__.partition(".")[0] in _READERS:
        raise TypeError(f"X must be a table; received a {type(x).__name__}")
    if hasattr(x, "toarray"):
        raise TypeError(f"X must be dense, such as X.toarray(); received a sparse {type(x).__name__}")
    check_unmasked(x, "X")
    array = x if isinstance(x, np.ndarray) else np.array(x, dtype=object)
    if array.ndim != 2:
        raise ValueError(f"X must have shape (N, F); received {array.shape}")
    if array.dtype.kind not in "biufOUS":
        raise TypeError(_refusal("X", array.dtype, array.dtype.kind in "mM"))
    codes = coded(None, array.shape[1])
    if array.dtype.kind in "iu":
        return None, list(array.T), codes
    if array.dtype.kind == "f":
        return None, list(array.T.astype(np.float64)), codes
    return None, [_of_objects(array[:, k].tolist(), k in codes) for k in range(array.shape[1])], codes


def _as_categories(values: Any) -> list[Any]:
    """Return a column of numbers as a list of categories."""
    if not isinstance(values, np.ndarray):
        given: list[Any] = values
        return given
    categories: list[Any] = values.tolist()
    if np.isnan(values).any():
        categories = [None if value != value else value for value in categories]
    return categories


def _of_pandas(frame: Any, k: int, name: Any, coded: bool) -> Any:
    series = frame.iloc[:, k]
    kind = series.dtype.kind
    categorical = hasattr(series, "cat") or (coded and kind in "iu" and series.isna().any())
    if kind in "mMc" or str(series.dtype).startswith(("period", "interval")):
        raise TypeError(_refusal(f"column {name!r}", series.dtype, kind != "c"))
    if kind in "iu" and not categorical and not series.isna().any():
        return series.to_numpy(dtype=np.uint64 if kind == "u" else np.int64)
    if kind in "iuf" and not categorical:
        return series.to_numpy(dtype=np.float64, na_value=np.nan)
    there, values = series.notna(), series.astype(object)
    values = (values if there.all() else values.where(there, None)).tolist()
    return values if categorical else _of_objects(values)


def _of_polars(frame: Any, k: int, name: Any, coded: bool) -> Any:
    series = frame.to_series(k)
    if series.dtype.is_temporal() or series.dtype.is_nested():
        raise TypeError(_refusal(f"column {name!r}", series.dtype, series.dtype.is_temporal()))
    if str(series.dtype) in ("Int128", "UInt128"):  # which NumPy has not
        return _of_objects(series.to_list(), coded)
    if series.dtype.is_integer() and not series.null_count():
        return np.asarray(series.to_numpy())
    if series.dtype.is_numeric() and not (coded and series.dtype.is_integer()):
        return np.asarray(series.to_numpy()).astype(np.float64)
    return series.to_list()


def _of_arrow(table: Any, k: int, name: Any, coded: bool) -> Any:
    from pyarrow import types

    column, kind = table.column(k), table.schema.types[k]
    if types.is_temporal(kind) or types.is_nested(kind):
        raise TypeError(_refusal(f"column {name!r}", kind, types.is_temporal(kind)))
    if types.is_integer(kind) and coded and column.null_count:
        return column.to_pylist()
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        numbers = column.to_numpy(zero_copy_only=False)
        return numbers if numbers.dtype.kind in "iu" else numbers.astype(np.float64)
    return column.to_pylist()


_READERS = {"pandas": _of_pandas, "polars": _of_polars, "pyarrow": _of_arrow}


def _of_objects(values: list[Any], coded: bool = False) -> Any:
    """Return an array if all values that are not missing are numbers, otherwise a list."""
    types = set(map(type, values))
    if coded and types == {int, *_NOTHING}:
        return values
    if all(issubclass(kind, Number) and not issubclass(kind, (bool, np.bool_, complex)) for kind in types - _NOTHING):
        whole = values if types == {int} and abs(max(values, key=abs)) < 1 << 63 else None
        return np.array(values, dtype=np.float64 if whole is None else np.int64)  # None becomes NaN
    return [None if _is_missing(value) else value for value in values] if types != {str} else values


def _is_missing(value: Any) -> bool:
    return value is None or type(value).__name__ == "NAType" or (isinstance(value, float) and value != value)


def _refusal(name: str, dtype: Any, of_time: bool) -> str:
    return f"{name} must hold numbers, strings, booleans or categories; received {dtype}{_OF_TIME if of_time else ''}"
