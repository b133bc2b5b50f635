"""How a layer is built: parameters that are views of a flat vector, and plans, which run its graph in the core."""

from __future__ import annotations

import weakref
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
from .._validation.values import as_dtype, as_generator
from .configuration import Configured
from .lowering import Lowering
from .parameters import Parameters
from .states import Stateful

if TYPE_CHECKING:
    from typing_extensions import Self

_PLANS = 4  # that a layer keeps, of as many lengths of sequences


def not_new(layer: Built, name: str) -> ValueError:
    """Give the error of a layer that has, or may get, parameters elsewhere: its own would be lost, drawn anew."""
    return ValueError(
        f"{name} must be new; received {layer!r} of another network, or twice, or built before: "
        f"what it has learned is copied from its params to those of a new one"
    )


class Built(Configured, Lowering, Stateful, abstract=True):
    """A layer's parameters, and its plans: its graph in C, one for each shape of samples."""

    input_shape: Shape
    output_shape: Shape
    parameter_count: int
    dtype: str
    _plan: Any = None  # for the shape of the last samples
    _plans: dict[Shape, Any]
    _held: Any = None  # by the last forward, for backward
    _in_network = False
    _network: Any = None  # what it has been built with, a weak reference
    turn = Turn()  # whose it is with it and all that it is a part of; until it is built, when nobody has to wait
    _rng: np.random.Generator
    _flat: tuple[Array, Array]

    @property
    def generator(self) -> np.random.Generator:
        """The random numbers of a built layer, or of the network that it is a part of."""
        return self._rng

    def draw(self) -> int:
        """Give 63 random bits, which decide what is random in a pass: those of ``generator.integers(1 << 63)``."""
        bits: int = self._rng.bit_generator.random_raw()
        return bits >> 1

    @property
    def flat(self) -> tuple[Array, Array]:
        """Its parameters and its gradients, of a built layer, as flat vectors."""
        try:
            return self._flat
        except AttributeError:
            self.check_built()
            raise

    @cached_property
    def params(self) -> Parameters:  # noqa: D102
        return self._named("params")

    @cached_property
    def grads(self) -> Parameters:  # noqa: D102
        return self._named("grads")

    @cached_property
    def buffers(self) -> Parameters:  # noqa: D102
        return self._named("buffers")

    def _named(self, what: str) -> Parameters:
        return Parameters(what, self.views(what) if hasattr(self, "dtype") else {})

    @property
    def in_network(self) -> bool:
        """Whether it is a network's, and not to be built again."""
        return self._in_network

    def enter_network(self) -> None:
        """Let the layer be a network's from now on."""
        vars(self)["_in_network"] = True

    @property
    def last_plan(self) -> Any:
        """The plan of the core that was last asked for, or None."""
        return self._plan

    def forget_all_plans(self) -> None:  # noqa: D102
        with self.turn.lock:
            network = self._network and self._network()
            (network or self).forget_plans()

    def forget_plans(self) -> None:
        """Let plans be made anew, its own and those of the layers within."""
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
            Of the initial parameters, and of what is random in `forward`.

        Returns
        -------
        Layer
            Itself.
        """
        self.allocate(input_shape, dtype=dtype, seed=seed)
        self.initialize(self._rng)
        return self

    def allocate(self, input_shape: ShapeLike, *, dtype: DTypeLike = "float32", seed: int | None = None) -> None:
        """Do what `build` does, but let parameters be zeros: those of a file or a copy follow."""
        if self._in_network:
            raise RuntimeError(f"{type(self).__name__} belongs to a network that is built, or is one: make another")
        shape, dtype = as_shape(input_shape), as_dtype(dtype)
        graph = self.lowered(shape)
        self._check_free([lowered.layer for lowered in graph.layers if lowered.layer is not self])
        core = _core.load(dtype)
        flat = core.aligned_zeros(graph.size), core.aligned_zeros(graph.size)
        vars(self).update(turn=Turn(), _rng=as_generator(seed))
        for lowered in graph.layers:
            lowered.layer.attach(lowered, self, dtype, *flat)
        self._belong_to(weakref.ref(self))
        vars(self)["reading"] = graph.reading
        if None not in shape:
            self._keep_plan(shape, graph)

    def _check_free(self, layers: list[Built]) -> None:
        """Check that layers that it is made of can be its own."""
        known = {id(layer) for layer in layers}
        for layer in layers:
            owner = layer._network and layer._network()
            if len(known) < len(layers) or (hasattr(layer, "dtype") and owner is not self):
                raise not_new(layer, "layers")

    def _belong_to(self, network: Any) -> None:
        vars(self)["_network"] = network
        for layer in self.sublayers:  # those too that are no layers of the graph, as one that is taken both ways
            layer._belong_to(network)

    def attach(self, lowered: Lowered, network: Built, dtype: str, parameters: Array, gradients: Array) -> None:
        """Become a part of what is built: take shapes, and the parameters that are the layer's of the flat vectors."""
        _, shape, output_shape, offset, end, *_ = lowered
        attributes = vars(self)
        attributes.update(
            input_shape=shape, output_shape=output_shape, dtype=dtype, parameter_count=end - offset,
            _flat=(parameters[offset:end], gradients[offset:end]), turn=network.turn, _rng=network._rng,
            _in_network=self._in_network or self is not network, _plan=None, _plans={}, _held=None,
        )  # fmt: skip
        for views in ("params", "grads", "buffers", "reading"):  # of when it was built before, or not yet
            attributes.pop(views, None)
        self.reset_state()

    def views(self, what: str) -> dict[str, Array]:
        """Give its "params", "grads" or "buffers" by name, as they are shown, of the flat vectors."""
        flat, buffers, start = self._flat[what == "grads"], self.buffer_names, 0
        views = {}
        for name, stored in self.parameter_shapes(self.input_shape).items():
            stop = start + prod(stored)
            if (name in buffers) == (what == "buffers"):
                views[name] = self.shown(flat[start:stop].reshape(stored))
            start = stop
        return views

    def plan_for(self, shape: Shape) -> Any:
        """Give the plan for samples of this shape, with its time axis, from now on the layer's."""
        last = self._plan
        if last is not None and last.input_shape == shape:
            return last
        with self.turn.lock:
            plan = self._plans.pop(shape, None)
            if plan is None:
                return self._keep_plan(shape, self.lowered(shape))
            self._plans[shape] = self._plan = plan
            return plan

    def _keep_plan(self, shape: Shape, graph: Graph) -> Any:
        self._plans[shape] = self._plan = plan = _core.load(self.dtype).Plan(graph, *self._flat, self.turn)
        if len(self._plans) > _PLANS:
            del self._plans[next(iter(self._plans))]
        return plan

    def check_built(self) -> None:
        """Raise where it has not been built."""
        if not hasattr(self, "dtype"):
            raise RuntimeError(
                f"{type(self).__name__} must be built before use: give Sequential an input_shape, or call build"
            )

    @cached_property
    def reading(self) -> Reading:  # type: ignore[override]
        """What its samples are, of a built layer: its operations tell."""
        self.check_built()
        return self.lowered(self.input_shape).reading

    @property
    def arity(self) -> int | None:
        """How many children a node has of the trees that samples of a built layer are; None of other samples."""
        return self.reading.arity
