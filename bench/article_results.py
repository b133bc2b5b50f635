"""Reference results of the articles' layers and classes."""

from __future__ import annotations

import random
from functools import cache

import numpy as np
import reference

from . import article_data
from .article_classes import CONNECTIONS, NUMBERS, WIDTH, tree_data
from .article_layers import Lstm
from .row import together


@cache
def convolution():
    x, weight, bias, sensitivity = article_data.convolution_data()
    y = np.maximum(reference.cross_correlate2d(x[None], weight, bias, (1, 1), (0, 0)), 0)
    dx, dw, _ = reference.cross_correlate2d_backward(sensitivity[None], x[None], weight, (1, 1), (0, 0))
    return together(y, dx, dw)


@cache
def pooling():
    x, sensitivity = article_data.pooling_data()
    two = (2, 2), (2, 2)
    y = reference.max_pool2d(x[None], *two)
    return together(y, reference.max_pool2d_backward(sensitivity[None], x[None], *two))


@cache
def lstm():
    state, inputs, biases, xs, dh = article_data.lstm_data()
    layer = Lstm(state, inputs, biases)
    for x in xs:
        layer.forward(x)
    gradients = layer.backward(dh)
    return together(layer.h[-1], *(g for k in layer.GATES for g in gradients[k]))


@cache
def recursive():
    W, b, leaves, delta = tree_data()
    nodes, below = leaves[..., 0], []
    while len(nodes) > 1:
        below.append(nodes.reshape(-1, 2 * WIDTH))
        nodes = np.tanh(below[-1] @ W.T + b[:, 0])
    d, W_grad, b_grad = delta.T, 0.0, 0.0
    for x in below[::-1]:
        W_grad, b_grad = W_grad + d.T @ x, b_grad + d.sum(axis=0)
        d = (d @ W * (1 - x * x)).reshape(-1, WIDTH)
    return together(nodes, W_grad, b_grad, -W_grad)


def filter_update():
    return -np.random.default_rng(7).standard_normal((2, 6, 5, 5))[1]


def activators():
    x = np.array(NUMBERS)
    pairs = (x, x * 0 + 1), (x * (x > 0), x > 0), (1 / (1 + np.exp(-x)), x * (1 - x)), (np.tanh(x), 1 - x * x)
    return np.array(pairs).transpose(0, 2, 1)


def nodes():
    random.seed(1)
    total = sum(random.uniform(-0.1, 0.1) * 0.1 * k for k in range(CONNECTIONS - 1)) + random.uniform(-0.1, 0.1)
    return 1 / (1 + np.exp(-np.array([total])))
