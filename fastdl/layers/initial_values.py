"""The initial values of a layer's parameters, drawn as its initializer says."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import initializers
from .._hints.attributes import is_function
from .._types import Array
from .._validation.arrays import as_array
from .._validation.values import as_choice, as_number
from ..initializers import Initializer
from .base import Layer


def check_initializer(initializer: Any, name: str = "initializer") -> Initializer:
    """Check an initializer: give a name, a pair of a name and a gain, or a function that is not fastdl's own."""
    if isinstance(initializer, (tuple, list)) and len(initializer) == 2:
        return as_choice(initializer[0], name, initializers.__all__), as_number(initializer[1], f"gain of {name}")
    if is_function(initializer):
        called = getattr(initializer, "__name__", "")
        if called in initializers.__all__ and getattr(initializers, called) is initializer:
            return str(called)
        own: Initializer = initializer
        return own
    return as_choice(initializer, name, initializers.__all__)


def is_pytorch(initializer: Initializer) -> bool:
    """Return whether an initializer is PyTorch's, which draws biases too."""
    return initializer == "pytorch" or (isinstance(initializer, tuple) and initializer[0] == "pytorch")


def drawn(
    initializer: Initializer, shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator
) -> Array:
    """Draw the initial values of a parameter of this shape."""
    if isinstance(initializer, str):
        of_name: Array = getattr(initializers, initializer)(shape, fan_in, fan_out, rng)
        return of_name
    if isinstance(initializer, tuple):
        name, gain = initializer
        return gain * drawn(name, shape, fan_in, fan_out, rng)
    values = as_array(initializer(shape, fan_in, fan_out, rng), "what initializer gives", "float64")
    if values.shape != shape:
        raise ValueError(f"initializer must give an array of shape {shape}; received one of {values.shape}")
    return values


def start_weights(layer: Layer, initializer: Initializer, fan_in: int, fan_out: int, rng: np.random.Generator) -> None:
    """Fill weight and bias; a bias starts at zero, unless the initializer is PyTorch's."""
    weight, bias = layer.params["weight"], layer.params["bias"]
    weight[...] = drawn(initializer, weight.shape, fan_in, fan_out, rng)
    bias[...] = drawn(initializer, bias.shape, fan_in, fan_out, rng) if is_pytorch(initializer) else 0
