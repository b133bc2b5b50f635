"""The layer of periodic embeddings: learned cosines of each feature."""

from __future__ import annotations

import numpy as np

from .._core.graph import Tensor
from .._core.kinds import MOST_SCALE
from .._types import Array, Shape
from .._validation.values import as_int, as_number
from .base import Layer
from .sample_shapes import check_features


class PeriodicEmbedding(Layer):
    """Cosines of every feature, with frequencies and phases that are learned: y = cos(2 pi (weight x + bias)).

    They let a network learn functions that oscillate over a feature's range (Gorishniy, Rubachev and
    Babenko 2022). Its inputs should be of size about 1, as after a `RobustScaling`.

    Parameters
    ----------
    frequencies : int
        K, the number of cosines of each feature.
    stddev : float
        The standard deviation of the initial frequencies, in periods per unit of x.

    Notes
    -----
    x (N, F), y (N, F K), the first feature's cosines first, or for each time step x (N, T, F), y (N, T, F K);
    ``params["weight"]`` and ``params["bias"]`` (F, K), from a normal distribution, and from -1/2 to 1/2.
    """

    def __init__(self, frequencies: int, stddev: float = 0.1) -> None:
        super().__init__()
        self.frequencies: int = as_int(frequencies, "frequencies")
        self.stddev: float = as_number(stddev, "stddev", high=MOST_SCALE)

    def operations(self, x: Tensor) -> Tensor:  # noqa: D102
        check_features(self, x.shape)
        return x.then("periodic", frequencies=self.frequencies)

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:  # noqa: D102
        return dict.fromkeys(("weight", "bias"), (shape[-1], self.frequencies))

    def shown(self, stored: Array) -> Array:  # noqa: D102
        return stored

    def initialize(self, rng: np.random.Generator) -> None:  # noqa: D102
        shape = self.params["weight"].shape
        self.params["weight"][...] = self.stddev * rng.standard_normal(shape)
        self.params["bias"][...] = rng.uniform(-0.5, 0.5, shape)
