"""Samples that are sequences of different lengths, padded to one length."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._types import Array, Shape
from .dense import Mask, Samples


class Sequences(Samples):
    """Sequences, of each of which the first steps count."""

    def __init__(self, x: Array, lengths: Array, waits_for: str = "") -> None:
        super().__init__(x, x.shape[1:], waits_for=waits_for)
        self.lengths: Array = lengths

    def part(self, first: int, last: int) -> Samples:  # noqa: D102
        return Sequences(self.x[first:last], self.lengths[first:last], self.waits_for)

    def taken(self, order: Array) -> Samples:  # noqa: D102
        return Sequences(self.x[order], self.lengths[order], self.waits_for)

    def counted(self, output_shape: Shape) -> Mask:  # noqa: D102
        return np.arange(output_shape[0]) < self.lengths[:, None] if len(output_shape) == 2 else ...

    def gradients(  # noqa: D102
        self, dy: Any, output_shape: Shape, name: str = "dy", of: str = "the last forward"
    ) -> tuple[Array, bool]:
        gradient, last = super().gradients(dy, output_shape, name, of)
        there = self.counted(output_shape)
        return (gradient if there is ... else np.where(there[:, :, None], gradient, 0)), last
