"""The inside of a network: the outputs of any layer for some samples, and the weights of attention."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from .._core.graph import Graph, Lowered
from .._types import Array, ArrayLike
from ..layers import Layer, SelfAttention
from ..layers.container import named_within
from ..samples import Samples, as_batch
from ..samples.forest import Forest
from ..training.running import predicted


class Inside:
    """Samples on their way through a network, as in `predict`; stateful layers start from zeros.

    Parameters
    ----------
    net : Layer
        Built.
    x, lengths, trees
        As `predict` takes them.
    """

    def __init__(self, net: Layer, x: ArrayLike, lengths: ArrayLike | None = None, trees: Any = None) -> None:
        net.check_built()
        self.net, self.samples = net, as_batch(net, x, lengths, trees)
        self.graph = Graph(self.samples.shape)
        net.lower(self.graph.input)

    def place(self, layer: Layer | str | int) -> Lowered:
        """Find a layer by itself, its name, or its number among the network's own layers."""
        names, own = named_within(self.net), self.net.sublayers
        if isinstance(layer, int):
            meant = own[layer] if -len(own) <= layer < len(own) else None
        else:
            meant = names.get(layer) if isinstance(layer, str) else layer
        for lowered in self.graph.layers:
            if lowered.layer is meant:
                return lowered
        raise ValueError(
            f"layer must be one of the network's, or the name of one, {', '.join(names)}; received {layer!r}"
        )

    def tensor(self, number: int) -> Array:
        """Compute a tensor of the graph, with a row for each sample or node."""
        graph, places = self.graph.leading_to(number)
        core = _core.load(self.net.dtype)
        parameters = core.aligned_zeros(graph.size)
        with self.net.turn.lock:
            if places:
                np.concatenate([self.net.flat[0][place] for place in places], out=parameters)
            plan = core.Plan(graph, parameters, core.aligned_zeros(graph.size), self.net.turn)
            if isinstance(self.samples, Forest) and graph.reading.arity is None:
                return _at_leaves(plan, self.samples)
            return predicted(plan, self.samples)


def _at_leaves(plan: Any, trees: Forest) -> Array:
    """Give a tensor before the first recursive layer: only leaves have numbers, other nodes zeros."""
    leaves = trees.children[:, 0] < 0
    found = predicted(plan, Samples(trees.x[leaves], trees.shape))
    rows = np.zeros((len(leaves), found.shape[-1]), found.dtype)
    rows[leaves] = found.reshape(-1, found.shape[-1])
    return rows


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
