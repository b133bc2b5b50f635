"""Weights of samples and of classes."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Number
from typing import Any

import numpy as np
from sklearn.utils import check_array

from .._types import Array
from .._validation.arrays import check_unmasked
from .._validation.values import as_number
from .labels import Labels


def as_weights(sample_weight: Any, samples: int) -> Array | None:
    """Check weights (N,), of any sign but not all 0, or None."""
    if sample_weight is None:
        return None
    if isinstance(sample_weight, Number):
        sample_weight = np.full(samples, sample_weight)
    check_unmasked(sample_weight, "sample_weight")
    weights: Array = check_array(sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight")
    if weights.shape != (samples,):
        raise ValueError(f"sample_weight must have shape ({samples},); received {weights.shape}")
    if not weights.any():
        raise ValueError("sample_weight must not make all weights zero; received nothing else")
    return weights


def times_class_weights(weights: Array | None, class_weight: Any, codes: Array, labels: Labels) -> Array | None:
    """Multiply weights by those of the samples' labels, a product over all columns."""
    if class_weight is None:
        return weights
    columns = codes.T if codes.ndim == 2 else [codes]
    several = isinstance(class_weight, (list, tuple))
    if several and len(class_weight) != len(columns):
        raise ValueError(f"class_weight must be {len(columns)} dicts, one a column of y; received {len(class_weight)}")
    if isinstance(class_weight, Mapping) and len(columns) > 1:
        raise ValueError("class_weight must be a list of dicts, one a column of y; received one dict")
    given = class_weight if several else [class_weight] * len(columns)
    product = np.ones(len(codes)) if weights is None else weights
    for column, classes, one in zip(columns, labels.classes, given, strict=True):
        product = product * _of_classes(one, column, classes, weights)[column]
    if not product.any():
        raise ValueError(f"class_weight must not make all weights zero; received {class_weight!r}")
    return product


def _of_classes(class_weight: Any, codes: Array, classes: Array, weights: Array | None) -> Array:
    """Return a weight for each class."""
    if isinstance(class_weight, str) and class_weight == "balanced":
        counts = np.bincount(codes, weights, len(classes))
        there = counts > 0
        return np.where(there, counts.sum() / (there.sum() * np.where(there, counts, 1)), 1.0)
    if not isinstance(class_weight, Mapping):
        raise ValueError(f"class_weight must be None, 'balanced' or a dict of labels; received {class_weight!r}")
    known = classes.tolist()
    table = np.ones(len(classes))
    for label, weight in class_weight.items():
        if label not in known:
            raise ValueError(f"class_weight must be of the classes {known}; received {label!r}")
        table[known.index(label)] = as_number(weight, f"class_weight of {label!r}", low=-np.inf)
    return table
