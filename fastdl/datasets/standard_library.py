"""A text that every machine has: the source of Python's standard library."""

from __future__ import annotations

import sysconfig
from pathlib import Path

from .._validation.values import as_int

__all__ = ["standard_library"]


def standard_library(characters: int = 2_000_000) -> str:
    """Return this many characters of the source of Python's standard library, file after file."""
    parts, left = [], as_int(characters, "characters")
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        parts.append(path.read_text(encoding="utf-8", errors="ignore")[:left])
        left -= len(parts[-1])
        if left == 0:
            break
    return "".join(parts)
