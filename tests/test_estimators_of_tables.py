"""Estimators of tables: data frames with categories, what is missing, and the network that is made for them."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from estimated import polars_has_names
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.model_selection import cross_val_score

from fastdl import Sequential, layers, losses, optimizers, recipes, schedules
from fastdl.estimators import NetClassifier, NetEnsemble, NetRegressor, NetTransformer
from fastdl.estimators.networks import TABULAR
from fastdl.layers.container import walk

RNG = np.random.default_rng(7)
CITY, AGE = RNG.integers(0, 6, 600), RNG.uniform(18, 80, 600)
FRAME = pd.DataFrame({"city": [f"city {k}" for k in CITY], "age": AGE, "member": AGE > 60})
BOUGHT = np.where((CITY % 2 == 1) ^ (AGE > 50), "yes", "no")
quick = {"epochs": 40, "lr": 1e-2, "random_state": 0}


@pytest.mark.parametrize("network", [None, TABULAR])
@pytest.mark.parametrize("library", [pd, pytest.param(pl, marks=polars_has_names)])
def test_categories_of_data_frames_have_vectors(network, library):
    frame = FRAME if library is pd else pl.DataFrame(FRAME.to_dict("list"))
    scaled = frame.assign(age=AGE / 30) if library is pd else frame.with_columns(pl.col("age") / 30)
    model = NetClassifier(network, **quick).fit(scaled, BOUGHT)
    assert model.feature_names_in_.tolist() == ["city", "age", "member"]
    assert [layer.vocabulary for layer in embeddings(model)] == [7, 3]  # and unknown ones
    assert model.score(scaled, BOUGHT) > 0.9
    strange = FRAME.assign(city="Atlantis", age=AGE / 30)
    strange = strange if library is pd else pl.DataFrame(strange.to_dict("list"))
    assert np.unique(model.decision_function(strange)[AGE < 50]).size > 1
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(scaled), model.predict_proba(scaled))
    for changed in (scaled[["age", "city", "member"]], scaled[["city", "age"]]):
        with pytest.raises(ValueError, match="The feature names should match those that were passed during fit"):
            model.predict(changed)
    text = FRAME.assign(age="old")
    with pytest.raises(TypeError, match="column 'age' must hold numbers, as it did in fit; received"):
        model.predict(text if library is pd else pl.DataFrame(text.to_dict("list")))


def embeddings(model):
    return [
        branch[1]
        for branch in model.network_.layers[0].branches
        if isinstance(branch[1:2] and branch[1], layers.Embedding)
    ]


@pytest.mark.parametrize("library", [pd, pl])
def test_truth_values_beside_numbers_are_0_and_1(library):
    frame = library.DataFrame({"member": AGE > 60, "age": AGE / 30})
    model = NetClassifier(**quick).fit(frame, BOUGHT)
    assert isinstance(model.network_.layers[0], layers.Dense)


def test_columns_that_are_named_are_categories():
    x = np.stack([CITY, AGE / 30], axis=1)
    plain = NetClassifier(hidden=(), **quick).fit(x, BOUGHT)
    assert plain.score(x, BOUGHT) < 0.75
    named = NetClassifier(categorical_features=[0], **quick).fit(x, BOUGHT)
    assert len(embeddings(named)) == 1
    assert named.score(x, BOUGHT) > 0.9
    frame = NetRegressor(categorical_features=["weekday"], epochs=1).fit(pd.DataFrame({"weekday": CITY}), AGE)
    assert len(embeddings(frame)) == 1


def test_rows_in_lists_are_read_as_those_of_frames():
    rows = FRAME[["city", "age"]].to_numpy().tolist()
    model = NetClassifier(TABULAR, categorical_features=[0], **quick).fit(rows, BOUGHT)
    assert list(model.task_.inputs.categories) == [0]  # and the numbers are numbers
    frame = pd.DataFrame(rows)
    assert (model.predict(frame.to_numpy()) == model.predict(rows)).all()
    of_frame = NetClassifier(TABULAR, **quick).fit(frame, BOUGHT)
    np.testing.assert_array_equal(of_frame.predict_proba(frame), model.predict_proba(rows))


def test_networks_of_ones_own_are_given_codes():
    seen = []

    def network(features, outputs):
        seen.append(features)
        return Sequential([layers.Select([0]), layers.Embedding(7, 4), layers.Flatten(), layers.Dense(outputs)])

    model = NetClassifier(network, **quick).fit(FRAME[["city", "age"]], np.array(["even", "odd"])[CITY % 2])
    assert seen == [2]
    assert model.score(FRAME[["city", "age"]], np.array(["even", "odd"])[CITY % 2]) == 1


@pytest.mark.parametrize("network", [None, TABULAR])
def test_what_is_missing_is_refused_or_embedded(network):
    x = RNG.normal(size=(400, 2))
    y = np.isnan(np.where(x > 1, np.nan, x)).any(axis=1)
    x[x > 1] = np.nan
    with pytest.raises(ValueError, match="Input X contains NaN"):
        NetClassifier(network).fit(x, y)
    with pytest.raises(ValueError, match="column 'a' must have no missing values"):
        NetClassifier(network).fit(pd.DataFrame({"a": x[:, 0], "b": "x"}), y)
    model = NetClassifier(network, missing="embed", **quick).fit(x, y)
    assert model.network_.input_shape == (4,)
    assert model.n_features_in_ == 2
    assert model.score(x, y) > 0.98
    frame = pd.DataFrame({"kind": np.where(y, None, "here"), "b": x[:, 1]})
    assert NetClassifier(network, missing="embed", **quick).fit(frame, y).score(frame, y) > 0.98
    with pytest.raises(ValueError, match="missing must be one of error, embed; received 'median'"):
        NetClassifier(missing="median").fit(x, y)


def test_the_network_for_tables_needs_no_scaling():
    x, y = load_breast_cancer(return_X_y=True)
    assert cross_val_score(NetClassifier(TABULAR, random_state=0), x, y, cv=3).min() > 0.95
    x, y = load_diabetes(return_X_y=True)
    assert cross_val_score(NetRegressor(TABULAR, random_state=0), x * 1e5 + 3, y * 1e5, cv=3).mean() > 0.4


def test_how_the_network_for_tables_is_trained():
    x, y = FRAME[["age"]], BOUGHT
    model = NetClassifier(TABULAR, random_state=0).fit(x, y)
    state = model.network_.training_state
    assert (model.n_iter_, state.steps) == (20, 20 * 10)
    assert isinstance(state.optimizer, optimizers.AdamW)
    assert state.loss == losses.CrossEntropy(label_smoothing=0.05)
    assert state.optimizer.lr == schedules.cosine(5e-3, 200, warmup=20)
    given = clone(model).set_params(lr=1e-3, epochs=3, batch_size=100, loss="binary_cross_entropy", hidden=(16, 16, 16))
    state = given.fit(x, y).network_.training_state
    assert (state.steps, state.loss, state.optimizer.lr) == (
        18,
        losses.BinaryCrossEntropy(),
        schedules.cosine(1e-3, 18, warmup=1),
    )
    assert sum(isinstance(layer, layers.Residual) for layer in given.network_.layers) == 2
    assert given.network_.layers[1].units == 16
    assert clone(given).set_params(lr=constant).fit(x, y).network_.training_state.optimizer.lr is constant
    assert (
        clone(given).set_params(optimizer=optimizers.SGD(0.1), lr=None).fit(x, y).network_.training_state.optimizer.lr
        == 0.1
    )
    assert clone(given).set_params(dtype="float64").fit(x, y).network_.dtype == "float64"
    for settings, message in [
        ({"hidden": (64, 32)}, r"hidden must be sizes that are all alike, for 'tabular'; received \(64, 32\)"),
        ({"hidden": ()}, "hidden must be sizes that are all alike"),
        (
            {"network": "mlp"},
            "network must be None, a Sequential, a function that gives one or 'tabular'; received 'mlp'",
        ),
    ]:
        with pytest.raises((ValueError, TypeError), match=message):
            clone(given).set_params(**settings).fit(x, y)
    with pytest.raises(ValueError, match=r"network must be another than 'tabular' for samples of shape \(3, 2\)"):
        NetClassifier(TABULAR).fit(np.zeros((600, 3, 2)), y)


def constant(step):
    return 1e-3


def test_the_network_for_tables_goes_on():
    x, y = FRAME[["age"]], BOUGHT
    model = NetClassifier(TABULAR, warm_start=True, epochs=5, random_state=0).fit(x, y)
    before = model.network_.parameters.copy()
    assert (model.fit(x, y).network_.parameters != before).any()  # at rates that fall anew
    assert model.n_iter_ == 10
    parts = NetClassifier(TABULAR, random_state=0)
    for _ in range(3):
        parts.partial_fit(x, y, classes=["no", "yes"])
    state = parts.network_.training_state
    assert state.optimizer.lr == 5e-3
    assert state.steps == 3 * 10


def test_several_columns_of_labels():
    y = np.stack([CITY, CITY % 2], axis=1)
    model = NetClassifier(TABULAR, random_state=0).fit(FRAME, y)
    assert model.score(FRAME, y) > 0.95
    assert model.network_.training_state.loss == losses.CrossEntropy(label_smoothing=0.05)
    both = NetClassifier(TABULAR, random_state=0).fit(FRAME, np.stack([CITY > 2, CITY % 2], axis=1).astype(int))
    assert both.network_.training_state.loss == losses.BinaryCrossEntropy()


def test_an_autoencoder_needs_numbers():
    with pytest.raises(ValueError, match="y must be given where X has categories, whose codes are no numbers"):
        NetTransformer().fit(FRAME)
    assert NetTransformer(TABULAR, epochs=1).fit_transform(FRAME, BOUGHT).shape == (600, 64)


ROWS = 600


def values(rng):
    return {
        "kind": rng.choice(["a", "b", "c"], ROWS).tolist(),
        "size": rng.standard_normal(ROWS).tolist(),
        "ripe": (rng.random(ROWS) > 0.5).tolist(),
    }


def answers(columns):
    kind, size, ripe = (np.array(columns[name]) for name in columns)
    return np.where((kind == "a") ^ (size > 0) ^ ripe, "yes", "no")


@polars_has_names
@pytest.mark.parametrize("network", [None, "tabular"])
@pytest.mark.parametrize("library", [pd, pl])
def test_frames_with_categories(rng, network, library):
    columns = values(rng)
    x, y = library.DataFrame(columns), answers(columns)
    net = NetClassifier(network, random_state=0).fit(x[:400], y[:400])
    assert net.score(x[400:], y[400:]) > 0.9
    assert net.feature_names_in_.tolist() == ["kind", "size", "ripe"]
    embeddings = [layer for _, layer in walk(net.network_) if isinstance(layer, layers.Embedding)]
    assert [embedding.vocabulary for embedding in embeddings] == [4, 3]
    told = net.predict_proba(x[400:])
    for again in (pickle.loads(pickle.dumps(net)), clone(net).fit(x[:400], y[:400])):
        assert (again.predict_proba(x[400:]) == told).all()
    # Whoever is unknown is told all the same; the same rows of the other library are the same.
    strange = columns | {"kind": ["d"] * ROWS}
    assert np.isfinite(net.predict_proba(library.DataFrame(strange))).all()
    other = pd if library is pl else pl
    assert (net.predict_proba(other.DataFrame(columns)[400:]) == told).all()
    net.partial_fit(x[:400], y[:400])
    assert (net.predict_proba(x[400:]) != told).any()


@pytest.mark.parametrize("how", [{}, {"bags": True, "select": 2}])
def test_tables_of_pyarrow(rng, how):
    """They are learned as pandas' frames are, one by one and in ensembles."""
    pyarrow = pytest.importorskip("pyarrow")
    columns = values(rng)
    x, y = pyarrow.table(columns), answers(columns)
    member = NetClassifier(hidden=8, epochs=2, random_state=0)
    model = NetEnsemble(member, members=3, random_state=0, **how) if how else member
    told = clone(model).fit(pd.DataFrame(columns), y).predict_proba(x)
    assert (clone(model).fit(x, y).predict_proba(pd.DataFrame(columns)) == told).all()


def test_the_recipe_is_followed(rng):
    x, y = rng.standard_normal((700, 3)) * [1, 100, 1e-3], rng.integers(0, 3, 700)
    net = NetClassifier("tabular", random_state=0).fit(x, y)
    told = recipes.tabular_training(700)
    assert net.n_iter_ == told["epochs"]
    scaling = next(layer for layer in net.network_.layers[0].branches[0] if isinstance(layer, layers.RobustScaling))
    np.testing.assert_allclose(scaling.buffers["center"], np.median(x, axis=0), rtol=1e-5)
    assert NetClassifier("tabular", epochs=3, batch_size=32).fit(x, y).n_iter_ == 3
    own = NetClassifier("tabular", optimizer=optimizers.SGD(0.0), random_state=0).fit(x, y)
    assert (own.network_.params["1.weight"] != net.network_.params["1.weight"]).any()
    # One after another in warm start, and in partial fits, learns on.
    warm = NetClassifier("tabular", epochs=2, warm_start=True, random_state=0).fit(x, y)
    before = warm.network_.parameters.copy()
    assert (warm.fit(x, y).network_.parameters != before).any()


def test_numbers_with_gaps_are_learned_by_a_switch(rng):
    x = rng.standard_normal((ROWS, 2))
    x[::5, 0] = np.nan
    y = np.where(np.isnan(x[:, 0]), 2, x[:, 0]) + x[:, 1]
    for missing in (NetRegressor(), NetRegressor("tabular")):
        with pytest.raises(ValueError, match="NaN"):
            missing.fit(x, y)
    net = NetRegressor("tabular", missing="embed", random_state=0)
    assert cross_val_score(net, x, y, cv=3).min() > 0.9
    assert net.fit(x, y).n_features_in_ == 2
    assert net.network_.input_shape == (3,)


def test_categories_that_are_named(rng):
    x = np.column_stack([rng.integers(0, 30, ROWS), rng.standard_normal(ROWS)])
    y = rng.standard_normal(30)[x[:, 0].astype(int)] + x[:, 1]
    net = NetRegressor("tabular", categorical_features=[0], random_state=0).fit(x[:450], y[:450])
    assert net.score(x[450:], y[450:]) > 0.9
    assert NetTransformer(hidden=4, categorical_features=[0], epochs=1).fit(x, y).transform(x).shape == (ROWS, 4)


def test_frames_that_have_changed(rng):
    columns = values(rng)
    x, y = pd.DataFrame(columns), answers(columns)
    net = NetClassifier(epochs=1, random_state=0).fit(x, y)
    told = net.predict_proba(x)
    for changed, error, message in [
        (x.drop(columns="size"), ValueError, "size"),
        (x.rename(columns={"size": "Size"}), ValueError, "Size"),
        (x.assign(size="large"), TypeError, "'size' must hold numbers, as it did in fit; received 'large'"),
        (x.assign(kind=1.5), TypeError, "'kind' must hold strings, as it did in fit"),
        (x.assign(kind=None), ValueError, "'kind' must have no missing values"),
    ]:
        with pytest.raises(error, match=message):
            net.predict(changed)
    assert (net.predict_proba(x) == told).all()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"network": "tables"}, TypeError, "network must be None, .*or 'tabular'; received 'tables'"),
        ({"missing": "median"}, ValueError, "missing must be one of error, embed; received 'median'"),
        ({"categorical_features": ["kind"]}, ValueError, "from 0 to 1; received 'kind'"),
        ({"epochs": 0}, ValueError, "epochs must be at least 1"),
        ({"network": "tabular", "batch_size": 0}, ValueError, "batch_size must be at least 1"),
    ],
)
def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        NetClassifier(**arguments).fit([[0.0, 1.0], [1.0, 0.0]], [0, 1])
