"""Losses and their gradients."""

import numpy as np

from .activations import sigmoid, softmax


def squared_error(y, target):
    return ((y - target) ** 2).sum() / 2 / len(y)


def squared_error_backward(y, target):
    return (y - target) / len(y)


def one_hot(labels, classes):
    return np.eye(classes)[labels]


def cross_entropy(logits, target):
    if target.ndim == 1:
        target = one_hot(target, logits.shape[1])
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_softmax = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -(target * log_softmax).sum() / len(logits)


def cross_entropy_backward(logits, target):
    if target.ndim == 1:
        target = one_hot(target, logits.shape[1])
    return (softmax(logits) * target.sum(axis=1, keepdims=True) - target) / len(logits)


def smoothed_cross_entropy(logits, target, share):
    """Return each row's loss for targets t (1 - share) + share / classes, and the gradient of their sum."""
    t = one_hot(target, logits.shape[1]) if target.ndim == 1 else target
    t = (1 - share) * t + share / logits.shape[1]
    return -(t * np.log(softmax(logits))).sum(axis=1), softmax(logits) - t


def huber(y, target, delta):
    """Return each row's loss, and the gradient of their sum."""
    d = y - target
    values = np.where(abs(d) <= delta, d**2 / 2, delta * (abs(d) - delta / 2))
    return values.sum(axis=1), np.clip(d, -delta, delta)


def absolute_error(y, target):
    """Return each row's loss, and the gradient of their sum."""
    return abs(y - target).sum(axis=1), np.sign(y - target)


def binary_cross_entropy(logits, target):
    """Return each row's loss, and the gradient of their sum."""
    return (np.logaddexp(0, logits) - target * logits).sum(axis=1), sigmoid(logits) - target


def quantile(y, target, levels):
    """Return each row's loss, and the gradient of their sum; outputs are (rows, targets, levels)."""
    levels = np.asarray(levels)
    d = y.reshape(*target.shape, len(levels)) - target[:, :, None]
    values = np.where(d > 0, (1 - levels) * d, -levels * d)
    slopes = np.where(d > 0, 1 - levels, -levels) * (d != 0)
    return values.sum(axis=(1, 2)), slopes.reshape(y.shape)


def poisson(y, target):
    """Return each row's loss, and the gradient of their sum; outputs are logarithms of rates."""
    return (np.exp(y) - target * y).sum(axis=1), np.exp(y) - target


LOSSES = {
    "cross_entropy": lambda y, target: smoothed_cross_entropy(y, target, 0.0),
    "binary_cross_entropy": binary_cross_entropy,
    "squared_error": lambda y, target: (((y - target) ** 2).sum(axis=1) / 2, y - target),
    "absolute_error": absolute_error,
    "huber": lambda y, target: huber(y, target, 1.0),
    "quantile": lambda y, target: quantile(y, target, (0.1, 0.5, 0.9)),
    "poisson": poisson,
}
