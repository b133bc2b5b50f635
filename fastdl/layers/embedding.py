"""The embedding layer."""

from __future__ import annotations

import numpy as np

from .._core.graph import Tensor
from .._core.kinds import MOST_TOKENS
from .._types import Array, Shape
from .._validation.values import as_int
from .base import Layer


class Embedding(Layer):
    """A learned vector for each token of a vocabulary: what article 5 does with one-hot vectors, without the product.

    Parameters
    ----------
    vocabulary : int
        How many tokens there are; ids are integers from 0 on.
    dim : int
        Of the vectors.

    Notes
    -----
    x (N, T), y (N, T, dim); ``params["weight"]`` (vocabulary, dim), from a standard normal distribution. The
    gradient with respect to x is zero.
    """

    def __init__(self, vocabulary: int, dim: int) -> None:
        super().__init__()
        self.vocabulary, self.dim = as_int(vocabulary, "vocabulary", most=MOST_TOKENS), as_int(dim, "dim")

    def operations(self, x: Tensor) -> Tensor:  # noqa: D102
        if len(x.shape) != 1:
            raise ValueError(f"input_shape of Embedding must be (T,); received {x.shape}")
        return x.then("embedding", vocabulary=self.vocabulary, dim=self.dim)

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:  # noqa: D102
        return {"weight": (self.vocabulary, self.dim)}

    def shown(self, stored: Array) -> Array:  # noqa: D102
        return stored

    def initialize(self, rng: np.random.Generator) -> None:  # noqa: D102
        self.params["weight"][...] = rng.standard_normal((self.vocabulary, self.dim))
