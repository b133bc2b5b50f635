"""Layers that change the shape of samples, without computing."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from .._core.graph import Tensor
from .._validation.shapes import as_shape
from .._validation.values import as_list
from .base import Layer


class Flatten(Layer):
    """Turn (N, C, H, W) into (N, C H W), in this order, and (N, T, F) into (N, T F).

    With `lengths`, steps that do not count become zeros.
    """

    def operations(self, x: Tensor) -> Tensor:  # noqa: D102
        if None in x.shape:
            raise ValueError(f"input_shape of Flatten must be of known length; received {x.shape}")
        return x.then("flatten")


class Reshape(Layer):
    """Give samples another shape; the order of their numbers, channels first, stays.

    Parameters
    ----------
    shape : int or tuple
        (F,), (T, F) or (C, H, W); one size may be -1, for whatever is left.

    Notes
    -----
    x (N, F), (N, T, F) or (N, C, H, W), y (N, *shape). Steps of sequences that do not count become zeros, as by
    `Flatten`. A network that reshapes samples to other steps takes no lengths.
    """

    def __init__(self, shape: int | Sequence[int]) -> None:
        super().__init__()
        sizes = [shape] if isinstance(shape, (int, np.integer)) else as_list(shape, "shape", "sizes")
        free = [i for i, n in enumerate(sizes) if isinstance(n, (int, np.integer)) and n == -1]
        if len(free) > 1:
            raise ValueError(f"shape must have one -1 at most; received {shape}")
        checked = as_shape(tuple(1 if i in free else n for i, n in enumerate(sizes)), "shape")
        if None in checked:
            raise ValueError(f"shape must be of integers; received {shape}")
        self.shape = tuple(-1 if i in free else n for i, n in enumerate(checked))

    def operations(self, x: Tensor) -> Tensor:  # noqa: D102
        if None in x.shape:
            raise ValueError(f"input_shape of Reshape must be of known length; received {x.shape}")
        known, numbers = prod(n for n in self.shape if n != -1), prod(x.shape)
        shape = tuple(numbers // known if n == -1 else n for n in self.shape)
        if prod(shape) != numbers:
            raise ValueError(f"shape must be one for the {numbers} numbers of {x.shape}; received {self.shape}")
        row = x if len(x.shape) == 1 else x.then("flatten")
        return row if len(shape) == 1 else row.then("reshape", shape=shape)
