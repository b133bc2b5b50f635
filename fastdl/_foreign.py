"""Errors for unknown names, arguments and values that suggest the right ones, also for those of other libraries."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Sequence
from functools import wraps
from importlib import import_module
from types import CodeType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast


def no_such_name(package: str, name: str, names: Collection[str]) -> NoReturn:
    """Raise the error for a name that a package does not have, and suggest an equivalent or similar one."""
    hint = None if name.startswith("_") else _hint(package, name, names)  # looked up while importing
    raise AttributeError(f"module {package!r} has no attribute {name!r}" + ("" if hint is None else f": {hint}"))


def _hint(package: str, name: str, names: Collection[str]) -> str | None:
    """Suggest what to use instead of a name; None if nothing is like it."""
    from ._foreign_names import NAMES, OTHERWISE  # not needed by a program without mistakes

    key, alike = _key(name).removeprefix("lazy"), _by_key(names)
    if wanted := alike.get(key) or NAMES.get(package, {}).get(key):
        return f"use {wanted}"
    if key in OTHERWISE:
        return OTHERWISE[key]
    for other, known in NAMES.items():
        there = import_module(other).__all__
        wanted = _by_key(there).get(key) or known.get(key)
        if wanted and re.split(r"\W", wanted)[0] in there:
            return f"use {other}.{wanted}"
    return next((f"did you mean {alike[found]}?" for found in _closest(key, alike)), None)


def _by_key(names: Collection[str]) -> dict[str, str]:
    return {_key(name): name for name in sorted(names, key=lambda name: name[0].isupper())}


def _key(name: str) -> str:
    return name.lower().replace("_", "")


def telling_names(package: str, names: Collection[str]) -> Callable[[str], NoReturn]:
    """Return a `__getattr__` for a package, which Python calls for unknown names alone."""

    def get(name: str) -> NoReturn:
        no_such_name(package, name, names)

    return get


class _Signature:
    # `inspect` would show the arguments of `__new__`, or of a metaclass, instead of the constructor's.

    def __get__(self, obj: object, kind: type) -> inspect.Signature:
        constructor = kind.__init__  # type: ignore[misc]
        if constructor is object.__init__:
            return inspect.Signature()
        _, *others = inspect.signature(constructor).parameters.values()
        return inspect.Signature(others)


class ShowsArguments:
    """A class whose signature is that of its constructor."""

    if not TYPE_CHECKING:  # or type checkers would take it for the constructor's signature
        __signature__ = _Signature()


class TellsArguments(ShowsArguments):
    """A class whose constructor suggests the right name for an unknown argument."""

    if not TYPE_CHECKING:

        def __new__(cls, *args: Any, **kwargs: Any) -> Any:
            if kwargs:
                check_arguments(cls, kwargs)
            return super().__new__(cls)


def check_arguments(kind: type, given: Collection[str]) -> None:
    """Check that the constructor of a class has arguments of these names; the error suggests the right ones."""
    code = getattr(kind.__init__, "__code__", None)  # type: ignore[misc]
    if code is not None and not code.co_flags & inspect.CO_VARKEYWORDS:
        _check(kind.__name__, code, given)


def check_count(kind: type, args: Sequence[object], hint: str) -> None:
    """Check that the constructor of a class takes this many arguments by position."""
    code = getattr(kind.__init__, "__code__", None)  # type: ignore[misc]
    if code is None or code.co_flags & inspect.CO_VARARGS or len(args) < code.co_argcount:
        return
    names = ", ".join(code.co_varnames[1 : code.co_argcount])
    raise TypeError(f"{kind.__name__} takes {names or 'nothing'} by position; received {len(args)} arguments: {hint}")


Method = TypeVar("Method", bound=Callable[..., Any])


def telling_arguments(method: Method) -> Method:
    """Decorate a method so that it suggests the right name for an unknown argument."""
    code = method.__code__
    names = frozenset(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])

    @wraps(method)
    def checked(*args: Any, **kwargs: Any) -> Any:
        if not names.issuperset(kwargs):
            _check(method.__name__, code, kwargs)
        return method(*args, **kwargs)

    return cast(Method, checked)


def _check(called: str, code: CodeType, given: Collection[str]) -> None:
    names = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
    for name in given:
        if name not in names:
            raise TypeError(f"{called} has no argument {name!r}: {_hint_of_argument(name, names)}")


def _hint_of_argument(name: str, names: Collection[str]) -> str:
    from ._foreign_names import ARGUMENTS, ARGUMENTS_OTHERWISE

    likely = [known for known in ARGUMENTS.get(name, ()) if known in names] or _closest(name, names)
    if likely:
        return f"use {likely[0]}"
    return ARGUMENTS_OTHERWISE.get(name) or f"it has {', '.join(names) or 'none'}"


def hint_of_value(value: object, known: Collection[str]) -> str:
    """Suggest the right name for one that was given as a value, as the end of an error."""
    if not isinstance(value, str):
        return ""
    from ._foreign_names import NAMES, VALUES

    key, alike = _key(value), _by_key(known)
    theirs = (alike.get(_key(names.get(key, key))) for names in (VALUES, *NAMES.values()))
    if wanted := next(filter(None, theirs), None):
        return f": use {wanted!r}"
    return next((f": did you mean {alike[found]!r}?" for found in _closest(key, alike)), "")


def _closest(name: str, names: Collection[str]) -> list[str]:
    from difflib import get_close_matches  # not needed by a program without mistakes

    return get_close_matches(name, names, 1, 0.75)
