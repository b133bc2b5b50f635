"""Images of one channel, a convolution and a pool of two by two: training has kernels of its own for them."""

import pytest
import reference
from conftest import close

from fastdl import Sequential, layers, optimizers


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("pool", [layers.MaxPool2D, layers.MeanPool2D])
@pytest.mark.parametrize("kernel", [(1, 1), (3, 2), (2, 5), (3, 6), (1, 11)])
def test_a_step_goes_down_the_gradient(kernel, pool, dtype, rng):
    """For every rest of the width and of the filters, windows that do not fit, and rows that are left out."""
    for width, filters, down in ((2, 1, 1), (3, 2, 2), (7, 3, 1), (9, 4, 3), (17, 5, 2), (18, 7, 1), (34, 9, 3)):
        net, by_hand = (
            Sequential(
                [layers.Conv2D(filters, kernel, stride=(down, 1), activation="tanh"), pool(2), layers.Flatten(),
                 layers.Dense(2)],
                input_shape=(1, kernel[0] + 4 * down, kernel[1] - 1 + width), dtype=dtype, seed=0,
            )
            for _ in range(2)
        )  # fmt: skip
        x, target = rng.standard_normal((11, *net.input_shape)), rng.standard_normal((11, 2))
        by_hand.backward((by_hand.forward(x) - target) / 11)
        net.fit(x, target, batch_size=11, loss="squared_error", optimizer=optimizers.SGD(0.1), verbose=0)
        close(net.parameters, by_hand.parameters - 0.1 * by_hand.gradients, dtype)


def test_one_channel_of_a_convolution(rng):
    """Its gradient is asked for by what is before it."""
    net, by_hand = (
        Sequential(
            [layers.Conv2D(1, 2), layers.Conv2D(3, 2), layers.MaxPool2D(2), layers.Flatten(), layers.Dense(2)],
            input_shape=(1, 8, 9), dtype="float64", seed=0,
        )
        for _ in range(2)
    )  # fmt: skip
    x, target = rng.standard_normal((11, 1, 8, 9)), rng.standard_normal((11, 2))
    by_hand.backward((by_hand.forward(x) - target) / 11)
    net.fit(x, target, batch_size=11, loss="squared_error", optimizer=optimizers.SGD(0.1), verbose=0)
    close(net.parameters, by_hand.parameters - 0.1 * by_hand.gradients)


def test_the_first_of_equal_pixels_wins(rng):
    x, dy = rng.integers(0, 2, (20, 1, 6, 38)).astype(float), rng.standard_normal((20, 1, 3, 19))
    layer = layers.MaxPool2D(2).build((1, 6, 38), dtype="float64")
    close(layer.forward(x), reference.max_pool2d(x, (2, 2), (2, 2)))
    close(layer.backward(dy), reference.max_pool2d_backward(dy, x, (2, 2), (2, 2)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kernel", [(1, 1), (3, 2), (2, 5), (3, 6), (1, 11)])
def test_what_the_image_is_asked_for(kernel, dtype, rng):
    for width, filters, down, apart in ((1, 1, 1, 1), (3, 2, 2, 3), (9, 16, 3, 2), (17, 33, 2, 1), (34, 7, 1, 2)):
        height = (kernel[0] - 1) * apart + 5 * down  # some rows are left out
        layer = layers.Conv2D(filters, kernel, stride=(down, 1), dilation=(apart, 1))
        layer.build((1, height, kernel[1] - 1 + width), dtype=dtype, seed=0)
        x = rng.standard_normal((3, *layer.input_shape)).astype(dtype)
        dy = rng.standard_normal(layer.forward(x).shape).astype(dtype)
        given = layer.backward(dy)
        wanted, *_ = reference.cross_correlate2d_backward(
            dy, x, layer.params["weight"], layer.stride, (0, 0), layer.dilation
        )
        close(given, wanted, dtype)
