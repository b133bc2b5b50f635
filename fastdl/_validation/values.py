"""Single values: integers, numbers, flags, names and lists."""

from __future__ import annotations

import math
import operator
from collections.abc import Collection, Iterable
from reprlib import repr as short
from typing import Any

import numpy as np

from .._hints.names import hint_of_value
from .._limits import MOST_NUMBERS


def as_dtype(dtype: Any) -> str:
    """Return "float32" or "float64"."""
    name = dtype
    if not isinstance(dtype, str) and dtype is not None:  # NumPy would parse a string, such as "3f4"
        try:
            name = str(np.dtype(dtype).name)
        except TypeError:
            name = repr(dtype)
    if name not in ("float32", "float64"):
        raise ValueError(f"dtype must be float32 or float64; received {name}")
    return str(name)


def as_int(value: Any, name: str, *, least: int = 1, most: float = MOST_NUMBERS) -> int:
    """Check that a value is an integer from least to most, and give it as an int."""
    number: int = value
    if type(value) is not int:
        try:
            if isinstance(value, (bool, np.bool_)):
                raise TypeError
            number = operator.index(value)
        except TypeError:
            raise TypeError(f"{name} must be an integer; received {short(value)}") from None
    if number < least:
        raise ValueError(f"{name} must be at least {least}; received {number}")
    if number > most:
        raise ValueError(f"{name} must be at most {most}; received {number}")
    return number


def as_seed(seed: Any) -> int | None:
    """Check a seed, which is an integer of any size from 0 on, or None."""
    return None if seed is None else as_int(seed, "seed", least=0, most=np.inf)


def as_generator(seed: Any) -> np.random.Generator:
    """Make a generator from a seed, which is an integer of any size, or None."""
    return np.random.default_rng(as_seed(seed))


def as_flag(value: Any, name: str) -> bool:
    """Check that a value is True or False."""
    if type(value) is bool:
        return value
    if not isinstance(value, np.bool_):
        raise TypeError(f"{name} must be True or False; received {value!r}")
    return bool(value)


def check_is(value: Any, name: str, kind: type) -> None:
    """Check that an object is of a class."""
    if not isinstance(value, kind):
        has_one = isinstance(getattr(value, "network_", None), kind)
        hint = ", whose network is network_" if has_one else ""
        raise TypeError(f"{name} must be {kind.__name__}; received {type(value).__name__}{hint}")


def as_list(values: Any, name: str, what: str) -> list[Any]:
    """Check that a value is an iterable, but not a string, and give its items."""
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise TypeError(f"{name} must be a list of {what}; received {values!r}")
    return list(np.atleast_1d(values) if isinstance(values, np.ndarray) else values)


def as_choice(value: Any, name: str, choices: Collection[str]) -> str:
    """Check that a value is one of some names."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(
            f"{name} must be one of {', '.join(choices)}; received {value!r}{hint_of_value(value, choices)}"
        )
    return value


def as_pair(value: Any, name: str, *, least: int = 1) -> tuple[int, int]:
    """Check one integer or two, and give (height, width)."""
    if isinstance(value, (tuple, list)) or (isinstance(value, np.ndarray) and value.ndim):
        if len(value) != 2:
            raise ValueError(f"{name} must be one integer or two; received {value!r}")
        return as_int(value[0], name, least=least), as_int(value[1], name, least=least)
    number = as_int(value, name, least=least)
    return number, number


def as_number(value: Any, name: str, low: float = 0.0, high: float = np.inf) -> float:
    """Check that a value is a finite number from low to high, and give it as a float."""
    if isinstance(value, (str, bytes, complex, bool)) or value is None:
        raise TypeError(f"{name} must be a number; received {short(value)}")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number; received {short(value)}") from None
    except OverflowError:
        number = np.inf
    if not (math.isfinite(number) and low <= number <= high):
        raise ValueError(f"{name} must be a finite number from {low} to {high}; received {number}")
    return number
