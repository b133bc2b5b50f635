"""Attributes that are views of the core's memory, and how they start."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._validation import Array, as_number
from ._checks import as_shaped


class Live:
    """An array of the core under an article's name: assigning to it copies into it.

    The instance keeps the view in ``_views``, under the attribute's name.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Array:
        if instance is None:
            return self  # type: ignore[return-value]
        return instance._views[self.name]  # type: ignore[no-any-return]

    def __set__(self, instance: Any, values: Any) -> None:
        view = self.__get__(instance)
        view[...] = as_shaped(values, self.name, view.shape)


class LiveNumber:
    """A number of the core under an article's name: ``_place`` of the array that the instance keeps as ``array``."""

    def __init__(self, array: str) -> None:
        self.array = array

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type | None = None) -> float:
        if instance is None:
            return self  # type: ignore[return-value]
        return float(getattr(instance, self.array)[instance._place])

    def __set__(self, instance: Any, value: float) -> None:
        getattr(instance, self.array)[instance._place] = as_number(value, self.name, -np.inf)


def uniform(most: float, shape: tuple[int, ...]) -> Array:
    """Draw from -most to most by NumPy's global generator, as the articles do: np.random.seed repeats a program."""
    return np.random.uniform(-most, most, shape)  # noqa: NPY002
