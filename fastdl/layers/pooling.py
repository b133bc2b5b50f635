"""Max and mean pooling, of windows and of whole images and sequences."""

from __future__ import annotations

from typing import ClassVar

from .._core.graph import Tensor
from .._validation.values import as_int, as_pair
from .base import Layer
from .sample_shapes import image_shape, sequence_shape


class _Pool2D(Layer, abstract=True):
    _kind: ClassVar[str]

    def __init__(self, size: int | tuple[int, int], stride: int | tuple[int, int] | None = None) -> None:
        super().__init__()
        self.size: tuple[int, int] = as_pair(size, "size")
        self.stride = self.size if stride is None else as_pair(stride, "stride")

    def operations(self, x: Tensor) -> Tensor:
        _, h, w = image_shape(self, x.shape)
        if h < self.size[0] or w < self.size[1]:
            raise ValueError(f"size must fit into the input of {h} x {w}; received {self.size[0]} x {self.size[1]}")
        return x.then(self._kind, kernel=self.size, stride=self.stride)


class _Pool1D(Layer, abstract=True):
    _kind: ClassVar[str]

    def __init__(self, size: int, stride: int | None = None) -> None:
        super().__init__()
        self.size: int = as_int(size, "size")
        self.stride = self.size if stride is None else as_int(stride, "stride")

    def operations(self, x: Tensor) -> Tensor:
        steps, _ = sequence_shape(self, x.shape)
        if steps is not None and steps < self.size:
            raise ValueError(f"size must fit into the input of {steps} steps; received {self.size}")
        return x.then(self._kind, kernel=(1, self.size), stride=(1, self.stride))


class MaxPool2D(_Pool2D):
    """The largest value of each window (article 4); the gradient goes to the first place that holds it.

    Parameters
    ----------
    size : int or (int, int)
        The size of the window.
    stride : int or (int, int), optional
        By default the window's size. Windows may overlap; those that do not fit are dropped.

    Notes
    -----
    x (N, C, H, W), y (N, C, OH, OW) with OH = (H - size) // stride + 1.
    """

    _kind = "max_pool"


class MeanPool2D(_Pool2D):
    """The mean of each window (article 4); the gradient is shared out evenly.

    Parameters
    ----------
    size : int or (int, int)
        The size of the window.
    stride : int or (int, int), optional
        By default the window's size. Windows may overlap; those that do not fit are dropped.

    Notes
    -----
    x (N, C, H, W), y (N, C, OH, OW) with OH = (H - size) // stride + 1.
    """

    _kind = "mean_pool"


class MaxPool1D(_Pool1D):
    """The largest value of each window of steps; the gradient goes to the first step that holds it.

    Parameters
    ----------
    size : int
        The size of the window.
    stride : int, optional
        By default the window's size. Windows may overlap; those that do not fit are dropped.

    Notes
    -----
    x (N, T, F), y (N, OT, F) with OT = (T - size) // stride + 1. If OT is not T, lengths are refused.
    """

    _kind = "max_pool"


class MeanPool1D(_Pool1D):
    """The mean of each window of steps; the gradient is shared out evenly.

    Parameters
    ----------
    size : int
        The size of the window.
    stride : int, optional
        By default the window's size. Windows may overlap; those that do not fit are dropped.

    Notes
    -----
    x (N, T, F), y (N, OT, F) with OT = (T - size) // stride + 1. If OT is not T, lengths are refused.
    """

    _kind = "mean_pool"


class _GlobalPool(Layer, abstract=True):
    _kind: ClassVar[str]

    def operations(self, x: Tensor) -> Tensor:
        if len(x.shape) == 1:
            raise ValueError(f"input_shape of {type(self).__name__} must be (T, F) or (C, H, W); received {x.shape}")
        return x.then(self._kind)


class GlobalMaxPool(_GlobalPool):
    """The largest value of each channel, or of each feature over the steps of a sequence that count.

    The gradient goes to the first place that holds it.

    Notes
    -----
    x (N, C, H, W) or (N, T, F), y (N, C) or (N, F).
    """

    _kind = "global_max"


class GlobalMeanPool(_GlobalPool):
    """The mean of each channel, or of each feature over the steps of a sequence that count (Lin, Chen and Yan 2014).

    Notes
    -----
    x (N, C, H, W) or (N, T, F), y (N, C) or (N, F).
    """

    _kind = "global_mean"
