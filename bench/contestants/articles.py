"""Straightforward Python of the articles' kind."""

from importlib import import_module

import numpy as np

from bench import article_classes, article_layers, object_model, work
from bench.contestants import Task

VERSION = f"with NumPy {np.__version__}"
_OBJECTS = 20  # samples


def article_network(threads):
    net = object_model.Network([784, 300, 10])
    net.set_weights([(w.astype(float).tolist(), b.astype(float).tolist()) for w, b in work.mlp_start()])
    x, targets = work.mnist()[0][:_OBJECTS].reshape(_OBJECTS, -1).tolist(), work.mlp_targets()[:_OBJECTS].tolist()

    def train(samples):
        for sample, target in zip(x[:samples], targets[:samples], strict=True):
            net.train_one_sample(sample, target, work.MLP_1.rate)

    train(work.CHECKED_STEPS)
    check = np.array([net.predict(sample) for sample in x])
    return Task(check, lambda: train(_OBJECTS), _OBJECTS / 60_000)


def article_convolution(threads):
    x, weight, bias, sensitivity = work.article_convolution_data()
    layer = article_layers.Convolution(weight, bias)

    def once():
        return layer.forward(x), layer.backward(sensitivity), layer.weight_gradient

    return Task(work.together(*once()), once, 1)


def article_pooling(threads):
    x, sensitivity = work.article_pooling_data()
    layer = article_layers.MaxPooling(2)

    def once():
        return layer.forward(x), layer.backward(x, sensitivity)

    return Task(work.together(*once()), once, 1)


def article_lstm(threads):
    state, inputs, biases, xs, dh = work.article_lstm_data()
    layer = article_layers.Lstm(state, inputs, biases)

    def once():
        layer.reset()
        for x in xs:
            layer.forward(x)
        return layer.h[-1], layer.backward(dh)

    h, gradients = once()
    return Task(work.together(h, *(g for k in layer.GATES for g in gradients[k])), once, 1)


def _article_class(prepare):
    return lambda threads: Task.of_calls(*prepare(lambda module: import_module(f"listings.{module}")))


globals().update({name: _article_class(prepare) for name, prepare in article_classes.WORKS.items()})
