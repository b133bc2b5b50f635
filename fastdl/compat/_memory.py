"""The part of a layer that is in the core: it is built anew, not copied, when the layer is copied or pickled."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

_held = {"once": object()}
_ONCE = sys.getrefcount(_held["once"])  # the count of an object that only a dict holds


def held_once(there: dict[str, Any], name: str) -> bool:
    """Tell whether a dict has an array under this name that nothing else holds, nor a view of it."""
    return (
        isinstance(there.get(name), np.ndarray)
        and sys.getrefcount(there[name]) <= _ONCE
        and (there[name].base is None or sys.getrefcount(there[name].base) <= _ONCE)
    )


def holders(arrays: Iterable[Any]) -> list[int]:
    """Count the holders of each array; a view of an array holds the memory that both are views of."""
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
