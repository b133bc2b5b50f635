"""NumPy, whose products are OpenBLAS's."""

import numpy as np

from bench import dense, work
from bench.contestants import Task

VERSION = np.__version__


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _mlp(recipe, samples):
    x, targets, batch = work.mnist()[0].reshape(-1, 784), work.mlp_targets(), recipe.batch

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

    p = work.mlp_start()
    fit(p, work.CHECKED_STEPS * batch)
    return Task(outputs(p, 64), lambda: fit(p, samples), samples / 60_000, lambda: outputs(p, work.LEARNED))


def mlp_128(threads):
    return _mlp(work.MLP_128, 60_000)


def mlp_1(threads):
    return _mlp(work.MLP_1, 3000)


def _dense(name):
    def prepare(threads):
        x, weight, dy = dense.data(name)
        calls = dense.calls(name)

        def once():
            return x @ weight.T, dy @ weight, dy.T @ x

        def run():
            for _ in range(calls):
                once()

        return Task(work.digest(*once()), run, calls)

    return prepare


globals().update({name: _dense(name) for name in dense.CASES})
