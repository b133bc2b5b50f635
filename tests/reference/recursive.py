"""Recursive layers over trees."""

import numpy as np

from .activations import activate, activate_backward, sigmoid
from .kinds import kind
from .recurrent import unseen


def features(below, w):
    """Return the features of a node: its children's vectors, and the products of all pairs of their numbers."""
    x = np.concatenate(below)
    if "tensor" not in w:
        return x
    return np.concatenate([x, [x[i] * x[j] / len(x) for i in range(len(x)) for j in range(i, len(x))]])


def weights(w):
    return np.concatenate([w["weight"], w["tensor"]], axis=1) if "tensor" in w else w["weight"]


def recursive(composition, x, children, w, activation="tanh", *, see=unseen):
    """Return y and c of every node (M, units), children before parents; x is the leaves' vectors."""
    y, c = np.zeros_like(x), np.zeros_like(x)
    for node, below in enumerate(children):
        if not below:
            y[node] = np.tanh(x[node]) if composition == "lstm" else x[node]
            c[node] = x[node]
            continue
        p = weights(w) @ features([y[child] for child in below], w) + w["bias"]
        if composition == "lstm":
            i, o, g, *forget = np.split(p, 3 + len(below))
            c[node] = sigmoid(i) * np.tanh(g) + sum(
                sigmoid(f) * c[child] for f, child in zip(forget, below, strict=True)
            )
            y[node] = sigmoid(o) * np.tanh(c[node])
        else:
            see(p)
            y[node] = activate(p, activation)
    return y, c


def recursive_backward(composition, dy, x, children, w, activation="tanh"):
    """Return the gradients of x and of the parameters from that of every node's y."""
    y, c = recursive(composition, x, children, w, activation)
    dy, dc, dx = dy.copy(), np.zeros_like(dy), np.zeros_like(x)
    total = {name: np.zeros_like(values) for name, values in w.items()}
    for node in range(len(x))[::-1]:
        below = children[node]
        if not below:
            dx[node] = dc[node] + dy[node] * (1 - y[node] ** 2) if composition == "lstm" else dy[node]
            continue
        z = features([y[child] for child in below], w)
        if composition == "lstm":
            i, o, g, *forget = np.split(weights(w) @ z + w["bias"], 3 + len(below))
            i, o, g, forget = sigmoid(i), sigmoid(o), np.tanh(g), [sigmoid(f) for f in forget]
            t = np.tanh(c[node])
            d = dc[node] + dy[node] * o * (1 - t * t)
            parts = [d * g * i * (1 - i), dy[node] * t * o * (1 - o), d * i * (1 - g * g)]
            for f, child in zip(forget, below, strict=True):
                parts.append(d * c[child] * f * (1 - f))
                dc[child] += d * f
            d = np.concatenate(parts)
        else:
            d = activate_backward(dy[node], weights(w) @ z + w["bias"], activation)
        inputs = len(below) * x.shape[1]
        total["weight"] += np.outer(d, z[:inputs])
        total["bias"] += d
        dz = weights(w).T @ d
        d_below = dz[:inputs]
        if "tensor" in w:
            total["tensor"] += np.outer(d, z[inputs:])
            pairs = [(i, j) for i in range(inputs) for j in range(i, inputs)]
            for (i, j), value in zip(pairs, dz[inputs:], strict=True):
                d_below[i] += value * z[j] / inputs
                d_below[j] += value * z[i] / inputs
        for child, part in zip(below, np.split(d_below, len(below)), strict=True):
            dy[child] += part
    return dx, total


@kind("recursive")
def recursive_layer(network, layer, x):
    w = {name: layer[name] for name in ("weight", "tensor", "bias") if name in layer}
    how = x, network.children, w, layer["cell_activation"]
    roots = sorted(set(range(len(x))) - {child for below in network.children for child in below})
    rows = slice(None) if layer["nodes"] else roots

    def back(dy):
        of_nodes = np.zeros_like(x)
        of_nodes[rows] = dy
        dx, total = recursive_backward(layer["composition"], of_nodes, *how)
        return dx, *total.values()

    return recursive(layer["composition"], *how, see=network.in_cell(layer["cell_activation"]))[0][rows], back
