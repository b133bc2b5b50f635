"""The convolution layer."""

from __future__ import annotations

import numpy as np

from .._core.graph import Tensor
from .._core.kinds import ELEMENTWISE
from .._types import Array, Shape
from .._validation.values import as_int, as_pair
from ..initializers import Initializer
from .activation import Activation, activated, as_activation
from .base import Layer
from .helpers import check_initializer, image_shape, start_weights


class Conv2D(Layer):
    """Cross-correlation with learned kernels, a bias, and an activation (article 4).

    Parameters
    ----------
    filters : int
        Output channels.
    kernel_size, stride, padding : int or (int, int)
        Height and width; the padding is of zeros, on every side.
    activation : str or Activation, optional
        A name of `Activation`'s, but softmax, or one with its setting.
    initializer : str, (str, float) or callable
        Of the weights: a name of `fastdl.initializers`, one with a gain, or a function.

    Notes
    -----
    x (N, C, H, W), y (N, filters, OH, OW) with OH = (H + 2 padding - kernel) // stride + 1;
    ``params["weight"]`` (filters, C, KH, KW), ``params["bias"]`` (filters,).
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, int],
        *,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        activation: str | Activation | None = None,
        initializer: Initializer = "uniform",
    ) -> None:
        super().__init__()
        self.filters = as_int(filters, "filters")
        self.kernel_size = as_pair(kernel_size, "kernel_size")
        self.stride = as_pair(stride, "stride")
        self.padding = as_pair(padding, "padding", least=0)
        self.activation = as_activation(activation, known=ELEMENTWISE)
        self.initializer = check_initializer(initializer)

    def operations(self, x: Tensor) -> Tensor:  # noqa: D102
        _, h, w = image_shape(self, x.shape)
        (kh, kw), (ph, pw) = self.kernel_size, self.padding
        if h + 2 * ph < kh or w + 2 * pw < kw:
            raise ValueError(
                f"kernel_size must fit into the padded input of {h + 2 * ph} x {w + 2 * pw}; received {kh} x {kw}"
            )
        if ph or pw:
            x = x.then("pad", padding=self.padding)
        y = x.then("convolution", filters=self.filters, kernel=self.kernel_size, stride=self.stride)
        return activated(y, self.activation)

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:  # noqa: D102
        return {"weight": (*self.kernel_size, shape[0], self.filters), "bias": (self.filters,)}

    def shown(self, stored: Array) -> Array:  # noqa: D102
        return stored.transpose(3, 2, 0, 1) if stored.ndim == 4 else stored

    def initialize(self, rng: np.random.Generator) -> None:  # noqa: D102
        field = self.kernel_size[0] * self.kernel_size[1]
        start_weights(self, self.initializer, self.input_shape[0] * field, self.filters * field, rng)
