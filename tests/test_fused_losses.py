"""The losses that the core has: their numbers, what they are compared with, rows that are ignored, and bad input."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest
import reference
from conftest import close
from test_weights import KINDS, RATE, spread, within

import fastdl
from fastdl import Sequential, gradient_check, layers, losses, optimizers

# What PyTorch 2.13 gave. With PyTorch installed, ``python tests/test_fused_losses.py`` writes the file again.
RECORDED = Path(__file__).with_name("pytorch_losses.json")
LEVELS = (0.9, 0.25)


def numbers(rng, rows, width):
    return rng.standard_normal((rows, width))


CASES = {
    "binary_cross_entropy": (
        losses.BinaryCrossEntropy(), reference.binary_cross_entropy, lambda rng, *shape: rng.random(shape),
    ),
    "absolute_error": (losses.AbsoluteError(), reference.absolute_error, numbers),
    "poisson": (losses.Poisson(), reference.poisson, lambda rng, *shape: rng.poisson(3.0, shape)),
    "quantile": (
        losses.Quantile(LEVELS), lambda y, t: reference.quantile(y, t, LEVELS),
        lambda rng, rows, width: numbers(rng, rows, width // 2),
    ),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("width", [1, 2, 3, 4, 16, 21, 38, 600, 1500])
@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(name, width, dtype, rng):
    loss, expected, draw = CASES[name]
    width += width % 2 if name == "quantile" else 0
    y, targets = (2 * rng.standard_normal((20, width))).astype(dtype), draw(rng, 20, width).astype(dtype)
    values, gradient = loss(y, targets)
    wanted = expected(y.astype(float), targets.astype(float))
    close(values, wanted[0], dtype)
    close(gradient, wanted[1], dtype)
    assert gradient.dtype == dtype


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_binary_cross_entropy_of_any_logit_is_finite(dtype):
    logits = np.array([[-1e30, -1e4, -90, -1e-30, 0, 1e-30, 90, 1e4, 1e30]], dtype).T
    large = np.maximum(logits.astype(float), 0)
    for target in (0.0, 0.25, 1.0):
        values, gradient = losses.BinaryCrossEntropy()(logits, np.full(9, target))
        exact = large + np.log1p(np.exp(-abs(logits.astype(float)))) - target * logits
        np.testing.assert_allclose(values, exact[:, 0], rtol=1e-6, atol=1e-15)
        np.testing.assert_allclose(gradient, reference.sigmoid(logits.astype(float)) - target, rtol=1e-6, atol=1e-30)


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "quantile", "huber", "cross_entropy"])
def test_others_of_large_outputs_are_finite(loss):
    y = np.array([[1e30, -1e30, 0]], "float32")
    targets = [0] if loss == "cross_entropy" else [[1e30]] if loss == "quantile" else [[-1e30, 1e30, 0]]
    values, gradient = losses.from_config(loss)(y, targets)
    assert np.isfinite(values).all()
    assert np.isfinite(gradient).all()


def test_no_slope_where_there_is_no_error():
    assert losses.AbsoluteError()([[2.0]], [[2.0]])[1] == 0
    assert (losses.Quantile()([[2.0, 2.0, 2.0]], [2.0])[1] == 0).all()


def test_poisson_of_what_overflows():
    """The loss is none then, and the parameters are those before."""
    net = Sequential([layers.Dense(1)], input_shape=2, seed=0)
    values, gradient = losses.Poisson()(np.array([[80.0], [-1e30]], "float32"), [0, 0])
    assert np.isfinite(values).all()
    assert np.isfinite(gradient).all()
    net.params["0.weight"][...] = before = 1.0
    with pytest.raises(FloatingPointError, match="step 1 gives a loss"):
        net.fit(np.full((4, 2), 1e4), np.ones(4), loss="poisson", verbose=0)
    assert (net.params["0.weight"] == before).all()


@pytest.mark.parametrize("name", CASES)
def test_any_number_of_threads_to_the_bit(name, rng):
    loss, _, draw = CASES[name]
    x, y, found = rng.standard_normal((200, 6)), draw(rng, 200, 40), set()
    for threads in (1, 2, 5):
        fastdl.set_num_threads(threads)
        net = Sequential([layers.Dense(300, "tanh"), layers.Dense(40)], input_shape=6, seed=0)
        net.fit(x, y, batch_size=90, epochs=2, loss=loss, optimizer=optimizers.SGD(1e-4), verbose=0)
        found.add(net.parameters.tobytes())
    assert len(found) == 1


# Targets without their last axis.


@pytest.mark.parametrize("loss", ["binary_cross_entropy", "absolute_error", "squared_error", "huber", "poisson"])
def test_one_number_a_row_needs_no_axis(loss, rng):
    x, y = rng.standard_normal((12, 3)), rng.integers(0, 2, 12)
    net = Sequential([layers.Dense(1)], input_shape=3, dtype="float64", seed=0)
    other = copy.deepcopy(net)
    kinds = [y, y.astype("uint8"), y.astype(float), y[:, None], y.tolist(), y == 1]
    assert len({str(net.evaluate(x, given, loss=loss)) for given in kinds}) == 1
    net.fit(x, y, loss=loss, verbose=0)
    other.fit(x, y[:, None], loss=loss, verbose=0)
    assert (net.parameters == other.parameters).all()
    assert gradient_check(net, x, y, loss=loss) < 1e-5


def test_targets_of_steps_need_none_either(rng):
    x, y, lengths = rng.standard_normal((5, 4, 3)), rng.standard_normal((5, 4)), [4, 1, 2, 3, 4]
    net = Sequential([layers.RNN(4, return_sequences=True), layers.Dense(2)], input_shape=(None, 3), seed=0)
    loss = losses.Quantile((0.2, 0.8))
    assert net.evaluate(x, y, loss=loss, lengths=lengths) == net.evaluate(x, y[:, :, None], loss=loss, lengths=lengths)


def test_a_forecast_of_quantiles(rng):
    """Of each target the levels lie side by side, and tell what share of targets is below."""
    y = np.hstack([rng.standard_normal((4000, 1)), 10 + rng.random((4000, 1))])
    net = Sequential([layers.Dense(6)], input_shape=1, seed=0)
    net.fit(
        np.ones((4000, 1)), y, loss=losses.Quantile((0.1, 0.5, 0.9)), epochs=40, batch_size=200, verbose=0,
        optimizer=optimizers.Adam(0.05),
    )  # fmt: skip
    found = net.predict(np.ones((1, 1))).reshape(2, 3)
    np.testing.assert_allclose(found, np.quantile(y, (0.1, 0.5, 0.9), axis=0).T, atol=0.15)


# A sigmoid at the end.


def ends(kind):
    make = {
        "dense": lambda last: [layers.Dense(5, "tanh"), layers.Dense(2, last)],
        "alone": lambda last: [layers.Dense(2), layers.Activation(last)],
        "steps": lambda last: [layers.RNN(4, return_sequences=True), layers.Dense(2, last)],
    }[kind]
    shape = (None, 3) if kind == "steps" else 3
    nets = [Sequential(make(last), input_shape=shape, dtype="float64", seed=0) for last in ("sigmoid", "identity")]
    return nets, (7, 4, 3) if kind == "steps" else (7, 3)


@pytest.mark.parametrize("kind", ["dense", "alone", "steps"])
def test_a_sigmoid_at_the_end_is_left_out(kind, rng):
    (net, other), shape = ends(kind)
    x = 30 * rng.standard_normal(shape)
    y = rng.integers(0, 2, net.predict(x).shape)
    assert net.evaluate(x, y, loss="binary_cross_entropy") == other.evaluate(x, y, loss="binary_cross_entropy")
    for each in (net, other):
        each.fit(x, y, loss="binary_cross_entropy", batch_size=3, epochs=2, verbose=0)
    assert (net.parameters == other.parameters).all()
    close(net.predict(x), reference.sigmoid(other.predict(x)))
    assert net.evaluate(x, y, loss="squared_error") != other.evaluate(x, y, loss="squared_error")


@pytest.mark.parametrize(
    ("shape", "make", "activation"),
    [
        (3, lambda: [layers.Dense(2, "relu")], "relu"),
        (3, lambda: [layers.Dense(2), layers.Activation("softmax")], "softmax"),
        (3, lambda: [layers.Dense(2, "tanh"), layers.Dropout(0.1)], "tanh"),
        ((1, 3, 3), lambda: [layers.Conv2D(2, 3, activation="sigmoid"), layers.Flatten()], "sigmoid"),
    ],
)
def test_activations_that_are_not_left_out_are_warned_of(shape, make, activation):
    net = Sequential(make(), input_shape=shape, seed=0)
    with pytest.warns(UserWarning, match=f"takes the outputs of {activation} for logits, and puts a sigmoid after it"):
        net.fit(np.ones((4, *net.input_shape)), np.ones((4, 2)), loss="binary_cross_entropy", verbose=0)


# Accuracy, and weights of classes.


def test_the_accuracy_of_labels(rng):
    x, y = rng.standard_normal((50, 3)), rng.integers(0, 2, (50, 4))
    net = Sequential([layers.Dense(4)], input_shape=3, dtype="float64", seed=0)
    for wanted in (y, y[:, :1]):
        net = Sequential([layers.Dense(wanted.shape[1])], input_shape=3, dtype="float64", seed=0)
        right = ((net.predict(x) > 0) == wanted).mean()
        assert 0 < right < 1
        assert net.evaluate(x, wanted, loss="binary_cross_entropy")["accuracy"] == pytest.approx(right)
        history = net.fit(
            x, wanted, loss="binary_cross_entropy", optimizer=optimizers.SGD(1e-12), batch_size=8, verbose=0
        ).history
        assert history["accuracy"][0] == pytest.approx(right)
    # An output of 0 says no; what is neither yes nor no has no accuracy.
    net.parameters[...] = 0
    assert net.evaluate(x, np.zeros(50), loss="binary_cross_entropy")["accuracy"] == 1
    assert net.evaluate(x, np.full(50, 0.5), loss="binary_cross_entropy").keys() == {"loss"}


def test_batches_have_an_accuracy_where_all_of_them_do(rng):
    x, y = rng.standard_normal((20, 3)), rng.integers(0, 2, 20)
    for last, figures in ((y, {"loss", "accuracy", "seconds"}), (np.full(20, 0.3), {"loss", "seconds"})):
        for batches in ([(x, y), (x, last)], [(x, last), (x, y)]):
            net = Sequential([layers.Dense(1)], input_shape=3, dtype="float64", seed=0)
            right = ((net.predict(x)[:, 0] > 0) == y).mean()
            optimizer = optimizers.SGD(1e-12)
            history = net.fit(iter(batches), loss="binary_cross_entropy", optimizer=optimizer, verbose=0).history
            assert history.keys() == figures
            assert history.get("accuracy", [right]) == pytest.approx([right])


def test_weights_of_yes_and_no(rng):
    x, y = rng.standard_normal((20, 3)), rng.integers(0, 2, 20)
    one, two = (Sequential([layers.Dense(1)], input_shape=3, dtype="float64", seed=0) for _ in range(2))
    one.fit(x, y, loss="binary_cross_entropy", class_weight={1: 5.0}, verbose=0)
    two.fit(x, y, loss="binary_cross_entropy", sample_weight=np.where(y == 1, 5.0, 1.0), verbose=0)
    assert (one.parameters == two.parameters).all()
    for bad in (np.full(20, 0.5), np.arange(20) / 20):
        with pytest.raises(ValueError, match="class_weight must come with integer labels from 0 to 1"):
            one.fit(x, bad, loss="binary_cross_entropy", class_weight=[1, 2])
    net = Sequential([layers.Dense(2)], input_shape=3)
    with pytest.raises(ValueError, match="class_weight must come with integer labels"):
        net.fit(x, np.ones((20, 2)), loss="binary_cross_entropy", class_weight=[1, 2])


# Labels that are ignored.


@pytest.mark.parametrize("share", [0.0, 0.1])
@pytest.mark.parametrize("label", [-100, 1, 255])
@pytest.mark.parametrize("kind", KINDS)
def test_ignored_labels(kind, label, share, rng):
    """A step and what is measured is of the rows that are left, whatever the weights of the others."""
    net, x, options = kind(rng)
    outputs, loss = net.predict(x, **options), losses.CrossEntropy(label_smoothing=share, ignore_label=label)
    y, weight = rng.integers(0, 3, outputs.shape[:-1]), rng.standard_normal(7)
    y[rng.random(y.shape) < 0.3] = label
    y.reshape(-1)[0] = 2  # of the first step of all
    y.reshape(-1)[-1] = label
    there = within(outputs, **options) & (y != label)
    assert 0 < there.sum() < there.size
    each, gradient = reference.smoothed_cross_entropy(outputs[there], y[there], share)
    of_rows = spread(weight, outputs, **options)[there]
    measured = net.evaluate(x, y, loss=loss, sample_weight=weight, **options)
    assert measured["loss"] == pytest.approx((of_rows * each).mean())
    assert measured["accuracy"] == pytest.approx((outputs[there].argmax(axis=1) == y[there]).mean())
    dy = np.zeros_like(outputs)
    dy[there] = of_rows[:, None] * gradient / there.sum()
    net.forward(x, **options)
    net.backward(dy)
    expected = net.parameters - RATE * net.gradients
    figures = net.train_on_batch(x, y, loss=loss, sample_weight=weight, optimizer=optimizers.SGD(RATE), **options)
    close(net.parameters, expected)
    assert figures == pytest.approx(measured)
    assert gradient_check(net, x, y, loss=loss, limit=20, **options) < 1e-5


def test_a_batch_of_ignored_labels_counts_for_nothing(rng):
    x, y = rng.standard_normal((12, 3)), np.repeat([0, -1, 1], 4)
    net = Sequential([layers.Dense(3)], input_shape=3, dtype="float64", seed=0)
    other, loss = copy.deepcopy(net), losses.CrossEntropy(ignore_label=-1)
    arguments = {"batch_size": 4, "shuffle": False, "optimizer": optimizers.SGD(0.1), "verbose": 0}
    history = net.fit(x, y, loss=loss, **arguments).history
    expected = other.fit(x[y >= 0], y[y >= 0], **arguments).history
    assert (net.parameters == other.parameters).all()
    assert history["loss"] == expected["loss"]
    assert history["accuracy"] == expected["accuracy"]
    # As a function of one's own loop: mean of what counts.
    values, gradient = loss(net.predict(x), y)
    assert (values == 0).tolist() == (y < 0).tolist()
    assert ((gradient == 0).all(axis=1) == (y < 0)).all()
    with pytest.raises(ValueError, match="y must hold a label that counts; received -1 for all"):
        net.evaluate(x, y * 0 - 1, loss=loss)
    with pytest.raises(ValueError, match="validation_split must leave labels on both sides"):
        net.fit(x, np.where(np.arange(12) < 6, y, -1), loss=loss, validation_split=0.5)
    with pytest.raises(ValueError, match=r"y must be integer labels of shape \(12,\) with ignore_label; received"):
        net.fit(x, np.eye(3)[abs(y)], loss=loss)
    with pytest.raises(ValueError, match="y must hold labels from 0 to 2; received -2 to 1"):
        net.fit(x, np.where(y < 0, -2, y), loss=loss)


@pytest.mark.parametrize("optimizer", [optimizers.SGD(0.1, momentum=0.9), optimizers.Adam(0.1, weight_decay=0.1)])
@pytest.mark.parametrize("custom", [False, True])
def test_a_batch_of_ignored_labels_is_the_same_from_an_iterable(custom, optimizer, rng):
    x, y = rng.standard_normal((12, 3)), np.repeat([0, -1, 1], 4)
    loss = losses.CrossEntropy(ignore_label=-1)

    class Own(losses.CrossEntropy):
        pass

    loss = Own(ignore_label=-1) if custom else loss
    nets = [Sequential([layers.Dense(3)], input_shape=3, seed=0) for _ in range(2)]
    batches = [(x[k : k + 4], y[k : k + 4]) for k in (0, 4, 8)]
    how = {"loss": loss, "optimizer": optimizer, "verbose": 0}
    more = {"epochs": 2, "metrics": ["balanced_accuracy"], **how}
    whole = nets[0].fit(x, y, batch_size=4, shuffle=False, validation_data=(x, y), **more)
    parts = nets[1].fit(batches, validation_data=batches, **more)
    assert (nets[0].parameters == nets[1].parameters).all()
    for name in ("loss", "accuracy", "val_loss", "val_accuracy", "val_balanced_accuracy"):
        assert whole.history[name] == pytest.approx(parts.history[name])
    assert nets[1].evaluate(batches, loss=loss) == pytest.approx(nets[0].evaluate(x, y, loss=loss))
    ignored = batches[1:2] * 2
    for call in (lambda: nets[0].fit(ignored, **how), lambda: nets[0].evaluate(ignored, loss=loss)):
        with pytest.raises(ValueError, match="x must give a label that counts; all that it gave are ignored"):
            call()
    with pytest.raises(ValueError, match="validation_data must give a label that counts"):
        nets[0].fit(x, y, validation_data=ignored, **how)
    with pytest.raises(ValueError, match="validation y must hold a label that counts; received -1 for all"):
        nets[0].fit(x, y, validation_data=ignored[0], **how)
    with pytest.raises(ValueError, match="y must hold a label that counts; received -1 for all"):
        nets[0].train_on_batch(*ignored[0], loss=loss)


def test_booleans_are_ignored_as_other_labels_are(rng):
    x, y = rng.standard_normal((12, 3)), np.arange(12) % 3 == 0
    net, loss = Sequential([layers.Dense(2)], input_shape=3, seed=0), losses.CrossEntropy(ignore_label=0)
    assert net.evaluate(x, y, loss=loss) == net.evaluate(x, y.astype(int), loss=loss) != net.evaluate(x, y)


def test_nodes_without_a_label():
    """-1, whatever the loss; it is any other number to losses without labels."""
    trees = fastdl.trees.Trees.parse("(x (x a) (x b))\n(x (x c) (x (x a) (x b)))")
    x, y = np.array([0, 1, 9, 2, 0, 1, 9, 9]), np.array([-1, 1, 0, 1, -1, -1, -1, 1])

    def network(outputs):
        chain = [layers.Embedding(5, 4), layers.Recursive(4, return_nodes=True), layers.Dense(outputs)]
        return Sequential(chain, input_shape=(None,), dtype="float64", seed=0)

    def mean(net, name, rows, outputs):
        return reference.LOSSES[name](net.predict(x, trees=trees)[rows], outputs[rows])[0].mean()

    net, counts = network(1), y >= 0
    for name, rows in (("binary_cross_entropy", counts), ("squared_error", slice(None))):
        assert net.evaluate(x, y, trees=trees, loss=name)["loss"] == pytest.approx(mean(net, name, rows, y[:, None]))
    net, loss = network(3), losses.CrossEntropy(ignore_label=0)
    measured = net.evaluate(x, y, trees=trees, loss=loss)["loss"]
    assert measured == pytest.approx(mean(net, "cross_entropy", y == 1, y))
    # Roots have labels of their own.
    roots = Sequential([layers.Embedding(5, 4), layers.Recursive(4), layers.Dense(3)], input_shape=(None,), seed=0)
    assert roots.evaluate(x, [2, -1], trees=trees)["accuracy"] in (0, 1)


def test_padding_is_not_looked_at(rng):
    """Targets of steps that do not count may be whatever is finite."""
    net = Sequential([layers.RNN(4, return_sequences=True), layers.Dense(3)], input_shape=(None, 2), seed=0)
    x, lengths = rng.standard_normal((2, 4, 2)), [4, 2]
    for name, good in (("cross_entropy", np.full((2, 4, 3), 1 / 3)), ("binary_cross_entropy", np.ones((2, 4, 3))),
                       ("poisson", np.ones((2, 4, 3)))):  # fmt: skip
        bad = good.copy()
        bad[1, 2:] = -7
        arguments = {"loss": name, "lengths": lengths}
        assert net.evaluate(x, bad, **arguments) == net.evaluate(x, good, **arguments)
        with pytest.raises(ValueError, match="y must hold"):
            net.evaluate(x, bad, loss=name)


# Files, and what is refused.


@pytest.mark.parametrize(
    "loss",
    [
        *(loss for loss, *_ in CASES.values()),
        losses.CrossEntropy(label_smoothing=0.1, ignore_label=-100),
        losses.Quantile([0.5]),
        losses.Quantile(),
    ],
    ids=repr,
)
def test_they_are_saved(loss, tmp_path, rng):
    width = 6 if isinstance(loss, losses.Quantile) else 2
    net = Sequential([layers.Dense(width)], input_shape=3, seed=0)
    y = np.ones(8, int) if isinstance(loss, losses.CrossEntropy) else np.ones((8, loss.target_width(width)))
    net.fit(rng.standard_normal((8, 3)), y, loss=loss, verbose=0)
    for training in (False, True):
        net.save(tmp_path / "net.npz", training=training)
        assert fastdl.load(tmp_path / "net.npz").training_state.loss == loss
    assert losses.from_config(json.loads(json.dumps(loss.get_config()))) == loss


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: losses.Quantile(()), ValueError, "levels must be numbers between 0 and 1, one at least"),
        (lambda: losses.Quantile((0.1, 1.0)), ValueError, "levels must be numbers between 0 and 1"),
        (lambda: losses.Quantile((0.0,)), ValueError, "levels must be numbers between 0 and 1"),
        (lambda: losses.Quantile((0.5, np.nan)), ValueError, "levels must be a finite number from"),
        (lambda: losses.Quantile(0.5), TypeError, "levels must be a list of numbers; received 0.5"),
        (lambda: losses.Quantile("0.5"), TypeError, "levels must be a list of numbers"),
        (lambda: losses.CrossEntropy(ignore_label=0.5), TypeError, "ignore_label must be an integer"),
        (lambda: losses.CrossEntropy(ignore_label=True), TypeError, "ignore_label must be an integer"),
    ],
)
def test_settings_that_cannot_be(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("outputs", "loss", "y", "message"),
    [
        (1, "binary_cross_entropy", np.full(4, 1.1), "y must hold numbers from 0 to 1; received 1.1 to 1.1"),
        (1, "binary_cross_entropy", [0, 1, -1, 1], "y must hold numbers from 0 to 1; received -1 to 1"),
        (1, "binary_cross_entropy", [0, 1, 1], "y must have as many rows as the outputs, 4"),
        (1, "binary_cross_entropy", [0, 1, np.nan, 1], "y must be finite"),
        (3, "binary_cross_entropy", np.ones(4), r"y must have shape \(N, 3\); received \(4,\) of dtype float64"),
        (1, "absolute_error", np.ones((4, 2)), r"y must have shape \(N, 1\) or \(N,\); received \(4, 2\)"),
        (1, "poisson", [0, 1, 2, -3], "y must hold counts, numbers from 0 on, with poisson; received -3"),
        (
            4,
            "quantile",
            np.ones(4),
            "outputs must be 3 for each target with quantile, one a level of 0.1, 0.5, 0.9; re",
        ),
        (6, "quantile", np.ones(4), r"y must have shape \(N, 2\); received \(4,\)"),
        (6, "quantile", np.ones((4, 6)), r"y must have shape \(N, 2\); received \(4, 6\)"),
        (1, "cross_entropy", [0, 0, 0, 0], "it ends in one, which binary_cross_entropy takes, or squared_error"),
    ],
)
def test_targets_that_cannot_be(outputs, loss, y, message):
    net = Sequential([layers.Dense(outputs)], input_shape=3, seed=0)
    before = net.parameters.copy()
    for call in (net.fit, net.train_on_batch, net.evaluate):
        with pytest.raises(ValueError, match=message):
            call(np.ones((4, 3)), y, loss=loss)
    assert (net.parameters == before).all()


def test_outputs_that_are_no_quantiles():
    with pytest.raises(ValueError, match="outputs must be 3 for each target"):
        losses.Quantile()([[1.0, 2.0]], [1.0])


# PyTorch's numbers.


@pytest.mark.parametrize("case", json.loads(RECORDED.read_text()), ids=lambda case: case["module"])
def test_the_same_as_pytorch(case):
    """With reduction="sum" over outputs, and for labels with "mean", which is over those that count."""
    loss = losses.from_config(case["loss"])
    values, gradient = loss(case["outputs"], case["targets"])
    count = 1.0
    if isinstance(loss, losses.CrossEntropy):
        count = float(np.sum(np.array(case["targets"]) != loss.ignore_label))
    np.testing.assert_allclose(values.sum() / count, case["value"], rtol=1e-12)
    np.testing.assert_allclose(gradient / count, case["gradient"], rtol=1e-11, atol=1e-15)


def record():
    import torch

    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    outputs, numbers = 2 * torch.randn(6, 4), torch.randn(6, 4)
    labels = torch.tensor([0, 3, -100, 2, -100, 1])
    nn, found = torch.nn, []
    for loss, module, targets in (
        (losses.BinaryCrossEntropy(), nn.BCEWithLogitsLoss(reduction="sum"), torch.rand(6, 4)),
        (losses.AbsoluteError(), nn.L1Loss(reduction="sum"), numbers),
        (losses.Huber(0.7), nn.HuberLoss(reduction="sum", delta=0.7), numbers),
        (losses.Poisson(), nn.PoissonNLLLoss(log_input=True, reduction="sum"), torch.poisson(3 * torch.rand(6, 4))),
        (losses.CrossEntropy(ignore_label=-100), nn.CrossEntropyLoss(), labels),
        (losses.CrossEntropy(label_smoothing=0.2, ignore_label=-100), nn.CrossEntropyLoss(label_smoothing=0.2), labels),
    ):
        y = outputs.clone().requires_grad_()
        value = module(y, targets)
        value.backward()
        given = {"outputs": y.detach(), "targets": targets, "value": value.detach(), "gradient": y.grad}
        plain = {key: array.tolist() for key, array in given.items()}
        found.append({"module": repr(module), "loss": loss.get_config(), **plain})
    RECORDED.write_text(json.dumps(found) + "\n")


if __name__ == "__main__":
    record()


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cross_entropy_is_not_lost_beside_large_logits(smoothing, dtype):
    """Two outputs that are equal share, whatever their size."""
    outputs = np.full((3, 2), [[1.0], [1e17], [-1e17]], dtype)
    values, _ = losses.CrossEntropy(label_smoothing=smoothing)(outputs, np.array([0, 1, 0]))
    np.testing.assert_allclose(values, np.log(2), rtol=1e-6)
