"""Building of a layer: parameters that are views of a flat vector, and plans, which run its graph in the core."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .._core.graph import Graph, Lowered
from .._core.reading import Reading
from .._turn import Turn
from .._types import Array, DTypeLike, Shape, ShapeLike
from .._validation.shapes import as_shape
from .._validation.values import as_dtype, as_seed
from .configuration import Configured
from .lowering import Lowering
from .parameters import Parameters
from .states import Stateful

if TYPE_CHECKING:
    from typing_extensions import Self

_PLANS = 4  # the most that a layer keeps, one for each length of sequences


def not_new(layer: Built, name: str) -> ValueError:
    """Return the error for a layer that belongs to another network or is built: building draws its parameters again."""
    return ValueError(
        f"{name} must be new, and in one place; received {layer!r}, which is built, or in a network already: "
        f"make another, and copy what it has learned from its params"
    )


class _Named:  # no docstring, which would be taken for the attribute's
    # A descriptor that makes the arrays by name on first use, and then keeps them in the layer.

    def __set_name__(self, kind: type, name: str) -> None:
        self._name = name

    def __get__(self, layer: Any, kind: type) -> Parameters:
        if layer is None:
            return self  # type: ignore[return-value]
        name = self._name
        named = Parameters(name, layer.views(name) if hasattr(layer, "dtype") else {}, layer.turn)
        vars(layer)[name] = named
        return named


class _Random:
    """The random generator of a network, made once it is needed: the layers of `functional` draw nothing."""

    def __init__(self, seed: int | None) -> None:
        self._seed = as_seed(seed)

    @cached_property
    def generator(self) -> np.random.Generator:
        return np.random.default_rng(self._seed)


class Built(Configured, Lowering, Stateful, abstract=True):
    """A layer's parameters, and its plans: its graph in C, one for each shape of samples."""

    input_shape: Shape
    output_shape: Shape
    parameter_count: int
    dtype: str
    _plan: Any = None  # the one that was last used
    _plans: dict[Shape, Any]
    _held: Any = None  # what the last forward has kept for backward
    _in_network = False
    _network: Any = None  # a weak reference to the network or layer that it was built as a part of
    turn = Turn()  # shared by all layers of a network once it is built
    _random: _Random
    _flat: tuple[Array, Array]
    params, grads, buffers = _Named(), _Named(), _Named()

    @property
    def generator(self) -> np.random.Generator:
        """The random generator of a built layer, which it shares with its network."""
        return self._random.generator

    def draw(self) -> int:
        """Draw 63 random bits, as ``generator.integers(1 << 63)`` does, to seed all random operations of a pass."""
        bits: int = self._random.generator.bit_generator.random_raw()
        return bits >> 1

    @property
    def flat(self) -> tuple[Array, Array]:
        """The parameters and the gradients of a built layer, as flat vectors."""
        try:
            return self._flat
        except AttributeError:
            self.check_built()
            raise

    @property
    def in_network(self) -> bool:
        """Whether it belongs to a network, so that it cannot be built on its own."""
        return self._in_network

    def enter_network(self) -> None:
        """Mark the layer as belonging to a network."""
        vars(self)["_in_network"] = True

    @property
    def last_plan(self) -> Any:
        """The plan that was last used, or None."""
        return self._plan

    def forget_all_plans(self) -> None:  # noqa: D102
        with self.turn.lock:
            network = self._network and self._network()
            (network or self).forget_plans()

    def forget_plans(self) -> None:
        """Drop the plans of this layer and of the layers inside it, to be made again when they are needed."""
        vars(self).update(_plan=None, _plans={}, _held=None)
        for layer in self.sublayers:
            layer.forget_plans()

    def build(self, input_shape: ShapeLike, *, dtype: DTypeLike = "float32", seed: int | None = None) -> Self:
        """Make parameters for samples of this shape, so that the layer can be used alone.

        Parameters
        ----------
        input_shape : tuple of int
            (F,), (T, F) or (C, H, W), without the batch axis. T may be None: sequences of any length.
        dtype : {"float32", "float64"}
        seed : int, optional
            For the initial parameters and for random operations in `forward`.

        Returns
        -------
        Layer
            Itself.
        """
        self.allocate(input_shape, dtype=dtype, seed=seed)
        self.initialize(self.generator)
        return self

    def allocate(self, input_shape: ShapeLike, *, dtype: DTypeLike = "float32", seed: int | None = None) -> None:
        """Do what `build` does, but leave parameters at zero, to be filled from a file or a copy."""
        if self._in_network:
            raise RuntimeError(f"{type(self).__name__} belongs to a network that is built, or is one: make another")
        shape, dtype = as_shape(input_shape), as_dtype(dtype)
        graph, layers = self.graph_and_layers(shape)
        self._check_free([layer for layer in layers if layer is not self])
        core = _core.load(dtype)
        flat = core.aligned_zeros(graph.size), core.aligned_zeros(graph.size)
        vars(self).update(turn=Turn(), _random=_Random(seed))
        for layer, lowered in zip(layers, graph.layers, strict=True):
            layer.attach(lowered, self, dtype, *flat)
        self._belong_to(weakref.ref(self))
        vars(self)["reading"] = graph.reading
        if None not in shape:
            self._keep_plan(shape, graph)

    def graph_and_layers(self, shape: Shape) -> tuple[Graph, Sequence[Built]]:
        """Return the graph for samples of this shape, and the layers that have been lowered into it."""
        graph = self.graph_for(shape)
        return graph, [lowered.layer for lowered in graph.layers]

    def _check_free(self, layers: list[Built]) -> None:
        """Check that no layer inside it is used twice or belongs to another network."""
        known = {id(layer) for layer in layers}
        for layer in layers:
            owner = layer._network and layer._network()
            if len(known) < len(layers) or (hasattr(layer, "dtype") and owner is not self):
                raise not_new(layer, "layers")

    def _belong_to(self, network: Any) -> None:
        vars(self)["_network"] = network
        for layer in self.sublayers:  # also those that are not lowered themselves, such as Bidirectional's
            layer._belong_to(network)

    def attach(self, lowered: Lowered, network: Built, dtype: str, parameters: Array, gradients: Array) -> None:
        """Take the layer's shapes, and its part of the flat vectors, from the network that is being built."""
        shape, output_shape, offset, end = lowered[1:5]
        attributes = vars(self)
        attributes.update(
            input_shape=shape, output_shape=output_shape, dtype=dtype, parameter_count=end - offset,
            _flat=(parameters[offset:end], gradients[offset:end]), turn=network.turn, _random=network._random,
            _in_network=self._in_network or self is not network, _plan=None, _plans={}, _held=None,
        )  # fmt: skip
        for views in ("params", "grads", "buffers", "reading"):  # cached before or in an earlier build
            attributes.pop(views, None)
        self.reset_state()

    def views(self, what: str) -> dict[str, Array]:
        """Return "params", "grads" or "buffers" by name: views of the flat vectors, with their conventional axes."""
        flat, buffers, start = self._flat[what == "grads"], self.buffer_names, 0
        views = {}
        for name, stored in self.parameter_shapes(self.input_shape).items():
            stop = start + prod(stored)
            if (name in buffers) == (what == "buffers"):
                views[name] = self.shown(flat[start:stop].reshape(stored))
            start = stop
        return views

    def plan_for(self, shape: Shape) -> Any:
        """Return the plan for samples of this shape, whose T is known, and make it the last one used."""
        last = self._plan
        if last is not None and last.input_shape == shape:
            return last
        with self.turn.lock:
            plan = self._plans.pop(shape, None)
            if plan is None:
                return self._keep_plan(shape, self.graph_for(shape))
            self._plans[shape] = self._plan = plan
            return plan

    def _keep_plan(self, shape: Shape, graph: Graph) -> Any:
        self._plans[shape] = self._plan = plan = _core.load(self.dtype).Plan(graph, *self._flat, self.turn)
        if len(self._plans) > _PLANS:
            del self._plans[next(iter(self._plans))]
        return plan

    def check_built(self) -> None:
        """Raise a RuntimeError if the layer has not been built."""
        if not hasattr(self, "dtype"):
            raise RuntimeError(
                f"{type(self).__name__} must be built before use: give Sequential an input_shape, or call build"
            )

    @cached_property
    def reading(self) -> Reading:  # type: ignore[override]
        """The kind of samples of a built layer, found from its operations."""
        self.check_built()
        return self.graph_for(self.input_shape).reading

    @property
    def arity(self) -> int | None:
        """The number of children of a node, if a built layer's samples are trees; else None."""
        return self.reading.arity
