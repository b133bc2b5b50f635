"""Checks of the shapes of samples and the sizes of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from .._limits import MOST_NUMBERS
from .._types import Shape
from .values import as_int


def as_shape(shape: Any, name: str = "input_shape") -> Shape:
    """Return the shape of one sample: (F,), (C, H, W), or in time (T, F) and (T,), where T may be None."""
    if isinstance(shape, (int, np.integer)) and not isinstance(shape, bool):
        shape = (shape,)
    if not isinstance(shape, Sequence) or isinstance(shape, str):
        raise TypeError(f"{name} must be a tuple (F,), (T, F) or (C, H, W); received {shape!r}")
    free = [i for i, n in enumerate(shape) if n is None]
    sizes = tuple([n if n is None else as_int(n, name) for n in shape])
    if len(sizes) not in (1, 2, 3) or (free and (free != [0] or len(sizes) == 3)):
        raise ValueError(f"{name} must be (F,), (T, F) or (C, H, W), with None for any T; received {sizes}")
    check_size(sizes, name)
    return sizes


def check_size(shape: Shape, name: object) -> None:
    """Check that an array of this shape, whatever T is, has no more than `MOST_NUMBERS` numbers."""
    if prod([1 if n is None else n for n in shape]) > MOST_NUMBERS:
        raise ValueError(f"{name} must make an array of at most {MOST_NUMBERS} numbers; received one of shape {shape}")


def fits(shape: tuple[int, ...], expected: Shape) -> bool:
    """Return whether a sample's shape is the expected one."""
    return shape == expected or (
        len(shape) == len(expected) and all(e is None or n == e for n, e in zip(shape, expected, strict=True))
    )
