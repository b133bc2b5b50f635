"""Convolutions of images with few channels, by minimal filtering along their height, beside the reference."""

import numpy as np
import pytest
import reference
from conftest import assert_threads_and_batches_change_nothing, close

from fastdl import Sequential, gradient_check, layers

# Channels, filters, height, width, kernel, stride along rows: taps in threes and twos, an even number of output rows
# and an odd one, one block of pairs and several.
CASES = [
    (6, 16, 14, 14, (5, 5), 1), (6, 16, 13, 17, (5, 5), 1), (8, 16, 12, 20, (3, 3), 1), (3, 32, 9, 40, (3, 9), 1),
    (16, 32, 7, 11, (4, 5), 1), (5, 48, 16, 15, (7, 6), 1), (24, 16, 8, 70, (3, 1), 1), (9, 16, 11, 33, (6, 4), 2),
    (2, 64, 12, 30, (10, 12), 3),
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_forward_and_gradients(case, dtype, rng):
    channels, filters, height, width, kernel, stride = case
    layer = layers.Conv2D(filters, kernel, stride=(1, stride))
    layer.build((channels, height, width), dtype=dtype, seed=0)
    layer.params["bias"][...] = rng.standard_normal(filters)
    x = rng.standard_normal((3, channels, height, width)).astype(dtype)
    y = layer.forward(x)
    dy = rng.standard_normal(y.shape).astype(dtype)
    dx, weight = layer.backward(dy), layer.params["weight"].astype("float64")
    geometry = (1, stride), (0, 0)
    close(y, reference.cross_correlate2d(x.astype("float64"), weight, layer.params["bias"], *geometry), dtype)
    expected = reference.cross_correlate2d_backward(dy.astype("float64"), x.astype("float64"), weight, *geometry)
    for ours, value in zip((dx, layer.grads["weight"], layer.grads["bias"]), expected, strict=True):
        close(ours, value, dtype)


def network(dtype="float32"):
    parts = [
        layers.Conv2D(5, 3, activation="tanh"), layers.Conv2D(16, 5, activation="tanh"), layers.GlobalMeanPool(),
        layers.Dense(2),
    ]  # fmt: skip
    return Sequential(parts, input_shape=(1, 15, 14), dtype=dtype, seed=0)


def test_gradients_by_differences(rng):
    x, y = rng.standard_normal((2, 1, 15, 14)), rng.standard_normal((2, 2))
    assert gradient_check(network("float64"), x, y, loss="squared_error", limit=300) < 1e-5


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_threads_and_batches_change_nothing(dtype, rng):
    x, y = rng.standard_normal((40, 1, 15, 14)).astype(dtype), rng.standard_normal((40, 2)).astype(dtype)
    assert_threads_and_batches_change_nothing(lambda: network(dtype), x, y)


@pytest.mark.parametrize("bright", [1, 1e4])
def test_rounding_is_small_where_a_bright_row_is_not_seen(bright, rng):
    layer = layers.Conv2D(16, 5).build((6, 24, 14), dtype="float32", seed=0)
    x, quiet = rng.standard_normal((4, 6, 24, 14)).astype("float32"), np.ones(20, bool)
    for row in (8, 19):
        x[:, :, row] *= bright
        quiet[row - 4 : row + 1] = bright == 1
    weight = layer.params["weight"].astype("float64")
    exact = reference.cross_correlate2d(x.astype("float64"), weight, layer.params["bias"], (1, 1), (0, 0))
    error = np.sqrt(np.mean((layer.forward(x) - exact)[:, :, quiet] ** 2))
    assert error < 1e-6 * np.sqrt(np.mean(exact[:, :, quiet] ** 2))


@pytest.mark.parametrize("bad", [1e35, -1e35])
def test_what_is_not_finite_stays_so_where_it_is_seen(bad, rng):
    """What overflows on its way to the convolution."""
    scaled = [layers.Rescaling(1e10), layers.Conv2D(16, 5)]
    net = Sequential(scaled, input_shape=(6, 13, 14), seed=0)
    for row in (0, 1, 6, 7, 12):
        x = rng.standard_normal((1, 6, 13, 14)) * 1e-10
        x[0, 3, row, 5] = bad
        seen = np.zeros((9, 10), bool)
        seen[max(0, row - 4) : row + 1, 1:6] = True
        assert (np.isfinite(net.forward(x)[0]) == ~seen).all()
