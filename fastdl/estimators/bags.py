"""Samples drawn with replacement (Breiman 1996)."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._types import Array
from .networks import BATCH
from .tables import TableEncoder


def in_order(x: Any, codes: Array, weights: Array | None) -> tuple[Array, Array | None]:
    """Put the numbers of samples into the order of their values, if they are few, each as often as its weight says.

    So a bag does not depend on the order of samples, nor on whether one comes twice or has the weight 2. Few means that
    one batch holds them all: the training on more depends on both in any case.
    """
    if len(x.shape) > 2 or len(x) > BATCH:
        return np.arange(len(x)), weights
    if not isinstance(x, np.ndarray) or x.dtype.kind not in "biuf":
        x = TableEncoder(missing="embed", min_count=1).fit_transform(x)
    order = np.lexsort(np.hstack([x, codes.reshape(len(x), -1)]).T)
    if weights is None:
        return order, None
    weights = weights[order]
    if weights.min() > 0 and (weights % 1 == 0).all() and weights.sum() <= BATCH:
        return np.repeat(order, weights.astype(int)), None
    return order, weights


def bag(strata: Array, draws: np.random.RandomState) -> Array:
    """Draw with replacement from each stratum, as many as it has."""
    order = np.argsort(strata, kind="stable")
    sizes = np.bincount(strata)
    starts, many = np.repeat(np.cumsum(sizes) - sizes, sizes), np.repeat(sizes, sizes)
    return np.sort(order[starts + (draws.random_sample(len(strata)) * many).astype(int)])
