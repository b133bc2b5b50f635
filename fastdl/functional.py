"""The kernels as plain functions on arrays.

Each takes array_likes and gives new C-contiguous arrays: of float64 where float64 comes in, of float32 otherwise.
``stride``, ``padding`` and sizes are one integer or (height, width); padding is of zeros, on every side.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import _core
from ._steps import (
    gru_step,
    gru_step_backward,
    lstm_step,
    lstm_step_backward,
    rnn_step,
    rnn_step_backward,
)
from ._types import Array
from ._validation.arrays import as_array, as_ranked, as_real
from ._validation.shapes import check_size
from ._validation.values import COUNT, as_int, as_number, as_pair
from .layers import Conv2D, Dense, Layer, MaxPool2D, MeanPool2D
from .layers.base import check_activation
from .losses import cross_entropy, cross_entropy_backward, squared_error, squared_error_backward
from .optimizers import SGD, Adam

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
    "expand_sensitivity_map",
    "gru_step",
    "gru_step_backward",
    "identity",
    "im2col",
    "lstm_step",
    "lstm_step_backward",
    "max_pool2d",
    "max_pool2d_backward",
    "mean_pool2d",
    "mean_pool2d_backward",
    "relu",
    "rnn_step",
    "rnn_step_backward",
    "sgd_step",
    "sigmoid",
    "softmax",
    "squared_error",
    "squared_error_backward",
    "tanh",
]

Pair = int | tuple[int, int]


def cross_correlate2d(x: Any, weight: Any, bias: Any = None, *, stride: Pair = 1, padding: Pair = 0) -> Array:
    """Slide kernels over images without turning them over (article 4, "cross-correlation").

    y[n, o, i, j] = bias[o] + sum over c, k, l of x[n, c, i sh + k, j sw + l] weight[o, c, k, l]

    Parameters
    ----------
    x : array_like, shape (N, C, H, W)
    weight : array_like, shape (O, C, KH, KW)
    bias : array_like, shape (O,), optional
    stride, padding : int or (int, int)

    Returns
    -------
    ndarray, shape (N, O, OH, OW)
        With OH = (H + 2 padding - KH) // stride + 1.
    """
    x, layer = _convolution(x, weight, bias, stride, padding)
    return layer.forward(x)


def cross_correlate2d_backward(
    dy: Any, x: Any, weight: Any, *, stride: Pair = 1, padding: Pair = 0
) -> tuple[Array, Array, Array]:
    """Give the gradients of `cross_correlate2d`.

    Parameters
    ----------
    dy : array_like, shape (N, O, OH, OW)
        The gradient with respect to the output.
    x : array_like, shape (N, C, H, W)
    weight : array_like, shape (O, C, KH, KW)
    stride, padding : int or (int, int)

    Returns
    -------
    dx : ndarray, shape (N, C, H, W)
    dweight : ndarray, shape (O, C, KH, KW)
    dbias : ndarray, shape (O,)
    """
    x, layer = _convolution(x, weight, None, stride, padding)
    return _backward(layer, x, dy)


def im2col(x: Any, kernel_size: Pair, *, stride: Pair = 1, padding: Pair = 0) -> Array:
    """Lay every receptive field out as a column.

    Parameters
    ----------
    x : array_like, shape (N, C, H, W)
    kernel_size, stride, padding : int or (int, int)

    Returns
    -------
    ndarray, shape (N, C * KH * KW, OH * OW)
        Rows in the order of channel, row and column of the kernel.
    """
    x = as_ranked(x, "x", 4, "(N, C, H, W)")
    kernel, stride, padding, (oh, ow) = _fields(x.shape[2:], kernel_size, stride, padding)
    check_size((x.shape[1], *kernel, oh, ow), "kernel_size and padding")
    (ph, pw) = padding
    padded = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    return _core.load(x.dtype.name).im2col(padded, *kernel, *stride, oh, ow)  # type: ignore[no-any-return]


def col2im(columns: Any, input_size: Pair, kernel_size: Pair, *, stride: Pair = 1, padding: Pair = 0) -> Array:
    """Add every column back to where its field lies: the adjoint of `im2col`.

    Parameters
    ----------
    columns : array_like, shape (N, C * KH * KW, OH * OW)
    input_size : int or (int, int)
        (H, W) of the images.
    kernel_size, stride, padding : int or (int, int)

    Returns
    -------
    ndarray, shape (N, C, H, W)
    """
    columns = as_ranked(columns, "columns", 3, "(N, C * KH * KW, OH * OW)")
    h, w = as_pair(input_size, "input_size")
    (kh, kw), (sh, sw), (ph, pw), (oh, ow) = _fields((h, w), kernel_size, stride, padding)
    samples, rows, pixels = columns.shape
    if rows % (kh * kw) or pixels != oh * ow:
        raise ValueError(f"columns must have shape (N, C * {kh * kw}, {oh * ow}); received {columns.shape}")
    fields = columns.reshape(samples, rows // (kh * kw), kh, kw, oh, ow)
    padded = _core.load(columns.dtype.name).col2im(fields, h + 2 * ph, w + 2 * pw, sh, sw)
    return np.ascontiguousarray(padded[:, :, ph : ph + h, pw : pw + w])


def max_pool2d(x: Any, size: Pair, stride: Pair | None = None) -> Array:
    """Give the largest value of each window (article 4).

    Parameters
    ----------
    x : array_like, shape (N, C, H, W)
    size : int or (int, int)
    stride : int or (int, int), optional
        The size where not given.

    Returns
    -------
    ndarray, shape (N, C, (H - size) // stride + 1, (W - size) // stride + 1)
    """
    return _pool(MaxPool2D, x, size, stride)[1]


def max_pool2d_backward(dy: Any, x: Any, size: Pair, stride: Pair | None = None) -> Array:
    """Give each window's gradient to the first place, row by row, that holds its largest value.

    Parameters
    ----------
    dy : array_like, shape (N, C, OH, OW)
    x : array_like, shape (N, C, H, W)
    size, stride
        As of `max_pool2d`.

    Returns
    -------
    ndarray, shape (N, C, H, W)
        Where windows overlap, their gradients add.
    """
    return _pool(MaxPool2D, x, size, stride)[0].backward(dy)


def mean_pool2d(x: Any, size: Pair, stride: Pair | None = None) -> Array:
    """Give the mean of each window (article 4).

    Parameters
    ----------
    x : array_like, shape (N, C, H, W)
    size : int or (int, int)
    stride : int or (int, int), optional
        The size where not given.

    Returns
    -------
    ndarray, shape (N, C, (H - size) // stride + 1, (W - size) // stride + 1)
    """
    return _pool(MeanPool2D, x, size, stride)[1]


def mean_pool2d_backward(dy: Any, x: Any, size: Pair, stride: Pair | None = None) -> Array:
    """Share each window's gradient out evenly.

    Parameters
    ----------
    dy : array_like, shape (N, C, OH, OW)
    x : array_like, shape (N, C, H, W)
    size, stride
        As of `mean_pool2d`.

    Returns
    -------
    ndarray, shape (N, C, H, W)
    """
    return _pool(MeanPool2D, x, size, stride)[0].backward(dy)


def expand_sensitivity_map(delta: Any, stride: Pair, size: Pair | None = None) -> Array:
    """Spread a sensitivity map of any stride out to what stride 1 would give, with zeros between (article 4).

    Parameters
    ----------
    delta : array_like, shape (N, C, OH, OW)
    stride : int or (int, int)
    size : int or (int, int), optional
        (EH, EW) of the result, at least ((OH - 1) sh + 1, (OW - 1) sw + 1), which it is where not given.

    Returns
    -------
    ndarray, shape (N, C, EH, EW)
        delta[n, c, i, j] at [n, c, i sh, j sw].
    """
    delta = as_ranked(delta, "delta", 4, "(N, C, OH, OW)")
    sh, sw = as_pair(stride, "stride")
    least = (delta.shape[2] - 1) * sh + 1, (delta.shape[3] - 1) * sw + 1
    h, w = least if size is None else as_pair(size, "size")
    if h < least[0] or w < least[1]:
        raise ValueError(f"size must be at least {least}; received {(h, w)}")
    check_size((*delta.shape[1:2], h, w), "stride and size")
    return _core.load(delta.dtype.name).expand(delta, sh, sw, h, w)  # type: ignore[no-any-return]


def dense(x: Any, weight: Any, bias: Any = None) -> Array:
    """Give x W^T + b.

    Parameters
    ----------
    x : array_like, shape (N, F)
    weight : array_like, shape (O, F)
    bias : array_like, shape (O,), optional

    Returns
    -------
    ndarray, shape (N, O)
    """
    x, layer = _dense(x, weight, bias)
    return layer.forward(x)


def dense_backward(dy: Any, x: Any, weight: Any) -> tuple[Array, Array, Array]:
    """Give the gradients of `dense`.

    Parameters
    ----------
    dy : array_like, shape (N, O)
    x : array_like, shape (N, F)
    weight : array_like, shape (O, F)

    Returns
    -------
    dx : ndarray, shape (N, F)
    dweight : ndarray, shape (O, F)
    dbias : ndarray, shape (O,)
    """
    x, layer = _dense(x, weight, None)
    return _backward(layer, x, dy)


def identity(x: Any) -> Array:
    """Give a copy of x, of any shape."""
    return _activate("identity", x)


def relu(x: Any) -> Array:
    """Give max(0, x) of each element of x, of any shape."""
    return _activate("relu", x)


def sigmoid(x: Any) -> Array:
    """Give 1 / (1 + exp(-x)) of each element of x, of any shape."""
    return _activate("sigmoid", x)


def tanh(x: Any) -> Array:
    """Give the hyperbolic tangent of each element of x, of any shape."""
    return _activate("tanh", x)


def softmax(x: Any) -> Array:
    """Give exp(x) over its sum along the last axis; x of any shape (..., F)."""
    return _activate("softmax", x)


def activation_backward(dy: Any, y: Any, name: str) -> Array:
    """Give the gradient with respect to an activation's input.

    Parameters
    ----------
    dy : array_like
        The gradient with respect to the activation's output.
    y : array_like, of dy's shape
        That output.
    name : str
        identity, relu, sigmoid, tanh or softmax.

    Returns
    -------
    ndarray, of dy's shape
    """
    name = check_activation(name, "name")
    y = as_array(y, "y")
    dy = as_array(dy, "dy", y.dtype.name)
    if dy.shape != y.shape:
        raise ValueError(f"dy must have the shape of y, {y.shape}; received {dy.shape}")
    rows = _rows(y)
    return _core.load(y.dtype.name).activation_backward(name, dy.reshape(rows.shape), rows).reshape(y.shape)  # type: ignore[no-any-return]


def sgd_step(
    param: Array,
    grad: Any,
    velocity: Array | None = None,
    *,
    lr: float,
    momentum: float = 0.0,
    nesterov: bool = False,
    weight_decay: float = 0.0,
) -> None:
    """Take one step of stochastic gradient descent, in place.

    g = grad + weight_decay param;  velocity = momentum velocity + g;
    param -= lr (g + momentum velocity if nesterov else velocity)

    Parameters
    ----------
    param, velocity : ndarray, float32 or float64
        Changed in place. The velocity may be left out without momentum.
    grad : array_like, of param's shape
    lr, momentum, weight_decay : float
    nesterov : bool
    """
    optimizer = SGD(as_number(lr, "lr"), momentum, nesterov, weight_decay)
    if optimizer.moments and velocity is None:
        raise ValueError("velocity must be given with momentum; received None")
    _step(optimizer, 1, param, grad, {"velocity": velocity})


def adam_step(
    param: Array,
    grad: Any,
    m: Array,
    v: Array,
    *,
    step: int,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
) -> None:
    """Take one step of Adam, in place (Kingma and Ba 2015).

    Parameters
    ----------
    param, m, v : ndarray, float32 or float64
        The parameters and the two moments, changed in place.
    grad : array_like, of param's shape
    step : int
        Which step it is, counted from 1.
    lr, eps, weight_decay : float
    betas : (float, float)
    """
    step = as_int(step, "step", most=COUNT)
    _step(Adam(as_number(lr, "lr"), betas, eps, weight_decay), step, param, grad, {"m": m, "v": v})


def _convolution(x: Any, weight: Any, bias: Any, stride: Pair, padding: Pair) -> tuple[Array, Layer]:
    x, weight = _alike(as_ranked(x, "x", 4, "(N, C, H, W)"), as_ranked(weight, "weight", 4, "(O, C, KH, KW)"))
    if weight.shape[1] != x.shape[1]:
        raise ValueError(f"weight must have shape (O, {x.shape[1]}, KH, KW); received {weight.shape}")
    kernel = weight.shape[2], weight.shape[3]
    layer = Conv2D(len(weight), kernel, stride=stride, padding=padding, initializer="zeros")
    return x, _with_parameters(layer, x, weight, bias)


def _dense(x: Any, weight: Any, bias: Any) -> tuple[Array, Layer]:
    x, weight = _alike(as_ranked(x, "x", 2, "(N, F)"), as_ranked(weight, "weight", 2, "(O, F)"))
    if weight.shape[1] != x.shape[1]:
        raise ValueError(f"weight must have shape (O, {x.shape[1]}); received {weight.shape}")
    return x, _with_parameters(Dense(len(weight), initializer="zeros"), x, weight, bias)


def _alike(x: Array, weight: Array) -> tuple[Array, Array]:
    dtype = np.promote_types(x.dtype, weight.dtype)
    return x.astype(dtype, copy=False), weight.astype(dtype, copy=False)


def _with_parameters(layer: Layer, x: Array, weight: Array, bias: Any) -> Layer:
    layer.build(x.shape[1:], dtype=x.dtype.name)
    layer.params["weight"][...] = weight
    if bias is not None:
        bias = as_array(bias, "bias", x.dtype.name)
        if bias.shape != (len(weight),):
            raise ValueError(f"bias must have shape ({len(weight)},); received {bias.shape}")
        layer.params["bias"][...] = bias
    return layer


def _backward(layer: Layer, x: Array, dy: Any) -> tuple[Array, Array, Array]:
    layer.forward(x)
    dx = layer.backward(dy)
    return dx, np.ascontiguousarray(layer.grads["weight"]), layer.grads["bias"]


def _pool(pool: type[MaxPool2D] | type[MeanPool2D], x: Any, size: Pair, stride: Pair | None) -> tuple[Layer, Array]:
    x = as_ranked(x, "x", 4, "(N, C, H, W)")
    layer = pool(size, stride).build(x.shape[1:], dtype=x.dtype.name)
    return layer, layer.forward(x)


def _fields(shape: tuple[int, ...], kernel_size: Pair, stride: Pair, padding: Pair) -> tuple[tuple[int, int], ...]:
    """Give kernel, stride, padding and output size, each (height, width)."""
    kernel, stride = as_pair(kernel_size, "kernel_size"), as_pair(stride, "stride")
    padding = as_pair(padding, "padding", least=0)
    check_size((shape[0] + 2 * padding[0], shape[1] + 2 * padding[1]), "padding")
    oh, ow = ((shape[i] + 2 * padding[i] - kernel[i]) // stride[i] + 1 for i in (0, 1))
    if oh < 1 or ow < 1:
        raise ValueError(f"kernel_size must fit into the padded input of {shape} and {padding}; received {kernel}")
    return kernel, stride, padding, (oh, ow)


def _rows(x: Array) -> Array:
    return x.reshape(-1, x.shape[-1]) if x.ndim else x.reshape(1, 1)


def _activate(name: str, x: Any) -> Array:
    x = as_array(x, "x")
    return _core.load(x.dtype.name).activation_forward(name, _rows(x)).reshape(x.shape)  # type: ignore[no-any-return]


def _step(optimizer: SGD | Adam, step: int, param: Array, grad: Any, state: dict[str, Array | None]) -> None:
    """Check, copy to where kernels may run, take the step, copy back."""
    for name, array in {"param": param, **state}.items():
        if array is None and name != "param":
            continue
        if not isinstance(array, np.ndarray) or array.dtype.name not in ("float32", "float64"):
            raise TypeError(f"{name} must be a float32 or float64 array, as it is changed in place; received {array!r}")
        as_real(array, name)  # nothing masked
        if array.shape != param.shape or array.dtype != param.dtype or not array.flags.writeable:
            raise ValueError(
                f"{name} must be writeable, {param.dtype} and of shape {param.shape}; "
                f"received {array.dtype} of {array.shape}"
            )
    gradient = as_array(grad, "grad", param.dtype.name)
    if gradient.shape != param.shape:
        raise ValueError(f"grad must have the shape of param, {param.shape}; received {gradient.shape}")
    core = _core.load(param.dtype.name)
    moments = [array for array in state.values() if array is not None]
    values, gradients = core.aligned_zeros(param.size), core.aligned_zeros(param.size)
    rows = core.aligned_zeros(len(moments) * param.size).reshape(len(moments), param.size)
    targets = [values, gradients, *rows]
    for target, source in zip(targets, [param, gradient, *moments], strict=True):
        target[:] = source.reshape(-1)
    core.optimizer_step(optimizer._core(), float(optimizer.rates(step, 1)[0]), step, values, gradients, rows)
    for changed, target in zip([param, *moments], [values, *rows], strict=True):
        changed[...] = target.reshape(param.shape)
