"""Networks and layers beside the PyTorch modules whose state dicts they take: outputs and gradients.

What PyTorch 2.13 gave is in pytorch_modules.json. With PyTorch installed, ``python tests/test_state_dicts.py`` writes
that file again.
"""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import fastdl
from fastdl import Sequential, layers, models
from fastdl.export import from_state_dict, to_state_dict
from fastdl.export.state_dict import _fitting, _plans
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
    GroupNorm,
    LayerNorm,
    MaxPool1D,
    MaxPool2D,
    MeanPool1D,
    MeanPool2D,
    Parallel,
    PositionalEmbedding,
    Rescaling,
    Reshape,
    Residual,
    Select,
    SelfAttention,
    UpSample2D,
)

RECORDED = Path(__file__).with_name("pytorch_modules.json")
SAMPLES = 3

# Ours, a sample's shape, PyTorch's in words that `record` runs: a module, or a class of one's own there, and how it is
# called: "steps" where it has time last, "sequences" where it gives a state too, "last" where that is wanted.
CASES = {
    "Linear": (lambda: Dense(4), (3,), "nn.Linear(3, 4)", ""),
    "Linear, of steps": (lambda: Dense(4), (2, 3), "nn.Linear(3, 4)", ""),
    "Conv2d": (
        lambda: Conv2D(4, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2)), (2, 5, 6),
        "nn.Conv2d(2, 4, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2))", "",
    ),
    "Conv2d, groups": (lambda: Conv2D(4, 3, groups=2), (4, 4, 5), "nn.Conv2d(4, 4, 3, groups=2)", ""),
    "Conv2d, depthwise": (lambda: Conv2D(4, 2, groups=2), (2, 4, 3), "nn.Conv2d(2, 4, 2, groups=2)", ""),
    "Conv2d, same": (
        lambda: Conv2D(2, (2, 3), padding="same"), (2, 4, 5), "nn.Conv2d(2, 2, (2, 3), padding='same')", "",
    ),
    "Conv2d, same with a stride": (
        lambda: Sequential([Conv2D(2, 3, stride=2, padding="same", activation="tanh"), Conv2D(2, 1)]), (1, 6, 7),
        "nn.Sequential(nn.ZeroPad2d((1, 1, 0, 1)), nn.Conv2d(1, 2, 3, stride=2), nn.Tanh(), nn.Conv2d(2, 2, 1))", "",
    ),
    "Conv1d": (
        lambda: Conv1D(4, 3, stride=2, padding=1, groups=2), (6, 4),
        "nn.Conv1d(4, 4, 3, stride=2, padding=1, groups=2)", "steps",
    ),
    "Conv1d, same": (lambda: Conv1D(2, 4, padding="same"), (5, 3), "nn.Conv1d(3, 2, 4, padding='same')", "steps"),
    "Conv1d, causal": (
        lambda: Sequential([Conv1D(3, 2, padding="causal", dilation=2, activation="tanh"), Conv1D(2, 1)]), (5, 3),
        "nn.Sequential(nn.ConstantPad1d((2, 0), 0.0), nn.Conv1d(3, 3, 2, dilation=2), nn.Tanh(), nn.Conv1d(3, 2, 1))",
        "steps",
    ),
    "ConvTranspose2d": (
        lambda: ConvTranspose2D(3, 3, stride=2, padding=1, output_padding=(1, 0)), (2, 3, 4),
        "nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1, output_padding=(1, 0))", "",
    ),
    "Embedding": (lambda: Embedding(5, 3), (4,), "nn.Embedding(5, 3)", "tokens"),
    "an Embedding of places": (lambda: PositionalEmbedding(6), (4, 3), "Places(6, 3)", ""),
    "MaxPool2d": (
        lambda: Sequential([Conv2D(2, 1), MaxPool2D((2, 3), 1), Conv2D(2, 1)]), (2, 4, 5),
        "nn.Sequential(nn.Conv2d(2, 2, 1), nn.MaxPool2d((2, 3), 1), nn.Conv2d(2, 2, 1))", "",
    ),
    "AvgPool2d": (
        lambda: Sequential([Conv2D(2, 1), MeanPool2D(2), Conv2D(2, 1)]), (2, 4, 5),
        "nn.Sequential(nn.Conv2d(2, 2, 1), nn.AvgPool2d(2), nn.Conv2d(2, 2, 1))", "",
    ),
    "MaxPool1d": (
        lambda: Sequential([Conv1D(2, 1), MaxPool1D(2), Conv1D(2, 1)]), (5, 2),
        "nn.Sequential(nn.Conv1d(2, 2, 1), nn.MaxPool1d(2), nn.Conv1d(2, 2, 1))", "steps",
    ),
    "AvgPool1d": (
        lambda: Sequential([Conv1D(2, 1), MeanPool1D(3, 1), Conv1D(2, 1)]), (5, 2),
        "nn.Sequential(nn.Conv1d(2, 2, 1), nn.AvgPool1d(3, 1), nn.Conv1d(2, 2, 1))", "steps",
    ),
    "AdaptiveMaxPool2d": (
        lambda: Sequential([Conv2D(3, 1), GlobalMaxPool(), Dense(2)]), (2, 3, 4),
        "nn.Sequential(nn.Conv2d(2, 3, 1), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(3, 2))", "",
    ),
    "AdaptiveAvgPool2d": (
        lambda: Sequential([Conv2D(3, 1), GlobalMeanPool(), Dense(2)]), (2, 3, 4),
        "nn.Sequential(nn.Conv2d(2, 3, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))", "",
    ),
    "AdaptiveAvgPool1d": (
        lambda: Sequential([Conv1D(3, 1), GlobalMeanPool(), Dense(2)]), (4, 2),
        "nn.Sequential(nn.Conv1d(2, 3, 1), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(3, 2))", "into steps",
    ),
    "AdaptiveMaxPool1d": (
        lambda: Sequential([Conv1D(3, 1), GlobalMaxPool(), Dense(2)]), (4, 2),
        "nn.Sequential(nn.Conv1d(2, 3, 1), nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(3, 2))", "into steps",
    ),
    "Upsample": (
        lambda: Sequential([UpSample2D(2), Conv2D(2, 2), UpSample2D((1, 3), "bilinear"), Conv2D(1, 1)]), (2, 2, 3),
        "nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(2, 2, 2),"
        " nn.Upsample(scale_factor=(1, 3), mode='bilinear'), nn.Conv2d(2, 1, 1))", "",
    ),
    "Flatten and Unflatten": (
        lambda: Sequential([Flatten(), Dropout(0.5), Dense(12), Reshape((2, 2, 3)), Conv2D(1, 2)]), (2, 2, 2),
        "nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(8, 12), nn.Unflatten(1, (2, 2, 3)),"
        " nn.Conv2d(2, 1, 2))", "",
    ),
    "RNN": (lambda: RNN(3, return_sequences=True), (4, 2), "nn.RNN(2, 3, batch_first=True)", "sequences"),
    "RNN, relu": (
        lambda: RNN(3, "relu", return_sequences=True), (4, 2),
        "nn.RNN(2, 3, nonlinearity='relu', batch_first=True)", "sequences",
    ),
    "LSTM": (lambda: LSTM(3, return_sequences=True), (4, 2), "nn.LSTM(2, 3, batch_first=True)", "sequences"),
    "LSTM, its last step": (lambda: LSTM(3), (4, 2), "nn.LSTM(2, 3, batch_first=True)", "last"),
    "GRU": (lambda: GRU(3, return_sequences=True), (4, 2), "nn.GRU(2, 3, batch_first=True)", "sequences"),
    "LSTM, bidirectional": (
        lambda: Bidirectional(LSTM(2, return_sequences=True)), (4, 2),
        "nn.LSTM(2, 2, batch_first=True, bidirectional=True)", "sequences",
    ),
    "GRU, bidirectional, its last states": (
        lambda: Bidirectional(GRU(2)), (4, 2), "nn.GRU(2, 2, batch_first=True, bidirectional=True)", "last",
    ),
    "GRU, bidirectional, added up": (
        lambda: Bidirectional(GRU(2, return_sequences=True), "sum"), (4, 2),
        "nn.GRU(2, 2, batch_first=True, bidirectional=True)", "halves",
    ),
    "LSTM of two layers": (
        lambda: Sequential([LSTM(2, return_sequences=True), LSTM(2, return_sequences=True), Dense(2)]), (3, 2),
        "Chain(nn.LSTM(2, 2, 2, batch_first=True), nn.Linear(2, 2))", "",
    ),
    "LSTM of two layers, with dropout": (
        lambda: Sequential(
            [
                Embedding(5, 3), LSTM(2, return_sequences=True), Dropout(0.3), LSTM(2, return_sequences=True),
                Dropout(0.3), Dense(2),
            ]
        ), (3,),
        "Chain(nn.Embedding(5, 3), nn.LSTM(3, 2, 2, batch_first=True, dropout=0.3), nn.Dropout(0.3), nn.Linear(2, 2))",
        "tokens",
    ),
    "GRU of two layers, bidirectional": (
        lambda: Sequential(
            [Bidirectional(GRU(2, return_sequences=True)), Bidirectional(GRU(2, return_sequences=True)), Dense(1)]
        ), (3, 2),
        "Chain(nn.GRU(2, 2, 2, batch_first=True, bidirectional=True), nn.Linear(4, 1))", "",
    ),
    "two RNNs, a module each": (
        lambda: Sequential([RNN(2, return_sequences=True), RNN(2, return_sequences=True), Dense(1)]), (3, 2),
        "Chain(nn.RNN(2, 2, batch_first=True), nn.RNN(2, 2, batch_first=True), nn.Linear(2, 1))", "",
    ),
    "MultiheadAttention": (
        lambda: SelfAttention(2), (3, 4), "nn.MultiheadAttention(4, 2, batch_first=True)", "attention",
    ),
    "MultiheadAttention, causal": (
        lambda: SelfAttention(2, causal=True), (3, 4), "nn.MultiheadAttention(4, 2, batch_first=True)",
        "causal attention",
    ),
    "BatchNorm1d": (lambda: BatchNorm(epsilon=1e-3), (3,), "nn.BatchNorm1d(3, eps=1e-3)", ""),
    "BatchNorm1d, of steps": (lambda: BatchNorm(), (4, 3), "nn.BatchNorm1d(3)", "steps"),
    "BatchNorm2d": (
        lambda: Sequential([Conv2D(2, 2), BatchNorm(), Activation("relu"), Conv2D(1, 1)]), (2, 3, 4),
        "nn.Sequential(nn.Conv2d(2, 2, 2), nn.BatchNorm2d(2), nn.ReLU(), nn.Conv2d(2, 1, 1))", "",
    ),
    "GroupNorm": (lambda: GroupNorm(2), (4, 3, 2), "nn.GroupNorm(2, 4)", ""),
    "GroupNorm, of vectors": (lambda: GroupNorm(3, epsilon=1e-3), (6,), "nn.GroupNorm(3, 6, eps=1e-3)", ""),
    "InstanceNorm2d": (lambda: GroupNorm(3), (3, 4, 2), "nn.InstanceNorm2d(3, affine=True)", ""),
    "LayerNorm": (lambda: LayerNorm(), (3,), "nn.LayerNorm(3)", ""),
    "LayerNorm, of steps": (lambda: LayerNorm(epsilon=1e-3), (2, 4), "nn.LayerNorm(4, eps=1e-3)", ""),
    "LayerNorm, of images": (lambda: LayerNorm(), (2, 3, 2), "nn.LayerNorm((2, 3, 2))", ""),
    "modules within": (
        lambda: Sequential(
            [
                Sequential([Dense(3, "tanh"), Dense(4)]),
                Residual([Dense(3, "relu"), Dense(4)]),
                Parallel([[Dense(2, "tanh"), Dense(2)], [], [Dense(2)]]),
                Dense(2),
            ]
        ), (3,),
        "nn.Sequential(nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 4)),"
        " Added(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 4)),"
        " Beside([nn.Sequential(nn.Linear(4, 2), nn.Tanh(), nn.Linear(2, 2)), nn.Identity(),"
        " nn.Sequential(nn.Linear(4, 2))]), nn.Linear(8, 2))", "",
    ),
    "TransformerEncoderLayer, norm_first": (
        lambda: Sequential(
            [
                Residual([LayerNorm(), SelfAttention(2), Dropout(0.1)]),
                Residual([LayerNorm(), Dense(3, "gelu"), Dropout(0.1), Dense(4), Dropout(0.1)]),
            ]
        ), (3, 4),
        "nn.TransformerEncoderLayer(4, 2, 3, activation='gelu', batch_first=True, norm_first=True)", "",
        ["norm1", "self_attn", "norm2", "linear1", "linear2"],
    ),
    "TransformerEncoderLayer": (
        lambda: Sequential(
            [Residual([SelfAttention(2)]), LayerNorm(), Residual([Dense(3, "relu"), Dense(4)]), LayerNorm()]
        ), (3, 4),
        "nn.TransformerEncoderLayer(4, 2, 3, batch_first=True)", "",
        ["self_attn", "norm1", "linear1", "linear2", "norm2"],
    ),
}  # fmt: skip
ACTIVATIONS = {
    "identity": ({}, "Identity()"), "relu": ({}, "ReLU()"), "sigmoid": ({}, "Sigmoid()"), "tanh": ({}, "Tanh()"),
    "softmax": ({}, "Softmax(-1)"), "leaky_relu": ({"slope": 0.2}, "LeakyReLU(0.2)"),
    "elu": ({"alpha": 0.5}, "ELU(0.5)"), "selu": ({}, "SELU()"), "gelu": ({}, "GELU()"), "silu": ({}, "SiLU()"),
    "softplus": ({}, "Softplus()"), "hard_sigmoid": ({}, "Hardsigmoid()"), "hard_tanh": ({}, "Hardtanh()"),
    "hard_silu": ({}, "Hardswish()"), "relu6": ({}, "ReLU6()"),
}  # fmt: skip
for name, (settings, module) in ACTIVATIONS.items():
    CASES[module.partition("(")[0]] = (
        lambda name=name, settings=settings: Sequential([Dense(3), Activation(name, **settings), Dense(2)]), (3,),
        f"nn.Sequential(nn.Linear(3, 3), nn.{module}, nn.Linear(3, 2))", "",
    )  # fmt: skip


def built(name):
    make, shape, *_ = CASES[name]
    return make().build(shape, dtype="float64")


def given(name):
    case = json.loads(RECORDED.read_text())[name]
    return {key: np.array(values) for key, values in case.items()}


def of(case, what):
    """The arrays of a recorded case whose names begin so."""
    return {key.removeprefix(f"{what} "): values for key, values in case.items() if key.startswith(f"{what} ")}


def grads(net, state, names):
    """A network's gradients under the names of a state dict."""
    entries = _fitting(_plans(net, names), state)
    return {key: entry.layer.grads[entry.name] for key, entry in entries.items() if entry.name in entry.layer.grads}


@pytest.mark.parametrize("name", CASES)
def test_the_same_as_the_module(name):
    case, net, names = given(name), built(name), (CASES[name][4] if len(CASES[name]) > 4 else None)
    state = of(case, "state")
    from_state_dict(net, state, names=names)
    training = "BatchNorm" in name
    np.testing.assert_allclose(net.forward(case["x"]), case["outside"], rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(net.forward(case["x"], training=training), case["y"], rtol=1e-7, atol=1e-9)
    dx = net.backward(case["dy"])
    if "dx" in case:
        np.testing.assert_allclose(dx, case["dx"], rtol=1e-7, atol=1e-8)
    found, expected = grads(net, state, names), of(case, "d")
    assert found.keys() == expected.keys()
    for key, values in expected.items():
        np.testing.assert_allclose(found[key], values, rtol=1e-7, atol=1e-8, err_msg=key)
    if training:  # what it leaves behind
        after = to_state_dict(net)
        for key, values in of(case, "after").items():
            np.testing.assert_allclose(after[key], values, rtol=1e-7)


@pytest.mark.parametrize("name", CASES)
def test_there_and_back(name):
    """What a network gives, PyTorch's module takes: the same names, in the same order, with the same numbers."""
    state, names = of(given(name), "state"), (CASES[name][4] if len(CASES[name]) > 4 else None)
    net = built(name)
    from_state_dict(net, state, names=names)
    out = to_state_dict(net, names=names or (["0", "1", "2"] if "a module each" in name else None))
    assert out.keys() == state.keys()
    for key, values in state.items():
        assert out[key].flags.c_contiguous
        np.testing.assert_array_equal(out[key], 0 if "tracked" in key else values)


def test_every_layer_with_parameters_is_compared():
    """But those that are no module of PyTorch's."""
    compared = {type(layer) for name in CASES for layer in every_layer(built(name))}
    kinds = {kind for kind in vars(layers).values() if isinstance(kind, type) and issubclass(kind, layers.Layer)}
    left = {kind.__name__ for kind in kinds - compared - {layers.Layer, layers.Container}}
    assert left == {
        "Recursive", "GaussianNoise", "Rescaling", "Select", "RandomShift", "RandomFlip", "RandomRotation",
        "RandomErasing", "PeriodicEmbedding", "RobustScaling",
    }  # fmt: skip


def every_layer(layer):
    yield layer
    for part in layer.sublayers:
        yield from every_layer(part)


class Tensor:
    """What a tensor is that belongs to a graph, on another device: no array before it is detached and brought home."""

    def __init__(self, array, steps=("detach", "cpu")):
        self.array, self.steps = array, steps

    def __getattr__(self, name):
        if self.steps and name == self.steps[0]:
            return lambda: Tensor(self.array, self.steps[1:])
        raise AttributeError(name)

    def __array__(self, dtype=None, copy=None):
        assert not self.steps
        return np.array(self.array, dtype)


def test_tensors_are_taken():
    net, other = (models.mlp([3, 4, 2], seed=seed) for seed in (0, 1))
    from_state_dict(net, {name: Tensor(values) for name, values in to_state_dict(other).items()})
    np.testing.assert_array_equal(net.parameters, other.parameters)


def test_other_precisions_are_taken():
    net, other = (models.mlp([3, 4, 2], seed=seed) for seed in (0, 1))
    from_state_dict(net, {name: values.astype("float16") for name, values in to_state_dict(other).items()})
    np.testing.assert_array_equal(net.parameters, other.parameters.astype("float16"))


class HalfAsWide:
    """A tensor of a type that NumPy has not."""

    dtype = "torch.bfloat16"

    def __init__(self, values):
        self.values = values

    def float(self):
        return self.values

    def __array__(self, *_, **__):
        raise TypeError("Got unsupported ScalarType BFloat16")


def test_bfloat16_is_taken(rng):
    net, other = (models.mlp([3, 4, 2], seed=seed) for seed in (0, 1))
    from_state_dict(net, {name: HalfAsWide(values) for name, values in to_state_dict(other).items()})
    np.testing.assert_array_equal(net.parameters, other.parameters)
    x = rng.standard_normal((5, 3), np.float32)
    np.testing.assert_array_equal(net.predict(HalfAsWide(x)), net.predict(x))


def test_tensors_without_data_are_refused():
    net = models.mlp([3, 4, 2], seed=0)
    given = type("Meta", (), {"cpu": lambda _: exec("raise NotImplementedError('no data')")})()
    with pytest.raises(TypeError, match=r"state_dict\['2\.bias'\] must be an array of real numbers; no data"):
        from_state_dict(net, {**to_state_dict(net), "2.bias": given})


def test_variances_are_not_negative():
    net = Sequential([BatchNorm(), Dense(2)], input_shape=3, seed=0)
    state, before = to_state_dict(net), net.parameters.copy()
    state["0.running_var"][1] = -2
    with pytest.raises(ValueError, match=r"state_dict\['0\.running_var'\] must not be negative; received -2$"):
        from_state_dict(net, state)
    with pytest.raises(ValueError, match=r"buffers\['running_var'\] must not be negative; received -2$"):
        net.layers[0].buffers["running_var"] = state["0.running_var"]
    with pytest.raises(ValueError, match=r"buffers\['0\.running_var'\] must not be negative; received -2$"):
        net.buffers["0.running_var"] = state["0.running_var"]
    np.testing.assert_array_equal(net.parameters, before)


def test_names_of_attributes():
    net = models.lenet5(seed=0)
    names = ["conv1", "conv2", "fc1", "fc2", "fc3"]
    state = to_state_dict(net, names=names)
    assert [name.partition(".")[0] for name in state][::2] == names
    other = models.lenet5(seed=1)
    from_state_dict(other, state, names=iter(names))
    np.testing.assert_array_equal(net.parameters, other.parameters)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a"], "names must be as many as modules with a state, 0, 2; received a"),
        (["a", "a"], "names must differ; received a, a"),
        ("ab", "names must be a list of strings; received 'ab'"),
    ],
)
def test_names_that_do_not_fit(names, message):
    net = models.mlp([3, 4, 2])
    for call in (lambda: to_state_dict(net, names=names), lambda: from_state_dict(net, {}, names=names)):
        with pytest.raises((ValueError, TypeError)) as caught:
            call()
        assert str(caught.value) == message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("2.bias"), r"missing 2\.bias \(2,\) \(of a module without bias, zeros do"),
        (lambda s: s.update(more=np.ones(3)), r"too much more \(3,\)$"),
        (lambda s: s.update({"0.weight": np.ones((3, 4))}), r"0\.weight must have shape \(4, 3\); received \(3, 4\)$"),
        (lambda s: s.update({"2.weight": np.full((2, 4), np.nan)}), r"state_dict\['2\.weight'\] must be finite"),
        (lambda s: s.update({"2.weight": np.full((2, 4), 1e300)}), r"state_dict\['2\.weight'\] must be finite"),
        (lambda s: s.update({"2.weight": "a"}), r"state_dict\['2\.weight'\]"),
        (lambda s: s.update({"2.weight": [[1], [2, 3]]}), r"state_dict\['2\.weight'\]"),
        (lambda s: (s.update(fc=s.pop("0.weight")), s.pop("0.bias")), r"missing.*too much.*names= says"),
        (
            lambda s: [s.update({f"module.{name}": s.pop(name)}) for name in list(s)],
            r"\(names begin with module.: {k.removeprefix\('module.'\): v for k, v in state_dict.items\(\)}\)$",
        ),
    ],
    ids=str,
)
def test_what_does_not_fit_changes_nothing(change, message):
    net = models.mlp([3, 4, 2], seed=0)
    state, before = to_state_dict(models.mlp([3, 4, 2], seed=1)), net.parameters.copy()
    change(state)
    with pytest.raises((ValueError, TypeError), match=message):
        from_state_dict(net, state)
    np.testing.assert_array_equal(net.parameters, before)


def test_what_is_no_state_dict():
    net = models.mlp([3, 4, 2])
    with pytest.raises(TypeError, match="must be a mapping of names to arrays; received Sequential, whose state_dict"):
        from_state_dict(net, type("Sequential", (), {"state_dict": None})())
    with pytest.raises(TypeError, match=r"state_dict must be a mapping of names to arrays; received list$"):
        from_state_dict(net, [])
    with pytest.raises(RuntimeError, match="must be built"):
        from_state_dict(Sequential([Dense(3)]), {})
    with pytest.raises(TypeError, match="net must be Layer"):
        to_state_dict({})


@pytest.mark.parametrize("layer", [lambda: GRU(2, reset_after=False), lambda: RNN(2, "sigmoid")])
def test_what_is_another_cell_there_has_other_names(layer):
    """So that no module of PyTorch takes it for its own."""
    net = layer().build((3, 2), seed=0)
    assert list(to_state_dict(net)) == ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]
    theirs = to_state_dict(GRU(2).build((3, 2)))
    with pytest.raises(ValueError, match=r"missing weight_ih .*too much weight_ih_l0"):
        from_state_dict(net, theirs)


@pytest.mark.parametrize(
    "within",
    [
        [LSTM(2, return_sequences=True), LSTM(3)],
        [LSTM(2, return_sequences=True), GRU(2)],
        [RNN(2, return_sequences=True), RNN(2, "relu")],
        [Bidirectional(GRU(2, return_sequences=True), "sum"), Bidirectional(GRU(2))],
        [Bidirectional(GRU(2, return_sequences=True)), GRU(2)],
        [GRU(2, return_sequences=True), LayerNorm(), GRU(2)],
    ],
    ids=str,
)
def test_what_is_no_stack(within):
    state = to_state_dict(Sequential(within).build((4, 2)))
    assert not any("_l1" in name for name in state)
    assert {name.partition(".")[0] for name in state} == set(map(str, range(len(within))))


def test_dropout_is_the_same_in_all_of_a_stack():
    def net(*rates):
        between = [part for rate in rates for part in (Dropout(rate), GRU(2, return_sequences=True))]
        return Sequential([GRU(2, return_sequences=True), *between, Dropout(0.9)]).build((3, 2))

    assert [name for name in to_state_dict(net(0.1, 0.1)) if "weight_ih" in name] == [
        "0.weight_ih_l0", "0.weight_ih_l1", "0.weight_ih_l2",
    ]  # fmt: skip
    assert [name for name in to_state_dict(net(0.1, 0.2)) if "weight_ih" in name] == [
        "0.weight_ih_l0", "0.weight_ih_l1", "2.weight_ih_l0",
    ]  # fmt: skip


def test_layers_without_a_counterpart_are_one_module():
    net = Sequential(
        [Rescaling(2.0), Select([0, 1, 2]), GaussianNoise(0.1), Dense(2, "relu"), Dense(3)], input_shape=4, seed=0
    )
    assert list(to_state_dict(net)) == ["3.weight", "3.bias", "5.weight", "5.bias"]
    trees = models.tree_classifier(5, 2, units=3, seed=0)
    assert list(to_state_dict(trees)) == ["0.weight", "2.weight", "2.bias", "4.weight", "4.bias"]


def test_every_layer_is_in_the_table():
    text = (Path(__file__).parent.parent / "docs" / "state-dicts.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.*?) \|(.*)\|$", text, re.MULTILINE)
    listed = {name for ours, _ in rows for name in re.findall(r"`(\w+)", ours)}
    kinds = {kind for kind in vars(layers).values() if isinstance(kind, type) and issubclass(kind, layers.Layer)}
    assert listed == {kind.__name__ for kind in kinds - {layers.Layer, layers.Container}} | {"Sequential"}
    modules = set(re.findall(r"nn\.(\w+)", " ".join(case[2] for case in CASES.values())))
    told = {name for _, theirs in rows for name in re.findall(r"`(\w+)", theirs)}
    assert modules - {"ModuleList", "TransformerEncoderLayer"} <= told


def test_a_network_in_training_is_left_alone():
    net = models.mlp([3, 4, 2], output=None, seed=0)

    class Meddling(fastdl.callbacks.Callback):
        def on_epoch_end(self, *_):
            with pytest.raises(RuntimeError, match="being trained"):
                from_state_dict(net, to_state_dict(net))

    net.fit(np.zeros((4, 3)), np.zeros(4, int), verbose=0, callbacks=[Meddling()])


def record():
    import torch
    from torch import nn

    class Places(nn.Embedding):
        def forward(self, x):
            return x + self.weight[: x.shape[1]]

    class Chain(nn.Sequential):  # in which recurrent modules give their outputs alone
        def forward(self, x):
            for module in self:
                x = module(x)
                x = x[0] if isinstance(x, tuple) else x
            return x

    class Added(nn.Sequential):
        def forward(self, x):
            return x + super().forward(x)

    class Beside(nn.ModuleList):
        def forward(self, x):
            return torch.cat([module(x) for module in self], -1)

    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    scope = {"nn": nn, "Places": Places, "Chain": Chain, "Added": Added, "Beside": Beside}

    def call(module, x, way):
        if way == "steps":
            return module(x.mT).mT
        if way == "into steps":
            return module(x.mT)
        if way in ("sequences", "last", "halves"):
            y, final = module(x)
            h = final[0] if isinstance(final, tuple) else final
            if way == "halves":
                return sum(y.chunk(2, -1))
            return torch.cat(list(h), -1) if way == "last" else y
        if "attention" in way:
            t = x.shape[1]
            mask = torch.ones(t, t, dtype=bool).triu(1) if "causal" in way else None
            return module(x, x, x, need_weights=False, attn_mask=mask)[0]
        return module(x)

    cases = {}
    for name, (_, shape, text, way, *_) in CASES.items():
        module = eval(text, scope)
        with torch.no_grad():
            for values in module.state_dict().values():
                if values.is_floating_point():  # short numbers, none of which is what it starts with
                    values[...] = torch.round(100 * (values + 0.5 * torch.rand_like(values))) / 100
        x = torch.randint(5, (SAMPLES, *shape)) if way == "tokens" else torch.randn(SAMPLES, *shape)
        x = x if way == "tokens" else (torch.round(100 * x) / 100).requires_grad_()
        state = {f"state {key}": values.clone() for key, values in module.state_dict().items()}
        with torch.no_grad():
            outside = call(module.eval(), x.clone(), way)
        module.train("BatchNorm" in name)  # whose dropout would be another
        y = call(module, x, way)
        dy = torch.round(100 * torch.randn_like(y)) / 100
        y.backward(dy)
        case = {"x": x, "dy": dy, "y": y, "outside": outside, **state}
        case |= {} if x.grad is None else {"dx": x.grad}
        case |= {f"d {key}": values.grad for key, values in module.named_parameters()}
        case |= {f"after {key}": values for key, values in module.state_dict().items() if "running" in key}
        cases[name] = case

    def short(values):
        return [short(v) for v in values] if isinstance(values, list) else float(f"{values:.10g}")

    plain = {name: {key: short(t.detach().tolist()) for key, t in case.items()} for name, case in cases.items()}
    lines = [f"{json.dumps(name)}: {json.dumps(case, separators=(',', ':'))}" for name, case in plain.items()]
    RECORDED.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    record()
