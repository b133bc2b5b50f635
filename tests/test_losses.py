"""Losses with settings, and losses of a user's own, wherever a loss is asked for."""

import copy
import pickle
from functools import partial

import numpy as np
import pytest
import reference
from conftest import close
from test_trainable import few_tokens, images, one_sample, tokens, trees

import fastdl
from fastdl import Sequential, callbacks, gradient_check, layers, losses, optimizers
from fastdl.trees import Trees


def own_cross_entropy(logits, targets):
    return reference.smoothed_cross_entropy(logits, targets, 0.0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("classes", [2, 3, 16, 21])
@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
def test_cross_entropy_of_smoothed_labels(share, classes, dtype, rng):
    logits, labels = (3 * rng.standard_normal((40, classes))).astype(dtype), rng.integers(0, classes, 40)
    for targets in (labels, reference.softmax(rng.standard_normal((40, classes)))):
        values, gradient = losses.CrossEntropy(label_smoothing=share)(logits, targets)
        expected = reference.smoothed_cross_entropy(logits.astype(float), targets, share)
        close(values, expected[0], dtype)
        close(gradient, expected[1], dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("delta", [0.3, 1.0, 5.0])
def test_huber(delta, dtype, rng):
    y, targets = rng.standard_normal((2, 40, 7)).astype(dtype)
    values, gradient = losses.Huber(delta)(y, targets)
    expected = reference.huber(y.astype(float), targets, delta)
    close(values, expected[0], dtype)
    close(gradient, expected[1], dtype)


def test_they_keep_the_axes_of_rows(rng):
    y, targets = rng.standard_normal((2, 4, 5, 3))
    values, gradient = losses.SquaredError()(y, targets)
    close(values, ((y - targets) ** 2).sum(axis=2) / 2)
    close(gradient, y - targets)
    assert losses.squared_error(y, targets) == pytest.approx(values.mean())


SETTINGS = [
    losses.CrossEntropy(label_smoothing=0.2), losses.Huber(0.5), losses.SquaredError(), losses.BinaryCrossEntropy(),
    losses.Poisson(), losses.AbsoluteError(), "huber", "cross_entropy", "binary_cross_entropy",
]  # fmt: skip


@pytest.mark.parametrize("loss", SETTINGS, ids=repr)
def test_training_by_a_loss_with_settings(loss, rng):
    """As by the same one called in the middle of each step; and with weights."""
    x, y, weights = rng.standard_normal((30, 5)), rng.integers(0, 4, 30), rng.standard_normal(30)
    made = losses.from_config(loss) if isinstance(loss, str) else loss
    if not isinstance(made, losses.CrossEntropy):
        y = np.eye(4)[y]
    net = Sequential([layers.Dense(6, "tanh"), layers.Dense(4)], input_shape=5, dtype="float64", seed=0)
    other = copy.deepcopy(net)
    arguments = {"epochs": 2, "batch_size": 8, "sample_weight": weights, "verbose": 0}
    history = net.fit(x, y, loss=loss, **arguments).history
    expected = other.fit(x, y, loss=lambda y, targets: made(y, targets), **arguments).history
    close(net.parameters, other.parameters)
    close(np.array(history["loss"]), expected["loss"])
    assert net.evaluate(x, y)["loss"] == pytest.approx(other.evaluate(x, y)["loss"])
    assert gradient_check(net, x[:5], y[:5], loss=loss) < 1e-6


def case_of(make, rng):
    made, shape, x, options = make(rng)
    net = Sequential(
        [layers.Dropout(0.1), *made] if make is one_sample else made, input_shape=shape, dtype="float64", seed=0
    )
    return net, x, rng.integers(0, 3, net.forward(x, **options).shape[:-1]), options


@pytest.mark.parametrize("make", [images, one_sample, tokens, few_tokens, trees], ids=lambda made: made.__name__)
def test_a_loss_of_ones_own_trains_as_ours(make, rng):
    net, x, y, options = case_of(make, rng)
    other = copy.deepcopy(net)
    arguments = {"epochs": 3, "batch_size": 6, "validation_split": 0.4 if len(x) > 1 else 0.0, "verbose": 0, **options}
    arguments["optimizer"] = optimizers.SGD(0.1, momentum=0.9, clip_norm=0.3)
    ours = net.fit(x, y, **arguments).history
    own = other.fit(x, y, loss=own_cross_entropy, **arguments).history
    close(other.parameters, net.parameters)
    assert own.keys() == ours.keys()
    for name in own.keys() - {"seconds"}:
        close(np.array(own[name]), ours[name])
    assert other._training.steps == net._training.steps
    for measure in (net.train_on_batch, net.evaluate):
        last = getattr(other, measure.__name__)(x, y, loss=own_cross_entropy, **options)
        assert last == pytest.approx(measure(x, y, **options))


def test_dropout_steps_and_nodes_that_count(rng):
    """Random layers draw the same; rows that do not count are not asked for."""
    made = [layers.Embedding(6, 4), layers.Dropout(0.4), layers.LSTM(5, return_sequences=True), layers.Dense(3)]
    net = Sequential(made, input_shape=(None,), dtype="float64", seed=0)
    other, seen = copy.deepcopy(net), []
    x, y, lengths = rng.integers(0, 6, (10, 7)), rng.integers(0, 3, (10, 7)), rng.integers(1, 8, 10)
    weights = rng.random((10, 7))

    def own(outputs, targets):
        seen.append((len(outputs), targets.shape))
        return own_cross_entropy(outputs, targets)

    arguments = {"batch_size": 4, "lengths": lengths, "sample_weight": weights, "verbose": 0}
    ours = net.fit(x, y, **arguments).history
    history = other.fit(x, y, loss=own, **arguments).history
    close(other.parameters, net.parameters)
    close(np.array(history["loss"]), ours["loss"])
    assert sum(n for n, _ in seen) == lengths.sum()
    assert all(shape == (n,) for n, shape in seen)
    # Nodes of label -1.
    net = Sequential(
        [layers.Embedding(5, 4), layers.Recursive(4, return_nodes=True), layers.Dense(3)], input_shape=(None,)
    )
    forest = Trees.parse("(x (x a) (x b))\n(x (x c) (x (x a) (x b)))")
    labels = np.array([-1, 2, 0, 1, -1, -1, -1, 1])
    seen.clear()
    net.fit(np.zeros(8), labels, trees=forest, loss=own, batch_size=1, verbose=0)
    assert sorted(seen) == [(2, (2,)), (2, (2,))]


def pairs(outputs, targets):
    """Of targets of another shape than the outputs: a time and whether it was seen."""
    error = (outputs[:, 0] - targets[:, 0, 0]) * targets[:, 1, 1]
    gradient = np.zeros_like(outputs)
    gradient[:, 0] = error * targets[:, 1, 1]
    return error**2 / 2, gradient


def test_targets_of_any_form(rng):
    net = Sequential([layers.Dense(2)], input_shape=3, dtype="float64", seed=0)
    x, y = rng.standard_normal((20, 3)), rng.standard_normal((20, 2, 2))
    assert gradient_check(net, x, y, loss=pairs) < 1e-6
    history = net.fit(
        x, y, loss=pairs, epochs=30, validation_split=0.3, optimizer=optimizers.Adam(0.1), verbose=0
    ).history
    assert history["loss"][-1] < history["loss"][0] / 2
    assert net.evaluate(x, y).keys() == {"loss"}
    with pytest.raises(ValueError, match=r"y must have as many rows as the outputs, 20; received shape \(3, 2, 2\)"):
        net.fit(x, y[:3])
    with pytest.raises(ValueError, match="class_weight must come with integer labels"):
        net.fit(x, y, class_weight=[1, 2])
    with pytest.raises(ValueError, match="class_weight must come with integer labels"):
        net.fit(x, np.full(20, 2), loss=own_cross_entropy, class_weight=[1, 2])


@pytest.mark.parametrize(
    ("gives", "error", "message"),
    [
        (
            lambda y, t: 1.0,
            TypeError,
            "loss must return two arrays, each row's value and the gradient of their sum; .* returned float",
        ),
        (lambda y, t: (y, y), ValueError, r"loss must return values of shape \(4,\); .* returned \(4, 2\)"),
        (
            lambda y, t: (y[:, 0], y[:, 0]),
            ValueError,
            r"loss must return a gradient of shape \(4, 2\); .* returned \(4,\)",
        ),
        (lambda y, t: (["a"] * 4, y), TypeError, "the loss's values must be an array of real numbers"),
        (lambda y: y, TypeError, "positional argument"),
    ],
)
def test_what_a_loss_must_give(gives, error, message, rng):
    net = Sequential([layers.Dense(3), layers.BatchNorm(), layers.Dense(2)], input_shape=3, seed=0)
    before = net.parameters.copy()
    x, y = rng.standard_normal((4, 3)), np.zeros((4, 2))
    for call in (net.fit, net.train_on_batch, net.evaluate):
        with pytest.raises(error, match=message):
            call(x, y, loss=gives)
        assert (net.parameters == before).all()
    assert net._training.steps == 0


class Ended(Exception):
    pass


def test_functions_that_change_what_they_are_given(rng):
    """Neither accuracy nor other metrics see it, nor does the caller."""

    def loss(outputs, targets):
        values, gradient = losses.CrossEntropy()(outputs, targets)
        outputs[...] = targets[...] = 0
        return values, gradient

    def metric(targets, outputs):
        targets[...] = outputs[...] = 0
        return 0.0

    x, y = rng.normal(size=(40, 3)), rng.integers(0, 3, 40)
    given, told = y.copy(), []
    for one in (loss, "cross_entropy"):
        net = Sequential([layers.Dense(3)], input_shape=3, seed=0, dtype="float64")
        history = net.fit(x, y, loss=one, validation_split=0.5, metrics=[metric, "f1"], verbose=0).history
        told.append([history[name] for name in ("loss", "accuracy", "val_loss", "val_accuracy")])
        assert history["val_f1"][0] == net.evaluate(x[20:], y[20:], loss="cross_entropy", metrics=["f1"])["f1"]
        assert net.evaluate(x, y)["accuracy"] == (net.predict(x).argmax(axis=1) == y).mean()
    np.testing.assert_allclose(*told)
    assert (y == given).all()


def test_a_loss_that_raises_at_once_leaves_all_as_it_was(rng):
    def broken(outputs, targets):
        raise ZeroDivisionError

    x, y = rng.normal(size=(40, 3)), rng.integers(0, 2, 40)
    nets = [Sequential([layers.Dense(4, "tanh"), layers.Dense(2)], input_shape=3, seed=0) for _ in range(2)]
    for net in nets:
        net.fit(x, y, epochs=2, optimizer=optimizers.Adam(0.1), verbose=0)
    net, history = nets[0], nets[0].history
    random = net.generator.bit_generator.state
    for call in (net.train_on_batch, partial(net.fit, verbose=0)):
        for optimizer in (None, optimizers.SGD(0.1)):
            with pytest.raises(ZeroDivisionError):
                call(x, y, loss=broken, optimizer=optimizer)
    assert net.history is history
    net.generator.bit_generator.state = random
    for one in nets:
        one.fit(x, y, epochs=4, initial_epoch=2, verbose=0)
    assert (nets[0].parameters == nets[1].parameters).all()


@pytest.mark.parametrize("calls", [1, 2, 5])
def test_what_ends_it_leaves_whole_steps(calls, rng):
    """Running statistics and states too."""
    made = [layers.LSTM(4, stateful=True, return_sequences=True), layers.BatchNorm(), layers.Dense(2)]
    net = Sequential(made, input_shape=(3, 2), dtype="float64", seed=0)
    other, count = copy.deepcopy(net), 0
    x, y = rng.standard_normal((24, 3, 2)), rng.integers(0, 2, (24, 3))

    def own(outputs, targets):
        nonlocal count
        count += 1
        if count == calls:
            raise Ended
        return own_cross_entropy(outputs, targets)

    arguments = {"batch_size": 4, "shuffle": False, "optimizer": optimizers.Adam(0.05), "verbose": 0}
    with pytest.raises(Ended):
        net.fit(x, y, loss=own, **arguments)
    for step in range(calls - 1):
        other.train_on_batch(x[4 * step : 4 * step + 4], y[4 * step : 4 * step + 4], optimizer=optimizers.Adam(0.05))
    assert net._training.steps == calls - 1
    close(net.parameters, other.parameters)
    if calls > 1:
        close(net._training.moments, other._training.moments)
        close(np.hstack(net.state[0]), np.hstack(other.state[0]))


def test_a_loss_that_diverges_leaves_the_last_finite_step(rng):
    net = Sequential([layers.Dense(3)], input_shape=3, dtype="float64", seed=0)
    x = rng.standard_normal((40, 3))
    seen = []

    class Keep(callbacks.Callback):
        def on_batch_block(self, net, done, total, logs):
            seen.append(net.parameters.copy())

    def own(outputs, targets):
        values = (outputs - targets) ** 2
        values[targets == 7] = np.nan
        return values.sum(axis=1), 2 * (outputs - targets)

    y = np.zeros((40, 3))
    y[26] = 7
    with pytest.raises(FloatingPointError, match="step 7 gives a loss"):
        net.fit(
            x, y, loss=own, batch_size=4, shuffle=False, optimizer=optimizers.SGD(0.01), callbacks=[Keep()], verbose=0
        )
    assert net._training.steps == 6
    other = Sequential([layers.Dense(3)], input_shape=3, dtype="float64", seed=0)
    for step in range(6):
        part = slice(4 * step, 4 * step + 4)
        other.train_on_batch(x[part], y[part], loss=own, optimizer=optimizers.SGD(0.01))
    assert (net.parameters == other.parameters).all()


def test_any_number_of_threads_to_the_bit(rng):
    x, y = rng.standard_normal((200, 6)), rng.integers(0, 4, 200)
    found = set()
    for threads in (1, 2, 5):
        fastdl.set_num_threads(threads)
        net = Sequential(
            [layers.Dense(300, "relu"), layers.BatchNorm(), layers.Dropout(0.3), layers.Dense(4)], input_shape=6, seed=0
        )
        net.fit(x, y, batch_size=90, epochs=2, loss=own_cross_entropy, optimizer=optimizers.Adam(0.01), verbose=0)
        found.add(net.parameters.tobytes())
    assert len(found) == 1


def test_a_subclass_computes_its_own(rng):
    class Doubled(losses.SquaredError):
        def __call__(self, outputs, targets):
            values, gradient = super().__call__(outputs, targets)
            return 2 * values, 2 * gradient

    net = Sequential([layers.Dense(2)], input_shape=3, dtype="float64", seed=0)
    x, y = rng.standard_normal((8, 3)), rng.standard_normal((8, 2))
    assert net.evaluate(x, y, loss=Doubled())["loss"] == pytest.approx(
        2 * net.evaluate(x, y, loss="squared_error")["loss"]
    )


def test_a_subclass_leaves_out_what_its_loss_does(rng):
    class Mine(losses.CrossEntropy):
        pass

    x, y = rng.standard_normal((20, 3)), rng.integers(-1, 3, 20)
    net = Sequential([layers.Dense(3)], input_shape=3, dtype="float64", seed=0)
    mine, own = (
        net.evaluate(x, y, loss=kind(ignore_label=-1), metrics=["auc"]) for kind in (Mine, losses.CrossEntropy)
    )
    assert mine == pytest.approx(own)
    net = Sequential([layers.Dense(3, "softmax")], input_shape=3, dtype="float64", seed=0)
    with pytest.warns(UserWarning, match="cross_entropy takes the outputs of softmax for logits, and puts a softmax"):
        net.fit(x, abs(y), loss=Mine(), verbose=0)


@pytest.mark.parametrize("base", [losses.CrossEntropy, losses.Loss])
def test_a_subclass_with_a_method_that_nobody_would_call(base, rng):
    class Own(base):
        def measure(self, outputs, targets, weights=None):
            return 0.0, np.zeros_like(outputs), 0

    class Mine(Own):
        pass

    net = Sequential([layers.Dense(2)], input_shape=3, seed=0)
    for use in (net.fit, net.evaluate, net.train_on_batch):
        with pytest.raises(TypeError, match=r"loss must not have its own measure, which nothing calls: .*; Own has"):
            use(rng.standard_normal((4, 3)), [0, 1, 0, 1], loss=Mine())


def test_targets_that_a_subclass_changes(rng):
    class Shifted(losses.CrossEntropy):
        def as_targets(self, y, name, rows):
            return super().as_targets(np.asarray(y) - 1, name, rows)

    class Squared(Shifted):
        def __call__(self, outputs, targets):
            return ((outputs - targets[:, None]) ** 2).sum(axis=-1), 2 * (outputs - targets[:, None])

    x, y = rng.standard_normal((4, 3)).astype(np.float32), np.array([1, 2, 1, 2])
    net, expected = (Sequential([layers.Dense(2)], input_shape=3, seed=0) for _ in range(2))
    net.fit(x, y, loss=Shifted(), shuffle=False, verbose=0)
    expected.fit(x, y - 1, loss="cross_entropy", shuffle=False, verbose=0)
    np.testing.assert_allclose(net.parameters, expected.parameters, rtol=1e-6)
    with pytest.raises(TypeError, match=r"loss must not have its own as_targets, which nothing calls: .*; Shifted has"):
        net.fit(x, y, loss=Squared(), verbose=0)


def test_one_output_hits_no_class(rng):
    """The largest of one output would always be that of class 0."""
    net = Sequential([layers.Dense(1)], input_shape=3, seed=0)
    x, y = rng.standard_normal((20, 3)), rng.integers(0, 2, 20)

    def hinge(outputs, targets):
        signs = 2 * targets[:, None] - 1
        missing = np.maximum(1 - signs * outputs, 0)
        return missing[:, 0], -signs * (missing > 0)

    assert net.evaluate(x, y, loss=hinge).keys() == {"loss"}
    assert net.fit(x, y, loss=hinge, verbose=0).history.keys() == {"loss", "seconds"}


def test_losses_are_saved_and_copied(rng, tmp_path):
    x, y = rng.standard_normal((8, 3)), rng.integers(0, 2, 8)
    net = Sequential([layers.Dense(2)], input_shape=3, seed=0)
    for loss in (losses.CrossEntropy(label_smoothing=0.1), losses.CrossEntropy()):
        net.fit(x, y, loss=loss, verbose=0)
        net.save(tmp_path / "net.npz", training=True)
        for other in (fastdl.load(tmp_path / "net.npz"), copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
            assert other._training.loss == loss
            assert other.evaluate(x, y) == net.evaluate(x, y)
    net.fit(x, y, loss=own_cross_entropy, verbose=0)
    for other in (copy.copy(net), copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert other.evaluate(x, y) == net.evaluate(x, y)
    with pytest.raises(
        TypeError, match=r"loss must be one of fastdl\.losses to be saved; received <function own_cross"
    ):
        net.save(tmp_path / "net.npz", training=True)
    assert fastdl.load(tmp_path / "net.npz")._training.loss == losses.CrossEntropy()  # what was there
    net.save(tmp_path / "net.npz")
    other = fastdl.load(tmp_path / "net.npz")
    assert (other.predict(x) == net.predict(x)).all()
    for call in (other.evaluate, other.fit, other.train_on_batch):
        with pytest.raises(
            ValueError, match="loss must be given: the network's was a function, which its file does not"
        ):
            call(x, y)
    other.forward(x)
    other.backward(np.ones((8, 2)))
    other.step()
    other.save(tmp_path / "net.npz")
    assert other.evaluate(x, y, loss="cross_entropy").keys() == {"loss", "accuracy"}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: losses.Huber(0), "delta must be above 0; received 0"),
        (lambda: losses.Huber(np.nan), "delta must be"),
        (lambda: losses.CrossEntropy(label_smoothing=1.5), "label_smoothing must be"),
        (lambda: losses.from_config({"class": "Hinge"}), "config must be that of a loss"),
        (lambda: losses.from_config(7), "config must be that of a loss"),
        (lambda: losses.Huber()([1.0, 2], [1.0, 2]), r"outputs must have shape \(N, F\) or \(N, T, F\)"),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
