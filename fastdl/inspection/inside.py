"""The inside of a network: the inputs and outputs of any layer for some samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from .._core.graph import Graph, Lowered
from .._types import Array, ArrayLike, Mask
from ..layers import Layer
from ..layers.container import named_within
from ..samples import Samples, as_batch
from ..samples.forest import Forest
from ..training.inference import predicted


class Inside:
    """A network that is run on samples up to any of its tensors, as in `predict`; stateful layers start from zeros.

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
        """Compute a tensor of the graph, with a row for each sample or node: zeros where `rows` gives none."""
        found, which = self.rows(number)
        if which is ...:
            return found
        rows = np.zeros((len(which), found.shape[-1]), found.dtype)
        rows[which] = found
        return rows

    def rows(self, number: int) -> tuple[Array, Mask]:
        """Compute a tensor of the graph, and tell of which samples or nodes it has rows.

        Before the first recursive layer these are the leaves alone.
        """
        graph, places = self.graph.leading_to(number)
        core = _core.load(self.net.dtype)
        parameters = core.aligned_zeros(graph.size)
        with self.net.turn.lock:
            if places:
                np.concatenate([self.net.flat[0][place] for place in places], out=parameters)
            plan = core.Plan(graph, parameters, core.aligned_zeros(graph.size), self.net.turn)
            if isinstance(self.samples, Forest) and graph.reading.arity is None:
                leaves: Mask = self.samples.children[:, 0] < 0
                found = predicted(plan, Samples(self.samples.x[leaves], self.samples.shape))
                return found.reshape(-1, found.shape[-1]), leaves
            return predicted(plan, self.samples), ...
