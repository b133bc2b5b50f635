"""Estimators in scikit-learn's tools: copies, pickles, pipelines, searches and workers."""

import pickle
import subprocess
import sys

import joblib
import numpy as np
import pandas as pd
from estimated import BLOBS, THREE, mlp, mlp_of_seed, quick
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.inspection import permutation_importance
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV, HalvingRandomSearchCV, cross_validate, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from fastdl import Sequential, layers, losses
from fastdl.estimators import NetClassifier, NetRegressor, NetTransformer


def iris():
    x, y = load_iris(return_X_y=True)
    return StandardScaler().fit_transform(x), y


def test_scikit_learn_is_imported_with_the_estimators_alone():
    code = "import sys, fastdl; assert 'sklearn' not in sys.modules; fastdl.estimators; assert 'sklearn' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_scikit_learn():
    code = "import sys; sys.modules['sklearn'] = None\nfrom fastdl import estimators"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert 'ImportError: fastdl.estimators needs scikit-learn: pip install "fastdl-cpu[sklearn]"' in found.stderr


def test_copies_and_pickles(tmp_path):
    net = mlp(4, 3)
    for network in (None, net, Sequential([layers.Dense(3)]), mlp_of_seed):
        model = NetClassifier(network, loss=losses.CrossEntropy(label_smoothing=0.1), warm_start=True, **quick)
        twin = clone(model)
        assert not hasattr(twin, "network_")
        assert repr(twin) == repr(model)
        model.fit(BLOBS, THREE)
        np.testing.assert_array_equal(twin.fit(BLOBS, THREE).predict_proba(BLOBS), model.predict_proba(BLOBS))
        joblib.dump(model, tmp_path / "model")
        for other in (pickle.loads(pickle.dumps(model)), joblib.load(tmp_path / "model", mmap_mode="r")):
            np.testing.assert_array_equal(other.predict_proba(BLOBS), model.predict_proba(BLOBS))
            assert other.loss_curve_ == model.loss_curve_
            other.fit(BLOBS, THREE)  # goes on
            assert other.n_iter_ == 2 * model.n_iter_


def test_pipelines_and_column_transformers():
    frame = pd.DataFrame({"a": BLOBS[:, 0], "b": BLOBS[:, 1], "kind": np.array(["x", "y", "z"])[THREE]})
    columns = ColumnTransformer([("numbers", StandardScaler(), ["a", "b"]), ("kinds", OneHotEncoder(), ["kind"])])
    pipeline = make_pipeline(columns, NetClassifier(**quick)).fit(frame, THREE)
    assert pipeline.score(frame, THREE) > 0.99
    hidden = ColumnTransformer([("hidden", NetTransformer(hidden=(8, 2), epochs=5, random_state=0), ["a", "b"])])
    hidden.set_output(transform="pandas")
    given = hidden.fit_transform(frame, THREE)
    assert given.columns.tolist() == ["hidden__nettransformer0", "hidden__nettransformer1"]


def test_searches():
    x, y = iris()
    grid = GridSearchCV(NetClassifier(**quick), {"hidden": [(2,), (32, 32)], "lr": [1e-4, 1e-2]}, cv=3).fit(x, y)
    assert grid.best_params_["lr"] == 1e-2
    assert grid.score(x, y) > 0.95
    search = HalvingRandomSearchCV(
        NetClassifier(random_state=0), {"hidden": [(8,), (16,), (32,)], "lr": [1e-3, 3e-3, 1e-2]}, resource="epochs",
        min_resources=3, max_resources=27, random_state=0, cv=3,
    ).fit(x, y)  # fmt: skip
    assert search.score(x, y) > 0.9
    scored = cross_validate(NetClassifier(**quick), x, y, scoring=["neg_log_loss", "roc_auc_ovr"], cv=3)
    assert scored["test_roc_auc_ovr"].min() > 0.95


def test_workers_beside_one_another_find_the_same():
    x, y = iris()
    made = [
        GridSearchCV(NetClassifier(**quick), {"lr": [1e-3, 1e-2]}, cv=2, n_jobs=jobs).fit(x, y).cv_results_
        for jobs in (1, 2)
    ]
    np.testing.assert_array_equal(made[0]["split1_test_score"], made[1]["split1_test_score"])


def test_calibration_and_importance():
    x, y = load_breast_cancer(return_X_y=True)
    x = StandardScaler().fit_transform(x)
    x_train, x_test, y_train, y_test = train_test_split(x, y, random_state=0)
    calibrated = CalibratedClassifierCV(NetClassifier(**quick), method="sigmoid", cv=3).fit(x_train, y_train)
    assert calibrated.score(x_test, y_test) > 0.94
    assert get_scorer("roc_auc")(calibrated, x_test, y_test) > 0.98
    model = NetRegressor(**quick).fit(BLOBS, BLOBS[:, 2])
    found = permutation_importance(model, BLOBS, BLOBS[:, 2], n_repeats=3, random_state=0)
    assert found.importances_mean.argmax() == 2


def test_hidden_layers():
    x, y = iris()
    labels = NetTransformer(hidden=(16, 2), **quick).fit(x, np.array(["a", "b", "c"])[y])
    assert labels.transform(x).shape == (150, 2)
    np.testing.assert_array_equal(labels.transform(x), labels.network_.activations(x, 1))
    assert labels.get_feature_names_out().tolist() == ["nettransformer0", "nettransformer1"]
    assert make_pipeline(labels, NetClassifier(**quick)).fit(x, y).score(x, y) > 0.9
    numbers = NetTransformer(hidden=(16, 2), layer="0", **quick).fit(x, x[:, 0] * 3.5)
    assert numbers.network_.output_shape == (1,)
    assert numbers.transform(x).shape == (150, 16)
    assert NetTransformer(loss="huber", **quick).fit(x, y).network_.output_shape == (1,)
