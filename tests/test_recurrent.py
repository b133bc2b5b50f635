"""Recurrent layers alone, beside the reference and central differences, and on any number of threads."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import reference
from conftest import close
from hypothesis import given
from hypothesis import strategies as st

import fastdl
from fastdl import gradient_check, layers

CELLS = {
    "rnn tanh": ("rnn", "tanh", lambda units, **o: layers.RNN(units, **o)),
    "rnn relu": ("rnn", "relu", lambda units, **o: layers.RNN(units, "relu", **o)),
    "rnn identity": ("rnn", "identity", lambda units, **o: layers.RNN(units, "identity", **o)),
    "rnn sigmoid": ("rnn", "sigmoid", lambda units, **o: layers.RNN(units, "sigmoid", **o)),
    "lstm": ("lstm", "tanh", layers.LSTM),
    "gru after": ("gru_after", "tanh", layers.GRU),
    "gru before": ("gru_before", "tanh", lambda units, **o: layers.GRU(units, reset_after=False, **o)),
}
cells = pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS.keys())


def built(layer, features, dtype="float64", steps=None):
    """Return the layer with biases that are not zero."""
    layer.build((steps, features), dtype=dtype, seed=1)
    rng = np.random.default_rng(2)
    for name, values in layer.params.items():
        if "bias" in name:
            values[...] = rng.standard_normal(values.shape) / 2
    return layer


def weights(layer, suffix=""):
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    return {name: layer.params[name + suffix].astype(float) for name in names}


@given(
    st.sampled_from(sorted(CELLS)), st.integers(1, 40), st.integers(1, 9), st.integers(1, 20), st.integers(1, 40),
    st.booleans(), st.booleans(), st.sampled_from(["float32", "float64"]), st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_any_shape(name, samples, steps, features, units, sequences, masked, dtype, seed):
    cell, activation, make = CELLS[name]
    rng = np.random.default_rng(seed)
    layer = built(make(units, return_sequences=sequences), features, dtype)
    x = rng.standard_normal((samples, steps, features))
    lengths = rng.integers(1, steps + 1, samples) if masked else None
    y, h, c = reference.recurrent(cell, x, weights(layer), activation=activation, lengths=lengths)
    close(layer.forward(x, lengths=lengths), y if sequences else h, dtype)
    final = layer.state if cell == "lstm" else (layer.state,)
    for actual, expected in zip(final, (h, c), strict=False):
        close(actual, expected, dtype)
    if sequences and not masked:
        dy = rng.standard_normal(y.shape)
        dx, gradients = reference.recurrent_backward(cell, dy, x, weights(layer), activation)
        close(layer.backward(dy), dx, dtype)
        for parameter, gradient in gradients.items():
            close(layer.grads[parameter], gradient, dtype)


@cells
@pytest.mark.parametrize("steps", [1, 2, 300])
@pytest.mark.parametrize("samples", [1, 19])
def test_long_and_short(cell, steps, samples, rng):
    name, activation, make = cell
    layer = built(make(5, return_sequences=True, recurrent_initializer="zeros"), 3)
    layer.params["weight_hh"][...] = rng.standard_normal(layer.params["weight_hh"].shape) / 4
    x = rng.standard_normal((samples, steps, 3))
    close(layer.forward(x), reference.recurrent(name, x, weights(layer), activation=activation)[0])
    dy = rng.standard_normal((samples, steps, 5))
    dx, gradients = reference.recurrent_backward(name, dy, x, weights(layer), activation)
    close(layer.backward(dy), dx)
    for parameter, gradient in gradients.items():
        close(layer.grads[parameter], gradient)


@cells
@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("samples", [1, 5, 18])
def test_gradients(cell, sequences, masked, samples, rng):
    layer = built(cell[2](6, return_sequences=sequences), 4)
    lengths = [3, 1, 7, 2, 5] * 4 if masked else None
    x = rng.standard_normal((samples, 7, 4))
    assert gradient_check(layer, x, lengths=lengths and lengths[:samples], limit=150) < 1e-6


@cells
@pytest.mark.parametrize("steps", [1, 300])
def test_gradients_of_long_and_short(cell, steps, rng):
    layer = built(cell[2](4, return_sequences=True), 3)
    for weight in ("weight_hh", "weight_ih"):
        layer.params[weight][...] /= 2
    assert gradient_check(layer, rng.standard_normal((2, steps, 3)), limit=40) < 1e-5


@pytest.mark.parametrize("merge", ["concat", "sum"])
@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@cells
def test_bidirectional(cell, sequences, masked, merge, rng):
    name, activation, make = cell
    layer = built(layers.Bidirectional(make(5, return_sequences=sequences), merge), 3)
    x, lengths = rng.standard_normal((6, 8, 3)), [8, 1, 3, 8, 5, 2] if masked else None
    ways = [
        reference.recurrent(
            name, x, weights(layer, suffix), activation=activation, lengths=lengths, reverse=bool(suffix)
        )
        for suffix in ("", "_reverse")
    ]
    parts = [y if sequences else h for y, h, _ in ways]
    close(layer.forward(x, lengths=lengths), np.concatenate(parts, axis=-1) if merge == "concat" else sum(parts))
    assert gradient_check(layer, x, lengths=lengths, limit=60) < 1e-6


@cells
def test_states_in_and_out(cell, rng):
    """Two halves are the whole, forward and backward."""
    layer = built(cell[2](7, return_sequences=True), 3)
    x, dy = rng.standard_normal((2, 9, 10, 3))[..., :3], rng.standard_normal((9, 10, 7))
    x = x[0]
    y = layer.forward(x)
    final = layer.state
    dx = layer.backward(dy)
    grads = {name: g.copy() for name, g in layer.grads.items()}
    first = layer.forward(x[:, :4])
    middle = layer.state
    second = layer.forward(x[:, 4:], initial_state=middle)
    close(np.concatenate([first, second], axis=1), y)
    for one, other in zip(np.atleast_3d(layer.state), np.atleast_3d(final), strict=True):
        close(one, other)
    dx_second = layer.backward(dy[:, 4:])
    total = {name: g.copy() for name, g in layer.grads.items()}
    wanted = layer.state_gradient
    layer.forward(x[:, :4])
    dx_first = layer.backward(dy[:, :4], state_gradient=wanted)
    close(np.concatenate([dx_first, dx_second], axis=1), dx)
    for name, g in layer.grads.items():
        close(g + total[name], grads[name])


@cells
@pytest.mark.parametrize("masked", [False, True])
def test_gradients_of_states(cell, masked, rng):
    layer = built(cell[2](4), 3)
    x, lengths = rng.standard_normal((5, 6, 3)), [6, 1, 2, 6, 3] if masked else None
    pair = cell[0] == "lstm"
    start, direction = rng.standard_normal((2, 2, 5, 4))
    dy = rng.standard_normal((5, 4))

    def objective():
        y = layer.forward(x, lengths=lengths, initial_state=tuple(start) if pair else start[0])
        return (y * dy).sum() + sum(
            (s * d).sum() for s, d in zip(layer.state if pair else [layer.state], direction, strict=False)
        )

    objective()
    layer.backward(dy, state_gradient=tuple(direction) if pair else direction[0])
    gradient = layer.state_gradient if pair else [layer.state_gradient]
    for k, expected in enumerate(gradient):
        for index in np.ndindex(5, 4):
            before = start[k][index]
            start[k][index] = before + 1e-6
            above = objective()
            start[k][index] = before - 1e-6
            below = objective()
            start[k][index] = before
            assert abs((above - below) / 2e-6 - expected[index]) < 1e-7


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("sequences", [False, True])
@cells
def test_states_of_both_directions(cell, sequences, masked, rng):
    name, activation, make = cell
    layer = built(layers.Bidirectional(make(4, return_sequences=sequences)), 3)
    x, lengths = rng.standard_normal((5, 6, 3)), [6, 1, 2, 6, 3] if masked else None
    start, way, asked = rng.standard_normal((3, 2, 2, 5, 4))

    def states(arrays):
        return tuple(tuple(pair) if name == "lstm" else pair[0] for pair in arrays)

    y = layer.forward(x, lengths=lengths, initial_state=states(start))
    outputs = []
    for suffix, (h, c), state in zip(("", "_reverse"), start, layer.state, strict=True):
        output, h, c = reference.recurrent(
            name, x, weights(layer, suffix), activation=activation, lengths=lengths, reverse=bool(suffix), h=h, c=c
        )
        outputs.append(output if sequences else h)
        for one, other in zip(state if name == "lstm" else [state], (h, c), strict=False):
            close(one, other)
    close(y, np.concatenate(outputs, axis=-1))

    dy = rng.standard_normal(y.shape)
    layer.backward(dy, state_gradient=states(asked))
    used = 2 if name == "lstm" else 1

    def objective(step):
        y = layer.forward(x, lengths=lengths, initial_state=states(start + step * way))
        final = np.array([s if name == "lstm" else [s] for s in layer.state])
        return (y * dy).sum() + (final * asked[:, :used]).sum()

    gradient = np.array([s if name == "lstm" else [s] for s in layer.state_gradient])
    assert abs((objective(1e-6) - objective(-1e-6)) / 2e-6 - (gradient * way[:, :used]).sum()) < 1e-7


@pytest.mark.parametrize("make", [lambda layer: layer, layers.Bidirectional])
@cells
def test_back_once_for_a_forward(cell, make, rng):
    """The first time puts gradients where the gates were."""
    layer = built(make(cell[2](5)), 3)
    x = rng.standard_normal((2, 4, 3))
    dx = layer.backward(np.ones_like(layer.forward(x)))
    with pytest.raises(RuntimeError, match="backward must follow forward: it can go back once"):
        layer.backward(np.ones((2, *layer.output_shape)))
    assert (layer.backward(np.ones_like(layer.forward(x))) == dx).all()


def test_built_again_starts_from_zeros(rng):
    layer, x = layers.LSTM(4, stateful=True), rng.standard_normal((2, 5, 3))
    first = layer.build((None, 3), seed=0).forward(x)
    assert (layer.build((None, 3), seed=0).forward(x) == first).all()


@cells
def test_stateful_alone(cell, rng):
    layer, other = (built(cell[2](6, return_sequences=True, stateful=s), 3) for s in (True, False))
    x = rng.standard_normal((4, 9, 3))
    parts = [layer.forward(x[:, :5]), layer.forward(x[:, 5:])]
    close(np.concatenate(parts, axis=1), other.forward(x))
    layer.reset_state()
    close(layer.forward(x[:, :5]), parts[0])


@cells
@pytest.mark.parametrize("samples", [1, 3, 8])
@pytest.mark.parametrize("merge", [None, "sum"])
def test_a_team_to_the_bit(cell, samples, merge, rng):
    """One group, which all threads take together: few units, which one of them takes alone, and many."""
    for steps, features, units in ((300, 40, 70), (30, 24, 330)):
        layer = cell[2](units, return_sequences=True, recurrent_initializer="uniform")
        layer = built(layers.Bidirectional(layer, merge) if merge else layer, features, "float32")
        x = rng.standard_normal((samples, steps, features))
        dy = rng.standard_normal((samples, steps, units))
        lengths = rng.integers(1, steps + 1, samples)
        results = []
        for threads in (1, 2, 3, 5):
            fastdl.set_num_threads(threads)
            y = layer.forward(x, lengths=lengths)
            results.append([y, layer.backward(dy), *(g.copy() for g in layer.grads.values())])
        for others in results[1:]:
            for one, other in zip(results[0], others, strict=True):
                assert np.array_equal(one, other)


@cells
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("threads", [1, 2])
def test_one_sample_to_the_bit(cell, dtype, threads, rng):
    """A batch of one has panels of weights of its own, of one to eight vectors."""
    fastdl.set_num_threads(threads)
    for units in (1, 7, 17, 30, 41, 55, 70, 90, 111, 130, 203):
        layer = built(cell[2](units, return_sequences=True, recurrent_initializer="uniform"), 5, dtype)
        x, dy = rng.standard_normal((4, 6, 5)), rng.standard_normal((4, 6, units))
        y = layer.forward(x)
        dx = layer.backward(dy)
        for i in range(4):
            assert (layer.forward(x[i : i + 1]) == y[i]).all()
            assert (layer.backward(dy[i : i + 1]) == dx[i]).all()


def test_vectors_for_tokens(rng):
    layer = layers.Embedding(9, 5).build((7,), dtype="float64", seed=0)
    x, dy = rng.integers(9, size=(4, 7)), rng.standard_normal((4, 7, 5))
    assert (layer.forward(x) == layer.params["weight"][x]).all()
    assert (layer.backward(dy) == 0).all()
    expected = np.zeros((9, 5))
    np.add.at(expected, x, dy)
    close(layer.grads["weight"], expected)


@pytest.mark.parametrize("rate", [0.0, 0.25, 0.9])
def test_dropout(rate):
    layer = layers.Dropout(rate).build((40, 30), dtype="float64")
    x = np.ones((50, 40, 30))
    assert (layer.forward(x) == 1).all()
    y = layer.forward(x, training=True)
    kept = y != 0
    assert abs(kept.mean() - (1 - rate)) < 0.01
    np.testing.assert_allclose(y[kept], 1 / (1 - rate), rtol=1e-4)
    assert (layer.backward(x) == y).all()
    if rate:
        assert (y != layer.forward(x, training=True)).any()
        flat = kept.reshape(-1).astype(float) - kept.mean()
        for lag in (1, 2, 3, 4, 30, 1200):  # no pattern from neighbour to neighbour
            assert abs((flat[lag:] * flat[:-lag]).mean()) < 0.01


def test_starts():
    layer = layers.LSTM(16, forget_bias=1.5).build((3, 8), seed=0, dtype="float64")
    assert (layer.params["bias_ih"] == np.repeat([0, 1.5, 0, 0], 16)).all()
    for gate in np.split(layer.params["weight_hh"], 4):
        close(gate @ gate.T, np.eye(16))
    assert abs(layer.params["weight_ih"]).max() <= np.sqrt(6 / 24)


def test_teams_that_others_keep_from_forming(rng):
    """While the threads are busy elsewhere, a second caller's team is itself alone."""
    x = rng.standard_normal((1, 200, 64))
    dy = rng.standard_normal((1, 200, 200))
    fastdl.set_num_threads(3)

    def run(_):
        layer = layers.LSTM(200, return_sequences=True).build((None, 64), seed=0)
        results = [layer.forward(x), layer.backward(dy)]
        return [*results, *layer.grads.values()]

    expected = run(None)
    with ThreadPoolExecutor(6) as pool:
        for results in pool.map(run, range(24)):
            for one, other in zip(results, expected, strict=True):
                assert np.array_equal(one, other)
