"""Single steps of optimizers, in place."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from .. import _core
from .._limits import MOST_STEPS
from .._types import Array, ArrayLike
from .._validation.arrays import as_array, precision
from .._validation.values import as_int, as_number
from ..optimizers import SGD, Adam


def sgd_step(
    param: Array,
    grad: ArrayLike,
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
    optimizer = SGD(as_number(lr, "lr"), momentum=momentum, nesterov=nesterov, weight_decay=weight_decay)
    if optimizer.moments and velocity is None:
        raise ValueError("velocity must be given with momentum; received None")
    _step(optimizer, 1, param, grad, {"velocity": velocity})


def adam_step(
    param: Array,
    grad: ArrayLike,
    m: Array,
    v: Array,
    *,
    step: int,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    epsilon: float = 1e-8,
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
    lr, epsilon, weight_decay : float
    betas : (float, float)
    """
    step = as_int(step, "step", most=MOST_STEPS)
    adam = Adam(as_number(lr, "lr"), betas=betas, epsilon=epsilon, weight_decay=weight_decay)
    _step(adam, step, param, grad, {"m": m, "v": v})


def _step(optimizer: SGD | Adam, step: int, param: Array, grad: Any, state: dict[str, Array | None]) -> None:
    """Check arrays, take the step on contiguous copies, and copy the results back."""
    for name, array in {"param": param, **state}.items():
        if array is None and name != "param":
            continue
        if not isinstance(array, np.ndarray) or array.dtype.char not in "fd":
            raise TypeError(f"{name} must be a float32 or float64 array, as it is changed in place; received {array!r}")
        as_array(array, name)  # refuses what is masked, not finite or empty
        if array.shape != param.shape or array.dtype != param.dtype or not array.flags.writeable:
            raise ValueError(
                f"{name} must be writeable, {param.dtype} and of shape {param.shape}; "
                f"received {array.dtype} of {array.shape}"
            )
    moments = {name: array for name, array in state.items() if array is not None}
    for (one, a), (other, b) in combinations({"param": param, **moments}.items(), 2):
        if np.shares_memory(a, b):
            raise ValueError(f"{other} must be another array than {one}, as both are changed; they share memory")
    gradient = as_array(grad, "grad", precision(param))
    if gradient.shape != param.shape:
        raise ValueError(f"grad must have the shape of param, {param.shape}; received {gradient.shape}")
    core = _core.load(precision(param))
    values, gradients = core.aligned_zeros(param.size), core.aligned_zeros(param.size)
    rows = core.aligned_zeros(len(moments) * param.size).reshape(len(moments), param.size)
    targets = [values, gradients, *rows]
    for target, source in zip(targets, [param, gradient, *moments.values()], strict=True):
        target[:] = source.reshape(-1)
    core.optimizer_step(optimizer.rule, float(optimizer.rates(step, 1)[0]), step, values, gradients, rows)
    for changed, target in zip([param, *moments.values()], [values, *rows], strict=True):
        changed[...] = target.reshape(param.shape)
