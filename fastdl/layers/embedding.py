"""Vectors for tokens, and for positions."""

from __future__ import annotations

import numpy as np

from .._core.graph import Tensor
from .._limits import MOST_TOKENS
from .._types import Array, Shape
from .._validation.values import as_int
from .base import Layer
from .sample_shapes import sequence_shape

_POSITIONS = 0.02  # the initial standard deviation: small compared with that of tokens' vectors, which matter more


class Embedding(Layer):
    """A learned vector for each token of a vocabulary: article 5's product with one-hot vectors, as a look-up.

    Parameters
    ----------
    vocabulary : int
        The number of tokens, whose ids are integers from 0 on.
    dim : int
        The size of the vectors.

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


class PositionalEmbedding(Layer):
    """Add to each step of a sequence a learned vector for its position, the same for all samples (Gehring et al. 2017).

    Attention alone does not depend on the order of steps.

    Parameters
    ----------
    steps : int
        The largest number of steps of a sequence.

    Notes
    -----
    x and y (N, T, F) with T up to `steps`; ``params["weight"]`` (steps, F), from a normal distribution of deviation
    0.02.
    """

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps: int = as_int(steps, "steps")

    def operations(self, x: Tensor) -> Tensor:  # noqa: D102
        steps, _ = sequence_shape(self, x.shape)
        if steps is not None and steps > self.steps:
            raise ValueError(
                f"input_shape of PositionalEmbedding must be of at most {self.steps} steps; received {x.shape}"
            )
        return x.then("positions", most_steps=self.steps)

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:  # noqa: D102
        return {"weight": (self.steps, shape[1])}

    def shown(self, stored: Array) -> Array:  # noqa: D102
        return stored

    def initialize(self, rng: np.random.Generator) -> None:  # noqa: D102
        self.params["weight"][...] = _POSITIONS * rng.standard_normal((self.steps, self.input_shape[1]))
