"""Article 7: the recursive network, one node of a tree a call, on columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import _core
from .._types import Array
from .._validation.values import as_int, as_number
from ._checks import as_column
from ._descent import descended
from ._draw import uniform
from ._untouched import Steps
from .activators import IdentityActivator, check_activator, kernel_of, whole

_core64 = _core.load("float64")
_LARGE = 50_000  # weights from which on one product for each level is faster than one for each node

__all__ = ["IdentityActivator", "RecursiveLayer", "TreeNode"]


class _WhenAsked:
    """An attribute that is computed when it is read, unless it has been assigned."""

    def __init__(self, compute: Callable[[Any], Any]) -> None:
        self._compute = compute

    def __get__(self, node: Any, owner: type) -> Any:
        return self if node is None else self._compute(node)


class TreeNode:
    """A node of a tree.

    Parameters
    ----------
    data : ndarray, shape (node_width, 1)
    children : sequence of TreeNode
        The children, whose ``parent`` this node becomes; none for a leaf.
    children_data : ndarray, shape (child_count * node_width, 1)
        The children's data, one below the other.

    Attributes
    ----------
    parent : TreeNode or None
    delta : ndarray, shape (node_width, 1)
        The error term, from the last `RecursiveLayer.backward`.
    W_grad, b_grad : ndarray
        The contribution of this node and its children to the layer's gradients.
    """

    def __init__(self, data: Any, children: Sequence[TreeNode] = (), children_data: Any = ()) -> None:
        self.parent: TreeNode | None = None
        self.children = children
        self.children_data = children_data
        self.data = data
        for child in children:
            child.parent = self

    delta: Any  # set by `RecursiveLayer.backward`
    W_grad = _WhenAsked(lambda node: np.dot(node.delta, node.children_data.T))
    b_grad = _WhenAsked(lambda node: node.delta)


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
    root : TreeNode or None
        The node that the last `forward` made.
    """

    def __init__(self, node_width: int, child_count: int, activator: Any, learning_rate: float) -> None:
        self.node_width = as_int(node_width, "node_width")
        self.child_count = as_int(child_count, "child_count")
        self.activator = check_activator(activator)
        self.learning_rate = as_number(learning_rate, "learning_rate")
        self.W = uniform(1e-4, (node_width, node_width * child_count))
        self.b = np.zeros((node_width, 1))
        self.root: Any = None

    def reset_state(self) -> None:
        """Forget the tree."""
        self.root = None

    def forward(self, *children: Any) -> None:
        """Make the parent of these nodes, which becomes the ``root``.

        Parameters
        ----------
        *children : TreeNode
            As many as child_count, leaves or earlier roots.
        """
        if len(children) != self.child_count:
            raise ValueError(f"children must be {self.child_count} nodes; received {len(children)}")
        for child in children:
            if not hasattr(child, "children"):
                raise TypeError(f"children must be TreeNodes; received {child!r}")
        made, kernel = None, kernel_of(self.activator)
        if kernel is not None and _FORWARD.untouched(self):
            made = _core64.node_forward(kernel, self.W, self.b, tuple([child.data for child in children]))
        if made is None:
            below = self.concatenate(children)
            made = below, whole(self.activator.forward, np.dot(self.W, below) + self.b)
        self.root = TreeNode(made[1], children, made[0])

    def concatenate(self, tree_nodes: Sequence[Any]) -> Array:
        """Return the data of nodes, one below the other."""
        return np.concatenate([as_column(node.data, "children's data", self.node_width) for node in tree_nodes])

    def backward(self, parent_delta: Any) -> None:
        """Propagate back through the structure: compute ``delta`` of every node, and the gradients (article 7).

        Parameters
        ----------
        parent_delta : array_like, shape (node_width, 1)
            The error's gradient with respect to the root's weighted input.
        """
        delta = as_column(parent_delta, "parent_delta", self.node_width)
        if self.root is None:
            raise RuntimeError("backward must follow forward")
        kernel = kernel_of(self.activator)
        if kernel is not None and _BACKWARD.untouched(self):
            if self.W.size > _LARGE or not self._backward_by_nodes(delta, kernel):
                self._backward_by_levels(delta)
            return
        self.calc_delta(delta, self.root)
        self.W_grad, self.b_grad = self.calc_gradient(self.root)

    def _backward_by_nodes(self, delta: Array, kernel: str) -> bool:
        """Propagate back node by node in the core; tell whether it could take all nodes."""
        width = self.node_width
        W_grad, b_grad = np.zeros(self.W.shape), np.zeros(self.b.shape)
        self.root.delta = delta
        waiting = [self.root] if self.root.children else []
        while waiting:
            node = waiting.pop()
            below = _core64.node_backward(kernel, self.W, node.delta, node.children_data, W_grad, b_grad)
            if below is None:
                return False
            start = 0
            for child in node.children:
                child.delta = below[start : start + width]
                start += width
                if child.children:
                    waiting.append(child)
        self.W_grad, self.b_grad = W_grad, b_grad
        return True

    def _backward_by_levels(self, delta: Array) -> None:
        self.root.delta = delta
        level = [self.root] if self.root.children else []
        self.W_grad, self.b_grad = np.zeros(self.W.shape), np.zeros(self.b.shape)
        while level:
            below = np.hstack([node.children_data for node in level])
            deltas = np.hstack([node.delta for node in level])
            self.W_grad += np.dot(deltas, below.T)
            self.b_grad += deltas.sum(axis=1, keepdims=True)
            down = (np.dot(self.W.T, deltas) * self.activator.backward(below)).T.reshape(-1, self.node_width, 1)
            children = [child for node in level for child in node.children]
            for child, one in zip(children, down, strict=True):
                child.delta = one
            level = [child for child in children if child.children]

    def calc_delta(self, parent_delta: Any, parent: Any) -> None:
        """Compute the ``delta`` of a node's descendants from its own (article 7, equation 2)."""
        again = None if _BACKWARD.untouched(self) else self.calc_delta
        waiting = [(as_column(parent_delta, "parent_delta", self.node_width), parent)]
        while waiting:
            delta, node = waiting.pop()
            node.delta = delta
            if not node.children:
                continue
            below = np.dot(self.W.T, delta) * whole(self.activator.backward, node.children_data)
            pairs = list(zip(np.split(below, self.child_count), node.children, strict=True))
            if again is None:
                waiting += reversed(pairs)  # the first child is next, as in the listing: a node may occur twice
                continue
            for one, child in pairs:
                again(one, child)

    def calc_gradient(self, parent: Any) -> tuple[Array, Array]:
        """Return the gradients of W and b, summed over a node and its descendants."""
        again = None if _BACKWARD.untouched(self) else self.calc_gradient
        W_grad, b_grad = np.zeros(self.W.shape), np.zeros(self.b.shape)
        waiting = [parent]
        while waiting:
            node = waiting.pop()
            if not node.children:
                continue
            W_grad += np.dot(node.delta, node.children_data.T)
            b_grad += node.delta
            if again is None:
                waiting.extend(node.children)
                continue
            for child in node.children:
                W, b = again(child)
                W_grad += W
                b_grad += b
        return W_grad, b_grad

    def update(self) -> None:
        """Take a step down the gradient."""
        self.W = descended(self.W, self.W_grad, self.learning_rate)
        self.b = descended(self.b, self.b_grad, self.learning_rate)

    def dump(self, *, dump_grad: Any = None) -> None:
        """Print the root's data and its children's; with ``dump_grad`` the gradients too."""
        print(f"root.data: {self.root.data}\nroot.children_data: {self.root.children_data}")
        if dump_grad is not None:
            print(f"W_grad: {self.W_grad}\nb_grad: {self.b_grad}")


_FORWARD = Steps(RecursiveLayer, "concatenate")
_BACKWARD = Steps(RecursiveLayer, "calc_delta", "calc_gradient")
