"""Tells what a program has left unchanged: only that takes a fast path, all else the articles' own steps."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from types import FunctionType
from typing import Any


class Steps:
    """Methods of a class that a fast way does not call, as they are when this is made.

    Parameters
    ----------
    cls : type
    *names : str
        Of methods and other attributes of the class.
    """

    def __init__(self, cls: type, *names: str) -> None:
        self._cls, self._names = cls, frozenset(names)
        self._look = attrgetter("__setattr__", "__getattribute__", *names)
        self._written = self._look(cls)

    def as_written(self) -> bool:
        """Tell whether none of them has been replaced in the class."""
        return self._same(self._cls)

    def untouched(self, obj: Any) -> bool:
        """Tell whether none has been overridden, replaced in the class, or hidden by an attribute of the object."""
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
        """Tell of an object whether its class is this very one, and no attribute of its own hides one of the methods.

        That is all that is left to ask of each of several objects where the class is ``as_written``.
        """
        return type(obj) is self._cls and self._names.isdisjoint(vars(obj))

    def all_untouched(self, objects: Sequence[Any]) -> bool:
        """Tell it of many objects, whose class must be this very one."""
        if not (self.as_written() and set(map(type, objects)) <= {self._cls}):
            return False
        return not any(map(vars, objects)) or all(self._names.isdisjoint(vars(obj)) for obj in objects)

    def _same(self, kind: type) -> bool:
        try:
            return self._look(kind) == self._written
        except AttributeError:  # deleted, or another kind of class
            return False

    def _adds_functions_alone(self, kind: type) -> bool:
        """Tell whether what a subclass defines cannot stand in for an attribute of its objects, as a property can."""
        return all(
            isinstance(value, FunctionType | staticmethod | classmethod) or name.startswith("__")
            for one in kind.__mro__[: kind.__mro__.index(self._cls)]
            for name, value in vars(one).items()
        )
