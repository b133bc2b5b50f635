"""Files that are not as `save` writes them: each is refused, and nothing in it runs."""

import os
import pickle
import re
import tracemalloc
import zipfile
from copy import copy

import numpy as np
import pytest
from archived import as_npy, members, refused, with_config, write

import fastdl
from fastdl import Sequential, layers


@pytest.fixture
def net():
    return Sequential([layers.Conv2D(3, 2), layers.Flatten(), layers.Dense(4)], input_shape=(1, 5, 5), seed=0)


@pytest.fixture
def path(net, tmp_path):
    net.save(tmp_path / "net.npz")
    return tmp_path / "net.npz"


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


@pytest.mark.parametrize("notes", [3, None, "ab", ["abc"]])
def test_notes_that_are_no_dict(notes, path):
    with_config(path, lambda config: config.update(notes=notes))
    refused(path)


def test_a_description_is_utf_8(path):
    with np.load(path) as file:
        arrays = dict(file)
    name = next(name for name, values in arrays.items() if values.dtype == np.uint8)
    text = arrays[name].tobytes().decode()
    np.savez(path, **{**arrays, name: np.frombuffer(text.encode("utf-16"), np.uint8)})
    with pytest.raises(ValueError, match="must be a network saved by fastdl"):
        fastdl.load(path)
