"""How weights start: by name, by name and gain, or by a function of a user's own."""

import pickle
from copy import deepcopy

import numpy as np
import pytest

import fastdl
from fastdl import Sequential, initializers, layers

VARIANCES = {
    "uniform": lambda i, o: 1 / (3 * i),
    "pytorch": lambda i, o: 1 / (3 * i),
    "glorot_uniform": lambda i, o: 2 / (i + o),
    "glorot_normal": lambda i, o: 2 / (i + o),
    "he_uniform": lambda i, o: 2 / i,
    "he_normal": lambda i, o: 2 / i,
    "lecun_uniform": lambda i, o: 1 / i,
    "lecun_normal": lambda i, o: 1 / i,
    "orthogonal": lambda i, o: 1 / max(i, o),
    "zeros": lambda i, o: 0,
}


@pytest.mark.parametrize("name", initializers.__all__)
def test_initializers_follow_the_seed(name):
    weights = [layers.Dense(200, initializer=name).build(300, seed=s).params["weight"] for s in (1, 1, 2)]
    assert (weights[0] == weights[1]).all()
    assert (weights[0] != weights[2]).any() == (name != "zeros")
    variance = VARIANCES[name](300, 200)
    assert weights[0].var() == pytest.approx(variance, rel=0.02)
    if name == "pytorch" or "uniform" in name:
        assert 0.99 < abs(weights[0]).max() / (3 * variance) ** 0.5 <= 1
    elif name != "zeros":
        assert abs(weights[0]).max() > 3 * variance**0.5


@pytest.mark.parametrize("name", initializers.__all__)
def test_a_gain_multiplies_what_is_drawn(name):
    for make, shape in (
        (layers.Dense, 3),
        (layers.LSTM, (None, 3)),
        (lambda n, **o: layers.Conv2D(n, 2, **o), (2, 4, 4)),
    ):
        one, other = (make(5, initializer=start).build(shape, seed=0, dtype="float64") for start in (name, (name, 1.5)))
        assert other.initializer == (name, 1.5)
        for key, values in one.params.items():
            gain = 1 if key.endswith("hh") or (key == "bias_ih" and name != "pytorch") else 1.5
            if key == "bias_ih":  # the forget gate's bias is more
                values[5:10] -= 1
                other.params[key][5:10] -= 1
            np.testing.assert_allclose(other.params[key], gain * values, rtol=1e-13)


def test_a_layer_starts_as_pytorchs_do():
    """Weights and biases within 1 / sqrt(fan_in), in recurrent layers within 1 / sqrt(units)."""
    both = {"initializer": "pytorch", "recurrent_initializer": "pytorch"}
    for layer, shape, fan_in in (
        (layers.Dense(4000, initializer="pytorch"), 9, 9),
        (layers.Conv2D(4000, (2, 3), initializer="pytorch"), (5, 4, 4), 30),
        (layers.RNN(400, **both), (None, 9), 400),
        (layers.LSTM(400, **both, forget_bias=0), (None, 9), 400),
        (layers.Bidirectional(layers.GRU(400, **both)), (None, 9), 400),
    ):
        for values in layer.build(shape, seed=0).params.values():
            assert 0.98 < abs(values).max() * fan_in**0.5 <= 1
            assert values.var() == pytest.approx(1 / (3 * fan_in), rel=0.1)


def counted_up(shape, fan_in, fan_out, rng):
    return np.arange(np.prod(shape)).reshape(shape) + 100 * fan_in + 10_000 * fan_out


def test_an_initializer_of_somebodys(tmp_path):
    net = Sequential([layers.Dense(2, initializer=counted_up)], input_shape=3)
    assert net.params["0.weight"].tolist() == [[20300, 20301, 20302], [20303, 20304, 20305]]
    assert not net.params["0.bias"].any()
    for other in (deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert other.layers[0].initializer is counted_up
    with pytest.raises(TypeError, match="must be plain data to be saved, no code; received <function counted_up"):
        net.save(tmp_path / "net.npz")
    for wrong, message in (
        (lambda *_: np.ones(3), r"initializer must give an array of shape \(2, 3\); received one of \(3,\)"),
        (lambda *_: np.full((2, 3), np.nan), "what initializer gives must be finite"),
    ):
        with pytest.raises(ValueError, match=message):
            layers.Dense(2, initializer=wrong).build(3)


def test_an_initializer_of_ours_is_its_name(tmp_path):
    def own(shape, fan_in, fan_out, rng):
        return np.zeros(shape)

    parts = [layers.Dense(4, initializer=initializers.he_normal), layers.Dense(2, initializer="he_normal")]
    net = Sequential(parts, input_shape=3, seed=0)
    assert [layer.initializer for layer in net.layers] == ["he_normal"] * 2
    net.save(tmp_path / "net.npz")
    assert fastdl.load(tmp_path / "net.npz").layers[0].initializer == "he_normal"
    own.__name__ = "he_normal"
    assert layers.Dense(2, initializer=own).initializer is own


@pytest.mark.parametrize(("name", "limit"), [("uniform", 1 / 3**0.5), ("glorot_uniform", (6 / 8) ** 0.5)])
@pytest.mark.parametrize("shape", [(), (1,), (3, 5), (2, 3, 1, 4)])
def test_numbers_within_a_limit_are_those_of_numpy(name, limit, shape):
    drawn = getattr(initializers, name)(shape, 3, 5, np.random.default_rng(7))
    assert np.array_equal(drawn, np.random.default_rng(7).uniform(-limit, limit, shape))


STARTS = {
    "dense": (lambda name: layers.Dense(200, initializer=name), (300,), "weight", 300, 200),
    "dense in time": (lambda name: layers.Dense(200, initializer=name), (7, 300), "weight", 300, 200),
    "convolution": (lambda name: layers.Conv2D(40, (4, 5), initializer=name), (10, 9, 9), "weight", 200, 800),
    "recurrent": (lambda name: layers.LSTM(60, initializer=name), (None, 200), "weight_ih", 200, 60),
    "recurrent, of the state": (
        lambda name: layers.GRU(100, recurrent_initializer=name), (None, 9), "weight_hh", 100, 100,
    ),
    "recurrent, back": (
        lambda name: layers.Bidirectional(layers.RNN(60, initializer=name)), (None, 200), "weight_ih_reverse", 200, 60,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", STARTS.values(), ids=STARTS.keys())
def test_weights_start_as_large_as_what_they_join_asks_for(case):
    make, shape, parameter, inputs, outputs = case
    for name in ("uniform", "glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_normal"):
        variance = VARIANCES[name](inputs, outputs)
        assert make(name).build(shape, seed=0).params[parameter].var() == pytest.approx(variance, rel=0.06)


def test_orthogonal_is_any_rotation():
    rng = np.random.default_rng(0)
    for n in (1, 2, 3):
        drawn = [initializers.orthogonal((n, n), n, n, rng) for _ in range(400)]
        assert all(np.allclose(q @ q.T, np.eye(n)) for q in drawn)
        assert abs(np.mean([np.trace(q) for q in drawn])) < 0.2  # four times what chance makes of 0
