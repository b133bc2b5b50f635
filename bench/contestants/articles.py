"""Straightforward Python of the articles' kind."""

from importlib import import_module

import numpy as np

from bench import article_classes, article_data, article_layers, digits, object_model
from bench.contestants import Task
from bench.row import together

VERSION = f"with NumPy {np.__version__}"
_OBJECTS = 20  # samples


def article_network(threads):
    net = object_model.Network([784, 300, 10])
    net.set_weights([(w.astype(float).tolist(), b.astype(float).tolist()) for w, b in digits.mlp_start()])
    x, targets = digits.mnist()[0][:_OBJECTS].reshape(_OBJECTS, -1).tolist(), digits.mlp_targets()[:_OBJECTS].tolist()

    def train(samples):
        for sample, target in zip(x[:samples], targets[:samples], strict=True):
            net.train_one_sample(sample, target, digits.MLP_1.rate)

    train(digits.CHECKED_STEPS)
    check = np.array([net.predict(sample) for sample in x])
    return Task(check, lambda: train(_OBJECTS), _OBJECTS / 60_000)


def article_convolution(threads):
    x, weight, bias, sensitivity = article_data.convolution_data()
    layer = article_layers.Convolution(weight, bias)

    def once():
        return layer.forward(x), layer.backward(sensitivity), layer.weight_gradient

    return Task(together(*once()), once, 1)


def article_pooling(threads):
    x, sensitivity = article_data.pooling_data()
    layer = article_layers.MaxPooling(2)

    def once():
        return layer.forward(x), layer.backward(x, sensitivity)

    return Task(together(*once()), once, 1)


def article_lstm(threads):
    state, inputs, biases, xs, dh = article_data.lstm_data()
    layer = article_layers.Lstm(state, inputs, biases)

    def once():
        layer.reset()
        for x in xs:
            layer.forward(x)
        return layer.h[-1], layer.backward(dh)

    h, gradients = once()
    return Task(together(h, *(g for k in layer.GATES for g in gradients[k])), once, 1)


def _article_class(prepare):
    return lambda threads: Task.of_calls(*prepare(lambda module: import_module(f"listings.{module}")))


WORKS = {
    "article_network": article_network,
    "article_convolution": article_convolution,
    "article_pooling": article_pooling,
    "article_lstm": article_lstm,
    **{name: _article_class(prepare) for name, prepare in article_classes.WORKS.items()},
}
