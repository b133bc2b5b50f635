"""Batches of other sizes, and one call after another: what memory, plans and parts of a batch must not mix up."""

import numpy as np
import pytest
import reference
from conftest import close

from fastdl import Sequential, layers, optimizers


@pytest.mark.parametrize("samples", [120, 121, 128, 129, 200])
def test_every_part_of_a_large_batch_counts(samples, rng):
    """A convolution's gradient is added up in 16 parts, from 121 samples on."""
    layer = layers.Conv2D(3, 2).build((2, 4, 4), dtype="float64", seed=0)
    x = rng.standard_normal((samples, 2, 4, 4))
    dy = rng.standard_normal(layer.forward(x).shape)
    dx = layer.backward(dy)
    expected = reference.cross_correlate2d_backward(dy, x, layer.params["weight"], (1, 1), (0, 0))
    for actual, wanted in zip((dx, layer.grads["weight"], layer.grads["bias"]), expected, strict=True):
        close(actual, wanted)


def test_every_part_of_a_large_batch_trains(rng):
    net, by_hand = (
        Sequential(
            [layers.Conv2D(3, 2), layers.Flatten(), layers.Dense(2)], input_shape=(2, 4, 4), dtype="float64", seed=0
        )
        for _ in range(2)
    )
    x, target = rng.standard_normal((130, 2, 4, 4)), rng.standard_normal((130, 2))
    by_hand.backward((by_hand.forward(x) - target) / 130)
    net.fit(x, target, batch_size=130, shuffle=False, loss="squared_error", optimizer=optimizers.SGD(0.1), verbose=0)
    close(net.parameters, by_hand.parameters - 0.1 * by_hand.gradients)


def test_lookups_come_and_go_with_the_batch(rng):
    """Eight tokens or more for each row of the table are looked up in products of rows; fewer are not."""

    def make():
        return Sequential(
            [layers.Embedding(4, 3), layers.GRU(5), layers.Dense(2)], input_shape=(6,), dtype="float64", seed=0
        )

    net = make()
    for samples in (2, 12, 3, 12, 1, 30, 4):
        x = rng.integers(0, 4, (samples, 6))
        close(net.predict(x), make().predict(x))
    for samples in (12, 4, 30, 2, 9):
        x, dy = rng.integers(0, 4, (samples, 6)), rng.standard_normal((samples, 2))
        alone = make()
        close(net.forward(x), alone.forward(x))
        net.backward(dy)
        alone.backward(dy)
        close(net.gradients, alone.gradients)
    for samples in (12, 4, 30, 2, 9):
        x, target = rng.integers(0, 4, (samples, 6)), rng.standard_normal((samples, 2))
        alone = make()
        alone.parameters[...] = net.parameters
        for one in (net, alone):
            one.train_on_batch(x, target, loss="squared_error", optimizer=optimizers.SGD(0.1))
        close(net.parameters, alone.parameters)


LAYERS = {
    "rnn": lambda: layers.RNN(3, return_sequences=True),
    "lstm": lambda: layers.LSTM(3, return_sequences=True),
    "gru": lambda: layers.GRU(3, return_sequences=True),
    "concat": lambda: layers.Bidirectional(layers.LSTM(3, return_sequences=True)),
    "sum": lambda: layers.Bidirectional(layers.GRU(3, return_sequences=True), merge="sum"),
}


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS.keys())
def test_outputs_past_the_end_are_zeros_whatever_was_there(make, rng):
    x = rng.standard_normal((9, 6, 2))
    net = Sequential([make()], input_shape=(6, 2), seed=0)
    layer = make().build((6, 2), seed=0)
    for longest in (6, 6, 5, 2, 6, 1):
        lengths = rng.integers(1, longest + 1, 9)
        past = np.arange(6) >= lengths[:, None]
        for call in (net.predict, net.forward, layer.forward):
            assert call(x).all()
            y = call(x, lengths=lengths)
            assert not y[past].any()
            assert y[~past].all()


def test_plans_of_many_lengths_are_dropped(rng):
    """A plan holds the memory of a batch: four are kept, of the last lengths."""
    net = Sequential([layers.LSTM(3, return_sequences=True)], input_shape=(None, 2), seed=0)
    layer = layers.GRU(3).build((None, 2))
    for steps in range(1, 13):
        net.predict(rng.standard_normal((4, steps, 2)))
        layer.forward(rng.standard_normal((4, steps, 2)))
    assert list(net._plans) == list(layer._plans) == [(9, 2), (10, 2), (11, 2), (12, 2)]


def test_lengths_of_more_samples_than_are_predicted_at_a_time(rng):
    net = Sequential([layers.RNN(2), layers.Dense(1)], input_shape=(3, 1), seed=0)
    x, lengths = rng.standard_normal((17_000, 3, 1)), rng.integers(1, 4, 17_000)
    whole, target = net.predict(x, lengths=lengths), np.zeros((17_000, 1))
    for first in (0, 8192, 16_384, 16_900):
        part = slice(first, first + 100)
        assert np.allclose(whole[part], net.predict(x[part], lengths=lengths[part]), atol=1e-6)
    measured = net.evaluate(x, target, loss="squared_error", lengths=lengths)
    assert measured["loss"] == pytest.approx((whole.astype(float) ** 2).sum() / 2 / 17_000, rel=1e-4)


@pytest.mark.parametrize("optimizer", [optimizers.SGD(0.1), optimizers.SGD(0.1, clip_norm=1e6)])
def test_a_last_batch_of_one_sample_takes_one_step(optimizer, rng):
    """Also where gradients and updates are apart, as they are with lookups and with a limit of the norm."""
    net, by_hand = (
        Sequential(
            [layers.Embedding(4, 3), layers.GRU(5), layers.Dense(4, "tanh"), layers.Dense(2)],
            input_shape=(6,), dtype="float64", seed=0,
        )
        for _ in range(2)
    )  # fmt: skip
    x, target = rng.integers(0, 4, (9, 6)), rng.standard_normal((9, 2))
    for part in (slice(0, 8), slice(8, 9)):
        y = by_hand.forward(x[part])
        by_hand.backward((y - target[part]) / len(y))
        by_hand.parameters -= 0.1 * by_hand.gradients
    net.fit(x, target, batch_size=8, shuffle=False, loss="squared_error", optimizer=optimizer, verbose=0)
    close(net.parameters, by_hand.parameters)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_scratch_of_two_convolutions(dtype, rng):
    """The last column is in no window; the second convolution's numbers lie where the first one's fields end."""
    first, second = layers.Conv2D(30, (2, 8), stride=(1, 9)), layers.Conv2D(2, 2)
    net = Sequential([first, second], input_shape=(2, 5, 36), dtype=dtype, seed=0)
    x = rng.standard_normal((3, 2, 5, 36))
    dy = rng.standard_normal(net.forward(x).shape)
    dx = net.backward(dy)
    weights = [layer.params["weight"].astype(float) for layer in net.layers]
    between = reference.cross_correlate2d(x, weights[0], 0, (1, 9), (0, 0))
    d = reference.cross_correlate2d_backward(dy, between, weights[1], (1, 1), (0, 0))[0]
    close(dx, reference.cross_correlate2d_backward(d, x, weights[0], (1, 9), (0, 0))[0], dtype)


@pytest.mark.parametrize("pool", [layers.MaxPool2D, layers.MeanPool2D])
@pytest.mark.parametrize("size", [2, (2, 3)])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_was_no_number_is_forgotten(pool, size, channels, dtype, rng):
    """Pixels that are in no window have a gradient of zero, and no memory of a step in which all was NaN."""
    net = Sequential(
        [layers.Conv2D(2, 2, activation="tanh"), pool(size), layers.Conv2D(2, 1), layers.Flatten(), layers.Dense(1)],
        input_shape=(channels, 19, 18), dtype=dtype, seed=0,
    )  # fmt: skip
    x, target = rng.standard_normal((3, channels, 19, 18)), rng.standard_normal((3, 1))
    options = {"loss": "squared_error", "optimizer": optimizers.SGD(0.01)}
    start = net.parameters.copy()
    net.train_on_batch(x, target, **options)
    expected = net.parameters.copy()
    net.parameters[...] = np.nan
    with pytest.raises(FloatingPointError):
        net.train_on_batch(x, target, **options)
    net.parameters[...] = start
    net.train_on_batch(x, target, **options)
    close(net.parameters, expected, dtype)
