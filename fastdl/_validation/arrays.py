"""Checks of arrays of numbers, from anything that converts to one."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from .._threads import get_num_threads
from .._types import Array
from .objects import as_numbers, check_frame, columns_of

_LARGE = 1 << 16  # numbers from which on several threads check them


def as_real(x: Any, name: str) -> Array:
    """Return an array of real numbers, of any dtype and memory layout."""
    if type(x) is np.ndarray and x.dtype.kind in "biuf":
        return x
    if str(getattr(x, "dtype", "")).endswith("bfloat16"):  # NumPy has no such dtype; float32 holds its numbers
        x = x.float() if hasattr(x, "float") else x.astype("float32")
    check_unmasked(x, name)
    check_frame(x, name)
    try:
        array = np.asarray(x)
    except ValueError:
        raise ValueError(
            f"{name} must be an array of numbers; received a ragged sequence (sequences of different lengths are "
            "padded to one, and lengths says how many steps of each count)"
        ) from None
    except (RuntimeError, TypeError) as error:  # raised by the object's own conversion
        raise TypeError(f"{name} must be an array of real numbers; {error}") from None
    return array if array.dtype.kind in "biuf" else as_numbers(x, array, name)


def check_unmasked(x: Any, name: str) -> None:
    """Check that nothing in an array, or in a list of arrays, is masked: NumPy would take what is below the mask."""
    for part in x if isinstance(x, (list, tuple)) else (x,):
        if isinstance(part, np.ma.MaskedArray) and np.ma.is_masked(part):
            raise ValueError(f"{name} must have no masked numbers; received some: fill them, or leave them out")


def precision(array: Array) -> str:
    """Return the dtype to compute in: float64 for float64, of any byte order, and wider; float32 for all others."""
    return "float64" if array.dtype.char in "dg" else "float32"


def as_array(x: Any, name: str, dtype: str | None = None) -> Array:
    """Return a contiguous, aligned array of finite numbers in native byte order, copied only if needed.

    Without ``dtype`` it is in its `precision`.
    """
    array = as_real(x, name)
    dtype = dtype or precision(array)
    if _core.load(dtype).is_ready(array):
        return array
    array = as_contiguous(array, name, dtype)
    threads = get_num_threads() if array.size > _LARGE else 1
    if not _core.load(dtype).all_finite(array, threads):
        labels = columns_of(x, array)
        where = "" if labels is None else f" in column {labels[int(np.isfinite(array).all(axis=0).argmin())]!r}"
        raise ValueError(f"{name} must be finite in {dtype}; received NaN or infinity{where}")
    return array


def as_contiguous(x: Any, name: str, dtype: str | None = None) -> Array:
    """Do what `as_array` does, except for the check that numbers are finite."""
    array = as_real(x, name)
    dtype = dtype or precision(array)
    if array.dtype != dtype or not (array.flags.c_contiguous and array.flags.aligned):
        with np.errstate(over="ignore"):
            array = np.array(array, dtype, order="C")
    if array.size == 0:
        raise ValueError(f"{name} must not be empty; received shape {array.shape}")
    return array


def as_ranked(x: Any, name: str, rank: int, axes: str, dtype: str | None = None) -> Array:
    """Return an array of ``rank`` axes, called ``axes`` in the error."""
    array = as_array(x, name, dtype)
    check_rank(array, name, rank, axes)
    return array


def check_rank(array: Array, name: str, rank: int, axes: str) -> None:
    """Check that an array has ``rank`` axes, called ``axes`` in the error."""
    if array.ndim != rank:
        raise ValueError(f"{name} must have shape {axes}; received {array.shape}")


def check_variance(values: Array, key: str, name: str) -> None:
    """Check that values are not negative if they are running variances, of which roots are taken."""
    if key.rpartition(".")[2] == "running_var" and (values < 0).any():
        raise ValueError(f"{name} must not be negative; received {values.min():g}")


def copy_into(target: Array, values: Any, name: str) -> None:
    """Check that values are finite and have the target's shape, and copy them into it."""
    array = as_real(values, name)
    if array.shape != target.shape:
        raise ValueError(f"{name} must have shape {target.shape}; received {array.shape}")
    if target.size:
        target[...] = as_array(array, name, precision(target))
