"""The content of a request, in JSON."""

from __future__ import annotations

import json
from typing import Any


def fields_of(asked: bytes, **kinds: type | tuple[type, ...]) -> dict[str, Any]:
    """Read an object that has only these fields, each of its type; one whose types include NoneType may be missing."""
    try:
        found = json.loads(asked.decode())
    except (ValueError, RecursionError):
        raise ValueError("what is asked must be JSON") from None
    if not isinstance(found, dict) or not found.keys() <= kinds.keys():
        raise ValueError(f"what is asked must be an object of {', '.join(kinds)}")
    for name, kind in kinds.items():
        value = found.setdefault(name, None)
        if not isinstance(value, kind) or isinstance(value, bool):
            names = " or ".join(one.__name__ for one in (kind if isinstance(kind, tuple) else (kind,)))
            raise ValueError(f"{name} must be {names}; received {type(value).__name__}")
    return found


def characters_in(most: int) -> int:
    """Return how many characters fit into a request of this size: JSON writes some of them in six bytes."""
    return most // 8  # a quarter remains for everything else
