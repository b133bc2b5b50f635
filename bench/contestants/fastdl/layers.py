"""Single layers, forward and backward."""

import numpy as np
import reference

import fastdl
from bench import convolution, dense, sequences
from bench.contestants import Task
from bench.row import digest
from fastdl import layers


def convolution_lenet(threads):
    core, draw = fastdl._core.load("float32"), np.random.default_rng(0).standard_normal
    x, weight, y = (core.aligned_zeros(n) for n in (14 * 14 * 6, 5 * 5 * 6 * 16 + 16, 10 * 10 * 16))
    x[:], weight[:-16] = draw(x.size), draw(weight.size - 16)

    def calls(repeats):
        return core.convolution_probe((14, 14, 6), (5, 5, 16), x, weight, y, repeats)

    calls(1)
    image, filters, seen = x.reshape(14, 14, 6), weight[:-16].reshape(5, 5, 6, 16), y.reshape(10, 10, 16)
    expected = reference.cross_correlate2d(
        image.transpose(2, 0, 1)[None].astype(float), filters.transpose(3, 2, 0, 1).astype(float), 0.0, (1, 1), (0, 0)
    )
    np.testing.assert_allclose(seen.transpose(2, 0, 1)[None], expected, atol=1e-4)
    return Task(np.zeros(0), lambda: calls(50_000), 50_000)


def _layer(layer, shape, data, threads, calls=5):
    fastdl.set_num_threads(threads)
    x, weight, dy = data
    layer.build(shape, seed=0)
    layer.params["weight"][...] = weight
    layer.params["bias"][...] = 0

    def once():
        return layer.forward(x), layer.backward(dy), layer.grads["weight"]

    def run():
        fastdl.set_num_threads(threads)
        for _ in range(calls):
            once()

    return Task(digest(*once()), run, calls)


def _channels_last(x):
    """Lay images out in memory as PyTorch's are in this work."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def convolution_64(threads):
    x, weight, dy = convolution.data()
    data = _channels_last(x), weight, _channels_last(dy)
    return _layer(layers.Conv2D(64, 3, padding=1), (64, 32, 32), data, threads)


def _dense(name):
    _, inputs, outputs, _ = dense.CASES[name]
    return lambda threads: _layer(layers.Dense(outputs), inputs, dense.data(name), threads, dense.calls(name))


def _recurrent(cell, batch, inputs, units):
    def prepare(threads):
        fastdl.set_num_threads(threads)
        x, dy, weights = sequences.data(cell, batch, inputs, units)
        layer = {"rnn": layers.RNN, "lstm": layers.LSTM, "gru": layers.GRU}[cell](units, return_sequences=True)
        layer.build((sequences.STEPS, inputs))
        for name, values in weights.items():
            layer.params[name][...] = values
        calls = 100 if batch == 1 else 10

        def run():
            fastdl.set_num_threads(threads)
            for _ in range(calls):
                layer.forward(x)
                layer.backward(dy)

        return Task(sequences.digest(layer.forward(x), layer.backward(dy), layer.grads), run, calls)

    return prepare


WORKS = {
    "convolution_lenet": convolution_lenet,
    "convolution_64": convolution_64,
    **{name: _dense(name) for name in dense.CASES},
    **{name: _recurrent(*case) for name, case in sequences.CASES.items()},
}
