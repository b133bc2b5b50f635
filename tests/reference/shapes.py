"""Layers that reshape samples, or select features."""

import numpy as np

from .kinds import kind


@kind("flatten")
def flatten_layer(network, layer, x):
    there = network.there(x) if x.ndim == 3 else np.ones(x.shape, bool)
    y = np.where(there, x, 0).reshape(len(x), -1)
    return y, lambda dy: (np.where(there, dy.reshape(x.shape), 0),)


@kind("reshape")
def reshape_layer(network, layer, x):
    there = network.there(x) if x.ndim == 3 else np.ones(x.shape, bool)
    y = np.where(there, x, 0).reshape(len(x), *layer["shape"])
    return y, lambda dy: (np.where(there, dy.reshape(x.shape), 0),)


@kind("select")
def select_layer(network, layer, x):
    which = (slice(None), layer["indices"]) if x.ndim == 4 else (..., layer["indices"])

    def back(dy):
        dx = np.zeros_like(x)
        np.add.at(dx, which, dy)
        return (dx,)

    return x[which], back
