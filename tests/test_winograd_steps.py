"""Convolutions of sequences with channels and steps enough for minimal filtering along time, beside the reference."""

import numpy as np
import pytest
import reference
from conftest import assert_threads_and_batches_change_nothing, close

from fastdl import Sequential, gradient_check, layers, optimizers

# Features, filters, steps, kernel, stride, padding: taps of every phase in threes, twos and alone, an even number of
# outputs and an odd one, one block of pairs and several, steps that no window sees.
CASES = [
    (32, 32, 34, 3, 1, 0), (32, 48, 35, 3, 1, 0), (64, 32, 33, 2, 1, 0), (32, 32, 40, 4, 1, 1), (48, 32, 41, 5, 1, 2),
    (32, 96, 300, 7, 1, 3), (32, 32, 67, 3, 2, 0), (32, 64, 66, 3, 2, 1), (64, 32, 301, 5, 2, 2),
    (32, 32, 131, 7, 2, 3), (96, 32, 110, 4, 3, 0), (32, 32, 133, 7, 3, 2), (32, 32, 139, 10, 4, "same"),
    (32, 48, 48, 9, 1, "causal"), (400, 32, 32, 3, 1, "same"), (32, 400, 33, 3, 1, "same"),
]  # fmt: skip


def built(features, filters, steps, dtype, rng, kernel=3, **settings):
    layer = layers.Conv1D(filters, kernel, **settings)
    layer.build((steps, features), dtype=dtype, seed=0)
    layer.params["bias"][...] = rng.standard_normal(filters)
    return layer


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_forward_and_gradients(case, dtype, rng):
    features, filters, steps, kernel, stride, padding = case
    layer = built(features, filters, steps, dtype, rng, kernel, stride=stride, padding=padding)
    x = rng.standard_normal((3, steps, features)).astype(dtype)
    y = layer.forward(x)
    dy = rng.standard_normal(y.shape).astype(dtype)
    dx, weight = layer.backward(dy), layer.params["weight"].astype("float64")[:, :, None]
    if padding == "same":
        _, padding = reference.same_padding((1, steps), (1, kernel), (1, stride), (1, 1))
    elif padding == "causal":
        padding = kernel - 1, 0
    geometry = (1, stride), (0, padding)

    def as_image(sequences):
        return sequences.astype("float64").transpose(0, 2, 1)[:, :, None]

    close(as_image(y), reference.cross_correlate2d(as_image(x), weight, layer.params["bias"], *geometry), dtype)
    dx_expected, dw, db = reference.cross_correlate2d_backward(as_image(dy), as_image(x), weight, *geometry)
    close(as_image(dx), dx_expected, dtype)
    close(layer.grads["weight"], dw[:, :, 0], dtype)
    close(layer.grads["bias"], db, dtype)


def network(stride, dtype="float32", frozen=()):
    net = Sequential(
        [layers.Conv1D(32, 1), layers.Conv1D(32, 5, padding=2, stride=stride, activation="tanh"),
         layers.Residual([layers.Conv1D(32, 3, padding="causal")]), layers.GlobalMeanPool(), layers.Dense(2)],
        input_shape=(33 * stride, 2), dtype=dtype, seed=0,
    )  # fmt: skip
    for k in frozen:
        net.layers[k].trainable = False
    return net


@pytest.mark.parametrize("frozen", [(), (1,), (0, 1)])
@pytest.mark.parametrize("stride", [1, 2])
def test_gradients_by_differences(stride, frozen, rng):
    net = network(stride, "float64", frozen)
    x, y = rng.standard_normal((2, 33 * stride, 2)), rng.standard_normal((2, 2))
    assert gradient_check(net, x, y, loss="squared_error", limit=300) < 1e-6


@pytest.mark.parametrize("frozen", [(), (1,), (0, 1)])
def test_a_step_goes_down_the_gradient(frozen, rng):
    made, by_hand = network(2, "float64", frozen), network(2, "float64", frozen)
    x, target = rng.standard_normal((11, 66, 2)), rng.standard_normal((11, 2))
    by_hand.backward((by_hand.forward(x) - target) / 11)
    made.fit(x, target, batch_size=11, loss="squared_error", optimizer=optimizers.SGD(0.1), verbose=0)
    for k, layer in enumerate(by_hand.layers):
        for name, values in layer.params.items():
            close(made.layers[k].params[name], values if k in frozen else values - 0.1 * layer.grads[name])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_threads_and_batches_change_nothing(dtype, rng):
    x, y = rng.standard_normal((40, 66, 2)).astype(dtype), rng.standard_normal((40, 2)).astype(dtype)
    assert_threads_and_batches_change_nothing(lambda: network(2, dtype), x, y)


def in_short_runs(layer, x):
    """The same convolution of stretches so short that each is a direct sum."""
    steps, features = x.shape[1:]
    stretch = layers.Conv1D(layer.filters, 3).build((13, features), dtype=x.dtype, seed=0)
    for name, values in stretch.params.items():
        values[...] = layer.params[name]
    return np.concatenate([stretch.forward(x[:, i : i + 13]) for i in range(0, steps - 2, 11)], axis=1)


@pytest.mark.parametrize("bright", [1, 1e4])
def test_rounding_is_about_that_of_direct_sums(bright, rng):
    """Nor is it worse near a bright step, in pairs that have it, where it is not seen."""
    layer = built(64, 64, 112, "float32", rng)
    x, quiet = rng.standard_normal((4, 112, 64)).astype("float32"), np.ones(110, bool)
    for i in (7, 20, 40, 81):
        x[:, i] *= bright
        quiet[i - 2 : i + 1] = bright == 1
    weight = layer.params["weight"].astype("float64")[:, :, None]
    image = x.astype("float64").transpose(0, 2, 1)[:, :, None]
    exact = reference.cross_correlate2d(image, weight, layer.params["bias"], (1, 1), (0, 0))[:, :, 0].transpose(0, 2, 1)
    ours, direct = (np.sqrt(np.mean((y - exact)[:, quiet] ** 2)) for y in (layer.forward(x), in_short_runs(layer, x)))
    assert 0 < direct < 1e-6
    assert ours < 1.5 * direct


@pytest.mark.parametrize("bad", [1e35, -1e35])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (2, 1), (5, 2), (3, 2)])
def test_what_is_not_finite_stays_so_where_it_is_seen(kernel, stride, bad, rng):
    """What overflows on its way to the convolution, forward and back."""
    steps = 33 * stride + kernel - stride
    scaled = [layers.Rescaling(1e10), layers.Conv1D(32, kernel, stride=stride), layers.Rescaling(1e10)]
    net = Sequential(scaled, input_shape=(steps, 32), seed=0)
    for place in (0, 1, 30, 33, steps - 1):
        x = rng.standard_normal((1, steps, 32)) * 1e-10
        x[0, place, 5] = bad
        seen = np.array([0 <= place - j * stride < kernel for j in range(33)])
        assert (np.isfinite(net.forward(x)[0]) == ~seen[:, None]).all()
    for output in (0, 1, 31, 32):
        x, dy = rng.standard_normal((1, steps, 32)) * 1e-10, rng.standard_normal((1, 33, 32)) * 1e-10
        dy[0, output, 5] = bad
        net.forward(x)
        seen = np.array([0 <= i - output * stride < kernel for i in range(steps)])
        assert (np.isfinite(net.backward(dy)[0]) == ~seen[:, None]).all()
        assert not np.isfinite(net.layers[1].grads["weight"][5]).any()
        assert np.isfinite(net.layers[1].grads["weight"][4]).all()
