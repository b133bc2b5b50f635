"""Activation functions and their derivatives."""

import math

import numpy as np

from .kinds import kind


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def sigmoid(x):
    return np.exp(-np.logaddexp(0, -x))


SELU_SCALE, SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717

ACTIVATIONS = {
    "identity": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "softmax": softmax,
    "selu": lambda x: SELU_SCALE * elu(x, SELU_ALPHA),
    "softplus": lambda x: np.logaddexp(0, x),
    "hard_sigmoid": lambda x: np.clip((x + 3) / 6, 0, 1),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "relu6": lambda x: np.clip(x, 0, 6),
}


def elu(x, alpha):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def elu_backward(dy, y, alpha):
    return np.where(y > 0, dy, (y + alpha) * dy)


def silu(x):
    return x * sigmoid(x)


def silu_backward(dy, x):
    return dy * sigmoid(x) * (1 + x * sigmoid(-x))


def hard_silu(x):
    return x * np.clip((x + 3) / 6, 0, 1)


def hard_silu_backward(dy, x):
    return dy * np.where(abs(x) < 3, (2 * x + 3) / 6, x > 0)


def leaky_relu(x, slope):
    return np.where(x > 0, x, slope * x)


def leaky_relu_backward(dy, y, slope):
    return np.where(y > 0, dy, slope * dy)


def normal(x):
    """Return the cumulative normal distribution at x, and its density."""
    return np.vectorize(math.erfc, otypes=[float])(-x / math.sqrt(2)) / 2, np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def gelu(x):
    return x * normal(x)[0]


def gelu_backward(dy, x):
    distribution, density = normal(x)
    return dy * (distribution + x * density)


def activation_backward(dy, y, name):
    """Compute the gradient from the output y, which determines all these derivatives."""
    if name == "softmax":
        return y * (dy - (dy * y).sum(axis=-1, keepdims=True))
    slopes = {
        "identity": lambda y: np.ones_like(y),
        "relu": lambda y: (y > 0).astype(y.dtype),
        "sigmoid": lambda y: y * (1 - y),
        "tanh": lambda y: 1 - y * y,
        "selu": lambda y: SELU_SCALE * elu_backward(1, y / SELU_SCALE, SELU_ALPHA),
        "softplus": lambda y: -np.expm1(-y),
        "hard_sigmoid": lambda y: ((y > 0) & (y < 1)) / 6,
        "hard_tanh": lambda y: abs(y) < 1,
        "relu6": lambda y: (y > 0) & (y < 6),
    }
    return dy * slopes[name](y)


def activate(x, activation):
    """Apply an activation, given by its name or by (name, setting)."""
    name, *setting = (activation,) if isinstance(activation, str) else activation
    others = {"leaky_relu": leaky_relu, "elu": elu, **OF_INPUT}
    return {**ACTIVATIONS, **others}[name](x, *setting)


OF_INPUT = {"gelu": gelu, "silu": silu, "hard_silu": hard_silu}  # whose derivatives need the input


def activate_backward(dy, x, activation):
    name, *setting = (activation,) if isinstance(activation, str) else activation
    if name in OF_INPUT:
        return {"gelu": gelu_backward, "silu": silu_backward, "hard_silu": hard_silu_backward}[name](dy, x)
    y = activate(x, activation)
    if setting:
        return {"leaky_relu": leaky_relu_backward, "elu": elu_backward}[name](dy, y, *setting)
    return activation_backward(dy, y, name)


def corners(activation):
    """Return the points at which the activation's slope jumps."""
    name = activation if isinstance(activation, str) else activation[0]
    of_lines = {"hard_sigmoid": (-3, 3), "hard_tanh": (-1, 1), "relu6": (0, 6), "hard_silu": (-3, 3)}
    return of_lines.get(name, (0,) if name in ("relu", "leaky_relu", "elu", "selu") else ())


@kind("activation")
def activation_layer(network, layer, x):
    return x, lambda dy: (dy,)
