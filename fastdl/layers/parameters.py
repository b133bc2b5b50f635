"""Parameters and gradients by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .._turn import Turn
from .._types import Array, ArrayLike
from .._validation.arrays import as_real, check_variance, copy_into


class Parameters(Mapping[str, Array]):
    """Live arrays by name. Assigned values are checked and copied into place.

    That waits for calls of other threads, and is counted by their network's turn if these are parameters or buffers.

    Raises
    ------
    KeyError
        If there is no such name.
    ValueError
        If values have another shape, or are not finite, or are a negative variance.
    """

    def __init__(self, name: str, arrays: Mapping[str, Array], turn: Turn) -> None:
        self._name, self._arrays, self._turn = name, arrays, turn

    def __getitem__(self, key: str) -> Array:
        try:
            return self._arrays[key]
        except KeyError:
            raise self._unknown(key) from None

    def __setitem__(self, key: str, values: ArrayLike) -> None:
        if key not in self._arrays:
            raise self._unknown(key)
        check_variance(as_real(values, name := f"{self._name}[{key!r}]"), key, name)
        with self._turn.lock:
            copy_into(self._arrays[key], values, name)
            if self._name != "grads":
                self._turn.count_change()

    def _unknown(self, key: str) -> KeyError:
        return KeyError(f"{self._name} are {', '.join(self._arrays) or 'none'}; received {key!r}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __repr__(self) -> str:
        return repr(self._arrays)
