"""Checks that a program has left a class unchanged: only then is the fast path taken."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from types import FunctionType
from typing import Any


class Steps:
    """The methods of a class that a fast path does not call, in their original form.

    Parameters
    ----------
    cls : type
    *names : str
        The names of methods and other attributes of the class.
    """

    def __init__(self, cls: type, *names: str) -> None:
        self._cls, self._names = cls, frozenset(names)
        self._look = attrgetter("__setattr__", "__getattribute__", *names)
        self._written = self._look(cls)

    def as_written(self) -> bool:
        """Return whether none of them has been replaced in the class."""
        return self._same(self._cls)

    def untouched(self, obj: Any) -> bool:
        """Return whether none has been overridden, replaced in the class, or hidden by an attribute of the object."""
        kind = type(obj)
        if kind is self._cls:
            return self._same(kind) and self._names.isdisjoint(vars(obj))
        return (
            issubclass(kind, self._cls)
            and self._same(kind)
            and self._names.isdisjoint(vars(obj))
            and self._adds_functions_alone(kind)
        )

    def hides_none(self, obj: Any) -> bool:
        """Return whether an object is of exactly this class, and none of its attributes hides one of the methods.

        If the class is ``as_written``, this is all that must be checked for each object.
        """
        return type(obj) is self._cls and self._names.isdisjoint(vars(obj))

    def all_untouched(self, objects: Sequence[Any]) -> bool:
        """Return whether all of many objects are untouched; they must be of exactly this class."""
        if not (self.as_written() and set(map(type, objects)) <= {self._cls}):
            return False
        return not any(map(vars, objects)) or all(self._names.isdisjoint(vars(obj)) for obj in objects)

    def _same(self, kind: type) -> bool:
        try:
            return self._look(kind) == self._written
        except AttributeError:  # deleted, or another kind of class
            return False

    def _adds_functions_alone(self, kind: type) -> bool:
        """Return whether a subclass defines only functions, and no property that could replace an attribute."""
        return all(
            isinstance(value, FunctionType | staticmethod | classmethod) or name.startswith("__")
            for one in kind.__mro__[: kind.__mro__.index(self._cls)]
            for name, value in vars(one).items()
        )
