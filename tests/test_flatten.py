"""Flatten behind whatever gives its input: the row that NumPy's reshape gives, forward, back and in training."""

import numpy as np
import pytest
from conftest import close

from fastdl import Sequential, gradient_check, layers, optimizers

# The layers before it, and the shape of a sample.
BEFORE = {
    "nothing": (lambda: [], (4, 3)),
    "one step": (lambda: [], (1, 3)),
    "a vector": (lambda: [], (5,)),
    "another": (lambda: [layers.Flatten()], (4, 3)),
    "dense over time": (lambda: [layers.Dense(5, "tanh")], (4, 3)),
    "softmax over time": (lambda: [layers.Dense(5), layers.Activation("softmax")], (4, 3)),
    "dropout": (lambda: [layers.Dropout(0.5)], (4, 3)),
    "embedding": (lambda: [layers.Embedding(6, 5)], (4,)),
    "rnn": (lambda: [layers.RNN(5, return_sequences=True)], (4, 3)),
    "lstm": (lambda: [layers.Embedding(6, 4), layers.LSTM(3, return_sequences=True)], (4,)),
    "gru of one step": (lambda: [layers.GRU(5, return_sequences=True)], (1, 3)),
    "bidirectional": (lambda: [layers.Bidirectional(layers.GRU(5, return_sequences=True), merge="sum")], (4, 3)),
    "the last state": (lambda: [layers.LSTM(5)], (4, 3)),
    "an image": (lambda: [], (3, 4, 5)),
    "an image of one channel": (lambda: [], (1, 4, 5)),
    "one pixel": (lambda: [layers.Conv2D(6, (4, 5))], (2, 4, 5)),
    "a convolution to one channel": (lambda: [layers.Conv2D(1, 2, padding=1)], (2, 4, 5)),
    "a pool": (lambda: [layers.Conv2D(3, 3, activation="relu"), layers.MaxPool2D(2)], (1, 8, 9)),
}
# Of these, what is not zero past the end before it is flat.
IN_TIME = ("nothing", "another", "dense over time", "softmax over time", "embedding", "rnn", "lstm", "bidirectional")


def networks(name):
    """What comes before, and the whole with the same parameters."""
    make, shape = BEFORE[name]
    whole = Sequential([*make(), layers.Flatten(), layers.Dense(2, "tanh")], input_shape=shape, dtype="float64", seed=0)
    whole.parameters += np.random.default_rng(1).standard_normal(whole.parameters.size) / 4
    before = Sequential(make() or [layers.Dropout(0)], input_shape=shape, dtype="float64")
    before.parameters[...] = whole.parameters[: before.parameters.size]
    return before, whole


def samples(name, rng):
    make, shape = BEFORE[name]
    return rng.integers(0, 6, (9, *shape)) if "Embedding" in repr(make()) else rng.standard_normal((9, *shape))


def head(whole, rows):
    """What the last layer makes of rows."""
    dense = whole.layers[-1]
    return np.tanh(rows @ dense.params["weight"].T + dense.params["bias"])


@pytest.mark.parametrize("name", BEFORE)
def test_the_row_that_numpy_makes(name, rng):
    before, whole = networks(name)
    x = samples(name, rng)
    expected = head(whole, before.predict(x).reshape(len(x), -1))
    close(whole.predict(x), expected)
    close(whole.forward(x), expected)
    assert gradient_check(whole, x) < 1e-6
    target = rng.standard_normal((len(x), 2))
    whole.forward(x)
    whole.backward((expected - target) / len(x))
    after = whole.parameters - 0.1 * whole.gradients
    whole.fit(x, target, loss="squared_error", optimizer=optimizers.SGD(0.1), verbose=0)
    if name != "dropout":
        close(whole.parameters, after)


def relu(x):
    return np.maximum(x, 0)


# Layers behind one that gives a row of its own, and what they make of it.
BESIDE = {
    "rectified and added": (
        lambda: layers.Residual([layers.Flatten(), layers.Activation("relu")]),
        lambda row: relu(row) + row,
    ),
    "rectified beside": (
        lambda: layers.Parallel([[layers.Flatten(), layers.Flatten(), layers.Activation("relu")], []]),
        lambda row: np.hstack([relu(row), row]),
    ),
    "read twice as a row": (
        lambda: Sequential([layers.Flatten(), layers.Residual([layers.Activation("relu")])]),
        lambda row: relu(row) + row,
    ),
}


@pytest.mark.parametrize("name", BESIDE)
def test_others_read_the_row_as_it_was(name, rng):
    make, expected = BESIDE[name]
    dense = layers.Dense(7).build(4, dtype="float64", seed=0)
    net = Sequential([layers.Dense(7), make()], input_shape=4, dtype="float64", seed=0)
    x = rng.standard_normal((5, 4))
    close(net.predict(x), expected(dense.forward(x)))


@pytest.mark.parametrize("name", IN_TIME)
def test_steps_that_do_not_count_are_zeros_in_it(name, rng):
    before, whole = networks(name)
    x, lengths = samples(name, rng), rng.integers(1, 5, 9)
    there = np.arange(4) < lengths[:, None]
    rows = before.predict(x, lengths=lengths).reshape(9, 4, -1) * there[:, :, None]
    expected = head(whole, rows.reshape(9, -1))
    close(whole.predict(x, lengths=lengths), expected)
    close(whole.forward(x, lengths=lengths), expected)
    dx = whole.backward(np.ones((9, 2)))
    assert not dx[~there].any()
    assert gradient_check(whole, x, lengths=lengths) < 1e-6
    changed = np.where(there if x.ndim == 2 else there[:, :, None], x, 1)  # to whatever else
    assert (whole.predict(changed, lengths=lengths) == whole.predict(x, lengths=lengths)).all()


def test_long_trainings_of_windows(rng):
    """Twenty of them wrote past the end of what was theirs."""
    windows = Sequential([layers.Flatten(), layers.Dense(2)], input_shape=(39, 32), seed=0)
    flat = Sequential([layers.Dense(2)], input_shape=39 * 32)
    flat.parameters[...] = windows.parameters
    x, labels = rng.standard_normal((256, 39, 32)), rng.integers(0, 2, 256)
    for _ in range(20):
        windows.fit(x, labels, shuffle=False, verbose=0)
        flat.fit(x.reshape(256, -1), labels, shuffle=False, verbose=0)
    assert (windows.parameters == flat.parameters).all()
