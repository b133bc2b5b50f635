"""Layers in straightforward Python, of the kind that articles 4 and 6 build: the baseline for `fastdl.compat`.

NumPy on one patch of an image, or on one step in time, and Python's loops around it; float64, one sample. The
arithmetic is right: gradients are exact.
"""

from __future__ import annotations

import numpy as np


def _patch(x, i, j, height, width, stride):
    return x[..., i * stride : i * stride + height, j * stride : j * stride + width]


def _correlate(x, kernel, bias=0.0):
    """Slide a kernel of as many axes over x, pixel by pixel."""
    height, width = kernel.shape[-2:]
    y = np.zeros((x.shape[-2] - height + 1, x.shape[-1] - width + 1))
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            y[i, j] = (_patch(x, i, j, height, width, 1) * kernel).sum() + bias
    return y


class Convolution:
    """ReLU of a convolution with stride 1 and no padding, x (C, H, W)."""

    def __init__(self, weight, bias):
        self.weight, self.bias = weight, bias

    def forward(self, x):
        self.x = x
        self.y = np.array([_correlate(x, kernel, bias) for kernel, bias in zip(self.weight, self.bias, strict=True)])
        for number in np.nditer(self.y, op_flags=[["readwrite"]]):
            number[...] = max(0.0, number)
        return self.y

    def backward(self, sensitivity):
        """Return dx from the gradient with respect to the weighted input; keep those of the parameters."""
        _, _, height, width = self.weight.shape
        frame = [(0, 0), (height - 1, height - 1), (width - 1, width - 1)]
        padded, dx = np.pad(sensitivity, frame), np.zeros_like(self.x)
        for kernels, plane in zip(self.weight, padded, strict=True):
            for c, kernel in enumerate(kernels):
                dx[c] += _correlate(plane, np.rot90(kernel, 2))
        self.weight_gradient = np.array([[_correlate(channel, plane) for channel in self.x] for plane in sensitivity])
        self.bias_gradient = [plane.sum() for plane in sensitivity]
        return dx


class MaxPooling:
    """The largest number of each window, x (C, H, W)."""

    def __init__(self, size):
        self.size = size

    def forward(self, x):
        n = self.size
        y = np.zeros((x.shape[0], x.shape[1] // n, x.shape[2] // n))
        for c in range(y.shape[0]):
            for i in range(y.shape[1]):
                for j in range(y.shape[2]):
                    y[c, i, j] = _patch(x[c], i, j, n, n, n).max()
        return y

    def backward(self, x, dy):
        n, dx = self.size, np.zeros_like(x)
        for c in range(dy.shape[0]):
            for i in range(dy.shape[1]):
                for j in range(dy.shape[2]):
                    k, m = self._largest(_patch(x[c], i, j, n, n, n))
                    dx[c, i * n + k, j * n + m] += dy[c, i, j]
        return dx

    def _largest(self, patch):
        best, place = -np.inf, (0, 0)
        for i in range(patch.shape[0]):
            for j in range(patch.shape[1]):
                if patch[i, j] > best:
                    best, place = patch[i, j], (i, j)
        return place


def _sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


class Lstm:
    """One step a call, on columns; each gate has a matrix for the state and one for the input."""

    GATES = "fioc"

    def __init__(self, state, inputs, biases):
        """Take dicts by gate: (S, S), (S, I) and (S, 1)."""
        self.state, self.inputs, self.biases = state, inputs, biases
        self.reset()

    def reset(self):
        start = np.zeros_like(self.biases["f"])
        self.x, self.h, self.c, self.gates = [], [start], [start], []

    def forward(self, x):
        gates = {}
        for k in self.GATES:
            weighted = np.dot(self.state[k], self.h[-1]) + np.dot(self.inputs[k], x) + self.biases[k]
            gates[k] = np.tanh(weighted) if k == "c" else _sigmoid(weighted)
        c = gates["f"] * self.c[-1] + gates["i"] * gates["c"]
        self.x.append(x)
        self.gates.append(gates)
        self.c.append(c)
        self.h.append(gates["o"] * np.tanh(c))

    def backward(self, dh):
        """Go back through time from the gradient of the last h; gradients of state, inputs and biases by gate."""
        gradients = {
            k: [np.zeros_like(self.state[k]), np.zeros_like(self.inputs[k]), np.zeros_like(dh)] for k in self.GATES
        }
        dc = np.zeros_like(dh)
        for t in range(len(self.x) - 1, -1, -1):
            gates, shown = self.gates[t], np.tanh(self.c[t + 1])
            f, i, o, ct = (gates[k] for k in self.GATES)
            dc = dc + dh * o * (1 - shown * shown)
            deltas = {
                "f": dc * self.c[t] * f * (1 - f),
                "i": dc * ct * i * (1 - i),
                "o": dh * shown * o * (1 - o),
                "c": dc * i * (1 - ct * ct),
            }
            dc, dh = dc * f, np.zeros_like(dh)
            for k, delta in deltas.items():
                dh = dh + np.dot(delta.T, self.state[k]).T
                gradients[k][0] += np.dot(delta, self.h[t].T)
                gradients[k][1] += np.dot(delta, self.x[t].T)
                gradients[k][2] += delta
        return gradients
