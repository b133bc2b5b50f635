"""What callbacks keep for a training that goes on: whose it is, and what it may hold."""

import copy
import math

import numpy as np
import pytest
from watched import Ends, fit, network

import fastdl
from fastdl import callbacks, optimizers


def test_states_are_matched_by_class_and_number():
    """A callback that comes in between takes nobody else's, and one that watches something else begins anew."""

    def watchers():
        return [
            callbacks.EarlyStopping(patience=9),
            callbacks.ReduceLROnPlateau(patience=9),
            callbacks.EarlyStopping("val_accuracy", patience=9),
        ]

    net, first = network(), watchers()
    fit(net, first, epochs=3)
    one, _, other = first
    before = (one.best_epoch, one.best), (other.best_epoch, other.best)
    second = watchers()
    for callback in second:
        callback.on_epoch_end = lambda net, epoch, logs: False
    fit(copy.deepcopy(net), [callbacks.PrintEpochs(), *second], epochs=4, initial_epoch=3)
    assert ((second[0].best_epoch, second[0].best), (second[2].best_epoch, second[2].best)) == before
    swapped = [callbacks.EarlyStopping("val_accuracy", patience=9), callbacks.EarlyStopping(patience=9)]
    fit(net, swapped, epochs=4, initial_epoch=3)
    assert [stopping.best_epoch for stopping in swapped] == [4, 4]


def test_a_new_training_begins_anew():
    """Without initial_epoch, and where the optimizer is another one."""
    net, stopping = network(), callbacks.EarlyStopping(patience=99)
    fit(net, [stopping], epochs=6)
    for options in ({"epochs": 1}, {"epochs": 7, "initial_epoch": 6, "optimizer": optimizers.Adam(0.01)}):
        fit(copy.deepcopy(net), [stopping], **options)
        assert stopping.best_epoch == options["epochs"]


@pytest.mark.parametrize("others", [[], [callbacks.PrintEpochs()]])
def test_states_are_those_of_the_last_call(others, capsys):
    """A mean does not go back behind epochs that were trained without it."""
    net, at_begin = network(), []

    class Looks(callbacks.Callback):
        def on_epoch_begin(self, net, epoch):
            at_begin.append(net.parameters.copy())

    fit(net, [callbacks.EMA(0.9)], epochs=2)
    fit(net, others, epochs=4, initial_epoch=2)
    trained = net.parameters.copy()
    fit(net, [callbacks.EMA(0.9), Looks()], epochs=5, initial_epoch=4)
    assert (at_begin[0] == trained).all()


def test_a_state_that_cannot_be_told():
    """Its error ends that call of fit, and nothing of the call is left for the next one."""

    class Fails(callbacks.Callback):
        def get_state(self):
            raise LookupError("no state")

    class Board(callbacks.Logger):
        def end(self, error):
            self.error = error

    net, board = network(), Board()
    with pytest.raises(LookupError, match="no state"):
        fit(net, [Fails()], epochs=1)
    copy.deepcopy(net)
    with pytest.raises(LookupError, match="no state"):
        fit(net, [Ends(1), Fails()], epochs=1)
    fit(net, [board], epochs=1)
    assert board.error is None


class Keeps(callbacks.Callback):
    def __init__(self, state):
        self.state, self.given = state, None

    def get_state(self):
        return self.state

    def set_state(self, net, state):
        self.given = state


def test_a_state_is_a_copy():
    """A callback may change its own values in place: when it forgets a training, or after it was given them."""

    class Epochs(callbacks.Callback):
        def __init__(self):
            self.state = {"list": [], "array": np.zeros(9)}

        def on_fit_begin(self, net, epochs, samples):
            self.state["list"].clear()
            self.state["array"][...] = 0

        def on_epoch_begin(self, net, epoch):
            self.state["list"].append(epoch)
            self.state["array"][epoch] = epoch

        def get_state(self):
            return self.state

        def set_state(self, net, state):
            self.state = state

    net, one, fails = network(), Epochs(), callbacks.LearningRateSchedule(lambda epoch: -1)
    fit(net, [one], epochs=2)
    fit(network(), [one], epochs=1)
    with pytest.raises(ValueError, match="the rate that schedule gives"):
        fit(net, [Epochs(), fails], epochs=4, initial_epoch=2)
    fit(net, [one], epochs=4, initial_epoch=2)
    assert one.state["list"] == [1, 2, 3, 4]
    assert (one.state["array"] == [0, 1, 2, 3, 4, 0, 0, 0, 0]).all()


def test_what_a_state_may_hold(tmp_path):
    state = {
        "none": None, "deep": {"list": [1, 2.5, "x"]}, "inf": math.inf, "number": np.float32(0.5), "tuple": (1, 2),
        "float32": np.float32([[1, 2]]), "int64": np.arange(3), "bool": np.array(True), "empty": np.zeros((0, 3)),
        "not yet": np.array([0.5, math.nan, math.inf]),
    }  # fmt: skip
    net = network()
    fit(net, [Keeps(state), Keeps({})], epochs=1)
    net.save(tmp_path / "net.npz", training=True)
    again, one, other = fastdl.load(tmp_path / "net.npz"), Keeps({}), Keeps({})
    fit(again, [one, other], epochs=2, initial_epoch=1)
    assert other.given == {}
    assert one.given.keys() == state.keys()
    for name, value in state.items():
        given = one.given[name]
        if isinstance(value, np.ndarray):
            assert (given.dtype, given.shape) == (value.dtype, value.shape)
            assert np.array_equal(given, value, equal_nan=True)
        else:
            assert given == ([1, 2] if name == "tuple" else value)
    for bad, message in (
        ({"f": print}, r"the state of Keeps\['f'\] must be plain data"),
        ({"a": np.array(["x"])}, "a of the state of Keeps must be of float32, float64, int64, bool; received <U1"),
    ):
        fit(net, [Keeps(bad)], epochs=1)
        with pytest.raises(TypeError, match=message):
            net.save(tmp_path / "net.npz", training=True)
