"""Normalizations and rescaling."""

import numpy as np

from .kinds import kind


@kind("batch_norm")
def batch_norm_layer(network, layer, x):
    """Normalize rows of features: samples, their steps that count, or pixels."""
    training = network.draw is not None and not layer.get("frozen")
    there = network.there(x)[..., 0].reshape(-1) if x.ndim == 3 else slice(None)

    def rows_of(array):
        return (array.transpose(0, 2, 3, 1) if array.ndim == 4 else array).reshape(-1, len(layer["weight"]))

    def shaped(rows):
        if x.ndim == 4:
            return rows.reshape(len(x), *x.shape[2:], x.shape[1]).transpose(0, 3, 1, 2)
        return rows.reshape(x.shape)

    rows = rows_of(x)
    mean, variance = layer["running"]
    if training:
        n = len(rows[there])
        mean, variance = rows[there].mean(axis=0), rows[there].var(axis=0)
        estimates = mean, variance * n / (n - 1) if n > 1 else layer["running"][1]
        for k, (old, new) in enumerate(zip(layer["running"], estimates, strict=True)):
            layer["running"][k] = old + layer["momentum"] * (new - old)
    scale = 1 / np.sqrt(variance + layer["epsilon"])
    z = (rows - mean) * scale
    network.near(np.sqrt(variance) / 100)

    def back(dy):
        d, dx, seen = rows_of(dy)[there], np.zeros_like(rows), z[there]
        dw, db = (d * seen).sum(axis=0), d.sum(axis=0)
        dx[there] = (d - (db + seen * dw) / len(d) if training else d) * layer["weight"] * scale
        return shaped(dx), dw, db

    return shaped(z * layer["weight"] + layer["bias"]), back


@kind("layer_norm")
def layer_norm_layer(network, layer, x):
    axes = (1, 2, 3) if x.ndim == 4 else (-1,)
    weight, epsilon = layer["weight"], layer["epsilon"]
    mean, variance = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    scale = 1 / np.sqrt(variance + epsilon)
    z = (x - mean) * scale
    network.near(np.sqrt(variance) / 100)  # a small variance amplifies rounding

    def back(dy):
        others = tuple(range(dy.ndim - weight.ndim))
        g = dy * weight
        dx = (g - g.mean(axes, keepdims=True) - z * (g * z).mean(axes, keepdims=True)) * scale
        return dx, (dy * z).sum(others), dy.sum(others)

    return z * weight + layer["bias"], back


@kind("group_norm")
def group_norm_layer(network, layer, x):
    """Groups of channels of an image, or of features over the steps that count."""
    lengths = network.lengths if x.ndim == 3 and network.lengths is not None else None
    y, backs = np.empty_like(x), []
    for i, sample in enumerate(x):
        rows = sample.reshape(len(sample), -1).T if x.ndim == 4 else np.atleast_2d(sample)
        counted = rows[: lengths[i]] if lengths is not None else rows
        grouped = counted.reshape(len(counted), layer["groups"], -1)
        mean, variance = (f(grouped, axis=(0, 2), keepdims=True) for f in (np.mean, np.var))
        network.near(np.sqrt(variance) / 100)
        scale = 1 / np.sqrt(variance + layer["epsilon"])
        z = ((rows.reshape(len(rows), layer["groups"], -1) - mean) * scale).reshape(rows.shape)
        out = z * layer["weight"] + layer["bias"]
        y[i] = out.T.reshape(sample.shape) if x.ndim == 4 else out.reshape(sample.shape)
        backs.append((z[: len(counted)], scale))

    def back(dy):
        dx, dw, db = np.zeros_like(x), 0, 0
        for i, (z, scale) in enumerate(backs):
            d = (dy[i].reshape(len(dy[i]), -1).T if x.ndim == 4 else np.atleast_2d(dy[i]))[: len(z)]
            g, grouped = ((a).reshape(len(z), layer["groups"], -1) for a in (d * layer["weight"], z))
            mean, product = (a.mean(axis=(0, 2), keepdims=True) for a in (g, g * grouped))
            of_rows = ((g - mean - grouped * product) * scale).reshape(z.shape)
            if x.ndim == 4:
                dx[i] = of_rows.T.reshape(x[i].shape)
            else:
                np.atleast_2d(dx[i])[: len(z)] = of_rows
            dw, db = dw + (d * z).sum(axis=0), db + d.sum(axis=0)
        return dx, dw, db

    return y, back


@kind("rescale")
def rescale_layer(network, layer, x):
    return x * layer["scale"] + layer["offset"], lambda dy: (dy * layer["scale"],)


@kind("robust_scale")
def robust_scale_layer(network, layer, x):
    (center, scale), limit = layer["running"], layer["limit"]
    z = (x - center) * scale
    shrunk = 1 / np.sqrt(1 + (z / limit) ** 2)
    return z * shrunk, lambda dy: (dy * scale * shrunk**3,)
