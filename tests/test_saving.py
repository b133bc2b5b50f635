"""Saved networks: whole or refused."""

import io
import json
import os
import pickle
import zipfile

import numpy as np
import pytest

import fastdl
from fastdl import Sequential, layers, models


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
        lambda c: c["layers"].append({"class": "Dense", "units": 10**12}),
        lambda c: c["layers"].append({"class": "Flatten", "unknown": 1}),
        lambda c: c["layers"][0].update({"class": "__import__"}),
        lambda c: c["layers"][0].update(filters=10**15),
        lambda c: c["layers"][2].pop("units"),
        lambda c: c.pop("layers"),
    ],
)
def test_another_description(path, change):
    with_config(path, change)
    refused(path)


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
