"""Recursive layers and networks of trees: references, gradients, and what must not make a difference."""

import copy

import numpy as np
import pytest
import reference
from conftest import close
from hypothesis import given
from hypothesis import strategies as st

import fastdl
from fastdl import Sequential, _core, gradient_check, layers, models, optimizers
from fastdl.compat import recursive as article
from fastdl.compat.activators import IdentityActivator, TanhActivator
from fastdl.datasets import Trees
from fastdl.layers import Recursive
from fastdl.trees import parsing

COMPOSITIONS = ("matrix", "tensor", "lstm")


def random_tree(rng, merges, arity):
    """One tree whose nodes have so many children or none."""
    parts = ["a"] * (1 + (arity - 1) * merges)
    while len(parts) > 1:
        at = rng.integers(len(parts) - arity + 1)
        parts[at : at + arity] = [tuple(parts[at : at + arity])]
    return parts[0]


def forest(rng, merges=(3, 0, 5, 1, 8), arity=2):
    trees = [Trees.of(random_tree(rng, n, arity)) for n in merges]
    return Trees.parse("\n".join(line for tree in trees for line in tree.brackets()))


def below(trees, arity):
    return [[child for child in row if child >= 0] for row in trees.children(arity).tolist()]


def built(units, *arguments, dtype="float64", **options):
    layer = Recursive(units, *arguments, return_nodes=True, **options).build((None, units), dtype=dtype, seed=3)
    rng = np.random.default_rng(4)
    for values in layer.params.values():
        values[...] += 0.3 * rng.standard_normal(values.shape)
    return layer


def run(layer, x, trees, dy):
    y = layer.forward(x, trees=trees)
    dx = layer.backward(dy)
    return y, dx, *(g.copy() for g in layer.grads.values())


@given(
    st.sampled_from(COMPOSITIONS),
    st.sampled_from(["tanh", "relu", "sigmoid", "identity"]),
    st.integers(1, 19),
    st.integers(1, 3),
    st.lists(st.integers(0, 9), min_size=1, max_size=6),
    st.sampled_from(["float32", "float64"]),
    st.integers(0, 99),
)
def test_reference(composition, activation, units, arity, merges, dtype, seed):
    if composition == "lstm":
        activation = "tanh"
    if arity == 1:
        trees = Trees.parse("\n".join("(x " * n + "(x a)" + ")" * n for n in merges))
    else:
        trees = forest(np.random.default_rng(seed), merges, arity)
    rng = np.random.default_rng(seed)
    layer = built(units, arity, activation, composition=composition, dtype=dtype)
    for values in layer.params.values():
        values[...] /= 1 + units / 4  # relu and identity grow with the height
    w = {name: values.astype(float) for name, values in layer.params.items()}
    x, dy = rng.standard_normal((2, len(trees.words), units)).astype(dtype).astype(float)
    y, dx, *gradients = run(layer, x, trees, dy)
    children = below(trees, arity)
    close(y, reference.recursive(composition, x, children, w, activation)[0], dtype)
    wanted, total = reference.recursive_backward(composition, dy, x, children, w, activation)
    close(dx, wanted, dtype)
    for name, gradient in zip(layer.grads, gradients, strict=True):
        close(gradient, total[name], dtype)


@pytest.mark.parametrize("composition", COMPOSITIONS)
@pytest.mark.parametrize("arity", [2, 3])
@pytest.mark.parametrize("return_nodes", [False, True])
def test_gradients(composition, arity, return_nodes, rng):
    trees = forest(rng, arity=arity)
    layer = Recursive(4, arity, composition=composition, return_nodes=return_nodes)
    layer.build((None, 4), dtype="float64", seed=0)
    x = rng.standard_normal((len(trees.words), 4))
    assert gradient_check(layer, x, trees=trees, limit=200) < 1e-6


@pytest.mark.parametrize("composition", COMPOSITIONS)
@pytest.mark.parametrize("return_nodes", [False, True])
def test_gradients_of_a_network(composition, return_nodes, rng):
    trees = forest(rng)
    net = Sequential(
        [
            layers.Embedding(6, 5), layers.Activation("tanh"), layers.Dense(4, "tanh"),
            Recursive(4, composition=composition, return_nodes=True),
            Recursive(4, activation="sigmoid", return_nodes=return_nodes), layers.Dense(3),
        ],
        input_shape=(None,), dtype="float64", seed=0,
    )  # fmt: skip
    ids = rng.integers(0, 6, len(trees.words))
    labels = rng.integers(0, 3, len(trees.words) if return_nodes else len(trees))
    assert gradient_check(net, ids, labels, trees=trees, limit=60) < 1e-6


@pytest.mark.parametrize("composition", COMPOSITIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_batching_makes_no_difference(composition, dtype, rng):
    trees = forest(rng, [0, 4, 1, 30, 2, 2, 17, 0, 9] * 12)
    layer = built(7, composition=composition, dtype=dtype)
    x, dy = rng.standard_normal((2, len(trees.words), 7))
    y, dx, *_ = run(layer, x, trees, dy)
    for i in range(12):
        part = trees.part(i, i + 1)
        y_one, dx_one, *_ = run(layer, x[part], trees[i], dy[part])
        assert (y_one == y[part]).all()
        assert (dx_one == dx[part]).all()
    order = rng.permutation(len(trees))
    shuffled = np.concatenate([np.arange(*trees.start[i : i + 2]) for i in order])
    y_other, dx_other, *_ = run(layer, x[shuffled], trees[order], dy[shuffled])
    assert (y_other == y[shuffled]).all()
    assert (dx_other == dx[shuffled]).all()


@pytest.mark.parametrize("composition", COMPOSITIONS)
def test_a_networks_predictions_of_one_tree(composition, rng):
    trees = forest(rng, [0, 4, 1, 30, 2, 2, 17, 0, 9] * 5)
    ids = rng.integers(0, 9, len(trees.words))
    net = Sequential(
        [
            layers.Embedding(9, 11), layers.Dense(7, "relu"),
            Recursive(7, composition=composition, return_nodes=True), layers.Dense(6, "tanh"), layers.Dense(3),
        ],
        input_shape=(None,), seed=0,
    )  # fmt: skip
    together = net.predict(ids, trees=trees)
    for i, tree in enumerate(trees):
        assert (net.predict(ids[trees.part(i, i + 1)], trees=tree) == together[trees.part(i, i + 1)]).all()


def test_a_networks_gradients_of_one_tree(rng):
    trees = forest(rng, [0, 4, 1, 30, 2, 2, 17, 0, 9])
    net = Sequential(
        [layers.Dense(7, "tanh"), layers.Dense(7), Recursive(7, return_nodes=True), layers.Dense(3)],
        input_shape=(None, 5), seed=0,
    )  # fmt: skip
    x, dy = rng.standard_normal((len(trees.words), 5)), rng.standard_normal((len(trees.words), 3))
    net.forward(x, trees=trees)
    together = net.backward(dy)
    for i, tree in enumerate(trees):
        part = trees.part(i, i + 1)
        net.forward(x[part], trees=tree)
        assert (net.backward(dy[part]) == together[part]).all()


def test_forests_of_other_shapes(rng):
    """A network makes room for few and large trees, and for many and small ones with fewer nodes in all."""
    tall = forest(rng, [2500])
    for order in ((tall, forest(rng, [1] * 1600)), (forest(rng, [1] * 1700), tall)):
        net, fresh = (Sequential([Recursive(2)], input_shape=(None, 2), dtype="float64", seed=0) for _ in range(2))
        for trees in order:
            x = rng.standard_normal((len(trees.words), 2))
            close(net.predict(x, trees=trees), copy.deepcopy(fresh).predict(x, trees=trees))


def test_backward_after_other_trees(rng):
    small, large = forest(rng, [2]), forest(rng, [40, 3])
    vocabulary = fastdl.datasets.Vocabulary(["?", "a"])
    net = models.tree_parser(2, units=8, seed=0)
    ids = small.encode(vocabulary)
    for trees in (large, forest(rng, [2])):
        y = net.forward(ids, trees=small)
        parsing.fit_parser(net, vocabulary, trees, optimizer=optimizers.SGD(0.0))
        with pytest.raises(RuntimeError, match="backward must follow forward"):
            net.backward(y)
        net.forward(ids, trees=small)
        assert np.isfinite(net.backward(y)).all()


def test_numbers_past_a_rows_end(rng):
    # What lies behind a row of pairs in memory grows from call to call, and must never count.
    layer = Recursive(1, 2, "identity", composition="tensor").build((None, 1), seed=0)
    layer.params["tensor"][...] = 0
    tree = forest(rng, [3])
    x = np.full((len(tree.words), 1), 1e10)
    for _ in range(9):
        layer.forward(x, trees=tree)
        assert np.isfinite(layer.backward([[1.0]])).all()


def test_labels_that_come_late(rng):
    trees = forest(rng, [1] * 60)
    labels = np.full(len(trees.words), -1)
    labels[-1] = 1
    net = models.tree_classifier(5, 3, units=4, seed=0)
    losses = []

    class Watch(fastdl.callbacks.Callback):
        def on_batch_block(self, net, done, total, logs):
            losses.append(logs["loss"])

    net.fit(np.zeros(180), labels, trees=trees, batch_size=5, shuffle=False, verbose=0, callbacks=[Watch()])
    assert np.isfinite(losses).all()
    assert losses[-1] > 0


@pytest.mark.parametrize("composition", COMPOSITIONS)
def test_any_number_of_threads_to_the_bit(composition, rng):
    trees = forest(rng, [12, 0, 40, 7, 3] * 100)
    labels = rng.integers(-1, 3, len(trees.words))
    ids = rng.integers(0, 50, len(trees.words))
    layer = built(18, composition=composition, dtype="float32")
    x, dy = rng.standard_normal((2, len(trees.words), 18))
    results = []
    for threads in (1, 2, 3, 7):
        fastdl.set_num_threads(threads)
        net = models.tree_classifier(50, 3, composition=composition, units=18, seed=0)
        net.fit(ids, labels, trees=trees, epochs=2, optimizer=optimizers.Adam(0.01, clip_norm=1.0), verbose=0)
        results.append([*run(layer, x, trees, dy), net.parameters.copy(), net.predict(ids, trees=trees)])
    for other in results[1:]:
        for one, another in zip(results[0], other, strict=True):
            assert (one == another).all()


def test_as_the_articles_layer(rng):
    # Node by node, forward and back, f being the identity and tanh.
    trees = forest(rng, [6])
    x, dy = rng.standard_normal((2, len(trees.words), 3))
    for activation, activator in (("identity", IdentityActivator()), ("tanh", TanhActivator())):
        layer = built(3, 2, activation)
        theirs = article.RecursiveLayer(3, 2, activator, 0.1)
        theirs.W, theirs.b = layer.params["weight"], layer.params["bias"][:, None]
        nodes = []
        for node, children in enumerate(below(trees, 2)):
            if children:
                theirs.forward(*(nodes[child] for child in children))
                nodes.append(theirs.root)
            else:
                nodes.append(article.TreeNode(x[node][:, None]))
        dy[:-1] = 0  # the article asks something of the root alone
        y, dx, weight, bias = run(layer, x, trees, dy)
        close(y, np.stack([node.data[:, 0] for node in nodes]))
        delta = reference.activation_backward(dy[-1], y[-1], activation)
        theirs.backward(delta[:, None])
        close(weight, theirs.W_grad)
        close(bias, theirs.b_grad[:, 0])
        leaves = np.flatnonzero(trees.leaves)
        # A delta is with respect to what goes into f, also at a leaf, whose f the article's backward takes off.
        asked = [reference.activation_backward(dx[leaf], x[leaf], activation) for leaf in leaves]
        close(np.stack(asked), np.stack([nodes[leaf].delta[:, 0] for leaf in leaves]))


def test_two_readings_of_one_phrase():
    # Article 7: the students of two schools, or two students of a school.
    words = ["two", "schools'", "students"]
    readings = [Trees.of((("two", "schools'"), "students")), Trees.of(("two", ("schools'", "students")))]
    layer = Recursive(6).build((None, 6), dtype="float64", seed=1)
    vectors = dict(zip(words, np.random.default_rng(0).standard_normal((3, 6)), strict=True))
    zero = np.zeros(6)
    x = [np.stack([vectors.get(word, zero) for word in tree.words]) for tree in readings]
    one, other = (layer.forward(a, trees=tree)[0] for a, tree in zip(x, readings, strict=True))
    assert np.abs(one - other).max() > 0.05
    # And a network can tell them apart, though the words are the same in the same order.
    both = Trees.parse("\n".join(tree.brackets()[0] for tree in readings))
    ids = np.array([-1 if word is None else words.index(word) for word in both.words])
    net = Sequential([layers.Embedding(3, 8), Recursive(8), layers.Dense(2)], input_shape=(None,), seed=0)
    net.fit(ids, [0, 1], trees=both, epochs=100, optimizer=optimizers.Adam(0.02), verbose=0)
    assert net.predict(ids, trees=both).argmax(axis=1).tolist() == [0, 1]


@pytest.mark.parametrize("composition", ["matrix", "tensor"])
@pytest.mark.parametrize("children", [2, 3])
def test_a_node_starts_as_about_the_mean_of_its_children(composition, children, rng):
    layer = Recursive(50, children, "identity", composition=composition).build((None, 50), dtype="float64", seed=0)
    x = rng.standard_normal((children + 1, 50))
    trees = Trees([0, children + 1], [children] * children + [-1], ["word"] * children + [None])
    y = layer.forward(x, trees=trees)
    assert np.abs(y - x[:-1].mean(axis=0)).max() < 0.4


@pytest.mark.parametrize("composition", COMPOSITIONS)
def test_a_tree_of_ten_thousand_levels(composition):
    deep = Trees.parse("(x " * 10_000 + "(x a)" + " (x b))" * 10_000)
    layer = Recursive(4, composition=composition).build((None, 4), seed=0)
    x = np.random.default_rng(0).standard_normal((len(deep.words), 4))
    y = layer.forward(x, trees=deep)
    assert y.shape == (1, 4)
    assert np.isfinite(y).all()
    assert np.isfinite(layer.backward(y)).all()


def test_one_word_and_a_thousand(rng):
    net = models.tree_classifier(10, 5, units=6, seed=0)
    one = Trees.of("word")
    assert net.predict([3], trees=one).shape == (1, 5)
    many = forest(rng, [999])
    assert net.predict(rng.integers(0, 10, 1999), trees=many).shape == (1999, 5)
    # Words alone have nothing to compose: the layer's own gradients are zero, whatever they were.
    alone = Trees.parse("(x a)\n(x b)")
    net.backward(np.ones_like(net.forward(rng.integers(0, 10, 1999), trees=many)))
    assert (net.grads["2.weight"] != 0).any()
    net.forward([1, 2], trees=alone)
    net.backward(np.ones((2, 5)))
    assert (net.grads["2.weight"] == 0).all()
    assert (net.grads["0.weight"][[1, 2]] != 0).any()
    net.fit([1, 2], [0, 4], trees=alone, epochs=2, verbose=0)


def test_labels_of_some_nodes_alone(rng):
    trees = forest(rng, [4, 6, 2])
    ids = rng.integers(0, 5, len(trees.words))
    labels = rng.integers(0, 3, len(trees.words))
    some = np.where(np.arange(len(labels)) % 3, labels, -1)
    net = models.tree_classifier(5, 3, units=4, word_dropout=0, node_dropout=0, seed=0, dtype="float64")
    logits = net.predict(ids, trees=trees)
    there = some >= 0
    assert net.evaluate(ids, some, trees=trees)["loss"] == pytest.approx(
        fastdl.losses.cross_entropy(logits[there], some[there])
    )
    # Trees whose labels count must have weights.
    weights = np.ones(len(trees))
    bare = np.where(np.arange(len(labels)) < trees.start[1], -1, labels)
    weights[1:] = 0
    with pytest.raises(ValueError, match="sample_weight and class_weight must not make all weights 0"):
        net.train_on_batch(ids, bare, trees=trees, sample_weight=weights)
    # A step follows the mean over them.
    before, rate = net.parameters.copy(), 0.1
    dy = np.zeros_like(logits)
    dy[there] = fastdl.losses.cross_entropy_backward(logits[there], some[there])
    net.forward(ids, trees=trees)
    net.backward(dy)
    wanted = before - rate * net.gradients
    figures = net.train_on_batch(ids, some, trees=trees, optimizer=optimizers.SGD(rate))
    close(net.parameters, wanted)
    assert figures["loss"] == pytest.approx(fastdl.losses.cross_entropy(logits[there], some[there]))


def test_roots_alone(rng):
    trees = forest(rng, [4, 0, 6])
    ids = rng.integers(0, 5, len(trees.words))
    both = [
        Sequential(
            [layers.Embedding(5, 4), Recursive(4, return_nodes=nodes), layers.Dense(2)],
            input_shape=(None,), dtype="float64", seed=0,
        )
        for nodes in (False, True)
    ]  # fmt: skip
    roots, nodes = both
    assert roots.output_shape == (2,)
    assert (roots.predict(ids, trees=trees) == nodes.predict(ids, trees=trees)[trees.roots]).all()
    labels = np.full(len(trees.words), -1)
    labels[trees.roots] = [0, 1, 1]
    weights = np.array([1.0, 2.0, 0.5])
    # Weights of trees and of labels, in a step made by hand.
    logits = nodes.forward(ids, trees=trees)
    dy = np.zeros_like(logits)
    dy[trees.roots] = fastdl.losses.cross_entropy_backward(logits[trees.roots], [0, 1, 1]) * [[1], [6], [1.5]]
    nodes.backward(dy)
    wanted = nodes.parameters - 0.1 * nodes.gradients
    arguments = {"sample_weight": weights, "class_weight": {1: 3.0}, "optimizer": optimizers.SGD(0.1), "verbose": 0}
    measured = roots.evaluate(ids, [0, 1, 1], trees=trees)
    assert (
        roots.evaluate(ids, np.eye(2)[[0, 1, 1]], trees=trees, loss="squared_error")["accuracy"]
        == (measured["accuracy"])
    )
    for net, y in ((roots, [0, 1, 1]), (nodes, labels)):
        net.fit(ids, y, trees=trees, shuffle=False, **arguments)
        close(net.parameters, wanted)
    for net, y in ((roots, [0, 1, 1]), (nodes, labels)):
        net.fit(ids, y, trees=trees, epochs=3, batch_size=2, **arguments)
    assert (roots.parameters == nodes.parameters).all()
    target = rng.standard_normal((3, 2))
    figures = roots.evaluate(ids, target, trees=trees, loss="squared_error")
    assert figures["loss"] == pytest.approx(fastdl.losses.squared_error(roots.predict(ids, trees=trees), target))


def test_it_learns_and_is_saved(rng, tmp_path):
    # Which of two words stands deeper on the left: what no bag of words can tell.
    trees = forest(rng, [3] * 300)
    ids = np.where(trees.leaves, rng.integers(0, 4, len(trees.words)), -1)
    labels = np.zeros(len(trees), int)
    for i, tree in enumerate(trees):
        labels[i] = ids[trees.start[i] + np.flatnonzero(tree.leaves)[0]] >= 2
    net = Sequential(
        [layers.Embedding(4, 10), Recursive(10, composition="lstm"), layers.Dense(2)], input_shape=(None,), seed=0
    )
    history = net.fit(
        ids, labels, trees=trees, epochs=30, batch_size=16, optimizer=optimizers.Adam(0.01), validation_split=0.2,
        verbose=0,
    )  # fmt: skip
    assert history.history["val_accuracy"][-1] == 1.0
    net.save(tmp_path / "net.npz")
    assert (fastdl.load(tmp_path / "net.npz").predict(ids, trees=trees) == net.predict(ids, trees=trees)).all()
    held_out = net.evaluate(ids[trees.part(240, 300)], labels[240:], trees=trees[240:])
    assert held_out["accuracy"] == 1.0


BAD = {
    "no trees": (lambda net, x, y, t: net.predict(x), ValueError, "trees must be given, as samples of a rec"),
    "none": (lambda net, x, y, t: net.fit(x, y), ValueError, "trees must be given"),
    "a list": (lambda net, x, y, t: net.predict(x, trees=[1]), TypeError, "trees must be Trees; received list"),
    "rows": (lambda net, x, y, t: net.predict(x[1:], trees=t), ValueError, "for each of the 13 rows of x; received 14"),
    "shape": (lambda net, x, y, t: net.predict(x[:, None], trees=t), ValueError, r"x must have shape \(N,\); rec"),
    "branching": (
        lambda net, x, y, t: net.predict(x[:4], trees=Trees.of(("a", "b", "c"))), ValueError,
        "trees must have 2 children at every node that is no leaf: Trees.binarize makes them so; received nodes of 3",
    ),
    "words": (lambda net, x, y, t: net.predict(x + 9, trees=t), ValueError, "x at the leaves must hold token ids"),
    "NaN": (lambda net, x, y, t: net.predict(x * np.nan, trees=t), ValueError, "x must be finite"),
    "labels": (lambda net, x, y, t: net.fit(x, y + 2, trees=t), ValueError, "y must hold labels from 0 to 2"),
    "below": (lambda net, x, y, t: net.fit(x, y * 0 - 2, trees=t), ValueError, "y must hold labels from 0 to 2"),
    "no label": (lambda net, x, y, t: net.fit(x, y * 0 - 1, trees=t), ValueError, "y must hold a label that counts"),
    "rows of y": (lambda net, x, y, t: net.fit(x, y[:2], trees=t), ValueError, "y must have a row for each of"),
    "prediction": (lambda net, x, y, t: net.predict(x, trees=t, lengths=3), ValueError, "lengths must be None"),
    "trees for x": (lambda net, x, y, t: net.predict(t, trees=t), TypeError, "an array of numbers is wanted here"),
    "split": (
        lambda net, x, y, t: net.fit(x, np.where(np.arange(14) < 7, y, -1), trees=t, validation_split=0.5), ValueError,
        "validation_split must leave labels on both sides",
    ),
    "lengths": (lambda net, x, y, t: net.fit(x, y, trees=t, lengths=[1]), ValueError, "lengths must be None"),
    "validation": (
        lambda net, x, y, t: net.fit(x, y, trees=t, validation_data=(x, y)), ValueError,
        "validation trees must be given",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), BAD.values(), ids=BAD.keys())
def test_bad_input(call, error, message, rng):
    trees = forest(rng, [3, 3])
    net = models.tree_classifier(10, 3, units=4, seed=0)
    before = net.parameters.copy()
    x, y = np.where(trees.leaves, rng.integers(0, 10, 14), -1), rng.integers(0, 3, 14)
    y[0] = 2
    with pytest.raises(error, match=message):
        call(net, x, y, trees)
    assert (net.parameters == before).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Recursive(4, 17), "children must be at most 16; received 17"),
        (lambda: Recursive(4, 0), "children must be at least 1"),
        (lambda: Recursive(0), "units must be at least 1"),
        (lambda: Recursive(4, composition="sum"), "composition must be one of matrix, tensor, lstm; received 'sum'"),
        (lambda: Recursive(4, activation="softmax"), "activation must be one of .*tanh.*; received"),
        (lambda: Recursive(4, activation="relu", composition="lstm"), "activation must be one of .*tanh.*; received"),
        (lambda: Recursive(4).build((None, 5)), "as many features as it has units, 4; received"),
        (lambda: Recursive(4).build((4,)), r"input_shape of Recursive must be \(T, F\)"),
        (
            lambda: Sequential([Recursive(4), layers.Dropout(0.1), Recursive(4)], input_shape=(None, 4)),
            r"layers\[2\]: input_shape of Recursive must be",
        ),
        (
            lambda: Sequential([Recursive(4, 2, return_nodes=True), Recursive(4, 3)], input_shape=(None, 4)),
            "operations must agree on the children of a node; received 2, 3",
        ),
        (lambda: Sequential([Recursive(4)], input_shape=(7, 4)), r"input_shape must be \(None, F\) or \(None,\)"),
        (
            lambda: Sequential([Recursive(4, return_nodes=True), layers.GRU(4)], input_shape=(None, 4)),
            "operations on trees must be of dense, .*product.*; received recurrent",
        ),
    ],
)
def test_layers_that_cannot_be(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_trees_of_other_networks(rng):
    with pytest.raises(ValueError, match="trees must be None for a network without a recursive layer"):
        models.mlp((4, 2)).predict(np.ones((2, 4)), trees=forest(rng))
    layer = built(4)
    with pytest.raises(ValueError, match="trees must be given, as samples of a rec"):
        layer.forward(np.ones((3, 4)))
    with pytest.raises(RuntimeError, match="backward must follow forward"):
        layer.backward(np.ones((3, 4)))
    tree = forest(rng, [1])
    layer.forward(np.ones((3, 4)), trees=tree)
    with pytest.raises(ValueError, match="dy must have as many rows as the outputs of the last forward; received 2"):
        layer.backward(np.ones((2, 4)))


def test_trees_that_the_core_refuses():
    make, children = _core.load("float32").Trees, np.array([[-1, -1], [-1, -1], [0, 1]], np.int32)
    assert len(make([0, 3], children)) == 1
    with pytest.raises(ValueError, match=r"start must rise from 0 to 3.*received \[0 2\]"):
        make([0, 2], children)
    children[2, 1] = 2
    with pytest.raises(
        ValueError, match="children must be nodes of their tree before their parent; received 2 of node 2"
    ):
        make([0, 3], children)
