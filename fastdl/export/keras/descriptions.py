"""Descriptions of layers, the same for a layer of Keras and for its counterpart here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

# A layer's kind and settings, except those that follow from shapes or matter only in training. An activation is
# described as a separate layer, so that a layer may have two descriptions.
Description = tuple[Any, ...]
Descriptions = Iterator[Description]


def one(*description: Any) -> Descriptions:
    """Describe a layer that needs one description."""
    yield description


def states(sequences: bool, stateful: bool) -> Description:
    """Describe the states that a recurrent layer gives, and their start."""
    return f"return_sequences={sequences}", f"stateful={stateful}"


def padded(padding: Any, kernel: Any, stride: Any, dilation: Any) -> Any:
    """Return how many zeros come before and after on each axis, if that does not depend on the size of the input."""
    spans = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    if padding == "causal":
        return tuple((n, 0) for n in spans)
    if padding == "same":
        return tuple((n // 2, n - n // 2) for n in spans) if set(stride) == {1} else padding
    return tuple((n, n) for n in padding)


def text_of(description: Description) -> str:
    """Write a description as an error shows it."""
    return " ".join(map(str, description))
