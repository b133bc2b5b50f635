"""Which network an estimator trains: dense layers, one that is given, or what a function makes."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np

from .._types import Shape
from .._validation.values import as_dtype, as_int, as_list, check_is
from ..layers import Dense, Flatten, Layer, Reshape
from ..layers.configuration import from_config
from ..sequential import Sequential

AnyNetwork = Sequential | Callable[[Any, int], Sequential] | None


def network_of(
    network: AnyNetwork,
    shape: Shape,
    outputs: int,
    columns: int | None,
    *,
    hidden: Any,
    activation: str,
    dtype: str,
    seed: int,
) -> Sequential:
    """Give an estimator a network of its own, built for samples of this shape.

    Where there are columns, its outputs (outputs,) become (columns, outputs // columns). One that has been built keeps
    its parameters, but draws its random numbers anew.
    """
    if network is None:
        net = Sequential(_dense_layers(shape, outputs, hidden, activation))
    elif isinstance(network, Sequential):
        net = deepcopy(network)
    elif callable(network) and not isinstance(network, type):
        net = network(shape[0] if len(shape) == 1 else shape, outputs)
        check_is(net, "what network gives", Sequential)
    else:
        raise TypeError(f"network must be None, a Sequential or a function that gives one; received {network!r}")
    if not hasattr(net, "dtype"):
        net.build(shape, dtype=dtype, seed=seed)
    elif net.dtype == as_dtype(dtype):
        net.generator.bit_generator.state = np.random.default_rng(seed).bit_generator.state
    else:
        raise ValueError(f"dtype must be that of the network, which has been built, {net.dtype}; received {dtype}")
    return net if columns is None else _in_columns(net, columns, outputs // columns, seed)


def _dense_layers(shape: Shape, outputs: int, hidden: Any, activation: str) -> list[Layer]:
    sizes = [hidden] if isinstance(hidden, (int, np.integer)) else as_list(hidden, "hidden", "sizes")
    flatten: list[Layer] = [Flatten()] if len(shape) > 1 else []
    return [*flatten, *(Dense(as_int(size, "hidden"), activation) for size in sizes), Dense(outputs)]


def _in_columns(net: Sequential, columns: int, classes: int, seed: int) -> Sequential:
    """Give a network with the parameters of this one whose outputs are of shape (columns, classes)."""
    if net.output_shape != (columns * classes,):
        raise ValueError(
            f"network must end in ({columns * classes},), {classes} outputs for each of {columns} columns of y; "
            f"it ends in {net.output_shape}"
        )
    config = net.get_config()
    shape, dtype = config.pop("input_shape"), config.pop("dtype")
    parted = Sequential([from_config(config), Reshape((columns, classes))], input_shape=shape, dtype=dtype, seed=seed)
    parted.parameters = net.parameters
    return parted
