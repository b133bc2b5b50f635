"""What ends a training or a call before its time, and what it leaves behind."""

import signal
import threading

import numpy as np
import pytest

import fastdl
from fastdl import Sequential, callbacks, layers, models, optimizers, schedules
from fastdl.datasets import Trees, Vocabulary, expression_trees
from fastdl.training import trainer
from fastdl.trees.parsing import fit_parser, parse

alarms = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs POSIX timers")


class Alarm(Exception):
    """What a handler raises."""


@pytest.fixture
def alarm():
    """Let a handler raise after some seconds; where ``waits`` tells it to, it comes again after as many."""

    def begin(seconds, waits=lambda: False):
        def handle(*_):
            if not waits():
                raise Alarm
            signal.setitimer(signal.ITIMER_REAL, seconds)

        signal.signal(signal.SIGALRM, handle)
        signal.setitimer(signal.ITIMER_REAL, seconds)

    before = signal.getsignal(signal.SIGALRM)
    yield begin
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


class StopAt(callbacks.Callback):
    """Raises after so many steps, in blocks of one step."""

    def __init__(self, steps):
        self.steps = steps

    def on_batch_block(self, net, done, total, logs):
        if net.training_state.steps >= self.steps:
            raise Alarm


def everything(net):
    """All that a network is, in arrays; a sequence that is about to begin has no states yet, or zeros."""
    states = [] if net._states is None or not net._states.any() else [net._states]
    return [net.parameters, net.training_state.moments, net.training_state.counter, *states]


def same(one, other):
    return all((a == b).all() for a, b in zip(everything(one), everything(other), strict=True))


def mlp(rng):
    net = Sequential([layers.Dense(300, "tanh"), layers.Dense(10)], input_shape=(784,), seed=0)
    return net, (rng.random((500, 784)), rng.integers(0, 10, 500)), {"batch_size": 1}


def convolutions(rng):
    return models.lenet5(seed=0), (rng.random((600, 1, 28, 28)), rng.integers(0, 10, 600)), {}


def sequences(rng):
    net = models.language_model(20, units=40, layers=2, dropout=0.2, seed=0)
    ids = rng.integers(0, 20, (8 * 10, 30))
    return net, (ids, ids), {"batch_size": 8, "shuffle": False}


def alone(rng):
    """A team at work at batch 1."""
    net = Sequential([layers.GRU(128, reset_after=False), layers.Dense(3)], input_shape=(None, 8), seed=0)
    return net, (rng.random((60, 20, 8)), rng.integers(0, 3, 60)), {"batch_size": 1}


def attentive(rng):
    """A team of another kind, which shares operations."""
    inner = [layers.SelfAttention(4), layers.Dense(512, "gelu"), layers.Dense(64)]
    net = Sequential([layers.Embedding(10, 64), *inner], input_shape=(128,), seed=0)
    return net, (*rng.integers(0, 10, (2, 60, 128)),), {"batch_size": 1}


def looked_up(rng):
    net = Sequential([layers.Embedding(10, 8), layers.LSTM(16), layers.Dense(10)], input_shape=(50,), seed=0)
    return net, (rng.integers(0, 10, (2000, 50)), rng.integers(0, 10, 2000)), {"batch_size": 4}


def trees(rng):
    some = Trees.parse(" ".join(["(1 (0 (1 a) (0 b)) (1 c))", "(0 (1 b) (0 c))"] * 500))
    net = models.tree_classifier(3, 2, units=20, seed=0)
    return net, (some.encode(Vocabulary.of_words(["a", "b", "c"])) % 3, some.labels), {"trees": some}


def normalized(rng):
    """Steps of three stages, which leave running statistics behind."""
    inner = [layers.Conv2D(8, 3), layers.BatchNorm(), layers.Residual([layers.BatchNorm(), layers.Conv2D(8, 1)])]
    net = Sequential([*inner, layers.Flatten(), layers.Dense(10)], input_shape=(1, 12, 12), seed=0)
    return net, (rng.random((500, 1, 12, 12)), rng.integers(0, 10, 500)), {}


@alarms
@pytest.mark.parametrize("make", [mlp, convolutions, sequences, alone, attentive, looked_up, trees, normalized])
@pytest.mark.parametrize(
    "optimizer", [optimizers.Adam(schedules.cosine(1e-3, 10**5)), optimizers.SGD(1e-3, clip_norm=1.0)]
)
def test_an_interrupted_training_has_taken_whole_steps(make, optimizer, alarm, monkeypatch):
    fastdl.set_num_threads(2)
    net, data, options = make(np.random.default_rng(0))
    options = {"optimizer": optimizer, "verbose": 0, **options}

    def train():
        alarm(0.05)
        net.fit(*data, epochs=10**6, **options)

    with pytest.raises(Alarm):
        train()
    steps = net.training_state.steps
    monkeypatch.setattr("fastdl.training.stepping.BLOCK_SECONDS", 0)
    other = make(np.random.default_rng(0))[0]
    if steps:
        with pytest.raises(Alarm):
            other.fit(*data, epochs=10**6, callbacks=[StopAt(steps)], **options)
        begun = net.generator.bit_generator.state != other.generator.bit_generator.state  # another epoch
        if begun and len(everything(net)) == 3:  # from zeros, which `other` did not come to
            other.reset_state()
        assert same(net, other)
    monkeypatch.undo()
    if steps and not begun:
        for one in (net, other):
            one.fit(*data, **options)
        assert same(net, other)


@alarms
@pytest.mark.parametrize("threads", [1, 2])
def test_a_long_step_is_dropped(alarm, threads):
    """It leaves nothing: the step after it is as a first one."""
    fastdl.set_num_threads(threads)

    def make():
        net = Sequential(
            [layers.LSTM(512, recurrent_initializer="uniform", stateful=True), layers.Dense(3)],
            input_shape=(None, 32),
            seed=0,
        )
        net.state = [(np.full((18, 512), 0.1), np.full((18, 512), 0.2))]
        return net

    rng = np.random.default_rng(0)
    x, y, net, other = rng.random((18, 800, 32), np.float32), rng.integers(0, 3, 18), make(), make()
    alarm(0.1, lambda: not net.turn.running)
    with pytest.raises(Alarm):
        net.train_on_batch(x, y, optimizer=optimizers.Adam(1e-3))
    assert net.training_state.steps == 0
    assert net.training_state.moments is None  # as before
    assert (net.parameters == other.parameters).all()
    assert (net._states == other._states).all()
    for one in (net, other):
        one.train_on_batch(x[:, :5], y, optimizer=optimizers.Adam(1e-3))
    assert same(net, other)


LONG = {
    "predict": lambda net, x: net.predict(x),
    "evaluate": lambda net, x: net.evaluate(x, np.zeros(x.shape[:2], int)),
    "forward": lambda net, x: net.forward(x),
}


@alarms
@pytest.mark.parametrize("call", LONG.values(), ids=LONG.keys())
def test_a_long_call_is_interrupted(alarm, call, rng):
    fastdl.set_num_threads(1)  # which takes longer
    lstm = layers.LSTM(512, recurrent_initializer="uniform", return_sequences=True, stateful=True)
    net = Sequential([lstm, layers.Dense(3)], input_shape=(None, 32), seed=0)
    x = rng.random((18, 4, 32))
    net.predict(x)
    before, expected = net._states.copy(), net.forward(x)
    net._states[...] = before
    long = rng.random((18, 1000, 32), np.float32)
    alarm(0.1, lambda: not net.turn.running)
    with pytest.raises(Alarm):
        call(net, long)
    assert (net._states == before).all()
    if call is LONG["forward"]:
        with pytest.raises(RuntimeError, match="backward must follow forward"):
            net.backward(expected)
    assert (net.forward(x) == expected).all()


@alarms
def test_backward_is_interrupted(alarm, rng):
    fastdl.set_num_threads(1)
    net = Sequential(
        [layers.LSTM(512, recurrent_initializer="uniform", return_sequences=True), layers.Dense(3)],
        input_shape=(None, 32),
        seed=0,
    )
    x = rng.random((18, 500, 32), np.float32)
    y = net.forward(x)
    alarm(0.05, lambda: not net.turn.running)
    with pytest.raises(Alarm):
        net.backward(y)
    with pytest.raises(RuntimeError, match="backward must follow forward"):
        net.backward(y)


@alarms
def test_a_search_is_interrupted(alarm):
    some = expression_trees()[:100]
    vocabulary = Vocabulary.of_words([word for word in some.words if word is not None])
    net = models.tree_parser(len(vocabulary), units=50, seed=0)
    before = net.parameters.copy()

    def search():
        alarm(0.05)
        parse(net, vocabulary, some.sentences() * 30, beam=200)

    with pytest.raises(Alarm):
        search()
    assert (net.parameters == before).all()
    alarm(0.2, lambda: not (net.training_state and net.training_state.steps))
    with pytest.raises(Alarm):
        fit_parser(net, vocabulary, some.binarize(), optimizer=optimizers.Adam(1e-3), epochs=10**6)
    steps, other = net.training_state.steps, models.tree_parser(len(vocabulary), units=50, seed=0)
    with pytest.raises(Alarm):
        fit_parser(
            other, vocabulary, some.binarize(), optimizer=optimizers.Adam(1e-3), epochs=10**6,
            callbacks=[StopAt(steps)],
        )  # fmt: skip
    assert same(net, other)


@alarms
def test_a_handler_takes_a_copy_in_the_middle_of_a_step(alarm, tmp_path):
    """It has the last whole step's numbers; what would use the network itself is refused."""
    fastdl.set_num_threads(2)

    def make():
        return Sequential([layers.LSTM(64), layers.Dense(3)], input_shape=(200, 16), seed=0)

    net, again, rng, seen = make(), make(), np.random.default_rng(0), []
    x, y = rng.random((1024, 200, 16), np.float32), rng.integers(0, 3, 1024)

    def look():
        if net.turn.running:
            with pytest.raises(RuntimeError, match="middle of its own step"):
                net.predict(x[:1])
            net.save(tmp_path / "net.npz", training=True)
            seen.append(fastdl.load(tmp_path / "net.npz"))
        return True

    class Enough(callbacks.Callback):
        def on_epoch_end(self, net, epoch, logs):
            return bool(seen)

    alarm(0.12, look)
    optimizer = optimizers.Adam(1e-3)
    net.fit(x, y, epochs=10**6, callbacks=[Enough()], batch_size=512, optimizer=optimizer, shuffle=False, verbose=0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert seen
    for other in seen:
        while again.training_state.steps < other.training_state.steps:
            part = slice(again.training_state.steps % 2 * 512, again.training_state.steps % 2 * 512 + 512)
            again.train_on_batch(x[part], y[part], optimizer=optimizer)
        assert (other.parameters == again.parameters).all()
        if again.training_state.steps:
            assert (other.training_state.moments == again.training_state.moments).all()


class Interrupted:
    """Two ranks, the other of which does the same; on the way back from what is not finite they are interrupted."""

    def __init__(self):
        self.diverged = False

    def Get_rank(self):
        return 0

    def Get_size(self):
        return 2

    def Allreduce(self, sent, received):
        self.diverged = self.diverged or not np.isfinite(sent).all()
        received[...] = sent

    def Allgather(self, sent, received):
        if self.diverged:
            raise KeyboardInterrupt
        received[...] = np.stack([sent, sent])


def test_a_divergence_that_is_interrupted_leaves_finite_parameters(rng):
    net, both = Sequential([layers.Dense(8), layers.Dense(2)], input_shape=(4,), seed=0), Interrupted()
    x, y = rng.standard_normal((640, 4)), rng.standard_normal((640, 2))
    with pytest.raises(KeyboardInterrupt):
        net.fit(
            x, y, epochs=100, loss="squared_error", optimizer=optimizers.SGD(1e3), batch_size=10, verbose=0,
            communicator=both,
        )  # fmt: skip
    assert both.diverged
    assert np.isfinite(net.parameters).all()


class Tamper(callbacks.Callback):
    """Writes into an array while it is trained on."""

    def __init__(self, array, value):
        self.array, self.value = array, value

    def on_batch_block(self, net, done, total, logs):
        self.array[...] = self.value


def sequence_data(rng):
    lengths = rng.integers(1, 7, 64)
    return rng.integers(0, 9, (64, 6)).astype(np.float32), rng.integers(0, 3, 64), lengths


def token_network():
    return Sequential([layers.Embedding(9, 8), layers.LSTM(8), layers.Dense(3)], input_shape=(None,), seed=0)


@pytest.mark.parametrize("which", [1, 2])
def test_labels_and_lengths_are_those_that_were_given(which, rng):
    data, untouched = sequence_data(rng), sequence_data(np.random.default_rng(0))
    data = [*untouched]
    data[which] = data[which].copy()
    nets = token_network(), token_network()
    options = {"epochs": 4, "batch_size": 4, "verbose": 0}
    nets[0].fit(*data[:2], lengths=data[2], callbacks=[Tamper(data[which], 10**8)], **options)
    nets[1].fit(*untouched[:2], lengths=untouched[2], callbacks=[Tamper(np.zeros(1), 0)], **options)
    assert same(*nets)


@pytest.mark.parametrize("value", [1e7, 9, -1, np.nan, np.inf, 0.5])
@pytest.mark.parametrize("batch", [1, 16])
def test_ids_that_become_none_end_a_training(value, batch, rng):
    x, y, _ = sequence_data(rng)
    net = token_network()
    with pytest.raises(ValueError, match="x must hold ids of the embedding's vocabulary"):
        net.fit(x, y, epochs=50, batch_size=batch, callbacks=[Tamper(x, value)], verbose=0)
    assert np.isfinite(net.parameters).all()
    x, y, _ = sequence_data(np.random.default_rng(0))
    net.fit(x, y, verbose=0)


def test_ids_of_trees_that_become_none_end_a_training(monkeypatch):
    some = Trees.parse("(1 (0 a) (1 b)) (0 (1 b) (0 a))")
    net = models.tree_classifier(3, 2, units=4, seed=0)
    checked = trainer.examples_of

    def tampering(*arguments):
        data = checked(*arguments)
        data.samples.x[0] = 1e7
        return data

    monkeypatch.setattr(trainer, "examples_of", tampering)
    with pytest.raises(ValueError, match="x must hold ids"):
        net.fit(some.encode(Vocabulary.of_words(["a", "b"])), some.labels, trees=some, verbose=0)


@pytest.mark.parametrize("call", ["predict", "forward", "evaluate", "train_on_batch"])
def test_ids_that_another_thread_changes(call, rng):
    x, y, lengths = sequence_data(rng)
    x, y, lengths = x.repeat(20, 0), y.repeat(20), lengths.repeat(20)
    net, good, over = token_network(), x.copy(), threading.Event()
    expected = net.predict(x)

    def write():
        while not over.is_set():
            x[...] = 1e30
            x[...] = good
            lengths[...] = 10**7
            lengths[...] = 6

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(100):
            try:
                arguments = (x, y) if call in ("evaluate", "train_on_batch") else (x,)
                given = getattr(net, call)(*arguments, lengths=lengths)
                if call == "predict":
                    assert given.shape == expected.shape
            except ValueError:  # it was seen, before or while it was read
                pass
    finally:
        over.set()
        writer.join()
    assert np.isfinite(net.parameters).all()


@pytest.mark.parametrize("name", ["start", "parents", "labels", "height"])
def test_trees_cannot_be_changed(name):
    some = Trees.parse("(1 (0 a) (1 b)) (0 (1 b) (0 a))")
    for array in (getattr(some, name), getattr(some[1:], name)):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 5
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.setflags(write=True)


class Recorder(callbacks.Callback):
    """Notes what happens, and raises where it is told to."""

    def __init__(self, fails=""):
        self.events, self.fails = [], fails

    def _note(self, event):
        self.events.append(event)
        if event == self.fails:
            raise Alarm(event)

    def on_fit_begin(self, net, epochs, samples):
        self._note("begin")

    def on_epoch_begin(self, net, epoch):
        self._note(f"epoch {epoch}")

    def on_batch_block(self, net, done, total, logs):
        self._note("block")

    def on_epoch_end(self, net, epoch, logs):
        self._note(f"end of {epoch}")

    def on_fit_end(self, net):
        self._note("end")


@pytest.mark.parametrize("fails", ["epoch 1", "epoch 3", "block", "end of 2", "end"])
def test_all_callbacks_see_the_end(fails, rng):
    net = Sequential([layers.Dense(2)], input_shape=(4,), seed=0)
    watchers = [Recorder(), Recorder(fails), Recorder()]
    with pytest.raises(Alarm, match=fails):
        net.fit(rng.random((8, 4)), rng.integers(0, 2, 8), epochs=4, callbacks=watchers, verbose=0)
    assert [watcher.events.count("end") for watcher in watchers] == [1, 1, 1]
    assert [watcher.events[-1] for watcher in watchers] == ["end"] * 3
    if fails == "epoch 1":  # before the first step: it has been refused
        assert net.history is None
    else:
        finished = {"epoch 3": 2, "block": 0, "end of 2": 2, "end": 4}[fails]
        assert len(net.history.history.get("loss", [])) == finished


def test_only_callbacks_that_saw_the_beginning_see_the_end(rng):
    net = Sequential([layers.Dense(2)], input_shape=(4,), seed=0)
    watchers = [Recorder(), Recorder("begin"), Recorder()]
    with pytest.raises(Alarm):
        net.fit(rng.random((8, 4)), rng.integers(0, 2, 8), callbacks=watchers, verbose=0)
    assert [watcher.events for watcher in watchers] == [["begin", "end"], ["begin", "end"], []]


@pytest.mark.parametrize("fails", ["block", "epoch 3"])
def test_early_stopping_gives_its_best_back_whatever_ends_a_training(fails, rng):
    net = Sequential([layers.Dense(2)], input_shape=(4,), seed=0)
    x, y = rng.random((64, 4)), rng.integers(0, 2, 64)
    stopping, recorder = callbacks.EarlyStopping("loss", patience=9), Recorder(fails)
    before = net.parameters.copy()
    with pytest.raises(Alarm):
        net.fit(x, y, epochs=5, callbacks=[stopping, recorder], verbose=0)
    if fails == "block":  # no epoch came to its end: nothing to go back to, nor to an earlier training's
        assert (net.parameters != before).any()
        return
    best, other = net.parameters.copy(), Sequential([layers.Dense(2)], input_shape=(4,), seed=0)
    other.fit(x, y, epochs=stopping.best_epoch, verbose=0)
    assert (best == other.parameters).all()
    with pytest.raises(Alarm):
        net.fit(x, y, callbacks=[stopping, Recorder("epoch 1")], verbose=0)
    assert (net.parameters == best).all()


def test_ctrl_c_while_the_best_parameters_are_copied():
    """The best epoch is the one whose parameters are there."""

    class Interrupted(Sequential):
        comes = False

        @property
        def parameters(self):
            if self.comes:
                self.comes = False
                raise KeyboardInterrupt
            return super().parameters

    class Comes(callbacks.Callback):
        def on_epoch_end(self, net, epoch, logs):
            logs["good"], net.comes = epoch, epoch == 3

    net = Interrupted([layers.Dense(2)], input_shape=4, seed=0)
    stopping = callbacks.EarlyStopping("good", mode="max")
    with pytest.raises(KeyboardInterrupt):
        net.fit(np.eye(4), [0, 1, 0, 1], epochs=5, callbacks=[Comes(), stopping], verbose=0)
    other = Sequential([layers.Dense(2)], input_shape=4, seed=0)
    other.fit(np.eye(4), [0, 1, 0, 1], epochs=2, verbose=0)
    assert (net.parameters == other.parameters).all()
    assert stopping.best_epoch == stopping.best == 2


def test_ctrl_c_before_a_training_leaves_the_network_to_others():
    """As it is marked as being trained, just before that."""

    class Comes:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            net.turn.lock = lock
            raise KeyboardInterrupt

    net = Sequential([layers.Dense(2)], input_shape=4, seed=0)
    lock, net.turn.lock = net.turn.lock, Comes()
    with pytest.raises(KeyboardInterrupt):
        net.fit(np.eye(4), [0, 1, 0, 1], verbose=0)
    assert net.training_state.steps == 0
    net.fit(np.eye(4), [0, 1, 0, 1], verbose=0)


def test_ctrl_c_before_a_step_of_another_optimizer_leaves_the_moments_of_the_last_one(rng):
    class Interrupted(Sequential):
        comes = False

        def __setattr__(self, name, value):
            super().__setattr__(name, value)
            if self.comes and name == "flat_states":
                vars(self)["comes"] = False
                raise KeyboardInterrupt

    cells = [layers.RNN(3, stateful=True), layers.Dense(2)]
    net = Interrupted(cells, input_shape=(2, 3), seed=0)
    x, y = rng.standard_normal((4, 2, 3)), [0, 1, 0, 1]
    net.train_on_batch(x, y, optimizer=optimizers.Adam(0.01))
    before, parameters, states = net.training_state, net.parameters.copy(), net.flat_states.copy()
    net.comes = True
    with pytest.raises(KeyboardInterrupt):
        net.train_on_batch(x, y, optimizer=optimizers.SGD(0.1))
    assert net.training_state is before
    assert (net.parameters == parameters).all()
    assert (net.flat_states == states).all()


def test_history_is_of_the_last_call(rng):
    net = Sequential([layers.Dense(2)], input_shape=(4,), seed=0)
    assert net.history is None
    x, y = rng.random((8, 4)), rng.integers(0, 2, 8)
    first = net.fit(x, y, epochs=2, verbose=0)
    assert net.history is first
    assert net.fit(x, y, verbose=0) is net.history is not first


def test_one_step_at_batch_1_behind_a_lookup(rng):
    """Where a dense layer of one sample follows looked-up products its step is taken once."""
    nets = [
        Sequential(
            [layers.Embedding(3, 4), layers.LSTM(5), layers.Dense(2)], input_shape=(40,), dtype="float64", seed=0
        )
        for _ in range(2)
    ]
    x, y = rng.integers(0, 3, (1, 40)), [1]
    before = nets[0].parameters.copy()
    nets[0].train_on_batch(x, y, optimizer=optimizers.SGD(0.1))
    nets[1].train_on_batch(x, y, optimizer=optimizers.SGD(0.1, momentum=1e-9))
    assert (nets[0].parameters != before).any()
    np.testing.assert_allclose(nets[0].parameters, nets[1].parameters, rtol=0, atol=1e-12)
