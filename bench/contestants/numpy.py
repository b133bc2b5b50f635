"""NumPy, whose products are OpenBLAS's."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from bench import dense, digits, functions
from bench.contestants import Task
from bench.row import digest

VERSION = np.__version__


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _mlp(recipe, samples):
    x, targets, batch = digits.mnist()[0].reshape(-1, 784), digits.mlp_targets(), recipe.batch

    def fit(p, samples):
        (w1, b1), (w2, b2) = p
        for i in range(0, samples, batch):
            a, t = x[i : i + batch], targets[i : i + batch]
            h = _sigmoid(a @ w1.T + b1)
            y = _sigmoid(h @ w2.T + b2)
            d2 = (y - t) * y * (1 - y) * np.float32(recipe.rate / len(a))
            d1 = (d2 @ w2) * h * (1 - h)
            w2 -= d2.T @ h
            b2 -= d2.sum(axis=0)
            w1 -= d1.T @ a
            b1 -= d1.sum(axis=0)

    def outputs(p, samples):
        (w1, b1), (w2, b2) = p
        return _sigmoid(_sigmoid(x[:samples] @ w1.T + b1) @ w2.T + b2)

    p = digits.mlp_start()
    fit(p, digits.CHECKED_STEPS * batch)
    return Task(outputs(p, 64), lambda: fit(p, samples), samples / 60_000, lambda: outputs(p, digits.LEARNED))


def mlp_128(threads):
    return _mlp(digits.MLP_128, 60_000)


def mlp_1(threads):
    return _mlp(digits.MLP_1, 3000)


def _dense(name):
    def prepare(threads):
        x, weight, dy = dense.data(name)
        calls = dense.calls(name)

        def once():
            return x @ weight.T, dy @ weight, dy.T @ x

        def run():
            for _ in range(calls):
                once()

        return Task(digest(*once()), run, calls)

    return prepare


def _function(name, function):
    def prepare(threads):
        arrays = functions.data(name)

        def run():
            for _ in range(functions.CALLS):
                function(*arrays)

        return Task(functions.digest(function(*arrays)), run, functions.CALLS)

    return prepare


def _im2col(x):
    fields = sliding_window_view(x, (5, 5), axis=(2, 3)).transpose(0, 1, 4, 5, 2, 3)
    return np.ascontiguousarray(fields).reshape(len(x), -1, fields.shape[4] * fields.shape[5])


def _quarters(x):
    """What lies in each place of windows of two by two: 4 to 25 times as fast as a reshape and an axis of windows."""
    return x[..., ::2, ::2], x[..., ::2, 1::2], x[..., 1::2, ::2], x[..., 1::2, 1::2]


def _max_pool2d(x):
    a, b, c, d = _quarters(x)
    return np.maximum(np.maximum(a, b), np.maximum(c, d))


def _mean_pool2d(x):
    a, b, c, d = _quarters(x)
    return (a + b + c + d) * np.float32(0.25)


def _expand(delta):
    y = np.zeros((*delta.shape[:2], 2 * delta.shape[2] - 1, 2 * delta.shape[3] - 1), "float32")
    y[..., ::2, ::2] = delta
    return y


def _rnn_step(x, h, u, w, b, d):
    return np.tanh(x @ u.T + h @ w.T + (b + d))


def _lstm_step(x, h, c, u, w, b, d):
    units = h.shape[1]
    p = x @ u.T + h @ w.T + (b + d)
    gates = _sigmoid(p[:, : 2 * units])
    c = gates[:, units:] * c + gates[:, :units] * np.tanh(p[:, 2 * units : 3 * units])
    return _sigmoid(p[:, 3 * units :]) * np.tanh(c), c


def _gru_step(x, h, u, w, b, d):
    units = h.shape[1]
    p, q = x @ u.T + b, h @ w.T + d
    gates = _sigmoid(p[:, : 2 * units] + q[:, : 2 * units])
    n = np.tanh(p[:, 2 * units :] + gates[:, :units] * q[:, 2 * units :])
    return n + gates[:, units:] * (h - n)


_STEPS = {"rnn": _rnn_step, "lstm": _lstm_step, "gru": _gru_step}

WORKS = {
    "mlp_128": mlp_128,
    "mlp_1": mlp_1,
    **{name: _dense(name) for name in dense.CASES},
    "im2col": _function("im2col", _im2col),
    "max_pool2d": _function("max_pool2d", _max_pool2d),
    "mean_pool2d": _function("mean_pool2d", _mean_pool2d),
    "expand_sensitivity_map": _function("expand_sensitivity_map", _expand),
    **{name: _function(name, _STEPS[cell]) for name, (cell, _) in functions.STEPS.items()},
}
