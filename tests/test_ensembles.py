"""Ensembles: each member as by itself, their means, bags, and greedy selection."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.datasets import load_iris, make_multilabel_classification, make_regression
from sklearn.metrics import d2_pinball_score, log_loss, r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import fastdl
from fastdl import Sequential, callbacks, layers, losses
from fastdl.estimators import NetClassifier, NetEnsemble, NetRegressor
from fastdl.estimators.numbers import Numbers

quick = {"hidden": 16, "epochs": 30, "lr": 1e-2}
CLASSIFIER, REGRESSOR = NetClassifier(**quick), NetRegressor(**quick)


@pytest.fixture(scope="module")
def iris():
    x, y = load_iris(return_X_y=True)
    return StandardScaler().fit_transform(x), y


@pytest.fixture(scope="module")
def numbers():
    x, y = make_regression(120, 5, noise=10, random_state=0)
    return x, y


LINEAR = NetClassifier(**quick | {"hidden": ()})
CHECKED = {
    "classifier": NetEnsemble(CLASSIFIER, members=2),
    "bags and selection": NetEnsemble([CLASSIFIER, LINEAR], members=3, bags=True, select=3),
    "regressor": NetEnsemble(REGRESSOR, members=2),
    "regressor, bags and selection": NetEnsemble(REGRESSOR, members=2, bags=True, select=2),
}


@pytest.mark.parametrize("name", CHECKED)
def test_all_checks_pass(name):
    results = check_estimator(CHECKED[name], on_fail="raise", on_skip=None)
    skipped = {result["check_name"] for result in results if result["status"] == "skipped"}
    # There is no decision function, and the other needs SCIPY_ARRAY_API=1.
    assert skipped <= {"check_array_api_input", "check_classifiers_multilabel_output_format_decision_function"}
    assert len(results) > 50


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_each_member_is_as_by_itself(threads, iris):
    fastdl.set_num_threads(threads)
    x, y = iris
    ensemble = NetEnsemble(CLASSIFIER, members=4, random_state=0).fit(x, y)
    assert len({member.random_state for member in ensemble.estimators_}) == 4
    for member in ensemble.estimators_:
        alone = clone(member).fit(x, y)
        assert (alone.network_.parameters == member.network_.parameters).all()
    expected = np.mean([member.predict_proba(x) for member in ensemble.estimators_], axis=0)
    np.testing.assert_allclose(ensemble.predict_proba(x), expected, rtol=1e-6)
    assert (ensemble.predict(x) == expected.argmax(axis=1)).all()
    assert ensemble.score(x, y) > 0.9


def test_numbers_are_averaged(numbers):
    x, y = numbers
    ensemble = NetEnsemble(NetRegressor(hidden=32, epochs=60, lr=1e-2), members=3, random_state=0).fit(x, y)
    expected = np.mean([member.predict(x) for member in ensemble.estimators_], axis=0)
    np.testing.assert_allclose(ensemble.predict(x), expected)
    assert is_regressor(ensemble)
    assert not hasattr(ensemble, "predict_proba")
    assert not hasattr(ensemble, "classes_")
    assert ensemble.score(x, y) > max(member.score(x, y) for member in ensemble.estimators_) - 0.02


def test_labels_of_any_type_and_weights(iris):
    x, y = iris
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    weights = np.where(y == 0, 0.0, 2.0)
    frame = pd.DataFrame(x, columns=list("abcd"))
    ensemble = NetEnsemble(CLASSIFIER, members=2, random_state=0).fit(frame, names, weights)
    assert ensemble.classes_.tolist() == ["versicolor", "virginica"]
    assert list(ensemble.feature_names_in_) == list("abcd")
    assert set(ensemble.predict(frame)) <= set(names)
    assert is_classifier(ensemble)


@pytest.mark.parametrize("choosing", [{}, {"bags": True, "select": 2}])
@pytest.mark.parametrize("rows", [60, 300])
def test_members_read_tables_themselves(rng, rows, choosing):
    codes, age = rng.integers(0, 5, rows), rng.uniform(0, 1, rows)
    y, lacking = (codes % 2 == 1) ^ (age > 0.5), np.where(rng.random(rows) < 0.1, np.nan, age)
    frame = pd.DataFrame({"zip": pd.Categorical(codes * 100), "age": age, "city": [f"city {k}" for k in codes]})
    named, kind = frame.assign(zip=codes * 100).drop(columns="city"), NetClassifier("tabular")
    for table, member in (
        (frame, kind),
        (pl.DataFrame(frame.to_dict("list")), kind),
        (named, clone(kind).set_params(categorical_features=["zip"])),
        (named.assign(age=lacking), clone(kind).set_params(categorical_features=["zip"], missing="embed")),
        (frame[["city", "age"]].to_numpy().tolist(), clone(kind).set_params(categorical_features=[0])),
    ):
        ensemble = NetEnsemble(member, members=2, random_state=0, **choosing).fit(table, y)
        assert all(one.task_.inputs.categories for one in ensemble.estimators_)
        if not choosing:
            alone = [clone(one).fit(table, y).predict_proba(table) for one in ensemble.estimators_]
            np.testing.assert_allclose(ensemble.predict_proba(table), np.mean(alone, axis=0))
        assert ensemble.predict(table).shape == (rows,)
    with pytest.raises(ValueError, match="feature names"):
        NetEnsemble(kind, members=1).fit(frame, y).predict(frame[["age", "zip", "city"]])


def test_several_labels():
    x, y = make_multilabel_classification(80, 6, n_classes=4, random_state=0)
    of_yes = NetEnsemble(CLASSIFIER, members=2, bags=True, select=2, random_state=0).fit(x, y)
    assert of_yes.predict_proba(x).shape == of_yes.predict(x).shape == (80, 4)
    assert (of_yes.predict(x) == (of_yes.predict_proba(x) > 0.5)).all()
    columns = np.stack([y[:, 0], y[:, 1] + 2 * y[:, 2]], axis=1)
    of_columns = NetEnsemble(CLASSIFIER, members=3, bags=True, select=2, random_state=0).fit(x, columns)
    assert [p.shape for p in of_columns.predict_proba(x)] == [(80, 2), (80, 4)]
    told = np.stack([p.argmax(axis=1) for p in of_columns.predict_proba(x)], axis=1)
    assert (of_columns.predict(x) == told).all()
    assert of_columns.score(x, columns) == np.mean((told == columns).all(axis=1))


def test_bags_are_of_all_classes_and_differ(iris, monkeypatch):
    x, y = iris
    seen, fit = [], NetClassifier.fit

    def watched(self, x, y, sample_weight=None, lengths=None):
        seen.append((x, y))
        return fit(self, x, y, sample_weight)

    monkeypatch.setattr(NetClassifier, "fit", watched)
    NetEnsemble(CLASSIFIER, members=3, bags=True, random_state=0).fit(x, y)
    for bag, labels in seen:
        assert len(bag) == len(x)
        assert (np.bincount(labels) == np.bincount(y)).all()
        assert 0.5 < len(np.unique(bag, axis=0)) / len(bag) < 0.75  # 1 - 1/e of them
    assert not (seen[0][0] == seen[1][0]).all()


def test_selection_is_greedy(iris, monkeypatch):
    """It is what a slow search finds; no member is better by itself on what is held out."""
    x, y = iris
    held, split = [], fastdl.estimators.ensemble.held_out

    def watched(*arguments):
        held.append(split(*arguments))
        return held[-1]

    monkeypatch.setattr("fastdl.estimators.ensemble.held_out", watched)
    kinds = [NetClassifier(hidden=(), epochs=2), NetClassifier(**quick), NetClassifier(hidden=4, epochs=8)]
    ensemble = NetEnsemble(kinds, members=6, select=7, validation_fraction=0.4, random_state=1).fit(x, y)
    others = held[0][1]
    told = [member.predict_proba(x[others]) for member in ensemble.estimators_]
    chosen, paths = [], []
    for _ in range(7):
        means = [np.mean([told[k] for k in [*chosen, new]], axis=0) for new in range(6)]
        error = [log_loss(y[others], mean) for mean in means]
        chosen.append(int(np.argmin(error)))
        paths.append(min(error))
    counted = chosen[: int(np.argmin(paths)) + 1]
    np.testing.assert_allclose(ensemble.weights_, np.bincount(counted, minlength=6) / len(counted))
    assert min(paths) <= min(log_loss(y[others], p) for p in told)
    expected = np.tensordot(ensemble.weights_, [member.predict_proba(x) for member in ensemble.estimators_], 1)
    np.testing.assert_allclose(ensemble.predict_proba(x), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("several", [False, True])
def test_a_selection_leaves_members_every_class(several, rng):
    """Also where more are to be held out than the classes of several samples have."""
    y = np.array([0, 0, 0, 1, 1, 1, *range(2, 13)])
    x = np.eye(13)[y] + rng.normal(0, 0.01, (17, 13))
    labels = np.stack([y, y % 3], axis=1) if several else y
    kind = NetClassifier(hidden=64, epochs=200)
    for seed in range(3):
        ensemble = NetEnsemble(kind, members=2, select=2, validation_fraction=0.6, random_state=seed).fit(x, labels)
        classes, chances = ensemble.classes_, ensemble.predict_proba(x)
        if several:
            assert [len(known) for known in classes] == [13, 3]
            told = np.stack([known[p.argmax(1)] for known, p in zip(classes, chances, strict=True)], axis=1)
        else:
            assert len(classes) == 13
            told = classes[chances.argmax(axis=1)]
        assert (ensemble.predict(x) == told).all()
        assert ensemble.score(x, labels) == 1


def test_labels_that_members_never_saw_are_refused(iris, monkeypatch):
    x, y = iris
    monkeypatch.setattr(
        "fastdl.estimators.ensemble.held_out", lambda *_: (np.flatnonzero(y != 1), np.flatnonzero(y == 1))
    )
    with pytest.raises(ValueError, match=r"y must hold labels of the classes \[0, 2\]; received 1 too"):
        NetEnsemble(CLASSIFIER, members=2, select=1).fit(x, y)


def test_the_same_random_state_gives_the_same(iris):
    x, y = iris
    whole = NetEnsemble(CLASSIFIER, members=2, bags=True, select=2, random_state=3)
    first, second = (clone(whole).fit(x, y) for _ in range(2))
    assert (first.predict_proba(x) == second.predict_proba(x)).all()
    other = whole.set_params(random_state=4).fit(x, y)
    assert (first.predict_proba(x) != other.predict_proba(x)).any()


def test_in_a_pipeline_and_a_search(iris):
    x, y = iris
    pipeline = make_pipeline(StandardScaler(), NetEnsemble(CLASSIFIER, members=2, random_state=0))
    assert cross_val_score(pipeline, x, y, cv=3).mean() > 0.85
    search = GridSearchCV(
        NetEnsemble(CLASSIFIER, members=2, random_state=0), {"estimator__hidden": [(), 8], "bags": [False, True]}, cv=2
    )
    assert search.fit(x, y).best_score_ > 0.7


BAD = {
    "kind": (NetEnsemble(StandardScaler()), TypeError, "estimator must be a NetClassifier or a NetRegressor"),
    "kinds": (NetEnsemble([CLASSIFIER, REGRESSOR]), TypeError, "or a list of one kind; received NetRegressor"),
    "members": (NetEnsemble(CLASSIFIER, members=0), ValueError, "members must be at least 1; received 0"),
    "select": (NetEnsemble(CLASSIFIER, select=-1), ValueError, "select must be at least 0; received -1"),
    "bags": (NetEnsemble(CLASSIFIER, bags=2), TypeError, "bags must be"),
    "loss": (NetEnsemble(NetClassifier(loss="squared_error")), ValueError, "estimator must give probabilities"),
    "fraction": (
        NetEnsemble(CLASSIFIER, select=1, validation_fraction=0),
        ValueError,
        "validation_fraction must leave",
    ),
    "of a member": (NetEnsemble(NetClassifier(epochs=0)), ValueError, "epochs must be at least 1; received 0"),
}


@pytest.mark.parametrize(("ensemble", "kind", "message"), BAD.values(), ids=BAD)
def test_bad_arguments(ensemble, kind, message, iris):
    with pytest.raises(kind, match=message):
        ensemble.fit(*iris)
    assert not hasattr(ensemble, "estimators_")


def test_several_quantiles_are_averaged(numbers):
    x, y = numbers
    loss = losses.Quantile([0.1, 0.9])
    ensemble = NetEnsemble(NetRegressor(loss=loss, **quick), members=2, random_state=0).fit(x, y)
    assert ensemble.predict(x).shape == (120, 2)
    told = ensemble.predict(x)
    expected = np.mean([d2_pinball_score(y, told[:, k], alpha=level) for k, level in enumerate(loss.levels)])
    assert ensemble.score(x, y) == expected
    assert ensemble.estimators_[0].score(x, y) != expected


def test_numbers_of_steps_are_scored_as_members_score_them(rng):
    def network(shape, outputs):
        return Sequential([layers.GRU(4, return_sequences=True), layers.Dense(1)])

    x = rng.standard_normal((40, 6, 3))
    y = x.sum(axis=2) * np.arange(1, 7)  # steps differ in their spread
    model = NetEnsemble(NetRegressor(network, epochs=3), members=2, random_state=0).fit(x, y)
    assert model.score(x, y) == pytest.approx(r2_score(y.ravel(), model.predict(x).ravel()))


@pytest.mark.parametrize("choosing", [{}, {"bags": True}, {"select": 3}])
def test_steps_that_do_not_count(choosing, rng):
    """Whatever stands there, and whoever is drawn or held out."""

    def network(shape, outputs):
        return Sequential([layers.GRU(4), layers.Dense(outputs)])

    x, lengths = rng.standard_normal((80, 6, 3)), rng.integers(1, 7, 80)
    y = np.array([row[:length, 0].sum() > 0 for row, length in zip(x, lengths, strict=True)])
    other = np.where(np.arange(6)[:, None] < lengths[:, None, None], x, 9.0)
    told = []
    for samples in (x, other):
        model = NetEnsemble(NetClassifier(network, epochs=20, lr=0.02), members=2, random_state=0, **choosing)
        model.fit(samples, y, lengths=lengths)
        told.append(model.predict_proba(samples, lengths))
        assert model.score(samples, y, lengths=lengths) > 0.7
    assert (told[0] == told[1]).all()
    assert (told[0] != model.predict_proba(other)).any()
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.fit(x, y, lengths=lengths[:-1])


def test_numbers_of_steps_that_count(rng):
    def network(shape, outputs):
        return Sequential([layers.GRU(4, return_sequences=True), layers.Dense(1)])

    x, lengths = rng.standard_normal((40, 6, 3)), rng.integers(1, 7, 40)
    there = np.arange(6) < lengths[:, None]
    y = np.where(there, x.sum(axis=2), 1e6)
    model = NetEnsemble(NetRegressor(network, epochs=3), members=2, random_state=0).fit(x, y, lengths=lengths)
    told = model.predict(x, lengths)
    assert model.score(x, y, lengths=lengths) == pytest.approx(r2_score(y[there], told[there]))
    with pytest.raises(ValueError, match="select must be 0 for a number for each step where lengths are"):
        model.set_params(select=2).fit(x, y, lengths=lengths)


def test_bags_of_labels_that_may_hold_together_are_drawn_too(monkeypatch):
    """Nearly all of their combinations come once."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((200, 3)), rng.integers(0, 2, (200, 12))
    seen, fit = [], NetClassifier.fit

    def watched(self, x, y, sample_weight=None, lengths=None):
        seen.append(x)
        return fit(self, x, y, sample_weight)

    monkeypatch.setattr(NetClassifier, "fit", watched)
    NetEnsemble(CLASSIFIER, members=2, bags=True, random_state=0).fit(x, y)
    assert [len(bag) for bag in seen] == [200, 200]
    assert all(0.5 < len(np.unique(bag, axis=0)) / 200 < 0.75 for bag in seen)


REPEATED = {"small": 10, "large": 100}


@pytest.mark.parametrize("times", REPEATED.values(), ids=REPEATED)
@pytest.mark.parametrize("weighted", [False, True])
def test_what_is_drawn_is_of_samples_that_may_repeat(times, weighted, monkeypatch):
    x = np.repeat([[0.0, 0], [0, 1], [1, 0], [1, 1]], times, axis=0)
    y = (x[:, 0] != x[:, 1]).astype(int)
    seen, fit = [], NetClassifier.fit

    def watched(self, x, y, sample_weight=None, lengths=None):
        seen.append((x, y))
        assert sample_weight is None or (sample_weight == 1.5).all()
        return fit(self, x, y, sample_weight)

    monkeypatch.setattr(NetClassifier, "fit", watched)
    weights = np.full(len(x), 1.5) if weighted else None
    ensemble = NetEnsemble(NetClassifier(epochs=100, lr=3e-2), members=3, bags=True, select=2, random_state=0)
    assert ensemble.fit(x, y, weights).score(x, y) == 1
    for bag, labels in seen:
        assert len(bag) == 0.8 * len(x)
        assert len(np.unique(bag, axis=0)) == 4
        assert (labels == (bag[:, 0] != bag[:, 1])).all()


def test_few_samples_of_weights_are_as_many():
    """So which are held out, and drawn, does not depend on whether one comes twice or has the weight 2."""
    rng = np.random.default_rng(0)
    x, y, weights = rng.standard_normal((14, 3)), np.arange(14) % 2, rng.integers(0, 4, 14)
    whole = NetEnsemble(CLASSIFIER, members=2, bags=True, select=2, random_state=0)
    one = clone(whole).fit(x, y, weights).predict_proba(x)
    order = rng.permutation(np.repeat(np.arange(14), weights))
    assert (clone(whole).fit(x[order], y[order]).predict_proba(x) == one).all()
    assert (clone(whole).fit(x, y).predict_proba(x) != one).any()


def pinball(level):
    """A loss of one's own."""

    def loss(outputs, targets):
        left = targets - outputs
        return np.maximum(level * left, (level - 1) * left).sum(axis=1), np.where(left > 0, -level, 1 - level)

    return loss


LOSSES = {
    "quantile": losses.Quantile([0.9]),
    "quantiles": losses.Quantile([0.8, 0.95]),
    "absolute error": "absolute_error",
    "poisson": "poisson",
    "own": pinball(0.98),
}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_members_are_selected_by_their_own_loss(loss):
    """Those that are untrained have the smaller squared error, but for the counts."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((400, 2))
    y = rng.exponential(size=(400, 2)).round(3) ** 2 + np.abs(x)
    kinds = [NetRegressor(hidden=8, loss=loss, lr=lr, epochs=epochs) for lr, epochs in ((1e-9, 1), (2e-2, 40))]
    ensemble = NetEnsemble(kinds, members=4, select=1, random_state=0).fit(x, y)
    assert ensemble.weights_[1::2].sum() == 1


@pytest.mark.parametrize("loss", [losses.SquaredError(), losses.AbsoluteError(), losses.Quantile([0.2, 0.7])])
def test_each_output_is_selected_for_in_its_own_scale(loss):
    y = np.random.default_rng(0).standard_normal((300, 2)) * [1, 1e4]
    targets = Numbers((2,), loss, own_scale=False)
    targets.settle(y, None)
    told = y if targets.levels == 1 else np.stack([y, y], axis=2)
    off = np.eye(2).reshape(2, 1, 2, *[1] * (told.ndim - 2)) * targets.scale.reshape(2, *[1] * (told.ndim - 2))
    small, large = (targets.errors(told + one, y) for one in off)
    np.testing.assert_allclose(small, large)
    assert small.shape == (300,)
    assert small.min() > 0


DIFFERENT = {
    "levels in another order": (losses.Quantile([0.1, 0.9]), losses.Quantile([0.9, 0.1])),
    "a quantile beside a mean": ("squared_error", losses.Quantile([0.9])),
    "a mean beside quantiles": (losses.Quantile([0.1, 0.9]), None),
}


@pytest.mark.parametrize("kinds", DIFFERENT.values(), ids=DIFFERENT)
def test_members_predict_the_same(kinds, numbers):
    ensemble = NetEnsemble([NetRegressor(loss=loss) for loss in kinds], members=2)
    with pytest.raises(ValueError, match="estimator must be one of losses that predict the same; received"):
        ensemble.fit(*numbers)


def test_different_losses_of_one_kind(numbers):
    kinds = [NetRegressor(loss=loss, **quick) for loss in ("absolute_error", "huber", None)]
    ensemble = NetEnsemble(kinds, members=3, select=2, random_state=0).fit(*numbers)
    assert ensemble.weights_.sum() == 1


@pytest.mark.parametrize("kind", [CLASSIFIER, NetEnsemble(CLASSIFIER, members=2)])
def test_what_is_scored_is_checked(kind, iris):
    x, y = iris
    fitted = clone(kind).fit(x, y)
    for bad in ([1], y[:-1], y.astype(str), np.stack([y, y], axis=1)):
        with pytest.raises(ValueError):  # noqa: PT011, by scikit-learn
            fitted.score(x, bad)
    columns = np.stack([y, y // 2], axis=1)
    fitted = clone(kind).fit(x, columns)
    for bad in (y, columns[:1], columns[:, [0, 1, 1]], columns.astype(str)):
        with pytest.raises((ValueError, TypeError)):
            fitted.score(x, bad)


def test_members_write_to_files_of_their_own(tmp_path, iris):
    def logged(name):
        return NetClassifier(callbacks=[callbacks.CSVLogger(tmp_path / name)], **quick)

    with pytest.raises(ValueError, match=r"estimators_\[0\] and estimators_\[1\] both write to .*one.csv"):
        NetEnsemble(logged("one.csv"), members=2).fit(*iris)
    assert not list(tmp_path.iterdir())
    NetEnsemble([logged("one.csv"), logged("two.csv")], members=2).fit(*iris)
    assert [len(path.read_text().splitlines()) for path in tmp_path.iterdir()] == [31, 31]
