"""What layers give inside a network: as the network itself, cut off behind them, would give it."""

import numpy as np
import pytest
from conftest import close
from test_layers import CASES
from test_summary import Odd

from fastdl import Sequential, layers, models
from fastdl.inspection.attention import attention_weights
from fastdl.inspection.inside import Inside
from fastdl.layers.container import named_within
from fastdl.trees import Trees


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_every_layer(case, rng):
    net = Sequential([case.make()], input_shape=case.shape_in_network, dtype="float64", seed=0)
    batch = case.batch(rng, 5)
    y = net.predict(batch.x, **batch.options)
    for meant in (0, "0", net.layers[0]):
        assert (net.activations(batch.x, meant, **batch.options) == y).all()
    for layer in named_within(net).values():
        assert (
            net.activations(batch.x, layer, **batch.options).shape[1:]
            == layer.output_shape[case.arity is not None and len(layer.output_shape) == 2 :]
        )


def test_layers_one_after_another(rng):
    """Each layer makes of what is before it, by itself, what it gives in the network."""
    net = models.lenet5(seed=0, dtype="float64")
    x = rng.standard_normal((7, 1, 28, 28))
    before = x
    for k, layer in enumerate(net.layers):
        found = net.activations(x, k)
        close(layer.forward(before), found)
        before = found
    assert (found == net.predict(x)).all()
    assert (net.activations(x, -1) == found).all()


def test_within_layers(rng):
    net = Sequential(
        [
            layers.Dense(6, "gelu"),
            layers.Parallel([[layers.Dense(3), layers.BatchNorm()], [], [layers.Residual([layers.Dense(6, "tanh")])]]),
            Odd(layers.Dense(15), layers.Dense(15)),
        ],
        input_shape=4,
        dtype="float64",
        seed=0,
    )
    x = rng.standard_normal((5, 4))
    p = net.params
    a = net.activations(x, 0)
    left = a @ p["1.0.0.weight"].T + p["1.0.0.bias"]
    close(net.activations(x, "1.0.0"), left)
    inner = np.tanh(a @ p["1.2.0.0.weight"].T + p["1.2.0.0.bias"])
    close(net.activations(x, "1.2.0.0"), inner)
    close(net.activations(x, "1.2.0"), a + inner)
    b = net.activations(x, "1")
    close(b, np.hstack([net.activations(x, "1.0.1"), a, a + inner]))
    y = b @ p["2.inner.weight"].T + p["2.inner.bias"]
    gate = y @ p["2.gate.weight"].T + p["2.gate.bias"]
    close(net.activations(x, "2.gate"), gate)
    close(net.activations(x, net.layers[2]), np.maximum(gate + y, 0))


def test_it_leaves_everything_as_it_is(rng):
    net = Sequential([layers.GRU(4, return_sequences=True, stateful=True), layers.Dense(2)], input_shape=(5, 3), seed=0)
    x = rng.standard_normal((2, 5, 3))
    fresh = net.predict(x)
    state, y, plan = net.state[0].copy(), net.forward(x), net.last_plan
    before = net.state[0].copy()
    assert (net.activations(x, -1) == fresh).all()  # from zeros
    assert (net.state[0] == before).all()
    assert (before != state).any()
    assert net.last_plan is plan
    net.backward(np.ones_like(y))  # what forward held is there still


def test_lengths(rng):
    net = Sequential(
        [layers.Embedding(9, 4), layers.Residual([layers.GRU(4, return_sequences=True)]), layers.GRU(3)],
        input_shape=(None,),
        seed=0,
    )
    x, lengths = rng.integers(0, 9, (3, 6)), [6, 2, 4]
    assert (net.activations(x, 2, lengths=lengths) == net.predict(x, lengths=lengths)).all()
    inner = net.activations(x, "1.0", lengths=lengths)
    for row, n in enumerate(lengths):
        close(inner[row, :n], net.activations(x[row : row + 1, :n], "1.0")[0], "float32")
        assert not inner[row, n:].any()


def test_trees(rng):
    trees = Trees.parse("(1 (0 (0 a) (0 b)) (2 c))\n(1 (0 d) (0 (0 e) (0 f)))")
    net = models.tree_classifier(6, 3, seed=0)
    x = np.where(trees.leaves, 0, -1)
    x[trees.leaves] = rng.integers(0, 6, trees.leaves.sum())
    embedded = net.activations(x, 0, trees=trees)
    assert (embedded[trees.leaves] == net.params["0.weight"][x[trees.leaves]]).all()
    assert not embedded[~trees.leaves].any()
    assert (net.activations(x, -1, trees=trees) == net.predict(x, trees=trees)).all()


def test_many_samples(rng):
    """More than are taken at once."""
    net = Sequential([layers.Dense(600), layers.Dense(2)], input_shape=3, seed=0)
    x = rng.standard_normal((9000, 3)).astype("float32")
    found = net.activations(x, 0)
    assert found.shape == (9000, 600)
    assert (found[8900:] == net.activations(x[8900:], 0)).all()


def test_layers_that_are_none_of_it():
    net = Sequential([layers.Dense(2), layers.Residual([layers.Dense(2)])], input_shape=3)
    x = np.zeros((1, 3))
    for layer in ("7", 2, -3, "", layers.Dense(2), None, "1.1", net.layers):
        with pytest.raises(
            ValueError, match=r"layer must be one of the network's, or the name of one, 0, 1, 1\.0; received"
        ):
            net.activations(x, layer)
    with pytest.raises(ValueError, match=r"x must have shape \(N, 3\)"):
        net.activations(np.zeros((1, 4)), 0)
    with pytest.raises(RuntimeError, match="must be built"):
        Sequential([layers.Dense(2)]).activations(x, 0)


def of_tokens(**options):
    inside = [layers.Embedding(9, 12), layers.Residual([layers.LayerNorm(), layers.SelfAttention(3, **options)])]
    return Sequential([*inside, layers.Dense(2)], input_shape=(None,), dtype="float64", seed=0)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("lengths", [None, [7, 2, 5]])
def test_attention(rng, causal, lengths):
    """The weights make of the values what the core's attention gives."""
    net = of_tokens(causal=causal)
    layer = net.layers[1].layers[1]
    for values in layer.params.values():
        values[...] = rng.standard_normal(values.shape)
    x = rng.integers(0, 9, (3, 7))
    weights = attention_weights(net, x, lengths=lengths)
    assert weights.shape == (3, 3, 7, 7)
    assert (weights == attention_weights(net, x, "1.1", lengths=lengths)).all()
    given = net.activations(x, "1.0", lengths=lengths)
    values = (given @ layer.params["in_proj_weight"].T + layer.params["in_proj_bias"])[..., 24:]
    heads = weights @ values.reshape(3, 7, 3, 4).swapaxes(1, 2)
    y = heads.swapaxes(1, 2).reshape(3, 7, 12) @ layer.params["out_proj_weight"].T + layer.params["out_proj_bias"]
    expected = net.activations(x, layer, lengths=lengths)
    for row, n in enumerate(lengths or [7] * 3):
        close(y[row, :n], expected[row, :n])
        close(weights[row, :, :n].sum(axis=-1), np.ones((3, n)))
        assert not weights[row, :, n:].any()
        assert not weights[row, :, :, n:].any()
    assert np.triu(weights, 1).any() != causal


def test_attention_of_large_scores(rng):
    net = of_tokens()
    net.params["1.1.in_proj_weight"][...] = 200 * rng.standard_normal((36, 12))
    weights = attention_weights(net, rng.integers(0, 9, (2, 5)))
    close(weights.sum(axis=-1), np.ones((2, 3, 5)))


def test_what_has_no_attention():
    net = Sequential([layers.Dense(2)], input_shape=(None, 3))
    with pytest.raises(ValueError, match="layer must be one of the network's"):
        attention_weights(net, np.zeros((1, 2, 3)))
    with pytest.raises(ValueError, match="layer must be a SelfAttention; received Dense"):
        attention_weights(net, np.zeros((1, 2, 3)), 0)


def test_a_part_of_a_graph_has_no_more_than_it_needs():
    net = Sequential([layers.Dense(3), layers.Parallel([[layers.Dense(5)], [layers.Dense(7)]])], input_shape=2)
    inside = Inside(net, np.zeros((1, 2)))
    graph, places = inside.graph.leading_to(inside.place("1.1.0").target)
    assert graph.size == 2 * 3 + 3 + 3 * 7 + 7
    assert places == [slice(0, 9), slice(29, 57)]
