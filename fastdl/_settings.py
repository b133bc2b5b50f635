"""The base of optimizers and schedules: dataclasses of a few numbers, which can be written as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ._hints.arguments import ArgumentHints
from ._limits import MOST_STEPS
from ._validation.values import as_int, as_number


class Settings(ArgumentHints):
    """A dataclass whose numbers stay what they are, equal to any other of the same class and numbers.

    What a dataclass would have for that is here, once: to write it for each class takes longer than all else in it.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @classmethod
    @cache
    def setting_names(cls) -> tuple[str, ...]:
        """Return the names of the settings."""
        return tuple(field.name for field in fields(cls))

    if not TYPE_CHECKING:  # otherwise type checkers would allow any attribute

        def __setattr__(self, name: str, value: Any) -> None:
            kind = type(self)
            if name not in kind.setting_names():
                if kind.__module__.startswith("fastdl."):
                    raise AttributeError(f"{kind.__name__} has no {name!r} that could be set")
            elif name in vars(self):
                raise AttributeError(f"{name} of {kind.__name__} cannot be changed: make another {kind.__name__}")
            object.__setattr__(self, name, value)

        def __delattr__(self, name: str) -> None:
            if name in self.setting_names():
                raise AttributeError(f"{name} of {type(self).__name__} cannot be deleted")
            object.__delattr__(self, name)

    def _values(self) -> tuple[Any, ...]:
        return tuple([getattr(self, name) for name in self.setting_names()])

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        named = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.setting_names())
        return f"{type(self).__qualname__}({named})"

    def get_config(self) -> dict[str, Any]:
        """Return the class and the arguments as plain data, for `from_config` of its module."""
        return {"class": type(self).__name__, **dict(zip(self.setting_names(), self._values(), strict=True))}


def keep_number(settings: Settings, name: str, high: float = np.inf) -> float:
    """Check a number from 0 on and store it as a Python float, which can be saved."""
    number = as_number(getattr(settings, name), name, high=high)
    object.__setattr__(settings, name, number)
    return number


def keep_int(settings: Settings, name: str, least: int = 1) -> int:
    """Check a count of steps and store it as a Python int."""
    number = as_int(getattr(settings, name), name, least=least, most=MOST_STEPS)
    object.__setattr__(settings, name, number)
    return number


def make(config: Any, classes: Mapping[str, type[Settings]], what: str) -> Any:
    """Make an object of one of these classes from what its `get_config` gave."""
    if not isinstance(config, dict) or config.get("class") not in classes:
        raise ValueError(f"config must be that of {what}: {', '.join(classes)}; received {config!r}")
    arguments = {name: value for name, value in config.items() if name != "class"}
    chosen = classes[config["class"]]
    unknown = set(arguments) - {*chosen.setting_names()}
    if unknown:
        raise ValueError(f"config must hold arguments of {chosen.__name__}; received {', '.join(sorted(unknown))}")
    return chosen(**arguments)
