"""Networks that several threads, a forked child or a callback use at once, and networks that are no longer used."""

import copy
import gc
import os
import pickle
import signal
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from test_layers import CASES, built

import fastdl
from fastdl import Sequential, callbacks, layers, models, optimizers
from fastdl.compat import bp, cnn, fc, lstm, perceptron, rnn
from fastdl.datasets import Trees, Vocabulary
from fastdl.training.state import TrainingState
from fastdl.trees.parsing import fit_parser, parse

RECURRENT = {
    "rnn": lambda: layers.RNN(5),
    "lstm": lambda: layers.LSTM(5, return_sequences=True, stateful=True),
    "gru": lambda: layers.GRU(5),
    "bidirectional": lambda: layers.Bidirectional(layers.LSTM(5)),
}


@pytest.fixture
def no_collector():
    """Leave all memory to reference counts."""
    gc.disable()
    yield
    gc.enable()


def used(net, x, y, **options):
    """A network that has done all that one can do, and failed too."""
    net.fit(x, y, loss="squared_error", shuffle=False, verbose=0, callbacks=[callbacks.Callback()], **options)
    net.train_on_batch(x, y, loss="squared_error", **options)
    net.evaluate(x, y, loss="squared_error", **options)
    net.predict(x, **options)
    net.backward(np.ones_like(net.forward(x, training=True, **options)))
    with pytest.raises(ValueError, match="x must"):
        net.predict(x[None, None], **options)
    with pytest.raises(FloatingPointError):
        net.fit(
            x, y, epochs=9, loss="squared_error", optimizer=optimizers.SGD(3e38), shuffle=False, verbose=0, **options
        )
    copy.deepcopy(net)
    return net


def dies(make):
    net = make()
    watched = [weakref.ref(net), *map(weakref.ref, net.layers), weakref.ref(net.turn)]
    del net
    return [what() for what in watched] == [None] * len(watched)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_network_dies_with_its_last_name(no_collector, case, rng):
    batch = case.batch(rng, 4)

    def network():
        inner = [case.make()] if case.arity else [case.make(), layers.Flatten()]
        net = Sequential([*inner, layers.Dense(2)], input_shape=case.shape_in_network, seed=0)
        y = rng.standard_normal(net.predict(batch.x, **batch.options).shape)
        return used(net, batch.x, y, **batch.options)

    assert dies(network)
    layer = built(case)
    layer.backward(layer.forward(batch.x, **batch.options))
    watched = weakref.ref(layer)
    del layer
    assert watched() is None


@pytest.mark.parametrize("make", RECURRENT.values(), ids=RECURRENT.keys())
def test_a_recurrent_network_dies_with_its_last_name(no_collector, make, rng):
    x = rng.standard_normal((4, 6, 3))

    def network():
        net = Sequential([make(), layers.Dense(2)], input_shape=(None, 3), seed=0)
        return used(net, x, rng.standard_normal((4, *([6] if len(net.output_shape) == 2 else []), 2)))

    assert dies(network)
    layer = make().build((None, 3))
    layer.backward(layer.forward(x))
    watched = weakref.ref(layer)
    del layer
    assert watched() is None


def test_a_network_of_trees_dies_with_its_last_name(no_collector):
    trees = Trees.parse("(1 (0 a) (1 b)) (0 (1 b) (0 a))")
    vocabulary = Vocabulary.of_words(["a", "b"])
    ids = trees.encode(vocabulary)

    def network():
        net = models.tree_classifier(len(vocabulary), 2, units=4, seed=0)
        net.fit(ids, trees.labels, trees=trees, verbose=0)
        net.predict(ids, trees=trees)
        net.backward(np.ones_like(net.forward(ids, trees=trees)))
        return net

    def parser():
        net = models.tree_parser(len(vocabulary), units=4, seed=0)
        three = Trees.parse("(0 (0 a) (0 (0 b) (0 a)))")
        fit_parser(net, vocabulary, three, optimizer=optimizers.SGD(0.1))
        parse(net, vocabulary, [["a", "b", "a"]])
        return net

    assert dies(network)
    assert dies(parser)


def trained(network):
    network.train(np.array([[0.0, 1.0]]), np.array([[1.0, 2.0, 3.0]]), 0.1, 1)
    return network


def stepped(layer):
    layer.forward(np.ones((3, 1)))
    return layer


ARTICLES = {
    "bp": lambda: trained(bp.Network([3, 4, 2])),
    "fc": lambda: trained(fc.Network([3, 4, 2])),
    "perceptron": lambda: perceptron.Perceptron(2, lambda x: x),
    "cnn": lambda: cnn.ConvLayer(5, 5, 3, 3, 3, 2, 1, 2, cnn.IdentityActivator(), 0.001),
    "rnn": lambda: stepped(rnn.RecurrentLayer(3, 2, cnn.ReluActivator(), 0.001)),
    "lstm": lambda: stepped(lstm.LstmLayer(3, 2, 0.001)),
}


@pytest.mark.parametrize("make", ARTICLES.values(), ids=ARTICLES.keys())
def test_an_object_of_the_articles_dies_with_its_last_name(no_collector, make):
    thing = make()
    watched = weakref.ref(thing)
    del thing
    assert watched() is None


def together(*works):
    """Do works at once, each on a thread, and give what they give; what they raise is raised."""
    with ThreadPoolExecutor(len(works)) as pool:
        return [future.result() for future in [pool.submit(work) for work in works]]


class Until(callbacks.Callback):
    """Ends a training once it is told to."""

    def __init__(self):
        self.begun, self.over = threading.Event(), threading.Event()

    def on_batch_block(self, net, done, total, logs):
        self.begun.set()

    def on_epoch_end(self, net, epoch, logs):
        return self.over.is_set()


def trained_meanwhile(net, x, y, work, **options):
    """Do work while the network is being trained on another thread."""
    until = Until()

    def other():
        assert until.begun.wait(60)
        try:
            return work()
        finally:
            until.over.set()

    return together(lambda: net.fit(x, y, epochs=10**6, callbacks=[until], verbose=0, **options), other)[1]


def small(seed=0):
    return Sequential([layers.Dense(32, "tanh"), layers.Dense(2)], input_shape=(8,), seed=seed)


def test_each_network_has_a_turn_of_its_own_which_its_layers_share():
    nets = [Sequential([layers.Residual([layers.Dense(3)])], input_shape=3) for _ in range(2)]
    assert nets[0].turn is not nets[1].turn
    for net in nets:
        residual = net.layers[0]
        assert residual.turn is residual.layers[0].turn is net.turn


def test_a_state_that_is_asked_for_replaces_none_that_was_set_meanwhile(monkeypatch):
    net, of_another_thread = Sequential([layers.Dense(3)], input_shape=3), TrainingState()

    def made_slowly():
        net.training_state = of_another_thread
        return TrainingState()

    monkeypatch.setattr("fastdl.training.fitting.TrainingState", made_slowly)
    assert net.training_state is of_another_thread
    assert net.training_state is of_another_thread


def test_copies_during_a_training_are_of_one_step(tmp_path):
    """With targets that ask for the same of all parameters they stay equal to one another, and to a count of steps."""
    # A bias alone learns: x is zero, and the target so far off that each step adds the same to all numbers.
    net = Sequential([layers.Dense(20_000)], input_shape=(1,), dtype="float64", seed=0)
    x, y = np.zeros((4, 1)), np.zeros((4, 20_000))
    net.parameters[...] = 1.0
    optimizer = optimizers.SGD(1e-6, weight_decay=1.0)

    def check():
        path = tmp_path / "net.npz"
        for i in range(60):
            if i % 3 == 0:
                other = copy.copy(net)
            elif i % 3 == 1:
                other = pickle.loads(pickle.dumps(net))
            else:
                net.save(path, training=True)
                other = fastdl.load(path)
            weights = other.params["0.weight"]
            assert (weights == weights[0]).all()
            steps = round(np.log(weights[0, 0]) / np.log1p(-1e-6))
            assert steps == steps_of(other)

    trained_meanwhile(net, x, y, check, loss="squared_error", optimizer=optimizer, batch_size=1)


def steps_of(net):
    return net._training.steps


def test_predictions_during_a_training_are_of_one_step():
    net = Sequential([layers.Dense(5000)], input_shape=(1,), dtype="float64", seed=0)
    net.parameters[...] = 1.0
    x, y = np.zeros((4, 1)), np.zeros((4, 5000))

    def check():
        for _ in range(100):
            bias = net.predict(np.zeros((1000, 1)))
            assert (bias == bias[0, 0]).all()
            net.evaluate(x, y)

    trained_meanwhile(net, x, y, check, loss="squared_error", optimizer=optimizers.SGD(1e-7), batch_size=2)


@pytest.mark.parametrize("name", ["parameters", "gradients", "params", "grads", "buffers"])
def test_what_is_assigned_waits_for_calls_of_other_threads(name):
    """Otherwise a step would begin with some of the old parameters and end with some of the new ones."""
    net = Sequential([layers.Dense(3), layers.BatchNorm()], input_shape=4, seed=0)
    there = getattr(net, name)
    array = there if isinstance(there, np.ndarray) else next(iter(there.values()))
    before, after = array.copy(), np.full_like(array, 7)

    def assign():
        if there is array:
            setattr(net, name, after)
        else:
            there[next(iter(there))] = after

    thread = threading.Thread(target=assign)
    with net.turn.lock:
        thread.start()
        thread.join(0.05)
        assert (array == before).all()
    thread.join()
    assert (array == after).all()


def test_a_network_is_trained_by_one_call(rng):
    net = small()
    x, y = rng.standard_normal((64, 8)), rng.integers(0, 2, 64)
    message = "being trained by a call of fit"

    def second():
        with pytest.raises(RuntimeError, match=message):
            net.fit(x, y, verbose=0)
        with pytest.raises(RuntimeError, match=message):
            net.train_on_batch(x, y)

    trained_meanwhile(net, x, y, second)
    net.fit(x, y, verbose=0)

    class Nested(callbacks.Callback):
        def on_epoch_end(self, net, epoch, logs):
            net.fit(x, y, verbose=0)

    with pytest.raises(RuntimeError, match=message):
        net.fit(x, y, verbose=0, callbacks=[Nested()])
    net.fit(x, y, verbose=0)


def test_steps_of_several_threads_are_all_taken(rng):
    """Each is whole: with the same batch their order makes no difference."""
    x, y = rng.standard_normal((64, 8)), rng.integers(0, 2, 64)
    shared, alone = small(), small()
    optimizer = optimizers.Adam(1e-3)
    together(*[lambda: [shared.train_on_batch(x, y, optimizer=optimizer) for _ in range(50)]] * 4)
    for _ in range(200):
        alone.train_on_batch(x, y, optimizer=optimizer)
    assert (shared.parameters == alone.parameters).all()
    assert steps_of(shared) == 200


def test_backward_follows_a_forward_of_its_own_thread(rng):
    net = small()
    x = rng.standard_normal((3, 8))
    y = net.forward(x)
    with pytest.raises(RuntimeError, match="another thread's"):
        together(lambda: net.backward(y))
    together(lambda: net.forward(x))
    with pytest.raises(RuntimeError, match="another thread's"):
        net.backward(y)
    together(lambda: net.backward(net.forward(x)))
    net.backward(net.forward(x))


def test_sequences_of_many_lengths_from_several_threads(rng):
    net = Sequential([layers.LSTM(8), layers.Dense(3)], input_shape=(None, 4), seed=0)
    x = rng.standard_normal((2, 60, 4))
    expected = [net.predict(x[:, : t + 1]) for t in range(60)]

    def work(seed):
        for t in np.random.default_rng(seed).permutation(60):
            assert (net.predict(x[:, : t + 1]) == expected[t]).all()
            net.evaluate(x[:, : t + 1], [0, 1])

    together(*[lambda seed=seed: [work(seed) for _ in range(5)] for seed in range(4)])


def test_layers_of_one_network_from_several_threads(rng):
    net = small()
    x = rng.standard_normal((50, 8))
    hidden = net.layers[0].forward(x)
    expected = net.predict(x)

    def work():
        for _ in range(200):
            assert (net.layers[0].forward(x) == hidden).all()
            assert (net.predict(x) == expected).all()

    together(work, work, work)


forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def in_child(work):
    """Run it in a forked child, and give what it exits with; a child that hangs fails the test."""
    child = os.fork()
    if not child:
        try:
            os._exit(work())
        finally:
            os._exit(99)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    pytest.fail("the child hangs")


@forks
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_forked_during_a_training_has_whole_steps():
    fastdl.set_num_threads(2)
    net = Sequential([layers.Dense(20_000)], input_shape=(1,), dtype="float64", seed=0)
    net.parameters[...] = 1.0
    x, y = np.zeros((64, 1)), np.zeros((64, 20_000))

    def child():
        weights = net.params["0.weight"]
        assert (weights == weights[0]).all()
        net.predict(x)
        net.fit(x, y, verbose=0)
        return 0

    def fork():
        assert [in_child(child) for _ in range(10)] == [0] * 10

    trained_meanwhile(net, x, y, fork, loss="squared_error", optimizer=optimizers.SGD(1e-6, weight_decay=1.0))


@forks
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_forked_by_a_callback_is_within_its_training(rng):
    net, x, y = small(), rng.standard_normal((8, 8)), rng.integers(0, 2, 8)

    def child():
        with pytest.raises(RuntimeError, match="around this callback"):
            net.fit(x, y, verbose=0)
        net.predict(x)
        return 0

    class Forks(callbacks.Callback):
        def on_epoch_end(self, net, epoch, logs):
            codes.append(in_child(child))

    codes = []
    net.fit(x, y, callbacks=[Forks()], verbose=0)
    assert codes == [0]


@forks
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_forked_during_a_step_that_takes_too_long_refuses(rng, monkeypatch):
    monkeypatch.setattr("fastdl._turn._PATIENCE", 0.01)
    net, x = small(), rng.standard_normal((3, 8))
    held, over = threading.Event(), threading.Event()

    def hold():
        with net.turn.lock:
            held.set()
            over.wait(60)

    def child():
        with pytest.raises(RuntimeError, match="half a step"):
            net.predict(x)
        return 0 if small().predict(x).shape == (3, 2) else 1

    def fork():
        held.wait(60)
        try:
            return in_child(child)
        finally:
            over.set()

    assert together(hold, fork)[1] == 0
    net.predict(x)
