"""Errors for unknown arguments, with the right one."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Sequence
from functools import wraps
from types import CodeType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from .names import closest


class _Signature:
    # `inspect` would show the arguments of `__new__`, or of a metaclass, instead of the constructor's.

    def __get__(self, obj: object, kind: type) -> inspect.Signature:
        constructor = kind.__init__  # type: ignore[misc]
        if constructor is object.__init__:
            return inspect.Signature()
        _, *others = inspect.signature(constructor).parameters.values()
        return inspect.Signature(others)


class ConstructorSignature:
    """A class whose signature is that of its constructor."""

    if not TYPE_CHECKING:  # or type checkers would take it for the constructor's signature
        __signature__ = _Signature()


class ArgumentHints(ConstructorSignature):
    """A class whose constructor says what its arguments are called, and which may come by position."""

    if not TYPE_CHECKING:

        def __new__(cls, *args: Any, **kwargs: Any) -> Any:
            if kwargs:
                check_arguments(cls, kwargs)
            if args:
                check_count(cls, args, "settings are given by name")
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


def with_argument_hints(method: Method) -> Method:
    """Decorate a method so that it suggests the right name for an unknown argument."""
    code = method.__code__
    names = frozenset(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])

    @wraps(method)
    def checked(*args: Any, **kwargs: Any) -> Any:
        if not names.issuperset(kwargs):
            _check(method.__name__, code, kwargs)
        return method(*args, **kwargs)

    return cast(Method, checked)


def check_keywords(method: Callable[..., object], given: Collection[str]) -> None:
    """Check that a bound method has arguments of these names; the error suggests the right ones."""
    code = getattr(inspect.unwrap(method), "__code__", None)
    if code is not None and not code.co_flags & inspect.CO_VARKEYWORDS:
        _check(method.__name__, code, given)


def _check(called: str, code: CodeType, given: Collection[str]) -> None:
    names = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
    for name in given:
        if name not in names:
            raise TypeError(f"{called} has no argument {name!r}: {_hint_of_argument(name, names)}")


def _hint_of_argument(name: str, names: Collection[str]) -> str:
    from .known_arguments import ARGUMENTS, OTHERWISE

    likely = [known for known in ARGUMENTS.get(name, ()) if known in names] or closest(name, names)
    if likely:
        return f"use {likely[0]}"
    return OTHERWISE.get(name) or f"it has {', '.join(names) or 'none'}"
