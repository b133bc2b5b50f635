"""A step down a gradient."""

from __future__ import annotations

from typing import Any

from .. import _core

_descend = _core.load("float64").descend


def descended(values: Any, gradient: Any, rate: Any) -> Any:
    """Subtract ``rate`` times the gradient from an array in place, and return the array."""
    if not (type(rate) is float and _descend(values, gradient, rate)):
        values -= rate * gradient
    return values
