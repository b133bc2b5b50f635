"""One module made of several files."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class Parts(ModuleType):
    """A package in place of a single file of an article: what a program assigns to it is assigned in its modules too.

    So if a class or a function is replaced, ``bp.sigmoid = f``, all others use the new one, as in a single file.
    """

    @classmethod
    def join(cls, package: str, *parts: ModuleType) -> None:
        """Join a package and the modules whose names it has."""
        module = sys.modules[package]
        vars(module)["_homes"] = {name: [p for p in parts if name in vars(p)] for name in vars(module)["__all__"]}
        module.__class__ = cls

    def __setattr__(self, name: str, value: Any) -> None:
        for module in vars(self)["_homes"].get(name, ()):
            setattr(module, name, value)
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        for module in vars(self)["_homes"].get(name, ()):
            delattr(module, name)
        super().__delattr__(name)
