"""Samples that are trees, whose nodes are rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from .._types import Array, Mask, Shape
from .._validation.arrays import as_real
from .._validation.samples import as_samples
from ..losses import Loss
from ..losses.base import Rows
from .dense import Samples


class Forest(Samples):
    """Trees: x has a row for each node; only those of leaves are read.

    Attributes
    ----------
    start : ndarray of int64, shape (N + 1,)
        The first node of each tree, and M at the end.
    children : ndarray of int32, shape (M, arity)
        The children of each node, -1 for none.
    """

    no_label = -1

    def __init__(self, x: Array, start: Array, children: Array) -> None:
        super().__init__(x, (1, *x.shape[1:]))  # a node is one step
        self.start, self.children, self.count = start, children, len(start) - 1
        self._core_trees: Any = None

    def place(self, first: int, last: int) -> slice:  # noqa: D102
        return slice(int(self.start[first]), int(self.start[last]))

    def part(self, first: int, last: int) -> Samples:  # noqa: D102
        nodes = self.place(first, last)
        children = self.children[nodes]
        children = np.where(children >= 0, children - nodes.start, -1).astype(np.int32)
        return Forest(self.x[nodes], self.start[first : last + 1] - nodes.start, children)

    def places(self, order: Array) -> Array:  # noqa: D102
        counts, start = self._laid(order)
        rows: Array = np.arange(start[-1]) + np.repeat(self.start[order] - start[:-1], counts)
        return rows

    def taken(self, order: Array) -> Samples:  # noqa: D102
        rows, (counts, start) = self.places(order), self._laid(order)
        children, shift = self.children[rows], np.repeat(start[:-1] - self.start[order], counts)
        children = np.where(children >= 0, children + shift[:, None], -1).astype(np.int32)
        return Forest(self.x[rows], start, children)

    def _laid(self, order: Array) -> tuple[Array, Array]:
        """Return the number of nodes of each of these trees, and the place of each if they are one after another."""
        counts = self.start[order + 1] - self.start[order]
        return counts, np.concatenate([[0], np.cumsum(counts)])

    def core_trees(self) -> Any:  # noqa: D102
        if self._core_trees is None:
            self._core_trees = _core.load(self.dtype).Trees(self.start, self.children)
        return self._core_trees

    @property
    def roots(self) -> Array:
        """The last node of each tree."""
        roots: Array = self.start[1:] - 1
        return roots

    def rows(self, output_shape: Shape) -> Shape:  # noqa: D102
        return (len(self.x),)

    def outputs(self, y: Array, output_shape: Shape) -> Array:  # noqa: D102
        return y if len(output_shape) == 2 else y[self.roots]

    def gradients(  # noqa: D102
        self, dy: Any, output_shape: Shape, name: str = "dy", of: str = "the last forward"
    ) -> tuple[Array, bool]:
        gradient = as_samples(dy, name, output_shape[-1:], self.dtype)
        if gradient.shape[:1] != self._visible(output_shape):
            raise ValueError(f"{name} must have as many rows as the outputs of {of}; received {len(gradient)}")
        return self._of_nodes(gradient, output_shape), False

    def inputs(self, dx: Array, channels_last: bool) -> Array:  # noqa: D102
        return dx.reshape(self.x.shape)

    def targets(self, y: Any, name: str, loss: Loss, output_shape: Shape) -> tuple[Array, Mask]:
        """Check targets of nodes; return them, and the mask of the nodes that count: those with label -1 do not."""
        given, rows = as_real(y, name), self._visible(output_shape)
        if given.shape[:1] != rows:
            of_nodes = len(output_shape) == 2
            wanted = f"each of their {len(self.x)} nodes" if of_nodes else f"each of the {len(self)} trees"
            raise ValueError(f"{name} must have a row for {wanted}; received shape {given.shape}")
        checked = Rows(rows, output_shape[-1], self.dtype, no_label=self.no_label)
        targets, mask = loss.as_targets(given, name, checked)
        if mask is ... and len(output_shape) == 1:
            mask = np.ones(rows, bool)
        return self._of_nodes(targets, output_shape), self._of_nodes(mask, output_shape)

    def _visible(self, output_shape: Shape) -> Shape:
        return (len(self.x) if len(output_shape) == 2 else len(self),)

    def _of_nodes(self, given: Any, output_shape: Shape) -> Any:
        """Return a row for each node, from rows of all nodes or of the roots alone."""
        if len(output_shape) == 2:
            return given
        rows = np.zeros((len(self.x), *given.shape[1:]), given.dtype)
        rows[self.roots] = given
        return rows

    def _spread(self, array: Array, output_shape: Shape) -> Array:
        return np.repeat(array, np.diff(self.start))
