"""The layer that scales features robustly, by constants from data."""

from __future__ import annotations

from reprlib import repr as short
from typing import ClassVar

import numpy as np

from .._core.graph import Tensor
from .._core.kinds import LIMITS
from .._types import Array, ArrayLike, Shape
from .._validation.arrays import as_array
from .._validation.samples import as_lengths, checked_within
from .._validation.values import as_number
from .base import Layer
from .sample_shapes import check_features


class RobustScaling(Layer):
    """Scale each feature to a median of 0 and a spread of about 1, regardless of outliers, which are limited smoothly.

    y = z / sqrt(1 + (z / limit)^2) with z = (x - center) scale, which is about z if z is small, and never beyond the
    limit (Holzmüller, Grinsztajn and Steinwart 2024).

    Parameters
    ----------
    limit : float

    Notes
    -----
    x and y (N, F) or (N, T, F); ``buffers["center"]`` and ``buffers["scale"]`` (F,), which are
    zeros and ones until `adapt` is called, and which training does not change.
    """

    buffer_names: ClassVar[tuple[str, ...]] = ("center", "scale")

    def __init__(self, limit: float = 3.0) -> None:
        super().__init__()
        self.limit: float = as_number(limit, "limit", *LIMITS)

    def operations(self, x: Tensor) -> Tensor:  # noqa: D102
        check_features(self, x.shape)
        return x.then("robust_scale", limit=self.limit)

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:  # noqa: D102
        return dict.fromkeys(self.buffer_names, (shape[-1],))

    def initialize(self, rng: np.random.Generator) -> None:  # noqa: D102
        self.buffers["scale"][...] = 1

    def adapt(self, x: ArrayLike, *, lengths: ArrayLike | None = None) -> None:
        """Set the center and the scale from data: each feature's median, and one over its interquartile range.

        If that range is 0, half of the whole range is used. Constant features become 0.

        Parameters
        ----------
        x : array_like, shape (N, *input_shape)
            The input of the layer itself; `Sequential.adapt` takes that of the network.
        lengths : array_like of int, shape (N,), optional
            How many steps of each sequence (N, T, F) count; the others have no part in it.
        """
        self.check_built()
        features = self.input_shape[-1]

        def read(x: ArrayLike) -> Array:
            return as_array(x, "x", "float64")

        given = read(x) if lengths is None else checked_within(read, x, lengths, "x")
        if given.ndim != 1 + len(self.input_shape) or given.shape[-1] != features:
            raise ValueError(f"x must have shape (N, {', '.join(map(str, self.input_shape))}); received {given.shape}")
        rows = given.reshape(-1, features)
        if lengths is not None:
            if given.ndim != 3:
                raise ValueError(f"lengths must be None for samples without steps in time; received {short(lengths)}")
            rows = given[np.arange(given.shape[1]) < as_lengths(lengths, "lengths", given)[:, None]]
        low, first, middle, third, high = np.percentile(rows, (0, 25, 50, 75, 100), axis=0)
        spread = np.where(third > first, third - first, (high - low) / 2)
        least = 2 / float(np.finfo(self.dtype).max)  # so that its inverse is finite
        scale = np.where(spread > 0, 1 / np.maximum(spread, least), 0)
        with self.turn.lock:
            self.buffers["center"] = middle
            self.buffers["scale"] = scale
