"""How estimators are trained: splits, weights, further calls, seeds, and what is refused."""

import pickle

import numpy as np
import pandas as pd
import pytest
from estimated import BLOBS, RNG, THREE, mlp, mlp_of_seed, quick
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.preprocessing import StandardScaler

import fastdl
from fastdl import Sequential, callbacks, layers, metrics, optimizers, schedules
from fastdl.estimators import NetClassifier, NetEnsemble, NetRegressor, NetTransformer
from fastdl.estimators.data import Data, held_out


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


@pytest.mark.parametrize("stops", [False, True])
@pytest.mark.parametrize("kind", ["images", "sequences", "steps"])
def test_weights_of_images_and_sequences(kind, stops):
    counts, lengths = np.array([1, 3, 2, 1, 1, 2, 1, 1, 1, 2, 1, 4]), None
    chains = {
        "images": lambda shape, outputs: [layers.Conv2D(2, 2), layers.Flatten(), layers.Dense(outputs)],
        "sequences": lambda shape, outputs: [layers.GRU(3), layers.Dense(outputs)],
        "steps": lambda shape, outputs: [layers.GRU(3, return_sequences=True), layers.Dense(1)],
    }
    x = RNG.standard_normal((12, 1, 4, 4) if kind == "images" else (12, 4, 2))
    y = RNG.standard_normal((12, 4) if kind == "steps" else 12)
    if kind == "steps":
        lengths = RNG.integers(1, 5, 12)
        y[np.arange(4) >= lengths[:, None]] = np.nan

    def fitted(rows, weights=None):
        model = NetRegressor(
            lambda *sizes: Sequential(chains[kind](*sizes)), epochs=3, batch_size=30, random_state=0,
            early_stopping=stops, validation_fraction=0.2,
        )  # fmt: skip
        told = None if lengths is None else lengths[rows]
        return model.fit(x[rows], y[rows], sample_weight=weights, lengths=told).network_.parameters

    once, twice, order = np.arange(12), np.arange(12).repeat(counts), RNG.permutation(20)
    weighted = fitted(once, counts)
    np.testing.assert_array_equal(fitted(twice), weighted)
    np.testing.assert_array_equal(fitted(twice[order]), weighted)
    np.testing.assert_array_equal(fitted(once[::-1], counts[::-1]), weighted)


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


@pytest.mark.parametrize("fraction", [0.2, 0.5, 0.9])
def test_what_is_held_out_leaves_a_sample_of_every_class(fraction):
    labels = np.repeat([0, 1, 2, 3], [28, 2, 1, 29])
    for seed in range(100):
        rest, held = held_out(60, fraction, labels, seed)
        assert sorted([*rest, *held]) == list(range(60))
        assert set(labels[rest]) == {0, 1, 2, 3}
        assert len(held) >= 60 * fraction - 4


@pytest.mark.parametrize("fraction", [0.2, 0.51, 0.8])
def test_the_only_sample_of_a_class_is_never_held_out(fraction):
    """Not even where the fraction is more than the other samples; then fewer are held out."""
    one = np.array([2, 1, 2, 5, 3, 4, 0, 6, 1])
    columns = np.stack([one, [0, 1, 1, 0, 1, 0, 0, 1, 1]], axis=1)
    for labels in (one, columns):
        for seed in range(100):
            rest, held = held_out(9, fraction, labels, seed)
            assert sorted([*rest, *held]) == list(range(9))
            assert len(held)
            for column in labels.reshape(9, -1).T:
                assert set(column[rest]) == set(column)
    for labels in (np.arange(9), np.stack([np.arange(9), one], axis=1)):
        with pytest.raises(ValueError, match="received 9 samples, each the only one of a class"):
            held_out(9, fraction, labels, seed=0)
    with pytest.raises(ValueError, match="y must hold samples to validate on, whose classes have others to train on"):
        NetClassifier(early_stopping=True).fit(RNG.normal(size=(9, 2)), list("abcdefghi"))


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


def test_partial_fit_holds_nothing_out():
    for kind in (NetClassifier, NetRegressor):
        for settings in ({"early_stopping": True}, {"metrics": ["r2"]}):
            with pytest.raises(AttributeError, match="partial_fit") as info:
                kind(**settings).partial_fit(BLOBS, THREE)
            assert "early_stopping must be False, and metrics empty" in str(info.value.__cause__)


def test_what_cannot_be_leaves_nothing_fitted():
    for model, kind, message in [
        (NetClassifier(callbacks=None), TypeError, "callbacks must be a list of callbacks; received None"),
        (NetClassifier(callbacks=callbacks.Callback()), TypeError, "callbacks must be a list of callbacks; received C"),
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
