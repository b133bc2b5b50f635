"""The convolution layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._validation.values import as_int, as_pair
from .base import Layer, check_activation, check_initializer, image_shape, start_weights


class Conv2D(Layer):
    """Cross-correlation with learned kernels, a bias, and an activation (article 4).

    Parameters
    ----------
    filters : int
        Output channels.
    kernel_size, stride, padding : int or (int, int)
        Height and width; the padding is of zeros, on every side.
    activation : str, optional
        identity, relu, sigmoid or tanh.
    initializer : str
        Of the weights: a name of `fastdl.initializers`.

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
        activation: str | None = None,
        initializer: str = "uniform",
    ) -> None:
        super().__init__()
        self.filters = as_int(filters, "filters")
        self.kernel_size = as_pair(kernel_size, "kernel_size")
        self.stride = as_pair(stride, "stride")
        self.padding = as_pair(padding, "padding", least=0)
        self.activation = check_activation(activation)
        self.initializer = check_initializer(initializer)
        if self.activation == "softmax":
            raise ValueError("activation of Conv2D must be identity, relu, sigmoid or tanh; received 'softmax'")

    def _output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        _, h, w = image_shape(self, shape)
        (kh, kw), (sh, sw), (ph, pw) = self.kernel_size, self.stride, self.padding
        if h + 2 * ph < kh or w + 2 * pw < kw:
            raise ValueError(
                f"kernel_size must fit into the padded input of {h + 2 * ph} x {w + 2 * pw}; received {kh} x {kw}"
            )
        return self.filters, (h + 2 * ph - kh) // sh + 1, (w + 2 * pw - kw) // sw + 1

    def _parameter_shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        return {"weight": (*self.kernel_size, shape[0], self.filters), "bias": (self.filters,)}

    def _public(self, stored: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return stored.transpose(3, 2, 0, 1) if stored.ndim == 4 else stored

    def _operations(self, shape: tuple[int, ...], offset: int) -> list[dict[str, Any]]:
        c, h, w = image_shape(self, shape)
        ph, pw = self.padding
        pad = {"kind": "pad", "output_shape": (c, h + 2 * ph, w + 2 * pw), "padding": (ph, pw)}
        convolution = {
            "kind": "convolution",
            "output_shape": self._output_shape(shape),
            "kernel": self.kernel_size,
            "stride": self.stride,
            "activation": self.activation,
            "offset": offset,
        }
        return [pad, convolution] if ph or pw else [convolution]

    def _initialize(self, rng: np.random.Generator) -> None:
        field = self.kernel_size[0] * self.kernel_size[1]
        start_weights(self, self.initializer, self.input_shape[0] * field, self.filters * field, rng)
