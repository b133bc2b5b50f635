"""Warnings that name the user's line, however many of fastdl's calls lie in between."""

from __future__ import annotations

import inspect
import os
import threading
import warnings
from typing import Any, NamedTuple

_OURS = os.path.join(os.path.dirname(__file__), "")


class Line(NamedTuple):
    """A line of a program, and the globals of its module."""

    file: str
    number: int
    names: dict[str, Any]


class _Thread(threading.local):
    started: Line | None = None


_thread = _Thread()


def warn(text: str) -> None:
    """Warn at the user's line. A fixed `stacklevel` would depend on the interpreter's frames, and on the thread."""
    file, number, names = users_line()
    registry = names.setdefault("__warningregistry__", {})
    warnings.warn_explicit(text, UserWarning, file, number, names.get("__name__"), registry)


def users_line() -> Line:
    """Return the innermost line outside the package; in a thread that fastdl started, the line that led to it."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    if _thread.started is not None and (frame is None or frame.f_code.co_filename == threading.__file__):
        return _thread.started
    return Line("sys", 1, {}) if frame is None else Line(frame.f_code.co_filename, frame.f_lineno, frame.f_globals)


def start_from(line: Line) -> None:
    """Let warnings in this thread, which fastdl started, name the line that led to it."""
    _thread.started = line
