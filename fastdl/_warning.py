"""Warnings that name the user's line, however many calls of ours lie between."""

from __future__ import annotations

import inspect
import os
import warnings

_OURS = os.path.join(os.path.dirname(__file__), "")


def warn(text: str) -> None:
    """Warn of the innermost line outside the package. A fixed `stacklevel` would depend on the interpreter's frames."""
    frame, level = inspect.currentframe(), 1
    while frame is not None and frame.f_code.co_filename.startswith(_OURS):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, stacklevel=level)
