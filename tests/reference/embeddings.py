"""Embeddings of tokens, of positions in a sequence, and of numbers, by cosines."""

import numpy as np

from .kinds import kind


@kind("embedding")
def embedding_layer(network, layer, x):
    x = x.astype(int)  # negative where there is no token
    there = (x >= 0)[..., None]

    def back(dy):
        dw = np.zeros_like(layer["weight"])
        np.add.at(dw, np.maximum(x, 0), np.where(there, dy, 0))
        return np.zeros(x.shape), dw

    return np.where(there, layer["weight"][np.maximum(x, 0)], 0), back


@kind("positions")
def positions_layer(network, layer, x):
    def back(dy):
        dw = np.zeros_like(layer["weight"])
        dw[: x.shape[1]] = dy.sum(axis=0)
        return dy, dw

    return x + layer["weight"][: x.shape[1]], back


@kind("periodic")
def periodic_layer(network, layer, x):
    weight, bias = layer["weight"], layer["bias"]
    turns = x[..., None] * weight + bias

    def back(dy):
        d_turns = -2 * np.pi * np.sin(2 * np.pi * turns) * dy.reshape(turns.shape)
        steps = tuple(range(x.ndim - 1))
        dw, db = (d_turns * x[..., None]).sum(steps), d_turns.sum(steps)
        return (d_turns * weight).sum(-1), dw, db

    return np.cos(2 * np.pi * turns).reshape(*x.shape[:-1], -1), back
