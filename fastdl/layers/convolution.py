"""Convolutions of images and of sequences, which are images of height 1."""

from __future__ import annotations

import numpy as np

from .._core.graph import Tensor
from .._core.kinds import ELEMENTWISE
from .._core.shapes import features_of
from .._types import Array, Shape
from .._validation.values import as_int, as_pair
from ..initializers import Initializer
from .activation import Activation, activated, as_activation
from .base import Layer
from .initial_values import check_initializer, start_weights
from .padding import Padding, Pair, as_padding, as_padding_in_time, padded
from .sample_shapes import image_shape, sequence_shape


class _Convolution(Layer, abstract=True):
    """The base of both: a convolution with a window of (height, width), from `_window`, and groups of channels."""

    padding: Padding

    def __init__(
        self, filters: int, groups: int, activation: str | Activation | None, initializer: Initializer
    ) -> None:
        super().__init__()
        self.filters: int = as_int(filters, "filters")
        self.groups: int = as_int(groups, "groups")
        if self.filters % self.groups:
            raise ValueError(f"groups must divide the {self.filters} filters; received {self.groups}")
        self.activation: str | Activation = as_activation(activation, known=ELEMENTWISE)
        self.initializer: Initializer = check_initializer(initializer)

    def _window(self) -> tuple[Pair, Pair, Pair]:
        """Return its kernel, stride and dilation."""
        raise NotImplementedError

    def operations(self, x: Tensor) -> Tensor:
        channels = features_of(x.shape)
        if channels % self.groups:
            raise ValueError(f"groups must divide the {channels} channels of the input; received {self.groups}")
        kernel, stride, dilation = self._window()
        x = padded(x, self.padding, kernel, stride, dilation)
        y = x.then(
            "convolution", filters=self.filters, kernel=kernel, stride=stride, dilation=dilation, groups=self.groups
        )
        return activated(y, self.activation)

    def initialize(self, rng: np.random.Generator) -> None:
        (kh, kw), *_ = self._window()
        inputs, outputs = features_of(self.input_shape) // self.groups, self.filters // self.groups
        start_weights(self, self.initializer, inputs * kh * kw, outputs * kh * kw, rng)


class Conv2D(_Convolution):
    """Cross-correlation with learned kernels, a bias, and an activation (article 4).

    Parameters
    ----------
    filters : int
        Output channels.
    kernel_size, stride : int or (int, int)
        Height and width.
    padding : int, (int, int) or "same"
        Rows and columns of zeros on every side; "same" makes OH = ceil(H / stride), with an odd one below and right.
    dilation : int or (int, int)
        The distance in pixels between neighbours in the kernel (Yu and Koltun 2016).
    groups : int
        The number of groups into which input and output channels are divided, each of which sees only its own; with as
        many groups as input channels the convolution is depthwise.
    activation : str or Activation, optional
        The name of an `Activation` other than softmax, or an `Activation` with its setting.
    initializer : str, (str, float) or callable
        For the weights: a name from `fastdl.initializers`, a pair of such a name and a gain, or a function.

    Notes
    -----
    x (N, C, H, W), y (N, filters, OH, OW) with OH = (H + 2 padding - dilation (kernel - 1) - 1) // stride + 1;
    ``params["weight"]`` (filters, C / groups, KH, KW), ``params["bias"]`` (filters,).
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Pair,
        *,
        stride: int | Pair = 1,
        padding: int | Pair | str = 0,
        dilation: int | Pair = 1,
        groups: int = 1,
        activation: str | Activation | None = None,
        initializer: Initializer = "uniform",
    ) -> None:
        super().__init__(filters, groups, activation, initializer)
        self.kernel_size: tuple[int, int] = as_pair(kernel_size, "kernel_size")
        self.stride: tuple[int, int] = as_pair(stride, "stride")
        self.padding = as_padding(padding)
        self.dilation: tuple[int, int] = as_pair(dilation, "dilation")

    def _window(self) -> tuple[Pair, Pair, Pair]:
        return self.kernel_size, self.stride, self.dilation

    def operations(self, x: Tensor) -> Tensor:  # noqa: D102
        image_shape(self, x.shape)
        return super().operations(x)

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:  # noqa: D102
        return {"weight": (*self.kernel_size, shape[0] // self.groups, self.filters), "bias": (self.filters,)}

    def shown(self, stored: Array) -> Array:  # noqa: D102
        return stored.transpose(3, 2, 0, 1) if stored.ndim == 4 else stored


class Conv1D(_Convolution):
    """Cross-correlation over the steps of sequences, with learned kernels, a bias, and an activation.

    Parameters
    ----------
    filters : int
        Output features.
    kernel_size, stride, dilation : int
        In steps.
    padding : int, "same" or "causal"
        Steps of zeros before and after; "same" makes T / stride steps, rounded up, with an odd zero after; "causal"
        puts as many zeros all before, so that no output sees a later step.
    groups : int
        The number of groups of features, like those of channels in `Conv2D`.
    activation : str or Activation, optional
        The name of an `Activation` other than softmax, or an `Activation` with its setting.
    initializer : str, (str, float) or callable
        For the weights: a name from `fastdl.initializers`, a pair of such a name and a gain, or a function.

    Notes
    -----
    x (N, T, F), y (N, OT, filters) with OT = (T + 2 padding - dilation (kernel - 1) - 1) // stride + 1;
    ``params["weight"]`` (filters, F / groups, K), ``params["bias"]`` (filters,).

    With `lengths`, steps that do not count are read as zeros. If OT is not T, lengths are refused.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: int | str = 0,
        dilation: int = 1,
        groups: int = 1,
        activation: str | Activation | None = None,
        initializer: Initializer = "uniform",
    ) -> None:
        super().__init__(filters, groups, activation, initializer)
        self.kernel_size: int = as_int(kernel_size, "kernel_size")
        self.stride: int = as_int(stride, "stride")
        self.padding = as_padding_in_time(padding)
        self.dilation: int = as_int(dilation, "dilation")

    def _window(self) -> tuple[Pair, Pair, Pair]:
        return (1, self.kernel_size), (1, self.stride), (1, self.dilation)

    def operations(self, x: Tensor) -> Tensor:  # noqa: D102
        sequence_shape(self, x.shape)
        return super().operations(x)

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:  # noqa: D102
        return {"weight": (self.kernel_size, shape[1] // self.groups, self.filters), "bias": (self.filters,)}
