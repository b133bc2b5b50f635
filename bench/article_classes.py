"""The articles' classes as their programs use them: `fastdl.compat`, or `tests/listings`, which is plain Python.

Each work takes a function that gives a module of either package by its name. It gives what is compared with the
reference, a function for one call of what is timed, and the number of calls in a turn.
"""

from __future__ import annotations

import random
from itertools import cycle

import numpy as np

from . import digits
from .row import together

LEAVES, WIDTH, RATE = 32, 50, 1e-6
CONNECTIONS = 20
NUMBERS = (-1.5, 0.25)


def _network(module):
    net = module("fc").Network([784, 300, 10])
    for layer, (weight, bias) in zip(net.layers, digits.mlp_start(), strict=True):
        layer.W[...], layer.b[...] = weight, bias[:, None]
    x, targets = (a[:100].astype(float) for a in (digits.mnist()[0], digits.mlp_targets()))
    return net, list(x.reshape(100, 784, 1)), list(targets[:, :, None])


def article_fc_step(module):
    net, x, targets = _network(module)
    for label, sample in zip(targets[: digits.CHECKED_STEPS], x, strict=False):
        net.train_one_sample(label, sample, digits.MLP_1.rate)
    check, pairs = np.array([net.predict(sample) for sample in x[:20]]), cycle(zip(targets, x, strict=True))
    return check, lambda: net.train_one_sample(*next(pairs), digits.MLP_1.rate), 100


def article_fc_predict(module):
    net, x, _ = _network(module)
    samples = cycle(x)
    return np.array([net.predict(sample) for sample in x[:20]]), lambda: net.predict(next(samples)), 1000


def tree_data():
    """W, b, leaves and the error's gradient at the root."""
    rng = np.random.default_rng(6)
    return (
        rng.standard_normal((WIDTH, 2 * WIDTH)) / 10, rng.standard_normal((WIDTH, 1)),
        rng.standard_normal((LEAVES, WIDTH, 1)), rng.standard_normal((WIDTH, 1)),
    )  # fmt: skip


def article_recursive(module):
    W, b, leaves, delta = tree_data()
    recursive, activators = module("recursive"), module("activators")
    layer = recursive.RecursiveLayer(WIDTH, 2, activators.TanhActivator(), RATE)
    layer.W[...], layer.b[...] = W, b

    def once():
        nodes = [recursive.TreeNode(data) for data in leaves]
        while len(nodes) > 1:
            above = []
            for pair in zip(nodes[::2], nodes[1::2], strict=True):
                layer.forward(*pair)
                above.append(layer.root)
            nodes = above
        layer.backward(delta)
        layer.update()

    once()
    return together(layer.root.data, layer.W_grad, layer.b_grad, (layer.W - W) / RATE), once, 20


def article_filter(module):
    one = module("cnn").Filter(5, 5, 6)
    weights, gradient = np.random.default_rng(7).standard_normal((2, 6, 5, 5))
    one.weights[...], one.weights_grad[...] = weights, gradient
    one.update(RATE)
    return (one.weights - weights) / RATE, lambda: one.update(RATE), 10_000


def article_activators(module):
    activators = module("activators")
    all_ = [getattr(activators, f"{name}Activator")() for name in ("Identity", "Relu", "Sigmoid", "Tanh")]

    def once():
        return [(one.forward(x), one.backward(x)) for one in all_ for x in NUMBERS]

    return np.array(once()), once, 3000


def article_nodes(module):
    random.seed(1)
    net = module("bp").Network([CONNECTIONS - 1, 1])
    net.layers[0].set_output([0.1 * k for k in range(CONNECTIONS - 1)])
    node = net.layers[1].nodes[0]
    node.calc_output()
    return np.array([node.output]), node.calc_output, 10_000


WORKS = {
    f.__name__: f
    for f in (
        article_fc_step, article_fc_predict, article_recursive, article_filter, article_activators, article_nodes,
    )
}  # fmt: skip
