"""Layers for tables: cosines of multiples of each number, and robust scaling."""

from __future__ import annotations

from dataclasses import replace
from math import pi

import numpy as np

from ...._types import Array
from ....layers import PeriodicEmbedding, RobustScaling, Select
from .inputs import Inputs, numbers_of, part_of
from .moves import Attributes
from .tensors import Tensors
from .values import Node, Numbers, Spec, UnreadableError, check_size, is_close

FAR = 1e14  # beyond this, a RobustScaling gives the same for all numbers


def spread(t: Tensors, x: Numbers, values: Array) -> Numbers:
    """Multiply numbers (..., F, 1) by K factors each, (F, K), as F K features: each number K times."""
    shape = x.places.shape
    whole = np.broadcast_shapes(shape, values.shape)
    if len(shape) < 3 or shape[-1] != 1 or whole[:-1] != shape[:-1] or (whole == shape and not _are_apart(t, x)):
        return x
    check_size(*whole)
    y = t.all_of(t.tensor(x.moved(np.broadcast_to(x.places, whole).reshape(*whole[:-2], -1))))
    return y.moved(y.places.reshape(whole))


def _are_apart(t: Tensors, x: Numbers) -> bool:
    """Return whether numbers (..., F, 1) are only some features of their node, which a layer must select."""
    return x.places.ndim >= 3 and x.places.shape[-1] == 1 and not t.covers(x)


def cos(t: Tensors, inputs: Inputs, attributes: Attributes, _: int) -> Numbers:
    """Return a periodic embedding, with one or several frequencies for each number."""
    x = numbers_of(inputs)
    if _are_apart(t, x):
        x = t.all_of(t.tensor(x.moved(x.places[..., 0])))
        x = x.moved(x.places[..., None])
    elif not t.covers(x):
        x = t.all_of(t.tensor(x))
    turns = x.scale / (2 * pi)
    node, weight, bias = _unscaled(replace(x, scale=1.0 if is_close(turns, 1) else turns, offset=x.offset / (2 * pi)))
    if node.spec is not None and node.spec.kind is Select:
        chosen, (before,) = node.spec.arguments["indices"], node.sources
        times = len(chosen) // before.features
        if chosen == [k for k in range(before.features) for _ in range(times)]:
            node = before
    weight, bias = (values.reshape(node.features, -1) for values in (weight, bias))
    spec = Spec(PeriodicEmbedding, {"frequencies": weight.shape[1]}, {"weight": weight, "bias": bias})
    return Numbers(Node(x.node.shape, spec, (node,)), x.places)


def far_clipped(t: Tensors, x: Numbers) -> Numbers:
    """Return the first part of a RobustScaling."""
    return part_of(x if t.covers(x) else t.all_of(t.tensor(x)), "Clip")


def robust_scaled(x: Numbers, by: Numbers) -> Numbers:
    """Divide by sqrt(1 + (x / limit)^2)."""
    z, square = x.node, by.node.facts.get("of") if by.node.does == "Sqrt" else None
    if (
        z.does != "Clip" or square is None or (square.scale, square.offset) != (1, 1) or not x.is_plain
        or not by.is_plain or not np.array_equal(x.places, by.places)
    ):  # fmt: skip
        raise UnreadableError("quotients must be those of numbers and constants, or a RobustScaling's")
    node, scale, term = _unscaled(z.facts["of"])
    center = np.divide(-term, scale, out=np.zeros_like(term), where=scale != 0)
    spec = Spec(RobustScaling, {"limit": _limit(z, square.node)}, {"center": center, "scale": scale})
    return Numbers(Node(z.shape, spec, (node,)), x.places)


def _limit(z: Node, square: Node) -> float:
    """Return the divisor of numbers before they are squared."""
    part, *others = square.sources
    if square.does != "product" or others != [part]:
        raise UnreadableError("a root must be that of 1 and a square")
    if part is z:
        return 1.0
    narrow, added = part.facts.get("scales", (0.0, 0.0))
    if part.sources != (z,) or np.ndim(narrow) or narrow <= 0 or added:
        raise UnreadableError("a square must be that of numbers over a limit")
    return float(f"{1 / narrow:.7g}")  # undoing the rounding to float32


def _unscaled(x: Numbers) -> tuple[Node, Array, Array]:
    """Return numbers before a factor and a term for each feature, and these factors and terms."""
    node = x.node
    if len(node.shape) > 2:
        raise UnreadableError(f"what is multiplied so must be features; received images {node.shape}")
    factor, term = np.full(node.features, x.scale), np.full(node.features, x.offset)
    while "scales" in node.facts:
        by, added = node.facts["scales"]
        factor, term = factor * by, factor * added + term
        (node,) = node.sources
    return node, factor, term
