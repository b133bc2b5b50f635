"""Saved networks: whole or refused."""

import io
import json
import os
import pickle
import re
import subprocess
import sys
import tracemalloc
import zipfile
from copy import copy, deepcopy

import numpy as np
import pytest

import fastdl
from fastdl import Sequential, callbacks, layers, models, optimizers, schedules


@pytest.fixture
def net():
    return Sequential([layers.Conv2D(3, 2), layers.Flatten(), layers.Dense(4)], input_shape=(1, 5, 5), seed=0)


@pytest.fixture
def path(net, tmp_path):
    net.save(tmp_path / "net.npz")
    return tmp_path / "net.npz"


def members(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path, contents):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in contents.items():
            archive.writestr(name, data)


def as_npy(array, **arguments):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, **arguments)
    return file.getvalue()


def with_config(path, change):
    contents = members(path)
    config = json.loads(np.load(io.BytesIO(contents["config.npy"])).tobytes())
    change(config)
    contents["config.npy"] = as_npy(np.frombuffer(json.dumps(config).encode(), np.uint8))
    write(path, contents)


def refused(path, message="must be a network saved by fastdl"):
    with pytest.raises(ValueError, match=message):
        fastdl.load(path)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_there_and_back(dtype, tmp_path, rng):
    net = models.lenet5(seed=1, dtype=dtype, shift=1, pooling="mean", activation="tanh")
    net.save(str(tmp_path / "a"))  # the name stays as given
    again = fastdl.load(tmp_path / "a")
    x = rng.standard_normal((3, 1, 28, 28))
    assert (again.predict(x) == net.predict(x)).all()
    assert again.dtype == dtype


def test_truncated_anywhere(path):
    data = path.read_bytes()
    for length in [*range(0, len(data), 97), len(data) - 1]:
        path.write_bytes(data[:length])
        refused(path)


def test_altered_anywhere(path, net):
    """Every altered byte is noticed, or stands where nothing is told (a date, a flag of the archive)."""
    data = path.read_bytes()
    noticed = 0
    for place in range(0, len(data), 7):
        altered = bytearray(data)
        altered[place] ^= 0xFF
        path.write_bytes(altered)
        try:
            again = fastdl.load(path)
        except ValueError:
            noticed += 1
        else:
            assert (again.parameters == net.parameters).all()
            assert again.get_config() == net.get_config()
    assert noticed > len(data) / 7 / 2


class Trap:
    def __reduce__(self):
        return os.system, ("touch trapped",)


def test_nothing_in_it_runs(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    contents = members(path)
    contents["0.weight.npy"] = as_npy(np.array([Trap()], object), allow_pickle=True)
    write(path, contents)
    refused(path)
    path.write_bytes(pickle.dumps(Trap()))
    refused(path)
    assert not (tmp_path / "trapped").exists()


def test_other_contents(path):
    contents = members(path)
    write(path, {name: data for name, data in contents.items() if name != "0.bias.npy"})
    refused(path, "it must hold")
    write(path, {**contents, "more.npy": contents["0.bias.npy"]})
    refused(path, "it must hold")
    write(path, {**contents, "0.bias.npy": contents["2.bias.npy"]})
    refused(path, "0.bias must")
    write(path, {**contents, "0.bias.npy": as_npy(np.zeros(3))})
    refused(path, "0.bias must")
    write(path, {name: data for name, data in contents.items() if name != "config.npy"})
    refused(path, "no description")


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.update(format="another"),
        lambda c: c.update(dtype="object"),
        lambda c: c.update(input_shape=[1, 10**9, 10**9]),
        lambda c: c.update(input_shape="abc"),
        lambda c: c.update(layers=[]),
        lambda c: c.update(layers=7),
        lambda c: c.update(layers=[{"class": "Activation", "name": "relu"}] * 100_000),
        lambda c: c["layers"].append({"class": "Dense", "units": 10**12}),
        lambda c: c["layers"].append({"class": "Flatten", "unknown": 1}),
        lambda c: c["layers"][0].update({"class": "__import__"}),
        lambda c: c["layers"][0].update(filters=10**15),
        lambda c: c["layers"][2].pop("units"),
        lambda c: c.pop("layers"),
        lambda c: c.update(loss="__import__"),
        lambda c: c.update({"class": "Dense"}),
        lambda c: c.update({"class": "Unheard"}),
        lambda c: c.pop("class"),
        lambda c: c["layers"].append({"class": "Recurrent", "units": 3}),
        lambda c: c["layers"].insert(0, {"class": "_Pool2D", "size": 1}),
        lambda c: c["layers"].insert(
            0,
            {"class": "Sequential", "layers": [{"class": "Flatten"}], "input_shape": [1, 1 << 30], "dtype": "float64"},
        ),
    ],
)
def test_another_description(path, change):
    with_config(path, change)
    refused(path)


@pytest.mark.parametrize("name", ["class", "layers", "input_shape", "dtype", "loss", "notes"])
def test_what_a_description_lacks_is_named(name, path):
    with_config(path, lambda config: config.pop(name))
    refused(path, f"must be a network saved by fastdl; its description has no '{name}'$")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions(method, path):
    contents = members(path)
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
    refused(path, "must be stored or deflated")


def test_deflated(path, net):
    contents = members(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
    assert (fastdl.load(path).parameters == net.parameters).all()


@pytest.mark.parametrize("name", ["config", "0.bias"])
def test_memory_stays_within_what_is_expected(name, path):
    """Also where one of the arrays, or the description, unpacks to thirty million bytes."""
    contents = members(path)
    contents[f"{name}.npy"] += bytes(30_000_000)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, data in contents.items():
            archive.writestr(member, data)
    contents.clear()
    del data
    tracemalloc.start()
    refused(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4_000_000


def test_sizes_that_the_file_cannot_have(path):
    """In the central directory, which says how much there is to unpack."""
    data = bytearray(path.read_bytes())
    for place in (20, 24):  # packed and unpacked, of the first
        altered = bytearray(data)
        directory = altered.index(b"PK\x01\x02") + place
        altered[directory : directory + 4] = (0xFFFFFFF0).to_bytes(4, "little")
        path.write_bytes(altered)
        refused(path, "cannot hold")


def test_parts_that_lie_on_one_another(tmp_path):
    """Many arrays of a network that are one and the same in the file."""
    path = tmp_path / "net.npz"
    Sequential([layers.Dense(30) for _ in range(8)], input_shape=30).save(path)
    contents = members(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.npy", contents["config.npy"])
        archive.writestr("0.weight.npy", contents["0.weight.npy"])
        archive.writestr("0.bias.npy", contents["0.bias.npy"])
        for name in contents:
            if name not in archive.namelist():
                same = copy(archive.getinfo("0.weight.npy" if "weight" in name else "0.bias.npy"))
                same.filename = name
                archive.filelist.append(same)
                archive.NameToInfo[name] = same
    refused(path, "its parts take .* cannot hold")


def test_an_array_that_ends_too_early(path):
    """Though its sum is right, and the central directory says that it does not."""
    contents = members(path)
    contents["0.bias.npy"] = contents["0.bias.npy"][:-4]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
        place = list(contents).index("0.bias.npy")
    data = bytearray(path.read_bytes())
    directory = -1
    for _ in range(place + 1):
        directory = data.index(b"PK\x01\x02", directory + 1)
    size = int.from_bytes(data[directory + 24 : directory + 28], "little")
    data[directory + 24 : directory + 28] = (size + 4).to_bytes(4, "little")
    path.write_bytes(data)
    refused(path, "0.bias must have 12 bytes; it has 8")


def test_every_byte_of_a_header(path):
    """Whatever it is, it is no other kind of error than a ValueError that names the file."""
    contents = members(path)
    end = contents["0.weight.npy"].index(b"}") + 1  # and spaces after it
    for place in range(end):
        for value in (b"\n", b"(", b"\xff"):
            altered = bytearray(contents["0.weight.npy"])
            altered[place : place + 1] = value if altered[place : place + 1] != value else b"["
            write(path, {**contents, "0.weight.npy": bytes(altered)})
            refused(path, re.escape(f"{path} must be a network saved by fastdl; 0.weight must be"))


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
        optimizers.AdaGrad(0.1, eps=1e-3),
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
    with pytest.raises(TypeError, match=message):
        net.save(path, training=True)
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


def test_a_description_that_unfolds(path):
    """A long one is text, which is not a thousand times longer than what it is deflated to."""
    with_config(path, lambda config: config["notes"].update(a=[0] * 10**6))
    assert fastdl.load(path).notes == {"a": [0] * 10**6}
    contents = members(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
    assert path.stat().st_size < 10**5
    refused(path, "it holds no description")


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda many: many,
        lambda many: [{"class": "Sequential", "layers": many}],
        lambda many: [{"class": "Residual", "layers": [{"class": "Parallel", "branches": [many, []], "merge": "sum"}]}],
    ],
)
def test_layers_that_are_too_many(path, wrapped):
    """However deep they lie: each takes much more memory than its description."""
    identity = {"class": "Activation", "name": "identity", "slope": None}
    with_config(path, lambda config: config.update(layers=wrapped([identity] * 1001) + config["layers"]))
    refused(path, "layers must be at most 1000; there are 10")


def test_layers_that_are_too_deep(path):
    def deepen(config):
        for _ in range(400):
            config["layers"] = [{"class": "Residual", "layers": config["layers"]}]

    with_config(path, deepen)
    refused(path)


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


@pytest.mark.parametrize("notes", [3, None, "ab", ["abc"]])
def test_notes_that_are_no_dict(notes, path):
    with_config(path, lambda config: config.update(notes=notes))
    refused(path)


@pytest.mark.parametrize("streams", [0, 2, 10**12, "3", None])
def test_other_states(streams, tmp_path):
    net = models.language_model(5, units=8, dim=4, seed=0)
    net.fit(np.zeros((3, 4), int), np.zeros((3, 4), int), batch_size=3, shuffle=False, verbose=0)
    net.save(tmp_path / "net.npz", training=True)
    with_config(tmp_path / "net.npz", lambda c: c.update(states=streams))
    refused(tmp_path / "net.npz")


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


def test_a_description_is_utf_8(path):
    with np.load(path) as file:
        arrays = dict(file)
    name = next(name for name, values in arrays.items() if values.dtype == np.uint8)
    text = arrays[name].tobytes().decode()
    np.savez(path, **{**arrays, name: np.frombuffer(text.encode("utf-16"), np.uint8)})
    with pytest.raises(ValueError, match="must be a network saved by fastdl"):
        fastdl.load(path)
