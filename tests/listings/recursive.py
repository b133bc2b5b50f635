# ruff: noqa: NPY002
import numpy as np


class TreeNode:
    def __init__(self, data, children=(), children_data=()):
        self.parent, self.children, self.children_data, self.data = None, children, children_data, data
        for child in children:
            child.parent = self


class RecursiveLayer:
    def __init__(self, node_width, child_count, activator, learning_rate):
        self.node_width, self.child_count = node_width, child_count
        self.activator, self.learning_rate = activator, learning_rate
        self.W = np.random.uniform(-1e-4, 1e-4, (node_width, node_width * child_count))
        self.b = np.zeros((node_width, 1))
        self.root = None

    def forward(self, *children):
        children_data = self.concatenate(children)
        self.root = TreeNode(self.activator.forward(self.W @ children_data + self.b), children, children_data)

    def concatenate(self, tree_nodes):
        return np.concatenate([node.data for node in tree_nodes])

    def backward(self, parent_delta):
        self.calc_delta(parent_delta, self.root)
        self.W_grad, self.b_grad = self.calc_gradient(self.root)

    def calc_delta(self, parent_delta, parent):
        parent.delta = parent_delta
        if parent.children:
            below = self.W.T @ parent_delta * self.activator.backward(parent.children_data)
            for i, child in enumerate(parent.children):
                self.calc_delta(below[i * self.node_width : (i + 1) * self.node_width], child)

    def calc_gradient(self, parent):
        W_grad, b_grad = np.zeros(self.W.shape), np.zeros(self.b.shape)
        if parent.children:
            parent.W_grad, parent.b_grad = parent.delta @ parent.children_data.T, parent.delta
            W_grad, b_grad = W_grad + parent.W_grad, b_grad + parent.b_grad
            for child in parent.children:
                W, b = self.calc_gradient(child)
                W_grad, b_grad = W_grad + W, b_grad + b
        return W_grad, b_grad

    def update(self):
        self.W -= self.learning_rate * self.W_grad
        self.b -= self.learning_rate * self.b_grad

    def reset_state(self):
        self.root = None

    def dump(self, **kwArgs):
        print(self.root.data, self.root.children_data)
