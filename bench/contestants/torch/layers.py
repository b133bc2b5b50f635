"""Single layers, forward and backward."""

import torch
from torch import nn

from bench import convolution, dense, sequences
from bench.contestants import Task
from bench.row import digest

from .weights import assign


def _layer(layer, data, threads, calls=5):
    x, weight, dy = map(torch.from_numpy, data)
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.zero_()
    if x.ndim == 4:
        layer = layer.to(memory_format=torch.channels_last)
        x, dy = (a.contiguous(memory_format=torch.channels_last) for a in (x, dy))
    x.requires_grad_()

    def once():
        torch.set_num_threads(threads)
        x.grad = layer.weight.grad = layer.bias.grad = None
        y = layer(x)
        y.backward(dy)
        return y.detach().numpy(), x.grad.numpy(), layer.weight.grad.numpy()

    def run():
        for _ in range(calls):
            once()

    return Task(digest(*once()), run, calls)


def convolution_64(threads):
    return _layer(nn.Conv2d(64, 64, 3, padding=1), convolution.data(), threads)


def _dense(name):
    _, inputs, outputs, _ = dense.CASES[name]
    return lambda threads: _layer(nn.Linear(inputs, outputs), dense.data(name), threads, dense.calls(name))


def _recurrent(cell, batch, inputs, units):
    def prepare(threads):
        torch.set_num_threads(threads)
        x, dy, weights = sequences.data(cell, batch, inputs, units)
        layer = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[cell](inputs, units, batch_first=True)
        assign(layer, {f"{name}_l0": values for name, values in weights.items()})
        x, dy = torch.from_numpy(x).requires_grad_(), torch.from_numpy(dy)
        calls = 10

        def once():
            x.grad = None
            layer.zero_grad()
            y, _ = layer(x)
            y.backward(dy)
            return y

        def run():
            torch.set_num_threads(threads)
            for _ in range(calls):
                once()

        y = once().detach().numpy()
        gradients = {name: getattr(layer, f"{name}_l0").grad.numpy() for name in weights}
        return Task(sequences.digest(y, x.grad.numpy(), gradients), run, calls)

    return prepare


WORKS = {
    "convolution_64": convolution_64,
    **{name: _dense(name) for name in dense.CASES},
    **{name: _recurrent(*case) for name, case in sequences.CASES.items()},
}
