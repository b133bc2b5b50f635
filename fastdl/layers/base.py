"""What every layer is: shapes, parameters that are views of a flat vector, and a plan of its own to run alone."""

from __future__ import annotations

from math import prod
from typing import Any, ClassVar

import numpy as np

from .. import _core, initializers
from .._threads import get_num_threads
from .._validation import Array, as_dtype, as_images, as_shape

ACTIVATIONS = ("identity", "relu", "sigmoid", "tanh", "softmax")


class Layer:
    """A differentiable function of one batch, with parameters.

    A subclass says what its output's shape is (`_output_shape`), which operations of the core it is (`_operations`),
    the shapes of its parameters (`_parameter_shapes`) and how they start (`_initialize`).

    Attributes
    ----------
    input_shape, output_shape : tuple of int
        Of one sample, (F,) or (C, H, W); known once built.
    params, grads : dict of str to ndarray
        Live views into the flat vectors: assign with ``layer.params["weight"][...] = w``.
    """

    _arguments: ClassVar[tuple[str, ...]] = ()
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    dtype: str

    def __init__(self) -> None:
        self.params: dict[str, Array] = {}
        self.grads: dict[str, Array] = {}
        self._plan: Any = None
        self._held: tuple[int, bool, int] | None = None
        self._network: Layer | None = None

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._arguments)
        return f"{type(self).__name__}({arguments})"

    def _output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        raise NotImplementedError

    def _operations(self, shape: tuple[int, ...], offset: int) -> list[dict[str, Any]]:
        raise NotImplementedError

    def _parameter_shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """Shapes of the parameters, weight before bias, as the core stores them."""
        return {}

    def _public(self, stored: Array) -> Array:
        """Turn the view of a stored parameter to its conventional axes."""
        return stored.transpose(*range(stored.ndim - 1, -1, -1))

    def _public_shape(self, stored: tuple[int, ...]) -> tuple[int, ...]:
        shape: tuple[int, ...] = self._public(np.broadcast_to(np.zeros(()), stored)).shape
        return shape

    def _initialize(self, rng: np.random.Generator) -> None:
        pass

    def build(self, input_shape: Any, *, dtype: Any = "float32", seed: int | None = None) -> Layer:
        """Make parameters for samples of this shape, so that the layer can be used alone.

        Parameters
        ----------
        input_shape : tuple of int
            (F,) or (C, H, W), without the batch axis.
        dtype : {"float32", "float64"}
        seed : int, optional
            Of the initial parameters.

        Returns
        -------
        Layer
            Itself.
        """
        if self._network is not None:
            raise RuntimeError(f"{type(self).__name__} belongs to a network already: make another for use alone")
        shape, dtype = as_shape(input_shape), as_dtype(dtype)
        output_shape = self._output_shape(shape)
        core = _core.load(dtype)
        size = self._size(shape)
        parameters, gradients = core.aligned_zeros(size), core.aligned_zeros(size)
        self._attach(shape, output_shape, dtype, parameters, gradients, 0)
        self._initialize(np.random.default_rng(seed))
        return self

    def _size(self, shape: tuple[int, ...]) -> int:
        """How many parameters it has."""
        return sum(prod(sizes) for sizes in self._parameter_shapes(shape).values())

    def _attach(
        self,
        shape: tuple[int, ...],
        output_shape: tuple[int, ...],
        dtype: str,
        parameters: Array,
        gradients: Array,
        offset: int,
    ) -> None:
        """Take shapes, and the parameters from ``offset`` of the flat vectors on."""
        self.input_shape, self.output_shape, self.dtype = shape, output_shape, dtype
        self._plan = _core.load(dtype).Plan(shape, self._operations(shape, offset), parameters, gradients)
        self._held = None
        self.params, self.grads = {}, {}
        for name, stored in self._parameter_shapes(shape).items():
            end = offset + prod(stored)
            self.params[name] = self._public(parameters[offset:end].reshape(stored))
            self.grads[name] = self._public(gradients[offset:end].reshape(stored))
            offset = end

    def _built(self) -> Any:
        if self._plan is None:
            raise RuntimeError(f"{type(self).__name__} must be built before use: call build(input_shape)")
        return self._plan

    def forward(self, x: Any, *, training: bool = False) -> Array:
        """Give the output for a batch, and hold what `backward` needs.

        Parameters
        ----------
        x : array_like, shape (N, *input_shape)
        training : bool
            Whether layers that are random in training are so.

        Returns
        -------
        ndarray, shape (N, *output_shape)
            Images lie in memory as those of x do: channels first, or last where x is a view of such memory.
        """
        self._built()
        flat, last = as_images(x, "x", self.input_shape, self.dtype)
        draw = int(np.random.default_rng().integers(1 << 63)) if training else 0
        return _shaped(self._forward(flat, training, draw, last), self.output_shape, last)

    def _forward(self, x: Array, training: bool = False, draw: int = 0, last: bool = False) -> Array:
        """Do `forward`'s work on checked, flat numbers."""
        samples = x.size // prod(self.input_shape)
        y: Array = self._plan.forward(x, samples, get_num_threads(), training, draw, last)
        self._held = samples, training, draw
        return y

    def backward(self, dy: Any) -> Array:
        """Give the gradient with respect to the last `forward`'s input, and fill `grads`.

        Parameters
        ----------
        dy : array_like, shape (N, *output_shape)
            The gradient of the loss with respect to the output.

        Returns
        -------
        ndarray, shape (N, *input_shape)
        """
        self._built()
        if self._held is None:
            raise RuntimeError("backward must follow forward")
        samples = self._held[0]
        flat, last = as_images(dy, "dy", self.output_shape, self.dtype)
        received = flat.size // prod(self.output_shape)
        if received != samples:
            raise ValueError(f"dy must have the {samples} samples of the last forward; received {received}")
        return _shaped(self._backward(flat, last), self.input_shape, last)

    def _backward(self, dy: Array, last: bool = False) -> Array:
        """Do `backward`'s work on checked, flat numbers."""
        assert self._held
        samples, training, draw = self._held
        dx: Array = self._plan.backward(dy, samples, get_num_threads(), training, draw, last)
        return dx

    def get_config(self) -> dict[str, Any]:
        """Give the constructor's arguments, which `from_config` takes back."""
        return {"class": type(self).__name__, **{name: getattr(self, name) for name in self._arguments}}


def _shaped(flat: Array, shape: tuple[int, ...], channels_last: bool) -> Array:
    if channels_last and len(shape) == 3:
        return flat.reshape(-1, *shape[1:], shape[0]).transpose(0, 3, 1, 2)
    return flat.reshape(-1, *shape)


def check_activation(activation: Any, name: str = "activation") -> str:
    """Give an activation's name; None is the identity."""
    if activation is None:
        return "identity"
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        raise ValueError(f"{name} must be one of {', '.join(ACTIVATIONS)}; received {activation!r}")
    return activation


def image_shape(layer: Layer, shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Give (C, H, W), which the layer needs."""
    if len(shape) != 3:
        raise ValueError(f"input_shape of {type(layer).__name__} must be (C, H, W); received {shape}")
    return shape[0], shape[1], shape[2]


def check_initializer(name: Any) -> str:
    """Give an initializer's name."""
    if not isinstance(name, str) or name not in initializers.__all__:
        raise ValueError(f"initializer must be one of {', '.join(initializers.__all__)}; received {name!r}")
    return name


def start_weights(layer: Layer, initializer: str, fan_in: int, fan_out: int, rng: np.random.Generator) -> None:
    """Draw the weights; biases start at zero."""
    weight = layer.params["weight"]
    weight[...] = getattr(initializers, initializer)(weight.shape, fan_in, fan_out, rng)
    layer.params["bias"][...] = 0
