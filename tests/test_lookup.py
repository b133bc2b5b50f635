"""A recurrent layer that looks up products of a small embedding, beside one whose table is too large for that."""

import numpy as np
import pytest
from conftest import close

import fastdl
from fastdl import Sequential, gradient_check, layers, optimizers

ROWS, MANY = 3, 2000  # with at least 8 tokens for each row, products are looked up
CELLS = {
    "rnn": lambda units, **o: layers.RNN(units, "relu", **o),
    "lstm": layers.LSTM,
    "gru after": layers.GRU,
    "gru before": lambda units, **o: layers.GRU(units, reset_after=False, **o),
    "both ways, side by side": lambda units, **o: layers.Bidirectional(layers.LSTM(units, **o)),
    "both ways, added": lambda units, **o: layers.Bidirectional(layers.GRU(units, **o), "sum"),
}
cells = pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS.keys())
dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


def networks(cell, units, dtype, stateful=False):
    """Return the same network twice; the second has rows in its table that no token means."""
    small, large = (
        Sequential(
            [layers.Embedding(rows, 7), cell(units, return_sequences=True, stateful=stateful), layers.Dense(ROWS)],
            input_shape=(None,), dtype=dtype, seed=0,
        )
        for rows in (ROWS, MANY)
    )  # fmt: skip
    for name, values in small.params.items():
        values[...] = np.random.default_rng(1).standard_normal(values.shape) / 3
        large.params[name][: len(values)] = values
    return small, large


def assert_near(small, large, dtype, what="params"):
    for name, values in getattr(small, what).items():
        close(values, getattr(large, what)[name][: len(values)].astype(float), dtype)


def tokens(rng, samples, steps=40):
    return rng.integers(ROWS, size=(samples, steps))


@cells
@dtypes
@pytest.mark.parametrize(("samples", "units"), [(1, 5), (1, 130), (7, 34), (37, 9)])
def test_same_as_products_of_every_token(cell, dtype, samples, units, rng):
    small, large = networks(cell, units, dtype)
    x = tokens(rng, samples)
    dy = rng.standard_normal((samples, 40, ROWS))
    for threads in (1, 3):
        fastdl.set_num_threads(threads)
        assert (small.predict(x) == large.predict(x)).all()
        assert (small.forward(x) == large.forward(x)).all()
        small.backward(dy)
        large.backward(dy)
        assert_near(small, large, dtype, "grads")


@cells
def test_gradients(cell, rng):
    small, _ = networks(cell, 6, "float64")
    x, lengths = tokens(rng, 4, 9), np.array([9, 1, 4, 7])
    assert gradient_check(small, x, lengths=lengths, limit=100) < 1e-6


@dtypes
@pytest.mark.parametrize("optimizer", [optimizers.SGD(0.5), optimizers.Adam(0.1, clip_norm=1.0)], ids=["sgd", "adam"])
@pytest.mark.parametrize(("samples", "stateful"), [(44, False), (40, True)], ids=["a last batch of 4", "stateful"])
def test_training(dtype, optimizer, samples, stateful, rng):
    """No gradient may read a weight that has gone down already."""
    x = tokens(rng, samples)
    options = {"batch_size": 8, "optimizer": optimizer, "epochs": 2, "shuffle": False, "verbose": 0}
    after = []
    for threads in (1, 4):
        fastdl.set_num_threads(threads)
        small, large = networks(layers.LSTM, 20, dtype, stateful)
        for net in (small, large):
            net.fit(x, x[:, ::-1], lengths=np.arange(samples) % 40 + 1, **options)
        assert_near(small, large, dtype)
        after.append(small.parameters.copy())
    assert (after[0] == after[1]).all()


def test_tables_come_and_go_with_the_batch(rng):
    small, large = networks(layers.LSTM, 12, "float64")
    for samples, steps in ((9, 20), (1, 5), (2, 40), (1, 1), (9, 20)):
        x = tokens(rng, samples, steps)
        close(small.predict(x), large.predict(x))
        small.train_on_batch(x, x, optimizer=optimizers.SGD(0.1))
        large.train_on_batch(x, x, optimizer=optimizers.SGD(0.1))
        assert_near(small, large, "float64")
