"""Layers of a user's own, of the operations that ours are of: what their samples are is told from these."""

from copy import deepcopy

import numpy as np
import pytest

import fastdl
from fastdl import Sequential, gradient_check, layers
from fastdl.datasets import Trees, Vocabulary
from fastdl.text.sampling import sample


class Alike(layers.Layer):
    """One that does what one of ours does, and is not of its class."""

    def __init__(self, like):
        super().__init__()
        self.like = like

    def operations(self, x):
        return self.like.operations(x)

    def parameter_shapes(self, shape):
        return self.like.parameter_shapes(shape)

    def initialize(self, rng):
        for values in self.params.values():
            values[...] = rng.standard_normal(values.shape)


def pair(like, *rest, shape, **options):
    """A network with an own layer, and the same with ours."""
    nets = [
        Sequential([first, *deepcopy(rest)], input_shape=shape, seed=0, **options) for first in (Alike(like()), like())
    ]
    for net in nets:
        net.parameters = np.random.default_rng(1).standard_normal(net.parameters.size)
    return nets


def same(nets, x, y, **options):
    """Check that they do the same, trained and when it has been saved, and give what they predict."""
    assert nets[0].reading == nets[1].reading
    for net in nets:
        net.reset_state()
        net.fit(x, y, batch_size=3, shuffle=False, loss="squared_error", verbose=0, **options)
    own, ours = (net.predict(x, **options) for net in nets)
    assert (own == ours).all()
    assert (deepcopy(nets[0]).predict(x, **options) == nets[1].predict(x, **options)).all()


TREES = Trees.parse(
    "\n".join(line for tree in (("a", ("b", "c")), "a", ("a", "b")) for line in Trees.of(tree).brackets())
)


@pytest.mark.parametrize("composition", ["matrix", "lstm"])
def test_trees(composition, rng):
    nets = pair(lambda: layers.Recursive(3, composition=composition), layers.Dense(2), shape=(None, 3))
    x, y = rng.standard_normal((len(TREES.words), 3)), rng.standard_normal((3, 2))
    assert nets[0].arity == 2
    assert nets[0].is_of_trees
    same(nets, x, y, trees=TREES)
    with pytest.raises(ValueError, match="trees must be given, as samples of a recursive layer are trees"):
        nets[0].predict(x)
    with pytest.raises(ValueError, match=r"input_shape must be \(None, F\) or \(None,\) for trees"):
        pair(lambda: layers.Recursive(3), shape=(7, 3))


def test_trees_of_nodes_that_are_one_step(rng):
    nets = [Sequential([layers.Recursive(3)], input_shape=(n, 3), seed=0) for n in (None, 1)]
    x = rng.standard_normal((len(TREES.words), 3))
    one, other = (net.predict(x, trees=TREES) for net in nets)
    assert (one == other).all()


def test_tokens(rng):
    nets = pair(lambda: layers.Embedding(5, 3), layers.GRU(4), shape=(None,))
    x, lengths = rng.integers(0, 5, (6, 4)), np.array([1, 4, 2, 3, 4, 1])
    same(nets, x, rng.standard_normal((6, 4)), lengths=lengths)
    with pytest.raises(ValueError, match="x must hold token ids from 0 to 4; received 0 to 5"):
        nets[0].predict([[0, 5]])
    with pytest.raises(ValueError, match=r"x must hold token ids, integers; received 0\.5"):
        nets[0].predict([[0, 0.5]])


def test_tokens_of_trees():
    nets = pair(lambda: layers.Embedding(5, 3), layers.Recursive(3), shape=(None,))
    ids = np.where(TREES.leaves, np.arange(len(TREES.words)) % 5, -1)
    same(nets, ids, np.ones((3, 3)), trees=TREES)
    with pytest.raises(ValueError, match="x at the leaves must hold token ids from 0 to 4"):
        nets[0].predict(ids + 5, trees=TREES)


def test_several_embeddings_of_the_same_steps(rng):
    """Lengths tell how many of them count; ids are of the smallest vocabulary."""
    branches = [[layers.Embedding(6, 2), layers.GRU(3)], [Alike(layers.Embedding(4, 3)), layers.GRU(2)]]
    net = Sequential([layers.Parallel(branches)], input_shape=(None,), seed=0, dtype="float64")
    x, lengths = rng.integers(0, 4, (5, 4)), np.array([1, 4, 2, 3, 1])
    y = net.predict(x, lengths=lengths)
    for row, ids, length in zip(y, x, lengths, strict=True):
        assert np.allclose(row, net.predict(ids[None, :length])[0])
    assert gradient_check(net, x, lengths=lengths) < 1e-6
    with pytest.raises(ValueError, match="x must hold token ids from 0 to 3; received 4 to 5"):
        net.predict([[4, 5]])


class Beside(layers.Layer):
    """An embedding of some places of a sample, in one row, beside its numbers."""

    def __init__(self, indices):
        super().__init__()
        self.indices = indices

    def operations(self, x):
        ids = x.then("select", indices=np.array(self.indices)).then("flatten")
        embedded = ids.then("embedding", vocabulary=3, dim=2).then("flatten")
        return layers.merged([embedded, x.then("flatten")], "concat")

    def parameter_shapes(self, shape):
        return {"weight": (3, 2)}


@pytest.mark.parametrize(
    ("shape", "indices", "which"),
    [
        ((4,), [2, 0], np.s_[:, [2, 0]]),
        ((5, 3), [1], np.s_[:, :, 1]),
        ((3, 2, 2), [2], np.s_[:, 2]),
    ],
)
def test_places_of_tokens(shape, indices, which, rng):
    """Ids are checked where they are read, and there alone; their steps are not those of the samples."""
    net = Sequential([Beside(indices)], input_shape=shape, seed=0, dtype="float64")
    net.parameters = np.arange(6.0)
    x = rng.uniform(3, 4, (2, *shape))
    x[which] = ids = rng.integers(0, 3, x[which].shape)
    embedded = net.params["0.weight"].T[ids.reshape(2, -1)].reshape(2, -1)
    assert (net.forward(x) == np.hstack([embedded, x.reshape(2, -1)])).all()
    assert gradient_check(net, x) < 1e-6
    for wrong, message in ((3, "from 0 to 2; received 3 to 3"), (1.5, "integers; received 1.5")):
        x[which] = wrong
        for lain in (x, np.moveaxis(np.moveaxis(x, 1, -1).copy(), -1, 1)):  # images channels last, too
            with pytest.raises(ValueError, match=f"x must hold token ids.* {message}"):
                net.forward(lain)
    with pytest.raises(ValueError, match="lengths must be None for samples without steps in time"):
        net.predict(np.ones_like(x), lengths=[1, 1])


def test_a_language_model_of_several_embeddings():
    vocabulary = Vocabulary.of("abc\n")
    for size in (5, 4):
        both = layers.Parallel([[layers.Embedding(size, 2)], [layers.Embedding(7, 3)]])
        made = [both, layers.GRU(4, return_sequences=True, stateful=True), layers.Dense(5)]
        net = Sequential(made, input_shape=(None,), seed=0)
        if size == 5:
            assert len(sample(net, vocabulary, "ab", length=9, seed=0)) == 11
            continue
        with pytest.raises(ValueError, match="vocabulary must have the tokens that net takes, 4, and gives, 5"):
            sample(net, vocabulary)


@pytest.mark.parametrize("cell", [layers.RNN, layers.LSTM, layers.GRU])
def test_states(cell, rng):
    nets = pair(lambda: cell(4, stateful=True, return_sequences=True), layers.Dense(2), shape=(None, 3))
    assert nets[0].stateful
    x, y = rng.standard_normal((6, 4, 3)), rng.standard_normal((6, 4, 2))
    with pytest.raises(ValueError, match="shuffle must be False for stateful layers"):
        nets[0].fit(x, y, loss="squared_error", verbose=0)
    for net in nets:
        net.fit(x, y, batch_size=3, shuffle=False, loss="squared_error", verbose=0)
    for call in ("predict", "forward"):
        for net in nets:
            net.reset_state()
        for part in (np.s_[:, :1], np.s_[:, 1:]):
            own, ours = (getattr(net, call)(x[part]) for net in nets)
            assert (own == ours).all()
        nets[0].reset_state()
        assert (getattr(nets[0], call)(x[part]) != own).any()


def test_states_of_several(tmp_path, rng):
    """Whoever's layers they are of: each has its own, which are kept, put back and saved."""
    net = Sequential(
        [
            Alike(layers.GRU(2, return_sequences=True)), layers.Bidirectional(layers.LSTM(2, return_sequences=True)),
            Alike(layers.LSTM(4, return_sequences=True, stateful=True)), layers.RNN(3, stateful=True), layers.Dense(2),
        ],
        input_shape=(None, 3), seed=0,
    )  # fmt: skip
    x, y = rng.standard_normal((6, 4, 3)), rng.standard_normal((6, 2))
    net.train_on_batch(x, y, loss="squared_error")
    alone = net.layers[0].forward(x), net.layers[0].like.build((None, 3))
    gru, both, (h, c), r = net.state
    assert gru is both is None
    assert h.shape == c.shape == (6, 4)
    assert r.shape == (6, 3)
    assert alone[0].shape == (6, 4, 2)
    net.save(tmp_path / "net.npz", training=True)
    wanted = net.predict(x)
    assert (fastdl.load(tmp_path / "net.npz").predict(x) == wanted).all()
    net.reset_state()
    assert (net.predict(x) != wanted).any()
    net.state = [None, None, (h, c), r]
    assert (net.predict(x) == wanted).all()
    with pytest.raises(ValueError, match=r"state must have shape \(6, 3\); received \(6, 2\)"):
        net.state = [None, None, (h, c), r[:, :2]]


STATEFUL = {
    "own": lambda: Alike(layers.LSTM(4, stateful=True)),
    "residual": lambda: layers.Residual([layers.LSTM(3, stateful=True, return_sequences=True)]),
    "parallel": lambda: layers.Parallel([[layers.GRU(3, stateful=True)], [layers.GRU(2)]]),
}


@pytest.mark.parametrize("make", STATEFUL.values(), ids=STATEFUL.keys())
def test_states_of_a_layer_alone(make, rng):
    layer = make().build((None, 3), dtype="float64")
    layer.initialize(rng)
    x, lengths = rng.standard_normal((6, 4, 3)), [1, 4, 2, 3, 1, 2]
    first = layer.forward(x, lengths=lengths)
    other, state = deepcopy(layer), layer.state
    second = layer.forward(x)
    assert (second != first).any()
    assert (other.forward(x) == second).all()
    layer.state = state
    assert (layer.forward(x) == second).all()
    with pytest.raises(ValueError, match="x must have the 6 samples that the states are of, or reset_state"):
        layer.forward(x[1:])
    layer.reset_state()
    assert (layer.forward(x, lengths=lengths) == first).all()
    assert gradient_check(layer, x, lengths=lengths) < 1e-6


def test_trees_and_lengths_of_a_layer_alone(rng):
    own, ours = Alike(layers.Recursive(3)).build((None, 3)), layers.Recursive(3).build((None, 3))
    ours.params["weight"], ours.params["bias"] = own.params["weight"], own.params["bias"]
    x = rng.standard_normal((len(TREES.words), 3))
    assert (own.forward(x, trees=TREES) == ours.forward(x, trees=TREES)).all()
    flat = layers.Flatten().build((4, 3))
    y = flat.forward(np.ones((2, 4, 3)), lengths=[1, 3])
    assert y.sum(axis=1).tolist() == [3, 9]
    for layer, given, message in (
        (
            layers.Dense(3),
            {"lengths": [1, 1]},
            r"lengths must be None for samples without steps in time, .* received \[1, 1\]",
        ),
        (
            layers.Dense(3),
            {"trees": TREES},
            "trees must be None for a network without a recursive layer; received Trees",
        ),
        (layers.Residual([layers.Dense(3)]), {"lengths": [1]}, "lengths must be None"),
    ):
        with pytest.raises(ValueError, match=message):
            layer.build(3).forward(np.ones((2, 3)), **given)


def test_they_are_saved(tmp_path, rng):
    net, _ = pair(lambda: layers.Recursive(3), layers.Dense(2), shape=(None, 3))
    net.save(tmp_path / "net.npz")
    x = rng.standard_normal((len(TREES.words), 3))
    assert (fastdl.load(tmp_path / "net.npz").predict(x, trees=TREES) == net.predict(x, trees=TREES)).all()
