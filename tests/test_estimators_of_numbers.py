"""NetRegressor: targets of any scale, several levels, and losses and metrics in their units."""

import numpy as np
import pytest
from estimated import BLOBS, RNG, each_step, quick
from sklearn.datasets import load_diabetes
from sklearn.experimental import enable_halving_search_cv  # noqa: F401

from fastdl import Sequential, layers, losses
from fastdl.estimators import NetRegressor


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


@pytest.mark.parametrize("scale", [2.0**900, 2.0**-900])
def test_squares_of_targets_need_not_be_numbers(scale):
    x, y = load_diabetes(return_X_y=True)
    plain, moved = (NetRegressor(hidden=(), **quick).fit(x, y * by).predict(x) / by for by in (1.0, scale))
    np.testing.assert_array_equal(moved, plain)


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
