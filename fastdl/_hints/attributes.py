"""Attributes that a class does not have but that others may look for: the error says what to use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from inspect import getattr_static


class _Missing:  # no docstring, which would be taken for the attribute's
    # A descriptor, as a `__getattr__` would make access to all other attributes take twice as long.

    def __init__(self, name: str, hint: str) -> None:
        self._name, self._hint = name, hint

    def __get__(self, obj: object, kind: type) -> None:
        name = self._name
        raise AttributeError(f"{kind.__name__!r} object has no attribute {name!r}: {self._hint}", name=name, obj=obj)


def hint_at(kind: type, hints: Mapping[str, str]) -> None:
    """Make these attributes of a class raise the error."""
    for name, hint in hints.items():
        setattr(kind, name, _Missing(name, hint))


def without_hints(names: Iterable[str], obj: object) -> list[str]:
    """Return those of an object's attributes that do not raise the error."""
    return [
        name for name in names if name in vars(obj) or not isinstance(getattr_static(type(obj), name, None), _Missing)
    ]
