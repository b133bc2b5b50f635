"""Sequences of different lengths are padded by anything: what lies beyond their lengths has no effect."""

import numpy as np
import pytest
from sklearn.base import is_classifier

from fastdl import Sequential, _validation, gradient_check, layers, optimizers
from fastdl.estimators import NetClassifier, NetEnsemble, NetRegressor, NetTransformer

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


def each_step():
    return Sequential([layers.GRU(5, return_sequences=True), layers.Dense(1)])


def last_step(layer):
    return Sequential([layers.LSTM(5), layer])


@pytest.mark.parametrize("by", [np.nan, np.inf, 1e30])
@pytest.mark.parametrize(
    "make",
    [
        lambda: NetClassifier(last_step(layers.Dense(3)), epochs=2, batch_size=4, random_state=0),
        lambda: NetRegressor(each_step(), epochs=2, random_state=0),
        lambda: NetRegressor(each_step(), epochs=2, early_stopping=True, validation_fraction=0.5, random_state=0),
        lambda: NetTransformer(last_step(layers.Dense(1)), epochs=2, random_state=0),
        lambda: NetEnsemble(NetRegressor(each_step(), epochs=2), members=2, bags=True, random_state=0),
        lambda: NetEnsemble(NetClassifier(last_step(layers.Dense(3)), epochs=2), members=2, random_state=0),
    ],
)
def test_estimators_take_any_padding(make, by, rng):
    x, found = rng.standard_normal((N, T, F)), []
    for number in (0, by):
        model, given = make(), padded(x, number)
        if is_classifier(model):
            y = np.array([0, 1, 2, 0, 1, 2])
        elif hasattr(model, "transform"):
            y = x[:, 0, 0]
        else:
            y = padded(x[..., 0], number)
        model.fit(given, y, lengths=LENGTHS)
        if hasattr(model, "transform"):
            found.append((model.transform(given, lengths=LENGTHS),))
        else:
            told = model.predict(given, lengths=LENGTHS)
            found.append((told if told.ndim == 1 else told[~BEYOND], model.score(given, y, lengths=LENGTHS)))
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_estimators_refuse_what_counts(rng):
    x = rng.standard_normal((N, T, F))
    y = padded(x[..., 0], np.nan)
    with pytest.raises(ValueError, match="Input X contains NaN"):
        NetRegressor(each_step(), epochs=1).fit(padded(x, np.nan), x[..., 0], lengths=[T] * N)
    for layer in (each_step(), last_step(layers.Dense(T))):
        with pytest.raises(ValueError, match="y must be finite in float32; received NaN"):
            NetRegressor(layer, epochs=1).fit(x, y, lengths=[T] * N)
    with pytest.raises(ValueError, match="y must be finite in float32; received NaN"):
        NetRegressor(last_step(layers.Dense(T)), epochs=1).fit(x, y, lengths=LENGTHS)
    with pytest.raises(ValueError, match="Input y contains NaN"):
        NetRegressor(last_step(layers.Dense(1)), epochs=1).fit(x, y[:, -1], lengths=LENGTHS)


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
        (~BEYOND, r"lengths must hold an integer for each of the 6 .* of a mask, mask.sum\(axis=1\)"),
        (LENGTHS + 0.5, "lengths must hold an integer for each of the 6 .* dtype float64"),
    ):
        with pytest.raises(ValueError, match=message):
            net.predict(np.zeros((N, T, F)), lengths=lengths)
        with pytest.raises(ValueError, match=message):
            net.predict(x, lengths=lengths)
    for lengths in (LENGTHS, LENGTHS[:2]):
        with pytest.raises(ValueError, match=r"x must have shape \(N, T, 4\); received \(6, 7, 2\)"):
            net.predict(x[:, :, :2], lengths=lengths)
    with pytest.raises(ValueError, match=r"x must have shape \(N, T, 4\); received \(6,\)"):
        net.predict(x[:, 0, 0], lengths=LENGTHS)
    assert np.isnan(x).any(), "the caller's own array is as it was"


@pytest.mark.parametrize(
    ("dtype", "by"), [("float32", np.nan), ("float64", np.inf), ("float32", 1e30), ("int16", -1), ("uint8", 200)]
)
def test_a_mapped_file_padded_by_anything(dtype, by, rng, tmp_path, monkeypatch):
    """It is never copied as a whole, but read as it lies, some sequences at a time."""
    tokens = np.dtype(dtype).kind in "iu"
    x = (rng.integers(9, size=(N, T)) if tokens else rng.standard_normal((N, T, F))).astype(dtype)
    y, found = rng.integers(3, size=N), []
    monkeypatch.setattr(_validation.samples, "_PART", 2 * x[0].size)
    for number in (0, by):
        mapped = np.memmap(tmp_path / "x", dtype, "w+", shape=x.shape)
        mapped[...] = padded(x, number)
        first = [layers.Embedding(9, F)] if tokens else []
        net = Sequential([*first, layers.LSTM(5), layers.Dense(3)], input_shape=x.shape[1:], seed=0)
        net.fit(mapped, y, lengths=LENGTHS, epochs=2, batch_size=4, verbose=0,
                validation_data=(mapped, y, LENGTHS))  # fmt: skip
        told = net.predict(mapped, lengths=LENGTHS)
        found.append((told, net.parameters, net.evaluate(mapped, y, lengths=LENGTHS)["loss"]))
        assert (net.forward(mapped, lengths=LENGTHS) == told).all()
        assert (mapped == padded(x, number))[~BEYOND].all()
        if abs(number) != 1e30 and number != 0:
            for lengths in (None, LENGTHS + (LENGTHS < T)):
                with pytest.raises(ValueError, match=r"x must be finite in float32|x must hold token ids from 0 to 8"):
                    net.fit(mapped, y, lengths=lengths, verbose=0)
            with pytest.raises(ValueError, match="lengths must hold an integer for each of the 6"):
                net.fit(mapped, y, lengths=LENGTHS[:2], verbose=0)
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
