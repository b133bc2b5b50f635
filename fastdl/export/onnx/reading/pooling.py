"""Reductions: over all pixels or steps, or over the two directions of a recurrent layer."""

from __future__ import annotations

import numpy as np

from ...._types import Array
from ....layers import Bidirectional, GlobalMaxPool, GlobalMeanPool
from .inputs import Function, Inputs, numbers_of, optional
from .moves import Attributes, axes_of
from .tensors import Tensors
from .values import Node, Numbers, Spec, UnreadableError, flag


def reduced(how: str, *, to_the_end: bool = False) -> Function:
    """Return the maximum, mean or sum over all pixels or steps; or the sum of a recurrent layer's directions."""

    def reduce(t: Tensors, inputs: Inputs, attributes: Attributes, _: int) -> Numbers:
        x, ndim = numbers_of(inputs), numbers_of(inputs).places.ndim
        axes = list(range(2, ndim)) if to_the_end else axes_of(attributes, optional(inputs, 1))
        if not axes:
            raise UnreadableError("axes must be given")
        over = sorted({axis % ndim for axis in axes})
        places = _side_by_side(x.places, over)
        y = _added_directions(x, places) if how == "sum" and _is_two_directions(x, places) else None
        y = y or _pooled(t, x, places, how)
        if y is None:  # if it is reshaped before
            x = t.all_of(t.tensor(x))
            y = _pooled(t, x, _side_by_side(x.places, over), how)
        if y is None:
            raise UnreadableError("axes must be those of all pixels or steps")
        if to_the_end or flag(attributes, "keepdims", 1):
            y = y.moved(np.expand_dims(y.places, tuple(over)))
        return y

    return reduce


def _side_by_side(places: Array, over: list[int]) -> Array:
    """Move all axes that are reduced to the last axis of the places."""
    kept = [axis for axis in range(places.ndim) if axis not in over]
    return places.transpose(*kept, *over).reshape(*(places.shape[axis] for axis in kept), -1)


def _pooled(t: Tensors, x: Numbers, places: Array, how: str) -> Numbers | None:
    """Pool the numbers along the last axis; None if they are not all numbers of a channel or feature."""
    if how == "max":
        x = t.plain(x)
    node, features = x.node, x.node.features
    if len(node.shape) not in (2, 3):
        return None
    channels_first = t.of_images(node).places.reshape(t.samples * features, -1)
    of_channel = np.empty(channels_first.size, np.int32)
    of_channel[channels_first] = np.arange(len(channels_first))[:, None]
    found, are_as_many = of_channel[places[..., 0]], places.shape[-1] == channels_first.shape[1]
    if not are_as_many or places.min() < 0 or (np.sort(places, -1) != channels_first[found]).any():
        return None
    pooled = Node((features,), Spec(GlobalMaxPool if how == "max" else GlobalMeanPool), (node,))
    count = places.shape[-1] if how == "sum" else 1
    return Numbers(pooled, found, x.scale * count, x.offset * count)


def _is_two_directions(x: Numbers, places: Array) -> bool:
    units = x.node.features // 2
    return (
        x.node.is_a(Bidirectional)
        and places.shape[-1] == 2
        and bool((places[..., 1] - places[..., 0] == units).all() and (places[..., 0] % (2 * units) < units).all())
    )


def _added_directions(x: Numbers, places: Array) -> Numbers:
    spec, units, first = x.node.spec, x.node.features // 2, places[..., 0]
    assert spec
    added = Spec(Bidirectional, {**spec.arguments, "merge": "sum"}, spec.arrays)
    node = Node((*x.node.shape[:-1], units), added, x.node.sources)
    return Numbers(node, first // (2 * units) * units + first % units, x.scale, 2 * x.offset)
