"""The baseline's arithmetic is right."""

import numpy as np
import pytest
import reference

from bench import article_layers


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_convolution(rng):
    weight, bias, x = rng.standard_normal((3, 2, 3, 2)), rng.standard_normal(3), rng.standard_normal((2, 6, 5))
    layer = article_layers.Convolution(weight, bias)
    linear = reference.cross_correlate2d(x[None], weight, bias, (1, 1), (0, 0))
    np.testing.assert_allclose(layer.forward(x), np.maximum(linear, 0)[0], atol=1e-12)
    dy = rng.standard_normal(linear.shape)
    dx, dw, db = reference.cross_correlate2d_backward(dy, x[None], weight, (1, 1), (0, 0))
    np.testing.assert_allclose(layer.backward(dy[0]), dx[0], atol=1e-12)
    np.testing.assert_allclose(layer.weight_gradient, dw, atol=1e-12)
    np.testing.assert_allclose(layer.bias_gradient, db, atol=1e-12)


def test_max_pooling(rng):
    x, dy = rng.standard_normal((2, 4, 6)), rng.standard_normal((2, 2, 3))
    layer = article_layers.MaxPooling(2)
    np.testing.assert_allclose(layer.forward(x), reference.max_pool2d(x[None], (2, 2), (2, 2))[0])
    expected = reference.max_pool2d_backward(dy[None], x[None], (2, 2), (2, 2))[0]
    np.testing.assert_allclose(layer.backward(x, dy), expected)


def test_lstm(rng):
    def draw(*shape):
        return {k: rng.standard_normal(shape) for k in article_layers.Lstm.GATES}

    parameters = draw(3, 3), draw(3, 2), draw(3, 1)
    layer, inputs = article_layers.Lstm(*parameters), rng.standard_normal((4, 2, 1))

    def run():
        layer.reset()
        for x in inputs:
            layer.forward(x)
        return layer.h[-1].sum()

    run()
    gradients = layer.backward(np.ones((3, 1)))
    for group, values in enumerate(parameters):
        for gate, array in values.items():
            for place in np.ndindex(array.shape):
                kept, errors = array[place], []
                for shift in (-1e-5, 1e-5):
                    array[place] = kept + shift
                    errors.append(run())
                array[place] = kept
                assert gradients[gate][group][place] == pytest.approx((errors[1] - errors[0]) / 2e-5, abs=1e-8)
