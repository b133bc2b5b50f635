"""Data to train the network on, and checks of what it learns."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any


class Normalizer:
    """Whole numbers from 0 to 255 as vectors of their eight bits, the lowest first: 0.9 for one, 0.1 for zero.

    Attributes
    ----------
    mask : list of int
        The value of each bit.
    """

    def __init__(self) -> None:
        self.mask = [1 << bit for bit in range(8)]

    def norm(self, number: int) -> list[float]:
        """Return the vector of a number."""
        return [0.9 if number & bit else 0.1 for bit in self.mask]

    def denorm(self, vec: Sequence[float]) -> int:
        """Return the number of a vector; bits are one above a half."""
        return sum(bit for bit, value in zip(self.mask, vec, strict=True) if value > 0.5)


def mean_square_error(vec1: Sequence[float], vec2: Sequence[float]) -> float:
    """Return half the sum of squared differences."""
    return 0.5 * sum((a - b) * (a - b) for a, b in zip(vec1, vec2, strict=True))


def train_data_set() -> tuple[list[list[float]], list[list[float]]]:
    """Return 32 random numbers as vectors of bits, each its own label: labels, then samples."""
    normalizer = Normalizer()
    data_set = [normalizer.norm(int(random.uniform(0, 256))) for _ in range(32)]
    return list(data_set), data_set


def gradient_check(network: Any, sample_feature: Any, sample_label: Any) -> float:
    """Compare the gradient of every connection with central differences, and print both.

    Parameters
    ----------
    network : Network
    sample_feature : array_like, shape (inputs,)
    sample_label : array_like, shape (outputs,)

    Returns
    -------
    float
        The largest difference, relative to the largest gradient.
    """
    network.get_gradient(sample_label, sample_feature)
    epsilon, worst, scale = 1e-4, 0.0, 0.0
    for conn in network.connections.connections:
        actual, kept, errors = conn.get_gradient(), conn.weight, []
        for shift in (-epsilon, epsilon):
            conn.weight = kept + shift
            errors.append(mean_square_error(network.predict(sample_feature), sample_label))
        conn.weight = kept
        expected = (errors[0] - errors[1]) / (2 * epsilon)
        print(f"expected gradient: \t{expected:f}\nactual gradient: \t{actual:f}")
        worst, scale = max(worst, abs(expected - actual)), max(scale, abs(actual))
    network.predict(sample_feature)
    return worst / scale if scale else worst
