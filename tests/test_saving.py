"""Networks that are saved, loaded, copied and pickled."""

import os
import pickle
import subprocess
import sys
import zipfile
from copy import copy, deepcopy

import numpy as np
import pytest
from archived import members

import fastdl
from fastdl import Sequential, layers, models


@pytest.fixture
def net():
    return Sequential([layers.Conv2D(3, 2), layers.Flatten(), layers.Dense(4)], input_shape=(1, 5, 5), seed=0)


@pytest.fixture
def path(net, tmp_path):
    net.save(tmp_path / "net.npz")
    return tmp_path / "net.npz"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_there_and_back(dtype, tmp_path, rng):
    net = models.lenet5(seed=1, dtype=dtype, shift=1, pooling="mean", activation="tanh")
    net.save(str(tmp_path / "a"))  # the name stays as given
    again = fastdl.load(tmp_path / "a")
    x = rng.standard_normal((3, 1, 28, 28))
    assert (again.predict(x) == net.predict(x)).all()
    assert again.dtype == dtype


def test_deflated(path, net):
    contents = members(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
    assert (fastdl.load(path).parameters == net.parameters).all()


def test_notes(path, net):
    net.notes = {
        "words": ("a", "b"), "count": np.int64(3), "mean": np.array([0.5, 0.25]), "scale": np.float32(0.5),
        "flag": np.bool_(True), "table": np.arange(4).reshape(2, 2), "names": np.array(["x"]), "none": None,
        "deep": {"longdouble": np.longdouble(2), "infinite": np.inf, "odd": "\ud800"},
    }  # fmt: skip
    net.save(path)
    assert fastdl.load(path).notes == {
        "words": ["a", "b"], "count": 3, "mean": [0.5, 0.25], "scale": 0.5,
        "flag": True, "table": [[0, 1], [2, 3]], "names": ["x"], "none": None,
        "deep": {"longdouble": 2, "infinite": np.inf, "odd": "\ud800"},
    }  # fmt: skip


def _holding_itself():
    notes = {}
    notes["self"] = notes
    return notes


@pytest.mark.parametrize(
    ("notes", "message"),
    [
        (3, "notes must be a dict; received 3"),
        ({"a": [0, {"b": {1}}]}, r"notes\['a'\]\[1\]\['b'\] must be plain data, .* received \{1\}"),
        ({"a": 1j}, r"notes\['a'\] must be plain data"),
        ({"a": np.array([1j])}, r"notes\['a'\] must be plain data"),
        ({"a": np.array(["x", 1], object)}, r"notes\['a'\] must be plain data"),
        ({"labels": {0: "cat"}}, r"notes\['labels'\] must have strings for keys, as JSON has it; received 0"),
        ({"a": 10**5000}, "notes must be plain data, as JSON has it; Exceeds the limit"),
        (_holding_itself(), "notes must not be nested so deeply"),
        ({"a": "x" * (1 << 26)}, "notes must be short enough for a description of 67,108,864 bytes"),
    ],
)
def test_notes_that_cannot_be_saved(notes, message, path, net):
    before = path.read_bytes()
    net.notes = notes
    with pytest.raises((TypeError, ValueError), match=message):
        net.save(path)
    assert path.read_bytes() == before


def test_a_large_vocabulary(path, net):
    net.notes = {"vocabulary": [f"{i:06}-word" for i in range(1_300_000)]}
    net.save(path)
    assert fastdl.load(path).notes == net.notes


def test_what_would_not_be_loaded_is_not_saved(path, net, monkeypatch):
    before = path.read_bytes()
    config = net.get_config()
    for change, message in (
        (lambda c: c["layers"][2].update(units=5), r"2.weight is of shape \(5, 48\), it is of shape \(4, 48\)"),
        (lambda c: c["layers"][2].update(units=-5), "units must be at least 1"),
        (lambda c: c["layers"].pop(), "2.weight is of shape None"),
        (lambda c: c["layers"][0].update({"class": "Unheard"}), "config must name a layer class of"),
    ):
        changed = deepcopy(config)
        change(changed)
        monkeypatch.setattr(Sequential, "get_config", lambda _, changed=changed: changed)
        with pytest.raises(ValueError, match=f"the network must be as it was made, to be read again; .*{message}"):
            net.save(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "layer",
    [
        layers.Conv2D(3, 2, activation="relu").build((2, 5, 5), dtype="float64", seed=1),
        layers.LSTM(3, stateful=True).build((None, 4), seed=1),
        layers.Bidirectional(layers.GRU(3, reset_after=False), "sum").build((6, 4), seed=1),
        layers.Dense(3),
    ],
)
def test_layers_are_copied(layer, rng):
    again, built = pickle.loads(pickle.dumps(layer)), hasattr(layer, "dtype")
    assert again.get_config() == layer.get_config()
    if built:
        x = rng.standard_normal((2, *(n or 7 for n in layer.input_shape)))
        layer.forward(x)
        again = deepcopy(layer)
        assert (again.forward(x) == layer.forward(x)).all()


def test_a_pickle_brings_its_classes(tmp_path):
    """Into a process that has not imported them, as joblib's workers, however deep a layer of theirs is."""
    (tmp_path / "mine.py").write_text("from fastdl import layers\n\n\nclass Mine(layers.GRU):\n    pass\n")
    made = """
import pickle, mine
from fastdl import Sequential, layers
net = Sequential([layers.Bidirectional(mine.Mine(3)), layers.Dense(2)], input_shape=(5, 4), seed=0)
pickle.dump(net, open("net.pickle", "wb"))
pickle.dump(net.predict([[[0.5] * 4] * 5]), open("y.pickle", "wb"))
"""
    used = """
import pickle
net = pickle.load(open("net.pickle", "rb"))
assert (net.predict([[[0.5] * 4] * 5]) == pickle.load(open("y.pickle", "rb"))).all()
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    for code in (made, used):
        subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=tmp_path, env=environment, check=True)


def test_a_folder_and_nothing(tmp_path):
    with pytest.raises(FileNotFoundError):
        fastdl.load(tmp_path / "nothing.npz")
    with pytest.raises(IsADirectoryError):
        fastdl.load(tmp_path)


def test_a_failing_save_leaves_the_old_file(path, net, monkeypatch):
    before = path.read_bytes()
    net.parameters[...] = 0

    def fail(*_):
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no space left"):
        net.save(path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["net.npz"]


def test_what_is_no_file_stays(net, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for other in (tmp_path / "fifo", tmp_path):
        with pytest.raises(ValueError, match="path must be that of a file"):
            net.save(other)
    assert os.listdir(tmp_path) == ["fifo"]


def test_saving_through_a_link(path, net, tmp_path):
    (tmp_path / "link").symlink_to(path)
    net.parameters[...] = 2
    net.save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (fastdl.load(path).parameters == 2).all()


def test_saving_over(path, net):
    net.parameters[...] = 1
    net.save(path)
    assert (fastdl.load(path).parameters == 1).all()
    assert os.listdir(path.parent) == ["net.npz"]


def test_weights_of_files_and_copies_are_not_drawn_before(tmp_path, monkeypatch, rng):
    net = Sequential([layers.LSTM(4), layers.BatchNorm(), layers.Dense(2)], input_shape=(5, 3), seed=0)
    alone, x = layers.GRU(3).build((5, 3), seed=0), rng.standard_normal((2, 5, 3), "float32")
    net.save(tmp_path / "net.npz")

    def drawn(*_):
        raise AssertionError

    for name in fastdl.initializers.__all__:
        monkeypatch.setattr(fastdl.initializers, name, drawn)
    for other in (fastdl.load(tmp_path / "net.npz"), deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert (other.predict(x) == net.predict(x)).all()
    assert (copy(alone).forward(x) == alone.forward(x)).all()


def test_a_network_of_a_description_starts_with_drawn_weights():
    net = Sequential([layers.Dense(2)], input_shape=(5,), seed=0)
    other = Sequential.from_config(net.get_config())
    assert other.params["0.weight"].all()


@pytest.mark.parametrize(("name", "value"), [("0.weight", np.nan), ("0.bias", np.inf), ("1.running_var", -1.0)])
def test_numbers_that_no_network_has(name, value, tmp_path, monkeypatch):
    """They would make every prediction NaN."""
    path = tmp_path / "net.npz"
    net = Sequential([layers.Dense(3), layers.BatchNorm()], input_shape=2, seed=0)
    net.save(path)
    {**net.params, **net.buffers}[name].flat[0] = value
    message = f"{name} must be finite" if value != -1 else f"{name} must not be negative"
    with pytest.raises(ValueError, match=message):
        net.save(path)
    assert np.isfinite(fastdl.load(path).predict(np.ones((1, 2)))).all()
    monkeypatch.setattr("fastdl.saving._check", lambda *_: None)
    net.save(path)
    with pytest.raises(ValueError, match=message):
        fastdl.load(path)
