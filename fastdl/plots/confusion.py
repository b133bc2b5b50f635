"""Confusion matrices: which classes are mistaken for which."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from .._figures import new_figure
from .._types import Array, ArrayLike
from .._validation.arrays import as_real
from ..metrics.base import as_rows
from .figures import Path, as_names, name_axes, saved

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_NUMBERS = 30  # classes whose cells have room for a number


def confusion_matrix(targets: ArrayLike, outputs: ArrayLike) -> Array:
    """Count how often each class is mistaken for each other.

    Parameters
    ----------
    targets : array_like
        Integer labels (N,), or numbers (N, C), the largest of which gives the label; for yes or no, 0 and 1, (N,) or
        (N, 1).
    outputs : array_like
        What `Sequential.predict` gives, (N, C), or for yes or no its probability, (N,) or (N, 1); or predicted labels,
        integers (N,). If there is an axis of steps (N, T, C), targets have it too.

    Returns
    -------
    ndarray of int, shape (C, C)
        In row i and column j, how many samples of class i are predicted as class j.

    Raises
    ------
    ValueError
        If shapes do not match, labels are out of range, or a row of targets has no single largest number.
    """
    told = as_real(outputs, "outputs")
    if told.ndim == 1 and told.dtype.kind in "iu":
        labels = as_real(targets, "targets")
        classes = int(max(told.max(initial=0), labels.max(initial=0))) + 1
        if labels.shape != told.shape:
            raise ValueError(f"targets must have shape {told.shape} beside the outputs; received {labels.shape}")
    else:
        labels, y = as_rows(targets, told)
        if not np.isfinite(y).all():
            raise ValueError("outputs must be finite; received NaN or infinity")
        classes = max(2, y.shape[1])
        told = y.argmax(axis=1) if y.shape[1] > 1 else (y[:, 0] > 0.5).astype(int)
        if labels.ndim == 2:
            if ((labels == labels.max(axis=1, keepdims=True)).sum(axis=1) > 1).any():
                raise ValueError("targets must have one largest number in each row; received equal ones")
            labels = labels.argmax(axis=1) if y.shape[1] > 1 else labels[:, 0]
    for name, found in (("targets", labels), ("outputs", told)):
        if not found.size:
            raise ValueError(f"{name} must not be empty; received shape {found.shape}")
        if (odd := found[(found != found.astype(int)) | (found < 0) | (found >= classes)]).size:
            raise ValueError(f"{name} must be labels from 0 to {classes - 1}; received {odd[0]}")
    counts: Array = np.bincount(labels.astype(int) * classes + told, minlength=classes**2).reshape(classes, classes)
    return counts


def plot_confusion(
    targets: ArrayLike, outputs: ArrayLike, *, names: Iterable[Any] | None = None, path: Path | None = None
) -> Figure:
    """Draw which classes are mistaken for which: ``plot_confusion(y, net.predict(x))``.

    Parameters
    ----------
    targets, outputs : array_like
        As for `confusion_matrix`.
    names : iterable of str, optional
        The names of the classes.
    path : path-like, optional
        Where to save the picture.

    Returns
    -------
    matplotlib.figure.Figure
        A row for each class; its cells show numbers of samples, and their colours the shares of the row.
    """
    counts = confusion_matrix(targets, outputs)
    classes = len(counts)
    named = as_names(names, "names", classes)
    side = min(2.2 + 0.42 * classes, 12.0)
    figure = new_figure(side + 0.8, side, "plot_confusion")
    axes = figure.subplots()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if classes <= _MOST_NUMBERS:
        for (row, column), count in np.ndenumerate(counts):
            ink = "white" if shares[row, column] > 0.5 else "#bbbbbb" if count == 0 else "black"
            axes.text(column, row, f"{count:,}", ha="center", va="center", color=ink, fontsize=8)
    name_axes(axes, named, named)
    axes.set(xlabel="predicted", ylabel="label", title=f"accuracy {np.trace(counts) / counts.sum():.2%}")
    figure.colorbar(image, ax=axes, label="share of the label", shrink=0.8)
    return saved(figure, path)
