"""Samples of one shape, all of whose rows of outputs count: the base of sequences and trees."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._types import Array, Mask, Shape
from .._validation.arrays import as_array
from .._validation.samples import as_images, as_samples
from ..losses import Loss
from ..losses.base import Rows


class Samples:
    """Vectors, images, or sequences of which all steps count.

    Attributes
    ----------
    x : ndarray, shape (N, *shape)
        Images may lie channels last, (N, H, W, C). An array that waits has another dtype than the core reads.
    shape : tuple of int
        The shape of a sample in its plan.
    lengths : ndarray of int64, shape (N,), or None
        How many steps of each sequence count.
    channels_last : bool
    waits_for : str
        The dtype to convert numbers to when their turn comes; empty if they have it.
    count : int
        N, which `len` gives too.
    """

    lengths: Array | None = None
    no_label: int | None = None  # the label of rows that do not count, with any loss

    x: Array
    shape: Shape
    channels_last: bool

    def __init__(self, x: Array, shape: Shape, channels_last: bool = False, waits_for: str = "") -> None:
        self.x, self.shape, self.channels_last, self.waits_for, self.count = x, shape, channels_last, waits_for, len(x)

    def __len__(self) -> int:
        return self.count

    @property
    def dtype(self) -> str:
        """The name of the dtype that the core computes in."""
        return self.waits_for or ("float64" if self.x.itemsize == 8 else "float32")

    @property
    def are_ready(self) -> bool:
        """Whether the core can read x in place."""
        return not self.waits_for or (self.x.dtype == np.uint8 and self.x.flags.c_contiguous)

    def given(self) -> Array:
        """Return x in a form that the core reads in training and prediction, where bytes may stay bytes."""
        return self.x if self.are_ready else self.numbers()

    def numbers(self) -> Array:
        """Return x in the dtype that the core computes in."""
        return np.require(self.x, self.waits_for, ["C", "A"]) if self.waits_for else self.x

    def place(self, first: int, last: int) -> slice:
        """Return the rows of the samples ``first`` to ``last``, in x and in arrays with the rows' axes."""
        return slice(first, last)

    def part(self, first: int, last: int) -> Samples:
        """Return the samples ``first`` to ``last``."""
        return Samples(self.x[first:last], self.shape, waits_for=self.waits_for)

    def places(self, order: Array) -> Array:
        """Return the rows of the samples with these numbers, one after another."""
        return order

    def taken(self, order: Array) -> Samples:
        """Return the samples with these numbers."""
        return Samples(self.x[order], self.shape, waits_for=self.waits_for)

    def having(self, rows: int) -> int:
        """Return how many samples, at least one, have about this number of rows of x."""
        return rows if len(self.x) <= rows else max(1, rows * len(self) // len(self.x))

    def core_trees(self) -> Any:
        """Return the trees in the core's form; None if samples are not trees."""
        return None

    def rows(self, output_shape: Shape) -> Shape:
        """Return the axes of the rows of outputs of this shape: (N,), (N, T) or (M,)."""
        return (self.count, output_shape[0]) if len(output_shape) == 2 else (self.count,)

    def counted(self, output_shape: Shape) -> Mask:
        """Return the mask of the rows that count."""
        return ...

    def outputs(self, y: Array, output_shape: Shape) -> Array:
        """Return a plan's outputs in the user's form."""
        return _shaped(y, output_shape) if self.channels_last else y

    def gradients(
        self, dy: Any, output_shape: Shape, name: str = "dy", of: str = "the last forward"
    ) -> tuple[Array, bool]:
        """Check a gradient with respect to `outputs`; give it in the core's form, and whether channels are last."""
        gradient, last = as_images(dy, name, output_shape, self.dtype)
        if len(gradient) != self.count:
            raise ValueError(f"{name} must have the {len(self)} samples of {of}; received {len(gradient)}")
        return gradient, last

    def directions(self, v: Any, name: str) -> Array:
        """Check numbers that are as many as those of x."""
        array = as_samples(v, name, self.shape, self.dtype)
        if len(array) != self.count:
            raise ValueError(f"{name} must have the {len(self)} samples of x; received {len(array)}")
        return array

    def inputs(self, dx: Array, channels_last: bool) -> Array:
        """Return a gradient with respect to x in the user's form."""
        return _shaped(dx, self.shape) if channels_last else dx

    def targets(self, y: Any, name: str, loss: Loss, output_shape: Shape) -> tuple[Array, Mask]:
        """Check targets; return one for each row, and the mask of the rows that count."""
        rows = Rows(self.rows(output_shape), output_shape[-1], self.dtype, self.counted(output_shape))
        return loss.as_targets(y, name, rows)

    def weights(self, weights: Any, name: str, output_shape: Shape) -> Array:
        """Return a weight for each row, from one for each sample or for each row."""
        array, rows = as_array(weights, name, self.dtype), self._visible(output_shape)
        if array.shape not in {(len(self),), rows}:
            either = " or ".join(dict.fromkeys((f"({len(self)},)", str(rows))))
            raise ValueError(f"{name} must have shape {either}; received {array.shape}")
        return array if array.shape == self.rows(output_shape) else self._spread(array, output_shape)

    def _visible(self, output_shape: Shape) -> Shape:
        """Return the axes of the rows of `outputs`."""
        return self.rows(output_shape)

    def _spread(self, array: Array, output_shape: Shape) -> Array:
        """Repeat the value of each sample for all its rows."""
        return np.repeat(array[:, None], output_shape[0], axis=1)


def _shaped(y: Array, shape: Shape) -> Array:
    """View an array with channels last with the conventional axes."""
    return y if len(shape) < 3 else y.reshape(-1, *shape[1:], shape[0]).transpose(0, 3, 1, 2)
