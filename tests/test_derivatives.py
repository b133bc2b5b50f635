"""Derivatives of outputs with respect to inputs: rows of the Jacobian, all of it, and its product with a direction."""

import copy
import pickle

import numpy as np
import pytest
from conftest import close
from test_layers import CASES, built, in_network

import fastdl
from fastdl import Sequential, layers, models
from fastdl.derivatives import differentiable

OF_NUMBERS = {
    name: case for name, case in CASES.items() if not any(places is None for places, _ in case.reading.tokens)
}
OF_ONE_SHAPE = {name: case for name, case in OF_NUMBERS.items() if not case.arity}
NO_TOKENS = {name: case for name, case in OF_ONE_SHAPE.items() if not case.tokens}


def each(cases):
    return pytest.mark.parametrize("case", cases.values(), ids=cases.keys())


def network(case, dtype="float64"):
    return in_network(case, built(case, dtype))


def smooth(dtype="float64"):
    parts = [layers.Dense(6, "tanh"), layers.LayerNorm(), layers.Dense(5, "gelu"), layers.Dense(3, "softmax")]
    return Sequential(parts, input_shape=4, dtype=dtype, seed=0)


def differences(net, x, step=1e-6, **options):
    """The Jacobians of samples, by central differences."""
    columns = []
    for place in np.ndindex(x.shape[1:]):
        apart = np.zeros(x.shape[1:])
        apart[place] = step
        columns.append((net.predict(x + apart, **options) - net.predict(x - apart, **options)) / (2 * step))
    return np.stack(columns, axis=-1).reshape(len(x), *columns[0].shape[1:], *x.shape[1:])


def rows_of(net, x, **options):
    """Jacobians, output by output, by `vjp`."""
    shape = net.predict(x, **options).shape[1:]
    rows = []
    for place in np.ndindex(shape):
        v = np.zeros((len(x), *shape))
        v[(slice(None), *place)] = 1
        rows.append(net.vjp(x, v, **options))
    return np.stack(rows, axis=1).reshape(len(x), *shape, *x.shape[1:])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("samples", [1, 35])
@each(OF_NUMBERS)
def test_vjp_is_what_backward_gives_and_leaves_no_trace(case, samples, dtype, rng):
    net, batch = network(case, dtype), case.batch(rng, samples)
    v = rng.standard_normal(net.predict(batch.x, **batch.options).shape)
    net.forward(batch.x, **batch.options)
    wanted, gradients = net.backward(v), net.gradients.copy()
    y = net.forward(batch.x, **batch.options)
    generator, state = copy.deepcopy(net.generator.bit_generator.state), copy.deepcopy(net.state)
    parameters = net.parameters.copy()
    given = net.vjp(batch.x, v, **batch.options)
    assert given.dtype == dtype
    assert given.shape == batch.x.shape
    close(given, wanted, dtype)  # images may go back through it four at a time
    assert (net.gradients == gradients).all()
    assert (net.parameters == parameters).all()
    assert net.generator.bit_generator.state == generator
    np.testing.assert_equal(net.state, state)
    assert (net.backward(v) == wanted).all()
    close(net.predict(batch.x, **batch.options), y, dtype)  # and forward


@each(OF_ONE_SHAPE)
def test_a_jacobian_is_its_rows_and_jvp_its_product(case, rng):
    net, x = network(case), case.batch(rng, 3).x
    jacobian = net.jacobian(x)
    assert jacobian.shape == (3, *net.predict(x).shape[1:], *x.shape[1:])
    assert (jacobian == rows_of(net, x)).all()
    v = rng.standard_normal(x.shape)
    flat = jacobian.reshape(3, -1, x[0].size)
    close(net.jvp(x, v).reshape(3, -1), np.einsum("nki,ni->nk", flat, v.reshape(3, -1)))


@each(NO_TOKENS)
def test_a_jacobian_beside_central_differences(case, rng):
    net, x = network(case), case.batch(rng, 2).x
    wanted = differences(net, x)
    # Where a sum of pieces bends within the step, as few do, differences tell nothing.
    apart = np.abs(net.jacobian(x) - wanted) > 1e-6 * max(1, np.abs(wanted).max())
    assert apart.mean() < 0.002
    assert not apart.any() or "relu" in repr(net) or "leaky" in repr(net) or "hard" in repr(net) or "Max" in repr(net)


@pytest.mark.parametrize("samples", [1, 64, 200])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_threads_make_no_difference(samples, dtype, rng):
    lenet = models.lenet5(seed=0)
    time = Sequential([layers.LSTM(40), layers.Dense(3)], input_shape=(9, 5), dtype=dtype, seed=0)
    for net in (smooth(dtype), lenet, time):
        x = rng.standard_normal((samples, *net.input_shape))
        v = rng.standard_normal((samples, *net.output_shape))
        given = []
        for threads in (1, 2, 3):
            fastdl.set_num_threads(threads)
            given.append((net.jacobian(x), net.vjp(x, v), net.jvp(x, x)))
        for others in given[1:]:
            for one, other in zip(given[0], others, strict=True):
                assert (one == other).all()


@pytest.mark.parametrize("samples", [1, 2, 30])
def test_a_team_on_one_group_of_sequences(samples, rng):
    net = Sequential([layers.GRU(300, return_sequences=True), layers.Dense(2)], input_shape=(7, 3), seed=0)
    x = rng.standard_normal((samples, 7, 3))
    given = []
    for threads in (1, 2):
        fastdl.set_num_threads(threads)
        given.append(net.jacobian(x))
    assert (given[0] == given[1]).all()
    wanted = rows_of(net, x)
    assert (given[0] == wanted).all()


@pytest.mark.parametrize(
    "parts",
    [
        lambda: [layers.LSTM(4, return_sequences=True), layers.Dense(2)],
        lambda: [layers.Bidirectional(layers.GRU(4))],
        lambda: [layers.Dense(6, "tanh"), layers.SelfAttention(2), layers.Dense(2)],
    ],
)
def test_sequences_with_lengths(parts, rng):
    net = Sequential(parts(), input_shape=(None, 3), dtype="float64", seed=0)
    x, lengths = rng.standard_normal((4, 6, 3)), np.array([6, 2, 1, 4])
    jacobian = net.jacobian(x, lengths=lengths)
    assert (jacobian == rows_of(net, x, lengths=lengths)).all()
    close(jacobian, differences(net, x, lengths=lengths), "float32")
    for one, length in zip(jacobian, lengths, strict=True):
        assert not one[..., length:, :].any()
        if len(net.output_shape) == 2:
            assert not one[length:].any()
    v = rng.standard_normal(x.shape)
    given = net.jvp(x, v, lengths=lengths)
    close(given.reshape(4, -1), np.einsum("nki,ni->nk", jacobian.reshape(4, -1, 18), v.reshape(4, -1)))
    x = x[:, :3]  # another length has a plan of its own
    assert net.vjp(x, net.predict(x)).shape == (4, 3, 3)


@pytest.mark.parametrize("cell", [layers.RNN, layers.LSTM, layers.GRU])
def test_stateful_layers_start_from_the_state_and_leave_it(cell, rng):
    parts = [cell(4, stateful=True), layers.Dense(2)]
    net = Sequential(parts, input_shape=(5, 3), dtype="float64", seed=0)
    x = rng.standard_normal((9, 5, 3))
    assert net.state is None
    fresh = net.jacobian(x)
    assert net.state is None
    net.predict(rng.standard_normal(x.shape))
    state = net.state
    moved = net.jacobian(x)
    np.testing.assert_equal(net.state, state)
    assert np.abs(moved - fresh).max() > 1e-3
    wanted = np.zeros_like(moved)
    for place in np.ndindex(5, 3):
        for sign in (1, -1):
            net.state = state
            apart = x.copy()
            apart[(slice(None), *place)] += sign * 1e-6
            wanted[(..., *place)] += sign * net.predict(apart) / 2e-6
    close(moved, wanted, "float32")
    net.state = state
    flat = moved.reshape(9, 2, 15)
    close(net.jvp(x, x), np.einsum("nki,ni->nk", flat, x.reshape(9, 15)))
    with pytest.raises(ValueError, match="x must have the 9 samples that the states are of"):
        net.jacobian(x[:4])


def test_nothing_random_is_in_it_and_running_statistics_are(rng):
    parts = [layers.BatchNorm(), layers.Dropout(0.5), layers.RandomShift(1), layers.Flatten(), layers.Dense(2)]
    net = Sequential(parts, input_shape=(2, 4, 3), dtype="float64", seed=0)
    x = rng.standard_normal((8, 2, 4, 3))
    net.forward(x, training=True)  # which moves the statistics
    first = net.jacobian(x)
    assert (net.jacobian(x) == first).all()
    close(first, differences(net, x), "float32")
    assert (first == first[:1]).all()  # what is left is linear


def test_it_goes_on_with_new_weights_and_in_copies(rng):
    net, x = smooth(), rng.standard_normal((5, 4))
    first = net.jacobian(x)
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert (twin.jacobian(x) == first).all()
    net.parameters = net.parameters * 1.1
    moved = net.jacobian(x)
    assert (moved != first).any()
    close(moved, differences(net, x), "float32")


def test_a_frozen_layer_passes_derivatives_on(rng):
    net, x = smooth(), rng.standard_normal((5, 4))
    first = net.jacobian(x)
    net.trainable = False
    assert (net.jacobian(x) == first).all()


def test_images_may_lie_channels_last(rng):
    net = Sequential([layers.Conv2D(4, 3, activation="tanh")], input_shape=(3, 6, 5), dtype="float64", seed=0)
    x, v = rng.standard_normal((2, 3, 6, 5)), rng.standard_normal((2, 4, 4, 3))
    wanted = net.vjp(x, v)
    last = [np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2) for a in (x, v)]
    assert (net.vjp(*last) == wanted).all()
    assert (net.jacobian(last[0]) == net.jacobian(x)).all()


def test_jvp_takes_some_samples_at_a_time(rng, monkeypatch):
    net, x = smooth(), rng.standard_normal((37, 4))
    v = rng.standard_normal((37, 4))
    wanted = net.jvp(x, v)
    monkeypatch.setattr(differentiable, "_NUMBERS", 60)
    close(net.jvp(x, v), wanted)


def test_whatever_predict_takes(rng):
    net, x = smooth("float32"), rng.integers(-2, 3, (4, 4))
    wanted = net.jacobian(x.astype("float32"))
    for given in (x, x.tolist(), x.astype("float64")):
        assert (net.jacobian(given) == wanted).all()
        assert (net.jvp(given, given) == net.jvp(x, x)).all()


@pytest.mark.parametrize("method", ["vjp", "jvp", "jacobian"])
@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"x": np.zeros((2, 3))}, r"x must have shape \(N, 4\)"),
        ({"x": np.zeros((0, 4))}, "x must not be empty"),
        ({"x": np.full((2, 4), np.nan)}, "x must be finite"),
        ({"v": np.zeros((2, 9))}, r"v must have shape \(N, [34]\); received \(2, 9\)"),
        ({"v": np.zeros((3, 0))}, "v must not be empty"),
        ({"v": [[np.inf] * 4] * 2}, "v must"),
        ({"lengths": [1, 2]}, "lengths must be None"),
    ],
)
def test_bad_input(method, given, error):
    net = smooth()
    if method == "jacobian" and "v" in given:
        return
    arguments = {"x": np.zeros((2, 4)), "v": np.zeros((2, 4 if method == "jvp" else 3)), **given}
    if method == "jacobian":
        del arguments["v"]
    with pytest.raises(ValueError, match=error):
        getattr(net, method)(**arguments)


def test_samples_that_have_no_derivative(rng):
    net, x = smooth(), np.zeros((2, 4))
    with pytest.raises(ValueError, match="v must have the 2 samples of x; received 3"):
        net.vjp(x, np.zeros((3, 3)))
    with pytest.raises(ValueError, match="v must have the 2 samples of x; received 3"):
        net.jvp(x, np.zeros((3, 4)))
    tokens = Sequential([layers.Embedding(5, 3), layers.GRU(2)], input_shape=(None,), seed=0)
    ids = np.zeros((2, 4), int)
    for call in (lambda: tokens.jacobian(ids), lambda: tokens.vjp(ids, x[:, :2]), lambda: tokens.jvp(ids, ids)):
        with pytest.raises(ValueError, match="samples must be numbers for derivatives; those of the network are token"):
            call()
    case = CASES["recursive"]
    trees, batch = network(case), case.batch(rng, 3)
    for call in (lambda: trees.jacobian(batch.x), lambda: trees.jvp(batch.x, batch.x)):
        with pytest.raises(
            ValueError, match="samples must have one shape for a Jacobian; those of the network are tre"
        ):
            call()
    with pytest.raises(ValueError, match="trees must be given"):
        trees.vjp(batch.x, batch.x)
    with pytest.raises(ValueError, match="v must have as many rows as the outputs of x; received 1"):
        trees.vjp(batch.x, np.zeros((1, 5)), **batch.options)
    with pytest.raises(RuntimeError, match="must be built before use"):
        Sequential([layers.Dense(2)]).jacobian(x)
    chosen = Sequential([CASES["categories beside numbers"].make()], input_shape=(3,), dtype="float64", seed=0)
    x = CASES["categories beside numbers"].batch(rng, 4).x
    assert not chosen.jacobian(x)[:, :, 1].any()
