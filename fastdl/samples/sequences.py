"""Samples that are sequences of different lengths, padded to one length."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._types import Array, Mask, Shape
from .._validation.samples import Checked, checked_within, within
from ..losses import Loss
from .dense import Samples


class Sequences(Samples):
    """Sequences, of each of which the first steps count.

    Attributes
    ----------
    hides : bool
        Whether the steps that do not count hold what the core cannot read, in an array that waits.
    """

    def __init__(self, x: Array, lengths: Array, waits_for: str = "", hides: bool = False) -> None:
        super().__init__(x, x.shape[1:], waits_for=waits_for)
        self.lengths: Array = lengths
        self.hides = hides

    @property
    def are_ready(self) -> bool:  # noqa: D102
        return super().are_ready and not self.hides

    def numbers(self) -> Array:  # noqa: D102
        if not self.hides:
            return super().numbers()
        return np.require(within(self.x, self.lengths), self.waits_for, ["C", "A"])

    def part(self, first: int, last: int) -> Samples:  # noqa: D102
        return Sequences(self.x[first:last], self.lengths[first:last], self.waits_for, self.hides)

    def taken(self, order: Array) -> Samples:  # noqa: D102
        return Sequences(self.x[order], self.lengths[order], self.waits_for, self.hides)

    def counted(self, output_shape: Shape) -> Mask:  # noqa: D102
        return np.arange(output_shape[0]) < self.lengths[:, None] if len(output_shape) == 2 else ...

    def targets(self, y: Any, name: str, loss: Loss, output_shape: Shape) -> tuple[Array, Mask]:  # noqa: D102
        read = super().targets
        return self._within(lambda y: read(y, name, loss, output_shape), y, name, output_shape)

    def weights(self, weights: Any, name: str, output_shape: Shape) -> Array:  # noqa: D102
        read = super().weights
        return self._within(lambda weights: read(weights, name, output_shape), weights, name, output_shape)

    def directions(self, v: Any, name: str) -> Array:  # noqa: D102
        read = super().directions
        return checked_within(lambda v: read(v, name), v, self.lengths, name)

    def gradients(  # noqa: D102
        self, dy: Any, output_shape: Shape, name: str = "dy", of: str = "the last forward"
    ) -> tuple[Array, bool]:
        read = super().gradients
        gradient, last = self._within(lambda dy: read(dy, output_shape, name, of), dy, name, output_shape)
        mask = self.counted(output_shape)
        return (gradient if mask is ... else np.where(mask[:, :, None], gradient, 0)), last

    def _within(self, read: Callable[[Any], Checked], values: Any, name: str, output_shape: Shape) -> Checked:
        return checked_within(read, values, self.lengths, name) if len(output_shape) == 2 else read(values)
