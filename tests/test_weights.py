"""Weights of samples, steps and nodes, of any sign: in a step, in what is measured, and where they do not fit."""

import numpy as np
import pytest
import reference
from conftest import close
from test_recursive import forest

import fastdl
from fastdl import Sequential, gradient_check, layers, optimizers

RATE = 0.1
CLASSES = 3


def vectors(rng):
    net = Sequential([layers.Dense(4, "tanh"), layers.Dense(CLASSES)], input_shape=5, dtype="float64", seed=0)
    return net, rng.standard_normal((7, 5)), {}


def last_states(rng):
    net = Sequential([layers.GRU(4), layers.Dense(CLASSES)], input_shape=(None, 2), dtype="float64", seed=0)
    return net, rng.standard_normal((7, 6, 2)), {"lengths": [1, 6, 3, 2, 6, 5, 4]}


def steps(rng):
    net = Sequential(
        [layers.RNN(4, return_sequences=True), layers.Dense(CLASSES)], input_shape=(None, 2), dtype="float64", seed=0
    )
    return net, rng.standard_normal((7, 6, 2)), {}


def steps_within(rng):
    net, x, _ = steps(rng)
    return net, x, {"lengths": [1, 6, 3, 2, 6, 5, 4]}


def tree_network(nodes):
    return Sequential(
        [layers.Embedding(5, 4), layers.Recursive(4, return_nodes=nodes), layers.Dense(CLASSES)],
        input_shape=(None,), dtype="float64", seed=0,
    )  # fmt: skip


def roots(rng):
    trees = forest(rng, (3, 0, 5, 1, 8, 2, 2))
    return tree_network(False), rng.integers(0, 5, len(trees.words)), {"trees": trees}


def nodes(rng):
    _, x, options = roots(rng)
    return tree_network(True), x, options


KINDS = [vectors, last_states, steps, steps_within, roots, nodes]


def within(outputs, lengths=None, trees=None):
    """Which rows of the outputs count."""
    there = np.ones(outputs.shape[:-1], bool)
    for row, length in zip(there, [] if lengths is None else lengths, strict=False):
        if row.ndim:
            row[length:] = False
    return there


def spread(weight, outputs, trees=None, **_):
    """Each row's weight, where samples have one."""
    if trees is not None and len(outputs) > len(trees):
        return np.repeat(weight, np.diff(trees.start))
    return weight if outputs.ndim == 2 else np.repeat(weight, outputs.shape[1]).reshape(outputs.shape[:2])


def stepped(net, x, y, weight, loss, options):
    """Parameters after a step of gradient descent by hand, and the loss before it."""
    outputs = net.forward(x, **options)
    there = within(outputs, **options)
    weight = weight[there]
    each, gradient = reference.LOSSES[loss](outputs[there], y[there])
    dy = np.zeros_like(outputs)
    dy[there] = weight[:, None] * gradient / len(weight)
    net.backward(dy)
    return net.parameters - RATE * net.gradients, (weight * each).mean()


def targets(loss, outputs, rng):
    if loss == "cross_entropy":
        return rng.integers(0, CLASSES, outputs.shape[:-1])
    if loss in ("binary_cross_entropy", "poisson"):
        return rng.integers(0, 2 if loss == "binary_cross_entropy" else 5, outputs.shape)
    return rng.standard_normal((*outputs.shape[:-1], 1) if loss == "quantile" else outputs.shape)


@pytest.mark.parametrize("of_rows", [False, True])
@pytest.mark.parametrize("loss", reference.LOSSES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_step_and_what_is_measured(kind, loss, of_rows, rng):
    net, x, options = kind(rng)
    outputs = net.predict(x, **options)
    y = targets(loss, outputs, rng)
    given = rng.standard_normal(outputs.shape[:-1] if of_rows else 7)
    weight = given if of_rows else spread(given, outputs, **options)
    assert given.min() < 0 < given.max()
    expected, mean = stepped(net, x, y, weight, loss, options)
    arguments = {"loss": loss, "sample_weight": given, **options}
    measured = net.evaluate(x, y, **arguments)
    assert measured["loss"] == pytest.approx(mean)
    plain = net.evaluate(x, y, loss=loss, **options)
    assert plain["loss"] != pytest.approx(mean)
    assert plain.get("accuracy") == measured.get("accuracy")
    figures = net.train_on_batch(x, y, optimizer=optimizers.SGD(RATE), **arguments)
    assert figures["loss"] == pytest.approx(mean)
    close(net.parameters, expected)
    assert gradient_check(net, x, y, loss=loss, limit=20, **options) < 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_batches_take_the_weights_of_their_own_rows(kind, rng):
    net, x, options = kind(rng)
    outputs = net.predict(x, **options)
    y, weight = targets("cross_entropy", outputs, rng), rng.standard_normal(outputs.shape[:-1])
    trees = options.get("trees")
    for first in range(0, 7, 3):
        which = slice(first, min(first + 3, 7))
        part = {name: given[which] for name, given in options.items()}
        rows = which if trees is None else trees.part(which.start, which.stop)
        outer = which if kind is roots else rows
        net.parameters = stepped(net, x[rows], y[outer], weight[outer], "cross_entropy", part)[0]
    other, *_ = kind(rng)
    other.fit(
        x, y, batch_size=3, sample_weight=weight, shuffle=False, optimizer=optimizers.SGD(RATE), verbose=0, **options
    )
    close(other.parameters, net.parameters)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_of_classes_are_those_of_their_rows(kind, rng):
    one, x, options = kind(rng)
    two, *_ = kind(rng)
    outputs = one.predict(x, **options)
    y, weight, table = targets("cross_entropy", outputs, rng), rng.standard_normal(7), np.array([2.0, -1.0, 0.5])
    arguments = {"batch_size": 3, "epochs": 2, "verbose": 0, **options}
    one.fit(x, y, sample_weight=weight, class_weight={0: 2.0, 1: -1.0, 2: 0.5}, **arguments)
    two.fit(x, y, sample_weight=spread(weight, outputs, **options) * table[y], **arguments)
    assert (one.parameters == two.parameters).all()


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_validation(kind, threads, rng):
    fastdl.set_num_threads(threads)
    net, x, options = kind(rng)
    outputs = net.predict(x, **options)
    y, weight = targets("cross_entropy", outputs, rng), rng.standard_normal(outputs.shape[:-1])
    (extra,) = options.values() or (None,)
    history = net.fit(x, y, validation_data=(x, y, extra, weight), verbose=0, **options).history
    measured = net.evaluate(x, y, sample_weight=weight, **options)
    assert history["val_loss"][0] == measured["loss"]
    # What is held out has its own rows' weights, and none of its classes.
    trees = options.get("trees")
    rows = slice(5, 7) if trees is None else trees.part(5, 7)
    outer = slice(5, 7) if kind is roots else rows
    held = net.fit(
        x, y, validation_split=0.3, sample_weight=weight, class_weight=[2, 3, 4], verbose=0, **options
    ).history
    measured = net.evaluate(
        x[rows], y[outer], sample_weight=weight[outer], **{name: given[5:] for name, given in options.items()}
    )
    assert held["val_loss"][0] == pytest.approx(measured["loss"])


def test_many_samples_are_measured_part_by_part(rng):
    net, *_ = steps(rng)
    x, y = rng.standard_normal((9000, 3, 2)), rng.integers(0, CLASSES, (9000, 3))
    weight = rng.standard_normal((9000, 3))
    logits = net.predict(x)
    shifted = logits - logits.max(axis=-1, keepdims=True)
    each = np.log(np.exp(shifted).sum(axis=-1)) - np.take_along_axis(shifted, y[..., None], axis=-1)[..., 0]
    assert net.evaluate(x, y, sample_weight=weight)["loss"] == pytest.approx((weight * each).mean())
    assert net.evaluate(x, y, sample_weight=np.zeros(9000))["loss"] == 0


@pytest.mark.parametrize(
    ("kind", "shape", "message"),
    [
        (vectors, (7, 3), r"sample_weight must have shape \(7,\); received \(7, 3\)"),
        (last_states, (7, 6), r"sample_weight must have shape \(7,\); received \(7, 6\)"),
        (steps, (7, 5), r"sample_weight must have shape \(7,\) or \(7, 6\); received \(7, 5\)"),
        (steps_within, (6,), r"sample_weight must have shape \(7,\) or \(7, 6\); received \(6,\)"),
        (roots, (49,), r"sample_weight must have shape \(7,\); received \(49,\)"),
        (nodes, (48,), r"sample_weight must have shape \(7,\) or \(49,\); received \(48,\)"),
        (nodes, (), r"sample_weight must have shape \(7,\) or \(49,\); received \(\)"),
    ],
)
def test_weights_of_another_shape(kind, shape, message, rng):
    net, x, options = kind(rng)
    y = targets("cross_entropy", net.predict(x, **options), rng)
    before = net.parameters.copy()
    for call in (net.fit, net.train_on_batch, net.evaluate):
        with pytest.raises(ValueError, match=message):
            call(x, y, sample_weight=np.ones(shape), **options)
    (extra,) = options.values() or (None,)
    with pytest.raises(ValueError, match=f"validation {message}"):
        net.fit(x, y, validation_data=(x, y, extra, np.ones(shape)), **options)
    assert (net.parameters == before).all()


@pytest.mark.parametrize("kind", [steps_within, nodes])
def test_rows_that_do_not_count_have_no_weight(kind, rng):
    net, x, options = kind(rng)
    outputs = net.predict(x, **options)
    y = targets("cross_entropy", outputs, rng)
    there = within(outputs, **options)
    if kind is nodes:
        there[::3] = False
        y[~there] = -1
    one, other = rng.standard_normal((2, *there.shape))
    other[there] = one[there]
    assert net.evaluate(x, y, sample_weight=one, **options) == net.evaluate(x, y, sample_weight=other, **options)
    with pytest.raises(ValueError, match="must not make all weights 0"):
        net.train_on_batch(x, y, sample_weight=np.where(there, 0.0, 1.0), **options)
    nets = [kind(rng)[0] for _ in range(2)]
    for net, weight in zip(nets, (one, other), strict=True):
        net.fit(x, y, sample_weight=weight, epochs=2, batch_size=3, verbose=0, **options)
    assert (nets[0].parameters == nets[1].parameters).all()
