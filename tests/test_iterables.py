"""Training on an iterable of batches."""

import threading
import time

import numpy as np
import pytest

from fastdl import Sequential, callbacks, layers, optimizers
from fastdl.trees import Trees

CLASSES = 3


def network():
    return Sequential([layers.Dense(8, "tanh"), layers.Dropout(0.3), layers.Dense(CLASSES)], input_shape=5, seed=0)


@pytest.fixture
def examples(rng):
    return rng.standard_normal((50, 5)).astype("float32"), rng.integers(0, CLASSES, 50)


class Loader:
    """Batches of arrays, as many times as it is asked."""

    def __init__(self, *arrays, size=8):
        self.arrays, self.size = arrays, size

    def __iter__(self):
        for i in range(0, len(self.arrays[0]), self.size):
            yield tuple(None if a is None else a[i : i + self.size] for a in self.arrays)


def fitted(net, *given, **options):
    return net.fit(*given, optimizer=optimizers.Adam(0.01), verbose=0, **options)


@pytest.mark.parametrize("loss", ["cross_entropy", lambda y, t: (abs(y).sum(1), np.sign(y))])
def test_as_the_same_in_arrays(loss, examples):
    one, other = network(), network()
    history = fitted(one, *examples, loss=loss, epochs=3, batch_size=8, shuffle=False).history
    found = fitted(other, Loader(*examples), loss=loss, epochs=3).history
    assert (one.parameters == other.parameters).all()
    assert found.keys() == history.keys()
    np.testing.assert_allclose(found["loss"], history["loss"], rtol=1e-12)


def test_everything_that_a_batch_may_hold(examples, rng):
    weights = rng.uniform(0, 2, 50)
    one, other = network(), network()
    options = {"epochs": 2, "class_weight": [1, 2, 3], "validation_data": examples, "metrics": ["f1"]}
    history = fitted(one, *examples, sample_weight=weights, batch_size=8, shuffle=False, **options).history
    found = fitted(other, Loader(*examples, None, weights), **options).history
    assert (one.parameters == other.parameters).all()
    assert found["val_f1"] == history["val_f1"]


def test_sequences_and_trees(rng):
    x, y, lengths = rng.standard_normal((50, 6, 4)), rng.integers(0, CLASSES, 50), rng.integers(1, 7, 50)
    one, other = (Sequential([layers.GRU(5), layers.Dense(CLASSES)], input_shape=(None, 4), seed=0) for _ in "ab")
    fitted(one, x, y, lengths=lengths, batch_size=8, shuffle=False)
    fitted(other, Loader(x, y, lengths))
    assert (one.parameters == other.parameters).all()
    trees = Trees.parse("(1 (1 a) (0 b))\n(0 c)\n(1 (0 a) (1 (0 b) (1 c)))")
    tokens = rng.integers(0, 4, len(trees.words))
    one, other = (
        Sequential(
            [layers.Embedding(4, 3), layers.Recursive(3, return_nodes=True), layers.Dense(2)],
            input_shape=(None,),
            seed=0,
        )
        for _ in "ab"
    )
    fitted(one, tokens, trees.labels, trees=trees, shuffle=False)
    fitted(other, [(tokens, trees.labels, trees)].__iter__())
    assert (one.parameters == other.parameters).all()


def test_stateful_layers_go_on_from_batch_to_batch(rng):
    x, y = rng.standard_normal((32, 6, 4)), rng.integers(0, CLASSES, 32)
    one, other = (
        Sequential([layers.LSTM(5, stateful=True), layers.Dense(CLASSES)], input_shape=(None, 4), seed=0) for _ in "ab"
    )
    fitted(one, x, y, batch_size=8, shuffle=False, epochs=2)
    fitted(other, Loader(x, y), epochs=2)
    assert (one.parameters == other.parameters).all()


def test_an_array_may_be_used_again(examples):
    """Somebody who fills the same arrays anew for each batch."""

    def reused():
        x, y = np.empty((8, 5), "float32"), np.empty(8, int)
        for batch in Loader(*(a[:48] for a in examples)):
            x[...], y[...] = batch
            yield x, y

    one, other = network(), network()
    fitted(one, *(a[:48] for a in examples), batch_size=8, shuffle=False)
    fitted(other, reused())
    assert (one.parameters == other.parameters).all()


def test_the_next_one_is_made_meanwhile():
    """Each batch waits for the step of the one before it to be under way, which it would in vain in the same thread."""
    seen, steps = [], threading.Semaphore(1)

    def loss(outputs, targets):
        steps.release()
        time.sleep(0.01)
        return (outputs**2).sum(1), 2 * outputs

    def slow():
        for k in range(6):
            seen.append(steps.acquire(timeout=5))
            yield np.full((4, 5), k / 10), np.zeros((4, CLASSES))

    fitted(network(), slow(), loss=loss)
    assert seen == [True] * 6


def alive():
    return [thread for thread in threading.enumerate() if thread.name == "fastdl batches"]


def test_whatever_it_raises_comes_through(examples):
    net = network()

    def broken():
        yield from Loader(*examples)
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        fitted(net, broken())
    assert net.training_state.steps == 7
    assert not alive()


def test_it_ends_with_the_training(examples):
    """Of a generator that would go on for ever, when a step or a callback ends it."""
    closed = threading.Event()

    def endless():
        try:
            while True:
                yield from Loader(*examples)
        finally:
            closed.set()

    class Stop(callbacks.Callback):
        def on_batch_block(self, net, done, total, logs):
            assert total == 0
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as raised:
        fitted(network(), endless(), callbacks=[Stop()])
    assert raised.value.__traceback__  # which keeps all that was going on
    assert not alive()
    assert closed.wait(5)
    net = network()
    with pytest.raises(FloatingPointError, match="gives a loss, parameters or moments that are not finite"):
        net.fit(endless(), optimizer=optimizers.SGD(1e38), verbose=0)
    assert np.isfinite(net.parameters).all()
    assert not alive()


class Counts(callbacks.Callback):
    def __init__(self):
        self.seen = []

    def on_fit_begin(self, net, epochs, samples):
        self.seen.append((epochs, samples))

    def on_batch_block(self, net, done, total, logs):
        self.seen.append((done, total, logs["epoch"]))


def test_what_callbacks_are_told(examples):
    counts = Counts()
    fitted(network(), Loader(*examples), epochs=2, callbacks=[counts])
    assert counts.seen == [(2, 0), (50, 50, 1), (50, 50, 2)]


@pytest.mark.parametrize(
    ("given", "options", "error", "message"),
    [
        (
            lambda x, y: iter([]),
            {},
            ValueError,
            "x must give at least one batch each time; it gave none: an iterator",
        ),
        (lambda x, y: iter([(x, y)]), {"epochs": 2}, ValueError, "x must give its batches anew in each of 2 epochs"),
        (lambda x, y: iter([x]), {}, ValueError, r"batch 1 must be \(x, y\), \(x, y, lengths\) .* received ndarray"),
        (lambda x, y: iter([(x, y), (x[:, 1:], y)]), {}, ValueError, r"batch 2's x must have shape \(N, 5\); received"),
        (lambda x, y: iter([(x, y), (x, y + 9)]), {}, ValueError, "batch 2's y must hold labels from 0 to 2"),
        (
            lambda x, y: Loader(x, y),
            {"batch_size": 8},
            ValueError,
            "batch_size must not be given where x is an iterable",
        ),
        (
            lambda x, y: Loader(x, y),
            {"sample_weight": np.arange(900.0)},
            ValueError,
            r"sample_weight must not be given .*; received array\(.{1,40}\)$",
        ),
        (lambda x, y: Loader(x, y), {"shuffle": True}, ValueError, "shuffle must not be given where x is an iterable"),
        (lambda x, y: Loader(x, y), {"sample_weight": [1.0]}, ValueError, "sample_weight must not be given where x is"),
        (
            lambda x, y: Loader(x, y),
            {"validation_split": 0.1},
            ValueError,
            "validation_split must not be given where x",
        ),
        (lambda x, y: Loader(x, y), {"metrics": ["f1"]}, ValueError, "metrics are of validation data"),
    ],
)
def test_what_it_refuses(given, options, error, message, examples):
    with pytest.raises(error, match=message):
        fitted(network(), given(*examples), **options)
    assert not alive()


def test_a_first_batch_that_is_refused_leaves_all_as_it_was(rng):
    """States and random numbers too."""
    x, y = rng.standard_normal((6, 4, 2)), rng.integers(0, CLASSES, 6)
    nets = []
    for given in ([], [(x, y[:5])], [(x[:, :, :1], y)]):
        chain = [layers.GRU(3, stateful=True), layers.Dropout(0.5), layers.Dense(CLASSES)]
        net = Sequential(chain, input_shape=(None, 2), seed=0)
        net.predict(x)
        if given:
            with pytest.raises(ValueError, match="batch 1's"):
                fitted(net, given)
        nets.append((net.predict(x), fitted(net, [(x, y)]).history["loss"]))
    for outputs, loss in nets[1:]:
        assert (outputs == nets[0][0]).all()
        assert loss == nets[0][1]


@pytest.mark.parametrize("kind", [tuple, list])
def test_a_list_of_batches(kind, examples):
    x, y = examples
    batches = [kind((x[k : k + 8], y[k : k + 8])) for k in range(0, len(x), 8)]
    net, other = network(), network()
    net.fit(batches, epochs=2, verbose=0)
    other.fit(x, y, epochs=2, batch_size=8, shuffle=False, verbose=0)
    assert np.array_equal(net.parameters, other.parameters)


def test_weights_come_after_lengths(examples):
    x, y = examples
    with pytest.raises(
        ValueError, match=r"lengths must be None .*\(weights come after: \(x, y, None, sample_weight\)\)"
    ):
        network().fit([(x, y, np.ones(len(x)))], verbose=0)


def test_arrays_need_targets(examples):
    for x in (examples[0], examples[0].tolist()):
        with pytest.raises((TypeError, ValueError), match="y must"):
            network().fit(x)
