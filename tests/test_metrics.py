"""Metrics beside scikit-learn's, of rows that count alone, and wherever a figure is asked for."""

import copy
import math
import pickle
from functools import partial

import numpy as np
import pytest
import reference
from conftest import close
from test_weights import KINDS, within

from fastdl import Sequential, callbacks, layers, losses, metrics, optimizers
from fastdl.metrics.choice import mode_of


@pytest.fixture
def sk():
    return pytest.importorskip("sklearn.metrics")


def of_classes(rng, classes=4, rows=60):
    """Labels, of which one class has none, and scores with ties."""
    labels = rng.integers(0, classes - (classes > 2), rows)
    return labels, reference.softmax(np.round(rng.standard_normal((rows, classes)), 1))


# By hand.


def test_small_numbers_by_hand():
    labels, outputs = [0, 0, 1, 2], [[5, 1, 0], [0, 5, 1], [1, 5, 0], [3, 2, 1]]  # told 0, 1, 1, 0
    for metric, expected in (
        (metrics.Accuracy(), 2 / 4),
        (metrics.BalancedAccuracy(), (1 / 2 + 1 + 0) / 3),
        (metrics.F1(), (2 / 4 + 2 / 3 + 0) / 3),
        (metrics.AUC(), (2 / 4 + 2.5 / 3 + 2.5 / 3) / 3),
        (metrics.TopK(1), 2 / 4),
        (metrics.TopK(2), 2 / 4),
        (metrics.TopK(3), 1.0),
    ):
        assert metric(labels, outputs) == pytest.approx(expected), metric
    yes, scores = [1, 0, 1, 0], [0.9, 0.7, 0.7, 0.5]
    assert metrics.Accuracy()(yes, scores) == 3 / 4
    assert metrics.F1()(yes, scores) == pytest.approx(4 / 5)
    assert metrics.BalancedAccuracy()(yes, scores) == 3 / 4
    assert metrics.AUC()(yes, scores) == (1 + 1 + 1 / 2 + 1) / 4
    numbers, told = [1.0, 2.0, 3.0], [1.0, 2.0, 5.0]
    assert metrics.MeanAbsoluteError()(numbers, told) == pytest.approx(2 / 3)
    assert metrics.R2()(numbers, told) == 1 - 4 / 2


def test_equal_outputs_come_in_their_order():
    labels = [0, 1, 2]
    assert metrics.TopK(1)(labels, np.ones((3, 3))) == metrics.Accuracy()(labels, np.ones((3, 3))) == 1 / 3
    assert metrics.TopK(2)(labels, np.ones((3, 3))) == 2 / 3


def test_many_rows_in_float32_have_the_mean_of_float64(rng):
    numbers = (1000 + rng.standard_normal((100000, 2))).astype("float32")
    told = numbers + rng.standard_normal(numbers.shape)
    assert metrics.R2()(numbers, told) == metrics.R2()(numbers.astype(float), told)


@pytest.mark.parametrize("metric", [metrics.R2(), metrics.F1(), metrics.AUC(), metrics.MeanAbsoluteError()], ids=repr)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_outputs_that_are_not_finite_have_none(metric, bad):
    assert math.isnan(metric([0.0, 1.0, 1.0], [0.1, bad, 0.7]))


def test_where_there_is_nothing_to_tell():
    assert math.isnan(metrics.AUC()([1, 1], [0.2, 0.3]))
    assert math.isnan(metrics.AUC()([1, 1], np.eye(3)[:2]))
    assert metrics.F1()([0, 0], [0.2, 0.3]) == 0
    assert metrics.R2()([2.0, 2.0], [2.0, 2.0]) == 1
    assert metrics.R2()([2.0, 2.0], [2.0, 2.5]) == 0
    assert math.isnan(metrics.R2()([2.0], [2.0]))


# Beside scikit-learn's.


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_classes_as_scikit_learn_has_them(classes, sk, rng):
    for _ in range(5):
        labels, outputs = of_classes(rng, classes)
        told = outputs.argmax(axis=1)
        f1 = sk.f1_score(labels, told, average="binary" if classes == 2 else "macro", zero_division=0)
        assert metrics.F1()(labels, outputs) == pytest.approx(f1)
        assert metrics.Accuracy()(labels, outputs) == pytest.approx(sk.accuracy_score(labels, told))
        scored = np.where(np.isin(told, labels), told, labels[0])  # scikit-learn warns of classes without rows
        balanced = metrics.BalancedAccuracy()(labels, np.eye(classes)[scored])
        assert balanced == pytest.approx(sk.balanced_accuracy_score(labels, scored))
        if classes == 2:
            assert metrics.AUC()(labels, outputs) == pytest.approx(sk.roc_auc_score(labels, outputs[:, 1]))
        else:
            there = outputs[:, np.unique(labels)]
            areas = [sk.roc_auc_score(labels == k, there[:, i]) for i, k in enumerate(np.unique(labels))]
            assert metrics.AUC()(labels, outputs) == pytest.approx(np.mean(areas))
            distinct = rng.random((60, classes))
            for k in range(1, classes):
                expected = sk.top_k_accuracy_score(labels, distinct, k=k, labels=range(classes))
                assert metrics.TopK(k)(labels, distinct) == pytest.approx(expected)


def test_auc_of_many_classes_as_scikit_learn_has_it(sk, rng):
    labels, outputs = rng.integers(0, 4, 80), reference.softmax(rng.standard_normal((80, 4)))
    assert metrics.AUC()(labels, outputs) == pytest.approx(sk.roc_auc_score(labels, outputs, multi_class="ovr"))


@pytest.mark.parametrize("outputs", [1, 3])
def test_yes_and_no_as_scikit_learn_has_them(outputs, sk, rng):
    yes, scores = rng.integers(0, 2, (50, outputs)), np.round(rng.random((50, outputs)), 1)
    told = scores > 0.5
    pairs = list(zip(yes.T, told.T, strict=True))
    for metric, expected in (
        (metrics.F1(), np.mean([sk.f1_score(*pair) for pair in pairs])),
        (metrics.Accuracy(), np.mean([sk.accuracy_score(*pair) for pair in pairs])),
        (metrics.BalancedAccuracy(), np.mean([sk.balanced_accuracy_score(*pair) for pair in pairs])),
        (metrics.AUC(), sk.roc_auc_score(yes, scores)),
    ):
        assert metric(yes, scores) == pytest.approx(expected)
    if outputs > 1:
        assert metrics.F1()(yes, scores) == pytest.approx(sk.f1_score(yes, told, average="macro"))


@pytest.mark.parametrize("outputs", [1, 3])
def test_numbers_as_scikit_learn_has_them(outputs, sk, rng):
    numbers, told = rng.standard_normal((2, 50, outputs))
    assert metrics.R2()(numbers, told) == pytest.approx(sk.r2_score(numbers, told))
    assert metrics.MeanAbsoluteError()(numbers, told) == pytest.approx(sk.mean_absolute_error(numbers, told))
    numbers[:, 0] = 1
    assert metrics.R2()(numbers, told) == pytest.approx(sk.r2_score(numbers, told))


def test_functions_of_scikit_learn_are_adapted(sk, rng):
    x = rng.standard_normal((60, 5))
    for classes in (2, 3):
        y = rng.integers(0, classes, 60)
        net = Sequential([layers.Dense(classes)], input_shape=5, dtype="float64", seed=0)
        probabilities = reference.softmax(net.predict(x))
        scores = probabilities[:, 1] if classes == 2 else probabilities
        found = net.evaluate(x, y, metrics=[
            metrics.of_labels(sk.matthews_corrcoef),
            metrics.of_labels(partial(sk.fbeta_score, beta=2, average="macro")),
            metrics.of_scores(partial(sk.roc_auc_score, multi_class="ovr")), metrics.of_scores(sk.log_loss),
        ])  # fmt: skip
        told = probabilities.argmax(axis=1)
        assert found["matthews_corrcoef"] == pytest.approx(sk.matthews_corrcoef(y, told))
        assert found["fbeta_score"] == pytest.approx(sk.fbeta_score(y, told, beta=2, average="macro"))
        assert found["roc_auc_score"] == pytest.approx(sk.roc_auc_score(y, scores, multi_class="ovr"))
        assert found["log_loss"] == pytest.approx(found["loss"])
    for outputs in (1, 3):
        y = rng.integers(0, 2, (60, outputs))
        net = Sequential([layers.Dense(outputs, "sigmoid")], input_shape=5, dtype="float64", seed=0)
        found = net.evaluate(x, y, loss="binary_cross_entropy", metrics=[
            metrics.of_labels(sk.accuracy_score), metrics.of_scores(sk.average_precision_score),
        ])  # fmt: skip
        assert found["accuracy_score"] == pytest.approx(sk.accuracy_score(y, net.predict(x) > 0.5))
        assert found["average_precision_score"] == pytest.approx(sk.average_precision_score(y, net.predict(x)))
    net = Sequential([layers.Dense(1)], input_shape=5, dtype="float64", seed=0)
    counts = rng.poisson(2.0, 60)
    found = net.evaluate(x, counts, loss="poisson", metrics=[metrics.of_scores(sk.mean_poisson_deviance)])
    assert found["mean_poisson_deviance"] == pytest.approx(sk.mean_poisson_deviance(counts, np.exp(net.predict(x))))


# What they see.


class Seen:
    """A metric of one's own, that keeps what it is given."""

    def __call__(self, targets, outputs):
        self.targets, self.outputs = targets, outputs
        return len(targets)


@pytest.mark.parametrize("loss", [losses.CrossEntropy(), losses.CrossEntropy(ignore_label=1)], ids=repr)
@pytest.mark.parametrize("kind", KINDS)
def test_rows_that_count(kind, loss, rng):
    net, x, options = kind(rng)
    outputs = net.predict(x, **options)
    y, there, seen = rng.integers(0, 3, outputs.shape[:-1]), within(outputs, **options), Seen()
    y[0] = 2
    if kind.__name__ == "nodes":
        y[1::4] = -1
        there &= y != -1
    if loss.ignore_label is not None:
        there &= y != 1
    found = net.evaluate(
        x, y, loss=loss, sample_weight=rng.standard_normal(7), metrics=[seen, "f1", "accuracy"], **options
    )
    assert found["Seen"] == there.sum()
    assert (seen.targets == y[there]).all()
    close(seen.outputs, reference.softmax(outputs[there]))
    assert found["f1"] == metrics.F1()(y[there], outputs[there])
    assert found["accuracy"] == metrics.Accuracy()(y[there], outputs[there])
    assert found["accuracy"] == pytest.approx(net.evaluate(x, y, loss=loss, **options)["accuracy"])
    (extra,) = options.values() or (None,)
    history = net.fit(
        x,
        y,
        loss=loss,
        validation_data=(x, y, extra),
        metrics=["f1"],
        optimizer=optimizers.SGD(0.0),
        verbose=0,
        **options,
    ).history
    assert history["val_f1"] == [found["f1"]]


def own_squares(outputs, targets):
    return ((outputs - targets) ** 2).sum(axis=1), 2 * (outputs - targets)


@pytest.mark.parametrize(
    ("loss", "targets", "labels", "scale"),
    [
        ("cross_entropy", lambda rng: np.eye(3)[rng.integers(0, 3, 9)], True, reference.softmax),
        ("squared_error", lambda rng: np.eye(3)[rng.integers(0, 3, 9)], True, lambda y: y),
        ("squared_error", lambda rng: rng.standard_normal((9, 3)), False, lambda y: y),
        ("binary_cross_entropy", lambda rng: np.eye(3)[rng.integers(0, 3, 9)], False, reference.sigmoid),
        ("poisson", lambda rng: rng.poisson(2.0, (9, 3)), False, np.exp),
        ("quantile", lambda rng: rng.standard_normal((9, 1)), False, lambda y: y),
        (own_squares, lambda rng: rng.integers(0, 3, (9, 3)), False, lambda y: y),
    ],
)
def test_the_scale_of_outputs(loss, targets, labels, scale, rng):
    x, y, seen = rng.standard_normal((9, 4)), targets(rng), Seen()
    net = Sequential([layers.Dense(3)], input_shape=4, dtype="float64", seed=0)
    net.evaluate(x, y, loss=loss, metrics=[seen])
    assert (seen.targets == (y.argmax(axis=1) if labels else y)).all()
    close(seen.outputs, scale(net.predict(x)))


def test_a_network_that_gives_probabilities_gives_these(rng):
    x, y, seen = rng.standard_normal((9, 4)), rng.integers(0, 3, 9), Seen()
    net = Sequential([layers.Dense(3, "softmax")], input_shape=4, dtype="float64", seed=0)
    net.evaluate(x, y, metrics=[seen])
    close(seen.outputs, net.predict(x))


def test_they_cannot_change_what_is_trained_on(rng):
    def spoil(targets, outputs):
        targets[...], outputs[...] = 0, 0
        return 0.0

    x, y = rng.standard_normal((20, 4)), rng.standard_normal((20, 2))
    net = Sequential([layers.Dense(2)], input_shape=4, dtype="float64", seed=0)
    other, before = copy.deepcopy(net), y.copy()
    arguments = {"loss": "squared_error", "epochs": 3, "validation_data": (x, y), "verbose": 0}
    net.fit(x, y, metrics=[spoil, "r2"], **arguments)
    other.fit(x, y, **arguments)
    assert (net.parameters == other.parameters).all()
    assert (y == before).all()


def test_the_accuracy_of_yes_and_no_is_the_losss(rng):
    x, y = rng.standard_normal((30, 4)), rng.integers(0, 2, (30, 3))
    net = Sequential([layers.Dense(3)], input_shape=4, dtype="float64", seed=0)
    plain = net.evaluate(x, y, loss="binary_cross_entropy")
    assert net.evaluate(x, y, loss="binary_cross_entropy", metrics=["accuracy"]) == pytest.approx(plain)
    # Of a row that is numbers, for which the loss has none.
    found = net.evaluate(x, y, loss="squared_error", metrics=["accuracy"])
    assert found["accuracy"] == pytest.approx(((net.predict(x) > 0.5) == y).mean())


def test_many_samples_and_stateful_layers(rng):
    net = Sequential([layers.Dense(3)], input_shape=2, seed=0)
    x, y = rng.standard_normal((9000, 2)), rng.integers(0, 3, 9000)
    assert net.evaluate(x, y, metrics=["f1"])["f1"] == metrics.F1()(y, net.predict(x))
    net = Sequential([layers.RNN(4, stateful=True), layers.Dense(3)], input_shape=(5, 2), seed=0)
    x, y = rng.standard_normal((12, 5, 2)), rng.integers(0, 3, 12)
    outputs = np.concatenate([net.predict(x[i : i + 4]) for i in range(0, 12, 4)])
    net.reset_state()
    assert net.evaluate(x, y, batch_size=4, metrics=["f1"])["f1"] == metrics.F1()(y, outputs)


def test_steps_as_they_are(rng):
    labels, outputs = rng.integers(0, 3, (4, 5)), rng.random((4, 5, 3))
    assert metrics.F1()(labels, outputs) == metrics.F1()(labels.reshape(-1), outputs.reshape(-1, 3))
    numbers = rng.random((4, 5, 3))
    assert metrics.R2()(numbers, outputs) == metrics.R2()(numbers.reshape(-1, 3), outputs.reshape(-1, 3))


# Figures.


def test_they_are_watched_and_printed(rng, capsys):
    x = rng.standard_normal((60, 4))
    y = (x[:, 0] > 0).astype(int)
    net = Sequential([layers.Dense(2)], input_shape=4, seed=0)
    best = callbacks.EarlyStopping("val_f1", patience=2)
    lowest = callbacks.EarlyStopping("val_wrong", mode="min", patience=100)

    def wrong(targets, outputs):
        return (outputs.argmax(axis=1) != targets).mean()

    history = net.fit(
        x, y, validation_split=0.5, epochs=200, callbacks=[best, lowest], metrics=["f1", "auc", wrong],
        optimizer=optimizers.SGD(0.5),
    ).history  # fmt: skip
    assert best.best == max(history["val_f1"]) > history["val_f1"][0]
    assert best.best_epoch == 1 + int(np.argmax(history["val_f1"])) == len(history["val_f1"]) - 2
    assert lowest.best == min(history["val_wrong"])
    line = capsys.readouterr().out.splitlines()[0]
    assert f"val_f1 {history['val_f1'][0]:.4f}  val_auc {history['val_auc'][0]:.4f}  val_wrong" in line
    with pytest.raises(ValueError, match="monitor must be one of loss, accuracy, val_loss, val_accuracy, val_auc; rec"):
        net.fit(x, y, validation_split=0.5, callbacks=[best], metrics=["auc"])


@pytest.mark.parametrize(
    ("figure", "mode"),
    [
        ("loss", "min"), ("val_loss", "min"), ("val_accuracy", "max"), ("val_f1", "max"), ("val_auc", "max"),
        ("val_top_3", "max"), ("val_r2", "max"), ("val_mean_absolute_error", "min"), ("val_balanced_accuracy", "max"),
        ("val_roc_auc_score", "max"), ("val_max_error", "min"), ("val_log_loss", "min"),
        ("val_mean_poisson_deviance", "min"), ("val_matthews_corrcoef", None), ("val_top_0", None),
        ("val_neg_mean_absolute_error", None), ("val_neg_log_loss", None), ("my_loss", "min"),
        ("val_brier_score", None), ("crps_score", None),
    ],
)  # fmt: skip
def test_whether_figures_are_to_be_high(figure, mode):
    assert mode_of(figure) == mode
    if mode is None:
        with pytest.raises(ValueError, match=f"mode of monitor '{figure}' must be one of min, max"):
            callbacks.EarlyStopping(figure)
    else:
        callbacks.EarlyStopping(figure)


# What is refused.


def mean(targets, outputs):
    return float(outputs.mean())


def accuracy(targets, outputs):
    return 0.0


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ("f1", TypeError, "metrics must be a list of metrics; received 'f1'"),
        (["f2"], ValueError, r"metrics must be accuracy, .*, top_5 or the like, or func.*'f2'"),
        (["top_0"], ValueError, "metrics must be accuracy"),
        ([3], ValueError, "metrics must be accuracy.*; received 3"),
        ([metrics.F1], ValueError, "received <class .*F1'>, a class: make one of it"),
        (["f1", metrics.F1()], ValueError, "metrics must have different names; received f1 twice"),
        ([accuracy], ValueError, "metrics must not have another figure's name; received accuracy"),
        (["r2"], ValueError, r"targets must have shape \(8,\) or \(8, 3\)|targets must be numbers, 3 .* with r2; rec"),
        ([lambda t, y: "high"], TypeError, "metrics must give a number each; <lambda> gave 'high'"),
        ([lambda t, y: np.arange(999)], TypeError, r"must give a number each; <lambda> gave array\(.{,40}\)$"),
        ([lambda t: 0.0], TypeError, "positional argument"),
    ],
)
def test_metrics_that_cannot_be(given, error, message, rng):
    x, y = rng.standard_normal((8, 3)), rng.integers(0, 3, 8)
    net = Sequential([layers.Dense(3)], input_shape=3, seed=0)
    with pytest.raises(error, match=message):
        net.evaluate(x, y, metrics=given)
    with pytest.raises(error, match=message):
        net.fit(x, y, validation_data=(x, y), metrics=given, verbose=0)


def test_those_of_scikit_learn_that_are_given_as_they_are(rng, sk):
    x, y = rng.standard_normal((8, 3)), rng.integers(0, 3, 8)
    net = Sequential([layers.Dense(3)], input_shape=3, seed=0)
    for metric in (sk.accuracy_score, partial(sk.f1_score, average="macro")):
        with pytest.raises(ValueError, match=r"Classification metrics can't handle .*; metrics.of_labels makes"):
            net.evaluate(x, y, metrics=[metric])
        assert 0 <= [*net.evaluate(x, y, metrics=[metrics.of_labels(metric)]).values()][-1] <= 1


def test_nothing_is_trained_before_they_are_checked(rng):
    x = rng.standard_normal((8, 3))
    for outputs, loss, y, given, held, message in (
        (1, "squared_error", rng.standard_normal(8), "f1", True, r"a 0 or 1 for each output, with f1; received other"),
        (1, "squared_error", np.ones(8), "top_2", True, r"integer labels \(N,\) with top_2; received shape \(8, 1\)"),
        (6, "quantile", np.ones((8, 2)), "r2", True, r"targets must have shape \(8,\) or \(8, 6\) beside the outputs"),
        (
            1,
            "squared_error",
            np.ones(8),
            "f1",
            False,
            "metrics are of validation data, which .*; received f1 and neither",
        ),
    ):
        net = Sequential([layers.Dense(outputs)], input_shape=3, seed=0)
        before = net.parameters.copy()
        with pytest.raises(ValueError, match=message):
            net.fit(x, y, loss=loss, metrics=[given], validation_data=(x, y) if held else None)
        assert (net.parameters == before).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.F1()([0, 3], np.eye(3)[:2]), "targets must hold labels from 0 to 2 with f1; received 0 to 3"),
        (
            lambda: metrics.F1()([0, -1], np.eye(3)[:2]),
            "targets must hold labels from 0 to 2 with f1; received -1 to 0",
        ),
        (lambda: metrics.F1()([0.5, 1], [1, 0]), "targets must be integer labels"),
        (lambda: metrics.F1()([0.0, 1.0], np.eye(3)[:2]), "targets must be integer labels"),
        (lambda: metrics.AUC()([0, 1, 1], [0.1, 0.2]), r"targets must have shape \(2,\) or \(2, 1\) beside"),
        (lambda: metrics.R2()([], []), r"outputs must have shape .* and not be empty; received \(0, 1\)"),
        (lambda: metrics.R2()(1.0, 1.0), r"outputs must have shape \(N,\), \(N, F\) or \(N, T, F\)"),
        (lambda: metrics.TopK(0), "k must be at least 1; received 0"),
    ],
)
def test_rows_that_do_not_fit(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_adapted_metrics_are_pickled(sk, rng):
    y, outputs = np.array([0, 1, 2, 0, 1, 2]), reference.softmax(rng.random((6, 3)))
    for metric in (metrics.of_labels(sk.matthews_corrcoef), metrics.of_scores(partial(sk.log_loss, normalize=False))):
        again = pickle.loads(pickle.dumps(metric))
        assert again.__name__ == metric.__name__
        assert again(y, outputs) == metric(y, outputs)
        assert repr(again) == repr(metric)
        assert repr(metric).startswith("metrics.of_")
