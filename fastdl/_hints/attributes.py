"""Attributes that a class does not have but that others may look for: the error says what to use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from inspect import getattr_static
from typing import Any, NoReturn

_REFUSALS: set[object] = set()


class _Missing:  # no docstring, which would be taken for the attribute's
    # A descriptor, as a `__getattr__` would make access to all other attributes take twice as long.

    def __init__(self, name: str, hint: str) -> None:
        self._name, self.hint = name, hint

    def __get__(self, obj: object, kind: type) -> None:
        name = self._name
        raise AttributeError(f"{kind.__name__!r} object has no attribute {name!r}: {self.hint}", name=name, obj=obj)


def hint_at(kind: type, hints: Mapping[str, str]) -> None:
    """Make these attributes of a class raise the error."""
    for name, hint in hints.items():
        setattr(kind, name, _Missing(name, hint))


def hint_of(kind: type, name: str) -> str:
    """Return what to use instead of an attribute that a class does not have, as the end of an error."""
    missing = getattr_static(kind, name, None)
    return f": {missing.hint}" if isinstance(missing, _Missing) else ""


def hint_instead(kind: type, hints: Mapping[str, tuple[str, str]]) -> None:
    """Make these operations of Python, which objects of a class do not have, raise an error with a hint."""
    for name, (words, hint) in hints.items():
        setattr(kind, name, _refusal(words, hint))
    if "__len__" in hints:
        setattr(kind, "__bool__", lambda self: True)  # noqa: B010 - as without a length, which Python would ask for


def _refusal(words: str, hint: str) -> Callable[..., NoReturn]:
    def refused(self: object, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(f"{type(self).__name__!r} object {words}: {hint}")

    _REFUSALS.add(refused)
    return refused


def is_function(value: object) -> bool:
    """Return whether a value can be called, not only to be told what else to do."""
    return callable(value) and getattr(type(value), "__call__", None) not in _REFUSALS  # noqa: B004


def without_hints(names: Iterable[str], obj: object) -> list[str]:
    """Return those of an object's attributes that do not raise the error."""
    return [
        name for name in names if name in vars(obj) or not isinstance(getattr_static(type(obj), name, None), _Missing)
    ]
