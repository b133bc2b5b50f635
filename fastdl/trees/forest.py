"""Trees on their way into the core."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import _core
from .._types import Array
from .._validation.values import check_is
from .arrays import Trees


class Forest(NamedTuple):
    """Trees of one number of children, and which of their nodes count."""

    trees: Trees
    children: Array  # (M, arity), as the layers want them
    counts: Array  # uint8 (M,): whether the loss looks at a node

    def core(self, dtype: str) -> Any:
        """Give what a plan takes."""
        return _core.load(dtype).Trees(self.trees.start, self.children, self.counts)

    def part(self, first: int, last: int) -> Forest:
        """Give the trees ``first`` to ``last``."""
        nodes = self.trees.part(first, last)
        children = self.children[nodes]
        return Forest(self.trees[first:last], np.where(children >= 0, children - nodes.start, -1), self.counts[nodes])


def as_forest(trees: Any, name: str, arity: int, nodes: int) -> Forest:
    """Check that trees have so many children at each node, and nodes in all, which all count."""
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
    return Forest(trees, trees.children(arity), np.ones(nodes, np.uint8))
