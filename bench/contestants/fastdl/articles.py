"""The articles' classes in `fastdl.compat`."""

from importlib import import_module

import numpy as np

import fastdl
from bench import article_classes, article_data, digits
from bench.contestants import Task
from bench.row import together
from fastdl.compat import bp, cnn
from fastdl.compat.lstm import LstmLayer


def article_network(threads):
    fastdl.set_num_threads(threads)
    net = bp.Network([784, 300, 10])
    net.parameters = together(*(np.vstack([w.T, b]) for w, b in digits.mlp_start()))
    x, targets = digits.mnist()[0].reshape(-1, 784).astype(float), digits.mlp_targets().astype(float)
    net.train(targets[: digits.CHECKED_STEPS], x[: digits.CHECKED_STEPS], digits.MLP_1.rate, 1)
    check = np.array([net.predict(sample) for sample in x[:20]])
    return Task(check, lambda: net.train(targets, x, digits.MLP_1.rate, 1), 1, lambda: _predictions(net, x))


def _predictions(net, x):
    return np.array([net.predict(sample) for sample in x[: digits.LEARNED]])


def article_convolution(threads):
    fastdl.set_num_threads(threads)
    x, weight, bias, sensitivity = article_data.convolution_data()
    layer = cnn.ConvLayer(14, 14, 6, 5, 5, 16, 0, 1, cnn.ReluActivator(), 0.1)
    identity = cnn.IdentityActivator()
    for one, values, number in zip(layer.filters, weight, bias, strict=True):
        one.weights, one.bias = values, number

    def once():
        layer.forward(x)
        layer.backward(x, sensitivity, identity)

    def check():
        once()
        return together(layer.output_array, layer.delta_array, [one.weights_grad for one in layer.filters])

    return Task.of_calls(check(), once, 500)


def article_pooling(threads):
    fastdl.set_num_threads(threads)
    x, sensitivity = article_data.pooling_data()
    layer = cnn.MaxPoolingLayer(28, 28, 6, 2, 2, 2)

    def once():
        layer.forward(x)
        layer.backward(x, sensitivity)

    def check():
        once()
        return together(layer.output_array, layer.delta_array)

    return Task.of_calls(check(), once, 1000)


def article_lstm(threads):
    fastdl.set_num_threads(threads)
    state, inputs, biases, xs, dh = article_data.lstm_data()
    layer, identity = LstmLayer(128, 128, 0.1), cnn.IdentityActivator()
    for k in "fioc":
        setattr(layer, f"W{k}h", state[k])
        setattr(layer, f"W{k}x", inputs[k])
        setattr(layer, f"b{k}", biases[k])

    def once():
        layer.reset_state()
        for x in xs:
            layer.forward(x)
        layer.backward(xs[-1], dh, identity)

    def check():
        once()
        gradients = (getattr(layer, f"{a}{k}{b}_grad") for k in "fioc" for a, b in (("W", "h"), ("W", "x"), ("b", "")))
        return together(layer.h_list[-1], *gradients)

    return Task.of_calls(check(), once, 20)


def _article_class(prepare):
    def task(threads):
        fastdl.set_num_threads(threads)
        return Task.of_calls(*prepare(lambda module: import_module(f"fastdl.compat.{module}")))

    return task


WORKS = {
    "article_network": article_network,
    "article_convolution": article_convolution,
    "article_pooling": article_pooling,
    "article_lstm": article_lstm,
    **{name: _article_class(prepare) for name, prepare in article_classes.WORKS.items()},
}
