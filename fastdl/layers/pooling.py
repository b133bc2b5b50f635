"""Max and mean pooling."""

from __future__ import annotations

from typing import Any, ClassVar

from .._validation.values import as_pair
from .base import Layer, image_shape


class _Pool2D(Layer, abstract=True):
    _kind: ClassVar[str]

    def __init__(self, size: int | tuple[int, int], stride: int | tuple[int, int] | None = None) -> None:
        super().__init__()
        self.size = as_pair(size, "size")
        self.stride = self.size if stride is None else as_pair(stride, "stride")

    def _output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        c, h, w = image_shape(self, shape)
        (kh, kw), (sh, sw) = self.size, self.stride
        if h < kh or w < kw:
            raise ValueError(f"size must fit into the input of {h} x {w}; received {kh} x {kw}")
        return c, (h - kh) // sh + 1, (w - kw) // sw + 1

    def _operations(self, shape: tuple[int, ...], offset: int) -> list[dict[str, Any]]:
        output_shape = self._output_shape(shape)
        return [{"kind": self._kind, "output_shape": output_shape, "kernel": self.size, "stride": self.stride}]


class MaxPool2D(_Pool2D):
    """The largest value of each window (article 4); the gradient goes to the first place that holds it.

    Parameters
    ----------
    size : int or (int, int)
        Of the window.
    stride : int or (int, int), optional
        The window's size where not given. Windows may overlap; those that do not fit are dropped.
    """

    _kind = "max_pool"


class MeanPool2D(_Pool2D):
    """The mean of each window (article 4); the gradient is shared out evenly.

    Parameters
    ----------
    size : int or (int, int)
        Of the window.
    stride : int or (int, int), optional
        The window's size where not given. Windows may overlap; those that do not fit are dropped.
    """

    _kind = "mean_pool"
