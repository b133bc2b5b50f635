"""Losses: what training lowers. Each is the mean over the batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import _core
from ._types import Array
from ._validation.arrays import as_array, as_real
from ._validation.samples import as_labels

__all__ = ["cross_entropy", "cross_entropy_backward", "squared_error", "squared_error_backward"]


def squared_error(y: Any, target: Any) -> float:
    """Half the sum of squares of each sample, averaged over samples (article 2, the linear unit's objective).

    Where a sample has steps in time, the mean is over these too.

    Parameters
    ----------
    y, target : array_like, shape (N, F) or (N, T, F)

    Returns
    -------
    float
    """
    return _apply("squared_error", y, target)[0]


def squared_error_backward(y: Any, target: Any) -> Array:
    """Give the gradient of `squared_error` with respect to y: (y - target) / N, or N T.

    Parameters
    ----------
    y, target : array_like, shape (N, F) or (N, T, F)

    Returns
    -------
    ndarray, of the same shape
    """
    return _apply("squared_error", y, target)[1]


def cross_entropy(logits: Any, target: Any) -> float:
    """Softmax cross-entropy, -sum t log softmax(logits), averaged over samples and their steps in time.

    Parameters
    ----------
    logits : array_like, shape (N, F) or (N, T, F)
    target : array_like, integers of shape (N,) or (N, T), or distributions of the logits' shape

    Returns
    -------
    float
    """
    return _apply("cross_entropy", logits, target)[0]


def cross_entropy_backward(logits: Any, target: Any) -> Array:
    """Give the gradient of `cross_entropy` with respect to the logits: (softmax(logits) - t) / N, or N T.

    Parameters
    ----------
    logits : array_like, shape (N, F) or (N, T, F)
    target : array_like, integers of shape (N,) or (N, T), or distributions of the logits' shape

    Returns
    -------
    ndarray, of the same shape
    """
    return _apply("cross_entropy", logits, target)[1]


def _apply(loss: str, y: Any, target: Any) -> tuple[float, Array]:
    name = "logits" if loss == "cross_entropy" else "y"
    outputs = as_array(y, name)
    if outputs.ndim not in (2, 3):
        raise ValueError(f"{name} must have shape (N, F) or (N, T, F); received {outputs.shape}")
    targets = as_targets(target, "target", loss, outputs.shape, outputs.dtype.name)
    mean, gradient, _ = measure(loss, outputs, targets)
    return mean, gradient.reshape(outputs.shape)


def measure(loss: str, outputs: Array, targets: Array, weights: Array | None = None) -> tuple[float, Array, int]:
    """Give the mean loss over checked outputs (N, F) or (N, T, F), its gradient (rows, F), and how many rows hit.

    Where there are weights, each row's loss is multiplied with its own; the mean is over the rows all the same.
    """
    rows = outputs.reshape(-1, outputs.shape[-1])
    targets = targets.reshape(-1) if targets.dtype == np.int64 else targets.reshape(rows.shape)
    weights = None if weights is None else weights.reshape(-1)
    mean, gradient, hits = _core.load(outputs.dtype.name).loss_and_gradient(loss, rows, targets, weights)
    return float(mean), gradient, int(hits)


def tell_classes(loss: str, targets: Array) -> bool:
    """Tell whether targets are labels, distributions or rows with a one among zeros, which outputs can hit."""
    if loss == "cross_entropy":
        return True
    ones = targets == 1
    return targets.shape[-1] > 1 and bool((ones.sum(axis=-1) == 1).all() and (ones | (targets == 0)).all())


def as_name(loss: str | Callable[[Any, Any], float]) -> str:
    """Give the name of a loss, which may be given as that or as the function."""
    for name, function in (("squared_error", squared_error), ("cross_entropy", cross_entropy)):
        if loss is function or (isinstance(loss, str) and loss == name):
            return name
    raise ValueError(f"loss must be squared_error or cross_entropy, fastdl's own; received {loss!r}")


def as_targets(y: Any, name: str, loss: str, outputs: tuple[int, ...], dtype: str, there: Any = ...) -> Array:
    """Give what a loss compares outputs of this shape with: int64 labels, without the last axis, or numbers.

    Labels of rows that are not ``there`` become 0.
    """
    array = as_real(y, name)
    if len(array.shape) == 0 or len(array) != outputs[0]:
        raise ValueError(f"{name} must have as many samples as x, {outputs[0]}; received shape {array.shape}")
    if loss == "cross_entropy" and array.shape == outputs[:-1] and array.dtype.kind in "biu":
        if there is not ...:
            array = np.where(there, array, 0)
        return as_labels(array, name, outputs[-1])
    if array.shape != outputs:
        *axes, features = ("N", *map(str, outputs[1:]))
        labels = f" or integer labels ({', '.join(axes)}{',' * (len(axes) == 1)})" if loss == "cross_entropy" else ""
        raise ValueError(
            f"{name} must have shape ({', '.join(axes)}, {features}){labels}; "
            f"received {array.shape} of dtype {array.dtype}"
        )
    array = as_array(array, name, dtype)
    if loss == "cross_entropy" and (array.min() < 0 or abs(array.sum(axis=-1) - 1).max() > 1e-3):
        raise ValueError(f"{name} must hold distributions, each row adding up to 1; received other numbers")
    return array
