"""Calls of small networks, whose time is mostly overhead."""

import numpy as np

import fastdl
from bench.contestants import Task
from fastdl import Sequential, layers
from fastdl.optimizers import Adam


def _small():
    parts = [layers.Dense(64, "relu"), layers.Dense(64, "relu"), layers.Dense(1)]
    return Sequential(parts, input_shape=20, seed=0)


def _call(once, calls, threads):
    """Nothing but calls, of work so small that they decide."""
    fastdl.set_num_threads(threads)

    def run():
        for _ in range(calls):
            once()

    return Task(np.zeros(0), run, calls)


def predict_overhead(threads):
    net, x = Sequential([layers.Dense(1)], input_shape=1), np.ones((1, 1), "float32")
    return _call(lambda: net.predict(x), 10_000, threads)


def predictor_overhead(threads):
    net, x = Sequential([layers.Dense(1)], input_shape=1), np.ones((1, 1), "float32")
    predict = net.predictor(1)
    return _call(lambda: predict(x), 10_000, threads)


def small_predictor(threads):
    net, x = _small(), np.ones((1, 20), "float32")
    predict = net.predictor(1)
    return _call(lambda: predict(x), 10_000, threads)


def small_build(threads):
    return _call(_small, 1000, threads)


def _small_data(samples):
    # A loss that cannot be learned, at a rate that hardly moves: moments that vanish would be slow denormal numbers.
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal((samples, n)).astype("float32") for n in (20, 1))
    return x, y, {"loss": "squared_error", "optimizer": Adam(1e-6)}


def small_on_batch(threads):
    net, (x, y, how) = _small(), _small_data(32)
    return _call(lambda: net.train_on_batch(x, y, **how), 2000, threads)


def small_step(threads):
    steps, net, (x, y, how) = 1000, _small(), _small_data(32_000)
    task = _call(lambda: net.fit(x, y, batch_size=32, verbose=0, **how), 1, threads)
    return task._replace(share=steps)


WORKS = {
    "predict_overhead": predict_overhead,
    "predictor_overhead": predictor_overhead,
    "small_predictor": small_predictor,
    "small_build": small_build,
    "small_on_batch": small_on_batch,
    "small_step": small_step,
}
