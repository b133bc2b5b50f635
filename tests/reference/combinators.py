"""Layers made of layers."""

import numpy as np

from .kinds import kind


@kind("chain")
def chain(network, layer, x):
    """Return the output of a chain of layers, and a backward pass to dx and each layer's gradients."""
    backs = []
    for inner in layer["layers"]:
        x, back = network.layer(inner, x)
        backs.append(back)

    def back(dy):
        gradients = []
        for back in reversed(backs):
            dy, *values = back(dy)
            gradients = values + gradients
        return dy, *gradients

    return x, back


@kind("residual")
def residual(network, layer, x):
    y, back_of_chain = chain(network, layer, x)

    def back(dy):
        dx, *gradients = back_of_chain(dy)
        return dx + dy, *gradients

    return x + y, back


def with_rows(y, ndim):
    """Return vectors (N, F) as (N, 1, F) or (N, F, 1, 1) if there are so many axes."""
    return y if y.ndim == ndim else y[:, None] if ndim == 3 else y[:, :, None, None]


@kind("parallel")
def parallel(network, layer, x):
    ways = [chain(network, {"layers": branch}, x) for branch in layer["branches"]]
    outputs, axis = [y for y, _ in ways], 1 if x.ndim == 4 else -1
    ends = np.cumsum([y.shape[axis] for y in outputs])
    if layer["merge"] == "concat":
        merged = np.concatenate(outputs, axis=axis)
    else:
        beside = [with_rows(y, max(y.ndim for y in outputs)) for y in outputs]
        alike = np.broadcast_arrays(*beside)
        merged = {"sum": np.sum, "product": np.prod}[layer["merge"]](alike, axis=0)

    def part(dy, k):
        if layer["merge"] == "concat":
            return np.split(dy, ends[:-1], axis=axis)[k]
        if layer["merge"] == "product":
            dy = dy * np.prod([np.ones_like(dy), *(y for i, y in enumerate(alike) if i != k)], axis=0)
        repeated = tuple(a for a, n in enumerate(beside[k].shape) if n < dy.shape[a])
        return dy.sum(axis=repeated).reshape(outputs[k].shape)

    def back(dy):
        dx, gradients = 0, []
        for k, (_, back_of_branch) in enumerate(ways):
            of_branch, *values = back_of_branch(part(dy, k))
            dx = dx + of_branch
            gradients += values
        return dx, *gradients

    return merged, back
