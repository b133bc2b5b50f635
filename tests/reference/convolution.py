"""Convolutions of images and sequences."""

import numpy as np

from .kinds import kind
from .windows import fields, of_sequences, output_size, pad, same_padding, sides, windows


def parts(weight, channels, groups):
    """Return the channels and the filters of each group."""
    return zip(np.split(np.arange(channels), groups), np.split(np.arange(len(weight)), groups), strict=True)


def cross_correlate2d(x, weight, bias, stride, padding, dilation=(1, 1), groups=1):
    geometry = weight.shape[2:], stride, padding, dilation
    y = np.zeros((len(x), len(weight), *output_size(x.shape[2:], *geometry)), x.dtype)
    bias = np.broadcast_to(bias, len(weight))
    for own, filters in parts(weight, x.shape[1], groups):
        for i, j, field in windows(x[:, own], *geometry):
            y[:, filters, i, j] = np.einsum("nckl,ockl->no", field, weight[filters]) + bias[filters]
    return y


def cross_correlate2d_backward(dy, x, weight, stride, padding, dilation=(1, 1), groups=1):
    geometry = weight.shape[2:], stride, dilation
    x_padded = pad(x, padding)
    dx, dweight = np.zeros_like(x_padded), np.zeros_like(weight)
    for own, filters in parts(weight, x.shape[1], groups):
        seen, gradient = x_padded[:, own], np.zeros_like(x_padded[:, own])
        for (i, j, field), (_, _, of_field) in zip(fields(seen, *geometry), fields(gradient, *geometry), strict=True):
            dweight[filters] += np.einsum("no,nckl->ockl", dy[:, filters, i, j], field)
            of_field += np.einsum("no,ockl->nckl", dy[:, filters, i, j], weight[filters])
        dx[:, own] = gradient
    (top, _), (left, _) = sides(padding)
    h, w = x.shape[2:]
    return dx[:, :, top : top + h, left : left + w], dweight, dy.sum(axis=(0, 2, 3))


def transposed2d(x, weight, bias, stride, padding, extra):
    """Add up the windows that the weights (C, filters, KH, KW) make of each pixel; cut off the `padding`."""
    (h, w), (kh, kw) = x.shape[2:], weight.shape[2:]
    size = (h - 1) * stride[0] + kh + extra[0], (w - 1) * stride[1] + kw + extra[1]
    y = np.zeros((len(x), weight.shape[1], *size))
    for i, j, field in fields(y, (kh, kw), stride, (1, 1)):
        field += np.einsum("nc,cokl->nokl", x[:, :, i, j], weight)
    (ph, pw) = padding
    return y[:, :, ph : size[0] - ph, pw : size[1] - pw] + bias[:, None, None]


def transposed2d_backward(dy, x, weight, stride, padding):
    """The gradient of a transposed convolution is a convolution with the same weights."""
    dx = cross_correlate2d(dy, weight, 0, stride, padding)
    _, dweight, _ = cross_correlate2d_backward(x, dy, weight, stride, padding)
    return dx, dweight, dy.sum(axis=(0, 2, 3))


def im2col(x, kernel, stride, padding):
    columns = [field.reshape(len(x), -1) for _, _, field in windows(x, kernel, stride, padding)]
    return np.stack(columns, axis=2)


def col2im(columns, size, kernel, stride, padding):
    samples = len(columns)
    channels = columns.shape[1] // (kernel[0] * kernel[1])
    x = np.zeros((samples, channels, size[0] + 2 * padding[0], size[1] + 2 * padding[1]), columns.dtype)
    oh, ow = output_size(size, kernel, stride, padding)
    for i in range(oh):
        for j in range(ow):
            field = columns[:, :, i * ow + j].reshape(samples, channels, *kernel)
            top, left = i * stride[0], j * stride[1]
            x[:, :, top : top + kernel[0], left : left + kernel[1]] += field
    return x[:, :, padding[0] : padding[0] + size[0], padding[1] : padding[1] + size[1]]


def expand_sensitivity_map(delta, stride, size):
    out = np.zeros((*delta.shape[:2], *size), delta.dtype)
    for i in range(delta.shape[2]):
        for j in range(delta.shape[3]):
            out[:, :, i * stride[0], j * stride[1]] = delta[:, :, i, j]
    return out


@kind("conv")
def conv_layer(network, layer, x):
    padding, dilation = layer["padding"], layer.get("dilation", (1, 1))
    if padding == "same":
        padding = same_padding(x.shape[2:], layer["weight"].shape[2:], layer["stride"], dilation)
    geometry = layer["stride"], padding, dilation, layer.get("groups", 1)
    y = cross_correlate2d(x, layer["weight"], layer["bias"], *geometry)
    return y, lambda dy: cross_correlate2d_backward(dy, x, layer["weight"], *geometry)


@kind("transposed")
def transposed_layer(network, layer, x):
    geometry = layer["stride"], layer["padding"]
    y = transposed2d(x, layer["weight"], layer["bias"], *geometry, layer["extra"])
    return y, lambda dy: transposed2d_backward(dy, x, layer["weight"], *geometry)


@kind("conv_in_time")
def conv_in_time_layer(network, layer, x):
    weight, padding = layer["weight"][:, :, None], layer["padding"]
    if padding == "causal":
        padding = (0, ((weight.shape[3] - 1) * layer["dilation"], 0))
    elif padding != "same":
        padding = (0, padding)
    # A kernel that reads several steps reads zeros where they do not count.
    there = network.there(x) if weight.shape[3] > 1 else True
    y, back = of_sequences(conv_layer, network, layer, np.where(there, x, 0), weight=weight, padding=padding)

    def of_those_there(dy):
        dx, *gradients = back(dy)
        return np.where(there, dx, 0), *gradients

    return y, of_those_there
