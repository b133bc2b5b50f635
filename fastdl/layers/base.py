"""What every layer is: shapes, parameters that are views of a flat vector, and a plan of its own to run alone."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Mapping, Sequence
from math import prod
from threading import get_ident
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from .. import _core, initializers
from .._core.graph import Graph, Lowered, Tensor
from .._core.kinds import TooManyNumbersError
from .._core.reading import Reading
from .._threads import get_num_threads
from .._turn import Turn
from .._types import Array, Shape
from .._validation.shapes import as_shape
from .._validation.values import as_choice, as_dtype, as_flag, as_generator
from ..samples import Samples, as_batch
from .parameters import Parameters
from .states import Stateful

if TYPE_CHECKING:
    from typing_extensions import Self


class _Held(NamedTuple):
    """What `backward` has to know of the last `forward`."""

    samples: Samples
    trees: Any  # the same as the plan takes them
    training: bool
    draw: int
    thread: int
    trained: int  # how often a block of steps had begun or ended


_PLANS = 4  # kept for as many different lengths
_FIXED = (
    "arity", "buffers", "dtype", "grads", "input_shape", "output_shape", "params", "parameter_count", "reading",
    "stateful",
)  # fmt: skip
_CLASSES: dict[str, type[Layer]] = {}  # all there are, by name


class _LayerType(type):
    """Knows when a layer is made: from then on a new attribute would be a mistake."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        layer = super().__call__(*args, **kwargs)
        if "_held" not in vars(layer):
            raise TypeError(f"{cls.__name__}.__init__ must call super().__init__()")
        complete(layer)
        return layer


class Layer(Stateful, metaclass=_LayerType):
    """A differentiable function of one batch, with parameters.

    A subclass says which operations of the core it is (`operations`), the shapes of its parameters
    (`parameter_shapes`) and how they start (`initialize`); `docs/adding-a-layer.md` makes one. It keeps the arguments
    of its constructor as attributes of their names: so it can be saved, and loaded wherever the class has been
    imported. Arguments do not change once a layer is made, and attributes that it has not are refused.

    Attributes
    ----------
    input_shape, output_shape : tuple of int
        Of one sample, (F,), (T, F) or (C, H, W), with None for a T that may differ from call to call; known once built.
    parameter_count : int
        How many numbers its parameters are; known once built.
    params, grads : mapping of str to ndarray
        Live views into the flat vectors. ``layer.params["weight"] = w`` copies into place what has the same shape.
    buffers : mapping of str to ndarray
        What is saved as parameters are, but changed by no optimizer, such as running statistics.
    trainable : bool
        Whether training changes its parameters; True at first.
    """

    _arguments: ClassVar[tuple[str, ...]] = ()
    buffer_names: ClassVar[tuple[str, ...]] = ()  # parameters that no optimizer changes
    params: Parameters
    grads: Parameters
    buffers: Parameters
    input_shape: Shape
    output_shape: Shape
    parameter_count: int
    dtype: str
    _complete: bool  # known once its constructor has ended

    def __init_subclass__(cls, abstract: bool = False) -> None:
        super().__init_subclass__()
        last = _CLASSES.get(cls.__name__)
        if not abstract and (last is None or not is_ours(last)):
            _CLASSES[cls.__name__] = cls
        parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
        passed = {p.name for p in parameters if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
        names = [p.name for p in parameters if p.name not in passed]
        inherited = cls._arguments if passed else ()
        cls._arguments = (*names, *(name for name in inherited if name not in names))

    def __init__(self) -> None:
        self.name_parameters({}, {}, {})
        self._plan: Any = None  # for the shape of the last samples
        self._plans: dict[Shape, Any] = {}
        self._held: _Held | None = None
        self._reading: Reading | None = None
        self._turn = Turn()
        self._in_network = False
        self._trainable = True
        self._network: Any = None  # what it has been built with, a weak reference

    if not TYPE_CHECKING:  # which would take any attribute for known

        def __setattr__(self, name: str, value: Any) -> None:
            if name[0] != "_" and "_complete" in vars(self):
                kind = type(self).__name__
                if name in self._arguments or name in _FIXED:
                    raise AttributeError(f"{name} of {kind} cannot be changed: make another {kind}")
                if name not in vars(self) and not hasattr(type(self), name):
                    raise AttributeError(f"{kind} has no {name!r} that could be set")
            object.__setattr__(self, name, value)

    @property
    def turn(self) -> Turn:  # type: ignore[override]
        """Whose turn it is with it, and with all that it is a part of."""
        return self._turn

    @property
    def generator(self) -> np.random.Generator:
        """The random numbers of a built layer, or of the network that it is a part of."""
        return self._rng

    @property
    def flat(self) -> tuple[Array, Array]:
        """Its parameters and its gradients, of a built layer, as flat vectors."""
        return self._flat

    @property
    def in_network(self) -> bool:
        """Whether it is a network's, and not to be built again."""
        return self._in_network

    def enter_network(self) -> None:
        """Let the layer be a network's from now on."""
        self._in_network = True

    @property
    def last_plan(self) -> Any:
        """The plan of the core that was last asked for, or None."""
        return self._plan

    @property
    def trainable(self) -> bool:
        """Whether `fit` and `step` change its parameters, if all layers that it is a part of may be trained too.

        May be set at any time; `fit` heeds it from the next epoch on. `backward` gives all gradients whatever it is. A
        `BatchNorm` that is not trained takes its running statistics in training too, and leaves them as they are. What
        is random in training stays so.
        """
        return self._trainable

    @trainable.setter
    def trainable(self, trainable: bool) -> None:
        self._trainable = as_flag(trainable, "trainable")
        with self._turn.lock:
            network = self._network and self._network()
            (network or self)._forget_plans()

    def _forget_plans(self) -> None:
        """Let plans be made anew, its own and those of the layers within."""
        self._plan, self._plans, self._held = None, {}, None
        for layer in self.sublayers:
            layer._forget_plans()

    def name_parameters(
        self, params: Mapping[str, Array], grads: Mapping[str, Array], buffers: Mapping[str, Array]
    ) -> None:
        """Let these be `params`, `grads` and `buffers`."""
        vars(self).update(
            params=Parameters("params", params),
            grads=Parameters("grads", grads),
            buffers=Parameters("buffers", buffers),
        )

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._arguments)
        return f"{type(self).__name__}({arguments})"

    def operations(self, x: Tensor) -> Tensor:
        """Add what the layer does to the graph of its input, and give its output.

        Parameters
        ----------
        x : Tensor
            ``x.shape`` is the shape of a sample; ``x.then("dense", units=3)`` goes on with an operation of the core,
            ``x.then(layer)`` with another layer.

        Returns
        -------
        Tensor

        Raises
        ------
        ValueError
            If samples of this shape are none for the layer.
        """
        raise NotImplementedError(f"{type(self).__name__} must define operations(x)")

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        """Give the shapes of the parameters as the core stores them, in the order of the operations.

        Parameters
        ----------
        shape : tuple
            Of a sample of the input.

        Returns
        -------
        dict of str to tuple of int
            Such as ``{"weight": (inputs, units), "bias": (units,)}``; `params` shows them with their axes reversed.
        """
        return {}

    def initialize(self, rng: np.random.Generator) -> None:
        """Fill `params`, which are zeros at first."""

    def shown(self, stored: Array) -> Array:
        """Turn the view of a stored parameter to its conventional axes."""
        return stored.transpose(*range(stored.ndim - 1, -1, -1))

    def shown_shape(self, stored: Shape) -> Shape:
        """Give the shape of `shown`."""
        shape: Shape = self.shown(np.broadcast_to(np.zeros(()), stored)).shape
        return shape

    def lower(self, x: Tensor) -> Tensor:
        """Add the layer to a graph: its operations, and where its parameters are. ``x.then(layer)`` calls it."""
        graph, offset, first, layers_before = x.graph, x.graph.size, len(x.graph.operations), len(x.graph.layers)
        try:
            y = self.operations(x)
        except TooManyNumbersError as error:
            raise error.of(self) from None
        if not isinstance(y, Tensor) or y.graph is not graph:
            raise TypeError(f"operations of {type(self).__name__} must give a Tensor of x's graph; received {y!r}")
        self.check_parameters(x.shape, graph, offset, graph.layers[layers_before:])
        if not self.trainable:
            graph.freeze(first)
        graph.layers.append(Lowered(self, x.shape, y.shape, offset, graph.size))
        return y

    def check_parameters(self, shape: Shape, graph: Graph, offset: int, within: Sequence[Lowered]) -> None:
        """Check that all parameters that its operations have are its own, by name.

        Parameters
        ----------
        shape : tuple
            Of a sample of the input.
        graph : Graph
        offset : int
            Where the parameters begin that its operations have added.
        within : sequence of Lowered
            Layers that its operations have added.
        """
        kind, places = type(self).__name__, self._places(shape)
        size = max((stop for _, stop in places.values()), default=0)
        if size != graph.size - offset:
            raise ValueError(
                f"parameter_shapes of {kind} must have the {graph.size - offset} numbers that its operations have; "
                f"received {size}"
            )
        buffers = [(start - offset, stop - offset) for start, stop in graph.buffers if start >= offset]
        named = [places.get(name, (-1, 0)) for name in self.buffer_names]
        inside = all(any(start <= first and last <= stop for start, stop in buffers) for first, last in named)
        if not inside or _total(named) != _total(buffers):
            raise ValueError(
                f"buffer_names of {kind} must be those of the parameters that no optimizer changes, as of batch_norm's "
                f"running statistics; received {', '.join(self.buffer_names) or 'none'}"
            )

    def _places(self, shape: Shape) -> dict[str, tuple[int, int]]:
        """Give from where to where each parameter lies among its own."""
        places, start = {}, 0
        for name, stored in self.parameter_shapes(shape).items():
            places[name] = start, start + prod(stored)
            start = places[name][1]
        return places

    def lowered(self, shape: Shape) -> Graph:
        """Give the layer as a graph of its own."""
        graph = Graph(shape)
        return graph.finish(self.lower(graph.input))

    def build(self, input_shape: Any, *, dtype: Any = "float32", seed: int | None = None) -> Self:
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
        if self._in_network:
            raise RuntimeError(f"{type(self).__name__} belongs to a network already: make another for use alone")
        shape, dtype = as_shape(input_shape), as_dtype(dtype)
        graph = self.lowered(shape)
        core = _core.load(dtype)
        flat = core.aligned_zeros(graph.size), core.aligned_zeros(graph.size)
        self._rng = as_generator(seed)
        self._take_in([lowered.layer for lowered in graph.layers if lowered.layer is not self])
        for lowered in graph.layers:
            lowered.layer.attach(lowered, dtype, *flat)
        self._belong_to(weakref.ref(self))
        if None not in shape:
            self._keep_plan(shape, graph)
        self.initialize(self._rng)
        return self

    def _take_in(self, layers: list[Layer]) -> None:
        """Let layers that it is made of be its own."""
        known = {id(layer) for layer in layers}
        for layer in layers:
            owner = layer._network and layer._network()
            if len(known) < len(layers) or (owner and owner is not self and id(owner) not in known | {id(layer)}):
                raise ValueError(f"layers must be new; received {layer!r} of another network, or twice")
        for layer in layers:
            layer._turn, layer._rng = self._turn, self._rng
            layer.enter_network()

    def _belong_to(self, network: Any) -> None:
        self._network = network
        for layer in self.sublayers:
            layer._belong_to(network)

    def attach(self, lowered: Lowered, dtype: str, parameters: Array, gradients: Array) -> None:
        """Take shapes, and the parameters that are the layer's of the flat vectors."""
        _, shape, output_shape, offset, end = lowered
        vars(self).update(input_shape=shape, output_shape=output_shape, dtype=dtype, parameter_count=end - offset)
        self._flat = parameters[offset:end], gradients[offset:end]
        self._reading = None
        self.reset_state()
        self._plan, self._plans, self._held = None, {}, None
        params, grads, buffers = {}, {}, {}
        places = self._places(shape)
        for name, stored in self.parameter_shapes(shape).items():
            start, stop = places[name]
            values, gradient = (self.shown(flat[start:stop].reshape(stored)) for flat in self._flat)
            if name in self.buffer_names:
                buffers[name] = values
            else:
                params[name], grads[name] = values, gradient
        self.name_parameters(params, grads, buffers)

    def plan_for(self, shape: Shape) -> Any:
        """Give the plan for samples of this shape, with its time axis, from now on the layer's."""
        last = self._plan
        if last is not None and last.input_shape == shape:
            return last
        with self._turn.lock:
            plan = self._plans.pop(shape, None)
            if plan is None:
                return self._keep_plan(shape, self.lowered(shape))
            self._plans[shape] = self._plan = plan
            return plan

    def _keep_plan(self, shape: Shape, graph: Graph) -> Any:
        self._plans[shape] = self._plan = plan = _core.load(self.dtype).Plan(graph, *self._flat, self._turn)
        if len(self._plans) > _PLANS:
            del self._plans[next(iter(self._plans))]
        return plan

    def check_built(self) -> None:
        """Raise where it has not been built."""
        if not hasattr(self, "dtype"):
            raise RuntimeError(f"{type(self).__name__} must be built before use: call build(input_shape)")

    @property
    def reading(self) -> Reading:  # type: ignore[override]
        """What its samples are, of a built layer: its operations tell."""
        self.check_built()
        if self._reading is None:
            self._reading = self.lowered(self.input_shape).reading
        return self._reading

    @property
    def arity(self) -> int | None:
        """How many children a node has of the trees that samples of a built layer are; None of other samples."""
        return self.reading.arity

    def forward(self, x: Any, *, training: bool = False, lengths: Any = None, trees: Any = None) -> Array:
        """Give the output for a batch, and hold what `backward` needs.

        Parameters
        ----------
        x : array_like, shape (N, *input_shape)
        training : bool
            Whether layers that are random in training are so.
        lengths : array_like of int, shape (N,), optional
            How many steps of each sequence (N, T, ...) count.
        trees : Trees, optional
            Where a layer is recursive: then x (M,) or (M, F) and what is given have a row for each node.

        Returns
        -------
        ndarray, shape (N, *output_shape)
            Images lie in memory as those of x do: channels first, or last where x is a view of such memory. Stateful
            layers go on from the last call, of as many samples.
        """
        samples = as_batch(self, x, lengths, trees, as_it_lies=True)
        with self._turn.lock:
            return self.run_forward(samples, training, self.states_for(len(samples)))

    def run_forward(
        self, samples: Samples, training: bool = False, states: Array | None = None, all_states: bool = False
    ) -> Array:
        """Do `forward`'s work on checked samples."""
        training, trees = as_flag(training, "training"), samples.core_trees()
        with self._turn.lock:
            plan = self.plan_for(samples.shape)
            draw = int(self._rng.integers(1 << 63)) if training else 0
            self._held = None  # should this one not come to its end
            y: Array = plan.forward(
                samples.x.reshape(-1), len(samples), get_num_threads(), training, draw, samples.channels_last,
                samples.lengths, states, all_states, trees,
            )  # fmt: skip
            self._held = _Held(samples, trees, training, draw, get_ident(), self._turn.trained)
            return samples.outputs(y, plan.output_shape)

    def backward(self, dy: Any, *, accumulate: bool = False) -> Array:
        """Give the gradient with respect to the last `forward`'s input, and fill `grads`.

        Parameters
        ----------
        dy : array_like, shape (N, *output_shape)
            The gradient of the loss with respect to the output.
        accumulate : bool
            Whether to add to what `grads` hold.

        Returns
        -------
        ndarray, shape (N, *input_shape)
        """
        with self._turn.lock:
            return self.run_backward(dy, accumulate=accumulate)

    def held_forward(self) -> _Held:
        """Give what the last `forward` of this thread holds for `backward`."""
        self.check_built()
        if self._held is None:
            raise RuntimeError("backward must follow forward")
        if self._held.trained != self._turn.trained:
            raise RuntimeError("backward must follow forward, before parameters are trained")
        if self._held.thread != get_ident():
            raise RuntimeError("backward must follow a forward of its own thread; the last one was another thread's")
        return self._held

    def run_backward(self, dy: Any, state_gradients: Array | None = None, accumulate: bool = False) -> Array:
        """Do `backward`'s work."""
        samples, trees, training, draw, *_ = self.held_forward()
        plan, gradients = self.plan_for(samples.shape), self._flat[1]
        gradient, last = samples.gradients(dy, plan.output_shape)
        before = gradients.copy() if as_flag(accumulate, "accumulate") else None
        try:
            dx: Array = plan.backward(
                gradient.reshape(-1), len(samples), get_num_threads(), training, draw, last, samples.lengths,
                state_gradients, trees,
            )  # fmt: skip
        except BaseException:
            if before is not None:
                gradients[...] = before
            raise
        if before is not None:
            gradients += before
        return samples.inputs(dx, last)

    def __reduce__(self) -> tuple[Any, ...]:
        made: tuple[Any, ...] = (classes_of(self), self.get_config())
        with self._turn.lock:
            if hasattr(self, "dtype"):
                values = {name: values.copy() for name, values in {**self.params, **self.buffers}.items()}
                made = *made, self.input_shape, self.dtype, values, self._rng.bit_generator.state
            kept = {} if self._states is None else {"_states": self._states.copy()}
            return _made, made, {**self.own_attributes(), **kept}

    @property
    def sublayers(self) -> Sequence[Layer]:
        """Layers that it is made of."""
        return ()

    def own_attributes(self) -> dict[str, Any]:
        """Give what copies and pickles take along besides arguments and parameters: attributes of a subclass."""
        known = {*self._arguments, *_FIXED}
        return {name: value for name, value in vars(self).items() if not name.startswith("_") and name not in known}

    @classmethod
    def from_arguments(cls, arguments: dict[str, Any]) -> Layer:
        """Make a layer of its constructor's arguments, by name."""
        return cls(**arguments)

    def get_config(self) -> dict[str, Any]:
        """Give the class, the constructor's arguments and whether it is trained, which `from_config` takes back."""
        kind = type(self)
        check_name(kind)
        missing = [name for name in self._arguments if not hasattr(self, name)]
        if missing:
            raise TypeError(
                f"{kind.__name__} must keep its constructor's arguments as attributes, to be saved or copied; "
                f"there is no {', '.join(missing)}"
            )
        config = {"class": kind.__name__, **{name: _described(getattr(self, name)) for name in self._arguments}}
        return config if self.trainable else {**config, "trainable": False}


def _total(places: list[tuple[int, int]]) -> int:
    return sum(stop - start for start, stop in places)


def complete(layer: Layer) -> None:
    """Refuse new attributes from now on: the layer is made."""
    layer._complete = True


def is_ours(kind: type) -> bool:
    """Tell whether a class is fastdl's."""
    return kind.__module__.startswith("fastdl.")


def check_name(kind: type[Layer]) -> None:
    """Check that a class can be found by its name."""
    if _CLASSES.get(kind.__name__) is not kind:
        raise TypeError(f"{kind.__name__} must be the only layer class of that name, to be found by it again")


def from_config(config: dict[str, Any]) -> Layer:
    """Make a layer of what its `get_config` gave; its class is fastdl's, or has been imported before."""
    if not isinstance(config, dict):
        raise ValueError(f"config must be a dict; received {config!r}")
    arguments = {name: _made_of(value) for name, value in config.items()}
    trainable = arguments.pop("trainable", True)
    layer = class_of(arguments.pop("class", None)).from_arguments(arguments)
    layer.trainable = trainable
    return layer


def _described(argument: Any) -> Any:
    """Give an argument as plain data, layers in it too."""
    if isinstance(argument, Layer):
        return argument.get_config()
    if isinstance(argument, (list, tuple)) and any(isinstance(item, (Layer, list, tuple)) for item in argument):
        return [_described(item) for item in argument]
    return argument


def _made_of(argument: Any) -> Any:
    """Give an argument that was `_described`."""
    if isinstance(argument, dict) and "class" in argument:
        return from_config(argument)
    return [_made_of(item) for item in argument] if isinstance(argument, list) else argument


def class_of(name: Any) -> type[Layer]:
    """Give the class of a name."""
    if name not in _CLASSES:
        raise ValueError(f"config must name a layer class of fastdl, or one that has been imported; received {name!r}")
    return _CLASSES[name]


def classes_of(layer: Layer) -> list[type[Layer]]:
    """Give its class and those of the layers within, which are imported where they are unpickled."""
    return [type(layer), *(kind for child in layer.sublayers for kind in classes_of(child))]


def _made(
    _: list[type[Layer]],
    config: dict[str, Any],
    shape: Shape = (),
    dtype: str = "",
    values: dict[str, Array] | None = None,
    generator: Any = None,
) -> Layer:
    """Make a layer again, for use alone."""
    layer = from_config(config)
    if values is not None:
        layer.build(shape, dtype=dtype)
        layer._rng.bit_generator.state = generator
        for name, array in values.items():
            (layer.params if name in layer.params else layer.buffers)[name][...] = array
    return layer


def image_shape(layer: Layer, shape: Shape) -> tuple[int, int, int]:
    """Give (C, H, W), which the layer needs."""
    if len(shape) != 3:
        raise ValueError(f"input_shape of {type(layer).__name__} must be (C, H, W); received {shape}")
    return shape[0], shape[1], shape[2]


def check_initializer(initializer: Any, name: str = "initializer") -> str:
    """Give an initializer's name."""
    return as_choice(initializer, name, initializers.__all__)


def sequence_shape(layer: Layer, shape: Shape) -> tuple[Any, int]:
    """Give (T, F), which the layer needs."""
    if len(shape) != 2:
        hint = " (a recurrent layer before it would need return_sequences=True)" if len(shape) == 1 else ""
        raise ValueError(f"input_shape of {type(layer).__name__} must be (T, F); received {shape}{hint}")
    return shape[0], shape[1]


def start_weights(layer: Layer, initializer: str, fan_in: int, fan_out: int, rng: np.random.Generator) -> None:
    """Draw the weights; biases start at zero."""
    weight = layer.params["weight"]
    weight[...] = getattr(initializers, initializer)(weight.shape, fan_in, fan_out, rng)
    layer.params["bias"][...] = 0
