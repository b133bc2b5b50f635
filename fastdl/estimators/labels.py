"""Labels as targets of a network, and its outputs as labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import accuracy_score
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.multiclass import check_classification_targets, unique_labels

from .._types import Array
from .._validation.arrays import check_unmasked
from ..losses import AbsoluteError, BinaryCrossEntropy, CrossEntropy, Huber, Loss, Poisson, Quantile, SquaredError
from ..metrics.choice import Metrics
from ..sequential import Sequential
from .data import Data
from .networks import last_activation

ERRORS = (SquaredError, AbsoluteError, Huber)  # losses whose outputs are numbers, not logits


def as_labels(y: Any) -> Array:
    """Check labels, (N,), or (N, K) with several for each sample."""
    check_unmasked(y, "y")
    labels = check_array(y, accept_sparse=True, ensure_2d=False, dtype=None, input_name="y")
    if hasattr(labels, "toarray"):
        labels = labels.toarray()
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = column_or_1d(labels, warn=True)
    if labels.ndim > 2:
        raise ValueError(f"y must have shape (N,) or (N, K); received {labels.shape}")
    for column in labels.T if labels.ndim == 2 else [labels]:
        if not _are_plain_classes(column):
            check_classification_targets(plain(column))
    checked: Array = labels
    return checked


def _are_plain_classes(column: Array) -> bool:
    """Return whether scikit-learn takes them for classes without a warning: its own check takes ten times as long."""
    return column.dtype.kind in "biu" and 2 * len(np.unique(column)) <= len(column)


def learned(labels: Array) -> Labels:
    """Return the kind of labels that these checked ones are."""
    if labels.ndim == 1:
        return OneLabel([np.unique(labels)])
    if labels.dtype.kind in "biuf" and ((labels == 0) | (labels == 1)).all():
        return YesOrNo([np.array([0, 1])] * labels.shape[1])
    return SeveralLabels([np.unique(plain(column)) for column in labels.T])


def named(y: Any, classes: Any) -> Labels:
    """Return the kind of labels whose classes are known beforehand: an array, or a list of one for each column."""
    labels = as_labels(y)
    if labels.ndim == 1:
        return OneLabel([np.unique(np.asarray(classes))])
    if all(np.ndim(one) for one in classes):
        return SeveralLabels([np.unique(np.asarray(one)) for one in classes])
    known = learned(labels)
    if not isinstance(known, YesOrNo) or not np.array_equal(classes, np.arange(labels.shape[1])):
        raise ValueError(
            f"classes must be a list of those of each of {labels.shape[1]} columns of y, or the columns' numbers where "
            f"it holds 0 and 1; received {classes}"
        )
    return known


class Labels:
    """The classes, and the targets that a loss gets for them.

    Parameters
    ----------
    classes : list of ndarray
        The classes of each column of labels, sorted.

    Attributes
    ----------
    loss : Loss
        The loss that training lowers.
    columns : int or None
        The number of columns that the outputs are divided into, each as wide as the most classes of a column.
    """

    usual: Loss = BinaryCrossEntropy()
    columns: int | None = None
    _last = "identity"  # the network's last activation, for a loss that has none in it

    def __init__(self, classes: list[Array]) -> None:
        self.classes = classes
        self.most = max(map(len, classes))
        if min(map(len, classes)) < 2:
            raise ValueError("y must hold labels of two classes at least; received 1 class")
        self.loss = self.usual

    @property
    def outputs(self) -> int:
        """The number of outputs that the network must have."""
        return len(self.classes)

    @property
    def ends(self) -> list[tuple[int, ...]]:
        """The shapes that a sample's outputs may have for these labels."""
        return [(self.outputs,) if self.columns is None else (self.columns, self.outputs // self.columns)]

    @property
    def leaves_out(self) -> str:
        """The last activation, without which outputs are logits: part of the loss, or the network's own."""
        return self.loss.leaves_out if self.loss.is_fused else self._last

    def train_by(self, loss: Loss | None) -> None:
        """Set the loss that training lowers; None is the usual one."""
        if isinstance(loss, (Quantile, Poisson)):
            raise ValueError(f"loss must be one of classes, or of errors, for a classifier; received {loss!r}")
        if isinstance(loss, CrossEntropy) and loss.ignore_label is not None:
            raise ValueError(
                f"loss must have no ignore_label for a classifier, whose labels are of any type; received {loss!r}: "
                "leave those samples out, or give them the weight 0"
            )
        self.loss = loss or self.usual

    def fit_to(self, net: Sequential, data: Data) -> None:
        """Check that a new network's outputs fit these labels, and note its last activation."""
        if net.output_shape not in self.ends:
            raise ValueError(
                f"network must end in {' or '.join(map(str, self.ends))} for these labels; it ends in "
                f"{net.output_shape}"
            )
        if not self.loss.is_fused and (last := last_activation(net)) in ("sigmoid", "softmax"):
            self._last = last

    def settle(self, codes: Array, weights: Array | None) -> None:
        """Do nothing: labels have no scale."""

    def measured_by(self, metrics: Metrics) -> list[Any]:
        """Return the metrics unchanged."""
        return list(metrics.values())

    def read(self, labels: Array) -> Array:
        """Return the places of checked labels among the classes, (N,) or (N, K)."""
        if labels.ndim != 1 + (len(self.classes) > 1) or labels.shape[1:] not in ((), (len(self.classes),)):
            raise ValueError(f"y must have {len(self.classes)} labels for each sample; received shape {labels.shape}")
        columns = labels.T if labels.ndim == 2 else [labels]
        codes = np.array([_places(plain(c), classes) for c, classes in zip(columns, self.classes, strict=True)])
        return codes.T if labels.ndim == 2 else codes[0]

    def targets(self, codes: Array) -> Array:
        """Return the targets that the loss compares outputs with."""
        raise NotImplementedError

    def strata(self, codes: Array) -> Array | None:
        """Return the strata of samples, each of which is held out in the same share."""
        return None

    def decisions(self, outputs: Array) -> Any:
        """Return the decision values: the largest, or those above 0, mark the classes."""
        raise NotImplementedError

    def probabilities(self, outputs: Array) -> Any:
        """Return the probabilities of the classes."""
        raise NotImplementedError

    def told(self, outputs: Array) -> Array:
        """Return the labels that outputs stand for."""
        raise NotImplementedError

    def score(self, y: Any, told: Array, weights: Any) -> float:
        """Return the share of samples whose labels are all predicted."""
        if told.ndim == 1:
            wanted, found = plain(as_labels(y)), plain(told)
            unique_labels(wanted, found)  # raises where they are of different kinds
            return float(accuracy_score(wanted, found, sample_weight=weights))
        labels = as_labels(y)
        if labels.shape != told.shape:
            raise ValueError(f"y must have shape {told.shape}; received {labels.shape}")
        for wanted, column in zip(labels.T, told.T, strict=True):
            unique_labels(plain(wanted), plain(column))
        return float(np.average((labels == told).all(axis=1), weights=weights))


class OneLabel(Labels):
    """One label for each sample: one output for two classes, one for each of more."""

    def __init__(self, classes: list[Array]) -> None:
        super().__init__(classes)
        self.usual = self.loss = BinaryCrossEntropy() if self.most == 2 else CrossEntropy()

    @property
    def outputs(self) -> int:  # noqa: D102
        return 1 if self.most == 2 and isinstance(self.loss, BinaryCrossEntropy) else self.most

    @property
    def ends(self) -> list[tuple[int, ...]]:  # noqa: D102
        free = self.most == 2 and (self.loss is self.usual or not self.loss.is_fused)
        return [(1,), (2,)] if free else super().ends

    def fit_to(self, net: Sequential, data: Data) -> None:
        """Use cross-entropy for a network that has two outputs for two classes, though one would do."""
        super().fit_to(net, data)
        if self.loss is self.usual and net.output_shape == (2,):
            self.loss = CrossEntropy()

    def targets(self, codes: Array) -> Array:  # noqa: D102
        if self.outputs == 1 or self.loss.leaves_out == "softmax" or not self.loss.is_fused:
            return codes
        return np.eye(self.most)[codes]

    def strata(self, codes: Array) -> Array:  # noqa: D102
        return codes

    def decisions(self, outputs: Array) -> Array:  # noqa: D102
        if self.most > 2:
            return outputs
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs[:, 1] - outputs[:, 0]

    def probabilities(self, outputs: Array) -> Array:  # noqa: D102
        if outputs.shape[1] == 1:
            yes = BinaryCrossEntropy().predictions(outputs)
            return np.hstack([1 - yes, yes])
        return _shares(outputs, self.leaves_out)

    def told(self, outputs: Array) -> Array:  # noqa: D102
        numbers = self.decisions(outputs)
        told: Array = self.classes[0][numbers.argmax(axis=1) if self.most > 2 else (numbers > 0).astype(int)]
        return told


_SURE = 20.0  # beyond this logit all probabilities would be 1, and no longer in the logits' order


class YesOrNo(Labels):
    """Any number of labels that hold (1) or not (0). With cross-entropy each has two outputs."""

    def train_by(self, loss: Loss | None) -> None:  # noqa: D102
        super().train_by(loss)
        self.columns = len(self.classes) if isinstance(self.loss, CrossEntropy) else None

    @property
    def outputs(self) -> int:  # noqa: D102
        return len(self.classes) * (1 if self.columns is None else 2)

    def targets(self, codes: Array) -> Array:  # noqa: D102
        return codes.astype(float) if self.columns is None else codes

    def decisions(self, outputs: Array) -> Array:  # noqa: D102
        if self.columns is not None:
            outputs = outputs[..., 1] - outputs[..., 0]
        elif isinstance(self.loss, ERRORS):
            outputs = outputs - 0.5
        return outputs.clip(-_SURE, _SURE)

    def probabilities(self, outputs: Array) -> Array:  # noqa: D102
        return self.usual.predictions(self.decisions(outputs))

    def told(self, outputs: Array) -> Array:  # noqa: D102
        return (self.decisions(outputs) > 0).astype(int)


class SeveralLabels(Labels):
    """Several labels for each sample, each with its own classes and its own row of outputs.

    All rows are as long as the longest; the network learns that the classes a column does not have never come.
    """

    usual = CrossEntropy()

    def __init__(self, classes: list[Array]) -> None:
        super().__init__(classes)
        self.columns = len(classes)

    @property
    def outputs(self) -> int:  # noqa: D102
        return len(self.classes) * self.most

    def targets(self, codes: Array) -> Array:  # noqa: D102
        if self.loss.leaves_out == "softmax" or not self.loss.is_fused:
            return codes
        return np.eye(self.most)[codes]

    def decisions(self, outputs: Array) -> list[Array]:  # noqa: D102
        return [outputs[:, k, : len(classes)] for k, classes in enumerate(self.classes)]

    def probabilities(self, outputs: Array) -> list[Array]:  # noqa: D102
        return [_shares(rows, self.leaves_out) for rows in self.decisions(outputs)]

    def told(self, outputs: Array) -> Array:  # noqa: D102
        rows = self.decisions(outputs)
        columns = [classes[row.argmax(axis=1)] for classes, row in zip(self.classes, rows, strict=True)]
        kind = np.result_type(*columns) if len({column.dtype.kind for column in columns}) == 1 else object
        return np.stack([column.astype(kind) for column in columns], axis=1)


def plain(column: Array) -> Array:
    """Return a column of objects in the dtype of what they are."""
    return np.array(column.tolist()) if column.dtype == object and len(set(map(type, column))) == 1 else column


def _places(labels: Array, classes: Array) -> Array:
    places = np.minimum(np.searchsorted(classes, labels), len(classes) - 1)
    new = classes[places] != labels
    if np.any(new):
        raise ValueError(
            f"y must hold labels of the classes {classes.tolist()}; received {labels[new].tolist()[0]!r} too"
        )
    return places


def _shares(logits: Array, activation: str) -> Array:
    """Scale the probabilities of sigmoids to add up to 1, through their logarithms, as all may be 0."""
    if activation == "sigmoid":
        logits = -np.logaddexp(0.0, -logits.astype(float))
    return CrossEntropy().predictions(logits)
