"""What X may be to an estimator: images, sequences and their lengths, sparse matrices, data frames."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import sklearn
from estimated import BLOBS, RNG, THREE, polars_has_names, quick
from sklearn.datasets import load_digits
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fastdl import Sequential, layers
from fastdl.estimators import NetClassifier, NetEnsemble, NetRegressor, NetTransformer, TableEncoder


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


@pytest.mark.parametrize("library", [pd, pytest.param(pl, marks=polars_has_names)])
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
    with (
        pytest.warns(UserWarning, match="X does not have valid feature names"),
        pytest.raises(ValueError, match="X has 3 features, but NetClassifier is expecting 4 features as input"),
    ):
        model.predict(BLOBS[:, :3])


@pytest.mark.parametrize("kind", [NetClassifier, NetRegressor, NetTransformer])
def test_masked_numbers_are_refused(kind):
    x, y = BLOBS, THREE
    few = np.arange(len(y)) < 3
    none, some = np.ma.masked_array(y, False), np.ma.masked_array(y, few)
    masked = np.ma.masked_array(x, x > np.median(x))
    model = kind(epochs=1, random_state=0).fit(np.ma.masked_array(x, False), none)
    for name, call in {
        "X": lambda: (model.transform if kind is NetTransformer else model.predict)(masked),
        "y": lambda: kind(epochs=1).fit(x, some),
        "sample_weight": lambda: kind(epochs=1).fit(x, y, sample_weight=np.ma.masked_array(np.ones(len(y)), few)),
    }.items():
        with pytest.raises(ValueError, match=f"{name} must have no masked numbers"):
            call()
    with pytest.raises(ValueError, match="X must have no masked numbers"):
        kind(epochs=1, missing="embed").fit(masked, y)
    with pytest.raises(ValueError, match="X must have no masked numbers"):
        TableEncoder(missing="embed").fit(masked)
    if kind is not NetTransformer:
        with pytest.raises(ValueError, match="y must have no masked numbers"):
            model.score(x, some)
        with pytest.raises(ValueError, match="X must have no masked numbers"):
            NetEnsemble(kind(epochs=1), members=2).fit(masked, y)


@pytest.mark.parametrize("kind", [NetClassifier, NetRegressor, NetTransformer])
@pytest.mark.parametrize("unit", ["M8[D]", "m8[s]"])
def test_dates_are_refused(kind, unit):
    """They would convert to numbers, and NaT to one far away."""
    times, advice = np.arange(BLOBS.size).reshape(BLOBS.shape).astype(unit), "must hold numbers; received .*: of dates"
    model = kind(epochs=1, random_state=0).fit(BLOBS, THREE)
    mixed = np.array([[*row[:-1], 1.0] for row in times], object)
    for x in (times, list(times), times[:, :, None], mixed, mixed.tolist()):
        with pytest.raises(TypeError, match=f"X {advice}"):
            kind(epochs=1).fit(x, THREE)
        with pytest.raises(TypeError, match=f"X {advice}"):
            (model.transform if kind is NetTransformer else model.predict)(x)
    if kind is NetRegressor:
        zoned = pd.Series(pd.date_range("2020", periods=len(BLOBS), tz="UTC"))
        for y in (times[:, 0], list(times[:, 0]), pd.Series(times[:, 0]), times[:, :2], zoned, pd.Index(zoned)):
            with pytest.raises(TypeError, match=f"y {advice}"):
                kind(epochs=1).fit(BLOBS, y)
