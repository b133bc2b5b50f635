"""Inputs of the articles' layers in float64, for `fastdl.compat` and for the articles' own Python."""

from __future__ import annotations

import numpy as np


def convolution_data():
    """x, weight, bias and a sensitivity map: LeNet-5's second convolution, in float64."""
    rng = np.random.default_rng(3)
    x, sensitivity = rng.standard_normal((6, 14, 14)), rng.standard_normal((16, 10, 10))
    return x, rng.standard_normal((16, 6, 5, 5)) / 12, rng.standard_normal(16), sensitivity


def pooling_data():
    """x and a sensitivity map: LeNet-5's first pooling, in float64."""
    rng = np.random.default_rng(4)
    return rng.standard_normal((6, 28, 28)), rng.standard_normal((6, 14, 14))


def lstm_data():
    """State and input weights and biases by gate, 50 inputs, and the gradient of the last h: width 128, in float64."""
    rng = np.random.default_rng(5)
    state, inputs = ({k: rng.standard_normal((128, 128)) / 12 for k in "fioc"} for _ in range(2))
    biases = {k: rng.standard_normal((128, 1)) for k in "fioc"}
    return state, inputs, biases, rng.standard_normal((50, 128, 1)), rng.standard_normal((128, 1))
