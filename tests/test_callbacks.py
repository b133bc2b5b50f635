"""The contract that every callback keeps, and what each of them does."""

import copy
import inspect
import math
import os
import pickle
import re
import sys

import numpy as np
import pytest
from conftest import close
from watched import EPOCHS, HALF, Alarm, Ends, Last, data, figures, fit, network, run

import fastdl
from fastdl import Sequential, callbacks, layers, losses, optimizers, schedules
from fastdl.callbacks.averaging import Averaging
from fastdl.callbacks.keeping import kept_of
from fastdl.callbacks.monitor import Monitor
from fastdl.callbacks.progress import told

# Of each a function that makes one, of a path that is its own.
CASES = {
    "EarlyStopping": lambda path: callbacks.EarlyStopping(patience=3, min_delta=1e-3),
    "EarlyStopping, late": lambda path: callbacks.EarlyStopping("val_accuracy", patience=9, start_from_epoch=3),
    "ReduceLROnPlateau": lambda path: callbacks.ReduceLROnPlateau(patience=1, factor=0.5, cooldown=1),
    "ReduceLROnPlateau of loss": lambda path: callbacks.ReduceLROnPlateau("loss", patience=1, min_delta=10.0),
    "LearningRateSchedule": lambda path: callbacks.LearningRateSchedule(schedules.step(0.5, 3, 0.1)),
    "ModelCheckpoint": lambda path: callbacks.ModelCheckpoint(f"{path}-{{epoch}}.npz"),
    "ModelCheckpoint, best": lambda path: callbacks.ModelCheckpoint(f"{path}.npz", monitor="val_loss"),
    "CSVLogger": lambda path: callbacks.CSVLogger(f"{path}.csv"),
    "EMA": lambda path: callbacks.EMA(0.9),
    "SWA": lambda path: callbacks.SWA(3),
    "TensorBoard": lambda path: callbacks.TensorBoard(path),
    "JSONLogger": lambda path: callbacks.JSONLogger(f"{path}.jsonl"),
    "MLflow": lambda path: callbacks.MLflow(path.parent / "runs"),
    "LiveCurves": lambda path: callbacks.LiveCurves(),
    "OptunaPruning": lambda path: callbacks.OptunaPruning(Trial()),
    "Progress": lambda path: callbacks.Progress(),
    "PrintEpochs": lambda path: callbacks.PrintEpochs(),
}


def test_every_callback_has_a_case():
    assert {name.partition(",")[0].partition(" ")[0] for name in CASES} == {*callbacks.__all__} - {
        "Callback", "Logger", "Run",
    }  # fmt: skip


def test_what_is_printed_of_each_has_its_arguments(make):
    callback = make()
    shown = repr(callback)
    assert shown.startswith(f"{type(callback).__name__}(")
    for name in inspect.signature(type(callback)).parameters:
        assert f"{name}={getattr(callback, name)!r}" in shown


class Trial:
    """As Optuna has one, which is never pruned."""

    def report(self, value, step):
        assert isinstance(value, float)

    def should_prune(self):
        return False


@pytest.fixture(params=CASES)
def make(request, tmp_path, monkeypatch, notebook):
    if request.param == "Progress":
        pytest.importorskip("tqdm")
    if request.param == "MLflow":
        pytest.importorskip("mlflow")
        monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    made = []

    def make():
        made.append(CASES[request.param](tmp_path / f"its-{len(made)}"))
        return made[-1]

    return make


def same(one, other):
    """Return whether two states are equal, arrays and NaN too, but for what MLflow calls a run."""
    assert [kind for kind, _ in one] == [kind for kind, _ in other]
    for (_, first), (_, second) in zip(one, other, strict=True):
        assert first.keys() == second.keys()
        for name, value in first.items():
            if name != "run_id":
                np.testing.assert_array_equal(value, second[name])


def test_with_validation(make):
    net, callback = network(), make()
    history = fit(net, [callback])
    assert 1 <= len(history.history["loss"]) <= EPOCHS
    assert np.isfinite(net.parameters).all()


def test_without_validation(make):
    """It does without, or says so before anything is changed."""
    net, callback = network(), make()
    before = net.parameters.copy()
    if any(name.startswith("val_") for name in callback.reads()):
        with pytest.raises(ValueError, match=r"monitor must be one of loss, accuracy; .* needs validation_data"):
            fit(net, [callback], validation=False)
        assert (net.parameters == before).all()
        assert net.history is None
    else:
        fit(net, [callback], validation=False)
        assert (net.parameters != before).any()


@pytest.mark.parametrize("epoch", [1, 3])
def test_interrupted(epoch, make):
    """Every callback sees the end; nothing stays open, and a further training is one that was not interrupted."""
    net, callback, again = network(), make(), network()
    with pytest.raises(Alarm):
        fit(net, [callback, Ends(epoch)])
    assert np.isfinite(net.parameters).all()
    assert not [value for value in vars(callback).values() if hasattr(value, "closed") and not value.closed]
    assert figures(fit(network(), [callback])) == figures(fit(again, [make()]))


def test_diverging(make):
    net, callback = network(), make()

    class Raises(callbacks.Callback):
        def on_epoch_begin(self, net, epoch):
            if epoch == 3:
                net.training_state.optimizer.lr = 1e38

    with pytest.raises(FloatingPointError):
        fit(net, [callback, Raises()])
    assert np.isfinite(net.parameters).all()
    assert len(net.history.history["loss"]) == 2


@pytest.mark.parametrize("way", ["file", "pickle", "deepcopy"])
def test_a_training_goes_on_to_the_bit(way, make, tmp_path):
    def told(net, epoch):
        copies = {
            "file": lambda: (net.save(tmp_path / f"{epoch}.npz", training=True), tmp_path / f"{epoch}.npz")[1],
            "pickle": lambda: pickle.dumps(net),
            "deepcopy": lambda: copy.deepcopy(net),
        }
        return copies[way](), net.parameters.copy(), kept_of(watchers[:1])

    watchers = [make(), Last(told)]
    whole = network()
    history = figures(fit(whole, watchers))
    at_half = watchers[1].kept[HALF][0]
    again = {"file": fastdl.load, "pickle": pickle.loads, "deepcopy": lambda net: net}[way](at_half)
    assert again.training_state.epochs == HALF
    before = watchers[1].kept
    watchers = [make(), Last(told)]
    rest = figures(fit(again, watchers, initial_epoch=again.training_state.epochs))
    assert rest == {name: values[HALF:] for name, values in history.items()}
    assert (again.parameters == whole.parameters).all()
    for epoch, (_, parameters, state) in watchers[1].kept.items():
        assert (parameters == before[epoch][1]).all()
        same(state, before[epoch][2])
    assert watchers[1].kept.keys() == {*range(HALF + 1, len(history["loss"]) + 1)}


@pytest.mark.parametrize("others", [list, lambda: [callbacks.EMA(0.9)], lambda: [callbacks.SWA(2)]])
def test_after_the_last_epoch_a_training_ends_as_it_would_have(others, tmp_path):
    """From a checkpoint of that epoch, though there is no step left."""
    path = tmp_path / "last.npz"

    def watchers():
        return [callbacks.EarlyStopping("loss", mode="max", patience=99), *others(), callbacks.ModelCheckpoint(path)]

    whole = network()
    fit(whole, watchers())
    again = fastdl.load(path)
    before, random = again.training_state, again.generator.bit_generator.state
    assert not (again.parameters == whole.parameters).all()
    history = fit(again, watchers(), initial_epoch=before.epochs, epochs=before.epochs)
    assert (again.parameters == whole.parameters).all()
    assert (history.history, again.training_state, again.generator.bit_generator.state) == ({}, before, random)


def test_a_training_goes_on_in_a_further_call(make):
    """With the same callback or with another one, of the state that is kept with the network."""
    ends = []
    for same_one in (True, False):
        net, callback = network(), make()
        fit(net, [callback], epochs=HALF)
        fit(net, [callback if same_one else make()], initial_epoch=HALF)
        ends.append((net.parameters.copy(), net.training_state.callbacks()))
    assert (ends[0][0] == ends[1][0]).all()
    same(ends[0][1], ends[1][1])


def test_another_optimizer_leaves_callbacks_their_state():
    """A further call with one that starts anew: the best epoch is known, and a mean goes on."""
    net, first, second = network(), callbacks.EarlyStopping(patience=99), callbacks.EarlyStopping(patience=99)
    fit(net, [first], epochs=HALF, optimizer=optimizers.Adam(0.01))
    fit(net, [second], epochs=HALF + 1, initial_epoch=HALF, optimizer=optimizers.SGD(0.0))
    assert (second.best_epoch, second.best) == (first.best_epoch, first.best)

    net, mean = network(), callbacks.EMA(0.9)
    fit(net, [mean], epochs=HALF, optimizer=optimizers.Adam(0.01))
    before, own = net.parameters.copy(), mean.values.copy()  # of which the latter stay, at a rate of 0
    for epoch in (HALF + 1, HALF + 2):
        steps = (epoch - HALF) * -(-len(data()[0]) // 8)
        fit(net, [callbacks.EMA(0.9)], epochs=epoch, initial_epoch=epoch - 1, optimizer=optimizers.SGD(0.0))
        close(net.parameters, own + 0.9**steps * (before - own), "float32")


def test_what_a_callback_refuses_leaves_all_as_it_was(tmp_path):
    """A call that ends before its first step: of a training that goes on, which nothing is lost of."""
    nowhere = tmp_path / "nowhere" / "x"
    refused = [
        ([callbacks.EMA(), callbacks.SWA(1)], optimizers.SGD(0.1)),
        ([callbacks.ReduceLROnPlateau()], optimizers.Adam(schedules.cosine(0.1, 9))),
        ([callbacks.ModelCheckpoint(nowhere)], optimizers.Adam(0.01)),
        ([callbacks.ModelCheckpoint(tmp_path / "x.npz")], optimizers.SGD(lambda step: 0.1)),
        ([callbacks.CSVLogger(nowhere)], optimizers.SGD(0.1)),
        ([callbacks.LearningRateSchedule(lambda epoch: 0.5), callbacks.CSVLogger(nowhere)], None),
    ]
    net, whole = network(), network()
    for one in (net, whole):
        fit(one, [callbacks.EarlyStopping(patience=99)], epochs=HALF, optimizer=optimizers.Adam(0.3))
        one.parameters += 1  # no longer those of its best epoch
    history, other = net.history, losses.CrossEntropy(label_smoothing=0.1)
    for watchers, optimizer in refused:
        with pytest.raises((OSError, TypeError, ValueError)):
            fit(net, [callbacks.EarlyStopping(), *watchers], initial_epoch=HALF, loss=other, optimizer=optimizer)
        assert net.history is history
    for one in (net, whole):
        stopping = callbacks.EarlyStopping(patience=99)
        fit(one, [stopping], initial_epoch=HALF, optimizer=None)
    assert figures(net.history) == figures(whole.history)
    assert (net.parameters == whole.parameters).all()


def test_copied(make):
    """Before it is used and after."""
    histories = []
    callback = make()
    for copied in (copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))):
        histories.append(figures(fit(network(), [copied(callback)])))
    histories.append(figures(fit(network(), [callback])))
    for copied in (copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))):
        histories.append(figures(fit(network(), [copied(callback)])))
    assert all(history == histories[0] for history in histories)


def test_a_file_is_of_one_callback(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path)
    net, path = network(), tmp_path / "net.npz"
    for two in (
        [callbacks.CSVLogger(path), callbacks.JSONLogger(path)],
        [callbacks.ModelCheckpoint(path), callbacks.ModelCheckpoint(tmp_path / "link" / "net.npz", monitor="loss")],
    ):
        with pytest.raises(ValueError, match=r"callbacks must write to different files; two of them .*/net\.npz"):
            fit(net, two)
        assert not path.exists()


def test_used_twice_and_two_at_once(make):
    callback, nets = make(), [network() for _ in range(3)]
    for net in nets[:2]:
        fit(net, [callback])
    assert (nets[0].parameters == nets[1].parameters).all()
    with pytest.raises(ValueError, match=r"callbacks must not hold the same one twice; received"):
        fit(nets[2], [callback, callback])
    if isinstance(callback, Averaging):
        with pytest.raises(ValueError, match="callbacks must hold one of EMA and SWA at the most"):
            fit(nets[2], [callback, make()])
        fit(nets[2], [callback])
        assert (nets[2].parameters == nets[1].parameters).all()
    elif isinstance(callback, callbacks.LearningRateSchedule):
        for other in (make(), callbacks.ReduceLROnPlateau()):
            with pytest.raises(ValueError, match="callbacks must hold nothing else that sets the rate beside"):
                fit(nets[2], [callback, other])
    else:
        fit(nets[2], [callback, make()])
    assert np.isfinite(nets[2].parameters).all()


@pytest.mark.parametrize(
    ("options", "values", "falls"),
    [
        ({"patience": 1}, [5, 5, 5, 4, 4], [2, 3, 5]),
        ({"patience": 2}, [5, 5, 4, 4, 4, 4, 4], [5, 7]),
        ({"patience": 1, "cooldown": 2}, [5, 5, 5, 5, 5, 5, 5], [2, 5]),
        ({"patience": 2, "cooldown": 1}, [5, 5, 5, 5, 5, 5, 5], [3, 6]),
        ({"patience": 1, "min_delta": 1}, [5, 4.5, 3], [2]),
        ({"patience": 1, "mode": "max"}, [5, 6, 6, 7], [3]),
        ({"patience": 1, "min_delta": 0}, [5, math.nan, 4], [2]),
    ],
)
def test_reduce_lr_on_plateau(options, values, falls):
    rates, _ = run(callbacks.ReduceLROnPlateau(factor=0.5, **options), values)
    expected = [0.1 * 0.5 ** sum(fall <= epoch for fall in falls) for epoch in range(1, len(values) + 1)]
    assert rates == expected


def test_a_rate_falls_no_lower():
    rates, _ = run(callbacks.ReduceLROnPlateau(factor=0.1, patience=1, min_lr=0.004), [1, 1, 1, 1])
    assert rates == [0.1, 0.1 * 0.1, 0.004, 0.004]


def test_a_lowered_rate_is_that_of_a_training_that_goes_on(tmp_path):
    """Whether the optimizer is given anew, at its first rate, or not at all."""
    net = network()
    fit(net, [callbacks.ReduceLROnPlateau("loss", patience=1, min_delta=10.0)], epochs=3)
    assert net.training_state.optimizer.lr == pytest.approx(0.0002)
    net.save(tmp_path / "net.npz", training=True)
    for options in ({}, {"optimizer": None}):
        again = fastdl.load(tmp_path / "net.npz")
        plateau = callbacks.ReduceLROnPlateau("loss", patience=1, min_delta=10.0)
        fit(again, [plateau], epochs=4, initial_epoch=3, **options)
        assert again.training_state.optimizer.lr == pytest.approx(0.00002)


@pytest.mark.parametrize("first", ["loss", "val_loss"])
def test_the_last_of_two_lowered_rates_is_that_of_a_training_that_goes_on(first):
    """Whichever of the two lowered it, whichever comes first, and whatever else sets it then."""

    class Figures(callbacks.Callback):
        def on_epoch_end(self, net, epoch, logs):
            logs.update(loss=max(4 - epoch, 0), val_loss=1)  # which lower it after 5 epochs, and after 2

    class Own(callbacks.Callback):
        def on_epoch_end(self, net, epoch, logs):
            if epoch == 5:
                net.training_state.optimizer.lr *= 1.5

    def watchers():
        other = {"loss": "val_loss", "val_loss": "loss"}[first]
        plateaus = [
            callbacks.ReduceLROnPlateau(monitor, patience=1, factor=0.5, cooldown=9) for monitor in (first, other)
        ]
        return [Figures(), *plateaus, Own()]

    whole, net = network(), network()
    fit(whole, watchers())
    for epochs, done in ((2, 0), (5, 2), (6, 5), (EPOCHS, 6)):
        fit(net, watchers(), epochs=epochs, initial_epoch=done)
    assert whole.training_state.optimizer.lr == net.training_state.optimizer.lr == 0.25 * 1.5 * 0.02
    assert (net.parameters == whole.parameters).all()


def test_learning_rate_schedule():
    seen = []

    def told(net, epoch):
        seen.append(net.training_state.optimizer.lr)

    fit(network(), [callbacks.LearningRateSchedule(lambda epoch: 0.1 / (1 + epoch)), Last(told)], epochs=3)
    assert seen == [0.1, 0.05, 0.1 / 3]


@pytest.mark.parametrize("kind", [callbacks.LearningRateSchedule, callbacks.ReduceLROnPlateau])
def test_two_schedules(kind):
    callback = kind(schedules.constant(0.1)) if kind is callbacks.LearningRateSchedule else kind()
    net = network()
    before = net.parameters.copy()
    with pytest.raises(ValueError, match=f"lr must be a number with {kind.__name__}, which sets it; received cosine"):
        fit(net, [callback], rate=schedules.cosine(0.1, 9))
    assert (net.parameters == before).all()


@pytest.mark.parametrize("monitor", [None, "val_loss", "accuracy"])
def test_checkpoints(monitor, tmp_path):
    """Of every epoch, or of the best, which a later one replaces."""
    after = Last(lambda net, epoch: net.parameters.copy())
    checkpoint = callbacks.ModelCheckpoint(tmp_path / "{epoch:02d}.npz", monitor=monitor)
    latest = callbacks.ModelCheckpoint(tmp_path / "latest.npz", monitor=monitor)
    history = fit(network(), [checkpoint, latest, after]).history
    best, epochs = Monitor(monitor or "loss"), []
    for epoch in range(1, EPOCHS + 1):
        value = history[monitor][epoch - 1] if monitor else epoch
        if not monitor or not epochs or best.is_better(value, history[monitor][epochs[-1] - 1]):
            epochs.append(epoch)
    assert 1 < len(epochs) <= EPOCHS
    assert monitor is None or len(epochs) < EPOCHS
    assert sorted(os.listdir(tmp_path)) == [*(f"{epoch:02d}.npz" for epoch in epochs), "latest.npz"]
    for epoch in epochs:
        net = fastdl.load(tmp_path / f"{epoch:02d}.npz")
        assert (net.parameters == after.kept[epoch]).all()
        assert net.training_state.epochs == epoch
    assert (fastdl.load(tmp_path / "latest.npz").parameters == after.kept[epochs[-1]]).all()


def test_a_checkpoint_has_what_all_other_callbacks_saw(tmp_path):
    """Wherever it stands among them."""
    stopping = callbacks.EarlyStopping(patience=9)
    fit(network(), [callbacks.ModelCheckpoint(tmp_path / "net.npz"), stopping], epochs=3)
    (kind, state), *_ = fastdl.load(tmp_path / "net.npz").training_state.callbacks()
    assert kind == "EarlyStopping"
    assert (state["epoch"], state["waited"]) == (stopping.best_epoch, stopping.waited)


@pytest.mark.parametrize("monitor", [None, "loss"])
def test_a_checkpoint_has_what_those_after_it_saw(monitor, tmp_path):
    """Going on from the file of one, another does not write a worse epoch over its best one."""

    class Figures(callbacks.Callback):
        def on_epoch_end(self, net, epoch, logs):
            logs.update(loss=-epoch, val_loss=max(HALF - epoch, 0.1 * (epoch - HALF)))

    def watchers():
        first = callbacks.ModelCheckpoint(tmp_path / "latest.npz", monitor=monitor)
        return [Figures(), first, callbacks.ModelCheckpoint(tmp_path / "best.npz", monitor="val_loss")]

    fit(network(), watchers(), epochs=HALF)
    fit(fastdl.load(tmp_path / "latest.npz"), watchers(), initial_epoch=HALF)
    assert fastdl.load(tmp_path / "latest.npz").training_state.epochs == EPOCHS
    assert fastdl.load(tmp_path / "best.npz").training_state.epochs == HALF


class Full(Sequential):
    """Finds no space for a file in the second epoch."""

    full = None

    def save(self, path, *, training=False):
        if path == self.full and self.training_state.epochs == 2:
            raise OSError(28, "No space left on device")
        super().save(path, training=training)


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("is_loaded", [True, False])
def test_a_best_epoch_that_could_not_be_written(is_loaded, order, tmp_path):
    """Is none of those known: a later one, which is better than the file's, is written."""
    latest, best = str(tmp_path / "latest.npz"), str(tmp_path / "best.npz")

    class Figures(callbacks.Callback):
        def on_epoch_end(self, net, epoch, logs):
            logs["val_loss"] = (3, 0, 1, 2, 2)[epoch - 1]

    def watchers():
        both = [callbacks.ModelCheckpoint(latest), callbacks.ModelCheckpoint(best, monitor="val_loss")]
        return [Figures(), *both[::order]]

    net = Full([layers.Dense(3)], input_shape=5, seed=0)
    net.full = best
    with pytest.raises(OSError, match="No space"):
        net.fit(*data(), epochs=5, callbacks=watchers(), verbose=0)
    net = fastdl.load(latest) if is_loaded else net
    net.full = None
    done = net.training_state.epochs
    net.fit(*data(), epochs=5, initial_epoch=done, callbacks=watchers(), verbose=0)
    assert fastdl.load(best).training_state.epochs == (3 if done == 2 else 2)


def test_a_checkpoint_that_leaves_epochs_out(tmp_path):
    """Those are none of its best ones, whatever others are beside it."""

    class Even(callbacks.ModelCheckpoint):
        def on_epoch_end(self, net, epoch, logs):
            if epoch % 2 == 0:
                super().on_epoch_end(net, epoch, logs)

    class Figures(callbacks.Callback):
        def on_epoch_end(self, net, epoch, logs):
            logs["loss"] = abs(epoch - 3.4)  # which is lowest in the third

    latest, even = tmp_path / "latest.npz", tmp_path / "even.npz"
    fit(network(), [Figures(), callbacks.ModelCheckpoint(latest), Even(even, monitor="loss")])
    assert fastdl.load(even).training_state.epochs == 4


def test_a_checkpoint_of_what_a_file_cannot_hold(tmp_path):
    """Is refused before the training; of the network alone it can be."""
    net = network()
    before = net.parameters.copy()

    def own(outputs, targets):
        return outputs.sum(axis=1), np.ones_like(outputs)

    for options, message in (({"loss": own}, "loss must be one"), ({"rate": lambda step: 0.1}, "lr must be a number")):
        with pytest.raises(TypeError, match=message):
            fit(net, [callbacks.ModelCheckpoint(tmp_path / "net.npz")], **options)
        assert (net.parameters == before).all()
    fit(net, [callbacks.ModelCheckpoint(tmp_path / "net.npz", training=False)], rate=lambda step: 0.1)
    assert (fastdl.load(tmp_path / "net.npz").parameters == net.parameters).all()
    assert fastdl.load(tmp_path / "net.npz").training_state.moments is None
    with pytest.raises(OSError, match="nowhere"):
        fit(net, [callbacks.ModelCheckpoint(tmp_path / "nowhere" / "net.npz")])


def test_what_no_file_can_hold_is_told_before_the_first_epoch(tmp_path):
    def ones(shape, fan_in, fan_out, rng):
        return np.ones(shape)

    noted = network()
    noted.notes["set"] = {1}
    own = Sequential([layers.Dense(noted.output_shape[0], initializer=ones)], input_shape=noted.input_shape)
    for net, message in (
        (own, "must be plain data to be saved, no code"),
        (noted, r"notes\['set'\] must be plain data"),
    ):
        for training in (True, False):
            with pytest.raises(TypeError, match=message):
                fit(net, [callbacks.ModelCheckpoint(tmp_path / "net.npz", training=training)])
            assert net.training_state.steps == 0
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (callbacks.MLflow, 'MLflow needs mlflow-skinny: pip install "fastdl-cpu[mlflow]"'),
        (callbacks.LiveCurves, 'LiveCurves needs IPython: pip install "fastdl-cpu[notebook]"'),
        (callbacks.Progress, 'Progress needs tqdm: pip install "fastdl-cpu[progress]"'),
    ],
)
def test_what_is_not_installed(make, message, monkeypatch):
    for module in ("mlflow", "IPython.display", "tqdm", "tqdm.auto"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError) as error:
        make()
    assert str(error.value) == message
    net = network()
    before = net.parameters.copy()
    with pytest.raises(ImportError, match="needs tqdm"):
        net.fit(*data(), verbose="bar")
    assert (net.parameters == before).all()


def test_bars_in_fit(capsys):
    pytest.importorskip("tqdm")
    x, y = data()
    net = network()
    history = net.fit(x, y, epochs=2, validation_data=data(1), verbose="bar").history
    shown = capsys.readouterr()
    assert shown.out == ""
    for epoch in (1, 2):
        assert f"epoch {epoch}/2: 100%" in shown.err
        assert f"val_loss {history['val_loss'][epoch - 1]:.4f}" in shown.err
    assert shown.err.endswith("\n")
    net.fit(iter([(x, y)] * 3), verbose="bar")  # of which it is not known how many
    shown = capsys.readouterr().err
    assert "epoch 1/1: 120 samples" in shown


def test_a_bar_goes_as_far_as_its_epoch():
    pytest.importorskip("tqdm")
    bar = callbacks.Progress("images", per_sample=2, tell=lambda logs: f"so {logs['loss']}")
    bar.on_fit_begin(None, 1, 30)
    bar.on_epoch_begin(None, 1)
    for done in (10, 20, 30):
        bar.on_batch_block(None, done, 30, {"loss": 1.0})
        assert bar._bar.n == 2 * done
        assert bar._bar.postfix == "so 1.0"
    bar.on_fit_end(None)


def test_a_bar_of_large_figures():
    assert told({"epoch": 1, "loss": 1e10, "accuracy": 0.25, "seconds": 1.0}) == "loss 1e+10, accuracy 0.2500"


def test_a_state_that_is_none(make):
    net, callback = network(), make()
    if type(callback).get_state is callbacks.Callback.get_state or not callback.get_state():
        return
    fit(net, [callback], epochs=1)
    ((kind, _),) = net.training_state.callbacks()
    net.training_state.kept = [type(net.training_state.kept[0])(kind, {"waited": 1})]
    with pytest.raises(ValueError, match=f"the state of {kind} must be what its get_state gave; KeyError"):
        fit(net, [callback], epochs=2, initial_epoch=1)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: callbacks.EarlyStopping(min_delta=-1), ValueError, "min_delta must be a finite number from 0.0"),
        (lambda: callbacks.EarlyStopping(baseline="low"), TypeError, "baseline must be a number; received 'low'"),
        (lambda: callbacks.EarlyStopping(start_from_epoch=0), ValueError, "start_from_epoch must be at least 1"),
        (lambda: callbacks.ReduceLROnPlateau(factor=1), ValueError, "factor must be below 1; received 1"),
        (lambda: callbacks.ReduceLROnPlateau(patience=0), ValueError, "patience must be at least 1; received 0"),
        (lambda: callbacks.ReduceLROnPlateau(cooldown=-1), ValueError, "cooldown must be at least 0; received -1"),
        (lambda: callbacks.ReduceLROnPlateau(min_lr=-1), ValueError, "min_lr must be a finite number from 0.0"),
        (lambda: callbacks.ReduceLROnPlateau("val_mine"), ValueError, "mode of monitor 'val_mine' must be one of min"),
        (lambda: callbacks.LearningRateSchedule(0.1), TypeError, "schedule must be a function of the epoch"),
        (lambda: callbacks.ModelCheckpoint(7), TypeError, "path must be a path; received 7"),
        (lambda: callbacks.ModelCheckpoint("{"), ValueError, "path must be one that figures may stand in"),
        (lambda: callbacks.ModelCheckpoint("x", mode="max"), ValueError, "mode must come with a monitor"),
        (lambda: callbacks.ModelCheckpoint("x", training=1), TypeError, "training must be True or False; received 1"),
        (lambda: callbacks.EMA(1.0), ValueError, "decay must be below 1; received 1.0"),
        (lambda: callbacks.SWA(0), ValueError, "start_from_epoch must be at least 1; received 0"),
        (lambda: callbacks.CSVLogger(7), TypeError, "path must be a path; received 7"),
        (lambda: callbacks.JSONLogger(7), TypeError, "path must be a path; received 7"),
        (lambda: callbacks.TensorBoard(7), TypeError, "path must be a path; received 7"),
        (lambda: callbacks.MLflow(7), TypeError, "tracking_uri must be a path; received 7"),
        (lambda: callbacks.OptunaPruning("trial"), TypeError, "trial must be one of Optuna's; received 'trial'"),
        (lambda: callbacks.OptunaPruning(Trial(), 7), TypeError, "monitor must be the name of a figure; received 7"),
    ],
)  # fmt: skip
def test_bad_arguments(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_method_that_nobody_would_call():
    message = "Mine must not define on_train_begin, which nothing calls; fit calls on_fit_begin, .*, on_fit_end"
    with pytest.raises(TypeError, match=message):
        type("Mine", (callbacks.EarlyStopping,), {"on_train_begin": lambda self, net: None})
    assert type("Mine", (callbacks.Callback,), {"on_paper": True}).on_paper


def test_a_method_of_other_arguments():
    message = r"Mine.on_epoch_end must take \(self, net, epoch, logs\); it takes \(self, epoch, logs\)"
    with pytest.raises(TypeError, match=message):
        type("Mine", (callbacks.Callback,), {"on_epoch_end": lambda self, epoch, logs=None: None})
    with pytest.raises(TypeError, match=r"on_fit_end must take \(self, net\); it takes \(self, net, logs\)"):
        type("Mine", (callbacks.EarlyStopping,), {"on_fit_end": lambda self, net, logs: None})
    for enough in (lambda self, *others: None, lambda self, net, epoch, logs, more=0: None):
        type("Mine", (callbacks.Callback,), {"on_epoch_end": enough})


@pytest.mark.parametrize(
    ("callback", "message"),
    [
        (callbacks.ModelCheckpoint("{val_f1}.npz"), "path must be made of loss, .* received 'val_f1'"),
        (callbacks.ModelCheckpoint("{}.npz"), "path must be made of loss, .* received ''"),
        (callbacks.ModelCheckpoint("{loss:d}.npz"), "path must be made of epoch, loss, .* format code 'd'"),
        (callbacks.ReduceLROnPlateau("seconds", mode="min"), None),
        (callbacks.LearningRateSchedule(lambda epoch: None), "the rate that schedule gives epoch 0 must be a number"),
        (callbacks.LearningRateSchedule(lambda epoch: -1), "the rate that schedule gives epoch 0 must be a finite"),
    ],
)  # fmt: skip
def test_what_cannot_be(callback, message):
    if message is None:
        fit(network(), [callback], epochs=1)
        return
    with pytest.raises((TypeError, ValueError), match=message):
        fit(network(), [callback], epochs=1)


@pytest.mark.parametrize("name", ["net.npz", "net-{epoch}.npz", "../net.npz"])
def test_a_folder_that_is_missing_is_told_before_training_begins(tmp_path, name):
    net, path = network(), tmp_path / "nowhere" / name
    before = net.parameters.copy()
    message = rf"path must be in an existing folder; there is no {re.escape(str(path.parent))}"
    with pytest.raises(FileNotFoundError, match=message):
        fit(net, [callbacks.ModelCheckpoint(path)])
    assert (net.parameters == before).all()
    with pytest.raises(FileNotFoundError, match=message):
        net.save(path)


def test_figures_are_read_at_a_glance(capsys):
    net = fastdl.Sequential([fastdl.layers.Dense(1)], input_shape=1)
    logs = {"loss": 2.5e-6, "val_loss": 0.125, "mine": -3e-4, "mae": 0.0, "seconds": 0.00123}
    callbacks.PrintEpochs().on_epoch_end(net, 3, logs)
    callbacks.PrintEpochs().on_epoch_end(net, 4, {"loss": 1234567.0, "seconds": 1.234})
    assert capsys.readouterr().out == (
        "epoch 3  loss 2.5e-06  val_loss 0.1250  mine -0.0003  mae 0.0000  1.23 ms\nepoch 4  loss 1.235e+06  1.23 s\n"
    )


class Unsaveable(callbacks.Callback):
    def get_state(self):
        return {"seen": object()}


@pytest.mark.parametrize(
    ("path", "others", "error", "message"),
    [
        ("/proc/net-{epoch}.npz", [], OSError, "/proc/net"),
        ("net-{epoch}.npz", [Unsaveable()], TypeError, r"the state of Unsaveable\['seen'\] must be plain data"),
    ],
)
def test_what_cannot_be_saved_is_told_before_the_first_step(path, others, error, message, tmp_path):
    net = Sequential([layers.Dense(2)], input_shape=3, seed=0)
    before = net.parameters.copy()
    with pytest.raises(error, match=message):
        net.fit(
            np.ones((4, 3)), [0, 1, 0, 1], verbose=0, callbacks=[*others, callbacks.ModelCheckpoint(tmp_path / path)]
        )
    assert (net.parameters == before).all()
    assert os.listdir(tmp_path) == []
