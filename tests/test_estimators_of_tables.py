"""Estimators of data frames: categories are embedded, the network for tables follows its recipe."""

import pickle

import numpy as np
import pytest

pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")
pytest.importorskip("sklearn")

from sklearn.base import clone  # noqa: E402
from sklearn.model_selection import cross_val_score  # noqa: E402

from fastdl import layers, optimizers, recipes  # noqa: E402
from fastdl.estimators import NetClassifier, NetRegressor, NetTransformer  # noqa: E402
from fastdl.layers.container import walk  # noqa: E402

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


@pytest.mark.parametrize("network", [None, "tabular"])
@pytest.mark.parametrize("library", [pandas, polars])
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
    other = pandas if library is polars else polars
    assert (net.predict_proba(other.DataFrame(columns)[400:]) == told).all()
    net.partial_fit(x[:400], y[:400])
    assert (net.predict_proba(x[400:]) != told).any()


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
    x, y = pandas.DataFrame(columns), answers(columns)
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
        ({"network": "tables"}, TypeError, "network must be None, 'tabular' .*received 'tables'"),
        ({"missing": "median"}, ValueError, "missing must be one of error, embed; received 'median'"),
        ({"categorical_features": ["kind"]}, ValueError, "from 0 to 1; received 'kind'"),
        ({"epochs": 0}, ValueError, "epochs must be at least 1"),
        ({"network": "tabular", "batch_size": 0}, ValueError, "batch_size must be at least 1"),
    ],
)
def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        NetClassifier(**arguments).fit([[0.0, 1.0], [1.0, 0.0]], [0, 1])


def test_images_are_no_tables():
    with pytest.raises(TypeError, match="'tabular' for samples that are rows"):
        NetClassifier("tabular").fit(np.zeros((4, 1, 2, 2)), [0, 1, 0, 1])
