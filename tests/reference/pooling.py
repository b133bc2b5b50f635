"""Pooling over windows and over whole images or sequences, and upsampling."""

import numpy as np

from .kinds import kind
from .windows import of_sequences, output_size, windows


def max_pool2d(x, size, stride):
    y = np.zeros((*x.shape[:2], *output_size(x.shape[2:], size, stride)), x.dtype)
    for i, j, field in windows(x, size, stride):
        y[:, :, i, j] = field.max(axis=(2, 3))
    return y


def max_pool2d_backward(dy, x, size, stride):
    dx = np.zeros_like(x)
    n, c = np.indices(x.shape[:2])
    for i, j, field in windows(x, size, stride):
        down, right = np.unravel_index(field.reshape(*x.shape[:2], -1).argmax(axis=2), size)  # the first one of equals
        dx[n, c, i * stride[0] + down, j * stride[1] + right] += dy[:, :, i, j]
    return dx


def mean_pool2d(x, size, stride):
    y = np.zeros((*x.shape[:2], *output_size(x.shape[2:], size, stride)), x.dtype)
    for i, j, field in windows(x, size, stride):
        y[:, :, i, j] = field.mean(axis=(2, 3))
    return y


def mean_pool2d_backward(dy, x, size, stride):
    dx = np.zeros_like(x)
    for i, j, _ in windows(x, size, stride):
        top, left = i * stride[0], j * stride[1]
        dx[:, :, top : top + size[0], left : left + size[1]] += dy[:, :, i : i + 1, j : j + 1] / (size[0] * size[1])
    return dx


def global_max(x, there):
    """Return the largest numbers (N, F) of the steps (N, T, F) that are there, and the first steps that hold them."""
    which = np.where(there, x, -np.inf).argmax(axis=1)
    return np.take_along_axis(x, which[:, None], axis=1)[:, 0], which


def upsampling(n, size, bilinear):
    """Return the weights (n size, n) of an axis's n numbers in each of its n size upsampled ones."""
    weights = np.zeros((n * size, n))
    for i in range(n * size):
        position = min(max((i + 0.5) / size - 0.5, 0), n - 1) if bilinear else i // size
        low = int(position)
        weights[i, low] += 1 - (position - low)
        weights[i, min(low + 1, n - 1)] += position - low
    return weights


@kind("max")
def max_layer(network, layer, x):
    geometry = layer["size"], layer["stride"]
    if np.prod(layer["size"]) > 1:
        for _, _, field in windows(x, *geometry):
            first, second = np.sort(field.reshape(*x.shape[:2], -1), axis=2)[:, :, -1:-3:-1].transpose(2, 0, 1)
            network.near(first - second)
    return max_pool2d(x, *geometry), lambda dy: (max_pool2d_backward(dy, x, *geometry),)


@kind("mean")
def mean_layer(network, layer, x):
    geometry = layer["size"], layer["stride"]
    return mean_pool2d(x, *geometry), lambda dy: (mean_pool2d_backward(dy, x, *geometry),)


@kind("max_in_time")
def max_in_time_layer(network, layer, x):
    return of_sequences(max_layer, network, layer, x)


@kind("mean_in_time")
def mean_in_time_layer(network, layer, x):
    return of_sequences(mean_layer, network, layer, x)


@kind("global")
def global_layer(network, layer, x):
    """Pool all pixels, or the steps that count, by their maximum or mean."""
    rows = x.reshape(*x.shape[:2], -1).transpose(0, 2, 1) if x.ndim == 4 else x
    there = np.ones(rows.shape, bool) if x.ndim == 4 else network.there(x)

    def shaped(rows):
        return rows.transpose(0, 2, 1).reshape(x.shape) if x.ndim == 4 else rows

    if layer["mean"]:
        count = there.sum(axis=1, keepdims=True)
        y = np.where(there, rows, 0).sum(axis=1) / count[:, 0]
        return y, lambda dy: (shaped(np.where(there, dy[:, None] / count, 0)),)
    y, which = global_max(rows, there)
    if rows.shape[1] > 1:
        first, second = np.sort(np.where(there, rows, -np.inf), axis=1)[:, :-3:-1].transpose(1, 0, 2)
        network.near(first - second)

    def back(dy):
        dx = np.zeros_like(rows)
        np.put_along_axis(dx, which[:, None], dy[:, None], axis=1)
        return (shaped(dx),)

    return y, back


@kind("upsample")
def upsample_layer(network, layer, x):
    down, right = (upsampling(n, size, layer["bilinear"]) for n, size in zip(x.shape[2:], layer["size"], strict=True))
    return down @ x @ right.T, lambda dy: (down.T @ dy @ right,)
