"""Networks as ONNX: whatever can be written says in ONNX Runtime what `predict` says."""

import re
from pathlib import Path

import numpy as np
import pytest
from random_networks.draw import Draw
from random_networks.use import Use
from test_layers import CASES, leaky, started

from fastdl import Sequential, layers, load, models
from fastdl._core.kinds import KINDS
from fastdl.cli import main
from fastdl.export import to_onnx
from fastdl.export.onnx.writing.operations import OPERATIONS

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

REFUSED = {name for name, case in CASES.items() if case.arity}  # trees
IN_TIME = {
    name
    for name, case in CASES.items()
    if name not in REFUSED and len(case.shape) < 3 and (case.reading.in_time or case.reading.changes_steps)
}

# What ONNX Runtime has no float64 for.
LACKING = set(
    [
        "Conv",
        "ConvTranspose",
        "AveragePool",
        "Resize",
        "Erf",
        "Elu",
        "Selu",
        "Softplus",
        "HardSigmoid",
        "HardSwish",
        "RNN",
        "LSTM",
        "GRU",
    ]
)
OLDER = ort.__version__.startswith("1.23.")  # the last one for Python 3.10: it lacks more, some of it by its own fusion
if OLDER:
    LACKING |= {"Cos", "Sigmoid"}


def near(actual, expected):
    """Assert that outputs agree to 1e-6 of their size, or of one."""
    assert actual.shape == expected.shape
    assert np.abs(actual - expected).max(initial=0) <= 1e-6 * max(np.abs(expected).max(initial=0), 1.0)


class Session:
    """A file in ONNX Runtime."""

    def __init__(self, path):
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        self.session = ort.InferenceSession(str(path), options)

    def __call__(self, x, **others):
        """Return what it says of samples, and the states afterwards."""
        first = self.session.get_inputs()[0]
        dtype = {"tensor(int64)": np.int64, "tensor(float)": np.float32, "tensor(double)": np.float64}[first.type]
        y, *states = self.session.run(None, {first.name: np.asarray(x, dtype), **others})
        return y if not states else (y, states)


def network(case, shape=None, dtype="float32"):
    net = Sequential([case.make()], input_shape=shape or case.shape, dtype=dtype, seed=1)
    started(net)
    return net


@pytest.mark.parametrize("name", CASES.keys() - REFUSED)
def test_every_layer(name, tmp_path, rng):
    case, path = CASES[name], tmp_path / "net.onnx"
    net = network(case)
    to_onnx(net, path)
    session = Session(path)
    for samples in (1, 5):
        x = case.batch(rng, samples).x
        near(session(x), net.predict(x))
    assert onnx.load(path).graph.output[0].type.tensor_type.shape.dim[0].dim_param == "batch"


@pytest.mark.parametrize("name", IN_TIME)
def test_any_number_of_steps(name, tmp_path, rng):
    case, path = CASES[name], tmp_path / "net.onnx"
    try:
        net = network(case, (None, *case.shape[1:]))
    except ValueError:
        assert "latten" in name or "reshape" in name or "row" in name or "windows" in name or "side by side" in name
        return
    to_onnx(net, path)
    session, with_lengths = Session(path), None
    if net.reading.in_time:
        to_onnx(net, path, with_lengths=True)
        with_lengths = Session(path)
    for steps in (case.shape[0], case.shape[0] + 2):
        tokens = (case.tokens[:1] * steps) if len(case.shape) == 1 else case.tokens
        x = case._replace(shape=(steps, *case.shape[1:]), tokens=tokens).batch(rng, 6).x
        near(session(x), net.predict(x))
        if with_lengths:
            lengths = np.array([1, steps, *rng.integers(1, steps + 1, 4)])
            near(with_lengths(x, lengths=lengths), net.predict(x, lengths=lengths))


@pytest.mark.parametrize("name", CASES.keys() - REFUSED)
def test_float64(name, tmp_path, rng):
    """Attributes are float32 all the same."""
    case, path = CASES[name], tmp_path / "net.onnx"
    net = network(case, dtype="float64")
    to_onnx(net, path)
    if not LACKING & {node.op_type for node in onnx.load(path).graph.node}:
        x = case.batch(rng, 5).x
        near(Session(path)(x), net.predict(x))


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_trees_are_refused(name, tmp_path):
    case = CASES[name]
    net = Sequential([case.make()], input_shape=case.shape_in_network, seed=1)
    with pytest.raises(ValueError, match=r"received one of trees"):
        to_onnx(net, tmp_path / "net.onnx")
    assert not list(tmp_path.iterdir())


def test_every_kind_of_operation_is_written_or_refused():
    assert set(OPERATIONS) == set(KINDS) - {"recursive"}
    page = (Path(__file__).parent.parent / "docs" / "onnx.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.*?) \|", page, re.MULTILINE)
    assert sorted(name for row in rows for name in re.findall(r"`(\w+)`", row)) == sorted(KINDS)


def test_states_go_in_and_out(tmp_path, rng):
    net = Sequential(
        [
            layers.LSTM(4, return_sequences=True, stateful=True),
            layers.RNN(3, "hard_tanh", return_sequences=True, stateful=True),
            layers.RNN(3, "selu", return_sequences=True),
            layers.GRU(5, reset_after=False, stateful=True),
        ],
        input_shape=(None, 3),
        seed=0,
    )
    started(net)
    to_onnx(net, tmp_path / "net.onnx", with_lengths=True)
    session = Session(tmp_path / "net.onnx")
    names = [one.name for one in session.session.get_inputs()]
    assert names == ["x", "lengths", "0.h", "0.c", "1.h", "3.h"]
    assert [one.name for one in session.session.get_outputs()] == ["y", *(f"{name}_after" for name in names[2:])]
    states = {name: np.zeros((4, units), np.float32) for name, units in zip(names[2:], (4, 4, 3, 5), strict=True)}
    for steps in (6, 1, 3):
        x, lengths = rng.standard_normal((4, steps, 3)), rng.integers(1, steps + 1, 4)
        y, after = session(x, lengths=lengths, **states)
        near(y, net.forward(x, lengths=lengths))
        expected = [*net.state[0], net.state[1], net.state[3]]
        for one, other in zip(after, expected, strict=True):
            near(one, other)
        states = dict(zip(states, after, strict=True))


@pytest.mark.parametrize(
    "activation", ["relu", "identity", "sigmoid", "softplus", "hard_sigmoid", "relu6", "selu", leaky]
)
def test_activations_of_cells_in_both_directions(activation, tmp_path, rng):
    for merge in ("concat", "sum"):
        for sequences in (False, True):
            cell = layers.RNN(3, activation() if callable(activation) else activation, return_sequences=sequences)
            net = Sequential([layers.Bidirectional(cell, merge)], input_shape=(None, 4), seed=0)
            started(net)
            to_onnx(net, tmp_path / "net.onnx", with_lengths=True)
            x, lengths = rng.standard_normal((5, 7, 4)), np.array([1, 7, 3, 4, 6])
            near(Session(tmp_path / "net.onnx")(x, lengths=lengths), net.predict(x, lengths=lengths))


@pytest.mark.parametrize("number", range(60))
def test_random_networks(number, tmp_path):
    if OLDER and number == 48:
        pytest.skip("ONNX Runtime up to 1.23 normalizes no row of one number")
    draw = Draw(number)
    draw.dtype = "float32"
    net = draw.network()
    if net.is_of_trees:
        return
    use = Use(draw, net)
    to_onnx(net, tmp_path / "net.onnx", with_lengths="lengths" in use.options)
    session = Session(tmp_path / "net.onnx")
    states = {
        one.name: np.zeros((use.samples, one.shape[1]), np.float32)
        for one in session.session.get_inputs()[1 + len(use.options) :]
    }
    y = session(use.x, **use.options, **states)
    near(y[0] if states else y, net.predict(use.x, **use.options))


def test_names_are_those_of_layers_and_parameters(tmp_path):
    net = models.lenet5(seed=0)
    to_onnx(net, tmp_path / "net.onnx")
    graph = onnx.load(tmp_path / "net.onnx").graph
    arrays = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
    assert set(net.params) <= set(arrays)
    for name, values in net.params.items():
        assert (arrays[name] == values).all()
    assert "0/Conv" in {node.name for node in graph.node}


def test_nothing_is_written_of_what_cannot_be(tmp_path):
    path = tmp_path / "net.onnx"
    with pytest.raises(RuntimeError, match="must be built"):
        to_onnx(layers.Dense(3), path)
    net = Sequential([layers.Dense(3)], input_shape=4)
    with pytest.raises(ValueError, match=r"^with_lengths must be False for a network that takes none"):
        to_onnx(net, path, with_lengths=True)
    with pytest.raises(TypeError, match="lengths must be True or False"):
        to_onnx(net, path, with_lengths=[1, 2])
    halves = Sequential([layers.Conv1D(3, 3, stride=2, padding="same")], input_shape=(None, 4))
    with pytest.raises(ValueError, match=r"^input_shape must have a number of steps"):
        to_onnx(halves, path)
    net.params["0.weight"][0, 0] = np.nan
    with pytest.raises(ValueError, match=r"^parameters must be finite"):
        to_onnx(net, path)
    assert not list(tmp_path.iterdir())


def test_the_command(tmp_path, capsys, rng):
    saved, path = tmp_path / "net.npz", tmp_path / "net.onnx"
    net = Sequential([layers.GRU(3), layers.Dense(2)], input_shape=(None, 4), seed=0)
    net.save(saved)
    assert main(["export", str(saved), "--to", str(path), "--lengths"]) == 0
    assert capsys.readouterr().out == f"{path}: onnx, {path.stat().st_size:,} bytes\n"
    x, lengths = rng.standard_normal((3, 5, 4)), np.array([5, 1, 2])
    near(Session(path)(x, lengths=lengths), net.predict(x, lengths=lengths))
    other = tmp_path / "net.model"
    assert main(["export", str(saved), "--to", str(other), "--format", "onnx"]) == 0
    near(Session(other)(x), net.predict(x))
    capsys.readouterr()
    assert main(["export", str(saved), "--to", str(tmp_path / "net.abc")]) == 2
    assert "--to must end in one of .onnx" in capsys.readouterr().err
    assert main(["export", str(tmp_path / "none.npz"), "--to", str(path)]) == 2
    assert "FILE must name what can be read" in capsys.readouterr().err
    assert main(["export", str(saved), "--to", str(tmp_path / "none" / "net.onnx")]) == 2
    assert "--to must name a file that can be written" in capsys.readouterr().err
    assert main(["export", str(saved), "--to", str(saved), "--format", "onnx"]) == 2
    assert "--to must be another file than those that are read" in capsys.readouterr().err
    np.testing.assert_array_equal(load(saved).parameters, net.parameters)
    tree = tmp_path / "tree.npz"
    models.tree_classifier(3, 2).save(tree)
    assert main(["export", str(tree), "--to", str(path)]) == 2
    assert f"fastdl: {tree}: net must be of vectors" in capsys.readouterr().err
    vectors = tmp_path / "vectors.npz"
    Sequential([layers.Dense(2)], input_shape=3).save(vectors)
    assert main(["export", str(vectors), "--to", str(path), "--lengths"]) == 2
    assert "fastdl: --lengths must be False for a network that takes none" in capsys.readouterr().err
