"""What differs from sample to sample, batch to batch and epoch to epoch of a training, and what must stay together."""

import numpy as np
import pytest

from fastdl import Sequential, layers, optimizers
from fastdl.callbacks import Callback


class Biases(Callback):
    """Keeps a bias after each epoch."""

    def __init__(self):
        self.kept = []

    def on_epoch_end(self, net, epoch, logs):
        self.kept.append(float(net.params["0.bias"][0]))


def orders(samples, **options):
    """The order of the samples in each epoch.

    With a rate of 0.9, the bias moves nine tenths of the way to each target in turn: its decimals tell which came, the
    last one first.
    """
    net = Sequential([layers.Dense(1, initializer="zeros")], input_shape=1, dtype="float64", seed=0)
    watcher = Biases()
    net.fit(
        np.zeros((samples, 1)), np.arange(samples)[:, None], batch_size=1, loss="squared_error", verbose=0,
        optimizer=optimizers.SGD(0.9), callbacks=[watcher], **options,
    )  # fmt: skip
    found = []
    for bias in watcher.kept:
        digits, rest = [], bias / 0.9
        for _ in range(samples):
            digits.append(int(rest + 1e-6))
            rest = (rest - digits[-1]) * 10
        found.append(digits[::-1])
    return found


def test_each_epoch_has_an_order_of_its_own():
    found = orders(6, epochs=4)
    assert all(sorted(order) == list(range(6)) for order in found)
    assert len({tuple(order) for order in found}) == 4


def test_samples_stay_as_they_lie_without_shuffling():
    assert orders(6, epochs=2, shuffle=False) == [list(range(6))] * 2


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("last", [lambda: [layers.LSTM(3)], lambda: [layers.Flatten()], lambda: [layers.Dense(3)]])
def test_lengths_go_where_their_samples_go(last, shuffle, rng):
    """What lies past an end makes no difference."""
    lengths = rng.integers(1, 6, 23)
    x, past = rng.standard_normal((23, 5, 2)), np.arange(5) >= lengths[:, None]
    net = Sequential([*last(), layers.Dense(2)], input_shape=(5, 2), dtype="float64")
    target = rng.standard_normal((23, *net.output_shape))
    trained = []
    for value in (0, 3):
        net = Sequential([*last(), layers.Dense(2)], input_shape=(5, 2), dtype="float64", seed=0)
        x[past] = value
        net.fit(
            x, target, lengths=lengths, batch_size=4, epochs=2, loss="squared_error", shuffle=shuffle, verbose=0
        )  # fmt: skip
        trained.append(net.parameters.copy())
    assert (trained[0] == trained[1]).all()


def moved(layer, x, epochs, batch_size=1):
    """Which weights behind a random layer move, in how many of the steps: all steps are of one size."""
    net = Sequential([layer, layers.Flatten(), layers.Dense(1)], input_shape=x.shape[1:], dtype="float64", seed=3)
    before = net.params["2.weight"].copy()
    net.fit(
        x, np.full((len(x), 1), 1e6), epochs=epochs, batch_size=batch_size, loss="squared_error", verbose=0,
        optimizer=optimizers.SGD(1e-9),
    )  # fmt: skip
    return (net.params["2.weight"] - before)[0] / 1e-3


@pytest.mark.parametrize(("samples", "epochs", "batch_size"), [(2, 1, 1), (1, 2, 1), (2, 1, 2)])
def test_dropout_draws_anew(samples, epochs, batch_size):
    """For every batch of an epoch, every epoch, and every sample of a batch: half of the weights move once in two."""
    steps = np.round(moved(layers.Dropout(0.5), np.ones((samples, 400)), epochs, batch_size) * batch_size / 2)
    assert set(steps) == {0, 1, 2}
    assert 150 < (steps == 1).sum() < 250


@pytest.mark.parametrize(("samples", "epochs", "batch_size"), [(12, 1, 1), (1, 12, 1), (12, 1, 12)])
def test_shifts_are_drawn_anew(samples, epochs, batch_size):
    x = np.zeros((samples, 1, 9, 9))
    x[:, :, 4, 4] = 1
    places = moved(layers.RandomShift(4), x, epochs, batch_size).round(6) > 0
    assert 6 <= places.sum() <= 12


def test_random_layers_of_one_network_draw_each_on_its_own():
    net = Sequential([layers.RandomShift(2), layers.RandomShift(2)], input_shape=(1, 9, 9), seed=0)
    x = np.zeros((200, 1, 9, 9))
    x[:, :, 4, 4] = 1
    places = np.argwhere(net.forward(x, training=True)[:, 0])[:, 1:] - 4
    assert (places % 2).any()  # twice the same shift would be even
    net = Sequential([layers.Dropout(0.5), layers.Dropout(0.5)], input_shape=1000, seed=0)
    kept = net.forward(np.ones((1, 1000)), training=True) > 0
    assert 150 < kept.sum() < 350
