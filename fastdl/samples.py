"""What a batch is: samples of one shape, sequences with lengths, or trees. It is checked once, where it comes in.

A network gives a row of outputs for each sample (N,), for each of its steps (N, T), or for each node of trees (M,). Not
all of them count: what a loss, a gradient or a weight says of the others makes no difference. Targets, weights and the
mask of what counts have their axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _core
from ._types import Array, Shape
from ._validation.arrays import as_array, as_real
from ._validation.samples import as_images, as_lengths, as_samples
from ._validation.values import check_is
from .losses import as_targets
from .trees import Trees

if TYPE_CHECKING:
    from .layers import Layer

Mask = Any  # bool, with the axes of the rows, or ... where all of them count


class Samples:
    """Vectors, images, or sequences of which all steps count.

    Attributes
    ----------
    x : ndarray, shape (N, *shape)
        Images may lie channels last, (N, H, W, C).
    shape : tuple of int
        Of a sample, as its plan has it.
    lengths : ndarray of int64, shape (N,), or None
        How many steps of each count.
    channels_last : bool
    """

    lengths: Array | None = None

    def __init__(self, x: Array, shape: Shape, channels_last: bool = False) -> None:
        self.x, self.shape, self.channels_last = x, shape, channels_last

    def __len__(self) -> int:
        return len(self.x)

    def place(self, first: int, last: int) -> slice:
        """Tell which rows of x, and of what has the rows' axes, the samples ``first`` to ``last`` have."""
        return slice(first, last)

    def part(self, first: int, last: int) -> Samples:
        """Give the samples ``first`` to ``last``."""
        return Samples(self.x[first:last], self.shape)

    def having(self, rows: int) -> int:
        """Tell how many samples, one at least, have about so many rows of x."""
        return max(1, rows * len(self) // len(self.x))

    def core_trees(self, there: Mask = ...) -> Any:
        """Give the trees as a plan takes them, with a note of which rows count; None where samples are none."""
        return None

    def rows(self, output_shape: Shape) -> Shape:
        """Give the axes of the rows of outputs of this shape: (N,), (N, T) or (M,)."""
        return (len(self), output_shape[0]) if len(output_shape) == 2 else (len(self),)

    def counted(self, output_shape: Shape) -> Mask:
        """Tell which of the rows count."""
        return ...

    def outputs(self, y: Array, output_shape: Shape) -> Array:
        """Give the user what a plan gave."""
        return _shaped(y, output_shape, self.channels_last)

    def gradients(self, dy: Any, output_shape: Shape) -> tuple[Array, bool]:
        """Give the core a gradient with respect to `outputs`, checked, and whether it lies channels last."""
        gradient, last = as_images(dy, "dy", output_shape, self.x.dtype.name)
        if len(gradient) != len(self):
            raise ValueError(f"dy must have the {len(self)} samples of the last forward; received {len(gradient)}")
        return gradient, last

    def inputs(self, dx: Array, channels_last: bool) -> Array:
        """Give the user a gradient with respect to x."""
        return _shaped(dx, self.shape, channels_last)

    def targets(self, y: Any, name: str, loss: str, output_shape: Shape) -> tuple[Array, Mask]:
        """Give what a loss compares the rows with, checked, and which of them count."""
        there = self.counted(output_shape)
        outputs = (*self.rows(output_shape), output_shape[-1])
        return as_targets(y, name, loss, outputs, self.x.dtype.name, there), there

    def weights(self, weights: Any, name: str, output_shape: Shape) -> Array:
        """Give a weight for each row, of one for each sample or for each row."""
        array, rows = as_array(weights, name, self.x.dtype.name), self._visible(output_shape)
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


class Sequences(Samples):
    """Sequences of which some steps count, the first ones of each."""

    def __init__(self, x: Array, lengths: Array) -> None:
        super().__init__(x, x.shape[1:])
        self.lengths: Array = lengths

    def part(self, first: int, last: int) -> Samples:  # noqa: D102
        return Sequences(self.x[first:last], self.lengths[first:last])

    def counted(self, output_shape: Shape) -> Mask:  # noqa: D102
        return np.arange(output_shape[0]) < self.lengths[:, None] if len(output_shape) == 2 else ...

    def gradients(self, dy: Any, output_shape: Shape) -> tuple[Array, bool]:  # noqa: D102
        given, last = super().gradients(dy, output_shape)
        there = self.counted(output_shape)
        gradient = np.zeros_like(given)  # nothing is asked of steps that do not count
        gradient[there] = given[there]
        return gradient, last


class Forest(Samples):
    """Trees: a row of x for each of their nodes, of which those at the leaves are read.

    Attributes
    ----------
    start : ndarray of int64, shape (N + 1,)
        Where each tree's nodes begin, and where the last one's end.
    children : ndarray of int32, shape (M, arity)
        Of each node, -1 where there is none.
    """

    def __init__(self, x: Array, start: Array, children: Array) -> None:
        super().__init__(x, (1, *x.shape[1:]))  # a node is one step
        self.start, self.children = start, children

    def __len__(self) -> int:
        return len(self.start) - 1

    def place(self, first: int, last: int) -> slice:  # noqa: D102
        return slice(int(self.start[first]), int(self.start[last]))

    def part(self, first: int, last: int) -> Samples:  # noqa: D102
        nodes = self.place(first, last)
        children = self.children[nodes]
        children = np.where(children >= 0, children - nodes.start, -1).astype(np.int32)
        return Forest(self.x[nodes], self.start[first : last + 1] - nodes.start, children)

    def core_trees(self, there: Mask = ...) -> Any:  # noqa: D102
        counts = np.zeros(len(self.x), np.uint8)
        counts[there] = 1
        return _core.load(self.x.dtype.name).Trees(self.start, self.children, counts)

    @property
    def roots(self) -> Array:
        """The last node of each tree."""
        roots: Array = self.start[1:] - 1
        return roots

    def rows(self, output_shape: Shape) -> Shape:  # noqa: D102
        return (len(self.x),)

    def counted(self, output_shape: Shape) -> Mask:  # noqa: D102
        if len(output_shape) == 2:
            return ...
        there = np.zeros(len(self.x), bool)
        there[self.roots] = True
        return there

    def outputs(self, y: Array, output_shape: Shape) -> Array:  # noqa: D102
        rows = y.reshape(len(self.x), -1)
        return rows if len(output_shape) == 2 else rows[self.roots]

    def gradients(self, dy: Any, output_shape: Shape) -> tuple[Array, bool]:  # noqa: D102
        gradient = as_samples(dy, "dy", output_shape[-1:], self.x.dtype.name)
        if gradient.shape[:1] != self._visible(output_shape):
            raise ValueError(f"dy must have as many rows as the last forward gave; received {len(gradient)}")
        return self._of_nodes(gradient, output_shape), False

    def inputs(self, dx: Array, channels_last: bool) -> Array:  # noqa: D102
        return dx.reshape(self.x.shape)

    def targets(self, y: Any, name: str, loss: str, output_shape: Shape) -> tuple[Array, Mask]:
        """Give what a loss compares the nodes with, checked, and which of them count: those of label -1 do not."""
        labels, there, rows = as_real(y, name), self.counted(output_shape), self._visible(output_shape)
        if labels.shape[:1] != rows:
            wanted = f"each of the {len(self)} trees" if there is not ... else f"each of their {len(self.x)} nodes"
            raise ValueError(f"{name} must have a row for {wanted}; received shape {labels.shape}")
        if there is ... and loss == "cross_entropy" and labels.shape == rows and labels.dtype.kind == "i":
            there = labels != -1
            if not there.any():
                raise ValueError(f"{name} must hold a label for a node at least; received -1 for all")
            labels = np.where(there, labels, 0)
        targets = as_targets(labels, name, loss, (*rows, output_shape[-1]), self.x.dtype.name)
        return self._of_nodes(targets, output_shape), there

    def _visible(self, output_shape: Shape) -> Shape:
        return (len(self.x) if len(output_shape) == 2 else len(self),)

    def _of_nodes(self, given: Array, output_shape: Shape) -> Array:
        """Give all nodes a row, where the roots alone may have one."""
        if len(output_shape) == 2:
            return given
        rows = np.zeros((len(self.x), *given.shape[1:]), given.dtype)
        rows[self.roots] = given
        return rows

    def _spread(self, array: Array, output_shape: Shape) -> Array:
        return np.repeat(array, np.diff(self.start))


def as_batch(
    layer: Layer, x: Any, lengths: Any = None, trees: Any = None, prefix: str = "", as_it_lies: bool = False
) -> Samples:
    """Give what a layer or a network is called with, checked; errors put the prefix before the arguments' names.

    Images that lie channels last are made to lie channels first, unless they may stay.
    """
    name, dtype = f"{prefix}x", layer.dtype
    if layer.arity is not None:
        if trees is None:
            raise ValueError(f"{prefix}trees must be given, as samples of a Recursive layer are trees; received None")
        if lengths is not None:
            raise ValueError(f"{prefix}lengths must be None with trees; received others")
        x = as_samples(x, name, layer.input_shape[1:], dtype)
        _check_trees(trees, f"{prefix}trees", layer.arity, len(x))
        layer.check_values(x[trees.leaves], f"{name} at the leaves")
        if x.ndim == 1:  # an embedding has nothing for the other nodes
            x = np.where(trees.leaves, x, -1).astype(dtype)
        return Forest(x, trees.start, trees.children(layer.arity))
    if trees is not None:
        raise ValueError(f"{prefix}trees must be None for a network without a Recursive layer; received others")
    last = False
    if as_it_lies:
        x, last = as_images(x, name, layer.input_shape, dtype)
    else:
        x = as_samples(x, name, layer.input_shape, dtype)
    layer.check_values(x, name)
    if lengths is None:
        return Samples(x, layer.input_shape if last else x.shape[1:], last)
    if not layer.in_time:
        raise ValueError(
            f"{prefix}lengths must be None for samples without steps in time, {x.shape[1:]}; received others"
        )
    return Sequences(x, as_lengths(lengths, f"{prefix}lengths", x))


def parts(whole: Any, size: int) -> list[Any]:
    """Give samples, or what else has such parts, ``size`` at a time."""
    count = len(whole)
    return [whole] if size >= count else [whole.part(i, min(i + size, count)) for i in range(0, count, size)]


def _check_trees(trees: Any, name: str, arity: int, nodes: int) -> None:
    """Check that trees have so many children at each node that is no leaf, and so many nodes in all."""
    check_is(trees, name, Trees)
    if len(trees.words) != nodes:
        raise ValueError(f"{name} must have a node for each of the {nodes} rows of x; received {len(trees.words)}")
    found = np.unique(trees.child_counts()[trees.height > 0])
    if (found != arity).any():
        hint = ": Trees.binarize makes them so" if arity == 2 else ""
        raise ValueError(
            f"{name} must have {arity} children at every node that is no leaf{hint}; "
            f"received nodes of {', '.join(map(str, found))}"
        )


def _shaped(flat: Array, shape: Sequence[int], channels_last: bool) -> Array:
    if channels_last and len(shape) == 3:
        return flat.reshape(-1, *shape[1:], shape[0]).transpose(0, 3, 1, 2)
    return flat.reshape(-1, *shape)
