"""Shapes of samples, as the core takes them: (F,), (T, F) or (C, H, W)."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from .._limits import MOST_NUMBERS
from .._types import Shape


def is_whole(value: Any, least: int, most: int = MOST_NUMBERS) -> bool:
    """Return whether a value is an integer from least to most."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and least <= int(value) <= most


def checked_shape(shape: Any, name: str) -> Shape:
    """Check a shape of integers, of which the first may be None as T."""
    if (
        not isinstance(shape, tuple)
        or not 1 <= len(shape) <= 3
        or not all(is_whole(n, 1) or (n is None and i == 0 and len(shape) < 3) for i, n in enumerate(shape))
    ):
        raise ValueError(f"{name} must be (F,), (T, F) or (C, H, W); received {shape!r}")
    sizes = tuple([n if n is None else int(n) for n in shape])
    if numbers(sizes) > MOST_NUMBERS:
        raise TooManyNumbersError(name, sizes)
    return sizes


def numbers(shape: Shape) -> int:
    """Count the numbers of a sample, or of one step if the number of steps is not known."""
    return prod(filter(None, shape))


def features_of(shape: Shape) -> int:
    """Return the number of features of a step, or of channels of an image."""
    features: int = shape[0] if len(shape) == 3 else shape[-1]
    return features


def with_features(shape: Shape, features: int) -> Shape:
    """Return the shape with another number of features or channels."""
    return (features, *shape[1:]) if len(shape) == 3 else (*shape[:-1], features)


def spreads(shape: Shape, whole: Shape) -> bool:
    """Return whether a sample can be repeated to another shape: it has one row, or one feature, or both, or is alike.

    A row is a step or a pixel. A vector (F,) is one row of (T, F), as of (F, H, W).
    """
    rows, of_whole = (one[1:] if len(one) == 3 else one[:-1] for one in (shape, whole))
    return features_of(shape) in (1, features_of(whole)) and (
        rows == of_whole or not rows or (len(rows) == len(of_whole) and set(rows) == {1})
    )


class TooManyNumbersError(ValueError):
    """An operation would make a larger array than the core can index; `of` names the layer."""

    def __init__(self, name: str, shape: Shape) -> None:
        super().__init__(f"{name} must make an array of at most {MOST_NUMBERS} numbers; received one of shape {shape}")
        self.shape = shape

    def of(self, layer: object) -> ValueError:
        """Return the same error with the layer's name."""
        return ValueError(str(TooManyNumbersError(repr(layer), self.shape)))
