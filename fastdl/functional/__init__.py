"""The kernels as plain functions on arrays.

Each takes array_likes and gives new C-contiguous arrays: of float64 where data, weights or states are float64, of
float32 otherwise. Biases, targets and the gradients of outputs are converted to that dtype. ``stride``, ``padding`` and
sizes are one integer or (height, width); padding is of zeros, on every side.
"""

from typing import TYPE_CHECKING

from .._hints.names import hinting_getattr
from ..losses import cross_entropy, cross_entropy_backward, squared_error, squared_error_backward
from .activations import (
    activation_backward,
    elu,
    gelu,
    gelu_backward,
    hard_sigmoid,
    hard_silu,
    hard_silu_backward,
    hard_tanh,
    identity,
    leaky_relu,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    silu_backward,
    softmax,
    softplus,
    tanh,
)
from .affine import dense, dense_backward
from .convolution import col2im, cross_correlate2d, cross_correlate2d_backward, expand_sensitivity_map, im2col
from .pooling import max_pool2d, max_pool2d_backward, mean_pool2d, mean_pool2d_backward
from .recurrent import gru_step, gru_step_backward, lstm_step, lstm_step_backward, rnn_step, rnn_step_backward
from .updates import adam_step, sgd_step

__all__ = [
    "activation_backward",
    "adam_step",
    "col2im",
    "cross_correlate2d",
    "cross_correlate2d_backward",
    "cross_entropy",
    "cross_entropy_backward",
    "dense",
    "dense_backward",
    "elu",
    "expand_sensitivity_map",
    "gelu",
    "gelu_backward",
    "gru_step",
    "gru_step_backward",
    "hard_sigmoid",
    "hard_silu",
    "hard_silu_backward",
    "hard_tanh",
    "identity",
    "im2col",
    "leaky_relu",
    "lstm_step",
    "lstm_step_backward",
    "max_pool2d",
    "max_pool2d_backward",
    "mean_pool2d",
    "mean_pool2d_backward",
    "relu",
    "relu6",
    "rnn_step",
    "rnn_step_backward",
    "selu",
    "sgd_step",
    "sigmoid",
    "silu",
    "silu_backward",
    "softmax",
    "softplus",
    "squared_error",
    "squared_error_backward",
    "tanh",
]

if not TYPE_CHECKING:
    __getattr__ = hinting_getattr(__name__, __all__)
