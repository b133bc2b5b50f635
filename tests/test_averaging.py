"""Averages of weights: by steps and by epochs."""

import contextlib
import sys

import numpy as np
import pytest
from conftest import close
from watched import EPOCHS, Alarm, data, fit, network

import fastdl
from fastdl import Sequential, callbacks, layers, optimizers
from fastdl.callbacks import averaging
from fastdl.training import stepping


class Steps(callbacks.Callback):
    """Keeps the parameters after each step, which is a block where batches are alone, and those of epochs' ends."""

    def __init__(self):
        self.steps, self.validated, self.begun = [], [], []

    def on_epoch_begin(self, net, epoch):
        self.begun.append(net.parameters.copy())

    def on_epoch_end(self, net, epoch, logs):
        self.validated.append((net.parameters.copy(), logs["val_loss"]))


def steps_of(net, epochs, optimizer, x, y, size):
    """Return the parameters after each step of epochs that are not shuffled."""
    found = []
    for _ in range(epochs):
        for start in range(0, len(x), size):
            net.train_on_batch(x[start : start + size], y[start : start + size], optimizer=optimizer)
            found.append(net.parameters.copy())
    return found


def plain(**options):
    return Sequential([layers.Dense(6, "tanh"), layers.Dense(3)], input_shape=5, seed=0, **options)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", [optimizers.SGD(0.1), optimizers.Adam(0.01, clip_norm=1.0)])
@pytest.mark.parametrize("size", [1, 16])
def test_exponential_average(size, optimizer, dtype):
    (x, y), decay = data(), 0.8
    followed, mean, means = plain(dtype=dtype), None, []
    own = steps_of(followed, 3, optimizer, x, y, size)
    for parameters in own:
        mean = parameters.astype(float) if mean is None else decay * mean + (1 - decay) * parameters
        means.append(mean)
    net, steps = plain(dtype=dtype), Steps()
    net.fit(
        x, y, epochs=3, batch_size=size, shuffle=False, optimizer=optimizer, verbose=0, validation_data=(x, y),
        callbacks=[steps, callbacks.EMA(decay)],
    )  # fmt: skip
    each = len(own) // 3
    close(net.parameters, mean, dtype)
    for epoch, (validated, loss) in enumerate(steps.validated):
        close(validated, means[(epoch + 1) * each - 1], dtype)
        followed.parameters = validated
        assert followed.evaluate(x, y)["loss"] == loss
    for epoch, begun in enumerate(steps.begun[1:], 1):
        close(begun, own[epoch * each - 1], dtype)


@pytest.mark.parametrize("ends", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_average_of_a_layer_that_is_frozen_meanwhile(dtype, ends, monkeypatch):
    """It goes on towards the layer's parameters, as that of others does after each step, also of a part of an epoch."""
    monkeypatch.setattr(stepping, "BLOCK_SECONDS", 0.0)  # a block is a step

    def set_frozen(net, epoch):
        net.layers[0].trainable = epoch not in (2, 3, 5)

    class Freezes(callbacks.Callback):
        def on_epoch_begin(self, net, epoch):
            set_frozen(net, epoch)

        def on_batch_block(self, net, done, total, logs):
            if ends and logs["epoch"] == 5 and done == 24:
                raise Alarm

    (x, y), decay, followed, means = data(), 0.8, plain(dtype=dtype), []
    for epoch in range(1, 6):
        set_frozen(followed, epoch)
        for own in steps_of(followed, 1, optimizers.SGD(0.5), x, y, 8):
            means.append(decay * means[-1] + (1 - decay) * own if means else own.astype(float))
    net = plain(dtype=dtype)
    with contextlib.suppress(Alarm):
        net.fit(
            x, y, epochs=5, batch_size=8, shuffle=False, optimizer=optimizers.SGD(0.5), verbose=0,
            callbacks=[callbacks.EMA(decay), Freezes()],
        )  # fmt: skip
    assert net.training_state.steps == (23 if ends else 25)
    close(net.parameters, means[net.training_state.steps - 1], dtype)


def test_average_of_epochs():
    x, y = data()
    own = steps_of(plain(dtype="float64"), 5, optimizers.SGD(0.1), x, y, 8)[4::5]
    net, steps = plain(dtype="float64"), Steps()
    net.fit(
        x, y, epochs=5, batch_size=8, shuffle=False, optimizer=optimizers.SGD(0.1), verbose=0, validation_data=(x, y),
        callbacks=[steps, callbacks.SWA(3)],
    )  # fmt: skip
    close(net.parameters, np.mean(own[2:], axis=0))
    for epoch, (validated, _) in enumerate(steps.validated):
        close(validated, own[epoch] if epoch < 2 else np.mean(own[2 : epoch + 1], axis=0))
    for epoch, begun in enumerate(steps.begun[1:]):
        close(begun, own[epoch])


@pytest.mark.parametrize("make", [lambda: callbacks.EMA(0.9), lambda: callbacks.SWA(1)])
def test_running_statistics_are_those_of_the_training(make):
    def net():
        return Sequential([layers.Dense(6), layers.BatchNorm(), layers.Dense(3)], input_shape=5, seed=0)

    (x, y), nets = data(), [net(), net()]
    for one, watchers in zip(nets, ([], [make()]), strict=True):
        one.fit(x, y, epochs=3, batch_size=8, optimizer=optimizers.SGD(0.1), callbacks=watchers, verbose=0)
    assert (nets[0].params["0.weight"] != nets[1].params["0.weight"]).any()
    for name, values in nets[0].buffers.items():
        assert (values == nets[1].buffers[name]).all()
        assert values.any()


@pytest.mark.parametrize("make", [lambda: callbacks.EMA(0.9), lambda: callbacks.SWA(1)])
def test_the_best_mean_is_what_is_gone_back_to_and_written(make, tmp_path):
    """Wherever the callbacks stand in their list."""
    path, steps = tmp_path / "net.npz", Steps()
    stopping = callbacks.EarlyStopping(patience=99)
    net = network()
    fit(net, [callbacks.ModelCheckpoint(path, monitor="val_loss"), stopping, steps, make()])
    assert 0 < stopping.best_epoch < EPOCHS
    best = steps.validated[stopping.best_epoch - 1]
    assert (net.parameters == best[0]).all()
    assert (fastdl.load(path).parameters == best[0]).all()
    assert fastdl.load(path).evaluate(*data(1))["loss"] == best[1] == stopping.best


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("make", [lambda: callbacks.EMA(0.9), lambda: callbacks.SWA(1)])
def test_means_of_what_is_not_trained_are_these_numbers(make, dtype):
    """To the bit: of frozen layers, and of tokens that do not occur."""
    net = Sequential([layers.Embedding(40, 8), layers.LSTM(8), layers.Dense(3)], input_shape=4, dtype=dtype, seed=0)
    net.layers[1].trainable = False
    before = {name: values.copy() for name, values in net.params.items()}
    rng = np.random.default_rng(0)
    net.fit(rng.integers(0, 20, (40, 4)), rng.integers(0, 3, 40), epochs=7, callbacks=[make()], verbose=0)
    for name, values in net.params.items():
        if name.startswith("1."):
            assert (values == before[name]).all()
    table = net.params["0.weight"]
    assert (table[20:] == before["0.weight"][20:]).all()
    assert (table[:20] != before["0.weight"][:20]).any()


def test_the_mean_of_one_epoch_is_what_it_ended_with():
    """To the bit: what the network began with has no part in it."""
    (x, y), net, followed = data(), plain(), plain()
    for one, watchers in ((net, [callbacks.SWA(3)]), (followed, [])):
        one.fit(x, y, epochs=3, optimizer=optimizers.SGD(1.0), callbacks=watchers, verbose=0)
    assert (net.parameters == followed.parameters).all()


def test_a_loss_of_ones_own_is_averaged_too():
    (x, y), ends = data(), []
    for loss in ("cross_entropy", lambda outputs, labels: own_cross_entropy(outputs, labels)):
        net = plain(dtype="float64")
        net.fit(x, y, epochs=2, batch_size=8, loss=loss, callbacks=[callbacks.EMA(0.8)], verbose=0)
        ends.append(net.parameters)
    close(ends[0], ends[1])


def own_cross_entropy(outputs, labels):
    odds = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    shares = odds / odds.sum(axis=1, keepdims=True)
    rows = np.arange(len(labels))
    losses = -np.log(shares[rows, labels])
    shares[rows, labels] -= 1
    return losses, shares


def test_a_mean_is_the_same_for_any_number_of_threads():
    ends = []
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((256, 100)), rng.integers(0, 10, 256)
    for threads in (1, 2):
        fastdl.set_num_threads(threads)
        net = Sequential([layers.Dense(300, "relu"), layers.Dense(10)], input_shape=100, seed=0)
        net.fit(x, y, epochs=2, batch_size=64, callbacks=[callbacks.EMA(0.7)], verbose=0)
        ends.append(net.parameters)
    assert (ends[0] == ends[1]).all()


def test_no_average_is_left_behind():
    """Nor is one begun, where no step is taken."""
    net = network()
    fit(net, [callbacks.EMA(0.9)], epochs=1)
    assert net.training_state.average is None
    before = net.parameters.copy()

    class Ends(callbacks.Callback):
        def on_epoch_begin(self, net, epoch):
            raise Alarm

    with pytest.raises(Alarm):
        fit(net, [callbacks.EMA(0.9), Ends()])
    assert net.training_state.average is None
    assert (net.parameters == before).all()


def own_steps(net):
    net.train_on_batch(*data())


def own_steps_of_another_optimizer(net):
    net.train_on_batch(*data(), optimizer=optimizers.Adam(0.01))


def assigned(net):
    net.parameters = net.parameters / 2


@pytest.mark.parametrize("change", [own_steps, own_steps_of_another_optimizer, assigned])
@pytest.mark.parametrize("make", [lambda: callbacks.EMA(0.5), lambda: callbacks.SWA(1)])
@pytest.mark.parametrize("is_loaded", [False, True])
def test_parameters_that_came_without_a_mean_are_not_lost(is_loaded, make, change, tmp_path):
    """Those assigned, or of a loop of one's own: where a training goes on after them, a new mean begins."""
    net, steps = network(), Steps()
    fit(net, [make()], epochs=2)
    if is_loaded:
        net.save(tmp_path / "net.npz", training=True)
        net = fastdl.load(tmp_path / "net.npz")
    change(net)
    changed = net.parameters.copy()
    fit(net, [make(), steps], epochs=4, initial_epoch=2)
    assert (steps.begun[0] == changed).all()


@pytest.mark.parametrize("make", [lambda: callbacks.EMA(0.5), lambda: callbacks.SWA(1)])
@pytest.mark.parametrize("is_loaded", [False, True])
@pytest.mark.parametrize("best", [1, 3])
def test_training_goes_on_from_the_mean_that_early_stopping_has_put_back(best, is_loaded, make, tmp_path):
    """And a new mean begins; where it was the last one, training goes on as if nothing had been put back."""

    class Figure(callbacks.Callback):
        def on_epoch_end(self, net, epoch, logs):
            logs["figure"] = float(epoch != best)

    def watchers(*others):
        return [Figure(), callbacks.EarlyStopping("figure", mode="min", patience=9), make(), *others]

    net, followed, steps, after = network(), network(), Steps(), Steps()
    fit(net, watchers(steps), epochs=3)
    assert (net.parameters == steps.validated[best - 1][0]).all()
    if is_loaded:
        net.save(tmp_path / "net.npz", training=True)
        net = fastdl.load(tmp_path / "net.npz")
    fit(net, [make(), after], epochs=4, initial_epoch=3)
    if best == 3:
        fit(followed, [make(), steps], epochs=4)
        assert (after.begun[0] == steps.begun[-1]).all()
        assert (net.parameters == followed.parameters).all()
        return
    assert (after.begun[0] == steps.validated[best - 1][0]).all()
    fit(followed, watchers(), epochs=3)
    fit(followed, [make()], epochs=1)  # which takes nothing from the call before, but the network and the optimizer
    assert (net.parameters == followed.parameters).all()


@pytest.mark.parametrize("make", [lambda: callbacks.EMA(0.5), lambda: callbacks.SWA(1)])
def test_a_mean_whose_statistics_were_computed_goes_on(make):
    """As its notes advise; so does one that another callback changes at the end of an epoch."""

    class Halves(callbacks.Callback):
        def on_epoch_end(self, net, epoch, logs):
            net.parameters[...] /= 2

    def nets():
        return Sequential([layers.Dense(3), layers.BatchNorm(), layers.Dense(3)], input_shape=5, seed=0)

    whole, net, steps = nets(), nets(), [Steps(), Steps()]
    fit(whole, [make(), Halves(), steps[0]], epochs=3)
    fit(net, [make(), Halves()], epochs=2)
    net.forward(data()[0], training=True)
    fit(net, [make(), Halves(), steps[1]], epochs=3, initial_epoch=2)
    ends = []
    for one, begun in ((whole, steps[0].begun[2]), (net, steps[1].begun[0])):
        one.parameters = begun
        ends.append(np.hstack([values.ravel() for values in one.params.values()]))
    assert (ends[0] == ends[1]).all()


class CtrlC:
    """Comes before a line of the averages' code: the lines are counted from 1 on, but for those at the end of `fit`."""

    def __init__(self, number):
        self.number, self.lines = number, 0

    def __enter__(self):
        self.before = sys.gettrace()
        sys.settrace(self.trace)
        return self

    def __exit__(self, *_):
        sys.settrace(self.before)

    def trace(self, frame, event, _):
        if frame.f_code.co_filename != averaging.__file__ or frame.f_code.co_name == "on_fit_end":
            return None
        if event == "line":
            self.lines += 1
            if self.lines == self.number:
                raise KeyboardInterrupt
        return self.trace


@pytest.mark.parametrize("make", [lambda: callbacks.EMA(0.5), lambda: callbacks.SWA(1)])
def test_ctrl_c_while_parameters_and_their_mean_are_exchanged(make):
    """The network has a mean, with the running statistics of its last step, and what the callback keeps are its own."""

    class Own(Steps):
        place = averaging.Averaging.place - 1

        def on_epoch_trained(self, net, epoch):
            self.steps.append(net.parameters.copy())

    def train(watchers):
        net = Sequential([layers.Dense(3), layers.BatchNorm(), layers.Dense(3)], input_shape=5, seed=0)
        with contextlib.suppress(KeyboardInterrupt):
            net.fit(*data(), epochs=3, batch_size=40, validation_data=data(1), callbacks=watchers, verbose=0)
        return net

    def parts(parameters):
        net.parameters = parameters
        return np.hstack([values.ravel() for values in net.params.values()]), np.hstack([*net.buffers.values()])

    steps, number, done = Own(), 0, False
    net = train([steps, make()])
    own = [parts(parameters) for parameters in steps.steps]
    means = [parts(parameters)[0] for parameters, _ in steps.validated]
    while not done:
        number, mean = number + 1, make()
        with CtrlC(number) as event:
            net = train([mean])
        done, last = event.lines < number, net.training_state.steps - 1
        if last >= 0:
            parameters, statistics = parts(net.parameters.copy())
            earlier = means[:last] if last else [own[0][0]]  # of an SWA whose mean has no more yet
            known = [means[last], *(earlier if isinstance(mean, callbacks.SWA) else [])]
            assert any((parameters == one).all() for one in known)
            assert (statistics == own[last][1]).all()
            assert not mean.is_swapped or (parts(mean.values)[0] == own[last][0]).all()
    assert number > 50
