"""Many networks side by side: each as by itself, whatever becomes of the others."""

import copy
import inspect
import threading

import numpy as np
import pytest
from test_interrupts import Alarm, StopAt, alarm, alarms, everything  # noqa: F401
from test_turns import forks, in_child

import fastdl
from fastdl import Sequential, callbacks, fit_many, layers, metrics, models, optimizers, schedules
from fastdl.trees import Trees


def mlp(seed=0, features=6, outputs=3, units=8):
    return Sequential([layers.Dense(units, "tanh"), layers.Dense(outputs)], input_shape=features, seed=seed)


def data(n=50, features=6, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, features)).astype(np.float32), rng.integers(0, classes, n)


def squared(outputs, targets):
    """A loss of one's own."""
    error = outputs - targets
    return (error**2).sum(1), 2 * error


class Loader:
    """An iterable of batches."""

    def __iter__(self):
        return (data(16, seed=k) for k in range(3))


SOME = Trees.parse("(1 (0 (1 a) (0 b)) (1 c)) (0 (1 b) (0 c))" * 6)


def kinds():
    """Networks and trainings of all kinds, each a network and its arguments of `fit`."""
    rng = np.random.default_rng(1)
    x, y = data()
    images, ids = rng.random((40, 1, 12, 12)), rng.integers(0, 9, (40, 7))
    conv = [layers.Conv2D(4, 3), layers.BatchNorm(), layers.Dropout(0.2), layers.Flatten(), layers.Dense(3)]
    lstm = [layers.Embedding(9, 4), layers.LSTM(5, stateful=True), layers.Dense(3)]
    words = rng.integers(0, 3, len(SOME.words))
    return [
        (mlp(0), {"x": x, "y": y, "optimizer": optimizers.Adam(1e-2), "epochs": 4}),
        (mlp(1), {"x": x, "y": y, "epochs": 3, "batch_size": 7, "shuffle": False, "class_weight": {0: 2.0}}),
        (
            mlp(2),
            {
                "x": x, "y": y, "validation_split": 0.2, "epochs": 30, "metrics": iter(["f1", metrics.TopK(2)]),
                "callbacks": [callbacks.EarlyStopping(patience=2), callbacks.ReduceLROnPlateau(patience=1)],
                "optimizer": optimizers.SGD(0.5, momentum=0.9),
            },
        ),
        (Sequential(conv, input_shape=(1, 12, 12), seed=3), {"x": images, "y": y[:40], "epochs": 2, "batch_size": 16}),
        (Sequential(lstm, input_shape=(7,), seed=4), {"x": ids, "y": y[:40], "batch_size": 8, "shuffle": False}),
        (models.tree_classifier(3, 2, units=4, seed=5), {"x": words, "y": SOME.labels, "trees": SOME, "epochs": 2}),
        (mlp(6, outputs=2), {"x": x, "y": x[:, :2] * 2, "loss": squared, "validation_data": (x, x[:, :2])}),
        (mlp(7), {"x": Loader(), "y": None, "epochs": 2, "optimizer": optimizers.RMSprop(schedules.cosine(0.01, 9))}),
        (mlp(8), {"x": x, "y": y, "mixup": 0.4, "epochs": 2}),
        (mlp(9), {"x": x, "y": y, "callbacks": [callbacks.EMA(0.9)], "epochs": 2}),
    ]  # fmt: skip


def all_of(net):
    """All numbers that a training has left behind."""
    figures = {name: values for name, values in net.history.history.items() if name != "seconds"}
    return everything(net), figures, net.generator.bit_generator.state


def same(one, other):
    (arrays, *rest), (others, *others_rest) = all_of(one), all_of(other)
    return all((a == b).all() for a, b in zip(arrays, others, strict=True)) and rest == others_rest


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_each_ends_as_by_itself(threads):
    fastdl.set_num_threads(threads)
    nets, each = zip(*kinds(), strict=True)
    found = fit_many(nets, each=each, verbose=0)
    fastdl.set_num_threads(1)
    assert [fitted.net for fitted in found] == [*nets]
    for fitted, (alone, arguments) in zip(found, kinds(), strict=True):
        assert fitted.error is None
        assert alone.fit(**arguments, verbose=0)
        assert fitted.history is fitted.net.history
        assert same(fitted.net, alone)


def test_what_networks_have_in_common_and_what_not():
    x, y = data()
    other = data(seed=3)
    optimizer = optimizers.Adam(1e-2)
    each = [{}, {"epochs": 3}, {"x": other[0], "y": other[1]}, {"optimizer": optimizers.SGD(0.1)}]
    found = fit_many((mlp(seed) for seed in range(4)), x, y, each=iter(each), optimizer=optimizer, epochs=2, verbose=0)
    for seed, (fitted, differs) in enumerate(zip(found, each, strict=True)):
        alone = mlp(seed)
        alone.fit(**{"x": x, "y": y, "epochs": 2, "optimizer": optimizer, **differs}, verbose=0)
        assert same(fitted.net, alone)


def test_no_network_is_a_list_of_none():
    assert fit_many([]) == []


DIVERGES = {"y": np.ones((50, 3)), "loss": "squared_error", "optimizer": optimizers.SGD(1e30)}


class Raises(callbacks.Callback):
    """Raises at the end of an epoch."""

    def __init__(self, epoch, error):
        self.epoch, self.error = epoch, error

    def on_epoch_end(self, net, epoch, logs):
        if epoch == self.epoch:
            raise self.error


@pytest.mark.parametrize("threads", [1, 2])
def test_one_that_fails_does_not_stop_the_others(threads):
    fastdl.set_num_threads(threads)
    x, y = data()
    nets, own = [mlp(seed) for seed in range(6)], KeyError("own")

    class Busy(Sequential):
        def fit(self, x, **arguments):
            raise MemoryError

    nets[3] = Busy([layers.Dense(3)], input_shape=6)
    each = [{} for _ in nets]
    each[1] = DIVERGES
    each[2] = {"callbacks": [Raises(2, own)]}
    found = fit_many(nets, x, y, each=each, epochs=3, batch_size=10, verbose=0)
    errors = [fitted.error for fitted in found]
    assert [type(error).__name__ for error in errors[1:4]] == ["DivergenceError", "KeyError", "MemoryError"]
    assert errors[:1] + errors[4:] == [None] * 3
    assert errors[2] is own
    assert [fitted.history and len(fitted.history.history.get("loss", [])) for fitted in found] == [3, 0, 2, None, 3, 3]
    assert np.isfinite(nets[1].parameters).all()
    for seed in (0, 4, 5):
        alone = mlp(seed)
        alone.fit(x, y, epochs=3, batch_size=10, verbose=0)
        assert same(nets[seed], alone)


def test_a_training_of_which_no_epoch_is_left_has_a_history_of_none():
    x, y = data()
    for fitted in fit_many([mlp(0), mlp(1)], x, y, epochs=2, initial_epoch=2, verbose=0):
        assert fitted.error is None
        assert fitted.history.history == {}


def test_a_history_is_of_this_training_alone():
    net, (x, y) = mlp(), data()
    net.fit(x, y, verbose=0)
    with net.turn.training():
        (fitted,) = fit_many([net], x, y, verbose=0)
    assert isinstance(fitted.error, RuntimeError)
    assert fitted.history is None


ONE = callbacks.EarlyStopping("loss")
TWICE = mlp()
WHOLE = Sequential([Sequential([layers.Dense(3)])], input_shape=6, seed=0)
BAD = {
    "epochs": ({"each": [{}, {"epochs": 0}]}, ValueError, r"nets\[1\]: epochs must be at least 1; received 0"),
    "labels": ({"each": [{}, {"y": np.full(50, 3)}]}, ValueError, r"nets\[1\]: y must hold labels from 0 to 2"),
    "x": ({"each": [{"x": [["a"]]}, {}]}, TypeError, r"nets\[0\]: x must be an array"),
    "name": ({"each": [{}, {"epoch": 1}]}, TypeError, r"nets\[1\]: fit has no argument 'epoch': use epochs"),
    "common name": ({"epoch": 1}, TypeError, r"nets\[0\]: fit has no argument 'epoch': use epochs"),
    "other library's name": ({"lr": 0.1}, TypeError, r"nets\[0\]: fit has no argument 'lr': give an optimizer"),
    "count": ({"each": [{}]}, ValueError, "each must hold a mapping for each of the 2 networks; received 1"),
    "no mapping": ({"each": [{}, 1]}, TypeError, "each must hold mappings of arguments of fit.*received 1"),
    "no mappings": ({"each": 3}, TypeError, "each must be a list of mappings; received 3"),
    "verbose of one": ({"each": [{}, {"verbose": 1}]}, TypeError, "but verbose, which is of all networks"),
    "verbose": ({"verbose": 2}, ValueError, "verbose must be 0, 1 or 'bar'; received 2"),
    "callbacks": ({"callbacks": [ONE]}, TypeError, "callbacks must be a function that makes a list"),
    "no callbacks": ({"callbacks": lambda i: [i]}, TypeError, r"nets\[0\]: callbacks must hold instances of Callback"),
    "no list": ({"callbacks": lambda i: i}, TypeError, r"nets\[0\]: callbacks must be a list of callbacks"),
    "one callback": ({"callbacks": lambda i: [ONE]}, ValueError, "callbacks must be different ones; received .* twice"),
    "callback of two": ({"each": [{"callbacks": [ONE]}] * 2}, ValueError, "callbacks must be different ones"),
    "net": ({"nets": [mlp(), 1]}, TypeError, r"nets\[1\] must be Sequential; received int"),
    "twice": ({"nets": [TWICE, TWICE]}, ValueError, "nets must be different ones; received Sequential"),
    "parts": (
        {"nets": [WHOLE, WHOLE.layers[0]]},
        ValueError,
        r"nets must not be parts of one .*; nets\[0\] and nets\[1\]",
    ),
    "iterator": ({"x": iter([])}, TypeError, "x must not be an iterator"),
    "loss": ({"loss": "none"}, ValueError, r"nets\[0\]: loss must be"),
    "optimizer": ({"each": [{}, {"optimizer": "Adam"}]}, TypeError, r"nets\[1\]: optimizer must be one of"),
    "monitor": ({"callbacks": lambda i: [callbacks.EarlyStopping()]}, ValueError, r"nets\[0\]: monitor must be one of"),
}


@pytest.mark.parametrize(("bad", "kind", "message"), BAD.values(), ids=BAD)
def test_bad_arguments_are_found_before_any_network_is_trained(bad, kind, message):
    x, y = data()
    arguments = {"nets": [mlp(1), mlp(2)], "x": x, "y": y, "verbose": 0, **bad}
    nets = [net for net in arguments["nets"] if net != 1]
    before = [net.parameters.copy() for net in nets]
    with pytest.raises(kind, match=message):
        fit_many(**arguments)
    for net, parameters in zip(nets, before, strict=True):
        assert (net.parameters == parameters).all()
        assert net.training_state.moments is None
        assert net.history is None


def test_one_network_is_no_list():
    with pytest.raises(TypeError, match="nets must be a list of networks; received Sequential"):
        fit_many(mlp(1), *data())


class Notes(callbacks.Callback):
    """Notes what it sees in which thread."""

    def __init__(self, seen, name=None):
        self.seen, self.name = seen, name

    def on_fit_begin(self, net, epochs, samples):
        self.seen.append((self.name, threading.get_ident(), fastdl.get_num_threads()))


class Meets(callbacks.Callback):
    """Waits for that of another network."""

    def __init__(self, barrier):
        self.barrier = barrier

    def on_epoch_end(self, net, epoch, logs):
        self.barrier.wait(30)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_as_many_at_a_time_as_there_are_threads(threads):
    """Networks wait for one another, which they could not do one by one."""
    fastdl.set_num_threads(threads)
    x, y = data()
    seen, barrier = [], threading.Barrier(threads)
    found = fit_many(
        [mlp(seed) for seed in range(6)], x, y, epochs=2, verbose=0,
        callbacks=lambda i: [Notes(seen, i), Meets(barrier)],
    )  # fmt: skip
    assert [fitted.error for fitted in found] == [None] * 6
    assert sorted(number for number, _, _ in seen) == [*range(6)]
    idents = {ident for _, ident, _ in seen}
    assert len(idents) <= threads
    assert threading.get_ident() not in idents
    assert {alone for _, _, alone in seen} == {1}
    assert fastdl.get_num_threads() == threads


def test_those_with_the_most_work_begin_first():
    fastdl.set_num_threads(1)
    seen = []
    large = data(300)
    fit_many(
        [mlp(), mlp(units=80), mlp(), mlp(), mlp()], *data(),
        each=[{}, {}, {"x": large[0], "y": large[1]}, {"epochs": 5}, {"x": Loader(), "y": None}],
        callbacks=lambda i: [Notes(seen, i)], verbose=0,
    )  # fmt: skip
    assert [number for number, _, _ in seen] == [4, 1, 2, 3, 0]


WRITES = {
    "CSVLogger": callbacks.CSVLogger,
    "TensorBoard": callbacks.TensorBoard,
    "ModelCheckpoint": callbacks.ModelCheckpoint,
}


@pytest.mark.parametrize("kind", WRITES.values(), ids=WRITES)
def test_files_are_of_one_network_each(kind, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path)
    paths = [tmp_path / "a", tmp_path / "b", tmp_path / "link" / "b"]
    with pytest.raises(ValueError, match=r"those of nets\[1\] and nets\[2\] both write to .*/link/b"):
        fit_many([mlp(), mlp(), mlp()], *data(), callbacks=lambda i: [kind(paths[i])], verbose=0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link"]
    found = fit_many([mlp(), mlp()], *data(), callbacks=lambda i: [kind(paths[i])], verbose=0)
    assert [fitted.error for fitted in found] == [None, None]


def test_a_rate_that_a_callback_sets_is_its_networks_own():
    class Halves(callbacks.Callback):
        def on_epoch_end(self, net, epoch, logs):
            net.training_state.optimizer.lr *= 0.5

    x, y = data()
    optimizer = optimizers.SGD(0.1)
    found = fit_many(
        [mlp(0), mlp(1)], x, y, optimizer=optimizer, epochs=3, callbacks=lambda i: [Halves()] if i else [], verbose=0
    )
    assert optimizer.lr == 0.1
    assert [fitted.net.training_state.optimizer.lr for fitted in found] == [0.1, 0.0125]

    nets = [mlp(0), mlp(1)]
    for net in nets:  # which then go on with it
        net.fit(x, y, optimizer=optimizer, verbose=0)
    fit_many(nets, x, y, epochs=3, callbacks=lambda i: [Halves()] if i else [], verbose=0)
    assert [net.training_state.optimizer.lr for net in nets] == [0.1, 0.0125]


def crew():
    return [thread for thread in threading.enumerate() if thread.name == "fastdl crew"]


@alarms
@pytest.mark.parametrize("threads", [1, 2])
def test_what_a_signals_handler_raises_stops_all(threads, alarm, monkeypatch):  # noqa: F811
    fastdl.set_num_threads(threads)
    x, y = data()
    arguments = {"optimizer": optimizers.Adam(1e-3), "batch_size": 8, "epochs": 10**6, "verbose": 0}
    nets = [mlp(seed) for seed in range(4)]
    alarm(0.3, lambda: not all(net.training_state and net.training_state.steps for net in nets[:threads]))
    with pytest.raises(Alarm):
        fit_many(nets, x, y, **arguments)
    assert not crew()
    assert [net.history is None for net in nets] == [number >= threads for number in range(4)]
    monkeypatch.setattr("fastdl.training.stepping.BLOCK_SECONDS", 0)
    for seed, net in enumerate(nets[:threads]):
        assert net.training_state.steps > 0
        alone = mlp(seed)
        with pytest.raises(Alarm):
            alone.fit(x, y, callbacks=[StopAt(net.training_state.steps)], **arguments)
        for one, other in zip(everything(net), everything(alone), strict=True):
            assert (one == other).all()


@alarms
def test_a_long_step_is_left_too(alarm):  # noqa: F811
    """And the network is as before: the step would have taken longer than all of this."""
    fastdl.set_num_threads(2)
    nets = [Sequential([layers.LSTM(400), layers.Dense(3)], input_shape=(3000, 32), seed=i) for i in range(2)]
    before = [net.parameters.copy() for net in nets]
    alarm(0.3, lambda: not all(net.turn.running for net in nets))
    with pytest.raises(Alarm):
        fit_many(nets, np.ones((32, 3000, 32), np.float32), np.zeros(32, int), verbose=0)
    assert not crew()
    for net, parameters in zip(nets, before, strict=True):
        assert net.training_state.steps == 0
        assert (net.parameters == parameters).all()


def test_what_is_no_error_of_a_network_stops_all():
    fastdl.set_num_threads(2)
    x, y = data()
    nets = [mlp(0), mlp(1)]
    with pytest.raises(SystemExit):
        fit_many(nets, x, y, epochs=10**6, each=[{}, {"callbacks": [Raises(3, SystemExit())]}], verbose=0)
    assert not crew()
    assert len(nets[1].history.history["loss"]) == 3


class Inner(callbacks.Callback):
    """Trains others at the end of an epoch."""

    def __init__(self, nets, epochs=2):
        self.nets, self.epochs, self.found = nets, epochs, []

    def on_epoch_end(self, net, epoch, logs):
        self.found = fit_many(self.nets, *data(), epochs=self.epochs, verbose=0)


def test_one_within_another():
    fastdl.set_num_threads(2)
    inner = [Inner([mlp(seed), mlp(seed + 1)]) for seed in (1, 3)]
    found = fit_many([mlp(10), mlp(11)], *data(), callbacks=lambda i: [inner[i]], verbose=0)
    assert [fitted.error for fitted in found] == [None, None]
    for seed, fitted in enumerate((*inner[0].found, *inner[1].found), 1):
        alone = mlp(seed)
        alone.fit(*data(), epochs=2, verbose=0)
        assert same(fitted.net, alone)


@alarms
def test_one_within_another_is_stopped_with_it(alarm):  # noqa: F811
    fastdl.set_num_threads(2)
    inner = [Inner([mlp(1)], 10**6), Inner([mlp(2)], 10**6)]
    alarm(0.2, lambda: not all(callback.nets[0].training_state.steps for callback in inner))
    with pytest.raises(Alarm):
        fit_many([mlp(10), mlp(11)], *data(), callbacks=lambda i: [inner[i]], verbose=0)
    assert not crew()


@forks
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_does_the_same():
    fastdl.set_num_threads(2)
    x, y = data()

    def train():
        return fit_many([mlp(seed) for seed in range(4)], x, y, epochs=2, verbose=0)

    expected = train()

    def child():
        return 0 if all(same(a.net, b.net) for a, b in zip(train(), expected, strict=True)) else 1

    assert in_child(child) == 0
    seen = []

    class Forks(callbacks.Callback):
        def on_epoch_end(self, net, epoch, logs):
            seen.append(in_child(child))

    fit_many([mlp(0), mlp(1)], x, y, callbacks=lambda i: [Forks()], verbose=0)
    assert seen == [0, 0]


def test_warnings_name_the_line_that_calls():
    """Not one of the threads'."""
    x, y = data()
    shapes = {"input_shape": x.shape[1:], "seed": 0}
    nets = [Sequential([layers.Dense(3, "sigmoid")], **shapes) for _ in range(2)]
    with pytest.warns(UserWarning, match="cross_entropy takes the outputs of sigmoid for logits") as told:
        line, _ = inspect.currentframe().f_lineno, fit_many(nets, x, y, loss="cross_entropy", verbose=0)
    assert {(one.filename, one.lineno) for one in told} == {(__file__, line)}


def test_a_line_for_each_network(capsys):
    fastdl.set_num_threads(1)
    x, y = data()
    each = [{"epochs": 2}, DIVERGES, {"epochs": 3, "validation_split": 0.5}]
    found = fit_many([mlp(seed) for seed in range(3)], x, y, each=each, batch_size=8)
    longest, second, bad = capsys.readouterr().out.splitlines()
    last = {name: values[-1] for name, values in found[2].history.history.items()}
    assert longest.startswith("nets[0]  2 epochs, 0.")
    assert second.startswith("nets[2]  3 epochs, 0.")
    assert second.endswith("val_loss {val_loss:.4f}, val_accuracy {val_accuracy:.4f}".format(**last))
    assert bad.startswith("nets[1]  0 epochs, 0.00 s  DivergenceError: step ")


def test_one_bar_over_all(capsys):
    pytest.importorskip("tqdm")
    x, y = data()
    each = [{"epochs": 4}, DIVERGES, {"callbacks": [callbacks.EarlyStopping("loss")]}]
    found = fit_many([mlp(seed) for seed in range(3)], x, y, each=each, epochs=3, batch_size=8, verbose="bar")
    assert [fitted.error is None for fitted in found] == [True, False, True]
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "10/10" in shown.err
    assert "1 failed" in shown.err
    assert shown.err.endswith("\n")
    alone = mlp(0)
    alone.fit(x, y, epochs=4, batch_size=8, verbose=0)
    assert same(found[0].net, alone)


def test_results_can_be_copied():
    (fitted,) = fit_many([mlp()], *data(), verbose=0)
    other = copy.deepcopy(fitted)
    assert (other.net.parameters == fitted.net.parameters).all()
