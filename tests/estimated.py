"""Samples, networks and settings for the tests of estimators."""

import numpy as np
import polars as pl
import pytest
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.utils.validation import _get_feature_names

from fastdl import Sequential, layers, losses, models

RNG = np.random.default_rng(5)
BLOBS = RNG.normal(size=(3, 4)).repeat(40, axis=0) * 3 + RNG.normal(size=(120, 4))
THREE = np.arange(3).repeat(40)
quick = {"epochs": 60, "lr": 1e-2, "random_state": 0}


polars_has_names = pytest.mark.skipif(
    _get_feature_names(pl.DataFrame({"a": [1]})) is None,
    reason="scikit-learn up to 1.7, the last one for Python 3.10, reads no names of newer polars",
)


def mlp(features, outputs):
    return models.mlp((features, 8, outputs), activation="tanh", output=None)


def own_cross_entropy(outputs, labels):
    return losses.CrossEntropy()(outputs, labels)


def mlp_of_seed(features, outputs):
    return models.mlp((features, 8, outputs), output=None, seed=0)


def each_step(shape, outputs):
    return Sequential([layers.Dense(16, "tanh"), layers.Dense(1)])
