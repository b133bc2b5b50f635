"""Sums of a million numbers in float32 are as good as those of few: they are made of parts."""

import copy
import signal
import time

import numpy as np
import pytest

import fastdl
from fastdl import Sequential, layers, optimizers

MANY = 1 << 20


def values(shape):
    """Numbers alike, whose rounding errors add up rather than cancel."""
    return np.full(shape, 0.1, np.float32)


def tokens(shape):
    return np.zeros(shape, np.int64)


CASES = {
    "dense": ([layers.Dense(3)], values, (MANY, 4)),
    "dense, many units": ([layers.Dense(40)], values, (MANY // 4, 2)),
    "dense, in time": ([layers.Dense(3)], values, (MANY // 8, 10, 2)),
    "dense, long in time": ([layers.Dense(3)], values, (2, MANY // 2, 2)),
    "lstm": ([layers.LSTM(2)], values, (MANY // 4, 4, 2)),
    "gru": ([layers.GRU(2)], values, (MANY // 4, 4, 2)),
    "positions": ([layers.PositionalEmbedding(2)], values, (MANY // 2, 2, 2)),
    "embedding": ([layers.Embedding(3, 2)], tokens, (MANY // 4, 4)),
    "embedding, looked up": ([layers.Embedding(3, 2), layers.RNN(2)], tokens, (MANY // 8, 5)),
    "convolution": ([layers.Conv2D(3, 1)], values, (1, 2, 1000, 1000)),
    "convolution, in runs": ([layers.Conv2D(3, 3)], values, (1, 1, 700, 1500)),
    "convolution, of taps": ([layers.Conv2D(2, 3, dilation=2)], values, (1, 2, 1000, 1000)),
    "convolution, of many": ([layers.Conv1D(2, 2)], values, (MANY // 2, 6, 2)),
    "depthwise": ([layers.Conv2D(2, 3, groups=2)], values, (1, 2, 1000, 1000)),
    "transposed": ([layers.ConvTranspose2D(2, 2)], values, (1, 2, 1000, 1000)),
    "layer norm": ([layers.LayerNorm()], np.random.default_rng(0).random, (MANY, 3)),
    "group norm": ([layers.GroupNorm(1)], np.random.default_rng(0).random, (1, 2, 1000, 1000)),
    "a number for all pixels": (
        [layers.Parallel([[], [layers.GlobalMeanPool(), layers.Dense(1)]], "sum")], values, (1, 2, 1000, 1000),
    ),
    "batch norm": ([layers.BatchNorm()], np.random.default_rng(0).random, (MANY, 3)),
    "batch norm, of images": ([layers.BatchNorm()], np.random.default_rng(0).random, (1, 2, 1000, 1000)),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_gradients(case):
    made, numbers, shape = CASES[case]
    x = numbers(shape)

    def gradients(dtype, threads):
        fastdl.set_num_threads(threads)
        net = Sequential(copy.deepcopy(made), input_shape=shape[1:], dtype=dtype, seed=0)
        y = net.forward(x if x.dtype == np.int64 else x.astype(dtype), training=True)
        net.backward(values(y.shape).astype(dtype))
        return net.gradients.astype(float)

    found, expected = gradients("float32", 1), gradients("float64", 2)
    np.testing.assert_allclose(found, expected, atol=3e-4 * abs(expected).max())
    assert (found == gradients("float32", 2)).all()


@pytest.mark.parametrize("channels", [1, 9])
def test_the_mean_of_a_huge_window(channels):
    x = values((1, channels, 1000, 1000))
    y = Sequential([layers.MeanPool2D(1000)], input_shape=x.shape[1:]).predict(x)
    np.testing.assert_allclose(y, 0.1, rtol=1e-4)


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "binary_cross_entropy", "poisson"])
def test_the_loss_of_many_numbers(loss):
    net = Sequential([layers.Activation("identity")], input_shape=MANY)
    x = values((1, MANY))
    of_few = Sequential([layers.Activation("identity")], input_shape=1).evaluate(x[:, :1], 2 * x[:, :1], loss=loss)
    assert net.evaluate(x, 2 * x, loss=loss)["loss"] == pytest.approx(MANY * of_few["loss"], rel=1e-4)


def test_a_step_that_is_interrupted_leaves_nothing_to_the_next(rng):
    """What is set aside of sums in slots belongs to its step."""
    fastdl.set_num_threads(1)
    net = Sequential(
        [layers.LayerNorm(), layers.Dense(128), layers.GlobalMeanPool(), layers.Dense(1)], input_shape=(128, 16), seed=0
    )
    x, y = rng.standard_normal((2000, 128, 16)).astype("float32"), rng.standard_normal((2000, 1)).astype("float32")

    def step(one):
        one.train_on_batch(x, y, loss="squared_error", optimizer=optimizers.SGD(0.1))

    def stop(*_):
        raise TimeoutError

    took, ended = float("inf"), 0
    for _ in range(3):
        started = time.perf_counter()
        step(net)
        took = min(took, time.perf_counter() - started)
    before = signal.signal(signal.SIGALRM, stop)
    try:
        for k in range(8):
            signal.setitimer(signal.ITIMER_REAL, took * (0.15 + 0.1 * k))
            try:
                step(net)
            except TimeoutError:
                ended += 1
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
            fresh = copy.deepcopy(net)
            for one in (net, fresh):
                step(one)
            assert np.array_equal(net.parameters, fresh.parameters)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert ended
