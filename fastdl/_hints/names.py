"""Errors for unknown names in packages and values, with the right one."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from importlib import import_module
from typing import NoReturn


def no_such_name(package: str, name: str, names: Collection[str]) -> NoReturn:
    """Raise the error for a name that a package does not have, and suggest an equivalent or similar one."""
    hint = None if name.startswith("_") else _hint(package, name, names)  # looked up while importing
    raise AttributeError(f"module {package!r} has no attribute {name!r}" + ("" if hint is None else f": {hint}"))


def _hint(package: str, name: str, names: Collection[str]) -> str | None:
    """Suggest what to use instead of a name; None if nothing is like it."""
    from .known_names import NAMES, OTHERWISE  # not needed by a program without mistakes

    key, alike = _key(name).removeprefix("lazy"), _by_key(names)
    if wanted := alike.get(key) or NAMES.get(package, {}).get(key):
        return f"use {wanted}"
    if key in OTHERWISE:
        return OTHERWISE[key]
    for other, known in NAMES.items():
        public = import_module(other).__all__
        wanted = _by_key(public).get(key) or known.get(key)
        if wanted and re.split(r"\W", wanted)[0] in public:
            return f"use {other}.{wanted}"
    return next((f"did you mean {alike[found]}?" for found in closest(key, alike)), None)


def _by_key(names: Collection[str]) -> dict[str, str]:
    return {_key(name): name for name in sorted(names, key=lambda name: name[0].isupper())}


def _key(name: str) -> str:
    return name.lower().replace("_", "")


def hinting_getattr(package: str, names: Collection[str]) -> Callable[[str], NoReturn]:
    """Return a `__getattr__` for a package, which Python calls for unknown names alone."""

    def get(name: str) -> NoReturn:
        no_such_name(package, name, names)

    return get


def hint_of_value(value: object, known: Collection[str]) -> str:
    """Suggest the right name for one that was given as a value, as the end of an error."""
    if not isinstance(value, str):
        return ""
    from .known_names import NAMES, VALUES

    key, alike = _key(value), _by_key(known)
    theirs = (alike.get(_key(names.get(key, key))) for names in (VALUES, *NAMES.values()))
    if wanted := next(filter(None, theirs), None):
        return f": use {wanted!r}"
    return next((f": did you mean {alike[found]!r}?" for found in closest(key, alike)), "")


def closest(name: str, names: Collection[str]) -> list[str]:
    """Return the name that is most like one, if any is."""
    from difflib import get_close_matches  # not needed by a program without mistakes

    return get_close_matches(name, names, 1, 0.75)
