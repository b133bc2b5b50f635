"""The form of a recipe, and the number of its steps."""

from __future__ import annotations

from typing import Any, NamedTuple

from .._validation.values import as_int
from ..sequential import Sequential


class Recipe(NamedTuple):
    """A network and the arguments of its `fit`."""

    net: Sequential
    arguments: dict[str, Any]


def steps_per_epoch(samples: Any, batch_size: Any) -> int:
    """Return the number of batches for this number of samples, the last of which may have fewer."""
    return -(-as_int(samples, "samples") // as_int(batch_size, "batch_size"))
