"""Trials that Optuna ends: what they leave behind."""

import json

import pytest
from watched import Alarm, Ends, fit, network

import fastdl
from fastdl import callbacks

optuna = pytest.importorskip("optuna")


class At(optuna.pruners.BasePruner):
    """Prunes each trial but the first at an epoch."""

    def __init__(self, epoch):
        self.epoch = epoch

    def prune(self, study, trial):
        return trial.number > 0 and trial.last_step == self.epoch


@pytest.fixture
def study_of():
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield lambda pruner: optuna.create_study(pruner=pruner, sampler=optuna.samplers.RandomSampler(seed=0))
    optuna.logging.set_verbosity(before)


def test_a_study(study_of, tmp_path):
    """A pruned trial leaves a whole network, its best parameters back, and its log and checkpoint of every epoch."""
    nets, study = [], study_of(At(3))

    def objective(trial):
        nets.append(net := network())
        log = callbacks.JSONLogger(tmp_path / f"{trial.number}.jsonl")
        watchers = [
            callbacks.OptunaPruning(trial),
            callbacks.EarlyStopping(patience=99),
            log,
            callbacks.ModelCheckpoint(tmp_path / f"{trial.number}.npz"),
        ]
        history = fit(net, watchers, rate=trial.suggest_float("lr", 1e-3, 0.5, log=True), epochs=5)
        assert log._file is None
        return min(history.history["val_loss"])

    study.optimize(objective, n_trials=3)
    states = [trial.state.name for trial in study.trials]
    assert states == ["COMPLETE", "PRUNED", "PRUNED"]
    for trial, net in zip(study.trials, nets, strict=True):
        epochs = 5 if trial.state.name == "COMPLETE" else 3
        losses = net.history.history["val_loss"]
        assert trial.intermediate_values == dict(enumerate(losses, 1))
        assert len(losses) == epochs
        with open(tmp_path / f"{trial.number}.jsonl") as file:
            assert [json.loads(line)["epoch"] for line in file] == list(range(1, epochs + 1))
        whole = network()
        fit(whole, [callbacks.EarlyStopping(patience=99)], rate=trial.params["lr"], epochs=epochs)
        assert (net.parameters == whole.parameters).all()
        again = fastdl.load(tmp_path / f"{trial.number}.npz")
        assert again.training_state.epochs == epochs
        for one in (again, net):  # both go on
            one.parameters[...] = again.parameters
            fit(one, [], rate=trial.params["lr"], initial_epoch=epochs, epochs=6)
            assert one.training_state.epochs == 6


def test_a_figure_that_is_better_the_other_way():
    trial = optuna.create_study(direction="maximize").ask()
    with pytest.raises(ValueError, match="as the study's objective is, to maximize; received 'val_loss'"):
        callbacks.OptunaPruning(trial)
    for monitor in ("val_accuracy", "val_cost"):  # of the second nothing is known
        callbacks.OptunaPruning(trial, monitor)


def test_optunas_own_pruner(study_of):
    """Takes a bad rate out early."""
    study = study_of(optuna.pruners.MedianPruner(n_startup_trials=1))
    for rate in (0.1, 1e-9):
        study.enqueue_trial({"lr": rate})

    def objective(trial):
        rate = trial.suggest_float("lr", 1e-9, 0.5)
        history = fit(network(), [callbacks.OptunaPruning(trial, "loss")], rate=rate, validation=False)
        return history.history["loss"][-1]

    study.optimize(objective, n_trials=2)
    first, second = study.trials
    assert (first.state.name, second.state.name) == ("COMPLETE", "PRUNED")
    assert len(second.intermediate_values) < len(first.intermediate_values)


def test_an_error_is_not_taken_for_pruning(study_of):
    study = study_of(At(2))
    study.add_trial(optuna.trial.create_trial(value=1.0))
    trial = study.ask()

    class Full(callbacks.Logger):
        def write(self, epoch, figures):
            if epoch == 2:
                raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="path must name"):
        fit(network(), [callbacks.OptunaPruning(trial), Full()])
    with pytest.raises(Alarm):
        fit(network(), [callbacks.OptunaPruning(study.ask()), Ends(2)])


def test_a_figure_that_there_is_not(study_of):
    trial = study_of(At(2)).ask()
    with pytest.raises(ValueError, match="monitor must be one of loss, accuracy; received 'val_loss', which needs"):
        fit(network(), [callbacks.OptunaPruning(trial)], validation=False)

    class Adds(callbacks.Callback):
        """So that it is not known before."""

    with pytest.raises(ValueError, match=r"monitor must be one of epoch, loss, .*; received 'cost'"):
        fit(network(), [Adds(), callbacks.OptunaPruning(trial, "cost")])
