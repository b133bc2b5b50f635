"""The part of a layer that is in the core: when the layer is copied or pickled, it is built again, not copied."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

_held = {"once": object()}
_ONCE = sys.getrefcount(_held["once"])  # the reference count of an object that only a dict refers to


def held_once(there: dict[str, Any], name: str) -> bool:
    """Return whether a dict has an array under this name to which, and to views of which, nothing else refers."""
    return (
        isinstance(there.get(name), np.ndarray)
        and sys.getrefcount(there[name]) <= _ONCE
        and (there[name].base is None or sys.getrefcount(there[name].base) <= _ONCE)
    )


def holders(arrays: Iterable[Any]) -> list[int]:
    """Count the references to each array; a view refers to the array that owns the memory."""
    return list(map(sys.getrefcount, arrays))


class Built:
    """A class whose ``_build`` makes the attributes named in ``_built`` from the others."""

    _built: ClassVar[tuple[str, ...]]

    def _build(self) -> None:
        raise NotImplementedError

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in self._built}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._build()
