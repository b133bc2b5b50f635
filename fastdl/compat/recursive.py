"""Article 7: the recursive network, one node of a tree a call, on columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._validation import Array, as_int, as_number
from ..layers import Dense
from ._checks import as_column
from ._live import Live, uniform
from .activators import IdentityActivator, apply, check_activator, through

__all__ = ["IdentityActivator", "RecursiveLayer", "TreeNode"]


class TreeNode:
    """A node of a tree.

    Parameters
    ----------
    data : ndarray, shape (node_width, 1)
    children : sequence of TreeNode
        Whose ``parent`` this node becomes; none of a leaf.
    children_data : ndarray, shape (child_count * node_width, 1)
        The children's data, one below the other.
    """

    def __init__(self, data: Any, children: Sequence[TreeNode] = (), children_data: Any = ()) -> None:
        self.parent: TreeNode | None = None
        self.children = children
        self.children_data = children_data
        self.data = data
        self.delta: Array | None = None
        for child in children:
            child.parent = self


class RecursiveLayer:
    """parent = f(W [child; child ...] + b), with the same weights at every node (article 7, equation 1).

    Parameters
    ----------
    node_width, child_count : int
    activator : object
        With ``forward`` and ``backward``, see `fastdl.compat.activators`.
    learning_rate : float

    Attributes
    ----------
    W, W_grad : ndarray, shape (node_width, node_width * child_count)
    b, b_grad : ndarray, shape (node_width, 1)
        Live.
    root : TreeNode or None
        What the last `forward` made.
    """

    W, b, W_grad, b_grad = Live(), Live(), Live(), Live()

    def __init__(self, node_width: int, child_count: int, activator: Any, learning_rate: float) -> None:
        self.node_width = as_int(node_width, "node_width")
        self.child_count = as_int(child_count, "child_count")
        self.activator = check_activator(activator)
        self.learning_rate = as_number(learning_rate, "learning_rate")
        self._layer = Dense(node_width)
        self._layer.build((node_width * child_count,), dtype="float64")
        params, grads = self._layer.params, self._layer.grads
        self._views = {
            "W": params["weight"],
            "b": params["bias"][:, None],
            "W_grad": grads["weight"],
            "b_grad": grads["bias"][:, None],
        }
        self.W = uniform(1e-4, self.W.shape)
        self.root: TreeNode | None = None

    def reset_state(self) -> None:
        """Forget the tree."""
        self.root = None

    def forward(self, *children: TreeNode) -> None:
        """Make the parent of these nodes, and let it be the ``root``.

        Parameters
        ----------
        *children : TreeNode
            As many as child_count, leaves or earlier roots.
        """
        if len(children) != self.child_count:
            raise ValueError(f"children must be {self.child_count} nodes; received {len(children)}")
        for child in children:
            if not isinstance(child, TreeNode):
                raise TypeError(f"children must be TreeNodes; received {child!r}")
        columns = [as_column(child.data, "children's data", self.node_width) for child in children]
        below = np.concatenate(columns)
        data = apply(self.activator.forward, self._layer.forward(below.T).T)
        self.root = TreeNode(data, children, below)

    def backward(self, parent_delta: Any) -> None:
        """Go back through the structure, level by level: every node's ``delta``, and the gradients (article 7).

        Parameters
        ----------
        parent_delta : array_like, shape (node_width, 1)
            The error's gradient with respect to the root's weighted input.
        """
        delta = as_column(parent_delta, "parent_delta", self.node_width)
        if self.root is None:
            raise RuntimeError("backward must follow forward")
        self.root.delta = delta
        level = [self.root]
        W_grad, b_grad = np.zeros_like(self.W), np.zeros_like(self.b)
        while level:
            below = np.stack([node.children_data[:, 0] for node in level])
            self._layer.forward(below)
            deltas = self._layer.backward(np.stack([node.delta[:, 0] for node in level]))  # type: ignore[index]
            W_grad += self.W_grad
            b_grad += self.b_grad
            children = [child for node in level for child in node.children]
            for child, one in zip(
                children, through(self.activator, deltas, below).reshape(-1, self.node_width, 1), strict=True
            ):
                child.delta = one
            level = [child for child in children if child.children]
        self.W_grad, self.b_grad = W_grad, b_grad

    def update(self) -> None:
        """Go down the gradient."""
        self.W -= self.learning_rate * self.W_grad
        self.b -= self.learning_rate * self.b_grad
