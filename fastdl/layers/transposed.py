"""Transposed convolution of images."""

from __future__ import annotations

import numpy as np

from .._core.graph import Tensor
from .._core.kinds import ELEMENTWISE
from .._types import Array, Shape
from .._validation.values import as_int, as_pair
from ..initializers import Initializer
from .activation import Activation, activated, as_activation
from .base import Layer
from .initial_values import check_initializer, start_weights
from .padding import Pair
from .sample_shapes import image_shape


class ConvTranspose2D(Layer):
    """A transposed convolution, with a bias and an activation: each pixel becomes a window, and windows add up.

    Its output has a size from which a `Conv2D` of the same kernel, stride and padding gives the input's size back
    (Zeiler et al. 2010).

    Parameters
    ----------
    filters : int
        Output channels.
    kernel_size, stride : int or (int, int)
        Height and width.
    padding : int or (int, int)
        Pixels of the output that are cut off on every side.
    output_padding : int or (int, int)
        Additional pixels below and right, fewer than the stride, as a convolution gives the same size for several.
    activation : str or Activation, optional
        The name of an `Activation` other than softmax, or an `Activation` with its setting.
    initializer : str, (str, float) or callable
        For the weights: a name from `fastdl.initializers`, a pair of such a name and a gain, or a function.

    Notes
    -----
    x (N, C, H, W), y (N, filters, OH, OW) with OH = (H - 1) stride + kernel - 2 padding + output_padding;
    ``params["weight"]`` (C, filters, KH, KW), ``params["bias"]`` (filters,).
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Pair,
        *,
        stride: int | Pair = 1,
        padding: int | Pair = 0,
        output_padding: int | Pair = 0,
        activation: str | Activation | None = None,
        initializer: Initializer = "uniform",
    ) -> None:
        super().__init__()
        self.filters: int = as_int(filters, "filters")
        self.kernel_size: tuple[int, int] = as_pair(kernel_size, "kernel_size")
        self.stride: tuple[int, int] = as_pair(stride, "stride")
        self.padding: tuple[int, int] = as_pair(padding, "padding", least=0)
        self.output_padding: tuple[int, int] = as_pair(output_padding, "output_padding", least=0)
        if any(more >= step for more, step in zip(self.output_padding, self.stride, strict=True)):
            raise ValueError(
                f"output_padding must be less than the stride, {self.stride}; received {self.output_padding}"
            )
        self.activation: str | Activation = as_activation(activation, known=ELEMENTWISE)
        self.initializer: Initializer = check_initializer(initializer)

    def operations(self, x: Tensor) -> Tensor:  # noqa: D102
        _, *size = image_shape(self, x.shape)
        geometry = zip(size, self.kernel_size, self.stride, self.padding, self.output_padding, strict=True)
        h, w = ((n - 1) * step + k + more for n, k, step, _, more in geometry)
        if h <= 2 * self.padding[0] or w <= 2 * self.padding[1]:
            raise ValueError(f"padding must leave something of {h} x {w} pixels; received {self.padding}")
        y = x.then(
            "transposed_convolution", filters=self.filters, kernel=self.kernel_size, stride=self.stride,
            padding=self.padding, extra=self.output_padding,
        )  # fmt: skip
        return activated(y, self.activation)

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:  # noqa: D102
        return {"weight": (*self.kernel_size, self.filters, shape[0]), "bias": (self.filters,)}

    def shown(self, stored: Array) -> Array:  # noqa: D102
        return stored.transpose(3, 2, 0, 1) if stored.ndim == 4 else stored

    def initialize(self, rng: np.random.Generator) -> None:  # noqa: D102
        # The fans are those of the convolution that it transposes, as in PyTorch and Keras.
        field = self.kernel_size[0] * self.kernel_size[1]
        start_weights(self, self.initializer, self.filters * field, self.input_shape[0] * field, rng)
