"""The pooling layers."""

from __future__ import annotations

from operator import attrgetter
from typing import Any, ClassVar

import numpy as np

from ..._threads import get_num_threads
from ..._types import Array
from ..._validation.values import as_int
from ...layers import MaxPool2D, MeanPool2D
from .._checks import as_shaped, windows
from .._memory import Built
from .functions import functions_as_written, get_max_index, get_patch

_geometry_of_pooling = attrgetter(
    "input_width", "input_height", "channel_number", "filter_width", "filter_height", "stride"
)


class _PoolingLayer(Built):
    _pool: ClassVar[type[MaxPool2D] | type[MeanPool2D]]
    delta_array: Array
    _built = "_plan", "_geometry"

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
        self.output_array: Array = np.zeros((channel_number, self.output_height, self.output_width))
        self._build()

    def _build(self) -> None:
        self._geometry = _geometry_of_pooling(self)
        width, height, channels, filter_width, filter_height, stride = self._geometry
        shape = channels, height, width
        if filter_width == filter_height == stride == 2 and height % 2 == 0:
            # Windows that tile each channel also tile all channels stacked on top of one another, one image in the same
            # memory. With windows of two by two, the core runs along its rows.
            shape = 1, channels * height, width
        self._plan = self._pool((filter_height, filter_width), stride).build(shape, dtype="float64").last_plan

    def _ready(self) -> bool:
        """Return whether the core computes what the listing would compute."""
        return (
            functions_as_written()
            and _geometry_of_pooling(self) == self._geometry
            and self.output_array.shape == (self.channel_number, self.output_height, self.output_width)
        )

    def _input(self, input_array: Any) -> Array:
        return as_shaped(input_array, "input_array", (self.channel_number, self.input_height, self.input_width))

    def _patch(self, array: Array, i: int, j: int) -> Array:
        return get_patch(array, i, j, self.filter_width, self.filter_height, self.stride)

    def forward(self, input_array: Any) -> None:
        """Compute ``output_array``.

        Parameters
        ----------
        input_array : array_like, shape (channel_number, input_height, input_width)
        """
        x = self._input(input_array)
        if self._ready():
            y = self._plan.forward(x.reshape(-1), 1, get_num_threads(), False, 0, False)
            self.output_array[...] = y.reshape(self.output_array.shape)
            return
        for d, i, j in np.ndindex(self.output_array.shape):
            self.output_array[d, i, j] = self._of_patch(self._patch(x[d], i, j))

    def backward(self, input_array: Any, sensitivity_array: Any) -> None:
        """Compute ``delta_array``; where windows overlap, their gradients add.

        Parameters
        ----------
        input_array : array_like, shape (channel_number, input_height, input_width)
        sensitivity_array : array_like, shape (channel_number, output_height, output_width)
        """
        x = self._input(input_array)
        sensitivity = as_shaped(sensitivity_array, "sensitivity_array", self.output_array.shape)
        if self._ready():
            delta = self._plan.gradients_at(x.reshape(-1), sensitivity.reshape(-1), 1, get_num_threads())
            self.delta_array = delta.reshape(x.shape)
            return
        self.delta_array: Array = np.zeros(x.shape)
        for d, i, j in np.ndindex(sensitivity.shape):
            rows, columns = self._places(x[d], i, j)
            self.delta_array[d, rows, columns] += sensitivity[d, i, j] / self.delta_array[d, rows, columns].size

    @staticmethod
    def _of_patch(patch: Array) -> float:
        raise NotImplementedError

    def _places(self, plane: Array, i: int, j: int) -> tuple[Any, Any]:
        """Return the rows and columns of a plane that share a window's gradient."""
        raise NotImplementedError


class MaxPoolingLayer(_PoolingLayer):
    """The largest number of each window; its gradient goes to the first place that holds it.

    Parameters
    ----------
    input_width, input_height, channel_number : int
        Of the input (channel_number, input_height, input_width).
    filter_width, filter_height, stride : int
        If the stride does not divide the range of a window, the last rows and columns are ignored.

    Attributes
    ----------
    output_array : ndarray, shape (channel_number, output_height, output_width)
    delta_array : ndarray, shape (channel_number, input_height, input_width)
    """

    _pool = MaxPool2D

    @staticmethod
    def _of_patch(patch: Array) -> float:
        return float(patch.max())

    def _places(self, plane: Array, i: int, j: int) -> tuple[Any, Any]:
        row, column = get_max_index(self._patch(plane, i, j))
        return i * self.stride + row, j * self.stride + column


class MeanPoolingLayer(_PoolingLayer):
    """The mean of each window; its gradient is shared out evenly.

    Parameters
    ----------
    input_width, input_height, channel_number : int
        Of the input (channel_number, input_height, input_width).
    filter_width, filter_height, stride : int
        If the stride does not divide the range of a window, the last rows and columns are ignored.

    Attributes
    ----------
    output_array : ndarray, shape (channel_number, output_height, output_width)
    delta_array : ndarray, shape (channel_number, input_height, input_width)
    """

    _pool = MeanPool2D

    @staticmethod
    def _of_patch(patch: Array) -> float:
        return float(patch.mean())

    def _places(self, plane: Array, i: int, j: int) -> tuple[Any, Any]:
        top, left = i * self.stride, j * self.stride
        return slice(top, top + self.filter_height), slice(left, left + self.filter_width)
