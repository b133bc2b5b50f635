"""Mixup: training on weighted means of two samples and of their targets (Zhang et al. 2018)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .._types import Array
from ..samples import Samples
from .examples import Examples

if TYPE_CHECKING:
    from ..sequential import Sequential


def mixable(net: Sequential, data: Examples) -> Examples:
    """Return examples that can be mixed: labels become rows of ones and zeros."""
    samples, reading = data.samples, net.reading
    if reading.tokens or reading.arity is not None or reading.stateful or samples.lengths is not None:
        raise ValueError("mixup must be 0 for tokens, trees, sequences with lengths and stateful layers")
    if data.weights is not None or data.mask is not ...:
        raise ValueError("mixup must be 0 with sample_weight, class_weight and labels that do not count")
    if data.targets.dtype != np.int64:
        return data
    if data.targets.ndim != data.axes:
        raise ValueError("mixup must be 0 for integer targets that are no labels")
    return replace(data, targets=np.eye(net.output_shape[-1], dtype=samples.dtype)[data.targets])


def mixed(data: Examples, alpha: float, rng: np.random.Generator) -> Examples:
    """Return as many means of two samples each, with shares from the Beta(alpha, alpha) distribution."""
    partners = rng.permutation(len(data))
    shares = rng.beta(alpha, alpha, len(data)).astype(data.samples.dtype)
    given = data.samples
    samples = Samples(_means(given.x, partners, shares), given.shape, given.channels_last)
    return replace(data, samples=samples, targets=_means(data.targets, partners, shares))


def _means(values: Array, partners: Array, shares: Array) -> Array:
    """Return the means of each value with its partner's, by its share."""
    shares = shares.reshape(-1, *[1] * (values.ndim - 1))
    means: Array = values[partners].astype(shares.dtype, copy=False)  # values may be bytes, or mapped from a file
    means *= 1 - shares
    means += np.multiply(shares, values, dtype=shares.dtype, casting="same_kind")  # rounded as in a separate array
    return means
