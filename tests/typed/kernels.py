"""The kernels as functions, as a user's script would call them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import assert_type

from fastdl import functional as f

rng = np.random.default_rng(0)
x = rng.standard_normal((2, 3))
for activation in (
    f.identity, f.relu, f.sigmoid, f.tanh, f.softmax, f.selu, f.softplus, f.hard_sigmoid, f.hard_tanh, f.relu6, f.gelu,
    f.silu, f.hard_silu,
):  # fmt: skip
    assert_type(activation(x), NDArray[Any])
    assert_type(activation([[1.0, 2.0]]), NDArray[Any])
assert_type(f.leaky_relu(x, slope=0.1), NDArray[Any])
assert_type(f.elu(x, 0.5), NDArray[Any])
for back in (f.gelu_backward, f.silu_backward, f.hard_silu_backward):
    assert_type(back(x, x), NDArray[Any])
assert_type(f.activation_backward(x, f.sigmoid(x), "sigmoid"), NDArray[Any])

weight, bias = rng.standard_normal((4, 3)), np.zeros(4)
assert_type(f.dense(x, weight, bias), NDArray[Any])
dx, dweight, dbias = f.dense_backward(np.ones((2, 4)), x, weight)
assert_type(dweight, NDArray[Any])

images, kernels = rng.standard_normal((2, 3, 6, 6)), rng.standard_normal((4, 3, 3, 3))
y = f.cross_correlate2d(images, kernels, stride=2, padding=(1, 1))
assert_type(y, NDArray[Any])
dx, dkernels, dbias = f.cross_correlate2d_backward(np.ones_like(y), images, kernels, stride=2, padding=1)
assert_type(dx, NDArray[Any])
columns = f.im2col(images, 3, padding=1)
assert_type(columns, NDArray[Any])
assert_type(f.col2im(columns, 6, (3, 3), padding=1), NDArray[Any])
assert_type(f.expand_sensitivity_map(np.ones((1, 2, 3, 3)), 2, 6), NDArray[Any])
assert_type(f.max_pool2d(images, 2), NDArray[Any])
assert_type(f.max_pool2d_backward(np.ones((2, 3, 3, 3)), images, 2), NDArray[Any])
assert_type(f.mean_pool2d(images, (2, 2), 2), NDArray[Any])
assert_type(f.mean_pool2d_backward(np.ones((2, 3, 3, 3)), images, 2), NDArray[Any])

h = c = np.zeros((2, 4))
inside = rng.standard_normal((16, 3)), rng.standard_normal((16, 4))
assert_type(f.rnn_step(x, h, inside[0][:4], inside[1][:4], activation="relu"), NDArray[Any])
assert_type(f.rnn_step_backward(h, x, h, inside[0][:4], inside[1][:4]), tuple[NDArray[Any], ...])
assert_type(f.lstm_step(x, h, c, *inside), tuple[NDArray[Any], NDArray[Any]])
assert_type(f.lstm_step_backward(h, c, x, h, c, *inside), tuple[NDArray[Any], ...])
assert_type(f.gru_step(x, h, inside[0][:12], inside[1][:12], reset_after=False), NDArray[Any])
assert_type(f.gru_step_backward(h, x, h, inside[0][:12], inside[1][:12]), tuple[NDArray[Any], ...])

assert_type(f.cross_entropy(x, [0, 1]), float)
assert_type(f.cross_entropy_backward(x, [0, 1]), NDArray[Any])
assert_type(f.squared_error(x, x), float)
assert_type(f.squared_error_backward(x, x), NDArray[Any])
velocity, m, v = np.zeros_like(weight), np.zeros_like(weight), np.zeros_like(weight)
f.sgd_step(weight, dweight, velocity, lr=0.1, momentum=0.9, nesterov=True)
f.adam_step(weight, dweight, m, v, step=1)
