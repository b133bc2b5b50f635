"""Samples of one shape, all of whose rows of outputs count: what sequences and trees are variations of."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._types import Array, Shape
from .._validation.arrays import as_array
from .._validation.samples import as_images
from ..losses import Loss

Mask = Any  # bool, with the axes of the rows, or ... where all of them count


class Samples:
    """Vectors, images, or sequences of which all steps count.

    Attributes
    ----------
    x : ndarray, shape (N, *shape)
        Images may lie channels last, (N, H, W, C). It may be of another type than the core reads, where it is not
        copied whole.
    shape : tuple of int
        Of a sample, as its plan has it.
    lengths : ndarray of int64, shape (N,), or None
        How many steps of each count.
    channels_last : bool
    waits_for : str
        The type that numbers are to have when their turn comes; none where they have it.
    count : int
        N, which `len` gives too.
    """

    lengths: Array | None = None
    no_label: int | None = None  # of rows that do not count, whatever the loss

    x: Array
    shape: Shape
    channels_last: bool

    def __init__(self, x: Array, shape: Shape, channels_last: bool = False, waits_for: str = "") -> None:
        self.x, self.shape, self.channels_last, self.waits_for, self.count = x, shape, channels_last, waits_for, len(x)

    def __len__(self) -> int:
        return self.count

    @property
    def dtype(self) -> str:
        """The name of what the core computes in, without NumPy's way to it."""
        return self.waits_for or ("float64" if self.x.itemsize == 8 else "float32")

    @property
    def are_ready(self) -> bool:
        """Whether the core reads x where it lies."""
        return not self.waits_for or (self.x.dtype == np.uint8 and self.x.flags.c_contiguous)

    def given(self) -> Array:
        """Give x as the core takes samples to train on or to predict: bytes may be bytes."""
        return self.x if self.are_ready else self.numbers()

    def numbers(self) -> Array:
        """Give the same, of the type that the core computes in."""
        return np.require(self.x, self.waits_for, ["C", "A"]) if self.waits_for else self.x

    def place(self, first: int, last: int) -> slice:
        """Tell which rows of x, and of what has the rows' axes, the samples ``first`` to ``last`` have."""
        return slice(first, last)

    def part(self, first: int, last: int) -> Samples:
        """Give the samples ``first`` to ``last``."""
        return Samples(self.x[first:last], self.shape, waits_for=self.waits_for)

    def places(self, order: Array) -> Array:
        """Tell which rows the samples of these numbers have, one after another."""
        return order

    def taken(self, order: Array) -> Samples:
        """Give the samples of these numbers."""
        return Samples(self.x[order], self.shape, waits_for=self.waits_for)

    def having(self, rows: int) -> int:
        """Tell how many samples, one at least, have about so many rows of x."""
        return rows if len(self.x) <= rows else max(1, rows * len(self) // len(self.x))

    def core_trees(self) -> Any:
        """Give the trees as a plan takes them; None where samples are none."""
        return None

    def rows(self, output_shape: Shape) -> Shape:
        """Give the axes of the rows of outputs of this shape: (N,), (N, T) or (M,)."""
        return (self.count, output_shape[0]) if len(output_shape) == 2 else (self.count,)

    def counted(self, output_shape: Shape) -> Mask:
        """Tell which of the rows count."""
        return ...

    def outputs(self, y: Array, output_shape: Shape) -> Array:
        """Give the user what a plan gave."""
        return _shaped(y, output_shape) if self.channels_last else y.reshape(-1, *output_shape)

    def gradients(
        self, dy: Any, output_shape: Shape, name: str = "dy", of: str = "the last forward"
    ) -> tuple[Array, bool]:
        """Give the core a gradient with respect to `outputs`, checked, and whether it lies channels last."""
        gradient, last = as_images(dy, name, output_shape, self.dtype)
        if len(gradient) != self.count:
            raise ValueError(f"{name} must have the {len(self)} samples of {of}; received {len(gradient)}")
        return gradient, last

    def inputs(self, dx: Array, channels_last: bool) -> Array:
        """Give the user a gradient with respect to x."""
        return _shaped(dx, self.shape) if channels_last else dx.reshape(-1, *self.shape)

    def targets(self, y: Any, name: str, loss: Loss, output_shape: Shape) -> tuple[Array, Mask]:
        """Give what a loss compares the rows with, checked, and which of them count."""
        outputs = (*self.rows(output_shape), output_shape[-1])
        return loss.as_targets(y, name, outputs, self.dtype, self.counted(output_shape))

    def weights(self, weights: Any, name: str, output_shape: Shape) -> Array:
        """Give a weight for each row, of one for each sample or for each row."""
        array, rows = as_array(weights, name, self.dtype), self._visible(output_shape)
        if array.shape not in {(len(self),), rows}:
            either = " or ".join(dict.fromkeys((f"({len(self)},)", str(rows))))
            raise ValueError(f"{name} must have shape {either}; received {array.shape}")
        return array if array.shape == self.rows(output_shape) else self._spread(array, output_shape)

    def _visible(self, output_shape: Shape) -> Shape:
        """Give the axes of the rows that `outputs` has."""
        return self.rows(output_shape)

    def _spread(self, array: Array, output_shape: Shape) -> Array:
        """Give each row what is its sample's."""
        return np.repeat(array[:, None], output_shape[0], axis=1)


def _shaped(flat: Array, shape: Shape) -> Array:
    """Give what lies channels last its conventional axes."""
    if len(shape) < 3:
        return flat.reshape(-1, *shape)
    return flat.reshape(-1, *shape[1:], shape[0]).transpose(0, 3, 1, 2)
