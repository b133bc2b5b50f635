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
            raise ValueError(f"{name} must be {kind}; received {type(value).__name__}")
    return found
