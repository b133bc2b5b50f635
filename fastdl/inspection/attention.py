"""The weights of attention."""

from __future__ import annotations

import numpy as np

from .._types import Array, ArrayLike
from ..layers import Layer, SelfAttention
from .inside import Inside


def attention_weights(
    net: Layer, x: ArrayLike, layer: Layer | str | int | None = None, *, lengths: ArrayLike | None = None
) -> Array:
    """Compute how much each step of a sequence attends to each.

    Parameters
    ----------
    net : Sequential
        Built.
    x : array_like, shape (N, *input_shape)
    layer : Layer, str or int, optional
        A `SelfAttention`, or its name in the network; by default the first one.
    lengths : array_like of int, shape (N,), optional

    Returns
    -------
    ndarray, shape (N, heads, T, T)
        Each row has the sum 1: the weights with which a step attends to all. Rows of steps that do not count are zeros.

    Raises
    ------
    ValueError
        If the layer is not in the network, or is not a `SelfAttention`.

    Notes
    -----
    softmax(query key^T / sqrt(D)) is computed in NumPy, as the core does not keep it.
    """
    inside = Inside(net, x, lengths)
    if layer is None:
        layer = next(
            (one.layer for one in inside.graph.layers if isinstance(one.layer, SelfAttention)), "SelfAttention"
        )
    place = inside.place(layer)
    attention = place.layer
    if not isinstance(attention, SelfAttention):
        raise ValueError(f"layer must be a SelfAttention; received {attention!r}")
    given, heads = inside.tensor(place.source), attention.heads
    samples, steps, features = given.shape
    both = (
        given @ attention.params["in_proj_weight"][: 2 * features].T + attention.params["in_proj_bias"][: 2 * features]
    )
    query, key = both.reshape(samples, steps, 2, heads, features // heads).transpose(2, 0, 3, 1, 4)
    scores = query @ key.swapaxes(-1, -2) / np.sqrt(features // heads).astype(given.dtype)
    seen = np.tri(steps, dtype=bool) if attention.causal else np.ones((steps, steps), bool)
    counted = (
        np.arange(steps)
        < (np.full(samples, steps) if inside.samples.lengths is None else inside.samples.lengths)[:, None]
    )
    seen = seen & counted[:, None, None, :] & counted[:, None, :, None]
    weights = np.where(seen, np.exp(scores - scores.max(axis=-1, keepdims=True, where=seen, initial=-np.inf)), 0)
    total = weights.sum(axis=-1, keepdims=True)
    shares: Array = weights / np.where(total > 0, total, 1)
    return shares
