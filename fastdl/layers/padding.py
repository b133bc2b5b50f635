"""Padding of images and sequences with zeros: by a given number, or by as many as keep the size."""

from __future__ import annotations

from typing import Any

from .._core.graph import Tensor
from .._validation.values import as_int, as_pair

Pair = tuple[int, int]
Padding = int | Pair | str


def as_padding(padding: Any) -> Pair | str:
    """Check the padding of images: one number or two, or "same"."""
    if isinstance(padding, str):
        return _named(padding, ("same",))
    return as_pair(padding, "padding", least=0)


def as_padding_in_time(padding: Any) -> int | str:
    """Check the padding of sequences: a number, "same" or "causal"."""
    if isinstance(padding, str):
        return _named(padding, ("same", "causal"))
    return as_int(padding, "padding", least=0)


def _named(padding: str, names: tuple[str, ...]) -> str:
    if padding not in names:
        known = " or ".join(map(repr, names))
        raise ValueError(f"padding must be a number of zeros, 0 for none, or {known}; received {padding!r}")
    return padding


def padded(x: Tensor, padding: Padding, kernel: Pair, stride: Pair, dilation: Pair) -> Tensor:
    """Add the zeros that a convolution needs, and check that its kernel fits."""
    of_images = len(x.shape) == 3
    size = x.shape[1:] if of_images else (1, x.shape[0])
    spans = [(n - 1) * step + 1 for n, step in zip(kernel, dilation, strict=True)]
    paddings = padding if isinstance(padding, tuple) else (padding if of_images else 0, padding)
    sides = tuple(_sides(*each) for each in zip(paddings, size, spans, stride, strict=True))
    around = [n if n is None else n + sum(pair) for n, pair in zip(size, sides, strict=True)]
    if any(n is not None and span > n for span, n in zip(spans, around, strict=True)):
        room = f"{around[0]} x {around[1]}" if of_images else f"{around[1]} steps"
        received = f"{kernel[0]} x {kernel[1]}" if of_images else f"{kernel[1]}"
        if tuple(spans) != kernel:
            received += f", dilated to {spans[0]} x {spans[1]}" if of_images else f", dilated to {spans[1]}"
        raise ValueError(f"kernel_size must fit into the padded input of {room}; received {received}")
    return x.then("pad", padding=sides) if any(map(any, sides)) else x


def _sides(padding: int | str, size: int | None, span: int, stride: int) -> Pair:
    """Return how many zeros come before and after, along an axis."""
    if isinstance(padding, int):
        return padding, padding
    if padding == "causal":
        return span - 1, 0
    # For an unknown size, take the number for a stride of 1, which does not depend on the size.
    missing = span - 1 if size is None else max((size - 1) // stride * stride + span - size, 0)
    return missing // 2, missing - missing // 2
