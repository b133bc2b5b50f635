"""Losses: what training lowers. Each is the mean over the batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import _core
from ._validation import Array, as_array, as_labels, as_ranked, as_real

__all__ = ["cross_entropy", "cross_entropy_backward", "squared_error", "squared_error_backward"]


def squared_error(y: Any, target: Any) -> float:
    """Half the sum of squares of each sample, averaged over samples (article 2, the linear unit's objective).

    Parameters
    ----------
    y, target : array_like, shape (N, F)

    Returns
    -------
    float
    """
    return float(_apply("squared_error", y, target)[0])


def squared_error_backward(y: Any, target: Any) -> Array:
    """Give the gradient of `squared_error` with respect to y: (y - target) / N.

    Parameters
    ----------
    y, target : array_like, shape (N, F)

    Returns
    -------
    ndarray, shape (N, F)
    """
    return _apply("squared_error", y, target)[1]  # type: ignore[no-any-return]


def cross_entropy(logits: Any, target: Any) -> float:
    """Softmax cross-entropy, -sum t log softmax(logits), averaged over samples.

    Parameters
    ----------
    logits : array_like, shape (N, F)
    target : array_like, integers of shape (N,) or distributions of shape (N, F)

    Returns
    -------
    float
    """
    return float(_apply("cross_entropy", logits, target)[0])


def cross_entropy_backward(logits: Any, target: Any) -> Array:
    """Give the gradient of `cross_entropy` with respect to the logits: (softmax(logits) - t) / N.

    Parameters
    ----------
    logits : array_like, shape (N, F)
    target : array_like, integers of shape (N,) or distributions of shape (N, F)

    Returns
    -------
    ndarray, shape (N, F)
    """
    return _apply("cross_entropy", logits, target)[1]  # type: ignore[no-any-return]


def _apply(loss: str, y: Any, target: Any) -> Any:
    outputs = as_ranked(y, "logits" if loss == "cross_entropy" else "y", 2, "(N, F)")
    targets = as_targets(target, "target", loss, len(outputs), outputs.shape[1], outputs.dtype.name)
    return _core.load(outputs.dtype.name).loss_and_gradient(loss, outputs, targets)


def as_name(loss: str | Callable[[Any, Any], float]) -> str:
    """Give the name of a loss, which may be given as that or as the function."""
    name = loss if isinstance(loss, str) else getattr(loss, "__name__", None)
    if name not in ("squared_error", "cross_entropy"):
        raise ValueError(f"loss must be squared_error or cross_entropy; received {loss!r}")
    return str(name)


def as_targets(y: Any, name: str, loss: str, samples: int, outputs: int, dtype: str) -> Array:
    """Give what a loss compares ``samples`` rows of ``outputs`` with: int64 labels (N,), or numbers (N, F)."""
    array = as_real(y, name)
    if len(array.shape) == 0 or len(array) != samples:
        raise ValueError(f"{name} must have as many samples as x, {samples}; received shape {array.shape}")
    if loss == "cross_entropy" and array.ndim == 1 and array.dtype.kind in "biu":
        return as_labels(array, name, outputs)
    if array.shape != (samples, outputs):
        labels = " or integer labels (N,)" if loss == "cross_entropy" else ""
        raise ValueError(
            f"{name} must have shape (N, {outputs}){labels}; received {array.shape} of dtype {array.dtype}"
        )
    array = as_array(array, name, dtype)
    if loss == "cross_entropy" and (array.min() < 0 or abs(array.sum(axis=1) - 1).max() > 1e-3):
        raise ValueError(f"{name} must hold distributions, each row adding up to 1; received other numbers")
    return array
