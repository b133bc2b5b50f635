"""The network that an estimator trains: dense layers, a given one, one made by a function, or the one for tables."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from .._hints.attributes import is_function
from .._types import Shape
from .._validation.values import as_dtype, as_int, as_list, check_is
from ..layers import Activation, Dense, Flatten, Layer, Reshape
from ..layers.configuration import from_config
from ..models.tables import embedded_columns, start_categories, tabular
from ..optimizers import Adam, AdamW
from ..optimizers.choice import check_optimizer
from ..recipes import tabular_training
from ..schedules import cosine
from ..sequential import Sequential

AnyNetwork = Sequential | str | Callable[[Any, int], Sequential] | None
TABULAR = "tabular"  # the name of the network of `recipes.tabular`
_EPOCHS = 100  # of a user's own network
# The batch size and the least epochs and steps for dense layers, chosen on held-out samples of the tables of
# bench/tabular.py and on further draws of them, from 40 samples on.
BATCH = 32
_DENSE_EPOCHS, _DENSE_STEPS = 20, 100


class Wanted(NamedTuple):
    """The requirements of an estimator's network.

    Attributes
    ----------
    shape : tuple of int
        The shape of a sample.
    outputs : int
    columns : int or None
        The number of columns to divide the outputs into.
    categories : dict of int to int
        The features that are codes of categories, and the number of codes of each.
    """

    shape: Shape
    outputs: int
    columns: int | None
    categories: dict[int, int]


def network_for(estimator: Any, wanted: Wanted, seed: int) -> Sequential:
    """Make an estimator's own network, built.

    A copy of one that has been built keeps its parameters, with a new seed.
    """
    net, dtype = _network(estimator, wanted, seed), as_dtype(estimator.dtype)
    if not hasattr(net, "dtype"):
        net.build(wanted.shape, dtype=dtype, seed=seed)
    elif net.dtype == dtype:
        net.generator.bit_generator.state = np.random.default_rng(seed).bit_generator.state
    else:
        raise ValueError(f"dtype must be that of the network, which has been built, {net.dtype}; received {dtype}")
    return net if wanted.columns is None else _in_columns(net, wanted.columns, wanted.outputs, seed)


def training_for(estimator: Any, samples: int) -> dict[str, Any]:
    """Return the epochs, the batch size and the optimizer: those that are set, or those that suit the network."""
    sizes = {"epochs": estimator.epochs, "batch_size": estimator.batch_size}
    sizes = {name: as_int(size, name, most=np.inf) for name, size in sizes.items() if size is not None}
    given: dict[str, Any] = dict(sizes)
    lr = {} if estimator.lr is None else {"lr": estimator.lr}
    if estimator.optimizer is not None:
        check_optimizer(estimator.optimizer)
        # A copy: a rate that changes during training must not change the estimator's settings.
        given["optimizer"] = replace(estimator.optimizer, **{"lr": estimator.optimizer.lr, **lr})
    if estimator.network is not None and not is_tabular(estimator):
        return {"epochs": _EPOCHS, "batch_size": BATCH, "optimizer": Adam(**lr), **given}
    training_of = tabular_training if is_tabular(estimator) else _dense_training
    if callable(estimator.lr):
        training = training_of(samples, **sizes)
        training["optimizer"] = replace(training["optimizer"], **lr)
    else:
        training = training_of(samples, **sizes, **lr)
    return {**training, **given}


def rate_falls(estimator: Any) -> bool:
    """Return whether its rate is the default one, which falls to 0 in the course of a training."""
    own = estimator.network is None or is_tabular(estimator)
    return own and estimator.optimizer is None and not callable(estimator.lr)


def _dense_training(
    samples: int, *, epochs: int | None = None, batch_size: int | None = None, lr: float = 1e-2
) -> dict[str, Any]:
    """Return the settings of training for dense layers."""
    batch_size = BATCH if batch_size is None else batch_size
    batches = -(-samples // batch_size)
    if epochs is None:
        epochs = max(_DENSE_EPOCHS, -(-_DENSE_STEPS // batches))
    optimizer = AdamW(cosine(lr, epochs * batches), weight_decay=0.5, decay_biases=False)
    return {"epochs": epochs, "batch_size": batch_size, "optimizer": optimizer}


def is_tabular(estimator: Any) -> bool:
    """Return whether an estimator trains the network of `recipes.tabular`."""
    return isinstance(estimator.network, str) and estimator.network == TABULAR


def last_activation(net: Sequential) -> str:
    """Name the last activation of a network."""
    last: Any = net
    while isinstance(last, Sequential) and last.layers:
        last = last.layers[-1]
    return str(last.name if isinstance(last, Activation) else getattr(last, "activation", "identity"))


def _network(estimator: Any, wanted: Wanted, seed: int) -> Sequential:
    network = estimator.network
    if network is None:
        return _dense(estimator, wanted, seed)
    if is_tabular(estimator):
        _check_unused(estimator, "activation")
        return _tabular(estimator, wanted, seed)
    if isinstance(network, Sequential):
        _check_unused(estimator, "hidden", "activation")
        return deepcopy(network)
    if is_function(network) and not isinstance(network, type):
        _check_unused(estimator, "hidden", "activation")
        net: Sequential = network(wanted.shape[0] if len(wanted.shape) == 1 else wanted.shape, wanted.outputs)
        check_is(net, "what network gives", Sequential)
        return net
    raise TypeError(
        f"network must be None, a Sequential, a function that gives one or {TABULAR!r}; received {network!r}"
    )


def _check_unused(estimator: Any, *names: str) -> None:
    """Check that no settings of layers are given that are not made: a search over them would find nothing."""
    usual = inspect.signature(type(estimator)).parameters
    for name in names:
        if name in usual and not np.array_equal(value := getattr(estimator, name), usual[name].default):
            raise ValueError(f"{name} must be left out where network says which layers there are; received {value!r}")


def _sizes(estimator: Any) -> list[int]:
    hidden = estimator.hidden
    sizes = [hidden] if isinstance(hidden, (int, np.integer)) else as_list(hidden, "hidden", "sizes")
    return [as_int(size, "hidden") for size in sizes]


def _dense(estimator: Any, wanted: Wanted, seed: int) -> Sequential:
    """Make dense layers, with vectors of the categories before them."""
    layers: list[Layer] = [Dense(size, estimator.activation) for size in _sizes(estimator)]
    layers.append(Dense(wanted.outputs))
    if not wanted.categories:
        return Sequential([Flatten(), *layers] if len(wanted.shape) > 1 else layers)
    columns = embedded_columns(wanted.shape[0], wanted.categories)
    net = Sequential([columns, *layers], input_shape=wanted.shape, dtype=estimator.dtype, seed=seed)
    start_categories(columns)
    return net


def _tabular(estimator: Any, wanted: Wanted, seed: int) -> Sequential:
    """Make the network for tables: the first hidden size is its first layer's, each other one a residual block's."""
    if len(wanted.shape) > 1:
        raise ValueError(f"network must be another than {TABULAR!r} for samples of shape {wanted.shape}")
    sizes = _sizes(estimator)
    if len(set(sizes)) != 1:
        raise ValueError(f"hidden must be sizes that are all alike, for {TABULAR!r}; received {estimator.hidden}")
    return tabular(
        wanted.shape[0], wanted.outputs, categories=wanted.categories, units=sizes[0], blocks=len(sizes) - 1,
        dtype=estimator.dtype, seed=seed,
    )  # fmt: skip


def _in_columns(net: Sequential, columns: int, outputs: int, seed: int) -> Sequential:
    """Return a network with the same parameters whose outputs are divided into columns."""
    classes = outputs // columns
    if net.output_shape != (outputs,):
        raise ValueError(
            f"network must end in ({outputs},), {classes} outputs for each of {columns} columns of y; it ends in "
            f"{net.output_shape}"
        )
    config = net.get_config()
    shape, dtype = config.pop("input_shape"), config.pop("dtype")
    parted = Sequential([from_config(config), Reshape((columns, classes))], input_shape=shape, dtype=dtype, seed=seed)
    parted.parameters = net.parameters
    return parted
