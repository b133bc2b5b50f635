"""The layer that selects features."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .._core.graph import Tensor
from .._core.shapes import features_of
from .._validation.values import as_int
from .base import Layer


class Select(Layer):
    """Select some of the features or channels, in the given order.

    Parameters
    ----------
    indices : sequence of int
        Counted from 0; an index may occur twice.

    Notes
    -----
    x (N, F), (N, T, F) or (N, C, H, W), y the same with ``len(indices)`` features or channels. So categories go to an
    `Embedding` beside the numbers: ``Parallel([[Select([0, 3]), Embedding(10, 4), Flatten()], [Select([1, 2])]])``.
    """

    def __init__(self, indices: Sequence[int]) -> None:
        super().__init__()
        try:
            given = list(indices)
        except TypeError:
            raise TypeError(f"indices must be a list of integers; received {indices!r}") from None
        if not given:
            raise ValueError("indices must be one at least; received none")
        self.indices = tuple(as_int(index, f"indices[{k}]", least=0) for k, index in enumerate(given))

    def operations(self, x: Tensor) -> Tensor:  # noqa: D102
        features = features_of(x.shape)
        if features is None or max(self.indices) >= features:
            raise ValueError(f"indices must be of the {features} features of {x.shape}; received {list(self.indices)}")
        return x.then("select", indices=np.array(self.indices, np.intp))
