"""Trainings that are saved or copied in the middle, and continue to the bit."""

import os
import pickle
from copy import deepcopy

import numpy as np
import pytest
from archived import refused, with_config

import fastdl
from fastdl import Sequential, callbacks, layers, models, optimizers, schedules


@pytest.fixture
def net():
    return Sequential([layers.Conv2D(3, 2), layers.Flatten(), layers.Dense(4)], input_shape=(1, 5, 5), seed=0)


@pytest.fixture
def path(net, tmp_path):
    net.save(tmp_path / "net.npz")
    return tmp_path / "net.npz"


def _stream(net, x, y, **arguments):
    for start in range(0, x.shape[1], 4):
        net.train_on_batch(x[:, start : start + 4], y[:, start : start + 4], **arguments)


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("copy", ["save", "pickle", "deepcopy"])
@pytest.mark.parametrize(
    "optimizer",
    [
        optimizers.Adam(schedules.cosine(0.1, 10, warmup=2, final=0.01), betas=(0.8, 0.99), clip_norm=1.0),
        optimizers.SGD(schedules.one_cycle(0.1, 10), momentum=0.9, nesterov=True, weight_decay=0.01),
        optimizers.SGD(schedules.step(0.1, 2, 0.5)),
        optimizers.AdamW(schedules.constant(0.1), clip_value=0.1),
        optimizers.RMSprop(0.02, alpha=0.9),
        optimizers.AdaGrad(0.1, epsilon=1e-3),
    ],
)
def test_a_stream_goes_on_to_the_bit(optimizer, copy, named, tmp_path, rng):
    """Parameters, optimizer, moments, steps, random numbers of dropout, states and the loss."""
    x, y = rng.integers(9, size=(2, 3, 24))
    y = np.eye(9)[y]

    def start():
        return models.language_model(9, units=8, dim=4, dropout=0.3, seed=0)

    whole, net = start(), start()
    _stream(whole, x, y, optimizer=optimizer, loss="squared_error")
    _stream(net, x[:, :12], y[:, :12], optimizer=optimizer, loss="squared_error")
    if copy == "save":
        net.save(tmp_path / "net.npz", training=True)
        again = fastdl.load(tmp_path / "net.npz")
    else:
        again = pickle.loads(pickle.dumps(net)) if copy == "pickle" else deepcopy(net)
    _stream(again, x[:, 12:], y[:, 12:], **({"optimizer": deepcopy(optimizer)} if named else {}))
    assert (again.parameters == whole.parameters).all()
    assert again.evaluate(x, y) == whole.evaluate(x, y)


def test_another_optimizer_starts_anew(tmp_path, rng):
    x, y = rng.standard_normal((8, 3)), rng.integers(2, size=8)
    net = Sequential([layers.Dense(2)], input_shape=3, seed=0)
    net.fit(x, y, optimizer=optimizers.Adam(0.1), verbose=0)
    net.save(tmp_path / "net.npz", training=True)
    net.save(tmp_path / "plain.npz")
    results = []
    for name in ("net", "plain"):
        again = fastdl.load(tmp_path / f"{name}.npz")
        again.train_on_batch(x, y, optimizer=optimizers.SGD(0.1, momentum=0.9))
        results.append(again.parameters)
    assert (results[0] == results[1]).all()


class Mine(optimizers.Adam):
    pass


class cosine(schedules.cosine):
    pass


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (optimizers.Adam(lambda step: 0.1), "lr must be a number or one of fastdl.schedules to be saved; received <f"),
        (optimizers.Adam(cosine(0.1, 9)), "lr must be a number or one of fastdl.schedules to be saved"),
        (Mine(0.1), "optimizer must be one of fastdl.optimizers to be saved; received Mine"),
    ],
)
def test_what_a_file_cannot_hold(optimizer, message, path, rng):
    x, y = rng.standard_normal((8, 3)), rng.integers(2, size=8)
    net = Sequential([layers.Dense(2)], input_shape=3, seed=0)
    net.fit(x, y, optimizer=optimizer, verbose=0)
    before = path.read_bytes()
    for call in (
        lambda: net.save(path, training=True),
        lambda: net.fit(x, y, callbacks=[callbacks.ModelCheckpoint(path)], verbose=0),
    ):
        with pytest.raises(TypeError, match=f"{message}.*: training=False saves the network alone"):
            call()
    assert path.read_bytes() == before
    net.save(path)
    assert (fastdl.load(path).parameters == net.parameters).all()
    assert (deepcopy(net).train_on_batch(x, y)["loss"], 2) == (net.train_on_batch(x, y)["loss"], net._training.steps)


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.pop("optimizer"),
        lambda c: c.update(optimizer="SGD"),
        lambda c: c["optimizer"].update({"class": "Trap"}),
        lambda c: c["optimizer"].update({"class": ["Adam"]}),
        lambda c: c["optimizer"].update({"class": "SGD"}),
        lambda c: c["optimizer"].update(momentum=0.9),
        lambda c: c["optimizer"].update(lr=-1),
        lambda c: c["optimizer"].update(lr=None),
        lambda c: c["optimizer"].update(lr="0.1"),
        lambda c: c["optimizer"].update(lr=10**400),
        lambda c: c["optimizer"].update(lr={"class": "step", "lr": 0.1, "every": 0}),
        lambda c: c["optimizer"].update(lr={"class": "print"}),
        lambda c: c["optimizer"].update(lr={"class": "constant", "lr": {"class": "constant", "lr": 1.0}}),
        lambda c: c["optimizer"].update(betas=[1.0, 1.0]),
        lambda c: c["optimizer"].update(betas=0.9),
        lambda c: c["optimizer"].update(clip_norm=0),
        lambda c: c.update(steps=-1),
        lambda c: c.update(steps=1.0),
        lambda c: c.update(steps=None),
        lambda c: c.update(epochs=-1),
        lambda c: c.pop("epochs"),
        lambda c: c.pop("callbacks"),
        lambda c: c.update(callbacks=None),
        lambda c: c.update(callbacks={"class": "EarlyStopping"}),
        lambda c: c.update(callbacks=[]),
        lambda c: c["callbacks"].append(c["callbacks"][0]),
        lambda c: c["callbacks"][0].update({"class": 7}),
        lambda c: c["callbacks"][0].update(state=[]),
        lambda c: c["callbacks"][0].update(arrays={}),
        lambda c: c["callbacks"][0].update(arrays=[]),
        lambda c: c["callbacks"][0].update(arrays={"parameters": ["float32", [9]]}),
        lambda c: c["callbacks"][0].update(arrays={"parameters": ["float32", [-8]]}),
        lambda c: c["callbacks"][0].update(arrays={"parameters": ["float32", [1 << 30, 1 << 30]]}),
        lambda c: c["callbacks"][0].update(arrays={"parameters": ["float32", 8]}),
        lambda c: c["callbacks"][0].update(arrays={"parameters": ["int64", [8]]}),
        lambda c: c["callbacks"][0].update(arrays={"parameters": ["object", [8]]}),
        lambda c: c["callbacks"][0].update(arrays={"parameters": "ab"}),
    ],
)
def test_another_training(change, path, rng):
    net = Sequential([layers.Dense(2)], input_shape=3, seed=0)
    net.fit(
        rng.standard_normal((8, 3)), rng.integers(2, size=8), optimizer=optimizers.Adam(0.1), verbose=0,
        callbacks=[callbacks.EarlyStopping("loss")],
    )  # fmt: skip
    net.save(path, training=True)
    with_config(path, change)
    refused(path)


@pytest.mark.parametrize(
    "optimizer",
    [
        optimizers.SGD(np.float32(0.5), momentum=np.float16(0.5)),
        optimizers.Adam(schedules.step(np.float32(0.5), np.int64(3)), betas=np.array([0.5, 0.75]).tolist()),
    ],
)
def test_settings_of_numpys_numbers(optimizer, tmp_path, rng):
    net = Sequential([layers.Dense(2)], input_shape=3, seed=0)
    net.train_on_batch(rng.random((2, 3)), [0, 1], optimizer=optimizer)
    net.save(tmp_path / "net.npz", training=True)
    assert fastdl.load(tmp_path / "net.npz")._training.optimizer == optimizer


def test_a_training_that_has_not_begun(net, tmp_path):
    with pytest.raises(ValueError, match="training must be False for a network that has not been trained"):
        net.save(tmp_path / "none.npz", training=True)
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("streams", [0, 2, 10**12, "3", None])
def test_other_states(streams, tmp_path):
    net = models.language_model(5, units=8, dim=4, seed=0)
    net.fit(np.zeros((3, 4), int), np.zeros((3, 4), int), batch_size=3, shuffle=False, verbose=0)
    net.save(tmp_path / "net.npz", training=True)
    with_config(tmp_path / "net.npz", lambda c: c.update(states=streams))
    refused(tmp_path / "net.npz")


def test_a_training_that_was_saved_goes_on_to_the_bit(tmp_path, rng):
    x, y = rng.integers(9, size=(2, 12, 7))
    make = lambda: models.language_model(9, units=6, dropout=0.5, dim=4, seed=0)  # noqa: E731
    arguments = {"batch_size": 4, "shuffle": False, "verbose": 0}
    whole = make()
    whole.fit(x, y, epochs=4, optimizer=optimizers.Adam(0.01), **arguments)
    net = make()
    net.fit(x, y, epochs=2, optimizer=optimizers.Adam(0.01), **arguments)
    net.notes["a"] = ["b", 1]
    net.save(tmp_path / "net.npz", training=True)
    again = fastdl.load(tmp_path / "net.npz")
    assert again.notes == {"a": ["b", 1]}
    again.fit(x, y, epochs=4, initial_epoch=2, optimizer=optimizers.Adam(0.01), **arguments)
    assert (again.parameters == whole.parameters).all()
