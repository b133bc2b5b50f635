"""Sequences of different lengths are padded by anything: what lies beyond their lengths has no effect."""

import numpy as np
import pytest

from fastdl import Sequential, gradient_check, layers, optimizers

N, T, F = 6, 7, 4
LENGTHS = np.array([7, 3, 1, 5, 7, 2])
BEYOND = np.arange(T) >= LENGTHS[:, None]

NETWORKS = {
    "recurrent": lambda: [layers.LSTM(5), layers.Dense(3)],
    "at every step": lambda: [layers.Dense(5), layers.GRU(5, return_sequences=True), layers.Dense(3)],
    "both directions": lambda: [layers.Bidirectional(layers.RNN(5, return_sequences=True)), layers.Dense(3)],
    "convolution": lambda: [layers.Conv1D(5, 3, padding="same"), layers.Dense(3)],
    "flattened": lambda: [layers.Flatten(), layers.Dense(3)],
    "attention": lambda: [layers.SelfAttention(2), layers.LayerNorm(), layers.Dense(3)],
    "normalized": lambda: [layers.Dense(5), layers.BatchNorm(), layers.GRU(3)],
    "largest": lambda: [layers.GlobalMaxPool(), layers.Dense(3)],
    "mean": lambda: [layers.GlobalMeanPool(), layers.Dense(3)],
    "noise": lambda: [layers.Dropout(0.3), layers.GaussianNoise(0.1), layers.LSTM(3)],
}


def padded(values, by):
    values = np.array(values)
    values[BEYOND] = by
    return values


@pytest.mark.parametrize("by", [np.nan, np.inf, 1e30])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NETWORKS)
def test_padding_by_anything_is_padding_by_zeros(name, dtype, by, rng):
    nets = [Sequential(NETWORKS[name](), input_shape=(T, F), dtype=dtype, seed=0) for _ in range(2)]
    x, v = rng.standard_normal((2, N, T, F)).astype(dtype)
    shape = (N, *nets[0].output_shape)
    at_steps = len(shape) == 3
    there = ~BEYOND if at_steps else ...
    y, dy = rng.standard_normal((2, *shape)).astype(dtype)
    weights = rng.random(shape[:-1])
    found = []
    for net, number in zip(nets, (0, by), strict=True):
        of_rows = [padded(values, number) if at_steps else values for values in (y, dy, weights)]
        given, one = padded(x, number), {"lengths": LENGTHS}
        outputs = net.predict(given, **one)
        results = [
            outputs[there], net.jacobian(given, **one), net.vjp(given, of_rows[1], **one),
            net.jvp(given, padded(v, number), **one)[there],
        ]  # fmt: skip
        told = net.evaluate(given, of_rows[0], loss="squared_error", sample_weight=of_rows[2], **one)
        net.forward(given, **one)
        results += [net.backward(of_rows[1]), net.gradients.copy()]
        net.fit(given, of_rows[0], loss="squared_error", sample_weight=of_rows[2], epochs=2, batch_size=4, verbose=0,
                optimizer=optimizers.Adam(0.01), validation_data=(given, of_rows[0], LENGTHS), **one)  # fmt: skip
        net.fit([(given, of_rows[0], LENGTHS, of_rows[2])] * 2, loss="squared_error", verbose=0)
        found.append([*results, told["loss"], net.parameters.copy()])
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_tokens_beyond_lengths(rng):
    """As -1, which is no token."""
    net = Sequential([layers.Embedding(9, 4), layers.LSTM(5), layers.Dense(3)], input_shape=(None,), seed=0)
    x, y = rng.integers(9, size=(N, T)), rng.integers(3, size=N)
    for pad in (-1, 1000):
        assert (net.predict(padded(x, pad), lengths=LENGTHS) == net.predict(x, lengths=LENGTHS)).all()
        assert net.evaluate(padded(x, pad), y, lengths=LENGTHS) == net.evaluate(x, y, lengths=LENGTHS)
    with pytest.raises(ValueError, match="x must hold token ids from 0 to 8; received -1 to"):
        net.predict(padded(x, -1), lengths=LENGTHS + (LENGTHS < T))


def test_what_is_within_lengths_is_finite(rng):
    net = Sequential([layers.LSTM(5)], input_shape=(None, F), dtype="float64", seed=0)
    x = padded(rng.standard_normal((N, T, F)), np.nan)
    assert gradient_check(net, x, lengths=LENGTHS) < 1e-6
    for lengths in (None, LENGTHS + (LENGTHS < T)):
        with pytest.raises(ValueError, match="x must be finite in float64; received NaN or infinity"):
            net.predict(x, lengths=lengths)
    for lengths, message in (
        (LENGTHS + 1, "lengths must be from 1 to 7; received 2 to 8"),
        (LENGTHS[:2], "lengths must hold an integer for each of the 6"),
    ):
        with pytest.raises(ValueError, match=message):
            net.predict(np.zeros((N, T, F)), lengths=lengths)
    with pytest.raises(ValueError, match=r"x must have shape \(N, T, 4\)|x must be finite"):
        net.predict(x[:, :, :2], lengths=LENGTHS)
    assert np.isnan(x).any(), "the caller's own array is as it was"
