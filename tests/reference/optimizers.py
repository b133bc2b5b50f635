"""One step of each optimizer's rule."""

import numpy as np


def sgd_step(p, g, v, *, lr, momentum=0.0, nesterov=False, weight_decay=0.0):
    """Return the new (p, v)."""
    g = g + weight_decay * p
    v = momentum * v + g
    return p - lr * (g + momentum * v if nesterov else v), v


def adam_step(p, g, m, v, *, step, lr, betas=(0.9, 0.999), epsilon=1e-8, weight_decay=0.0):
    """Return the new (p, m, v); steps count from 1."""
    g = g + weight_decay * p
    m = betas[0] * m + (1 - betas[0]) * g
    v = betas[1] * v + (1 - betas[1]) * g * g
    return p - lr * (m / (1 - betas[0] ** step)) / (np.sqrt(v / (1 - betas[1] ** step)) + epsilon), m, v


def adamw_step(p, g, m, v, *, step, lr, weight_decay, betas=(0.9, 0.999), epsilon=1e-8):
    return adam_step(p - lr * weight_decay * p, g, m, v, step=step, lr=lr, betas=betas, epsilon=epsilon)


def nadam_step(p, g, m, v, *, step, lr=2e-3, betas=(0.9, 0.999), epsilon=1e-8, weight_decay=0.0, momentum_decay=4e-3):
    """Return the new (p, m, v); steps count from 1."""
    mu = betas[0] * (1 - 0.5 * 0.96 ** (np.arange(1, step + 2) * momentum_decay))
    g = g + weight_decay * p
    m = betas[0] * m + (1 - betas[0]) * g
    v = betas[1] * v + (1 - betas[1]) * g * g
    ahead = (1 - mu[-2]) * g / (1 - mu[:-1].prod()) + mu[-1] * m / (1 - mu.prod())
    return p - lr * ahead / (np.sqrt(v / (1 - betas[1] ** step)) + epsilon), m, v


def rmsprop_step(p, g, v, *, lr, alpha=0.99, epsilon=1e-8, weight_decay=0.0):
    g = g + weight_decay * p
    v = alpha * v + (1 - alpha) * g * g
    return p - lr * g / (np.sqrt(v) + epsilon), v


def adagrad_step(p, g, v, *, lr, epsilon=1e-8, weight_decay=0.0):
    g = g + weight_decay * p
    v = v + g * g
    return p - lr * g / (np.sqrt(v) + epsilon), v


def adadelta_step(p, g, u, v, *, lr=1.0, rho=0.9, epsilon=1e-6, weight_decay=0.0):
    """Return the new (p, u, v)."""
    g = g + weight_decay * p
    v = rho * v + (1 - rho) * g * g
    step = np.sqrt(u + epsilon) / np.sqrt(v + epsilon) * g
    u = rho * u + (1 - rho) * step * step
    return p - lr * step, u, v


def lion_step(p, g, m, *, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0):
    """Return the new (p, m)."""
    to = np.sign(betas[0] * m + (1 - betas[0]) * g)
    return p - lr * (to + weight_decay * p), betas[1] * m + (1 - betas[1]) * g
