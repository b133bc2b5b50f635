"""Passes that are taken in one call of the core, as nobody looks between them: each is what it would be by itself."""

import gc
import weakref

import numpy as np
import pytest

from fastdl import Sequential, callbacks, layers, models, optimizers, schedules
from fastdl.datasets import Trees, Vocabulary
from fastdl.training import passes

SOME = Trees.parse("(1 (0 (1 a) (0 b)) (1 c))\n(0 (1 b) (0 c))\n(1 (1 (0 a) (1 a)) (0 (1 b) (1 c)))\n" * 5)


class Looks(callbacks.Callback):
    """Sees every epoch, so that passes are taken one by one."""


@pytest.fixture
def together(monkeypatch):
    """Let passes come seven at a time from the second on, and give how many there were in each call."""
    taken, take_block = [], passes.take_block

    def counted(net, state, run, rates, records, **rest):
        taken.append(len(rates))
        take_block(net, state, run, rates, records, **rest)

    monkeypatch.setattr(passes, "take_block", counted)
    monkeypatch.setattr(passes, "_SLOW", 0.0)
    monkeypatch.setattr(passes.Pace, "took", lambda pace, steps, seconds: setattr(pace, "block", 7 * 4))
    return taken


def random_layers(rng):
    net = Sequential([layers.Dense(8, "relu"), layers.Dropout(0.3), layers.Dense(3)], input_shape=4, seed=0)
    return net, (rng.standard_normal((50, 4)), rng.integers(0, 3, 50)), {"sample_weight": rng.random(50)}


def numbers(rng):
    net = Sequential([layers.Dense(8, "tanh"), layers.BatchNorm(), layers.Dense(2)], input_shape=4, seed=0)
    x, y = rng.standard_normal((50, 4)).astype(np.float16), rng.standard_normal((50, 2))
    return net, (x, y), {"loss": "squared_error"}


def bytes_of_images(rng):
    net = Sequential(
        [layers.Rescaling(1 / 255), layers.RandomShift(1), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(3)],
        input_shape=(1, 6, 6), seed=0,
    )  # fmt: skip
    return net, (rng.integers(0, 256, (50, 1, 6, 6), np.uint8), rng.integers(0, 3, 50)), {}


def sequences(rng):
    net = Sequential([layers.GRU(6), layers.Dense(3)], input_shape=(None, 4), seed=0)
    x, lengths = rng.standard_normal((50, 7, 4)), rng.integers(1, 8, 50)
    return net, (x, rng.integers(0, 3, 50)), {"lengths": lengths}


def trees(rng):
    net = models.tree_classifier(3, 2, units=5, node_dropout=0.2, seed=0)
    ids = SOME.encode(Vocabulary.of_words(["a", "b", "c"])) % 3
    return net, (ids, np.where(rng.random(len(ids)) < 0.5, SOME.labels, -1)), {"trees": SOME, "batch_size": 4}


@pytest.mark.parametrize("make", [random_layers, numbers, bytes_of_images, sequences, trees])
@pytest.mark.parametrize("shuffle", [True, False])
def test_passes_together_are_those_one_by_one(make, shuffle, together):
    trained = []
    for looks in ([], [Looks()]):
        net, data, options = make(np.random.default_rng(1))
        options = {"batch_size": 13, "shuffle": shuffle, **options}
        optimizer = optimizers.AdamW(schedules.cosine(0.01, 80, warmup=9))
        history = net.fit(*data, epochs=17, optimizer=optimizer, callbacks=looks, verbose=0, **options).history
        assert len(history["seconds"]) == 17
        trained.append((net, {name: values for name, values in history.items() if name != "seconds"}))
    assert together == [28, 28, 8]
    (net, history), (other, one_by_one) = trained
    assert history == one_by_one
    assert (net.parameters == other.parameters).all()
    assert net.training_state.steps == other.training_state.steps == 68
    assert net.generator.bit_generator.state == other.generator.bit_generator.state


@pytest.mark.parametrize("rate", [8.0, 10.0, 14.0, 40.0])
def test_a_divergence_ends_the_pass_that_it_is_in(rate, together, rng):
    x, y = rng.standard_normal((50, 3)), np.ones((50, 1))
    ended = []
    for looks in ([], [Looks()]):
        net = Sequential([layers.Dense(1)], input_shape=3, dtype="float64", seed=0)
        optimizer = optimizers.SGD(rate, momentum=0.9)
        options = {"optimizer": optimizer, "callbacks": looks, "verbose": 0}
        with pytest.raises(FloatingPointError, match="gives a loss, parameters or moments that are not finite"):
            net.fit(x, y, epochs=500, batch_size=13, loss="squared_error", **options)
        ended.append(net)
    assert max(together) == 28
    net, other = ended
    assert (net.parameters == other.parameters).all()
    assert len(net.history.history["loss"]) == len(other.history.history["loss"]) == net.training_state.steps // 4 > 10
    assert net.training_state.epochs == other.training_state.epochs == len(net.history.history["loss"])
    assert net.generator.bit_generator.state == other.generator.bit_generator.state


def test_what_a_handler_raises_comes_after_the_passes_before_it(together, monkeypatch, rng):
    """Of the second call's seven passes two and a half are through when it comes."""
    net, (x, y), _ = random_layers(rng)
    take_block = passes.take_block

    def interrupted(net, state, run, rates, records, **rest):
        take_block(net, state, run, rates[:10], records[:10], **rest)
        raise KeyboardInterrupt

    monkeypatch.setattr(passes, "take_block", interrupted)
    with pytest.raises(KeyboardInterrupt):
        net.fit(x, y, epochs=30, batch_size=13, verbose=0)
    assert net.training_state.steps == 14
    assert net.training_state.epochs == len(net.history.history["loss"]) == 3
    assert min(net.history.history["loss"]) > 0


def test_rates_of_a_users_own_are_asked_for_as_the_passes_come(together, rng):
    net, (x, y), _ = random_layers(rng)

    def rate(step):
        if step == 22:
            raise ValueError("no rate")
        return 0.01

    with pytest.raises(ValueError, match="no rate"):
        net.fit(x, y, epochs=17, batch_size=13, optimizer=optimizers.SGD(rate), verbose=0)
    assert not together
    assert net.training_state.epochs == 5


@pytest.mark.parametrize(
    "options", [{"validation_split": 0.2}, {"mixup": 0.2}, {"loss": lambda p, y: (p[:, 0] * 0, p * 0)}]
)
def test_what_comes_between_passes_parts_them(options, together, rng):
    net, (x, y), _ = random_layers(rng)
    net.fit(x, y, epochs=17, batch_size=13, verbose=0, **options)
    assert not together


def test_what_lies_in_a_file_is_read_pass_by_pass(together, rng, tmp_path):
    net, (x, y), _ = random_layers(rng)
    mapped = np.memmap(tmp_path / "x", "float64", "w+", shape=x.shape)
    mapped[...] = x
    net.fit(mapped, y, epochs=17, batch_size=13, verbose=0)
    assert not together


def test_orders_do_not_take_much_memory(together, monkeypatch, rng):
    monkeypatch.setattr(passes, "_SAMPLES", 170)
    net, (x, y), _ = random_layers(rng)
    net.fit(x, y, epochs=8, batch_size=13, verbose=0)
    assert together == [12, 12]


def test_a_schedule_that_ends_on_the_way_is_told_of(together, rng):
    net, (x, y), _ = random_layers(rng)
    with pytest.warns(UserWarning, match="lr gives 0 for all of the next steps") as told:
        net.fit(x, y, epochs=8, batch_size=13, optimizer=optimizers.SGD(schedules.cosine(0.1, 28)), verbose=0)
    assert together == [28]
    assert len(told) == 1


def test_a_network_that_has_diverged_dies_with_its_last_name(together, rng):
    x, y = rng.standard_normal((50, 3)), np.ones((50, 1))
    gc.disable()
    try:
        net = Sequential([layers.Dense(1)], input_shape=3, dtype="float64", seed=0)
        with pytest.raises(FloatingPointError):
            net.fit(x, y, epochs=500, batch_size=13, loss="squared_error", optimizer=optimizers.SGD(10.0), verbose=0)
        assert together
        watched = weakref.ref(net)
        del net
        assert watched() is None
    finally:
        gc.enable()
