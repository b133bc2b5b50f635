"""Which network an estimator trains: dense layers, that for tables, one that is given, or what a function makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import numpy as np

from .._types import Shape
from .._validation.values import as_dtype, as_int, as_list, check_is
from ..layers import Dense, Flatten, Layer, Reshape
from ..layers.configuration import from_config
from ..models import embedded_columns, start_categories, tabular
from ..sequential import Sequential

AnyNetwork = Sequential | Callable[[Any, int], Sequential] | str | None


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
    categories: Mapping[int, int],
) -> Sequential:
    """Give an estimator a network of its own, built for samples of this shape.

    Where there are columns, its outputs (outputs,) become (columns, outputs // columns). One that has been built keeps
    its parameters, but draws its random numbers anew.
    """
    if network is None:
        layers = _dense_layers(shape, outputs, hidden, activation)
        net = Sequential(layers) if not categories else _behind_categories(layers, shape, categories, dtype, seed)
    elif isinstance(network, str) and network == "tabular" and len(shape) == 1:
        net = tabular(shape[0], outputs, categories=categories, dtype=dtype, seed=seed)
    elif isinstance(network, Sequential):
        net = deepcopy(network)
    elif callable(network) and not isinstance(network, type):
        net = network(shape[0] if len(shape) == 1 else shape, outputs)
        check_is(net, "what network gives", Sequential)
    else:
        raise TypeError(
            "network must be None, 'tabular' for samples that are rows, a Sequential or a function that gives one; "
            f"received {network!r}"
        )
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


def _behind_categories(
    layers: list[Layer], shape: Shape, categories: Mapping[int, int], dtype: str, seed: int
) -> Sequential:
    """Give layers that read vectors of categories beside the numbers, built."""
    columns = embedded_columns(shape[0], categories)
    net = Sequential([columns, *layers], input_shape=shape, dtype=dtype, seed=seed)
    start_categories(columns)
    return net


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
