"""The fully connected layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._validation import as_int
from .base import Layer, check_activation, check_initializer, start_weights


class Dense(Layer):
    """y = activation(x W^T + b), the articles' full connection (article 3, equation of the vectorised layer).

    Parameters
    ----------
    units : int
        Output features.
    activation : str, optional
        identity, relu, sigmoid, tanh or softmax.
    initializer : str
        Of the weights: a name of `fastdl.initializers`.

    Notes
    -----
    x (N, F), y (N, units); ``params["weight"]`` (units, F), ``params["bias"]`` (units,).
    """

    _arguments = ("units", "activation", "initializer")

    def __init__(self, units: int, activation: str | None = None, *, initializer: str = "uniform") -> None:
        super().__init__()
        self.units = as_int(units, "units")
        self.activation = check_activation(activation)
        self.initializer = check_initializer(initializer)

    def _output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if len(shape) != 1:
            raise ValueError(f"input_shape of Dense must be (F,); received {shape}: put a Flatten before it")
        return (self.units,)

    def _parameter_shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        return {"weight": (shape[0], self.units), "bias": (self.units,)}

    def _operations(self, shape: tuple[int, ...], offset: int) -> list[dict[str, Any]]:
        return [{"kind": "dense", "output_shape": (self.units,), "activation": self.activation, "offset": offset}]

    def _initialize(self, rng: np.random.Generator) -> None:
        start_weights(self, self.initializer, self.input_shape[0], self.units, rng)
