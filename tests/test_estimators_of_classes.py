"""NetClassifier: labels of any type, their logits and probabilities, losses and weights of classes."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from estimated import BLOBS, RNG, THREE, each_step, mlp, own_cross_entropy, quick
from sklearn.datasets import make_multilabel_classification
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.preprocessing import StandardScaler

from fastdl import Sequential, layers, losses
from fastdl.estimators import NetClassifier, NetTransformer


def test_labels_that_are_sure_have_probabilities_in_the_order_of_their_logits():
    x, y = make_multilabel_classification(n_samples=42, n_classes=3, random_state=42)
    for seed in range(3):
        net = NetClassifier(batch_size=64, random_state=seed).fit(x, y)
        logits, probabilities = net.decision_function(x), net.predict_proba(x)
        assert np.abs(logits).max() == 20
        assert (np.unique(logits).size, 0) == (np.unique(probabilities).size, (probabilities == 1).sum())


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


def test_labels_are_not_ignored_by_their_places():
    loss = losses.CrossEntropy(ignore_label=-1)
    for model in (NetClassifier(loss=loss), NetTransformer(loss=loss)):
        with pytest.raises(ValueError, match="loss must have no ignore_label for a classifier"):
            model.fit(BLOBS, THREE - 1)


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


def test_scores_are_of_as_many_labels_of_their_kind():
    model = NetClassifier(**quick).fit(BLOBS, THREE)
    for x, y in [
        (BLOBS, [1]),
        (BLOBS[:1], THREE),
        (BLOBS, np.array(["a", "b", "c"])[THREE]),
        (BLOBS, np.eye(3)[THREE]),
    ]:
        with pytest.raises((ValueError, TypeError), match=r"inconsistent numbers|Mix (type )?of|can't handle a mix of"):
            model.score(x, y)
    names = NetClassifier(**quick).fit(BLOBS, np.array(["a", "b", "c"], object)[THREE])
    assert names.score(BLOBS, np.array(["a", "b", "c"])[THREE]) > 0.95


def test_classes_of_several_columns_are_not_ignored():
    names = np.stack([np.array(["a", "b", "c"])[THREE]] * 2, axis=1)
    for y, classes in [(names, ["a", "b", "c"]), (np.eye(3, dtype=int)[THREE], [0, 1])]:
        with pytest.raises(ValueError, match=r"classes must be a list of those of each of \d columns of y, or the"):
            NetClassifier().partial_fit(BLOBS, y, classes=classes)
    model = NetClassifier().partial_fit(BLOBS, np.eye(3, dtype=int)[THREE], classes=[0, 1, 2])
    assert model.predict(BLOBS).shape == (120, 3)


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
