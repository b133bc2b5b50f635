"""Layers that normalize: to mean 0 and variance 1, over a batch or for each sample alone."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from .._core.graph import Tensor
from .._core.kinds import LEAST_EPSILON
from .._core.shapes import features_of
from .._types import Array, Shape
from .._validation.values import as_int, as_number
from .base import Layer
from .sample_shapes import check_features


class BatchNorm(Layer):
    """Normalize every feature, or channel, over a batch, then scale and shift it (Ioffe and Szegedy 2015).

    y = weight (x - mean) / sqrt(variance + epsilon) + bias, with the mean and the variance over all samples of the
    batch, and over their pixels or the steps that count. Outside training it uses running statistics, which each step
    of training moves towards those of its batch.

    Parameters
    ----------
    momentum : float
        The share of the batch's statistics in an update of the running ones, from 0 to 1, as in PyTorch; Keras's
        momentum is 1 minus it.
    epsilon : float

    Notes
    -----
    x and y (N, F), (N, T, F) or (N, C, H, W); ``params["weight"]`` and ``params["bias"]``, ``buffers["running_mean"]``
    and ``buffers["running_var"]``, an estimate from n numbers, are (F,) or (C,).

    `forward` with ``training=True`` moves the running statistics as a step of `fit` does. A feature that is constant
    over the batch, as in a batch of one sample (F,), becomes its bias; the variance of a single number counts as 0, and
    does not change the running one. So a last batch of one sample does no harm, where PyTorch raises an error; `fit`
    warns if all batches have one sample.
    """

    buffer_names: ClassVar[tuple[str, ...]] = ("running_mean", "running_var")

    def __init__(self, *, momentum: float = 0.1, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.momentum: float = as_number(momentum, "momentum", high=1)
        self.epsilon: float = as_number(epsilon, "epsilon", LEAST_EPSILON, 1)

    def operations(self, x: Tensor) -> Tensor:  # noqa: D102
        check_features(self, x.shape)
        return x.then("batch_norm", epsilon=self.epsilon, momentum=self.momentum)

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:  # noqa: D102
        return dict.fromkeys(("weight", "bias", *self.buffer_names), (features_of(shape),))

    def initialize(self, rng: np.random.Generator) -> None:  # noqa: D102
        self.params["weight"][...] = 1
        self.buffers["running_var"][...] = 1


class LayerNorm(Layer):
    """Normalize each step, or each image, by itself, then scale and shift each number (Ba, Kiros and Hinton 2016).

    y = weight (x - mean) / sqrt(variance + epsilon) + bias.

    Parameters
    ----------
    epsilon : float

    Notes
    -----
    x and y (N, F), (N, T, F) or (N, C, H, W); ``params["weight"]`` and ``params["bias"]`` (F,) or (C, H, W).
    """

    def __init__(self, *, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.epsilon: float = as_number(epsilon, "epsilon", LEAST_EPSILON, 1)

    def operations(self, x: Tensor) -> Tensor:  # noqa: D102
        check_features(self, x.shape)
        return x.then("layer_norm", epsilon=self.epsilon)

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:  # noqa: D102
        stored = (*shape[1:], shape[0]) if len(shape) == 3 else shape[-1:]
        return dict.fromkeys(("weight", "bias"), stored)

    def shown(self, stored: Array) -> Array:  # noqa: D102
        return stored.transpose(2, 0, 1) if stored.ndim == 3 else stored

    def initialize(self, rng: np.random.Generator) -> None:  # noqa: D102
        self.params["weight"][...] = 1


class GroupNorm(Layer):
    """Normalize groups of channels of each sample, then scale and shift each channel (Wu and He 2018).

    y = weight (x - mean) / sqrt(variance + epsilon) + bias, with the mean and the variance over all pixels, or all
    steps that count, of the channels of a group. It does not depend on other samples, so that small batches do no harm.

    Parameters
    ----------
    groups : int
        How many groups channels or features are in, side by side; as many as channels make each one its own, which is
        instance normalization (Ulyanov et al. 2016).
    epsilon : float

    Notes
    -----
    x and y (N, F), (N, T, F) or (N, C, H, W); ``params["weight"]`` and ``params["bias"]`` (F,) or (C,). Over the steps
    of sequences it is as PyTorch's of (N, F, T).
    """

    def __init__(self, groups: int, *, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.groups: int = as_int(groups, "groups")
        self.epsilon: float = as_number(epsilon, "epsilon", LEAST_EPSILON, 1)

    def operations(self, x: Tensor) -> Tensor:  # noqa: D102
        check_features(self, x.shape)
        if features_of(x.shape) % self.groups:
            raise ValueError(f"groups must divide {features_of(x.shape)} channels or features; received {self.groups}")
        return x.then("group_norm", epsilon=self.epsilon, groups=self.groups)

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:  # noqa: D102
        return dict.fromkeys(("weight", "bias"), (features_of(shape),))

    def initialize(self, rng: np.random.Generator) -> None:  # noqa: D102
        self.params["weight"][...] = 1
