"""Normalization: what running statistics are and are not, and batches that leave little to normalize."""

import pickle
from copy import deepcopy

import numpy as np
import pytest
from conftest import close

import fastdl
from fastdl import Sequential, callbacks, layers, optimizers

SHAPES = [(5,), (4, 5), (5, 3, 4)]
OPTIMIZERS = [
    optimizers.SGD(0.1, momentum=0.9, weight_decay=0.5), optimizers.SGD(0.1, clip_norm=0.01),
    optimizers.Adam(0.1, weight_decay=0.5, clip_value=0.01), optimizers.AdamW(0.1, weight_decay=0.5),
    optimizers.RMSprop(0.1, weight_decay=0.5), optimizers.AdaGrad(0.1, weight_decay=0.5),
]  # fmt: skip


def network(shape, dtype="float32"):
    """Two of them, so that one reads what the other's parameters have made."""
    inner = [layers.BatchNorm(), layers.Dropout(0.2), layers.Residual([layers.BatchNorm(momentum=0.3)])]
    return Sequential([*inner, layers.Flatten(), layers.Dense(3)], input_shape=shape, dtype=dtype, seed=0)


def samples(shape, rng, count=40):
    return rng.standard_normal((count, *shape)) * 3 + 1, rng.integers(0, 3, count)


def axes(x):
    """All but the features'."""
    return (0, 2, 3) if x.ndim == 4 else tuple(range(x.ndim - 1))


def along(values, x):
    """One number a feature, beside x."""
    return values[:, None, None] if x.ndim == 4 else values


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_running_statistics_are_no_parameters(shape):
    layer, net = layers.BatchNorm().build(shape), network(shape)
    assert list(layer.params) == list(layer.grads) == ["weight", "bias"]
    assert list(layer.buffers) == ["running_mean", "running_var"]
    assert [name for name in net.params if "running" in name] == []
    assert list(net.buffers) == [f"{k}.{name}" for k in ("0", "2.0") for name in layer.buffers]
    assert (layer.buffers["running_mean"] == 0).all()
    assert (layer.buffers["running_var"] == 1).all()
    layer.buffers["running_var"] = np.arange(5)
    assert (layer.buffers["running_var"] == np.arange(5)).all()


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: type(o).__name__)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_no_optimizer_changes_them(shape, optimizer, rng):
    """After a step they are what its batch says, whatever the rate, the decay, the limits and the moments are."""
    net, (x, y) = network(shape, "float64"), samples(shape, rng)
    net.train_on_batch(x, y, optimizer=optimizer)
    mean, variance = x.mean(axes(x)), x.var(axes(x), ddof=1)
    close(net.buffers["0.running_mean"], 0.1 * mean)
    close(net.buffers["0.running_var"], 0.9 + 0.1 * variance)
    there = {id(values.base): values for values in net.params.values()}
    assert len(there) == 1
    changed = np.zeros(net.parameters.size, bool)
    for moments in net._training.moments:
        changed |= moments != 0
    for values in net.buffers.values():
        start = (values.ctypes.data - net.parameters.ctypes.data) // values.itemsize
        assert not changed[start : start + values.size].any()


def test_gradients_are_clipped_without_them(rng):
    x, y = samples((5,), rng)
    plain, clipped = network((5,), "float64"), network((5,), "float64")
    before = {name: values.copy() for name, values in plain.params.items()}
    plain.train_on_batch(x, y, optimizer=optimizers.SGD(1.0))
    clipped.train_on_batch(x, y, optimizer=optimizers.SGD(1.0, clip_norm=0.1))
    moved = {name: plain.params[name] - values for name, values in before.items()}
    norm = np.sqrt(sum((step**2).sum() for step in moved.values()))
    for name, step in moved.items():
        close(clipped.params[name] - before[name], step * 0.1 / norm)


@pytest.mark.parametrize("own", [False, True], ids=["fit", "own loop"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_any_number_of_threads_to_the_bit(shape, own, rng):
    x, y = samples(shape, rng, 3000)
    single = None
    for threads in (1, 2, 3):
        fastdl.set_num_threads(threads)
        net = network(shape)
        if own:
            for _ in range(2):
                net.forward(x, training=True)
                net.backward(np.ones((len(x), 3)))
                net.step(optimizers.Adam(0.01))
        else:
            net.fit(x, y, batch_size=1100, optimizer=optimizers.Adam(0.01), verbose=0)
        single = net if single is None else single
        assert (net.parameters == single.parameters).all()
        assert (net.predict(x) == single.predict(x)).all()


@pytest.mark.parametrize("copy", ["save", "pickle", "deepcopy"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_training_goes_on_to_the_bit(shape, copy, tmp_path, rng):
    x, y = samples(shape, rng)
    arguments = {"batch_size": 9, "optimizer": optimizers.Adam(0.01), "verbose": 0}
    net = network(shape)
    net.fit(x, y, **arguments)
    if copy == "save":
        net.save(tmp_path / "net.npz", training=True)
        again = fastdl.load(tmp_path / "net.npz")
    else:
        again = pickle.loads(pickle.dumps(net)) if copy == "pickle" else deepcopy(net)
    for name, values in net.buffers.items():
        assert (again.buffers[name] == values).all()
        assert again.buffers[name] is not values
    for one in (net, again):
        one.fit(x, y, **arguments)
    assert (again.parameters == net.parameters).all()
    assert (again.predict(x) == net.predict(x)).all()


def diverging(step):
    return 0.01 if step < 7 else 1e30


class Ends(Exception):
    pass


class EndAt(callbacks.Callback):
    def __init__(self, steps):
        self.steps = steps

    def on_batch_block(self, net, done, total, logs):
        if net._training.steps >= self.steps:
            raise Ends


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_training_that_diverges_leaves_those_of_whole_steps(shape, rng, monkeypatch):
    x, y = samples(shape, rng)
    arguments = {"batch_size": 4, "optimizer": optimizers.SGD(diverging), "epochs": 3, "verbose": 0}
    net, other = network(shape), network(shape)
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError):
        net.fit(x, y, **arguments)
    steps = net._training.steps
    assert steps >= 7
    monkeypatch.setattr("fastdl.training.stepping.BLOCK_SECONDS", 0)
    with np.errstate(all="ignore"), pytest.raises(Ends):
        other.fit(x, y, callbacks=[EndAt(steps)], **arguments)
    assert other._training.steps == steps
    for name, values in net.buffers.items():
        assert np.isfinite(values).all()
        assert (values == other.buffers[name]).all()
    assert (net.parameters == other.parameters).all()


def test_predictions_and_measurements_leave_them(rng):
    x, y = samples((5,), rng)
    net = network((5,))
    net.train_on_batch(x, y)
    before = net.parameters.copy()
    net.predict(x)
    net.evaluate(x, y)
    net.forward(x)
    net.backward(np.ones((len(x), 3)))
    assert (net.parameters == before).all()
    net.forward(x, training=True)
    assert (net.parameters != before).any()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_batch_of_one_sample(dtype):
    """Its variance is 0, and of one number there is no better estimate."""
    layer = layers.BatchNorm(momentum=0.25).build((3,), dtype=dtype)
    layer.params["bias"] = [1, 2, 3]
    x = np.array([[1e4, 0.1, -7]])
    assert (layer.forward(x, training=True) == [[1, 2, 3]]).all()
    assert (layer.backward([[5, 6, 7]]) == 0).all()
    assert (layer.grads["weight"] == 0).all()
    assert (layer.grads["bias"] == [5, 6, 7]).all()
    close(layer.buffers["running_mean"], x[0] / 4, dtype)
    assert (layer.buffers["running_var"] == 1).all()


def test_a_last_batch_of_one_sample_takes_nothing_away(rng):
    x = rng.standard_normal((129, 4))
    net = Sequential([layers.BatchNorm(), layers.Dense(1)], input_shape=4, seed=0)
    net.fit(x, x[:, 0], loss="squared_error", optimizer=optimizers.SGD(0.1), batch_size=64, epochs=50, verbose=0)
    assert net.evaluate(x, x[:, 0])["loss"] < 1e-3
    np.testing.assert_allclose(net.buffers["0.running_var"], x.var(axis=0, ddof=1), rtol=0.3)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_feature_that_is_constant(shape, dtype, rng):
    """It gives its bias, however large it is; the others are as if they were alone."""
    layer = layers.BatchNorm().build(shape, dtype=dtype)
    layer.params["bias"] = np.arange(5)
    x = rng.standard_normal((37, *shape))
    x.swapaxes(1, -1 if len(shape) < 3 else 1)[:, 2] = 1000.1
    others = [0, 1, 3, 4]
    alone = layers.BatchNorm().build((*shape[:-1], 4) if len(shape) < 3 else (4, *shape[1:]), dtype=dtype)
    alone.params["bias"] = others
    select = (slice(None), others) if len(shape) == 3 else (..., others)
    constant = (slice(None), 2) if len(shape) == 3 else (..., 2)
    dy = rng.standard_normal(x.shape)
    y, dx = layer.forward(x, training=True), layer.backward(dy)
    assert (y[constant] == 2).all()
    assert layer.grads["weight"][2] == 0
    close(dx[constant], (dy[constant] - dy[constant].mean()) / np.sqrt(1e-5), dtype)
    assert (y[select] == alone.forward(x[select], training=True)).all()
    assert (dx[select] == alone.backward(dy[select])).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1,), (13,), (40,), (3, 13), (2, 3, 5)], ids=str)
def test_samples_that_are_constant(shape, dtype, rng):
    layer = layers.LayerNorm().build(shape, dtype=dtype)
    layer.params["bias"] = rng.standard_normal(layer.params["bias"].shape)
    x = np.full((2, *shape), 1000.1)
    assert (layer.forward(x) == layer.params["bias"]).all()
    layer.backward(rng.standard_normal(x.shape))
    assert (layer.grads["weight"] == 0).all()


@pytest.mark.parametrize("columns", [1, 5, 8, 16, 33, 70])
@pytest.mark.parametrize("inner", [(), (37,), (9, 11), (1, 3)], ids=str)
@pytest.mark.parametrize("first", [0, 1000], ids=["alike", "begins elsewhere"])
def test_large_numbers_close_together(inner, columns, first, rng):
    """Their mean and variance lose no digits, and so do not outputs and gradients."""
    shape = (*inner, columns) if len(inner) < 2 else (columns, *inner)
    net = Sequential([layers.BatchNorm(momentum=1)], input_shape=shape)
    x = (rng.standard_normal((50, *shape)) * 0.5 + 100).astype(np.float32)
    x[0] += first  # of which all differences are taken
    beside = Sequential([layers.BatchNorm(momentum=1)], input_shape=shape, dtype="float64")
    rows, g = x.astype(float), rng.standard_normal(x.shape).astype(np.float32)
    np.testing.assert_allclose(net.forward(x, training=True), beside.forward(rows, training=True), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(net.backward(g), beside.backward(g.astype(float)), rtol=2e-4, atol=2e-4)
    np.testing.assert_allclose(net.buffers["0.running_mean"], rows.mean(axes(rows)), rtol=3e-7)
    np.testing.assert_allclose(net.buffers["0.running_var"], rows.var(axes(rows), ddof=1), rtol=1e-5)
    np.testing.assert_allclose(beside.buffers["0.running_var"], rows.var(axes(rows), ddof=1), rtol=1e-12)
    for name, values in net.grads.items():
        np.testing.assert_allclose(values, beside.grads[name], rtol=1e-4, atol=5e-3)


def test_steps_that_do_not_count(rng):
    """The mean and the variance are those of the others."""
    net = Sequential([layers.BatchNorm(momentum=1)], input_shape=(None, 3), dtype="float64")
    x, lengths = rng.standard_normal((30, 6, 3)) * 2 + 1, rng.integers(1, 7, 30)
    there = np.arange(6) < lengths[:, None]
    x[~there] = 1e6
    y = net.forward(x, lengths=lengths, training=True)
    rows = x[there]
    close(y[there], (rows - rows.mean(0)) / np.sqrt(rows.var(0) + 1e-5))
    close(net.buffers["0.running_mean"], rows.mean(0))
    close(net.buffers["0.running_var"], rows.var(0, ddof=1))
    assert (net.backward(np.ones(x.shape))[~there] == 0).all()


def test_groups_of_steps_that_count(rng):
    net = Sequential([layers.GroupNorm(2)], input_shape=(None, 6), dtype="float64", seed=0)
    x, lengths = rng.standard_normal((4, 5, 6)), np.array([5, 1, 3, 2])
    there = np.arange(5) < lengths[:, None]
    x[~there] = 1e6
    y = net.forward(x, lengths=lengths)
    for sample, out, length in zip(x, y, lengths, strict=True):
        rows = sample[:length].reshape(length, 2, 3)
        mean, variance = (f(rows, axis=(0, 2), keepdims=True) for f in (np.mean, np.var))
        close(out[:length], ((rows - mean) / np.sqrt(variance + 1e-5)).reshape(length, 6))
    assert (net.backward(np.ones(x.shape))[~there] == 0).all()


@pytest.mark.parametrize("offset", [1e3, 1e5])
def test_groups_of_numbers_far_from_zero(offset, rng):
    """Their rounding alone is seen."""
    x = (rng.standard_normal((3, 8, 70, 70)) + offset).astype("float32")
    y = Sequential([layers.GroupNorm(2)], input_shape=x.shape[1:], seed=0).predict(x)
    parted = x.astype(float).reshape(3, 2, -1)
    z = (parted - parted.mean(2, keepdims=True)) / parted.std(2, keepdims=True)
    np.testing.assert_allclose(y.reshape(z.shape), z, atol=1e-7 * offset)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.BatchNorm(momentum=1.5), "momentum must be a finite number from 0.0 to 1; received 1.5"),
        (lambda: layers.BatchNorm(epsilon=0), "epsilon must be a finite number from 1e-12 to 1; received 0"),
        (lambda: layers.GroupNorm(0), "groups must be at least 1; received 0"),
        (lambda: layers.GroupNorm(3).build((4, 5, 5)), "groups must divide 4 channels or features; received 3"),
        (lambda: layers.GroupNorm(2, epsilon=0), "epsilon must be a finite number from 1e-12 to 1; received 0"),
        (lambda: layers.LayerNorm(epsilon=-1), "epsilon must be a finite number from 1e-12 to 1; received -1"),
        (lambda: layers.LayerNorm().build((None,)), r"input_shape of LayerNorm must have a number of features"),
        (lambda: layers.BatchNorm().build((None,)), r"input_shape of BatchNorm must have a number of features"),
    ],
)
def test_settings_that_cannot_be(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_batches_of_one_vector_are_warned_of():
    x, y = np.random.default_rng(0).standard_normal((5, 3)), np.arange(5) % 2
    dense = [layers.Dense(4), layers.BatchNorm(), layers.Dense(2)]
    net = Sequential(dense, input_shape=3, seed=0)
    with pytest.warns(UserWarning, match="a BatchNorm gives its bias for a batch of one sample"):
        net.fit(x, y, batch_size=1, verbose=0)
    net.fit(x, y, batch_size=2, verbose=0)  # of the last batch there is nothing to say
    dense[1].trainable = False  # it takes its running statistics
    net.fit(x, y, batch_size=1, verbose=0)
    images = Sequential(
        [layers.Conv2D(2, 3), layers.BatchNorm(), layers.Flatten(), layers.Dense(2)], input_shape=(1, 5, 5)
    )
    images.fit(np.ones((4, 1, 5, 5)), y[:4], batch_size=1, verbose=0)
