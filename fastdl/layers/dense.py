"""The fully connected layer."""

from __future__ import annotations

import numpy as np

from .._core.graph import Tensor
from .._types import Shape
from .._validation.values import as_int
from ..initializers import Initializer
from .activation import Activation, activated, as_activation
from .base import Layer
from .initial_values import check_initializer, start_weights


class Dense(Layer):
    """y = activation(x W^T + b), the articles' full connection (article 3, equation of the vectorised layer).

    Parameters
    ----------
    units : int
        Output features.
    activation : str or Activation, optional
        The name of an `Activation`, or an `Activation` with its setting.
    initializer : str, (str, float) or callable
        For the weights: a name from `fastdl.initializers`, a pair of such a name and a gain, or a function.

    Notes
    -----
    x (N, F), y (N, units), or for each time step x (N, T, F), y (N, T, units); ``params["weight"]``
    (units, F), ``params["bias"]`` (units,).
    """

    def __init__(
        self, units: int, activation: str | Activation | None = None, *, initializer: Initializer = "uniform"
    ) -> None:
        super().__init__()
        self.units: int = as_int(units, "units")
        self.activation: str | Activation = as_activation(activation)
        self.initializer: Initializer = check_initializer(initializer)

    def operations(self, x: Tensor) -> Tensor:  # noqa: D102
        if len(x.shape) == 3:
            raise ValueError(
                f"input_shape of Dense must be (F,) or (T, F); received {x.shape}: put a Flatten before it"
            )
        if x.shape[-1] is None:
            raise ValueError("input_shape of Dense must have a number of features; received (None,)")
        return activated(x.then("dense", units=self.units), self.activation)

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:  # noqa: D102
        return {"weight": (shape[-1], self.units), "bias": (self.units,)}

    def initialize(self, rng: np.random.Generator) -> None:  # noqa: D102
        start_weights(self, self.initializer, self.input_shape[-1], self.units, rng)
