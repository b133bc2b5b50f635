"""Lowering of a layer to operations of a graph, and checks of the operations that it adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from .._core.graph import Graph, Lowered, Tensor
from .._core.shapes import TooManyNumbersError
from .._types import Shape
from .definition import Definition
from .trainable import Trainable


class Lowering(Trainable, Definition):
    """A layer that can be added to a graph."""

    def lower(self, x: Tensor) -> Tensor:
        """Add the layer to the graph of x: its operations, and a record of where its parameters are.

        ``x.then(layer)`` calls it.
        """
        graph, offset, first = x.graph, x.graph.size, len(x.graph.operations)
        layers_before = len(graph.layers)
        try:
            y = self.operations(x)
        except TooManyNumbersError as error:
            raise error.of(self) from None
        if not isinstance(y, Tensor) or y.graph is not graph:
            raise TypeError(f"operations of {type(self).__name__} must give a Tensor of x's graph; received {y!r}")
        shapes = self.parameter_shapes(x.shape)
        if not isinstance(shapes, Mapping):
            raise TypeError(f"parameter_shapes of {type(self).__name__} must give a dict; received {shapes!r}")
        buffers = [(start - offset, stop - offset) for start, stop in graph.buffers if start >= offset]
        wanted = [stored for operation in graph.operations[first:] for stored in operation["parameters"]]
        self.check_parameters(shapes, wanted, buffers, graph.layers[layers_before:])
        self.apply_training_settings(graph, first)
        place = offset
        for name, stored in shapes.items():
            start, place = place, place + prod(stored)
            if len(stored) < 2 or name == "bias":  # the bias of a PeriodicEmbedding has two axes
                graph.biases.append((start, place))
        operations = range(first, len(graph.operations))
        graph.layers.append(Lowered(self, x.shape, y.shape, offset, graph.size, x.number, y.number, operations))
        return y

    def check_parameters(
        self,
        shapes: dict[str, Shape],
        wanted: Sequence[Shape],
        buffers: Sequence[tuple[int, int]],
        within: Sequence[Lowered],
    ) -> None:
        """Check that the named parameters are exactly those that its operations have.

        Parameters
        ----------
        shapes : dict of str to tuple of int
            The shapes of its parameters.
        wanted : sequence of tuple of int
            Those of its operations.
        buffers : sequence of (int, int)
            The ranges, within its parameters, that no optimizer changes.
        within : sequence of Lowered
            The layers that its operations have added.
        """
        kind, given = type(self).__name__, [_as_shape(stored) for stored in shapes.values()]
        if given != wanted:
            raise ValueError(
                f"parameter_shapes of {kind} must give the shapes that its operations store, in their order, "
                f"{_listed(wanted)}; received {_listed(given)}"
            )
        if not buffers and not self.buffer_names:
            return
        places = _places(shapes)
        named = [places.get(name, (-1, 0)) for name in self.buffer_names]
        inside = all(any(start <= first and last <= stop for start, stop in buffers) for first, last in named)
        if not inside or _total(named) != _total(buffers):
            raise ValueError(
                f"buffer_names of {kind} must be those of the parameters that no optimizer changes, as of batch_norm's "
                f"running statistics; received {', '.join(self.buffer_names) or 'none'}"
            )

    def graph_for(self, shape: Shape) -> Graph:
        """Return a graph of this layer alone, for samples of this shape."""
        graph = Graph(shape)
        return graph.finish(self.lower(graph.input))

    def shown_shape(self, stored: Shape) -> Shape:
        """Return the shape that `shown` gives a parameter of this stored shape."""
        one_number_everywhere = np.ndarray(stored, buffer=np.zeros(1), strides=(0,) * len(stored))
        shape: Shape = self.shown(one_number_everywhere).shape
        return shape


def _places(shapes: dict[str, Shape]) -> dict[str, tuple[int, int]]:
    """Return the range of each parameter within the layer's."""
    places, start = {}, 0
    for name, stored in shapes.items():
        places[name] = start, start + prod(stored)
        start = places[name][1]
    return places


def _as_shape(stored: Any) -> Any:
    """Return a shape as a tuple; of anything else, which is no operation's, how it is written."""
    whole = isinstance(stored, (list, tuple)) and all(isinstance(n, (int, np.integer)) for n in stored)
    return tuple(stored) if whole else repr(stored)


def _listed(shapes: Sequence[Shape]) -> str:
    return ", ".join(map(str, shapes)) or "none"


def _total(places: Sequence[tuple[int, int]]) -> int:
    return sum(stop - start for start, stop in places)
