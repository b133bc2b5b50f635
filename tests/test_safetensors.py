"""Networks as .safetensors files: whole, into one that is there, and whatever else files may be."""

import json
import os
import struct
import sys

import numpy as np
import pytest
import safetensors.numpy

import fastdl
from fastdl import Sequential, callbacks, layers, losses, models, optimizers
from fastdl.cli import main
from fastdl.export import from_safetensors, to_safetensors, to_state_dict

NETWORKS = {
    "lenet5": lambda: models.lenet5(seed=0),
    "language_model": lambda: models.language_model(7, layers=2, units=3, dim=2, seed=0),
    "transformer": lambda: models.transformer(7, 5, units=4, layers=1, heads=2, seed=0),
    "trees": lambda: models.tree_classifier(6, 2, units=3, seed=0),
    "float64": lambda: Sequential(
        [layers.Dense(3, layers.Activation("elu", alpha=0.5))], input_shape=2, dtype="float64", seed=0
    ),
    "no module of PyTorch's": lambda: Sequential(
        [layers.GRU(3, reset_after=False, return_sequences=True), layers.RNN(2, "sigmoid")], input_shape=(4, 2), seed=0
    ),
    "nested": lambda: Sequential(
        [
            layers.Conv2D(2, 2), layers.BatchNorm(), Sequential([layers.Residual([layers.LayerNorm()])]),
            layers.GlobalMeanPool(), layers.Parallel([[layers.Dense(2, "relu")], []]),
        ], input_shape=(1, 3, 3), seed=0,
    ),
}  # fmt: skip


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.safetensors"


@pytest.mark.parametrize("name", NETWORKS)
def test_the_network_comes_back_whole(name, path):
    net = NETWORKS[name]()
    net.notes["of"] = {"words": ["a", "ü"]}
    net.layers[0].lr_scale = 0.5
    for values in net.buffers.values():
        values += 0.5
    to_safetensors(net, path)
    again = from_safetensors(path)
    assert (again.get_config(), again.notes) == (net.get_config(), net.notes)
    assert again.parameters.tobytes() == net.parameters.tobytes()
    for key, values in net.buffers.items():
        np.testing.assert_array_equal(again.buffers[key], values)
    held = safetensors.numpy.load_file(path)
    state = to_state_dict(net)
    assert held.keys() == state.keys()
    assert all(np.array_equal(held[key], state[key]) and held[key].dtype == state[key].dtype for key in held)


def test_its_loss_comes_back(path):
    net = models.mlp([3, 4, 2], output=None, seed=0)
    net.fit(np.eye(3), [0, 1, 1], loss=losses.CrossEntropy(label_smoothing=0.1), verbose=0)
    to_safetensors(net, path)
    assert from_safetensors(path).evaluate(np.eye(3), [0, 1, 1]) == net.evaluate(np.eye(3), [0, 1, 1])


def test_the_same_network_gives_the_same_file(path):
    found = set()
    for _ in range(5):
        to_safetensors(models.lenet5(seed=0), path)
        found.add(path.read_bytes())
    assert len(found) == 1


def test_into_a_network_that_is_there(path):
    net, other = (models.mlp([3, 4, 2], seed=seed) for seed in (0, 1))
    to_safetensors(net, path)
    assert from_safetensors(path, net=other) is other
    np.testing.assert_array_equal(other.parameters, net.parameters)


def test_a_file_of_somebody_else(path):
    net, other = (models.mlp([3, 4, 2], seed=seed) for seed in (0, 1))
    state = to_state_dict(net, names=["fc1", "fc2"])
    safetensors.numpy.save_file({name: values.astype("float16") for name, values in state.items()}, path)
    with pytest.raises(ValueError, match=r"it does not say what network it is: give one with net=$"):
        from_safetensors(path)
    before = other.parameters.copy()
    with pytest.raises(ValueError, match=r"net\.safetensors must be of the network; .*missing 0\.weight") as caught:
        from_safetensors(path, net=other)
    assert "names=" in str(caught.value)
    np.testing.assert_array_equal(other.parameters, before)
    from_safetensors(path, net=other, names=["fc1", "fc2"])
    np.testing.assert_allclose(other.parameters, net.parameters, rtol=1e-3)


def test_a_layer_used_alone(path):
    layer = layers.LSTM(3).build((None, 2), seed=0)
    safetensors.numpy.save_file(to_state_dict(layer), path)
    other = from_safetensors(path, net=layers.LSTM(3).build((None, 2), seed=1))
    np.testing.assert_array_equal(other.params["weight_hh"], layer.params["weight_hh"])


def written(path, tensors, metadata=None, data=b""):
    """A file of whatever header."""
    header = json.dumps({**({"__metadata__": metadata} if metadata else {}), **tensors}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + data)


def test_types_that_numpy_has_not(path):
    written(path, {"weight": {"dtype": "BF16", "shape": [1, 1], "data_offsets": [0, 2]}}, data=b"\0\0")
    with pytest.raises(ValueError, match=r"net\.safetensors .*must be of F64.* it is of BF16: save it as float32"):
        from_safetensors(path, net=layers.Dense(1).build(1))


def config(**changes):
    net = models.mlp([3, 4, 2], seed=0)
    return json.dumps(json.loads(json.dumps(fastdl.saving.describe(net, False)[0])) | changes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (config(input_shape=[1 << 20]), "its description is of .* numbers; it holds 26"),
        (config(layers=[{"class": "os.system", "command": "true"}]), "must name a layer class"),
        (config(format="another"), "its format must be"),
        (config(dtype="object"), "dtype must be float32 or float64"),
        ("[" * 100_000, "recursion|nested|overflow"),
        ("{", "Expecting property name"),
        ("7", "its format must be"),
        ("{}", "its format must be"),
    ],
    ids=range(8),
)
def test_descriptions_that_are_none(text, message, path):
    net = models.mlp([3, 4, 2], seed=0)
    safetensors.numpy.save_file(to_state_dict(net), path, {"fastdl": text})
    with pytest.raises(ValueError, match=f"net.safetensors must be a .safetensors file of a network; .*({message})"):
        from_safetensors(path)


def test_arrays_that_are_not_the_descriptions(path):
    net = models.mlp([3, 4, 2], seed=0)
    state = to_state_dict(net)
    state["0.weight"] = state["0.weight"].T.copy()
    safetensors.numpy.save_file(state, path, {"fastdl": config()})
    with pytest.raises(ValueError, match=r"0\.weight must have shape \(4, 3\); received \(3, 4\)"):
        from_safetensors(path)


HUGE = 1 << 40


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x08",
        struct.pack("<Q", 1 << 62) + b"{}",
        struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", 2) + b"{]",
        b"PK\x03\x04" + bytes(100),
        struct.pack("<Q", 80)
        + b'{"a":{"dtype":"F32","shape":[%d],"data_offsets":[0,%d]}}'.ljust(80) % (HUGE, 4 * HUGE),
        b"\x80\x04cos\nsystem\n(S'touch /tmp/harm'\ntR.",
    ],
    ids=range(8),
)
def test_what_is_no_such_file(data, path):
    path.write_bytes(data)
    for net in (None, models.mlp([3, 2])):
        with pytest.raises(ValueError, match=r"net\.safetensors must be"):
            from_safetensors(path, net=net)


def test_files_by_chance(path):
    """Cut off anywhere, or with a bit turned over: refused, or another network, which is of the same shapes."""
    net = Sequential([layers.Dense(2, "relu"), layers.BatchNorm()], input_shape=2, seed=0)
    to_safetensors(net, path)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    shapes = {name: values.shape for name, values in to_state_dict(net).items()}
    damaged = [whole[:n] for n in rng.integers(0, len(whole), 60)]
    for place in (*range(16), *rng.integers(0, len(whole), 500)):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << int(rng.integers(8))
        damaged.append(bytes(flipped))
    refused = read = 0
    for data in damaged:
        path.write_bytes(data)
        try:
            again = from_safetensors(path)
        except ValueError as error:
            refused += str(path) in str(error)
        else:
            read += 1
            assert sum(map(np.prod, shapes.values())) == sum(v.size for v in to_state_dict(again).values())
    assert refused > 200
    assert refused + read == len(damaged)


def test_what_is_no_file(tmp_path, path):
    with pytest.raises(FileNotFoundError):
        from_safetensors(path)
    with pytest.raises(IsADirectoryError):
        from_safetensors(tmp_path)
    os.mkfifo(path)
    with pytest.raises(ValueError, match="must be a file; it is a pipe"):
        from_safetensors(path)


def test_what_is_no_network(path):
    with pytest.raises(TypeError, match="net must be Sequential; received Dense"):
        to_safetensors(layers.Dense(2).build(3), path)
    with pytest.raises(TypeError, match="net must be Layer; received dict"):
        from_safetensors(path, net={})
    with pytest.raises(RuntimeError, match="must be built"):
        to_safetensors(Sequential([layers.Dense(2)]), path)
    with pytest.raises(ValueError, match="names must be None without net"):
        from_safetensors(path, names=["a"])
    net = models.mlp([3, 2], seed=0)
    net.parameters[0] = np.nan
    with pytest.raises(ValueError, match=r"0\.weight must be finite"):
        to_safetensors(net, path)
    assert not path.exists()


def test_a_network_in_training_is_left_alone(path):
    net = models.mlp([3, 4, 2], output=None, seed=0)
    to_safetensors(net, path)

    class Meddling(callbacks.Callback):
        def on_epoch_end(self, *_):
            with pytest.raises(RuntimeError, match="being trained"):
                from_safetensors(path, net=net)

    net.fit(np.zeros((4, 3)), np.zeros(4, int), optimizer=optimizers.SGD(0.1), verbose=0, callbacks=[Meddling()])


def test_without_the_package(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(ImportError, match=r'needs safetensors: pip install "fastdl-cpu\[safetensors\]"'):
        to_safetensors(models.mlp([3, 2]), path)


def test_the_command(path, tmp_path, capsys):
    net = models.mlp([3, 4, 2], seed=0)
    net.save(tmp_path / "net.npz")
    assert main(["export", str(tmp_path / "net.npz"), "--to", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}: safetensors, {path.stat().st_size:,} bytes\n"
    np.testing.assert_array_equal(from_safetensors(path).parameters, net.parameters)
