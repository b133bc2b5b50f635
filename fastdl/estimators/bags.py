"""Samples drawn with replacement (Breiman 1996)."""

from __future__ import annotations

import numpy as np

from .._types import Array


def different(x: Array, codes: Array, weights: Array | None) -> tuple[Array, Array | None]:
    """Tell where samples come first, in the order of their numbers, and the weights of all that are the same.

    So what is drawn of them does not depend on their order, nor on whether one comes twice or has the weight 2.
    """
    if x.ndim > 2:
        return np.arange(len(x)), weights
    rows = np.hstack([x, codes.reshape(len(x), -1)])
    _, first, number = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    if weights is None and len(first) == len(rows):
        return first, None
    return first, np.bincount(number.reshape(-1), weights).astype(float)


def put(values: Array, rows: Array, count: int) -> Array:
    """Give an array of so many, with values in these rows."""
    whole = np.zeros(count)
    whole[rows] = values
    return whole


def bag(strata: Array, draws: np.random.RandomState) -> Array:
    """Draw as many of each stratum as it has, with replacement."""
    order = np.argsort(strata, kind="stable")
    sizes = np.bincount(strata)
    starts, many = np.repeat(np.cumsum(sizes) - sizes, sizes), np.repeat(sizes, sizes)
    return np.sort(order[starts + (draws.random_sample(len(strata)) * many).astype(int)])
