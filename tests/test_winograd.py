"""3 x 3 convolutions of channels and pixels enough to be taken in tiles (minimal filtering), beside the reference."""

import numpy as np
import pytest
import reference
from conftest import close

import fastdl
from fastdl import Sequential, gradient_check, layers, losses, optimizers

# Channels, filters, the image's size, padding: tiles that are whole and that the edge cuts, one block of them and
# several, channels of whole vectors and not, sums in one part and in several, panels of one, two and three vectors.
CASES = [
    (16, 16, (6, 6), 1), (16, 17, (8, 9), 0), (33, 19, (7, 6), 1), (20, 40, (6, 13), (2, 1)), (47, 16, (21, 18), 0),
    (16, 50, (9, 70), 1), (64, 64, (17, 16), "same"), (24, 100, (7, 7), 1), (130, 32, (10, 6), 1), (401, 16, (6, 7), 1),
    (16, 401, (8, 6), 1), (16, 16, (6, 300), 1),
]  # fmt: skip

# That go in tiles in training alone, and in batches that are large enough.
SMALL_IMAGES = [(16, 24, (2, 2), 1), (33, 16, (3, 3), 1), (20, 40, (4, 4), 1), (16, 19, (5, 5), 1), (64, 64, (4, 3), 1)]


def built(channels, filters, size, dtype, rng, padding=1, **settings):
    layer = layers.Conv2D(filters, 3, padding=padding, **settings)
    layer.build((channels, *size), dtype=dtype, seed=0)
    layer.params["bias"][...] = rng.standard_normal(filters)
    return layer


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_forward_and_gradients(case, dtype, rng):
    channels, filters, size, padding = case
    layer = built(channels, filters, size, dtype, rng, padding)
    x = rng.standard_normal((3, channels, *size)).astype(dtype)
    y = layer.forward(x)
    dy = rng.standard_normal(y.shape).astype(dtype)
    dx, weight = layer.backward(dy), layer.params["weight"].astype("float64")
    sides = (1, 1) if padding == "same" else (padding, padding) if isinstance(padding, int) else padding
    geometry = (1, 1), sides
    close(y, reference.cross_correlate2d(x.astype("float64"), weight, layer.params["bias"], *geometry), dtype)
    expected = reference.cross_correlate2d_backward(dy.astype("float64"), x, weight, *geometry)
    for one, other in zip((dx, layer.grads["weight"], layer.grads["bias"]), expected, strict=True):
        close(one, other, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("samples", [1, 3, 13])
@pytest.mark.parametrize("case", CASES + SMALL_IMAGES, ids=str)
def test_training_has_the_gradient(case, samples, dtype, rng):
    """Its tiles are larger where that is less work, and of several images where these are small."""
    channels, filters, size, padding = case
    net = Sequential(
        [layers.Conv2D(channels, 1, activation="tanh"), layers.Conv2D(filters, 3, padding=padding), layers.Flatten()],
        input_shape=(3, *size), dtype=dtype, seed=0,
    )  # fmt: skip
    net.layers[1].params["bias"][...] = rng.standard_normal(filters)
    x, target = rng.standard_normal((samples, 3, *size)), rng.standard_normal((samples, *net.output_shape))
    net.backward((net.forward(x) - target) / samples)
    expected, before = net.gradients.copy(), net.parameters.copy()
    net.train_on_batch(x, target, loss="squared_error", optimizer=optimizers.SGD(1e3))  # so weights are forgotten
    close((before - net.parameters) / 1e3, expected, dtype)


def test_training_rounds_hardly_worse_than_gradients_by_hand(rng):
    """Sums of large tiles cancel each other, which costs half a digit, their points being chosen well."""
    single, double = (
        Sequential([layers.Conv2D(64, 3, padding=1), layers.Conv2D(64, 3, padding=1), layers.Flatten()],
                   input_shape=(64, 32, 32), dtype=dtype, seed=0)
        for dtype in ("float32", "float64")
    )  # fmt: skip
    double.parameters[...] = single.parameters
    x, target = rng.standard_normal((4, 64, 32, 32)).astype("float32"), rng.standard_normal((4, 64 * 32 * 32)) * 1e3
    for net in (single, double):
        net.backward((net.forward(x) - target) / 4)
    expected = double.gradients.copy()
    by_hand = np.sqrt(np.mean((single.gradients - expected) ** 2))
    single.train_on_batch(x, target, loss="squared_error", optimizer=optimizers.SGD(1e6))
    trained = np.sqrt(np.mean((single.parameters / -1e6 - expected) ** 2))
    assert 0 < by_hand < trained < 3 * by_hand


def network(size=(9, 12), dtype="float32", frozen=()):
    net = Sequential(
        [layers.Conv2D(17, 1), layers.Conv2D(16, 3, padding=1, activation="tanh"),
         layers.Residual([layers.Conv2D(16, 3, padding=1)]), layers.MeanPool2D(3), layers.Flatten(), layers.Dense(2)],
        input_shape=(2, *size), dtype=dtype, seed=0,
    )  # fmt: skip
    for k in frozen:
        net.layers[k].trainable = False
    return net


@pytest.mark.parametrize("frozen", [(), (1,), (0, 1), (0, 2)])
def test_gradients_by_differences(frozen, rng):
    net = network((6, 7), "float64", frozen)
    x, y = rng.standard_normal((3, 2, 6, 7)), rng.standard_normal((3, 2))
    assert gradient_check(net, x, y, loss="squared_error") < 1e-6


@pytest.mark.parametrize("frozen", [(), (1,), (0, 1), (0, 2)])
def test_a_step_goes_down_the_gradient(frozen, rng):
    made, by_hand = network(dtype="float64", frozen=frozen), network(dtype="float64", frozen=frozen)
    x, target = rng.standard_normal((11, 2, 9, 12)), rng.standard_normal((11, 2))
    by_hand.backward((by_hand.forward(x) - target) / 11)
    made.fit(x, target, batch_size=11, loss="squared_error", optimizer=optimizers.SGD(0.1), verbose=0)
    expected = by_hand.parameters - 0.1 * by_hand.gradients
    for k, layer in enumerate(by_hand.layers):
        for name, values in layer.params.items():
            wanted = values if k in frozen else values - 0.1 * layer.grads[name]
            close(made.layers[k].params[name], wanted)
    assert frozen or np.abs(made.parameters - expected).max() < 1e-12


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_threads_and_batches_change_nothing(dtype, rng):
    x, y = rng.standard_normal((40, 2, 9, 12)).astype(dtype), rng.standard_normal((40, 2)).astype(dtype)
    given = []
    for threads in (1, 2, 3):
        fastdl.set_num_threads(threads)
        net = network(dtype=dtype)
        net.fit(x, y, batch_size=16, epochs=2, loss="squared_error", optimizer=optimizers.SGD(0.01), verbose=0)
        convolution = Sequential(
            [layers.Conv2D(16, 1), layers.Conv2D(17, 3)], input_shape=(2, 9, 12), dtype=dtype, seed=0
        )
        whole = convolution.predict(x)
        assert all((convolution.predict(x[i : i + n]) == whole[i : i + n]).all() for i in (0, 7) for n in (1, 2, 9))
        given.append((net.parameters.copy(), whole, net.forward(x), net.backward(y)))
    for others in given[1:]:
        assert all((one == other).all() for one, other in zip(others, given[0], strict=True))


def in_strips(layer, x):
    """The same convolution of strips so low that each is a direct sum, padding and all."""
    channels, height, width = x.shape[1:]
    strip = layers.Conv2D(layer.filters, 3).build((channels, 3, width + 2), dtype=x.dtype, seed=0)
    for name, values in strip.params.items():
        values[...] = layer.params[name]
    around = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    return np.concatenate([strip.forward(around[:, :, i : i + 3]) for i in range(height)], axis=2)


@pytest.mark.parametrize("bright", [1, 1e4])
def test_rounding_is_no_worse_than_that_of_direct_sums(bright, rng):
    """Nor is it near a bright pixel, in tiles that have it, where it is not seen."""
    layer = built(64, 64, (32, 32), "float32", rng)
    x, quiet = rng.standard_normal((4, 64, 32, 32)).astype("float32"), np.ones((34, 34), bool)
    for i, j in [(4, 7), (13, 21), (18, 12), (29, 30)]:
        x[:, :, i, j] *= bright
        quiet[i : i + 3, j : j + 3] = bright == 1
    quiet = quiet[1:-1, 1:-1]
    exact = reference.cross_correlate2d(
        x.astype("float64"), layer.params["weight"].astype("float64"), layer.params["bias"], (1, 1), (1, 1)
    )
    ours, direct = (np.sqrt(np.mean((y - exact)[:, :, quiet] ** 2)) for y in (layer.forward(x), in_strips(layer, x)))
    assert 0 < direct < 1e-6
    assert ours < 1.5 * direct


@pytest.mark.parametrize("bad", [1e35, -1e35])
def test_what_is_not_finite_stays_so_where_it_is_seen(bad, rng):
    """What overflows on its way to the convolution, forward and back."""
    scaled = [layers.Rescaling(1e10), layers.Conv2D(16, 3, padding=1), layers.Rescaling(1e10)]
    net = Sequential(scaled, input_shape=(16, 9, 11), seed=0)
    for i, j in [(0, 0), (3, 4), (4, 5), (8, 10)]:
        seen = np.zeros((10, 12), bool)
        seen[max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2] = True
        seen = seen[:9, :11]
        x, dy = rng.standard_normal((2, 1, 16, 9, 11)) * 1e-10
        x[0, 5, i, j] = bad
        y = net.forward(x)[0]
        assert (np.isfinite(y) == ~seen).all()
        x[0, 5, i, j], dy[0, 5, i, j] = 1, bad
        net.forward(x)
        dx = net.backward(dy)[0]
        assert (np.isfinite(dx) == ~seen).all()
        assert not np.isfinite(net.layers[1].grads["weight"][5]).any()
        assert np.isfinite(net.layers[1].grads["weight"][4]).all()


@pytest.mark.parametrize("size", [(5, 5), (16, 13)])
def test_a_loop_of_ones_own_takes_the_steps_of_training_to_the_bit(size, rng):
    x, target = rng.standard_normal((16, 2, *size)).astype("float32"), np.zeros((16, 2), "float32")
    trained, by_hand = (
        Sequential([layers.Conv2D(16, 3, padding=1), layers.Conv2D(17, 3, padding=1, activation="relu"),
                    layers.Flatten(), layers.Dense(2)], input_shape=(2, *size), seed=0)
        for _ in range(2)
    )  # fmt: skip
    trained.train_on_batch(x, target, loss="squared_error", optimizer=optimizers.SGD(0.1))
    by_hand.predict(x)
    by_hand.backward(losses.squared_error_backward(by_hand.forward(x, training=True), target))
    by_hand.step(optimizers.SGD(0.1))
    assert np.array_equal(trained.parameters, by_hand.parameters)
