"""The steps of a pass: rates that callbacks set, and steps that are ended before they are whole."""

import copy
import itertools

import numpy as np
import pytest
from conftest import close

from fastdl import Sequential, _core, callbacks, layers, models, optimizers, schedules
from fastdl.text.vocabulary import Vocabulary
from fastdl.trees import Trees
from fastdl.trees.parsing import fit_parser

SOME = Trees.parse("(x (x (x a) (x b)) (x (x c) (x d)))\n(x (x c) (x (x a) (x (x b) (x d))))\n" * 6)
WORDS = Vocabulary.of_words(["a", "b", "c", "d"])


def parser():
    return models.tree_parser(len(WORDS), units=4, seed=0)


class Sets(callbacks.Callback):
    """Sets a rate after so many steps, and sees the parameters after each block."""

    def __init__(self, optimizer, rates):
        self.optimizer, self.rates, self.seen = optimizer, rates, []

    def on_batch_block(self, net, done, total, logs):
        steps = net._training.steps
        self.seen.append((steps, net.parameters.copy()))
        if steps in self.rates:
            self.optimizer.lr = self.rates[steps]


def network():
    return Sequential([layers.Dense(4, "tanh"), layers.Dense(2)], input_shape=3, dtype="float64", seed=0)


def by_hand(x, y, rates, size):
    """Train with an optimizer of another rate for each step."""
    net = network()
    for i, rate in enumerate(rates):
        part = slice(i * size % len(x), i * size % len(x) + size)
        net.train_on_batch(x[part], y[part], optimizer=optimizers.SGD(rate, momentum=0.5))
    return net.parameters


@pytest.mark.parametrize("second", [0.0, 0.3])
def test_a_rate_that_is_set_after_a_block(second, rng):
    x, y = rng.standard_normal((20, 3)), rng.integers(0, 2, 20)
    net, optimizer = network(), optimizers.SGD(0.1, momentum=0.5)
    # The first block of an epoch is one step, so that those after it are of the other rate.
    sets = Sets(optimizer, {1: second})
    net.fit(x, y, batch_size=4, epochs=2, shuffle=False, optimizer=optimizer, callbacks=[sets], verbose=0)
    close(net.parameters, by_hand(x, y, [0.1] + [second] * 9, 4))
    assert net._training.optimizer is optimizer
    assert optimizer.lr == second


def test_an_epoch_goes_on_at_the_pace_of_the_one_before(rng, monkeypatch):
    monkeypatch.setattr("fastdl.training.stepping.perf_counter", map(float, itertools.count()).__next__)
    monkeypatch.setattr("fastdl.training.stepping.BLOCK_SECONDS", 64.0)
    x, y, sets = rng.standard_normal((200, 3)), rng.integers(0, 2, 200), Sets(None, {})
    network().fit(x, y, batch_size=2, epochs=3, callbacks=[sets], verbose=0)  # a block takes a second
    assert [steps for steps, _ in sets.seen] == [1, 9, 73, 100, 200, 300]


def test_a_schedule_that_is_set_is_of_the_steps_taken(rng):
    x, y = rng.standard_normal((20, 3)), rng.integers(0, 2, 20)
    net, optimizer = network(), optimizers.SGD(schedules.constant(0.1), momentum=0.5)
    sets = Sets(optimizer, {1: lambda step: step / 10})
    net.fit(x, y, batch_size=4, shuffle=False, optimizer=optimizer, callbacks=[sets], verbose=0)
    close(net.parameters, by_hand(x, y, [0.1, 0.1, 0.2, 0.3, 0.4], 4))


def test_a_rate_that_is_set_between_epochs(rng):
    x, y = rng.standard_normal((20, 3)), rng.integers(0, 2, 20)
    optimizer = optimizers.SGD(0.1, momentum=0.5)

    class Halves(callbacks.Callback):
        def on_epoch_end(self, net, epoch, logs):
            optimizer.lr /= 2

    net = network()
    net.fit(x, y, batch_size=20, epochs=3, shuffle=False, optimizer=optimizer, callbacks=[Halves()], verbose=0)
    close(net.parameters, by_hand(x, y, [0.1, 0.05, 0.025], 20))
    # A copy has an optimizer of its own.
    again = copy.copy(net)
    optimizer.lr = 0.0
    again.train_on_batch(x, y)
    close(again.parameters, by_hand(x, y, [0.1, 0.05, 0.025, 0.0125], 20))
    before = net.parameters.copy()
    net.train_on_batch(x, y)
    assert (net.parameters == before).all()


def test_a_rate_that_is_none_ends_a_training_between_steps(rng):
    x, y = rng.standard_normal((20, 3)), rng.integers(0, 2, 20)
    net, optimizer = network(), optimizers.SGD(0.1, momentum=0.5)
    sets = Sets(optimizer, {1: lambda step: -1.0})
    with pytest.raises(ValueError, match="lr must give finite rates, not below 0"):
        net.fit(x, y, batch_size=4, shuffle=False, optimizer=optimizer, callbacks=[sets], verbose=0)
    assert net._training.steps == 1
    close(net.parameters, by_hand(x, y, [0.1], 4))


def test_a_parsers_rate_holds_from_the_next_step_on():
    optimizer = optimizers.SGD(0.1)
    sets = Sets(optimizer, {2: 0.0, 3: 0.1})
    fit_parser(parser(), WORDS, SOME, batch_size=3, optimizer=optimizer, callbacks=[sets])
    assert [steps for steps, _ in sets.seen] == [1, 2, 3, 4]
    changed = [(a != b).any() for (_, a), (_, b) in zip(sets.seen[:-1], sets.seen[1:], strict=True)]
    assert changed == [True, False, True]


@pytest.mark.parametrize("after", [False, True])
def test_a_parser_is_ended_between_whole_steps(after, monkeypatch):
    """What ends it comes before the update, or after it, when the step is counted."""
    core, calls = _core.load("float32"), []

    class Ended(core.Plan):
        def step(self, *arguments):
            calls.append(self)
            finite = super().step(*arguments) if len(calls) <= 2 or after else True
            if len(calls) == 3:
                raise KeyboardInterrupt
            return finite

    arguments = {"batch_size": 3, "optimizer": optimizers.Adam(0.01)}
    monkeypatch.setattr(core, "Plan", Ended)
    net = parser()
    with pytest.raises(KeyboardInterrupt):
        fit_parser(net, WORDS, SOME, **arguments)
    monkeypatch.undo()
    whole, other = 3 if after else 2, parser()

    class Stop(callbacks.Callback):
        def on_batch_block(self, net, done, total, logs):
            if net._training.steps == whole:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_parser(other, WORDS, SOME, callbacks=[Stop()], **arguments)
    assert len(calls) == 3
    assert net._training.steps == other._training.steps == whole
    assert (net.parameters == other.parameters).all()
    assert (net._training.moments == other._training.moments).all()


def test_a_parser_that_diverges_goes_back():
    seen = Sets(None, {})
    net = parser()
    with pytest.raises(FloatingPointError, match=r"step \d+ gives a loss, parameters or moments that are not finite"):
        fit_parser(net, WORDS, SOME, optimizer=optimizers.SGD(1e38), batch_size=3, epochs=9, callbacks=[seen])
    last = seen.seen[-1][1] if seen.seen else parser().parameters
    assert (net.parameters == last).all()
    assert np.isfinite(net.parameters).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("make", "shape"),
    [
        # Scratch that two layers share, and what lies behind rows that are multiplied in place.
        (lambda: [layers.Conv1D(8, 3, padding="same"), layers.Conv1D(8, 5, padding="same"), layers.SelfAttention(2),
                  layers.GlobalMeanPool()], (21, 8)),
        (lambda: [layers.Dense(7, "tanh"), layers.Parallel([[layers.Dense(5)], [layers.Dense(5), layers.LayerNorm()]],
                                                           merge="product")], (6,)),
    ],
)  # fmt: skip
def test_a_divergence_leaves_nothing_to_the_next_training(make, shape, dtype, rng):
    x, y = rng.standard_normal((32, *shape)), rng.integers(0, 3, 32)
    net = Sequential([*make(), layers.Dense(3)], input_shape=shape, dtype=dtype, seed=0)
    before = net.parameters.copy()
    with pytest.raises(FloatingPointError):
        net.fit(x, y, epochs=3, batch_size=2, optimizer=optimizers.SGD(1e12), verbose=0)
    net.parameters[...] = before
    net.fit(x, y, epochs=1, batch_size=2, optimizer=optimizers.SGD(0.01), verbose=0)
