"""Networks of ONNX files: those that `to_onnx` wrote, those of PyTorch's exporters, and what is refused."""

import contextlib
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from random_networks.draw import Draw
from random_networks.use import Use
from test_layers import CASES, leaky, started
from test_onnx import IN_TIME, REFUSED, Session, near, network

from fastdl import Sequential, layers, models, optimizers
from fastdl._core.graph import merged
from fastdl.export import from_onnx, to_onnx
from fastdl.layers.container import walk

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper  # noqa: E402

PYTORCH = np.load(Path(__file__).parent / "pytorch_onnx.npz")
FILES = [name for name in PYTORCH.files if name.endswith((".new", ".old"))]

UNREADABLE = {
    "attention_in_time.old": "cannot reshape",  # it has written down how many steps there were
    "rnn_of_relu.new": "products must be with weights",  # step by step
}


def there_and_back(net, path, **options):
    to_onnx(net, path, **options)
    return from_onnx(path)


@pytest.mark.parametrize("name", CASES.keys() - REFUSED)
def test_every_layer(name, tmp_path, rng):
    case = CASES[name]
    for dtype in ("float32", "float64"):
        net = network(case, dtype=dtype)
        back = there_and_back(net, tmp_path / "net.onnx")
        assert back.input_shape == net.input_shape
        assert back.dtype == dtype or not net.parameters.size
        x = case.batch(rng, 5).x
        near(back.predict(x), net.predict(x))


@pytest.mark.parametrize("name", sorted(IN_TIME))
def test_any_number_of_steps(name, tmp_path, rng):
    case = CASES[name]
    try:
        net = network(case, (None, *case.shape[1:]))
    except ValueError:
        return
    in_time = net.reading.in_time
    with_lengths = in_time and name != "group norm over time"  # which is many operators then
    back = there_and_back(net, tmp_path / "net.onnx", with_lengths=with_lengths)
    assert back.input_shape == net.input_shape
    for steps in (case.shape[0], case.shape[0] + 2):
        tokens = (case.tokens[:1] * steps) if len(case.shape) == 1 else case.tokens
        x = case._replace(shape=(steps, *case.shape[1:]), tokens=tokens).batch(rng, 4).x
        options = {"lengths": np.array([1, steps, 1, steps - 1 or 1])} if in_time else {}
        near(back.predict(x, **options), net.predict(x, **options))


@pytest.mark.parametrize("number", range(60))
def test_random_networks(number, tmp_path):
    draw = Draw(number)
    draw.dtype = "float32"
    net = draw.network()
    if net.is_of_trees:
        return
    use = Use(draw, net)
    back = there_and_back(net, tmp_path / "net.onnx", with_lengths="lengths" in use.options)
    near(back.predict(use.x, **use.options), net.predict(use.x, **use.options))


def test_layers_come_back_as_they_were(tmp_path):
    block = [
        layers.Residual([layers.LayerNorm(), layers.SelfAttention(2, causal=True)]),
        layers.Residual([layers.LayerNorm(), layers.Dense(9, "gelu"), layers.Dense(6)]),
    ]
    both = layers.Bidirectional(layers.LSTM(3, return_sequences=True), "sum")
    made = {
        (None,): [
            layers.Embedding(5, 6),
            layers.PositionalEmbedding(11),
            *block,
            both,
            layers.GRU(4, reset_after=False),
        ],
        (None, 4): [
            layers.Conv1D(4, 3, padding="causal", dilation=2, activation="silu"),
            layers.RNN(3, "hard_tanh", return_sequences=True, stateful=True),
            layers.RNN(3, "selu", return_sequences=True, stateful=True),
            layers.RNN(3, leaky()),
            layers.Dense(2, layers.Activation("elu", alpha=0.3)),
        ],
        (2, 8, 8): [
            layers.Rescaling(0.1, -0.5),
            layers.Conv2D(4, (3, 2), padding="same", activation="relu"),
            layers.Parallel([[layers.Conv2D(2, 1, activation=leaky())], [], [layers.BatchNorm()]]),
            layers.MaxPool2D(2),
            layers.ConvTranspose2D(3, 2, stride=2),
            layers.GlobalMeanPool(),
            layers.Dense(3, "softmax"),
        ],
    }
    for shape, chain in made.items():
        net = Sequential(chain, input_shape=shape, seed=0)
        started(net)
        back = there_and_back(net, tmp_path / "net.onnx")
        assert [layer.get_config() for layer in back.layers] == [layer.get_config() for layer in net.layers]
        for name, values in {**net.params, **net.buffers}.items():
            near((back.params if name in net.params else back.buffers)[name], values)


def test_layers_of_tables_come_back_as_they_were(tmp_path, rng):
    for frequencies, features, limit in [(8, 3, 3.0), (1, 3, 2.7), (4, 1, 1.0), (1, 1, 0.5)]:
        chain = [layers.RobustScaling(limit), layers.PeriodicEmbedding(frequencies), layers.Dense(2)]
        net = Sequential(chain, input_shape=features, seed=0)
        net.adapt(2020 + rng.standard_normal((50, features)) * [1.0, 1e-3, 1e3][:features])
        net.layers[0].buffers["scale"][-1] = 0 if features > 1 else 1  # as of a feature that does not change
        back = there_and_back(net, tmp_path / "net.onnx")
        assert [layer.get_config() for layer in back.layers] == [layer.get_config() for layer in net.layers]
        for name, values in {**net.params, **net.buffers}.items():
            found = (back.params if name in net.params else back.buffers)[name]
            assert (found == values)[: -1 if "center" in name and features > 1 else None].all(), name


def test_a_network_for_tables_comes_back(tmp_path, rng):
    net = models.tabular(5, 2, categories={1: 4, 3: 3}, seed=0)
    x = rng.standard_normal((40, 5)) * [1, 0, 1e3, 0, 1] + [0, 0, 1e4, 0, 0]
    x[:, 1], x[:, 3] = rng.integers(0, 4, 40), rng.integers(0, 3, 40)
    net.adapt(x)
    back = there_and_back(net, tmp_path / "net.onnx")
    near(back.predict(x), net.predict(x))
    kinds = {type(layer).__name__ for _, layer in walk(back)}
    assert {"RobustScaling", "PeriodicEmbedding", "Embedding"} <= kinds
    assert "BatchNorm" not in kinds


def test_states_go_on(tmp_path, rng):
    net = Sequential(
        [layers.LSTM(3, return_sequences=True, stateful=True), layers.RNN(2, "hard_tanh", stateful=True)],
        input_shape=(None, 4),
        seed=0,
    )
    back = there_and_back(net, tmp_path / "net.onnx")
    for _ in range(2):
        x = rng.standard_normal((3, 5, 4))
        near(back.forward(x), net.forward(x))


class Gated(layers.Layer):
    """A layer of somebody's own, x sigmoid(W x + b)."""

    def operations(self, x):
        gate = x.then("dense", units=x.shape[-1]).then("activation", activation="sigmoid", setting=0.0)
        return merged([x, gate], "product")

    def parameter_shapes(self, shape):
        return {"weight": (shape[-1], shape[-1]), "bias": (shape[-1],)}

    def initialize(self, rng):
        self.params["weight"][...] = rng.standard_normal(self.params["weight"].shape)


def test_layers_of_ones_own_are_their_operations(tmp_path, rng):
    net = Sequential([Gated(), layers.Dense(2)], input_shape=(None, 3), seed=0)
    back = there_and_back(net, tmp_path / "net.onnx")
    x = rng.standard_normal((4, 5, 3))
    near(back.predict(x), net.predict(x))
    near(Session(tmp_path / "net.onnx")(x), net.predict(x))
    assert [type(layer).__name__ for layer in back.layers] == ["Parallel", "Dense"]


TWO = 2.0, 1.0  # a factor and a term, which reading puts off
BESIDE = {
    "what two parts are scaled by": ((3,), lambda: [
        layers.Parallel([[layers.Dense(3)], [layers.Rescaling(*TWO), layers.Parallel([
            [layers.LayerNorm()], [layers.Rescaling(*TWO), layers.Dense(3)], [layers.Dense(3)]], "sum")]], "product")]),
    "a part of which a constant is taken": ((None, 4), lambda: [
        layers.SelfAttention(2), layers.Parallel([[layers.RobustScaling()], []]), layers.Dense(3)]),
    "a scaled gelu": ((3,), lambda: [layers.Rescaling(*TWO), layers.Activation("gelu"), layers.Rescaling(*TWO)]),
    "images of steps, largest": ((4, 5, 3), lambda: [layers.Reshape((2, 30, 1)), layers.GlobalMaxPool()]),
    "images of others, mean": ((4, 5, 3), lambda: [layers.Reshape((2, 10, 3)), layers.GlobalMeanPool()]),
    "a cosine of each of some features": ((4, 3), lambda: [layers.Select([0, 1, 1]), layers.PeriodicEmbedding(1)]),
    "a cosine of one feature": ((4, 3), lambda: [
        layers.Parallel([[layers.Select([1]), layers.PeriodicEmbedding(1)], [layers.Select([0])]]), layers.Dense(2)]),
    "places of an image's pixels": ((2, 3, 3), lambda: [
        layers.Flatten(), layers.Select(np.arange(18).reshape(2, 9).T.ravel()), layers.Reshape((9, 2)),
        layers.PositionalEmbedding(9), layers.SelfAttention(2)]),
    "a term of each channel, beside the image": ((3, 4, 4), lambda: [
        layers.Parallel([[layers.GlobalMeanPool(), layers.Dense(3)], []], "sum")]),
    "a term of each step, beside its features": ((5, 4), lambda: [layers.Parallel([[], [layers.Dense(1)]], "sum")]),
    "one feature, beside what it makes": ((5, 1), lambda: [layers.Parallel([[], [layers.Dense(4)]], "sum")]),
    "places of steps that were an image's rows": ((2, 3, 4), lambda: [
        layers.Reshape((6, 4)), layers.PositionalEmbedding(6)]),
}  # fmt: skip


@pytest.mark.parametrize("name", BESIDE)
def test_what_of_ours_is_easily_taken_for_another(name, tmp_path, rng):
    shape, make = BESIDE[name]
    net = Sequential(make(), input_shape=shape, seed=0)
    started(net)
    back = there_and_back(net, tmp_path / "net.onnx")
    x = rng.standard_normal((5, *(n or 6 for n in shape)))
    near(back.predict(x), net.predict(x))


def test_what_is_read_is_trained(tmp_path, rng):
    net = there_and_back(models.lenet5(seed=0), tmp_path / "net.onnx")
    x, y = rng.random((60, 1, 28, 28)), rng.integers(0, 10, 60)
    before = net.evaluate(x, y)["loss"]
    net.fit(x, y, epochs=10, optimizer=optimizers.Adam(0.01), verbose=0)
    assert net.evaluate(x, y)["loss"] < before
    net.save(tmp_path / "net.npz")


@pytest.mark.parametrize("name", FILES)
def test_pytorch(name, tmp_path):
    module = name.partition(".")[0]
    path = tmp_path / "net.onnx"
    path.write_bytes(PYTORCH[name].tobytes())
    if name in UNREADABLE:
        with pytest.raises(ValueError, match=UNREADABLE[name]):
            from_onnx(path)
        return
    net, x, y = from_onnx(path), PYTORCH[f"{module}.x"], PYTORCH[f"{module}.y"]
    if f"{module}.h" in PYTORCH.files:
        net.state = [PYTORCH[f"{module}.h"][0]]
        near(net.forward(x), y)
    else:
        near(net.predict(x), y)


def test_what_pytorch_makes_of_layers_is_these_layers(tmp_path):
    kinds = {
        "images": "Conv2D MaxPool2D Conv2D MeanPool2D Flatten Dense",
        "decoder": "Dense Reshape ConvTranspose2D UpSample2D Conv2D UpSample2D Activation",
        "attention_causal": "SelfAttention",
        "block": "Residual Residual",
        "causal": "Conv1D",
        "grouped": "Conv2D GroupNorm Activation Flatten Dense",
        "grouped_in_time": "Conv1D GroupNorm Activation",
        "places": "Embedding PositionalEmbedding LayerNorm",
        "lstm_of_two": "LSTM LSTM",
        "gru_both_ends": "Bidirectional",
        "rnn_of_relu": "RNN",
        "scaled": "Rescaling Dense Rescaling",
        "gelu": "Dense Dense",
    }
    for module, expected in kinds.items():
        for exporter in ("new", "old"):
            if f"{module}.{exporter}" in set(FILES) - UNREADABLE.keys():
                (tmp_path / "net.onnx").write_bytes(PYTORCH[f"{module}.{exporter}"].tobytes())
                found = from_onnx(tmp_path / "net.onnx").layers
                assert [type(layer).__name__ for layer in found] == expected.split()


def write(path, nodes, arrays=(), *, shape=("batch", 4), kind=TensorProto.FLOAT, output="y", **changes):
    """A file of these nodes, unchecked."""
    graph = helper.make_graph(
        nodes,
        "made",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ("batch", "any"))],
        [onnx.numpy_helper.from_array(np.asarray(array), name) for name, array in dict(arrays).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", changes.pop("opset", 17))], ir_version=8)
    for change in changes.values():
        change(model)
    path.write_bytes(model.SerializeToString())
    return path


def node(kind, *inputs, out="y", **attributes):
    return helper.make_node(kind, inputs, [out], **attributes)


def also_reads(name, *shape):
    """Let a file have one more input."""
    return lambda model: model.graph.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))


ONES = {"w": np.ones((4, 2), np.float32)}
INT = np.int64
LIMITS = {"low": np.float32(-1e15), "high": np.float32(1e15), "one": np.float32(1)}
FAR = [node("Clip", "x", "low", "high", out="z")]


@pytest.mark.parametrize(
    ("message", "made"),
    {
        "no layer has such an operator": {"nodes": [node("Sin", "x")]},
        "must be ONNX's own": {
            "nodes": [node("Thing", "x", domain="com.example")],
            "change": lambda model: model.opset_import.add(domain="com.example", version=1),
        },
        "operator set must be 13 or later": {"nodes": [node("Relu", "x")], "opset": 11},
        "must be float32, float64 or integers": {"nodes": [node("Relu", "x")], "kind": TensorProto.FLOAT16},
        "of a fixed size, but for samples and steps": {"nodes": [node("Relu", "x")], "shape": ("batch", 3, "h", "w")},
        "approximate must be": {"nodes": [node("Gelu", "x", approximate="tanh")], "opset": 20},
        "products must be with weights": {"nodes": [node("MatMul", "w", "x")], "arrays": ONES},
        "must have samples along their first axis": {
            "nodes": [node("Transpose", "x", out="t", perm=[1, 0]), node("MatMul", "t", "w")],
            "arrays": {"w": np.ones((2, 2), np.float32)},
            "shape": (2, 4),
        },
        "padding must be alike on both sides": {
            "nodes": [node("Conv", "x", "w", pads=[0, 3, 0, 0])],
            "arrays": {"w": np.ones((1, 1, 2, 2), np.float32)},
            "shape": ("batch", 1, 4, 4),
        },
        "windows of pools must be in the image": {
            "nodes": [node("MaxPool", "x", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)],
            "shape": ("batch", 1, 5, 5),
        },
        "must be .* parts of a layer|a part of a layer": {"nodes": [node("Erf", "x")]},
        "a square must be that of numbers over a limit": {
            "nodes": [
                *FAR,
                node("Add", "z", "one", out="p"),
                node("Mul", "p", "p", out="q"),
                node("Add", "q", "one", out="s"),
                node("Sqrt", "s", out="r"),
                node("Div", "z", "r"),
            ],
            "arrays": LIMITS,
        },
        "or a RobustScaling's": {"nodes": [*FAR, node("Sqrt", "z", out="r"), node("Div", "z", "r")], "arrays": LIMITS},
        "Clip must be a part of a layer": {"nodes": [node("Clip", "x", "low", "high")], "arrays": LIMITS},
        "must not depend on how many samples": {
            "nodes": [
                node("Shape", "x", out="s"),
                node("Cast", "s", out="f", to=1),
                node("Gather", "f", "zero", out="n"),
                node("Mul", "x", "n"),
            ],
            "arrays": {"zero": np.array(0, INT)},
        },
        "steps there are$": {  # none of eleven, which Select refuses
            "nodes": [node("Slice", "x", "start", "end", "axis")],
            "arrays": {"start": np.array([-2], INT), "end": np.array([9], INT), "axis": np.array([1], INT)},
            "shape": ("batch", "steps", 4),
        },
        "or steps there are$": {  # the last two of them, which of one or two steps are all
            "nodes": [node("Slice", "x", "start", "end", "axis")],
            "arrays": {"start": np.array([-2], INT), "end": np.array([99], INT), "axis": np.array([1], INT)},
            "shape": ("batch", "steps", 4),
        },
        "parts side by side must read the same": {
            "nodes": [
                node("MatMul", "x", "w", out="b"),
                node("Tanh", "x", out="a"),
                node("MatMul", "a", "w", out="c"),
                node("Add", "b", "c", out="d"),
                node("Mul", "b", "c", out="e"),
                node("Add", "d", "e"),
            ],
            "arrays": ONES,
        },
        "must be of one shape, or repeated": {
            "nodes": [
                node("MatMul", "x", "w", out="m"),
                node("Unsqueeze", "m", "two", out="rows"),
                node("Unsqueeze", "x", "one", out="columns"),
                node("Mul", "rows", "columns"),
            ],
            "arrays": {**ONES, "one": np.array([1], INT), "two": np.array([2], INT)},
        },
        "at most 16777216 numbers": {
            "nodes": [node("ConstantOfShape", "s", out="c"), node("Add", "x", "c")],
            "arrays": {"s": np.array([1 << 30, 1 << 30], INT)},
        },
        "of at most 16777216 numbers; received one of shape": {
            "nodes": [node("Expand", "x", "s")],
            "arrays": {"s": np.array([1 << 22, 2, 4], INT)},
        },
        r"Range.*at most 16777216 numbers": {
            "nodes": [node("Range", "a", "b", "c", out="r"), node("Add", "x", "r")],
            "arrays": {"a": np.array(0, INT), "b": np.array(1 << 60, INT), "c": np.array(1, INT)},
        },
        r"Resize.*at most 16777216 numbers": {
            "nodes": [
                node(
                    "Resize",
                    "x",
                    "",
                    "s",
                    mode="nearest",
                    coordinate_transformation_mode="asymmetric",
                    nearest_mode="floor",
                )
            ],
            "arrays": {"s": np.array([1, 1, 30000, 30000], np.float32)},
            "shape": ("batch", 1, 4, 4),
        },
        r"images must be resized by mode .*align_corners\); received b'linear', b'align_corners'": {
            "nodes": [node("Resize", "x", "", "s", mode="linear", coordinate_transformation_mode="align_corners")],
            "arrays": {"s": np.array([1, 1, 2, 2], np.float32)},
            "shape": ("batch", 1, 4, 4),
        },
        r"images must be resized by mode nearest \(asymmetric, floor\).* b'asymmetric', b'round_prefer_floor'": {
            "nodes": [node("Resize", "x", "", "s", coordinate_transformation_mode="asymmetric")],
            "arrays": {"s": np.array([1, 1, 2, 2], np.float32)},
            "shape": ("batch", 1, 4, 4),
        },
        r"images must be resized by whole factors; received \[1. +1. +1.5 +2. \]": {
            "nodes": [node("Resize", "x", "", "s", mode="linear")],
            "arrays": {"s": np.array([1, 1, 1.5, 2], np.float32)},
            "shape": ("batch", 1, 4, 4),
        },
        "transposed convolutions must be of images": {
            "nodes": [node("ConvTranspose", "x", "w", dilations=[1])],
            "arrays": {"w": np.ones((3, 2, 2), np.float32)},
            "shape": ("batch", 3, 4),
        },
        "padding must be given, or SAME_UPPER": {  # which keeps the size of what has zeros around it already
            "nodes": [node("Pad", "x", "p", out="z"), node("Conv", "z", "w", auto_pad="SAME_UPPER")],
            "arrays": {"p": np.array([0, 0, 1, 1, 0, 0, 1, 1], INT), "w": np.ones((1, 1, 3, 3), np.float32)},
            "shape": ("batch", 1, 4, 4),
        },
        r"input x must be|at most 16777216": {"nodes": [node("Relu", "x")], "shape": ("batch", 1 << 40)},
        r"Add.*at most 16777216 numbers": {
            "nodes": [
                node("Transpose", "x", out="t", perm=[0, 2, 1]),
                node("MatMul", "x", "t", out="s"),
                node("Add", "s", "m", out="z"),
                node("Softmax", "z"),
            ],
            "arrays": {"m": np.zeros((1, 1), np.float32)},
            "shape": ("batch", 1 << 16, 4),
        },
        "arrays outside it must be in files of the same folder": {
            "nodes": [node("MatMul", "x", "w")],
            "arrays": ONES,
            "change": lambda model: (
                setattr(model.graph.initializer[0], "data_location", TensorProto.EXTERNAL),
                model.graph.initializer[0].external_data.add(key="location", value="/etc/passwd"),
            ),
        },
        "have one input, x, besides states .*; it computes with other too": {
            "nodes": [node("Add", "x", "other")],
            "change": also_reads("other", "batch", 4),
        },
        r"have one input, x, besides states \(N, H\) .*; received image of shape \(\?, 1, 4, 4\)": {
            "nodes": [node("Add", "x", "image")],
            "change": also_reads("image", "batch", 1, 4, 4),
        },
        "its outputs must be one": {
            "nodes": [node("Relu", "x"), node("Tanh", "x", out="z")],
            "change": lambda model: model.graph.output.append(
                helper.make_tensor_value_info("z", TensorProto.FLOAT, ("batch", 4))
            ),
        },
        "tokens must be looked up": {
            "nodes": [node("Cast", "x", out="i", to=7), node("Add", "i", "i", out="s"), node("Cast", "s", to=1)]
        },
        "numbers must stay as they are": {
            "nodes": [node("Cast", "x", out="i", to=7), node("Cast", "i", to=1)],
        },
        "dropout must be that of inference": {
            "nodes": [node("Dropout", "x", "r", "t")],
            "arrays": {"r": np.array(0.5, np.float32), "t": np.array(True)},
        },
        "without graphs of their own": {
            "nodes": [node("If", "b", then_branch=helper.make_graph([], "a", [], []))],
            "arrays": {"b": np.array(True)},
        },
        "choices must be the same": {
            "nodes": [node("Where", "b", "x", "zero")],
            "arrays": {"b": np.array([True, False, True, True]), "zero": np.zeros(4, np.float32)},
        },
        "axes must be those of all": {
            "nodes": [node("ReduceMean", "x", axes=[1], keepdims=0)],
            "shape": ("batch", 3, 4, 4),
        },
        "it is none; .*": {
            "nodes": [node("MatMul", "x", "w")],
            "arrays": ONES,
            "change": lambda model: model.graph.initializer[0].dims.__setitem__(0, 1 << 40),
        },
        "must be finite": {"nodes": [node("MatMul", "x", "w")], "arrays": {"w": np.full((4, 2), np.nan, np.float32)}},
        "without sparse arrays and functions": {
            "nodes": [node("Relu", "x")],
            "change": lambda model: model.functions.add(name="f", domain="d"),
        },
    }.items(),
)
def test_what_no_layer_does_is_refused(message, made, tmp_path):
    path = write(tmp_path / "net.onnx", **made)
    from_onnx(write(tmp_path / "first.onnx", [node("Relu", "x")]))  # imports what there is to import
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=message) as caught:
            from_onnx(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 27
    finally:
        tracemalloc.stop()
    assert str(caught.value).startswith(f"{path} must be an ONNX file of fastdl's layers; ")
    assert len(str(caught.value)) < 600


def test_states_of_several_layers_lie_behind_one_another(tmp_path, rng):
    """PyTorch's h_n, of which h_n[-1] is the last layer's."""
    arrays = {"zero": np.array([0], INT), "one": np.array(1, INT), "first": np.array(0, INT), "last": np.array(-1, INT)}
    for k, features in enumerate((4, 3)):
        arrays[f"w{k}"] = rng.standard_normal((1, 9, features)).astype(np.float32)
        arrays[f"r{k}"] = rng.standard_normal((1, 9, 3)).astype(np.float32)
    nodes = [
        node("Transpose", "x", out="s", perm=[1, 0, 2]),
        helper.make_node("GRU", ["s", "w0", "r0"], ["y0", "h0"], hidden_size=3),
        node("Squeeze", "y0", "axis", out="s0"),
        helper.make_node("GRU", ["s0", "w1", "r1"], ["y1", "h1"], hidden_size=3),
        node("Concat", "h0", "h1", out="h", axis=0),
    ]
    arrays["axis"] = np.array([1], INT)
    x = rng.standard_normal((3, 7, 4)).astype(np.float32)

    def read(*more):
        return from_onnx(write(tmp_path / "net.onnx", [*nodes, *more], arrays, shape=("batch", "steps", 4)))

    for place, state, layers_ in (("first", "h0", 1), ("last", "h1", 2)):
        net = read(node("Gather", "h", place, axis=0))
        assert len(net.layers) == layers_
        near(net.predict(x), read(node("Squeeze", state, "zero")).predict(x))
    with pytest.raises(ValueError, match="axes must be those of all pixels or steps"):
        read(node("ReduceMean", "h", axes=[0], keepdims=0))


def test_a_softplus_that_is_left_off_above_a_limit(tmp_path, rng):
    """As the exporter of torch.export writes one, here of numbers that are multiplied and chosen before."""
    nodes = [
        node("Gather", "x", "some", out="some_x", axis=1),
        node("Mul", "some_x", "half", out="z"),
        node("Softplus", "z", out="s"),
        node("Div", "s", "half", out="t"),
        node("Greater", "z", "limit", out="above"),
        node("Where", "above", "some_x", "t"),
    ]
    arrays = {"some": np.array([2, 0], INT), "half": np.float32(0.5), "limit": np.float32(20)}
    x = 50 * rng.standard_normal((6, 4)).astype(np.float32)
    near(from_onnx(write(tmp_path / "net.onnx", nodes, arrays)).predict(x), 2 * np.logaddexp(0, x[:, [2, 0]] / 2))
    for changed, values in (("half", 0.25), ("limit", 5.0)):
        wrong = {**arrays, changed: np.float32(values), "other": np.float32(0.5)}
        nodes[3] = node("Div", "s", "other", out="t")
        with pytest.raises(ValueError, match="choices must be those of a softplus"):
            from_onnx(write(tmp_path / "net.onnx", nodes, wrong))


def test_a_damaged_file_is_refused_or_read(tmp_path):
    """Whatever bytes are changed or missing, there is a network or a ValueError."""
    path, rng = tmp_path / "net.onnx", np.random.default_rng(0)
    for name in ("images.new", "gru_both_ends.old", "attention.new", "places.old"):
        whole = PYTORCH[name].tobytes()
        for k in range(150):
            data = bytearray(whole if k % 3 else whole[: rng.integers(len(whole))])
            for _ in range(rng.integers(1, 4) if k % 3 and data else 0):
                data[rng.integers(len(data))] = rng.integers(256)
            path.write_bytes(data)
            with contextlib.suppress(ValueError):
                from_onnx(path)


def beside(folder, rng):
    """Write a network whose arrays lie in a file beside it, as PyTorch's exporter does by default."""
    net = Sequential([layers.Dense(5, "tanh"), layers.Dense(2)], input_shape=(3,), seed=0)
    to_onnx(net, folder / "net.onnx")
    model = onnx.load(folder / "net.onnx")
    onnx.save(model, folder / "net.onnx", save_as_external_data=True, location="net.onnx.data", size_threshold=0)
    return net, rng.standard_normal((4, 3))


def test_arrays_may_lie_in_a_file_beside_it(tmp_path, monkeypatch, rng):
    net, x = beside(tmp_path, rng)
    assert (tmp_path / "net.onnx.data").stat().st_size >= net.parameters.nbytes
    near(from_onnx(tmp_path / "net.onnx").predict(x), net.predict(x))
    monkeypatch.chdir(tmp_path)
    near(from_onnx("net.onnx").predict(x), net.predict(x))


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"location": "../net.onnx.data"}, r"must be in files of the same folder; received '\.\./net\.onnx\.data'"),
        ({"location": "none.data"}, "its arrays are in none.data, which must be in the same folder"),
        ({"location": "folder"}, "its arrays are in folder, which cannot be read"),
        ({"length": "100000"}, "is 100000 bytes from .* on, of "),
        ({"length": "-1"}, "is -1 bytes from"),
        ({"offset": "-4"}, "from -4 on"),
        ({"offset": "four"}, "cannot be read"),
        ({"length": "4"}, "it is none"),
    ],
)
def test_arrays_that_are_not_beside_it_are_refused(told, message, tmp_path, rng):
    beside(tmp_path, rng)
    (tmp_path / "folder").mkdir()
    model = onnx.load(tmp_path / "net.onnx", load_external_data=False)
    for entry in model.graph.initializer[0].external_data:
        entry.value = told.get(entry.key, entry.value)
    (tmp_path / "net.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ValueError, match=f"net.onnx must be an ONNX file of fastdl's layers; .*{message}"):
        from_onnx(tmp_path / "net.onnx")


def test_what_is_no_file_is_refused(tmp_path):
    for content in (b"", b"PK\x03\x04", b"hello " * 100):
        (tmp_path / "net.onnx").write_bytes(content)
        with pytest.raises(ValueError, match=r"must be an ONNX file of fastdl's layers; "):
            from_onnx(tmp_path / "net.onnx")
    with pytest.raises(FileNotFoundError):
        from_onnx(tmp_path / "none.onnx")
    with pytest.raises((ValueError, OSError)):
        from_onnx(tmp_path)


def test_what_is_nested_too_deep_is_refused(tmp_path):
    nodes, before = [], "x"
    for k in range(3000):
        nodes += [node("Relu", before, out=f"r{k}"), node("Add", before, f"r{k}", out=f"a{k}")]
        nodes.append(node("Add", "x", f"a{k}", out=f"b{k}"))
        before = f"b{k}"
    path = write(tmp_path / "net.onnx", nodes, output=before)
    with pytest.raises(ValueError, match="must be an ONNX file of fastdl's layers"):
        from_onnx(path)


def test_without_the_package_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    for call in (from_onnx, lambda path: to_onnx(models.lenet5(seed=0), path)):
        with pytest.raises(ImportError, match=r'^ONNX needs onnx: pip install "fastdl-cpu\[onnx\]"$'):
            call(tmp_path / "net.onnx")
