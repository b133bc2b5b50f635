"""Windows that slide over images, for convolutions and pooling: padding, strides and dilation."""

import numpy as np


def sides(padding):
    """Return ((above, below), (left, right)); for each axis, padding has a number for both sides, or a pair."""
    return tuple((n, n) if np.ndim(n) == 0 else tuple(n) for n in padding)


def pad(x, padding):
    return np.pad(x, ((0, 0), (0, 0), *sides(padding)))


def spans_of(kernel, dilation):
    return tuple((kernel[i] - 1) * dilation[i] + 1 for i in (0, 1))


def output_size(size, kernel, stride, padding=(0, 0), dilation=(1, 1)):
    spans = spans_of(kernel, dilation)
    return tuple((size[i] + sum(sides(padding)[i]) - spans[i]) // stride[i] + 1 for i in (0, 1))


def same_padding(size, kernel, stride, dilation=(1, 1)):
    """Return the padding with which there is an output for each stride of the input; an odd zero comes last."""
    around = []
    for n, width, step in zip(size, spans_of(kernel, dilation), stride, strict=True):
        outputs = -(-n // step)
        missing = max((outputs - 1) * step + width - n, 0)
        around.append((missing // 2, missing - missing // 2))
    return tuple(around)


def windows(x, kernel, stride, padding=(0, 0), dilation=(1, 1)):
    """Yield (i, j, field of every image) of each output pixel; fields are views of one padded copy."""
    yield from fields(pad(x, padding), kernel, stride, dilation)


def fields(x, kernel, stride, dilation):
    """Yield the same of x itself, without padding."""
    oh, ow = output_size(x.shape[2:], kernel, stride, dilation=dilation)
    height, width = spans_of(kernel, dilation)
    for i in range(oh):
        for j in range(ow):
            top, left = i * stride[0], j * stride[1]
            yield i, j, x[:, :, top : top + height : dilation[0], left : left + width : dilation[1]]


def of_sequences(function, network, layer, x, **given):
    """Apply a kind of layer to sequences (N, T, F), as images of height 1; `given` are settings of that layer."""
    settings = {name: (1, values) for name, values in layer.items() if name in ("stride", "dilation", "size")}
    y, back_of_images = function(network, {**layer, **settings, **given}, x.transpose(0, 2, 1)[:, :, None])

    def back(dy):
        dx, *gradients = back_of_images(dy.transpose(0, 2, 1)[:, :, None])
        gradients = [g[:, :, 0] if g.ndim == 4 else g for g in gradients]
        return dx[:, :, 0].transpose(0, 2, 1), *gradients

    return y[:, :, 0].transpose(0, 2, 1), back
