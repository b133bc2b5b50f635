"""Article 4: convolution and pooling layers on one image (C, H, W)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from .. import functional
from .._threads import get_num_threads
from .._validation import Array, as_array, as_int, as_number, as_ranked
from ..layers import Conv2D, MaxPool2D, MeanPool2D
from ._checks import as_shaped, windows
from ._live import Live, LiveNumber, uniform
from .activators import IdentityActivator, ReluActivator, apply, check_activator, through

__all__ = [
    "ConvLayer",
    "Filter",
    "IdentityActivator",
    "MaxPoolingLayer",
    "MeanPoolingLayer",
    "ReluActivator",
    "conv",
    "element_wise_op",
    "get_max_index",
    "get_patch",
    "padding",
]


def get_patch(input_array: Array, i: int, j: int, filter_width: int, filter_height: int, stride: int) -> Array:
    """Give the window of output pixel (i, j), a view of (H, W) or (C, H, W)."""
    top, left = i * stride, j * stride
    return input_array[..., top : top + filter_height, left : left + filter_width]


def get_max_index(array: Array) -> tuple[int, int]:
    """Give the row and column of the largest number, the first of equals."""
    array = as_ranked(array, "array", 2, "(H, W)", "float64")
    i, j = np.unravel_index(np.argmax(array), array.shape)
    return int(i), int(j)


def element_wise_op(array: Array, op: Callable[[Any], Any]) -> None:
    """Replace each number of the array by ``op`` of it."""
    array = _writable(array, "array")
    array[...] = apply(op, array)


def padding(input_array: Array, zp: int) -> Array:
    """Put a frame of ``zp`` zeros around (H, W) or around each channel of (C, H, W)."""
    input_array = as_array(input_array, "input_array", "float64")
    if as_int(zp, "zp", least=0) == 0:
        return input_array
    if input_array.ndim not in (2, 3):
        raise ValueError(f"input_array must have shape (H, W) or (C, H, W); received {input_array.shape}")
    return np.pad(input_array, [(0, 0)] * (input_array.ndim - 2) + [(zp, zp)] * 2)


def conv(input_array: Array, kernel_array: Array, output_array: Array, stride: int, bias: float) -> None:
    """Cross-correlate (H, W) or (C, H, W) with one kernel of as many axes, into output_array (OH, OW)."""
    x = as_array(input_array, "input_array", "float64")
    kernel = as_array(kernel_array, "kernel_array", "float64")
    if x.ndim not in (2, 3) or kernel.ndim != x.ndim:
        raise ValueError(
            f"input_array and kernel_array must both be (H, W) or both (C, H, W); received {x.shape} and {kernel.shape}"
        )
    y = functional.cross_correlate2d(
        x.reshape(1, -1, *x.shape[-2:]), kernel.reshape(1, -1, *kernel.shape[-2:]), [as_number(bias, "bias", -np.inf)],
        stride=stride,
    )[0, 0]  # fmt: skip
    if _writable(output_array, "output_array").ndim != 2:
        raise ValueError(f"output_array must have shape (OH, OW); received {output_array.shape}")
    rows, columns = output_array.shape
    if rows > y.shape[0] or columns > y.shape[1]:
        raise ValueError(f"output_array must be at most {y.shape}; received {output_array.shape}")
    output_array[...] = y[:rows, :columns]


def _writable(array: Any, name: str) -> Array:
    if not (isinstance(array, np.ndarray) and array.flags.writeable):
        raise TypeError(f"{name} must be an array to write into; received {array!r}")
    return array


class Filter:
    """One kernel of a convolution layer, and its gradient.

    Attributes
    ----------
    weights, weights_grad : ndarray, shape (depth, height, width)
    bias, bias_grad : float
        In a `ConvLayer` all four are live: they are the layer's own.
    """

    weights, weights_grad = Live(), Live()
    bias, bias_grad = LiveNumber("_bias"), LiveNumber("_bias_grad")
    _place = 0

    def __init__(self, width: int, height: int, depth: int) -> None:
        shape = as_int(depth, "depth"), as_int(height, "height"), as_int(width, "width")
        self._bind(np.empty(shape), np.zeros(1), np.zeros(shape), np.zeros(1))
        self.weights = uniform(1e-4, shape)

    def _bind(self, weights: Array, bias: Array, weights_grad: Array, bias_grad: Array) -> Filter:
        self._views = {"weights": weights, "weights_grad": weights_grad}
        self._bias, self._bias_grad = bias, bias_grad
        return self

    def __repr__(self) -> str:
        return f"filter weights:\n{self.weights!r}\nbias:\n{self.bias!r}"

    def get_weights(self) -> Array:
        """Give `weights`."""
        return self.weights

    def get_bias(self) -> float:
        """Give `bias`."""
        return self.bias

    def update(self, learning_rate: float) -> None:
        """Go down the gradient."""
        self.weights -= learning_rate * self.weights_grad
        self.bias -= learning_rate * self.bias_grad


class ConvLayer:
    """A convolution layer: `fastdl.layers.Conv2D` on one image.

    Parameters
    ----------
    input_width, input_height, channel_number : int
        Of the input (channel_number, input_height, input_width).
    filter_width, filter_height, filter_number : int
    zero_padding, stride : int
        The stride must divide what a filter can move.
    activator : object
        With ``forward`` and ``backward``, see `fastdl.compat.activators`.
    learning_rate : float

    Attributes
    ----------
    filters : list of Filter
        Live: assigning to a filter changes the layer.
    input_array, padded_input_array, output_array : ndarray
        Of the last `forward`; the output (filter_number, output_height, output_width).
    delta_array : ndarray, shape (channel_number, input_height, input_width)
        Of the last `backward`: the sensitivity map of the layer before.
    """

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
        self.output_width = windows(input_width, filter_width, zero_padding, stride, axis="width")
        self.output_height = windows(input_height, filter_height, zero_padding, stride, axis="height")
        self.activator = check_activator(activator)
        self.learning_rate = as_number(learning_rate, "learning_rate")
        self._shape = channel_number, input_height, input_width
        self._layer = Conv2D(filter_number, (filter_height, filter_width), stride=stride, padding=zero_padding)
        self._layer.build(self._shape, dtype="float64")
        params, grads = self._layer.params, self._layer.grads
        self.filters = []
        for f in range(filter_number):
            drawn = Filter(filter_width, filter_height, channel_number)
            params["weight"][f], params["bias"][f] = drawn.weights, drawn.bias
            one = slice(f, f + 1)
            self.filters.append(
                drawn._bind(params["weight"][f], params["bias"][one], grads["weight"][f], grads["bias"][one])
            )
        self.output_array = np.zeros((filter_number, self.output_height, self.output_width))
        self.delta_array = self.create_delta_array()
        self.input_array: Array | None = None

    @staticmethod
    def calculate_output_size(input_size: int, filter_size: int, zero_padding: int, stride: int) -> int:
        """Count the output's pixels along an axis."""
        return windows(input_size, filter_size, zero_padding, stride, axis="size")

    @property
    def padded_input_array(self) -> Array:
        """The last input in its frame of zeros."""
        return padding(self._input(), self.zero_padding)

    def _input(self) -> Array:
        if self.input_array is None:
            raise RuntimeError("backward must follow forward")
        return self.input_array

    def _sensitivity(self, sensitivity_array: Any) -> Array:
        return as_shaped(sensitivity_array, "sensitivity_array", self.output_array.shape)

    def forward(self, input_array: Any) -> None:
        """Compute ``output_array`` (article 4, equation 2).

        Parameters
        ----------
        input_array : array_like, shape (channel_number, input_height, input_width)
        """
        x = as_shaped(input_array, "input_array", self._shape)
        y = self._layer._forward(x.reshape(-1)).reshape(self.output_array.shape)
        self.output_array = apply(self.activator.forward, y)
        self.input_array = x

    def backward(self, input_array: Any, sensitivity_array: Any, activator: Any) -> None:
        """Compute ``delta_array`` and every filter's gradient.

        Parameters
        ----------
        input_array : array_like, shape (channel_number, input_height, input_width)
        sensitivity_array : array_like, shape (filter_number, output_height, output_width)
            The error's gradient with respect to this layer's weighted input.
        activator : object
            Of the layer before, whose output the input is.
        """
        sensitivity, activator = self._sensitivity(sensitivity_array), check_activator(activator)
        self.forward(input_array)
        back = self._layer._backward(sensitivity.reshape(-1)).reshape(self._shape)
        self.delta_array = through(activator, back, self._input())

    def bp_sensitivity_map(self, sensitivity_array: Any, activator: Any) -> None:
        """Compute ``delta_array`` alone, for the last `forward`'s input."""
        sensitivity, x = self._sensitivity(sensitivity_array)[None], self._input()
        delta, _, _ = functional.cross_correlate2d_backward(
            sensitivity, x[None], self._layer.params["weight"], stride=self.stride, padding=self.zero_padding
        )
        self.delta_array = through(check_activator(activator), delta[0], x)

    def bp_gradient(self, sensitivity_array: Any) -> None:
        """Compute the filters' gradients alone, for the last `forward`'s input."""
        sensitivity, x = self._sensitivity(sensitivity_array), self._input()
        self._layer._plan.gradients_at(x.reshape(-1), sensitivity.reshape(-1), 1, get_num_threads())

    def expand_sensitivity_map(self, sensitivity_array: Any) -> Array:
        """Spread a sensitivity map out to where stride 1 would have it, zeros between."""
        height = self.input_height - self.filter_height + 2 * self.zero_padding + 1
        width = self.input_width - self.filter_width + 2 * self.zero_padding + 1
        sensitivity = self._sensitivity(sensitivity_array)[None]
        return functional.expand_sensitivity_map(sensitivity, self.stride, (height, width))[0]  # type: ignore[no-any-return]

    def create_delta_array(self) -> Array:
        """Give zeros of the input's shape."""
        return np.zeros(self._shape)

    def update(self) -> None:
        """Go down the gradient."""
        for one in self.filters:
            one.update(self.learning_rate)


class _PoolingLayer:
    _pool: ClassVar[type[MaxPool2D] | type[MeanPool2D]]

    def __init__(
        self,
        input_width: int,
        input_height: int,
        channel_number: int,
        filter_width: int,
        filter_height: int,
        stride: int,
    ) -> None:
        self.input_width = as_int(input_width, "input_width")
        self.input_height = as_int(input_height, "input_height")
        self.channel_number = as_int(channel_number, "channel_number")
        self.filter_width = as_int(filter_width, "filter_width")
        self.filter_height = as_int(filter_height, "filter_height")
        self.stride = as_int(stride, "stride")
        self.output_width = windows(input_width, filter_width, 0, stride, axis="width")
        self.output_height = windows(input_height, filter_height, 0, stride, axis="height")
        self._shape = channel_number, input_height, input_width
        shape = self._shape
        if filter_width == filter_height == stride == 2:
            # Windows that tile each channel tile the channels on top of one another too: one image, as it lies. The
            # core runs along its rows where windows are of two by two.
            shape = 1, channel_number * input_height, input_width
        self._plan = self._pool((filter_height, filter_width), stride).build(shape, dtype="float64")._plan
        self.output_array = np.zeros((channel_number, self.output_height, self.output_width))
        self.delta_array = np.zeros(self._shape)

    def forward(self, input_array: Any) -> None:
        """Compute ``output_array``.

        Parameters
        ----------
        input_array : array_like, shape (channel_number, input_height, input_width)
        """
        x = as_shaped(input_array, "input_array", self._shape)
        y = self._plan.forward(x.reshape(-1), 1, get_num_threads(), False, 0, False)
        self.output_array = y.reshape(self.output_array.shape)

    def backward(self, input_array: Any, sensitivity_array: Any) -> None:
        """Compute ``delta_array``; where windows overlap, their gradients add.

        Parameters
        ----------
        input_array : array_like, shape (channel_number, input_height, input_width)
        sensitivity_array : array_like, shape (channel_number, output_height, output_width)
        """
        x = as_shaped(input_array, "input_array", self._shape).reshape(-1)
        sensitivity = as_shaped(sensitivity_array, "sensitivity_array", self.output_array.shape).reshape(-1)
        delta = self._plan.gradients_at(x, sensitivity, 1, get_num_threads())
        self.delta_array = delta.reshape(self._shape)


class MaxPoolingLayer(_PoolingLayer):
    """The largest number of each window; its gradient goes to the first place that holds it.

    Parameters
    ----------
    input_width, input_height, channel_number : int
        Of the input (channel_number, input_height, input_width).
    filter_width, filter_height, stride : int
        The stride must divide what the window can move.

    Attributes
    ----------
    output_array : ndarray, shape (channel_number, output_height, output_width)
    delta_array : ndarray, shape (channel_number, input_height, input_width)
    """

    _pool = MaxPool2D


class MeanPoolingLayer(_PoolingLayer):
    """The mean of each window; its gradient is shared out evenly.

    Parameters
    ----------
    input_width, input_height, channel_number : int
        Of the input (channel_number, input_height, input_width).
    filter_width, filter_height, stride : int
        The stride must divide what the window can move.

    Attributes
    ----------
    output_array : ndarray, shape (channel_number, output_height, output_width)
    delta_array : ndarray, shape (channel_number, input_height, input_width)
    """

    _pool = MeanPool2D
