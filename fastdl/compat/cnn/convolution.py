"""The convolution layer and its filters."""

from __future__ import annotations

from operator import attrgetter, is_
from typing import Any

import numpy as np

from ..._threads import get_num_threads
from ..._types import Array
from ..._validation.shapes import check_size
from ..._validation.values import as_int, as_number
from ...layers import Conv2D
from ...samples import Samples
from .._checks import as_shaped, windows
from .._descent import descended
from .._draw import uniform
from .._memory import Built
from .._untouched import Steps
from ..activators import check_activator, each
from .functions import conv, element_wise_op, frame, functions_as_written, padding


class Filter:
    """One kernel of a convolution layer, and its gradient.

    Attributes
    ----------
    weights, weights_grad : ndarray, shape (depth, height, width)
    bias, bias_grad : float
    """

    def __init__(self, width: int, height: int, depth: int) -> None:
        shape = as_int(depth, "depth"), as_int(height, "height"), as_int(width, "width")
        check_size(shape, "depth, height and width")
        self.weights = uniform(1e-4, shape)
        self.bias = 0.0
        self.weights_grad: Array = np.zeros(self.weights.shape)
        self.bias_grad = 0.0

    def __repr__(self) -> str:
        return f"filter weights:\n{self.weights!r}\nbias:\n{self.bias!r}"

    def get_weights(self) -> Array:
        """Return `weights`."""
        return self.weights

    def get_bias(self) -> float:
        """Return `bias`."""
        return self.bias

    def update(self, learning_rate: float) -> None:
        """Take a step down the gradient."""
        self.weights = descended(self.weights, self.weights_grad, learning_rate)
        self.bias -= learning_rate * self.bias_grad


_geometry_of_convolution = attrgetter(
    "input_width", "input_height", "channel_number", "filter_width", "filter_height", "filter_number", "zero_padding",
    "stride",
)  # fmt: skip


class ConvLayer(Built):
    """A convolution layer: `fastdl.layers.Conv2D` on one image.

    Parameters
    ----------
    input_width, input_height, channel_number : int
        Of the input (channel_number, input_height, input_width).
    filter_width, filter_height, filter_number : int
    zero_padding, stride : int
        If the stride does not divide the range of a filter, the last rows and columns are ignored.
    activator : object
        With ``forward`` and ``backward``, see `fastdl.compat.activators`.
    learning_rate : float

    Attributes
    ----------
    filters : list of Filter
    input_array, padded_input_array, output_array : ndarray
        Those of the last `forward`; the output is (filter_number, output_height, output_width).
    delta_array : ndarray, shape (channel_number, input_height, input_width)
        The sensitivity map of the layer before, from the last `backward`.
    """

    _built = "_layer", "_geometry"
    delta_array: Array
    padded_input_array: Any

    def __init__(
        self,
        input_width: int,
        input_height: int,
        channel_number: int,
        filter_width: int,
        filter_height: int,
        filter_number: int,
        zero_padding: int,
        stride: int,
        activator: Any,
        learning_rate: float,
    ) -> None:
        self.input_width = as_int(input_width, "input_width")
        self.input_height = as_int(input_height, "input_height")
        self.channel_number = as_int(channel_number, "channel_number")
        self.filter_width = as_int(filter_width, "filter_width")
        self.filter_height = as_int(filter_height, "filter_height")
        self.filter_number = as_int(filter_number, "filter_number")
        self.zero_padding = as_int(zero_padding, "zero_padding", least=0)
        self.stride = as_int(stride, "stride")
        windows(input_width, filter_width, zero_padding, stride, axis="width")
        windows(input_height, filter_height, zero_padding, stride, axis="height")
        self.output_width = ConvLayer.calculate_output_size(input_width, filter_width, zero_padding, stride)
        self.output_height = ConvLayer.calculate_output_size(input_height, filter_height, zero_padding, stride)
        self.activator = check_activator(activator)
        self.learning_rate = as_number(learning_rate, "learning_rate")
        self.output_array: Array = np.zeros((filter_number, self.output_height, self.output_width))
        self.filters: list[Any] = [Filter(filter_width, filter_height, channel_number) for _ in range(filter_number)]
        self.input_array: Array | None = None
        self._padded: Any = None
        self._given: list[Any] = []  # the filters' weights in the core
        self._through_core: Array | None = None  # the input of the last `forward`, if the core took it
        self._build()

    def _build(self) -> None:
        self._geometry = _geometry_of_convolution(self)
        width, height, channels, filter_width, filter_height, filters, zero_padding, stride = self._geometry
        self._layer = Conv2D(
            filters, (filter_height, filter_width), stride=stride, padding=zero_padding, initializer="zeros"
        ).build((channels, height, width), dtype="float64")

    @staticmethod
    def calculate_output_size(input_size: int, filter_size: int, zero_padding: int, stride: int) -> int:
        """Count the output's pixels along an axis."""
        return (input_size - filter_size + 2 * zero_padding) // stride + 1

    def _ready(self) -> bool:
        """Return whether the core computes what this module's functions would compute."""
        return (
            functions_as_written()
            and _geometry_of_convolution(self) == self._geometry
            and self.output_array.shape == self._layer.output_shape
        )

    def _hand_over_weights(self) -> None:
        given = [self.filters[f].get_weights() for f in range(self.filter_number)]
        if self._through_core is not None and all(map(is_, given, self._given)):
            return  # `backward` follows its `forward`
        weight, self._given = self._layer.params["weight"], given
        if all(type(one) is np.ndarray and one.shape == weight.shape[1:] for one in given):
            weight[...] = as_shaped(np.array(given), "weights of filters", weight.shape)
            return
        for f, one in enumerate(given):
            weight[f] = as_shaped(one, f"filters[{f}].weights", weight.shape[1:])

    def _seen(self) -> Array:
        if self.input_array is None:
            raise RuntimeError("backward must follow forward")
        return self.input_array

    def _same_input(self, x: Array) -> bool:
        """Return whether both attributes are still the input of `forward`."""
        return self.input_array is x and self.padded_input_array is self._padded

    def _sensitivity(self, sensitivity_array: Any) -> Array:
        return as_shaped(sensitivity_array, "sensitivity_array", self.output_array.shape)

    def forward(self, input_array: Any) -> None:
        """Compute ``output_array`` (article 4, equation 2).

        Parameters
        ----------
        input_array : array_like, shape (channel_number, input_height, input_width)
        """
        x = as_shaped(input_array, "input_array", (self.channel_number, self.input_height, self.input_width))
        self.input_array = x
        self.padded_input_array = self._padded = padding(x, self.zero_padding)
        self._through_core = None
        if self._ready():
            self._hand_over_weights()
            self._layer.params["bias"][:] = [self.filters[f].get_bias() for f in range(self.filter_number)]
            y = self._layer.run_forward(Samples(x[None], x.shape))[0]
            self.output_array[...] = each(self.activator.forward, y)
            self._through_core = x
            return
        for f in range(self.filter_number):
            weights, bias = self.filters[f].get_weights(), self.filters[f].get_bias()
            conv(self.padded_input_array, weights, self.output_array[f], self.stride, bias)
        element_wise_op(self.output_array, self.activator.forward)

    def backward(self, input_array: Any, sensitivity_array: Any, activator: Any) -> None:
        """Compute ``delta_array`` and the gradient of every filter.

        Parameters
        ----------
        input_array : array_like, shape (channel_number, input_height, input_width)
        sensitivity_array : array_like, shape (filter_number, output_height, output_width)
            The error's gradient with respect to this layer's weighted input.
        activator : object
            The activator of the layer before, whose output is the input.
        """
        sensitivity, activator = self._sensitivity(sensitivity_array), check_activator(activator)
        self._through_core = None
        self.forward(input_array)
        if self._through_core is not None and self._same_input(self._through_core) and _BACKWARD.untouched(self):
            self._hand_over_weights()
            back = self._layer.run_backward(sensitivity[None])[0]
            self._hand_out_gradients()
            self.delta_array = back * each(activator.backward, self._through_core)
            return
        self.bp_sensitivity_map(sensitivity_array, activator)
        self.bp_gradient(sensitivity_array)

    def bp_sensitivity_map(self, sensitivity_array: Any, activator: Any) -> None:
        """Compute ``delta_array`` alone, for the last `forward`'s input."""
        sensitivity, x, activator = self._sensitivity(sensitivity_array), self._seen(), check_activator(activator)
        if self._ready() and _BACKWARD.untouched(self):
            self._through_core = None
            self._hand_over_weights()
            x = as_shaped(x, "input_array", self._layer.input_shape)
            delta = self._layer.last_plan.gradients_at(x.reshape(-1), sensitivity.reshape(-1), 1, get_num_threads())
            self.delta_array = delta.reshape(x.shape) * each(activator.backward, x)
            return
        expanded = self.expand_sensitivity_map(sensitivity_array)
        rows, columns = self.filter_height - 1 - self.zero_padding, self.filter_width - 1 - self.zero_padding
        framed = padding(expanded, rows) if rows == columns >= 0 else frame(expanded, rows, columns)
        self.delta_array = self.create_delta_array()
        for f in range(self.filter_number):
            turned, delta_array = self.filters[f].get_weights()[:, ::-1, ::-1], self.create_delta_array()
            for kernel, delta in zip(turned, delta_array, strict=True):
                conv(framed[f], kernel, delta, 1, 0)
            self.delta_array += delta_array
        derivative = np.array(x)
        element_wise_op(derivative, activator.backward)
        self.delta_array *= derivative

    def bp_gradient(self, sensitivity_array: Any) -> None:
        """Compute the filters' gradients alone, for the last `forward`'s input."""
        sensitivity = self._sensitivity(sensitivity_array)
        self._seen()
        if self.padded_input_array is self._padded and self._ready() and _BACKWARD.untouched(self):
            # What is within the padding, as the listing reads it: the input may have been replaced or changed since.
            inner = slice(self.zero_padding, -self.zero_padding or None)
            x = np.ascontiguousarray(self._padded[:, inner, inner])
            if np.count_nonzero(x) == np.count_nonzero(self._padded):
                self._layer.last_plan.gradients_at(x.reshape(-1), sensitivity.reshape(-1), 1, get_num_threads())
                self._hand_out_gradients()
                return
        expanded = self.expand_sensitivity_map(sensitivity_array)
        for f in range(self.filter_number):
            one = self.filters[f]
            for channel, gradient in zip(self.padded_input_array, one.weights_grad, strict=True):
                conv(channel, expanded[f], gradient, 1, 0)
            one.bias_grad = float(expanded[f].sum())

    def _hand_out_gradients(self) -> None:
        grads = self._layer.grads
        for one, weights, bias in zip(self.filters, grads["weight"], grads["bias"].tolist(), strict=False):
            one.weights_grad[...], one.bias_grad = weights, bias

    def expand_sensitivity_map(self, sensitivity_array: Any) -> Array:
        """Expand a sensitivity map to stride 1, with zeros in between."""
        sensitivity = self._sensitivity(sensitivity_array)
        height = self.input_height - self.filter_height + 2 * self.zero_padding + 1
        width = self.input_width - self.filter_width + 2 * self.zero_padding + 1
        expanded = np.zeros((len(sensitivity), height, width))
        expanded[:, :: self.stride, :: self.stride] = sensitivity
        return expanded

    def create_delta_array(self) -> Array:
        """Return zeros of the input's shape."""
        return np.zeros((self.channel_number, self.input_height, self.input_width))

    def update(self) -> None:
        """Take a step down the gradient."""
        for one in self.filters:
            one.update(self.learning_rate)


_BACKWARD = Steps(ConvLayer, "bp_sensitivity_map", "bp_gradient", "expand_sensitivity_map", "create_delta_array")
