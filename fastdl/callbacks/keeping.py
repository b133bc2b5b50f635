"""The states of callbacks, kept with a training: from call to call, in copies and in files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .._types import Array, Shape
from .._validation.values import as_int, as_list
from .base import Callback

if TYPE_CHECKING:
    from ..sequential import Sequential

PREFIX = "callbacks."  # of the names of their arrays, beside those of the network
_DTYPES = ("float32", "float64", "int64", "bool")


class Kept(NamedTuple):
    """The state of a callback, with the name of its class."""

    kind: str
    state: dict[str, Any]


def kept_of(callbacks: Iterable[Callback]) -> list[Kept]:
    """Return copies of the states of all callbacks that have one."""
    return [
        Kept(type(callback).__name__, deepcopy(callback.get_state()))
        for callback in callbacks
        if type(callback).get_state is not Callback.get_state
    ]


def states_for(callbacks: Iterable[Callback], kept: Sequence[Kept]) -> list[dict[str, Any] | None]:
    """Return the state for each callback, or None: the first of a class gets that of the first of its class."""
    left, found = list(kept), []
    for callback in callbacks:
        which = next((i for i, (kind, _) in enumerate(left) if kind == type(callback).__name__), None)
        found.append(None if which is None else left.pop(which).state)
    return found


def go_on(net: Sequential, callback: Callback, state: dict[str, Any]) -> None:
    """Make a callback continue from a state."""
    try:
        callback.set_state(net, deepcopy(state))  # which it may go on changing
    except (LookupError, TypeError, ValueError) as error:
        raise ValueError(
            f"the state of {type(callback).__name__} must be what its get_state gave; {type(error).__name__}: {error}"
        ) from error


def packed(kept: Iterable[Kept]) -> tuple[list[dict[str, Any]], dict[str, Array]]:
    """Return states as descriptions, one each, and all their arrays."""
    descriptions, arrays = [], {}
    for i, (kind, state) in enumerate(kept):
        shapes = {}
        for name, value in state.items():
            if isinstance(value, np.ndarray):
                if value.dtype.name not in _DTYPES:
                    raise TypeError(
                        f"{name} of the state of {kind} must be of {', '.join(_DTYPES)}; received {value.dtype}"
                    )
                shapes[name] = [value.dtype.name, list(value.shape)]
                arrays[f"{PREFIX}{i}.{name}"] = np.array(value, order="C")
        plain = {name: value for name, value in state.items() if name not in shapes}
        descriptions.append({"class": kind, "state": plain, "arrays": shapes})
    return descriptions, arrays


def expected(descriptions: Any) -> dict[str, tuple[np.dtype[Any], Shape]]:
    """Return the types and shapes of the arrays that belong to descriptions."""
    found: dict[str, tuple[np.dtype[Any], Shape]] = {}
    for i, description in enumerate(as_list(descriptions, "callbacks", "descriptions")):
        kind, state, shapes = (description[part] for part in ("class", "state", "arrays"))
        if not (isinstance(kind, str) and isinstance(state, dict) and isinstance(shapes, dict)):
            raise ValueError(f"callbacks must have a class, a state and arrays; received {description!r}")
        for name, (dtype, shape) in shapes.items():
            if dtype not in _DTYPES:
                raise ValueError(f"arrays of callbacks must be of {', '.join(_DTYPES)}; received {dtype!r}")
            axes = as_list(shape, "the shape of a callback's array", "integers")
            found[f"{PREFIX}{i}.{name}"] = np.dtype(dtype), tuple([as_int(n, "an axis", least=0) for n in axes])
    return found


def unpacked(descriptions: Iterable[dict[str, Any]], arrays: dict[str, Array]) -> list[Kept]:
    """Make the states from descriptions and arrays."""
    return [
        Kept(
            description["class"],
            {
                **description["state"],
                **{name: arrays[f"{PREFIX}{i}.{name}"].copy() for name in description["arrays"]},
            },
        )
        for i, description in enumerate(descriptions)
    ]
