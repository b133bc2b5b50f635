"""Networks with the weights of Keras 3 models: what those gave.

Keras 3.15 wrote the files in keras.zip, and what the models gave is in outputs.json there. With Keras and JAX
installed, ``KERAS_BACKEND=jax python tests/test_keras.py`` writes them again.
"""

import json
import os
import re
import sys
import tempfile
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from fastdl import Sequential, callbacks, layers, models
from fastdl.export import from_keras
from fastdl.export.keras.comparison import check_model
from fastdl.export.keras.model import KNOWN
from fastdl.layers import (
    GRU,
    LSTM,
    RNN,
    Activation,
    BatchNorm,
    Bidirectional,
    Conv1D,
    Conv2D,
    ConvTranspose2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GaussianNoise,
    GlobalMaxPool,
    GlobalMeanPool,
    LayerNorm,
    MaxPool1D,
    MaxPool2D,
    MeanPool2D,
    Rescaling,
    Residual,
    SelfAttention,
    UpSample2D,
)
from fastdl.layers.configuration import from_config

RECORDED = Path(__file__).with_name("keras.zip")
EPSILON = 1e-3

# Ours, a sample's shape here, Keras's layers as `record` makes them.
MODELS = {
    "dense": (
        lambda: [
            Rescaling(0.5, 0.1), Dense(4, "relu"), BatchNorm(epsilon=EPSILON), Dropout(0.1), Dense(3),
            Activation("softmax"),
        ],
        (5,),
        "[L.Rescaling(0.5, 0.1), L.Dense(4, activation='relu'), L.BatchNormalization(), L.Dropout(0.1),"
        " L.Dense(3, use_bias=False), L.Softmax()]",
    ),
    "images": (
        lambda: [
            Conv2D(4, 3, padding="same", stride=2, activation="relu"), BatchNorm(epsilon=EPSILON),
            Conv2D(8, 3, groups=4),
            Conv2D(4, 2, groups=2, padding="same", activation=Activation("leaky_relu", slope=0.3)), MaxPool2D(2, 1),
            Flatten(), BatchNorm(epsilon=EPSILON), Activation("tanh"), LayerNorm(epsilon=EPSILON), Dense(3, "tanh"),
            Dense(2),
        ],
        (2, 9, 10),
        "[L.Conv2D(4, 3, padding='same', strides=2, activation='relu'), L.BatchNormalization(),"
        " L.DepthwiseConv2D(3, depth_multiplier=2), L.Conv2D(4, 2, groups=2, padding='same'), L.LeakyReLU(0.3),"
        " L.MaxPooling2D(2, 1), L.Flatten(), L.BatchNormalization(), L.Activation('tanh'),"
        " L.LayerNormalization(), L.Dense(3, activation='tanh'), L.Dense(2)]",
    ),
    "decoder": (
        lambda: [
            ConvTranspose2D(3, 4, stride=2, padding=1, activation=Activation("elu", alpha=0.5)),
            UpSample2D(2, "bilinear"), LayerNorm(epsilon=EPSILON), MeanPool2D(2), ConvTranspose2D(2, 3),
            GlobalMeanPool(),
        ],
        (2, 3, 2),
        "[L.Conv2DTranspose(3, 4, strides=2, padding='same'), L.ELU(0.5), L.UpSampling2D(2, interpolation='bilinear'),"
        " L.LayerNormalization(axis=[1, 2, 3]), L.AveragePooling2D(2), L.Conv2DTranspose(2, 3),"
        " L.GlobalAveragePooling2D()]",
    ),
    "steps": (
        lambda: [
            Conv1D(4, 3, padding="causal", dilation=2, activation="silu"), Conv1D(4, 2, groups=4), MaxPool1D(2),
            Dense(3, "gelu"), LayerNorm(epsilon=0.01), GlobalMaxPool(),
        ],
        (10, 2),
        "[L.Conv1D(4, 3, padding='causal', dilation_rate=2, activation='silu'), L.DepthwiseConv1D(2),"
        " L.MaxPooling1D(2), L.Dense(3, activation='gelu'), L.LayerNormalization(epsilon=0.01),"
        " L.GlobalMaxPooling1D()]",
    ),
    "recurrent": (
        lambda: [
            Embedding(6, 3), Bidirectional(LSTM(2, return_sequences=True)), GRU(3, return_sequences=True),
            GaussianNoise(0.1), GRU(2, return_sequences=True, reset_after=False), LSTM(2, return_sequences=True),
            Sequential([Dense(3, "hard_sigmoid"), Dense(2)]), Bidirectional(GRU(2), merge="sum"), Dense(2),
        ],
        (5,),
        "[L.Embedding(6, 3), L.Bidirectional(L.LSTM(2, return_sequences=True)), L.GRU(3, return_sequences=True),"
        " L.GaussianNoise(0.1), L.GRU(2, return_sequences=True, reset_after=False), L.LSTM(2, return_sequences=True),"
        " keras.Sequential([L.Dense(3, activation='hard_sigmoid'), L.Dense(2)]),"
        " L.Bidirectional(L.GRU(2), merge_mode='sum'), L.Dense(2)]",
    ),
    "simple": (
        lambda: [
            RNN(3, return_sequences=True), Bidirectional(RNN(2, "relu", return_sequences=True)), RNN(2, "sigmoid"),
        ],
        (4, 2),
        "[L.SimpleRNN(3, return_sequences=True),"
        " L.Bidirectional(L.SimpleRNN(2, activation='relu', return_sequences=True)),"
        " L.SimpleRNN(2, activation='sigmoid', use_bias=False)]",
    ),
}  # fmt: skip


def built(name):
    make, shape, _ = MODELS[name]
    return Sequential(make(), input_shape=shape, seed=0)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keras")
    with zipfile.ZipFile(RECORDED) as archive:
        archive.extractall(folder)
    return folder


@pytest.mark.parametrize("ending", ["keras", "weights.h5"])
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.filterwarnings("ignore:a .weights.h5 file does not say what epsilon is")
def test_the_same_outputs(name, ending, files):
    case = json.loads((files / "outputs.json").read_text())[name]
    net = built(name)
    from_keras(net, files / f"{name}.{ending}")
    x = np.array(case["x"])
    x = x.transpose(0, 3, 1, 2) if x.ndim == 4 else x
    np.testing.assert_allclose(net.predict(x), case["y"], rtol=1e-5, atol=1e-5)


def test_every_layer_of_keras_is_in_the_table():
    text = (Path(__file__).parent.parent / "docs" / "keras.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)", row)} == {*KNOWN, "Sequential"}


def test_the_net_is_as_it_was_after_an_error(files):
    net = built("dense")
    before = net.parameters.copy(), {name: values.copy() for name, values in net.buffers.items()}
    with pytest.raises(ValueError, match=r"images\.keras must hold such weights as Keras 3 saves; the network must be"):
        from_keras(net, files / "images.keras")
    data = bytearray((files / "dense.keras").read_bytes())
    place = data.rindex(np.array(weights_of(files, "dense")["layers/dense_1/vars/0"], "<f4").tobytes())
    data[place : place + 4] = np.float32(np.nan).tobytes()
    (damaged := files / "nan.weights.h5").write_bytes(data[data.index(b"\x89HDF") :])
    with pytest.raises(ValueError, match=r"nan\.weights\.h5 must hold .*layers/dense_1/vars must be finite"):
        from_keras(net, damaged)
    np.testing.assert_array_equal(net.parameters, before[0])
    for name, values in before[1].items():
        np.testing.assert_array_equal(net.buffers[name], values)


def weights_of(files, name):
    found = {}
    with h5py.File(files / f"{name}.weights.h5") as file:
        file.visititems(lambda path, item: found.update({path: item[...]} if isinstance(item, h5py.Dataset) else {}))
    return found


def test_epsilons_that_a_file_does_not_tell(files, recwarn):
    from_keras(built("images"), files / "images.weights.h5")
    from_keras(built("images"), files / "images.keras")
    assert not recwarn
    net = Sequential([Sequential([Dense(4), BatchNorm()]), Dense(3)], input_shape=5)
    with h5py.File(path := files / "within.weights.h5", "w") as file:
        put(file, "layers/sequential/layers/dense/vars", (5, 4), (4,))
        put(file, "layers/sequential/layers/batch_normalization/vars", (4,), (4,), (4,), (4,))
        put(file, "layers/dense/vars", (4, 3), (3,))
    with pytest.warns(UserWarning, match=r"Keras's is 0\.001 where none is given, the network's is 1e-05"):
        from_keras(net, path)


def put(file, path, *shapes):
    group = file.create_group(path)
    for k, shape in enumerate(shapes):
        group[str(k)] = np.ones(shape, np.float32)


OTHERS = {  # another network, and what the error says of it, of the .keras file
    "an activation": ("dense", 1, Dense(4, "tanh"), "comes activation relu; in the network activation tanh"),
    "an epsilon": ("dense", 2, BatchNorm(), "batch normalization 0.001; in the network batch normalization 1e-05"),
    "a scale": ("dense", 0, Rescaling(0.5), "comes rescaling 0.5 0.1; in the network rescaling 0.5 0.0"),
    "a layer less": ("dense", 5, Dropout(0.1), "comes activation softmax; in the network nothing more"),
    "a layer more": ("simple", 2, Sequential([RNN(2, "sigmoid"), Dense(2)]), "nothing more; in the network dense"),
    "a stride": ("images", 0, Conv2D(4, 3, padding="same", stride=(2, 1), activation="relu"), "comes convolution"),
    "a padding": ("images", 0, Conv2D(4, 3, padding=1, stride=2, activation="relu"), r"\(1, 1\) same; in the network"),
    "a slope": ("images", 3, Conv2D(4, 2, groups=2, padding="same", activation="leaky_relu"), "leaky_relu 0.3; in"),
    "a window": ("images", 4, MeanPool2D(2, 1), "comes max pool"),
    "all of an image": ("decoder", 2, BatchNorm(epsilon=EPSILON), "comes layer normalization"),
    "a corner": ("decoder", 0, ConvTranspose2D(3, 4, stride=2, padding=1, output_padding=1), "comes transposed"),
    "a merge": ("recurrent", 7, Bidirectional(GRU(1)), "comes both directions sum GRU"),
    "a gate": ("recurrent", 2, GRU(3, return_sequences=True, reset_after=False), "reset_after=True; in the network"),
    "the last step": ("simple", 2, RNN(2, "sigmoid", return_sequences=True), "comes RNN return_sequences=False"),
    "states": ("simple", 2, RNN(2, "sigmoid", stateful=True), "comes RNN return_sequences=False stateful=False"),
    "a cell": ("simple", 2, RNN(2), "activation', 'sigmoid'.*activation', 'tanh'"),
    "something else": ("simple", 2, SelfAttention(1), "SelfAttention which is none of Keras's"),
}  # fmt: skip


def again(layer):
    return from_config(layer.get_config())


@pytest.mark.parametrize("what", OTHERS)
def test_settings_are_compared(what, files):
    name, place, layer, message = OTHERS[what]
    make, shape, _ = MODELS[name]
    within = make()
    within[place] = again(layer)
    net = Sequential(within, input_shape=shape)
    before = net.parameters.copy()
    with pytest.raises(ValueError, match=f"{name}.keras must hold such weights .*{message}"):
        from_keras(net, files / f"{name}.keras")
    np.testing.assert_array_equal(net.parameters, before)


@pytest.mark.parametrize(
    ("within", "shape", "message"),
    [
        (
            [Dense(4), Dense(2)],
            5,
            r"layers\[1\], Dense: layers/dense_1/vars/0 must have shape \(4, 2\); it has \(4, 3\)",
        ),
        ([Dense(4)], 5, "it holds more than the network has: layers/batch_normalization/vars, layers/dense_1/vars"),
        ([LSTM(4)], (2, 5), r"layers\[0\], LSTM: it has no layers/lstm$"),
        ([Dense(4), Dense(3), Dense(3)], 5, r"layers\[2\], Dense: it has no layers/dense_2"),
        ([Residual([Dense(5)])], 5, r"layers\[0\], Residual: its weights are those of no layer of Keras's"),
        ([Bidirectional(GRU(2))], (2, 5), "it has no layers/bidirectional"),
        ([Sequential([Dense(3)])], 5, "it has no layers/functional"),
    ],
    ids=str,
)
def test_what_weights_are_not_for(within, shape, message, files):
    with pytest.raises(ValueError, match=message):
        from_keras(Sequential(map(again, within), input_shape=shape), files / "dense.weights.h5")


@pytest.mark.parametrize(
    "within",
    [
        [Flatten()],
        [Flatten(), Dropout(0.1)],
        [Flatten(), layers.Select([0])],
        [layers.Reshape((3, 2, 2)), Conv2D(1, 1)],
        [Flatten(), layers.Reshape((6, 2)), GlobalMaxPool()],
    ],
    ids=str,
)
def test_flattened_images_are_not_mixed_up(within, files):
    """Where the order of Keras's numbers, channels last, would have to be followed further."""
    with h5py.File(path := files / "empty.weights.h5", "w") as file:
        file.create_group("layers")
    with pytest.raises(ValueError, match=r"another order|other images"):
        from_keras(Sequential(map(again, within), input_shape=(2, 2, 3)), path)


def h5(change):
    """A file for Dense(2) of 3 features, in which something is otherwise."""

    def write(path):
        with h5py.File(path, "w") as file:
            put(file, "layers/dense/vars", (3, 2), (2,))
            change(file, file["layers/dense/vars"])

    return write


def instead(group, name="0", **settings):
    del group[name]
    group.create_dataset(name, **{"shape": (3, 2), "dtype": "f4", **settings})


def linked(group, link):
    del group["0"]
    group["0"] = link


def moved(file, group):
    file.move("layers/dense/vars/0", "array")
    del file["layers/dense/vars"]
    file.move("array", "layers/dense/vars")


def around(file):
    file["layers/dense/around"] = file["layers"]


def deep(file):
    for k in range(30):
        file = file.create_group(str(k))


def virtual(group, path="other.h5"):
    layout = h5py.VirtualLayout((3, 2), "f4")
    layout[...] = h5py.VirtualSource(path, "x", (3, 2))
    del group["0"]
    group.create_virtual_dataset("0", layout)


def archive(**parts):
    def write(path):
        with zipfile.ZipFile(path, "w") as file:
            for name, data in parts.items():
                file.writestr(name.replace("__", "."), data)

    return write


def bomb(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("config.json", " " * 10_000_000 + "{}")


DENSE = '{"class_name": "Sequential", "config": {"layers": [{"class_name": "%s", "config": {%s}}]}}'


def functional(*reads, outputs=("c",), twice=False, **more):
    """A model of an input a and layers b and c, which read what is named first and second."""
    layers = [{"class_name": "InputLayer", "config": {"name": "a"}}]
    for name, read in zip("bc", reads, strict=False):
        node = {"args": [{"config": {"keras_history": [read, 0, 0]}}], "kwargs": {"mask": None, **more}}
        config = {"name": name, "activation": "linear"}
        layers.append({"class_name": "Dense", "config": config, "inbound_nodes": [node] * (2 if twice else 1)})
    config = {"layers": layers, "output_layers": [[name, 0, 0] for name in outputs]}
    return json.dumps({"class_name": "Functional", "config": config})


HOSTILE = {
    "nothing": (lambda path: path.write_bytes(b""), "neither an HDF5 file nor an archive"),
    "a pickle": (lambda path: path.write_bytes(b"\x80\x04cos\nsystem\n."), "neither an HDF5 file nor an archive"),
    "a start alone": (lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n"), "h5py|open file|truncated|signature"),
    "an archive's start": (lambda path: path.write_bytes(b"PK\x03\x04"), "not a zip file"),
    "no layers": (h5(lambda file, _: file.move("layers", "others")), "it has no layers"),
    "an array for a group": (h5(moved), "layers/dense/vars must be a group"),
    "integers": (h5(lambda _, group: instead(group, dtype="i4")), "must be an array of floating-point numbers"),
    "strings": (h5(lambda _, group: instead(group, dtype=h5py.string_dtype())), "of floating-point numbers"),
    "packed": (h5(lambda _, group: instead(group, compression="gzip")), "neither packed nor elsewhere"),
    "elsewhere": (h5(lambda _, group: instead(group, external=[("/etc/passwd", 0, 24)])), "packed nor elsewhere"),
    "virtual": (h5(lambda _, group: virtual(group)), "neither packed nor elsewhere"),
    "not there": (h5(lambda _, group: instead(group, chunks=(3, 2))), "must lie in the file whole"),
    "huge": (h5(lambda _, group: instead(group, shape=(1 << 40,), chunks=(1 << 10,))), "must lie in the file whole"),
    "a soft link": (h5(lambda _, group: linked(group, h5py.SoftLink("/layers/dense/vars/1"))), "it is a link"),
    "another file": (h5(lambda _, group: linked(group, h5py.ExternalLink("/etc/passwd", "/"))), "it is a link"),
    "in a circle": (h5(lambda file, _: around(file)), "so many groups, or such deep ones"),
    "deep": (h5(lambda file, _: deep(file["layers"])), "so many groups, or such deep ones"),
    "many": (h5(lambda file, _: [file["layers"].create_group(str(k)) for k in range(2_001)]), "so many groups"),
    "more": (h5(lambda _, group: group.create_dataset("2", data=np.ones(2))), "must hold 1 or 2 arrays; it holds 3"),
    "a bomb": (bomb, "must be stored, not compressed"),
    "no weights": (archive(config__json="{}"), "model.weights.h5"),
    "no description": (archive(metadata__json="{}"), "config.json"),
    "a list": (archive(config__json="[]"), "must describe a model"),
    "nested": (archive(config__json="[" * 100_000), "recursion|nested|overflow"),
}  # fmt: skip
DESCRIBED = {
    "nothing": ("{}", "class_name"),
    "a class": ('{"class_name": "Mine"}', "must be Sequential or Functional; it is 'Mine'"),
    "no layers": ('{"class_name": "Sequential", "config": 7}', "must hold such weights"),
    "a Lambda": (DENSE % ("Lambda", '"function": "rm -rf"'), "its layers must be of Dense, .*; one is a Lambda"),
    "no setting": (DENSE % ("Dense", ""), "'activation'"),
    "an activation": (DENSE % ("Dense", '"activation": "mish"'), "activations must be of .*; one is 'mish'"),
    "one of one's own": (DENSE % ("Dense", '"activation": {"class_name": "f"}'), "activations must be of .*; one is {"),
    "channels first": (
        DENSE % ("MaxPooling2D", '"data_format": "channels_first"'),
        "data_format of MaxPooling2D must be channels_last; it is 'channels_first'",
    ),
    "a mask": (DENSE % ("Embedding", '"mask_zero": true'), "mask_zero of Embedding must be False"),
    "backwards": (DENSE % ("LSTM", '"go_backwards": true'), "go_backwards of LSTM must be False; it is True"),
    "gates": (DENSE % ("GRU", '"recurrent_activation": "relu"'), "recurrent_activation of GRU must be sigmoid"),
    "a branch": (functional("a", "a"), "must be a chain; c reads others than the one before"),
    "a layer twice": (functional("a", "b", twice=True), "must be a chain; b reads others than the one before"),
    "two outputs": (functional("a", "b", outputs=["b", "c"]), "must be a chain; it gives what b, c do"),
    "a state": (functional("a", "b", initial_state={"class_name": "__keras_tensor__"}), "b has .'initial_state'"),
    "noise": (functional("a", "b", training=True), "must be called with inputs alone; b has .'training'"),
    "a sum": (DENSE % ("Add", ""), "its layers must be of Dense, .*; one is a Add"),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_files_that_are_none(what, tmp_path):
    write, message = HOSTILE[what]
    write(path := tmp_path / "file")
    net = Sequential([Dense(2)], input_shape=3, seed=0)
    before = net.parameters.copy()
    with pytest.raises(ValueError, match=message) as caught:
        from_keras(net, path)
    assert str(caught.value).startswith(f"{path} must hold such weights as Keras 3 saves; ")
    np.testing.assert_array_equal(net.parameters, before)


@pytest.mark.parametrize("what", DESCRIBED)
def test_descriptions_that_are_none(what, tmp_path, files):
    text, message = DESCRIBED[what]
    weights = (files / "dense.weights.h5").read_bytes()
    archive(config__json=text, model__weights__h5=weights)(path := tmp_path / "file.keras")
    with pytest.raises(ValueError, match=message):
        from_keras(built("dense"), path)


@pytest.mark.parametrize("outputs", [["c", 0, 0], [["c", 0, 0]]])
def test_a_functional_model_that_is_a_chain(outputs):
    config = json.loads(functional("a", "b"))
    config["config"]["output_layers"] = outputs
    check_model(Sequential([Dense(2), Dense(3)], input_shape=3), config)


@pytest.mark.parametrize("ending", ["keras", "weights.h5"])
def test_files_by_chance(ending, files, tmp_path):
    """Cut off anywhere, or with a few bytes changed: refused, or read."""
    whole, path = (files / f"dense.{ending}").read_bytes(), tmp_path / "file"
    net, rng = built("dense"), np.random.default_rng(0)
    refused = read = 0
    for k in range(300):
        data = bytearray(whole[: rng.integers(len(whole))] if k % 4 == 0 else whole)
        for _ in range(0 if k % 4 == 0 else rng.integers(1, 5)):
            data[rng.integers(len(data))] = rng.integers(256)
        path.write_bytes(data)
        try:
            from_keras(net, path)
        except ValueError as error:
            refused += str(path) in str(error)
        else:
            read += 1
    assert refused > 70
    assert refused + read == 300


def test_what_is_no_file(tmp_path):
    net = Sequential([Dense(2)], input_shape=3)
    with pytest.raises(FileNotFoundError):
        from_keras(net, tmp_path / "none.keras")
    os.mkfifo(tmp_path / "pipe.keras")
    with pytest.raises(ValueError, match="must be a file; it is a pipe"):
        from_keras(net, tmp_path / "pipe.keras")
    with pytest.raises(TypeError, match="net must be Sequential; received Dense"):
        from_keras(Dense(2).build(3), tmp_path / "none.keras")
    with pytest.raises(RuntimeError, match="must be built"):
        from_keras(Sequential([Dense(2)]), tmp_path / "none.keras")


def test_a_network_in_training_is_left_alone(files):
    net = models.mlp([5, 4, 3], output=None, seed=0)

    class Meddling(callbacks.Callback):
        def on_epoch_end(self, *_):
            with pytest.raises(RuntimeError, match="being trained"):
                from_keras(net, files / "dense.keras")

    net.fit(np.zeros((4, 5)), np.zeros(4, int), verbose=0, callbacks=[Meddling()])


def test_without_the_package(files, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=r'needs h5py: pip install "fastdl-cpu\[keras\]"'):
        from_keras(built("dense"), files / "dense.keras")


def record():
    import keras
    from keras import layers as L

    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    folder = Path(tempfile.mkdtemp())
    cases = {}
    for name, (_, shape, text) in MODELS.items():
        model = keras.Sequential(eval(text, {"L": L, "keras": keras}))
        shape = (*shape[1:], shape[0]) if len(shape) == 3 else shape
        tokens = name == "recurrent"
        x = rng.integers(0, 6, (3, *shape)) if tokens else rng.standard_normal((3, *shape)).round(2)
        model(x)
        model.set_weights([w + rng.uniform(0, 0.5, w.shape) for w in model.get_weights()])
        model.save(folder / f"{name}.keras")
        model.save_weights(folder / f"{name}.weights.h5")
        cases[name] = {"x": x.tolist(), "y": np.asarray(model(x), float).round(8).tolist()}
    lines = [f"{json.dumps(name)}: {json.dumps(case, separators=(',', ':'))}" for name, case in cases.items()]
    (folder / "outputs.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    with zipfile.ZipFile(RECORDED, "w", zipfile.ZIP_LZMA) as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, path.name)


if __name__ == "__main__":
    record()
