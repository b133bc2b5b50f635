"""Attention: products of queries and keys, masks, softmax, and products with values."""

from __future__ import annotations

from dataclasses import replace
from math import prod, sqrt

import numpy as np

from ...._types import Array
from ....layers import Activation
from .inputs import Inputs, numbers_of
from .moves import Attributes
from .rows import dense
from .tensors import Tensors
from .values import Constant, Node, Numbers, Scores, Spec, UnreadableError, Value, check_size, is_close

NEVER = -1e9  # scores at or below this are masked


def matmul(t: Tensors, inputs: Inputs, attributes: Attributes, _: int) -> Numbers | Scores:
    """Multiply with weights, or within attention."""
    a, b = inputs
    if isinstance(a, Numbers) and isinstance(b, Constant):
        return dense(t, a, b.values, None)
    if isinstance(a, Numbers) and isinstance(b, Numbers):
        return Scores(a, b)
    if isinstance(a, Scores) and isinstance(b, Numbers):
        return _attention(t, a, b)
    raise UnreadableError("products must be with weights, or those of attention")


def _attention(t: Tensors, scores: Scores, v: Numbers) -> Numbers:
    q, k = scores.q, scores.k
    node, shape = q.node, v.places.shape
    if not scores.normalized or k.node is not node or v.node is not node or len(node.shape) != 2 or len(shape) < 3:
        raise UnreadableError("attention must be of queries, keys and values side by side, in a softmax")
    (steps, three), width = node.shape, shape[-1]
    features = three // 3
    heads = prod(shape[:-2]) // t.samples
    if features != heads * width or shape[-2] != steps or not v.is_plain or q.offset or k.offset:
        raise UnreadableError(f"attention must be of all of {node.shape}; received values of {shape}")
    if not is_close(q.scale * k.scale * scores.scale * sqrt(width), 1):
        raise UnreadableError("scores must be over the root of a head's width")
    found = [places.reshape(-1, steps, width) for places in (q.places, np.swapaxes(k.places, -1, -2), v.places)]
    first = found[0][:, 0, 0]
    sample, head = first // (steps * three), first % three // width
    rows = (sample * steps)[:, None, None] + np.arange(steps)[:, None]
    columns = (head * width)[:, None, None] + np.arange(width)
    if len(first) != t.samples * heads or any(
        not np.array_equal(places, rows * three + part * features + columns) for part, places in enumerate(found)
    ):
        raise UnreadableError("queries, keys and values must lie side by side, head by head")
    attended = Node((steps, features), "attention", (node,), {"heads": heads, "causal": scores.causal})
    return Numbers(attended, (rows * features + columns).astype(np.int32).reshape(shape))


def masked(scores: Scores, visible: Array) -> Scores:
    """Mask some of the scores."""
    steps = scores.q.places.shape[-2]
    check_size(*visible.shape[:-2], steps, steps)
    if np.broadcast_shapes(visible.shape, shape := (*scores.q.places.shape[:-1], steps)) != shape:
        raise UnreadableError(f"masks must be of shapes within {shape}; received {visible.shape}")
    seen = np.broadcast_to(visible, (*visible.shape[:-2], steps, steps))
    if seen.all():
        return scores
    if (seen != np.tri(steps, dtype=bool)).any():
        raise UnreadableError("attention must be to all steps, or to those up to each")
    return replace(scores, causal=True)


def softmax(t: Tensors, inputs: Inputs, attributes: Attributes, _: int) -> Value:
    """Return a softmax over features, or over the steps that are attended to."""
    axis = attributes.get("axis", -1)
    if isinstance(inputs[0], Scores):
        if axis not in (-1, inputs[0].q.places.ndim - 1):
            raise UnreadableError(f"scores must be normalized along their last axis; received {axis}")
        return replace(inputs[0], normalized=True)
    x = numbers_of(inputs)
    turned = x.moved(np.moveaxis(x.places, axis, -1))
    node, rows = t.rows(turned)
    y = t.of_rows(Node(node.shape, Spec(Activation, {"name": "softmax"}), (node,)), rows)
    return y.moved(np.moveaxis(y.places, -1, axis))
