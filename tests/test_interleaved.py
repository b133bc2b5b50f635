"""Images that go through a network four at a time, interleaved, beside the same ones that go alone or by threes."""

import numpy as np
import pytest
import reference
from conftest import close

import fastdl
from fastdl import Sequential, layers, optimizers

# Rows of pixels that fill vectors and that do not, kernels of one row to seven, channels that fill vectors and that do
# not, pools that leave pixels out, and all that may stand between: what ends such a run, and what begins no other.
NETWORKS = {
    "one channel": lambda: [layers.Conv2D(6, 5, activation="relu"), layers.MaxPool2D(2), layers.Flatten()],
    "LeNet-5": lambda: [
        layers.Conv2D(6, 5, activation="tanh"), layers.MeanPool2D(2), layers.Conv2D(16, 3, activation="relu"),
        layers.MaxPool2D(2), layers.Flatten(),
    ],
    "windows": lambda: [
        layers.Conv2D(7, (2, 3)), layers.MaxPool2D((2, 3), stride=(2, 4)), layers.Conv2D(16, (3, 2)), layers.Flatten(),
    ],
    "mean windows": lambda: [
        layers.Conv2D(16, (1, 3)), layers.MeanPool2D((3, 2), stride=(3, 3)), layers.Conv2D(5, (4, 2)), layers.Flatten(),
    ],
    "wide kernels": lambda: [layers.Conv2D(3, (7, 6)), layers.Conv2D(8, (2, 8)), layers.Flatten()],
    "gelu": lambda: [
        layers.Conv2D(9, 3, activation="gelu"), layers.Conv2D(32, 4, activation="silu"), layers.GlobalMeanPool(),
    ],
    "overlapping pools": lambda: [
        layers.Conv2D(4, 3, activation="relu"), layers.MaxPool2D(3, stride=2), layers.Conv2D(4, 3), layers.Flatten(),
    ],
    "strides": lambda: [layers.Conv2D(4, 3, stride=2), layers.Conv2D(12, 3), layers.Conv2D(12, 3), layers.Flatten()],
    "padding": lambda: [layers.Conv2D(4, 3, padding="same"), layers.Conv2D(8, 5, padding=2), layers.Flatten()],
    "residual": lambda: [
        layers.Conv2D(5, 3), layers.Residual([layers.Conv2D(5, 3, padding="same", activation="tanh")]),
        layers.Conv2D(6, 3), layers.Flatten(),
    ],
    "branches": lambda: [
        layers.Conv2D(4, 3, activation="relu"),
        layers.Parallel(
            [[layers.Conv2D(3, 3, padding="same", activation="tanh"), layers.Conv2D(2, 3, padding="same")], [],
             [layers.Conv2D(5, 5, padding="same")]],
        ),
        layers.Conv2D(6, 3), layers.MaxPool2D(2), layers.Flatten(),
    ],
    "frozen": lambda: [layers.Conv2D(5, 3, activation="tanh"), layers.Conv2D(6, 3), layers.Flatten()],
    "frozen in the middle": lambda: [
        layers.Conv2D(5, 3, activation="tanh"), layers.Conv2D(6, 3), layers.Conv2D(4, 3), layers.Flatten(),
    ],
    "behind weights": lambda: [
        layers.Conv2D(2, 1), layers.Dropout(0.0), layers.Conv2D(1, 3), layers.MaxPool2D(2), layers.Conv2D(6, 3),
        layers.Flatten(),
    ],
}  # fmt: skip
SHAPES = [(1, 17, 18), (3, 16, 19), (2, 20, 16)]


def network(name, shape, dtype):
    net = Sequential([*NETWORKS[name](), layers.Dense(3)], input_shape=shape, dtype=dtype, seed=0)
    net.layers[0].trainable = name != "frozen"
    net.layers[1].trainable = name != "frozen in the middle"
    return net


def step(net, x, y):
    """The gradient of a step on all samples."""
    before = net.parameters.copy()
    net.fit(
        x, y, batch_size=len(x), epochs=1, shuffle=False, loss="squared_error", optimizer=optimizers.SGD(1.0), verbose=0
    )
    gradient = before - net.parameters
    net.parameters[...] = before
    return gradient


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", NETWORKS)
def test_beside_images_that_go_alone(name, shape, dtype, rng):
    net = network(name, shape, dtype)
    for samples in (4, 11, 12, 15, 18):
        x, y = rng.standard_normal((samples, *shape)).astype(dtype), rng.standard_normal((samples, 3)).astype(dtype)
        close(net.predict(x), np.concatenate([net.predict(one[None]) for one in x]), dtype)
        close(net.jacobian(x), np.concatenate([net.jacobian(one[None]) for one in x]), dtype)
        parts = [step(net, x[i : i + 3], y[i : i + 3]) * len(x[i : i + 3]) for i in range(0, samples, 3)]
        close(step(net, x, y), sum(parts) / samples, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kernel", [(1, 2), (2, 3), (3, 5), (5, 5), (6, 4), (7, 2)], ids=str)
@pytest.mark.parametrize("channels", [(1, 6), (2, 8), (3, 16), (5, 7), (8, 1), (6, 24)], ids=str)
def test_beside_the_reference(channels, kernel, dtype, rng):
    for height, width in ((9, 12), (12, 9)):
        parts = [layers.Conv2D(channels[1], kernel), layers.Flatten()]
        net = Sequential(parts, input_shape=(channels[0], height, width), dtype=dtype, seed=0)
        net.layers[0].params["bias"][...] = rng.standard_normal(channels[1])
        x = rng.standard_normal((11, channels[0], height, width)).astype(dtype)
        weight = net.layers[0].params["weight"].astype("float64")
        exact = reference.cross_correlate2d(x.astype("float64"), weight, net.layers[0].params["bias"], (1, 1), (0, 0))
        close(net.predict(x), exact.reshape(11, -1), dtype)


@pytest.mark.parametrize("name", NETWORKS)
def test_threads_change_nothing(name, rng):
    x, y, given = rng.standard_normal((50, 3, 16, 19)), rng.standard_normal((50, 3)), []
    for threads in (1, 2, 3):
        fastdl.set_num_threads(threads)
        net = network(name, (3, 16, 19), "float32")
        net.fit(x, y, batch_size=23, epochs=2, loss="squared_error", optimizer=optimizers.Adam(1e-3), verbose=0)
        given.append((net.parameters.copy(), net.predict(x), net.predict(x[:7])))
    for others in given[1:]:
        assert all((one == other).all() for one, other in zip(others, given[0], strict=True))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NETWORKS)
def test_images_see_nothing_of_one_another(name, dtype, rng):
    net, x = network(name, (3, 16, 19), dtype), rng.standard_normal((11, 3, 16, 19))
    quiet = net.predict(x)
    for sample, bad in ((1, 1e35), (6, -1e35), (9, -1e10)):
        spoilt = x.copy()
        spoilt[sample] = bad
        others = np.arange(11) != sample
        assert (net.predict(spoilt)[others] == quiet[others]).all()


def test_what_is_not_finite_stays_so_where_it_is_seen(rng):
    net = Sequential([layers.Conv2D(5, 5), layers.Flatten()], input_shape=(6, 13, 14), dtype="float32", seed=0)
    net.parameters[...] = 1e10
    for row in range(13):
        x = rng.standard_normal((4, 6, 13, 14)) * 1e-10
        x[2, 3, row, 5] = 1e35
        seen = np.zeros((9, 10), bool)
        seen[max(0, row - 4) : row + 1, 1:6] = True
        y = net.predict(x).reshape(4, 5, 9, 10)
        assert (np.isfinite(y[2]) == ~seen).all()
        assert np.isfinite(y[[0, 1, 3]]).all()


@pytest.mark.parametrize("name", NETWORKS)
def test_batches_of_any_size_after_one_another(name, rng):
    net = network(name, (3, 16, 19), "float64")
    x, y = rng.standard_normal((12, 3, 16, 19)), rng.standard_normal((12, 3))
    alone, gradient = net.predict(x[:1]), step(net, x, y)
    few = step(net, x[:2], y[:2])
    for samples in (12, 1, 8, 3, 11, 4, 9):
        assert (net.predict(x[:1]) == alone).all()
        close(net.predict(x[:samples])[:1], alone)
        close(net.backward(np.ones_like(net.forward(x[:samples])))[:1], net.vjp(x[:1], np.ones((1, 3))))
        assert (step(net, x[:2], y[:2]) == few).all()
        assert (step(net, x, y) == gradient).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("samples", [80, 100])
def test_batches_of_many_groups(samples, dtype, rng):
    net = network("LeNet-5", (1, 17, 18), dtype)
    x, y = rng.standard_normal((samples, 1, 17, 18)).astype(dtype), rng.standard_normal((samples, 3)).astype(dtype)
    close(net.predict(x), np.concatenate([net.predict(x[i : i + 2]) for i in range(0, samples, 2)]), dtype)
    parts = [step(net, x[i : i + 2], y[i : i + 2]) * 2 for i in range(0, samples, 2)]
    close(step(net, x, y), sum(parts) / samples, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("pools", [False, True])
def test_outputs_are_images(pools, dtype, rng):
    between = [layers.MaxPool2D(2)] if pools else []
    parts = [layers.Conv2D(6, 3, activation="tanh"), *between, layers.Conv2D(5, 3)]
    net = Sequential(parts, input_shape=(2, 13, 14), dtype=dtype, seed=0)
    x = rng.standard_normal((11, 2, 13, 14)).astype(dtype)
    dy = rng.standard_normal((11, *net.output_shape)).astype(dtype)

    def passed(some):
        y = net.forward(x[some], training=True)
        return y, net.backward(dy[some]), net.gradients.copy()

    y, dx, gradient = passed(slice(11))
    alone = [passed(slice(i, i + 1)) for i in range(11)]
    close(net.predict(x), np.concatenate([one[0] for one in alone]), dtype)
    close(y, np.concatenate([one[0] for one in alone]), dtype)
    close(dx, np.concatenate([one[1] for one in alone]), dtype)
    close(gradient, sum(one[2] for one in alone), dtype)
