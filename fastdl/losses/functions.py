"""Mean losses and their gradients, as functions of outputs and targets."""

from __future__ import annotations

from typing import Any

from .._types import Array, ArrayLike
from .._validation.arrays import as_array, precision
from .base import Rows
from .classes import CrossEntropy
from .fused import Fused
from .numbers import SquaredError

_SQUARED_ERROR, _CROSS_ENTROPY = SquaredError(), CrossEntropy()


def squared_error(outputs: ArrayLike, targets: ArrayLike) -> float:
    """Half the sum of squares of each sample, averaged over samples (article 2, the linear unit's objective).

    Where a sample has steps in time, the mean is over these too.

    Parameters
    ----------
    outputs, targets : array_like, shape (N, F) or (N, T, F)

    Returns
    -------
    float
    """
    return _apply(_SQUARED_ERROR, "outputs", outputs, targets)[0]


def squared_error_backward(outputs: ArrayLike, targets: ArrayLike) -> Array:
    """Return the gradient of `squared_error` with respect to the outputs: (outputs - targets) / N, or N T.

    Parameters
    ----------
    outputs, targets : array_like, shape (N, F) or (N, T, F)

    Returns
    -------
    ndarray, of the same shape
    """
    return _apply(_SQUARED_ERROR, "outputs", outputs, targets)[1]


def cross_entropy(logits: ArrayLike, targets: ArrayLike) -> float:
    """Softmax cross-entropy, -sum t log softmax(logits), averaged over samples and their steps in time.

    Parameters
    ----------
    logits : array_like, shape (N, F) or (N, T, F)
    targets : array_like, integers of shape (N,) or (N, T), or distributions of the logits' shape

    Returns
    -------
    float
    """
    return _apply(_CROSS_ENTROPY, "logits", logits, targets)[0]


def cross_entropy_backward(logits: ArrayLike, targets: ArrayLike) -> Array:
    """Return the gradient of `cross_entropy` with respect to the logits: (softmax(logits) - t) / N, or N T.

    Parameters
    ----------
    logits : array_like, shape (N, F) or (N, T, F)
    targets : array_like, integers of shape (N,) or (N, T), or distributions of the logits' shape

    Returns
    -------
    ndarray, of the same shape
    """
    return _apply(_CROSS_ENTROPY, "logits", logits, targets)[1]


def _apply(loss: Fused, name: str, given: Any, targets: Any) -> tuple[float, Array]:
    outputs = as_array(given, name)
    if outputs.ndim not in (2, 3):
        raise ValueError(f"{name} must have shape (N, F) or (N, T, F); received {outputs.shape}")
    rows = Rows(outputs.shape[:-1], outputs.shape[-1], precision(outputs))
    checked, _ = loss.as_targets(targets, "targets", rows)
    measured = loss.measure(outputs.reshape(-1, outputs.shape[-1]), checked)
    return measured.mean, measured.gradient.reshape(outputs.shape)
