"""The fully connected layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._types import Shape
from .._validation.values import as_int
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
    x (N, F), y (N, units), or over the steps of time alike x (N, T, F), y (N, T, units); ``params["weight"]``
    (units, F), ``params["bias"]`` (units,).
    """

    def __init__(self, units: int, activation: str | None = None, *, initializer: str = "uniform") -> None:
        super().__init__()
        self.units = as_int(units, "units")
        self.activation = check_activation(activation)
        self.initializer = check_initializer(initializer)

    def _output_shape(self, shape: Shape) -> Shape:
        if len(shape) == 3:
            raise ValueError(f"input_shape of Dense must be (F,) or (T, F); received {shape}: put a Flatten before it")
        if shape[-1] is None:
            raise ValueError("input_shape of Dense must have a number of features; received (None,)")
        return *shape[:-1], self.units

    def _parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        return {"weight": (shape[-1], self.units), "bias": (self.units,)}

    def _operations(self, shape: Shape, offset: int) -> list[dict[str, Any]]:
        return [
            {
                "kind": "dense",
                "output_shape": self._output_shape(shape),
                "activation": self.activation,
                "offset": offset,
            }
        ]

    def _initialize(self, rng: np.random.Generator) -> None:
        start_weights(self, self.initializer, self.input_shape[-1], self.units, rng)
