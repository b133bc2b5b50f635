"""Samples with their targets, weights and lengths; which of them are held out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._types import Array
from .._validation.values import as_number


@dataclass
class Data:
    """Samples, each with a target, and with a weight and a length if given."""

    x: Array
    y: Array
    weights: Array | None
    lengths: Array | None

    def __len__(self) -> int:
        return len(self.x)

    def taken(self, rows: Array) -> Data:
        """Return the samples with these numbers."""
        weights, lengths = (None if part is None else part[rows] for part in (self.weights, self.lengths))
        return Data(self.x[rows], self.y[rows], weights, lengths)

    def weighted(self, weights: Array | None) -> Data:
        """Return the same with other weights."""
        return Data(self.x, self.y, weights, self.lengths)

    def distinct(self) -> Data:
        """Return each different sample once, in the order of their values, with the sum of its weights.

        If one batch holds them all, only rounding changes. A sample that comes twice then gives the same as one of
        weight 2, to the bit, and so do all orders.
        """
        _, first, number = np.unique(self._rows(), axis=0, return_index=True, return_inverse=True)
        if self.weights is None and len(first) == len(self):
            return self.taken(first)
        return self.taken(first).weighted(np.bincount(number.reshape(-1), self.weights))

    def repeated(self, most: int) -> Data:
        """Return samples in the order of their values, each as often as its weight, if weights are whole and small.

        So the samples held out depend neither on their order, nor on whether one comes twice or has the weight 2.
        """
        rows = self._rows()
        keys = rows.T[::-1] if self.weights is None else [self.weights, *rows.T[::-1]]
        data = self.taken(np.lexsort(keys))
        times = None if data.weights is None else _times(data.weights)
        if times is None or times.sum() > most:
            return data
        return data.taken(np.repeat(np.arange(len(data)), times)).weighted(None)

    def _rows(self) -> Array:
        """Return all numbers of each sample as a row. Numbers of steps that do not count may be NaN."""
        parts = [self.x, self.y] if self.lengths is None else [self.x, self.y, self.lengths]
        rows = np.hstack([part.reshape(len(self), -1) for part in parts])
        return rows if self.lengths is None else np.nan_to_num(rows)

    def normalized(self) -> Data:
        """Scale the weights so that the mean of their absolute values is 1: then the rate suits any weights."""
        if self.weights is None:
            return self
        if not self.weights.any():
            raise ValueError("sample_weight must not cancel; received weights of the same samples that add up to zero")
        weights = self.weights / abs(self.weights).mean()
        return self.weighted(None if (weights == 1).all() else weights)


def _times(weights: Array) -> Array | None:
    """Return how often each sample comes if its weights are whole numbers, apart from a common factor."""
    if not ((weights > 0) & (weights == np.rint(weights)) & (weights < 1 << 53)).all():
        return None
    counts = weights.astype(np.int64)
    times: Array = counts // np.gcd.reduce(counts)
    return times


def held_out(samples: int, fraction: float, strata: Array | None, seed: int) -> tuple[Array, Array]:
    """Divide samples into those to train on and those to validate on, both sorted.

    Strata are integers, the classes of samples, (N,) or (N, K), or numbers, (N,). The same share of every stratum is
    held out: of each class, or combination of classes, or of small, middling and large numbers. Of each class, in each
    column, a sample at least is left to train on, even if fewer are held out then than the fraction says.
    """
    fraction = as_number(fraction, "validation_fraction", high=1.0)
    count = max(1, round(fraction * samples))
    if not 0 < fraction < 1 or count >= samples:
        raise ValueError(
            f"validation_fraction must leave samples to train on, and some to validate on; received {fraction} of "
            f"{samples} sample{'s' * (samples > 1)}"
        )
    rng = np.random.default_rng(seed)
    order = rng.permutation(samples)
    columns: list[Array] = []
    if strata is not None:
        if strata.dtype.kind == "i":
            columns = [np.unique(column, return_inverse=True)[1] for column in strata.reshape(samples, -1).T]
            strata = np.unique(strata, axis=0, return_inverse=True)[1].reshape(-1)
        order = order[np.argsort(strata[order], kind="stable")]
    if columns:
        order = order[~np.any([np.bincount(classes)[classes] == 1 for classes in columns], axis=0)[order]]
        if not len(order):
            raise ValueError(
                "y must hold samples to validate on, whose classes have others to train on; received "
                f"{samples} samples, each the only one of a class"
            )
        count = min(count, len(order))
    edges = np.arange(count + 1) * len(order) // count  # of runs; one sample of each is held out
    chosen = np.zeros(samples, bool)
    chosen[order[rng.integers(edges[:-1], edges[1:])]] = True
    for classes in columns:
        for whole in np.flatnonzero(np.bincount(classes[~chosen], minlength=classes.max() + 1) == 0):
            chosen[order[classes[order] == whole][0]] = False  # of a few samples, each in another run
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)
