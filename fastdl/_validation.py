"""Checks of what comes in, so that every error names the argument, what was expected and what came."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from math import prod
from typing import Any

import numpy as np

from . import _core
from ._objects import as_numbers, columns_of

Array = np.ndarray[Any, Any]
Shape = tuple[Any, ...]  # of one sample; None where the first axis, time, is of any length

# Sizes, and what they make, the numbers of a sample and the parameters of a network, are at most that. The core, which
# multiplies on with those and with as many samples as memory holds, stays within 64 bits then.
MOST = (1 << 31) - 1
COUNT = 1 << 53  # of steps, of which there may be more, as they take no memory

_LARGE = 1 << 18  # numbers, which several threads look through


def as_dtype(dtype: Any) -> str:
    """Give "float32" or "float64"."""
    try:
        name = str(np.dtype(dtype).name) if dtype is not None else "None"
    except TypeError:
        name = repr(dtype)
    if name not in ("float32", "float64"):
        raise ValueError(f"dtype must be float32 or float64; received {name}")
    return name


def as_int(value: Any, name: str, *, least: int = 1, most: float = MOST) -> int:
    """Give an integer in least .. most."""
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer; received {value!r}") from None
    if number < least:
        raise ValueError(f"{name} must be at least {least}; received {number}")
    if number > most:
        raise ValueError(f"{name} must be at most {most}; received {number}")
    return number


def as_generator(seed: Any) -> np.random.Generator:
    """Give the random numbers of a seed, an integer of any size, or of none."""
    if seed is not None:
        as_int(seed, "seed", least=0, most=np.inf)
    return np.random.default_rng(seed)


def as_flag(value: Any, name: str) -> bool:
    """Give True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False; received {value!r}")
    return bool(value)


def check_is(value: Any, name: str, kind: type) -> None:
    """Check that an object is of a class."""
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be {kind.__name__}; received {type(value).__name__}")


def as_list(values: Any, name: str, what: str) -> list[Any]:
    """Give what an iterable, which is no string, holds."""
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise TypeError(f"{name} must be a list of {what}; received {values!r}")
    return list(values)


def as_choice(value: Any, name: str, choices: Iterable[str]) -> str:
    """Give one of some names."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}; received {value!r}")
    return value


def as_pair(value: Any, name: str, *, least: int = 1) -> tuple[int, int]:
    """Give (height, width) of one integer or two."""
    if isinstance(value, (tuple, list, np.ndarray)):
        if len(value) != 2:
            raise ValueError(f"{name} must be one integer or two; received {value!r}")
        return as_int(value[0], name, least=least), as_int(value[1], name, least=least)
    number = as_int(value, name, least=least)
    return number, number


def as_number(value: Any, name: str, low: float = 0.0, high: float = np.inf) -> float:
    """Give a finite float in low .. high."""
    if isinstance(value, (str, bytes, complex, bool)) or value is None:
        raise TypeError(f"{name} must be a number; received {value!r}")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number; received {value!r}") from None
    except OverflowError:
        number = np.inf
    if not (np.isfinite(number) and low <= number <= high):
        raise ValueError(f"{name} must be a finite number from {low} to {high}; received {number}")
    return number


def as_shape(shape: Any, name: str = "input_shape") -> Shape:
    """Give the shape of one sample: (F,), (C, H, W), or in time (T, F) and (T,), where T may be None."""
    if isinstance(shape, (int, np.integer)) and not isinstance(shape, bool):
        shape = (shape,)
    if not isinstance(shape, Sequence) or isinstance(shape, str):
        raise TypeError(f"{name} must be a tuple (F,), (T, F) or (C, H, W); received {shape!r}")
    free = [i for i, n in enumerate(shape) if n is None]
    sizes = tuple(n if n is None else as_int(n, name) for n in shape)
    if len(sizes) not in (1, 2, 3) or (free and (free != [0] or len(sizes) == 3)):
        raise ValueError(f"{name} must be (F,), (T, F) or (C, H, W), with None for any T; received {sizes}")
    check_size(sizes, name)
    return sizes


def check_size(shape: Shape, name: object) -> None:
    """Check that an array of this shape, whatever T is, has no more than `MOST` numbers."""
    if prod(1 if n is None else n for n in shape) > MOST:
        raise ValueError(f"{name} must make an array of at most {MOST} numbers; received one of shape {shape}")


def fits(shape: tuple[int, ...], expected: Shape) -> bool:
    """Tell whether a sample's shape is the expected one."""
    return len(shape) == len(expected) and all(e is None or n == e for n, e in zip(shape, expected, strict=True))


def as_real(x: Any, name: str) -> Array:
    """Give an array of real numbers of whatever type, as it lies."""
    if type(x) is np.ndarray and x.dtype.kind in "biuf":
        return x
    for part in x if isinstance(x, (list, tuple)) else (x,):
        if isinstance(part, np.ma.MaskedArray) and np.ma.is_masked(part):
            raise ValueError(f"{name} must have no masked numbers; received some: fill them, or leave them out")
    try:
        array = np.asarray(x)
    except ValueError:
        raise ValueError(f"{name} must be an array of numbers; received a ragged sequence") from None
    except (RuntimeError, TypeError) as error:  # what makes arrays of itself, or refuses to
        raise TypeError(f"{name} must be an array of real numbers; {error}") from None
    return array if array.dtype.kind in "biuf" else as_numbers(x, array, name)


def precision(array: Array) -> str:
    """Give float64 for float64, of any byte order, and wider numbers; float32 for all others."""
    return "float64" if array.dtype.kind == "f" and array.dtype.itemsize >= 8 else "float32"


def as_array(x: Any, name: str, dtype: str | None = None) -> Array:
    """Give a contiguous, aligned, native array of numbers that are all finite.

    Without ``dtype`` it is of `precision`. No copy is made where none is needed.
    """
    array = as_real(x, name)
    if dtype is None:
        dtype = precision(array)
    if array.dtype != dtype or not (array.flags.c_contiguous and array.flags.aligned):
        with np.errstate(over="ignore"):
            array = np.require(array, dtype, ["C", "A"])
    if array.size == 0:
        raise ValueError(f"{name} must not be empty; received shape {array.shape}")
    threads = 1
    if array.size > _LARGE:
        from ._threads import get_num_threads

        threads = get_num_threads()
    if not _core.load(dtype).all_finite(array, threads):
        labels = columns_of(x, array)
        where = "" if labels is None else f" in column {labels[int(np.isfinite(array).all(axis=0).argmin())]!r}"
        raise ValueError(f"{name} must be finite in {dtype}; received NaN or infinity{where}")
    return array


def copy_into(target: Array, values: Any, name: str) -> None:
    """Copy finite numbers of the same shape to where an array is."""
    array = as_real(values, name)
    if array.shape != target.shape:
        raise ValueError(f"{name} must have shape {target.shape}; received {array.shape}")
    if target.size:
        target[...] = as_array(array, name, target.dtype.name)


def as_samples(x: Any, name: str, shape: Shape, dtype: str) -> Array:
    """Give a batch (N, *shape)."""
    array = as_array(x, name, dtype)
    if array.ndim == 0 or not fits(array.shape[1:], shape):
        expected = ", ".join("T" if n is None else str(n) for n in shape)
        raise ValueError(f"{name} must have shape (N,{' ' if shape else ''}{expected}); received {array.shape}")
    return array


def as_images(x: Any, name: str, shape: Shape, dtype: str) -> tuple[Array, bool]:
    """Give a batch, and whether it is (N, H, W, C), as the memory of what came is, which is taken as it lies."""
    if isinstance(x, np.ndarray) and x.ndim == 4 and x.shape[1:] == shape and not x.flags.c_contiguous:
        last = x.transpose(0, 2, 3, 1)
        if last.flags.c_contiguous:
            return as_array(last, name, dtype), True
    return as_samples(x, name, shape, dtype), False


def as_lengths(lengths: Any, name: str, x: Array) -> Array | None:
    """Give int64 lengths (N,) of the sequences x (N, T, ...), from 1 to T, or None where all are T.

    They are a copy: the core indexes with them, whatever becomes of what was given.
    """
    if lengths is None:
        return None
    array = as_real(lengths, name)
    if array.dtype.kind not in "iu" or array.shape != x.shape[:1]:
        raise ValueError(
            f"{name} must hold an integer for each of the {len(x)} sequences; "
            f"received shape {array.shape} of dtype {array.dtype} for samples of shape {x.shape[1:]}"
            + ("; of a mask, mask.sum(axis=1)" if array.shape == x.shape[:2] else "")
        )
    array = np.array(array, np.int64, order="C")
    if array.min() < 1 or array.max() > x.shape[1]:
        raise ValueError(f"{name} must be from 1 to {x.shape[1]}; received {array.min()} to {array.max()}")
    return array


def as_ranked(x: Any, name: str, rank: int, axes: str, dtype: str | None = None) -> Array:
    """Give an array of ``rank`` axes, called ``axes`` in the error."""
    array = as_array(x, name, dtype)
    if array.ndim != rank:
        raise ValueError(f"{name} must have shape {axes}; received {array.shape}")
    return array


def as_labels(y: Any, name: str, classes: int) -> Array:
    """Give a copy of labels from 0 to ``classes`` - 1, as int64: the core indexes with them."""
    labels = np.array(y, np.int64, order="C")
    if labels.size and (labels.min() < 0 or labels.max() >= classes):
        raise ValueError(f"{name} must hold labels from 0 to {classes - 1}; received {labels.min()} to {labels.max()}")
    return labels
