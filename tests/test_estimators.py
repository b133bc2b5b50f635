"""Estimators: what they tell, learn from and refuse, beside scikit-learn's own tools."""

import pickle
import subprocess
import sys

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, make_multilabel_classification
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.inspection import permutation_importance
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV, HalvingRandomSearchCV, cross_validate, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import fastdl
from fastdl import Sequential, callbacks, layers, losses, metrics, models, optimizers, schedules
from fastdl.estimators import NetClassifier, NetEnsemble, NetRegressor, NetTransformer
from fastdl.estimators.data import Data, held_out

RNG = np.random.default_rng(5)
BLOBS = RNG.normal(size=(3, 4)).repeat(40, axis=0) * 3 + RNG.normal(size=(120, 4))
THREE = np.arange(3).repeat(40)
quick = {"epochs": 60, "lr": 1e-2, "random_state": 0}


def iris():
    x, y = load_iris(return_X_y=True)
    return StandardScaler().fit_transform(x), y


def test_scikit_learn_is_imported_with_the_estimators_alone():
    code = "import sys, fastdl; assert 'sklearn' not in sys.modules; fastdl.estimators; assert 'sklearn' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_labels_that_are_sure_have_probabilities_in_the_order_of_their_logits():
    x, y = make_multilabel_classification(n_samples=42, n_classes=3, random_state=42)
    for seed in range(3):
        net = NetClassifier(batch_size=64, random_state=seed).fit(x, y)
        logits, probabilities = net.decision_function(x), net.predict_proba(x)
        assert np.abs(logits).max() == 20
        assert (np.unique(logits).size, 0) == (np.unique(probabilities).size, (probabilities == 1).sum())


def test_without_scikit_learn():
    code = "import sys; sys.modules['sklearn'] = None\nfrom fastdl import estimators"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert 'ImportError: fastdl.estimators needs scikit-learn: pip install "fastdl-cpu[sklearn]"' in found.stderr


@pytest.mark.parametrize(
    "names", [["b", "a", "c"], [True, False], [7, -2, 3], np.array(["x", "y"], object), [2.0, 1.0]]
)
def test_labels_of_any_type(names):
    y = np.array(names, getattr(names, "dtype", None))[THREE % len(names)]
    model = NetClassifier(**quick).fit(BLOBS, y)
    assert model.classes_.tolist() == sorted(set(y.tolist()))
    assert model.predict(BLOBS).dtype == model.classes_.dtype
    assert set(model.predict(BLOBS).tolist()) <= set(y.tolist())


def test_two_classes_have_one_logit():
    model = NetClassifier(**quick).fit(BLOBS, np.where(THREE == 1, "yes", "no"))
    assert model.network_.output_shape == (1,)
    logits, shares = model.decision_function(BLOBS), model.predict_proba(BLOBS)
    assert logits.shape == (120,)
    np.testing.assert_allclose(shares[:, 1], 1 / (1 + np.exp(-logits.astype(float))), rtol=1e-6)
    np.testing.assert_array_equal(model.predict(BLOBS), np.where(logits > 0, "yes", "no"))
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert model.score(BLOBS, np.where(THREE == 1, "yes", "no")) > 0.95


@pytest.mark.parametrize("network", [None, Sequential([layers.Dense(2)]), lambda features, outputs: mlp(features, 2)])
def test_two_classes_with_two_logits(network):
    """Where the loss asks for them, or the network has them."""
    loss = "cross_entropy" if network is None else None
    model = NetClassifier(network, loss=loss, **quick).fit(BLOBS, THREE == 1)
    assert model.network_.output_shape == (2,)
    logits = model.network_.predict(BLOBS)
    np.testing.assert_allclose(model.decision_function(BLOBS), logits[:, 1] - logits[:, 0], rtol=1e-5)
    assert model.score(BLOBS, THREE == 1) > 0.9


def mlp(features, outputs):
    return models.mlp((features, 8, outputs), activation="tanh", output=None)


def test_three_classes():
    model = NetClassifier(**quick).fit(BLOBS, THREE)
    assert model.network_.output_shape == (3,)
    np.testing.assert_array_equal(model.predict(BLOBS), model.network_.predict(BLOBS).argmax(axis=1))
    assert model.score(BLOBS, THREE) > 0.95
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    assert model.n_iter_ == len(model.loss_curve_) == 60


def test_a_last_softmax_is_left_out_of_logits_but_not_out_of_the_network():
    model = NetClassifier(Sequential([layers.Dense(3, "softmax")]), **quick).fit(BLOBS, THREE)
    np.testing.assert_allclose(model.predict_proba(BLOBS), model.network_.predict(BLOBS), rtol=1e-5, atol=1e-7)
    assert model.decision_function(BLOBS).min() < 0


def test_losses_of_classes():
    for loss in ("binary_cross_entropy", losses.CrossEntropy(label_smoothing=0.1), "huber", own_cross_entropy):
        model = NetClassifier(loss=loss, **quick).fit(BLOBS, THREE)
        assert model.score(BLOBS, THREE) > 0.95
        assert hasattr(model, "predict_proba") == (loss != "huber")
    for loss in ("poisson", losses.Quantile([0.5])):
        with pytest.raises(ValueError, match="loss must be one of classes, or of errors, for a classifier; received"):
            NetClassifier(loss=loss).fit(BLOBS, THREE)


def own_cross_entropy(outputs, labels):
    return losses.CrossEntropy()(outputs, labels)


def test_a_loss_of_ones_own_is_given_the_places_of_labels():
    fused = NetClassifier(loss="cross_entropy", **quick).fit(BLOBS, THREE * 10)
    own = NetClassifier(loss=own_cross_entropy, **quick).fit(BLOBS, THREE * 10)
    np.testing.assert_allclose(own.predict_proba(BLOBS), fused.predict_proba(BLOBS), rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize("loss", [None, "cross_entropy", "squared_error"])
def test_labels_that_may_hold_at_once(loss):
    x, y = make_multilabel_classification(200, 10, n_classes=4, random_state=0)
    x = StandardScaler().fit_transform(x)
    model = NetClassifier(loss=loss, **quick).fit(x, y)
    told = model.predict(x)
    assert told.shape == y.shape
    assert (told == y).mean() > 0.9
    np.testing.assert_array_equal(told, model.decision_function(x) > 0)
    np.testing.assert_array_equal(model.fit(x, sp.csr_array(y)).predict(x), told)
    assert model.score(x, y) == (told == y).all(axis=1).mean()
    if loss != "squared_error":
        np.testing.assert_array_equal(told, model.predict_proba(x) > 0.5)


@pytest.mark.parametrize("loss", [None, "binary_cross_entropy", "squared_error", own_cross_entropy])
def test_several_labels_for_each_sample(loss):
    y = pd.DataFrame({"colour": np.array(["red", "green", "blue"])[THREE], "left": BLOBS[:, 0] < 0})
    model = NetClassifier(loss=loss, **quick).fit(BLOBS, y)
    assert [classes.tolist() for classes in model.classes_] == [["blue", "green", "red"], [False, True]]
    told = model.predict(BLOBS)
    assert (told == y.to_numpy()).mean() > 0.95
    assert model.score(BLOBS, y) > 0.9
    if loss != "squared_error":
        shares = model.predict_proba(BLOBS)
        assert [one.shape for one in shares] == [(120, 3), (120, 2)]
        for column, (one, classes) in enumerate(zip(shares, model.classes_, strict=True)):
            np.testing.assert_allclose(one.sum(axis=1), 1)
            np.testing.assert_array_equal(classes[one.argmax(axis=1)], told[:, column])


def test_a_given_network_with_several_labels_keeps_its_parameters():
    net = mlp(4, 6)
    x, y = BLOBS, np.stack([THREE, THREE[::-1]], axis=1)
    before = net.predict(x)
    model = NetClassifier(net, epochs=1, lr=0.0).fit(x, y)
    np.testing.assert_array_equal(model.decision_function(x)[1], before[:, 3:])
    with pytest.raises(
        ValueError, match=r"network must end in \(6,\), 3 outputs for each of 2 columns of y; it ends in"
    ):
        NetClassifier(mlp(4, 5)).fit(x, y)


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="y must hold labels of two classes at least; received 1 class"):
        NetClassifier().fit(BLOBS, np.zeros(120))
    with pytest.raises(ValueError, match="received 1 class"):
        NetClassifier().fit(BLOBS, THREE, sample_weight=THREE == 1)


def test_a_given_network_is_never_changed():
    net = mlp(4, 3)
    before, state = net.parameters.copy(), net.generator.bit_generator.state
    model = NetClassifier(net, **quick).fit(BLOBS, THREE)
    assert model.network is net
    np.testing.assert_array_equal(net.parameters, before)
    assert net.generator.bit_generator.state == state
    assert net.history is None
    assert (model.network_.parameters != before).any()
    assert NetClassifier(net, epochs=1, lr=0.0).fit(BLOBS, THREE).network_.parameters.tolist() == before.tolist()


def test_functions_are_told_the_shape_of_samples():
    seen = []

    def network(shape, outputs):
        seen.append((shape, outputs))
        return Sequential(
            [layers.Flatten(), layers.Dense(outputs)] if isinstance(shape, tuple) else [layers.Dense(outputs)]
        )

    NetClassifier(network, epochs=1).fit(BLOBS, THREE)
    NetRegressor(network, epochs=1).fit(BLOBS.reshape(120, 1, 2, 2), THREE)
    assert seen == [(4, 3), ((1, 2, 2), 1)]
    with pytest.raises(TypeError, match="what network gives must be Sequential; received Dense"):
        NetClassifier(lambda features, outputs: layers.Dense(outputs)).fit(BLOBS, THREE)
    with pytest.raises(
        TypeError, match="network must be None, a Sequential, a function that gives one or 'tabular'; received 3"
    ):
        NetClassifier(3).fit(BLOBS, THREE)
    with pytest.raises(ValueError, match="dtype must be that of the network, which has been built, float32; received"):
        NetClassifier(mlp(4, 3), dtype="float64").fit(BLOBS, THREE)
    with pytest.raises(ValueError, match=r"network must end in \(3,\) for these labels; it ends in \(2,\)"):
        NetClassifier(mlp(4, 2)).fit(BLOBS, THREE)


def test_random_state():
    same = [NetClassifier(epochs=3, random_state=seed).fit(BLOBS, THREE).network_.parameters for seed in (1, 1, 2)]
    assert (same[0] == same[1]).all()
    assert (same[0] != same[2]).any()
    states = [np.random.RandomState(1) for _ in range(2)]
    again = [NetClassifier(epochs=3, random_state=state).fit(BLOBS, THREE).network_.parameters for state in states]
    assert (again[0] == again[1]).all()
    given = [NetClassifier(mlp_of_seed, epochs=3, random_state=seed).fit(BLOBS, THREE) for seed in (1, 2)]
    assert given[0].loss_curve_ != given[1].loss_curve_  # the order of samples at least


def mlp_of_seed(features, outputs):
    return models.mlp((features, 8, outputs), output=None, seed=0)


def test_every_epoch_is_as_the_networks_own():
    """Nothing is added to what `Sequential.fit` does."""
    net = mlp(4, 3)
    net.generator.bit_generator.state = np.random.default_rng(0).bit_generator.state
    copy = pickle.loads(pickle.dumps(net))

    class State(np.random.RandomState):
        def randint(self, *_, **__):
            return 0

    model = NetClassifier(net, epochs=3, batch_size=16, random_state=State()).fit(BLOBS, THREE)
    copy.fit(BLOBS, THREE, epochs=3, batch_size=16, optimizer=optimizers.Adam(), loss="cross_entropy", verbose=0)
    np.testing.assert_array_equal(model.network_.parameters, copy.parameters)


def test_early_stopping_gives_back_the_best_weights():
    x, y = load_breast_cancer(return_X_y=True)
    x = StandardScaler().fit_transform(x)
    seen = []

    class Keep(callbacks.Callback):
        def on_epoch_end(self, net, epoch, logs):
            seen.append((logs["val_loss"], logs["val_f1"], net.parameters.copy()))

    model = NetClassifier(
        early_stopping=True, patience=3, epochs=200, lr=1e-2, random_state=0, callbacks=[Keep()], metrics=["f1"]
    ).fit(x, y)
    assert 3 < model.n_iter_ < 200
    best = min(range(len(seen)), key=lambda k: seen[k][0])
    assert best == model.n_iter_ - 4
    np.testing.assert_array_equal(model.network_.parameters, seen[best][2])
    assert model.history_.history["val_f1"] == [f1 for _, f1, _ in seen]
    with pytest.raises(ValueError, match="metrics must come with early_stopping, which holds data out; received"):
        NetClassifier(metrics=["f1"]).fit(x, y)
    with pytest.raises(ValueError, match="validation_fraction must leave samples to train on, and some to validate on"):
        NetRegressor(early_stopping=True).fit([[1.0]], [1])


def test_what_is_held_out_has_its_share_of_every_class():
    labels = np.repeat([0, 1, 2, 3], [700, 200, 99, 1])
    RNG.shuffle(labels)
    rest, held = held_out(1000, 0.1, labels, seed=3)
    assert sorted([*rest, *held]) == list(range(1000))
    assert np.bincount(labels[held], minlength=4).tolist() in (
        [70, 20, 10, 0],
        [71, 20, 9, 0],
        [70, 21, 9, 0],
        [71, 19, 10, 0],
    )
    numbers = RNG.normal(size=1000)
    _, held = held_out(1000, 0.1, numbers, seed=3)
    assert np.bincount(np.argsort(np.argsort(numbers))[held] // 10).tolist() == [1] * 100
    assert (held_out(1000, 0.1, numbers, seed=4)[1] != held).any()
    assert len(held_out(10, 0.01, None, seed=0)[1]) == 1


def test_weights_of_samples():
    """One of 2 is as a sample that comes twice, one of 0 as if it was not there; their mean makes no difference."""
    counts = RNG.integers(0, 4, 120)
    settings = {"batch_size": 1000, "early_stopping": True, **quick}
    repeated = NetClassifier(**settings).fit(BLOBS.repeat(counts, axis=0), THREE.repeat(counts))
    for scale in (1, 16):
        weighted = NetClassifier(**settings).fit(BLOBS, THREE, sample_weight=counts * scale)
        np.testing.assert_array_equal(weighted.network_.parameters, repeated.network_.parameters)
    numbers = NetRegressor(**settings).fit(BLOBS.repeat(counts, axis=0), BLOBS[:, 0].repeat(counts))
    weighted = NetRegressor(**settings).fit(BLOBS, BLOBS[:, 0], sample_weight=counts)
    np.testing.assert_array_equal(weighted.predict(BLOBS), numbers.predict(BLOBS))


@pytest.mark.parametrize(
    "model", [NetClassifier(**quick), NetEnsemble(NetClassifier(**quick), members=2, random_state=0)]
)
def test_a_call_that_is_refused_leaves_a_model_as_it_was(model):
    more = np.hstack([BLOBS, BLOBS])
    model = clone(model).fit(BLOBS, THREE)
    before = model.predict(BLOBS)
    for x, y in ((more, np.zeros(120)), (more, THREE[1:]), (pd.DataFrame(more).add_prefix("x"), np.full(120, "a"))):
        with pytest.raises(ValueError, match=r"y must hold labels of two|inconsistent numbers"):
            model.fit(x, y)
        assert model.n_features_in_ == BLOBS.shape[1]
        assert not hasattr(model, "feature_names_in_")
        assert (model.predict(BLOBS) == before).all()


def test_an_ensemble_whose_members_diverge_keeps_its_labels():
    model = NetEnsemble(NetClassifier(**quick), members=2, random_state=0).fit(BLOBS, np.array(["p", "q", "r"])[THREE])
    before = model.predict(BLOBS)
    model.estimator.set_params(lr=1e30)
    with pytest.raises(FloatingPointError):
        model.fit(BLOBS, np.array(["a", "b", "c"])[THREE])
    assert (model.predict(BLOBS) == before).all()


def test_labels_are_not_ignored_by_their_places():
    loss = losses.CrossEntropy(ignore_label=-1)
    for model in (NetClassifier(loss=loss), NetTransformer(loss=loss)):
        with pytest.raises(ValueError, match="loss must have no ignore_label for a classifier"):
            model.fit(BLOBS, THREE - 1)


def test_weights_may_cancel():
    signs = np.where(np.arange(120) % 2, 1.0, -1.0)
    assert np.isfinite(NetRegressor(**quick).fit(BLOBS, BLOBS[:, 0], sample_weight=signs).predict(BLOBS)).all()
    with pytest.raises(ValueError, match="sample_weight must not cancel"):
        NetRegressor(**quick).fit(BLOBS[:5].repeat(2, axis=0), BLOBS[:5, 0].repeat(2), sample_weight=signs[:10])


def test_weights_of_samples_count_in_small_batches():
    y = RNG.integers(0, 2, 120)
    weights = np.where(y == 1, 9.0, 1.0)
    model = NetClassifier(hidden=(), batch_size=16, epochs=100, lr=1e-2, random_state=0).fit(
        np.zeros((120, 1)), y, sample_weight=weights
    )
    share = weights[y == 1].sum() / weights.sum()
    assert abs(model.predict_proba(np.zeros((1, 1)))[0, 1] - share) < 0.05


@pytest.mark.parametrize("y", [np.arange(200) >= 180, np.stack([np.arange(200) >= 180, np.arange(200) % 3], axis=1)])
def test_balanced_classes(y):
    """Of what X says nothing about, each class is as likely."""
    x = np.zeros((200, 1))
    model = NetClassifier(hidden=(), class_weight="balanced", epochs=200, lr=1e-2, random_state=0).fit(x, y)
    shares = model.predict_proba(x[:1])
    np.testing.assert_allclose((shares[0] if isinstance(shares, list) else shares)[0], [0.5, 0.5], atol=0.03)
    assert NetClassifier(hidden=(), epochs=200, lr=1e-2).fit(x, np.arange(200) >= 180).predict_proba(x[:1])[0, 1] < 0.2


def test_class_weights():
    x, y = np.zeros((100, 1)), np.array(["a", "b"])[np.arange(100) % 2]
    model = NetClassifier(hidden=(), class_weight={"a": 9}, epochs=200, lr=3e-2, random_state=0).fit(x, y)
    assert abs(model.predict_proba(x[:1])[0, 0] - 0.9) < 0.02
    two = np.stack([y, y], axis=1)
    model = NetClassifier(hidden=(), class_weight=[{"a": 3}, {"a": 3}], epochs=200, lr=3e-2).fit(x, two)
    assert abs(model.predict_proba(x[:1])[1][0, 0] - 0.9) < 0.02
    for wrong, labels, message in [
        ({"c": 1}, y, "class_weight must be of the classes ..a., .b..; received 'c'"),
        ("even", y, "class_weight must be None, 'balanced' or a dict of labels; received 'even'"),
        ({"a": 1}, two, "class_weight must be a list of dicts, one a column of y; received one dict"),
        ([{"a": 1}], two, "class_weight must be 2 dicts, one a column of y; received 1"),
    ]:
        with pytest.raises(ValueError, match=message):
            NetClassifier(class_weight=wrong).fit(x, labels)


def test_warm_start_goes_on():
    settings = {"optimizer": optimizers.Adam(), "random_state": 0, "batch_size": 32}
    twice = NetClassifier(epochs=5, warm_start=True, **settings).fit(BLOBS, THREE)
    net, losses_before = twice.network_, twice.loss_curve_
    twice.fit(BLOBS, THREE)
    assert twice.network_ is net
    assert twice.n_iter_ == 10
    assert twice.loss_curve_[:5] == losses_before
    once = NetClassifier(epochs=10, **settings).fit(BLOBS, THREE)
    np.testing.assert_array_equal(once.network_.parameters, net.parameters)  # moments and random numbers too
    with pytest.raises(ValueError, match=r"y must hold labels of the classes \[0, 1, 2\]; received 3 too"):
        twice.fit(BLOBS, THREE + 1)


def test_partial_fit():
    model = NetClassifier(lr=1e-2, random_state=0, batch_size=16)
    with pytest.raises(ValueError, match="classes must be given in the first call of partial_fit; received None"):
        model.partial_fit(BLOBS, THREE)
    order = RNG.permutation(120)
    for _ in range(20):
        for rows in np.split(order, 4):
            model.partial_fit(BLOBS[rows], THREE[rows], classes=[0, 1, 2, 9])
    assert model.n_iter_ == 80
    assert model.classes_.tolist() == [0, 1, 2, 9]
    assert model.score(BLOBS, THREE) > 0.95
    with pytest.raises(ValueError, match="received 4 too"):
        model.partial_fit(BLOBS, THREE + 4)
    with pytest.raises(ValueError, match=r"classes must be those of the first call, \[0 1 2 9\]; received \[0, 1, 2\]"):
        model.partial_fit(BLOBS, THREE, classes=[0, 1, 2])
    several = NetClassifier().partial_fit(BLOBS, np.stack([THREE, THREE], 1), classes=[[0, 1, 2], [0, 1, 2, 3]])
    assert [len(classes) for classes in several.classes_] == [3, 4]
    number = NetRegressor(lr=1e-2, random_state=0)
    for _ in range(100):
        number.partial_fit(BLOBS, BLOBS[:, 0])
    assert number.score(BLOBS, BLOBS[:, 0]) > 0.95


def test_regression_of_any_scale():
    x, y = load_diabetes(return_X_y=True)
    x = x * 20
    model = NetRegressor(hidden=(), **quick).fit(x, y)
    moved = NetRegressor(hidden=(), **quick).fit(x, y * 1024 - 2048)
    assert model.score(x, y) > 0.45
    np.testing.assert_allclose(moved.predict(x), model.predict(x) * 1024 - 2048, rtol=1e-3)
    both = NetRegressor(**quick).fit(x, np.stack([y, y * 1e4], axis=1))
    assert both.predict(x).shape == (442, 2)
    assert both.score(x, np.stack([y, y * 1e4], axis=1)) > 0.45
    assert NetRegressor(**quick).fit(x, y[:, None]).predict(x).shape == (442, 1)


def test_several_levels_at_once():
    x = RNG.uniform(-1, 1, (3000, 1))
    y = x[:, 0] + RNG.normal(size=3000) * (1.2 + x[:, 0])
    levels = [0.1, 0.5, 0.9]
    model = NetRegressor(loss=losses.Quantile(levels), **quick).fit(x, y)
    told = model.predict(x)
    assert told.shape == (3000, 3)
    np.testing.assert_allclose((y[:, None] < told).mean(axis=0), levels, atol=0.04)
    assert 0.1 < model.score(x, y) < 0.5
    two = NetRegressor(loss=losses.Quantile(levels), **quick).fit(x, np.stack([y, -y], axis=1))
    assert two.predict(x).shape == (3000, 2, 3)
    np.testing.assert_allclose(two.predict(x)[:, 1, ::-1], -told, atol=0.6)
    assert (
        NetRegressor(loss="quantile", epochs=1).set_params(loss=losses.Quantile([0.5])).fit(x, y).predict(x).ndim == 1
    )


def test_losses_of_numbers():
    rates = np.exp(BLOBS[:, :2] / 3)
    model = NetRegressor(loss="poisson", **quick).fit(BLOBS, np.random.default_rng(0).poisson(rates))
    assert model.predict(BLOBS).min() > 0
    assert np.corrcoef(model.predict(BLOBS)[:, 0], rates[:, 0])[0, 1] > 0.9

    def likelihood(outputs, targets):
        """Of a normal distribution whose mean and logarithm of the deviation are the outputs."""
        mean, log = outputs.T.astype(float)
        assert targets.shape == (len(outputs), 1)
        error = (mean - targets[:, 0]) * np.exp(-log)
        return log + error**2 / 2, np.stack([error * np.exp(-log), 1 - error**2], axis=1)

    y = 5 + BLOBS[:, 0] + np.random.default_rng(0).normal(size=120) / 2
    model = NetRegressor(
        Sequential([layers.Dense(8, "tanh"), layers.Dense(2)]), loss=likelihood, epochs=300, lr=1e-2, random_state=0
    )
    told = model.fit(BLOBS, y).predict(BLOBS)
    assert told.shape == (120, 2)
    assert np.corrcoef(told[:, 0], y)[0, 1] > 0.9


def test_a_built_network_has_a_scale_of_its_own():
    net = Sequential([layers.Dense(1)], input_shape=4)
    net.params["0.weight"], net.params["0.bias"] = [[100, 0, 0, 0]], [1000]
    model = NetRegressor(net, epochs=1, lr=0.0).fit(BLOBS, BLOBS[:, 0] * 100 + 1000)
    assert model.score(BLOBS, BLOBS[:, 0] * 100 + 1000) > 0.999


def test_optimizers_and_rates():
    def steps(**settings):
        return NetClassifier(epochs=2, random_state=0, **settings).fit(BLOBS, THREE).network_.parameters.tolist()

    falling = schedules.cosine(1e-2, 8)
    same = optimizers.AdamW(falling, weight_decay=0.5, decay_biases=False)
    assert steps() == steps(lr=1e-2) == steps(lr=falling) == steps(optimizer=same) != steps(lr=1e-3)
    assert steps(batch_size=120) == steps(batch_size=200) != steps()
    own = {"network": Sequential([layers.Dense(3)])}
    assert steps(**own) == steps(**own, lr=1e-3) == steps(**own, optimizer=optimizers.Adam(1e-3))
    assert steps(optimizer=optimizers.SGD(0.5), lr=1e-2) == steps(optimizer=optimizers.SGD(1e-2)) != steps()
    seen = []
    steps(lr=lambda step: seen.append(step) or 1e-3, batch_size=60)
    assert set(seen) == {0, 1, 2, 3}
    with pytest.raises(TypeError, match=r"optimizer must be one of .*; received '.*', a name: make one"):
        steps(optimizer="adam")


def test_random_state_is_a_seed_of_scikit_learns_range():
    def weights(random_state):
        return NetClassifier(epochs=1, random_state=random_state).fit(BLOBS, THREE).network_.parameters.tolist()

    assert weights(2**32 - 1) == weights(np.uint32(2**32 - 1)) != weights(2**31 - 1)
    for seed in (-1, 2**32):
        with pytest.raises(ValueError, match="random_state must be at "):
            weights(seed)


@pytest.mark.parametrize(("samples", "epochs"), [(20, 100), (32, 100), (33, 50), (160, 20), (400, 20)])
def test_few_samples_are_gone_through_more_often(samples, epochs):
    x = np.arange(2 * samples).reshape(samples, 2) / samples
    assert NetRegressor(hidden=4, random_state=0).fit(x, x[:, 0]).n_iter_ == epochs


def test_images_and_sequences_keep_their_shape():
    x, y = load_digits(return_X_y=True)
    images = (x * 15).reshape(-1, 1, 8, 8).astype(np.uint8)

    def network(shape, classes):
        return Sequential(
            [
                layers.Rescaling(1 / 255), layers.Conv2D(8, 3, padding=1, activation="relu"), layers.MaxPool2D(2),
                layers.Flatten(), layers.Dense(classes),
            ]
        )  # fmt: skip

    model = NetClassifier(network, epochs=8, lr=5e-3, random_state=0).fit(images[:1000], y[:1000])
    assert model.network_.input_shape == (1, 8, 8)
    assert model.score(images[1000:], y[1000:]) > 0.85
    assert not hasattr(model, "n_features_in_")
    with pytest.raises(ValueError, match=r"x must have shape \(N, 1, 8, 8\)"):
        model.predict(x)
    flat = NetClassifier(epochs=8, lr=5e-3, random_state=0).fit(images[:1000] / 255, y[:1000])
    assert flat.score(images[1000:] / 255, y[1000:]) > 0.85


def sequences():
    """The last step that counts tells the label."""
    lengths = RNG.integers(1, 9, 400)
    x = RNG.integers(0, 5, (400, 8))
    return x, lengths, x[np.arange(400), lengths - 1]


def reader(steps, outputs):
    return Sequential([layers.Embedding(5, 8), layers.GRU(16), layers.Dense(outputs)])


def test_lengths_of_sequences():
    x, lengths, y = sequences()
    model = NetClassifier(reader, epochs=25, lr=1e-2, random_state=0).fit(x, y, lengths=lengths)
    assert model.score(x, y, lengths=lengths) > 0.95
    assert model.score(x, y) < 0.8
    padded = x.copy()
    padded[np.arange(8) >= lengths[:, None]] = 4
    np.testing.assert_array_equal(model.predict_proba(padded, lengths), model.predict_proba(x, lengths))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.fit(x, y, lengths=lengths[:-1])


def test_routed_weights_and_lengths():
    x, lengths, y = sequences()
    with sklearn.config_context(enable_metadata_routing=True):
        model = NetClassifier(reader, epochs=25, lr=1e-2, random_state=0)
        model.set_fit_request(sample_weight=True, lengths=True).set_score_request(lengths=True, sample_weight=False)
        found = cross_validate(
            model, x, y, cv=2, params={"sample_weight": np.ones(400), "lengths": lengths}, error_score="raise"
        )
        assert found["test_score"].min() > 0.8
        pipeline = make_pipeline(StandardScaler(), NetRegressor(**quick).set_fit_request(sample_weight=True))
        weights = RNG.integers(0, 2, 120)
        pipeline[0].set_fit_request(sample_weight=False)
        pipeline.fit(BLOBS, BLOBS[:, 0], sample_weight=weights)
        assert pipeline.score(BLOBS, BLOBS[:, 0]) > 0.9


def test_sparse_input():
    x = sp.random_array((100, 30), density=0.1, random_state=0, format="csc")
    y = (x.toarray().sum(axis=1) > 1.5).astype(int)
    dense = NetClassifier(**quick).fit(x.toarray(), y)
    for made in (sp.csc_array, sp.csr_matrix, sp.coo_array):
        model = NetClassifier(**quick).fit(made(x), y)
        np.testing.assert_array_equal(model.predict_proba(made(x)), dense.predict_proba(x.toarray()))


@pytest.mark.parametrize("library", [pd, pl])
def test_data_frames(library):
    frame = library.DataFrame({name: BLOBS[:, k] for k, name in enumerate(["height", "width", "depth", "age"])})
    model = NetClassifier(**quick).fit(frame, library.Series("label", THREE) if library is pl else pd.Series(THREE))
    assert model.feature_names_in_.tolist() == ["height", "width", "depth", "age"]
    assert model.n_features_in_ == 4
    np.testing.assert_array_equal(model.predict(frame), NetClassifier(**quick).fit(BLOBS, THREE).predict(BLOBS))
    for changed, message in [
        (frame.rename(**({"columns": {"age": "years"}} if library is pd else {"mapping": {"age": "years"}})), "years"),
        (frame[["width", "height", "depth", "age"]], "in the same order"),
        (frame[["height", "width", "depth"]], "age"),
    ]:
        with pytest.raises(
            ValueError, match="The feature names should match those that were passed during fit"
        ) as info:
            model.predict(changed)
        assert message in str(info.value)
    with pytest.raises(ValueError, match="X has 3 features, but NetClassifier is expecting 4 features as input"):
        model.predict(RNG.normal(size=(5, 3)).astype("f")) if False else model.set_params().predict(
            _nameless(BLOBS[:, :3])
        )


def _nameless(x):
    import warnings

    warnings.simplefilter("ignore")
    return x


def test_bad_input_leaves_the_estimator_as_it_was():
    model = NetClassifier(**quick).fit(BLOBS, THREE)
    net, told = model.network_, model.predict_proba(BLOBS)
    for x, y in [(BLOBS, np.full(120, np.nan)), (np.where(BLOBS > 1, np.nan, BLOBS), THREE), (BLOBS, THREE[:5])]:
        with pytest.raises(ValueError, match=r"NaN|inconsistent numbers of samples"):
            model.fit(x, y)
        assert model.network_ is net
        np.testing.assert_array_equal(model.predict_proba(BLOBS), told)
    for wrong in ({"hidden": (0,)}, {"batch_size": 0}, {"epochs": 0}, {"loss": "hinge"}, {"dtype": "float16"}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            clone(model).set_params(**wrong).fit(BLOBS, THREE)


def test_what_a_callback_raises_ends_the_training_and_keeps_what_was_learned():
    class Pruned(Exception):
        pass

    class Prune(callbacks.Callback):
        def on_epoch_end(self, net, epoch, logs):
            if epoch == 3:
                raise Pruned

    model = NetClassifier(callbacks=[Prune()], random_state=0)
    with pytest.raises(Pruned):
        model.fit(BLOBS, THREE)
    assert model.n_iter_ == 3
    assert model.predict(BLOBS).shape == (120,)


def test_copies_and_pickles(tmp_path):
    net = mlp(4, 3)
    for network in (None, net, Sequential([layers.Dense(3)]), mlp_of_seed):
        model = NetClassifier(network, loss=losses.CrossEntropy(0.1), warm_start=True, **quick)
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


@pytest.mark.parametrize("kind", [NetClassifier, NetRegressor, NetTransformer])
def test_settings_of_layers_that_are_not_made_are_refused(kind):
    x, y = load_iris(return_X_y=True)

    def network(features, outputs):
        return Sequential([layers.Dense(4, "tanh"), layers.Dense(outputs)])

    for given in (network, network(4, 3)):
        for settings in ({"hidden": (3,)}, {"activation": "tanh"}):
            with pytest.raises(ValueError, match=f"{next(iter(settings))} must be left out where network says"):
                kind(given, epochs=1, **settings).fit(x, y)
        kind(given, epochs=1, hidden=[64, 64], activation="relu").fit(x, np.eye(3)[y] if kind is NetRegressor else y)
    with pytest.raises(ValueError, match=r"activation must be left out .* received 'tanh'"):
        kind("tabular", activation="tanh").fit(x, y)


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


def test_an_autoencoder():
    x = BLOBS[:, :1] * [[1, 2, -1, 3, 0.5]] + RNG.normal(size=(120, 5)) / 20
    model = NetTransformer(hidden=1, activation="identity", **quick).fit(x)
    code = model.transform(x)
    assert code.shape == (120, 1)
    assert abs(np.corrcoef(code[:, 0], x[:, 0])[0, 1]) > 0.99


def test_metrics_and_verbose(capsys):
    NetRegressor(epochs=2, verbose=1, early_stopping=True, metrics=[metrics.R2()]).fit(BLOBS, BLOBS[:, 0])
    out = capsys.readouterr().out
    assert out.count("\n") == 2
    assert "r2" in out
    NetRegressor(epochs=2).fit(BLOBS, BLOBS[:, 0])
    assert capsys.readouterr().out == ""


def test_distinct_samples():
    data = Data(np.array([[2.0], [1], [2]]), np.array([0, 1, 0]), None, None).distinct()
    assert (data.x.ravel().tolist(), data.y.tolist(), data.weights.tolist()) == ([1, 2], [1, 0], [1, 2])
    assert fastdl.estimators.NetClassifier is NetClassifier


@pytest.mark.parametrize("seed", range(6))
def test_samples_are_held_out_and_not_all_that_are_the_same(seed):
    x, y = np.repeat([[0.0], [1.0]], 20, axis=0), np.repeat(["no", "yes"], 20)
    for weights in (None, np.full(40, 3)):
        model = NetClassifier(early_stopping=True, random_state=seed, lr=1e-2).fit(x, y, sample_weight=weights)
        assert model.score(x, y) == 1


def each_step(shape, outputs):
    return Sequential([layers.Dense(16, "tanh"), layers.Dense(1)])


def test_steps_that_do_not_count_are_nothing_to_a_regressor():
    rng = np.random.default_rng(0)
    x, lengths = rng.standard_normal((100, 6, 3)), rng.integers(1, 7, 100)
    y, behind = x[..., 0] * 5 + 1000, np.arange(6) >= lengths[:, None]
    found = []
    for filling in (0, -999, 1e9):
        filled = np.where(behind, filling, y)
        model = NetRegressor(each_step, **quick).fit(x, filled, lengths=lengths)
        weights = rng.integers(1, 3, 100)
        found.append([*model.predict(x).ravel(), model.score(x, filled, lengths=lengths)])
        assert model.score(x, filled, lengths=lengths, sample_weight=weights) > 0.9
        assert model.predict(x).shape == (100, 6)
    assert found[0] == found[1] == found[2]
    assert found[0][-1] > 0.9
    with pytest.raises(ValueError, match=r"y must have shape \(100, 6\), a number for each step; received \(100, 5\)"):
        model.score(x, y[:, :5], lengths=lengths)


def test_quantiles_of_each_step_are_in_units():
    x = RNG.normal(size=(100, 6, 3))
    net = Sequential([layers.Dense(3)])
    told = NetRegressor(net, loss=losses.Quantile([0.1, 0.5, 0.9]), **quick).fit(x, x[..., 0] + 1000).predict(x)
    assert told.shape == (100, 6, 3)
    assert abs(told.mean() - 1000) < 5


def test_networks_that_do_not_tell_the_labels_are_refused():
    for net, y, wanted, received in [
        (Sequential([layers.Dense(5)]), THREE, r"\(3,\)", r"\(5,\)"),
        (Sequential([layers.Dense(3)]), THREE > 0, r"\(1,\) or \(2,\)", r"\(3,\)"),
        (Sequential([layers.Dense(5)]), np.eye(3)[THREE], r"\(3,\)", r"\(5,\)"),
    ]:
        for loss in (None, own_cross_entropy):
            with pytest.raises(ValueError, match=f"network must end in {wanted} for these labels; .* {received}"):
                NetClassifier(net, loss=loss).fit(BLOBS, y)
    steps, tags = RNG.normal(size=(30, 6, 3)), RNG.integers(0, 2, (30, 6))
    with pytest.raises(ValueError, match=r"network must end in \(6,\) for these labels; it ends in \(6, 1\)"):
        NetClassifier(each_step).fit(steps, tags)


def own_of_probabilities(outputs, labels):
    """Cross-entropy of two classes, or of more, where outputs are probabilities."""
    outputs = np.clip(outputs.astype(float), 1e-7, 1 - 1e-7)
    if outputs.shape[1] == 1:
        right = labels.reshape(-1, 1)
        return -np.log(np.where(right, outputs, 1 - outputs))[:, 0], -1 / np.where(right, outputs, outputs - 1)
    right = np.eye(outputs.shape[1])[labels]
    return -(right * np.log(outputs)).sum(axis=1), -right / outputs


@pytest.mark.parametrize(
    ("last", "y"),
    [
        (layers.Dense(1, "sigmoid"), THREE == 1),
        (layers.Dense(2, "softmax"), THREE == 1),
        (layers.Dense(3, "softmax"), THREE),
        (Sequential([layers.Dense(3), layers.Activation("softmax")]), THREE),
    ],
)
def test_a_loss_of_ones_own_on_probabilities(last, y):
    model = NetClassifier(Sequential([layers.Dense(16, "tanh"), last]), loss=own_of_probabilities, **quick)
    outputs, shares = model.fit(BLOBS, y).network_.predict(BLOBS), model.predict_proba(BLOBS)
    np.testing.assert_allclose(shares[:, -outputs.shape[1] :], outputs, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    np.testing.assert_array_equal(model.predict(BLOBS), model.classes_[shares.argmax(axis=1)])
    assert model.score(BLOBS, y) > 0.95


def test_a_loss_of_ones_own_with_one_logit():
    def logistic(outputs, labels):
        z, y = outputs[:, 0].astype(float), labels.reshape(-1)
        return np.logaddexp(0, z) - y * z, (0.5 + np.tanh(z / 2) / 2 - y)[:, None]

    model = NetClassifier(Sequential([layers.Dense(16, "tanh"), layers.Dense(1)]), loss=logistic, **quick)
    shares = model.fit(BLOBS, THREE == 1).predict_proba(BLOBS)
    assert shares.shape == (120, 2)
    np.testing.assert_array_equal(model.predict(BLOBS), shares[:, 1] > 0.5)
    assert model.score(BLOBS, THREE == 1) > 0.95


def test_metrics_of_a_regressor_are_in_its_units():
    seen = []

    def largest(targets, outputs):
        seen.append((targets, outputs))
        return targets.max()

    y = np.stack([BLOBS[:, 0] * 1000 + 5e5, BLOBS[:, 1]], axis=1)
    model = NetRegressor(
        early_stopping=True, metrics=["mean_absolute_error", largest], hidden=(), batch_size=16, epochs=3,
        lr=1e-12, random_state=0,
    ).fit(BLOBS, y)  # fmt: skip
    targets, outputs = seen[0]
    rows = [np.flatnonzero(np.isclose(y[:, 0], one, rtol=1e-6))[0] for one in targets[:, 0]]
    np.testing.assert_allclose(targets, y[rows], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(outputs, model.predict(BLOBS[rows]), rtol=1e-4)
    errors = model.history_.history["val_mean_absolute_error"]
    np.testing.assert_allclose(errors, abs(model.predict(BLOBS[rows]) - y[rows]).mean(), rtol=1e-4)
    with pytest.raises(ValueError, match="metrics must be"):
        NetRegressor(early_stopping=True, metrics=["r3"]).fit(BLOBS, y)


def test_scores_are_of_as_many_labels_of_their_kind():
    model = NetClassifier(**quick).fit(BLOBS, THREE)
    for x, y in [
        (BLOBS, [1]),
        (BLOBS[:1], THREE),
        (BLOBS, np.array(["a", "b", "c"])[THREE]),
        (BLOBS, np.eye(3)[THREE]),
    ]:
        with pytest.raises((ValueError, TypeError), match=r"inconsistent numbers|Mix of|can't handle a mix of"):
            model.score(x, y)
    names = NetClassifier(**quick).fit(BLOBS, np.array(["a", "b", "c"], object)[THREE])
    assert names.score(BLOBS, np.array(["a", "b", "c"])[THREE]) > 0.95


def test_settings_of_the_network_stay_while_it_is_trained_further():
    model = NetClassifier(warm_start=True, **quick).fit(BLOBS, THREE)
    for name, value in [("hidden", (3,)), ("dtype", "float64"), ("loss", "squared_error"), ("network", mlp(4, 3))]:
        before = getattr(model, name)
        model.set_params(**{name: value})
        for call in (model.fit, model.partial_fit):
            with pytest.raises(ValueError, match=f"{name} must stay as it was while a network is trained further, "):
                call(BLOBS, THREE)
        assert hasattr(model, "predict_proba")  # as it has been fitted
        model.set_params(**{name: before})
    model.set_params(lr=1e-3, epochs=2).fit(BLOBS, THREE)
    assert model.n_iter_ == 62
    model.set_params(warm_start=False, hidden=[8]).fit(BLOBS, THREE).set_params(warm_start=True)
    model.hidden.append(4)
    with pytest.raises(ValueError, match=r"hidden must stay as it was .*, \[8\]; received \[8, 4\]"):
        model.fit(BLOBS, THREE)
    errors = NetClassifier(loss="squared_error", **quick).fit(BLOBS, THREE).set_params(loss=None)
    assert not hasattr(errors, "predict_proba")


def test_classes_of_several_columns_are_not_ignored():
    names = np.stack([np.array(["a", "b", "c"])[THREE]] * 2, axis=1)
    for y, classes in [(names, ["a", "b", "c"]), (np.eye(3, dtype=int)[THREE], [0, 1])]:
        with pytest.raises(ValueError, match=r"classes must be a list of those of each of \d columns of y, or the"):
            NetClassifier().partial_fit(BLOBS, y, classes=classes)
    model = NetClassifier().partial_fit(BLOBS, np.eye(3, dtype=int)[THREE], classes=[0, 1, 2])
    assert model.predict(BLOBS).shape == (120, 3)


def test_partial_fit_holds_nothing_out():
    for kind in (NetClassifier, NetRegressor):
        for settings in ({"early_stopping": True}, {"metrics": ["r2"]}):
            with pytest.raises(AttributeError, match="partial_fit") as info:
                kind(**settings).partial_fit(BLOBS, THREE)
            assert "early_stopping must be False, and metrics empty" in str(info.value.__cause__)


def test_probabilities_far_out():
    model = NetClassifier(loss="binary_cross_entropy", hidden=(), **quick).fit(BLOBS, THREE)
    model.network_.params["0.bias"] = [-2000, -2001, -3000]
    shares = model.predict_proba(np.zeros((1, 4)))
    np.testing.assert_allclose(shares, [[1 / (1 + np.exp(-1)), 1 / (1 + np.exp(1)), 0]], rtol=1e-6)


@pytest.mark.parametrize("pair", [(1, 2), (-1, 1)])
def test_two_integers_in_columns_are_labels(pair):
    y = np.array(pair)[np.stack([THREE == 1, THREE == 2], axis=1).astype(int)]
    model = NetClassifier(**quick).fit(BLOBS, y)
    assert [classes.tolist() for classes in model.classes_] == [list(pair)] * 2
    assert model.score(BLOBS, y) > 0.95


def test_class_weights_are_numbers_that_count():
    for wrong, message in [
        ({0: np.nan}, "class_weight of 0 must be a finite number"),
        ({0: 0, 1: 0, 2: 0}, "all weights"),
    ]:
        with pytest.raises(ValueError, match=message):
            NetClassifier(class_weight=wrong).fit(BLOBS, THREE)


def test_what_cannot_be_leaves_nothing_fitted():
    for model, kind, message in [
        (NetClassifier(callbacks=None), TypeError, "callbacks must be a list of callbacks; received None"),
        (NetClassifier(callbacks=callbacks.Callback()), TypeError, "callbacks must be a list of callbacks; received <"),
        (NetTransformer(layer=99), ValueError, "layer must be one of the network's"),
        (NetTransformer(layer="last"), ValueError, "layer must be one of the network's"),
        (NetClassifier(optimizer=optimizers.SGD(1e30), epochs=5), FloatingPointError, "not finite"),
    ]:
        with pytest.raises(kind, match=message):
            model.fit(BLOBS, THREE)
        assert not hasattr(model, "network_")


def test_files_are_of_networks(tmp_path):
    model = NetClassifier(epochs=1).fit(BLOBS, THREE)
    for write in (fastdl.export.to_onnx, fastdl.export.to_c, fastdl.export.to_safetensors):
        with pytest.raises(TypeError, match="received NetClassifier, whose network is network_"):
            write(model, tmp_path / "net")
