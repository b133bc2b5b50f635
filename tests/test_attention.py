"""Self-attention over sequences of more steps than ask together, and at its corners."""

import numpy as np
import pytest
import reference
from conftest import close

from fastdl import Sequential, gradient_check, layers, optimizers


def built(heads, features, causal=False, dtype="float64", steps=None):
    layer = layers.SelfAttention(heads, causal=causal).build((steps, features), dtype=dtype, seed=1)
    rng = np.random.default_rng(2)
    for values in layer.params.values():
        values[...] += rng.uniform(-0.5, 0.5, values.shape)
    return layer


def network(layer):
    return reference.Network(
        [{"kind": "attention", **layer.params, "heads": layer.heads, "causal": layer.causal, "frozen": False}]
    )


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("steps", [1, 63, 64, 65, 128, 131, 200])
@pytest.mark.parametrize(("heads", "features"), [(1, 3), (2, 10), (3, 51), (4, 64)])
def test_against_the_reference(heads, features, steps, causal, rng):
    layer = built(heads, features, causal)
    x, lengths = rng.standard_normal((3, steps, features)), np.array([steps, 1, (steps + 1) // 2])
    there = np.arange(steps) < lengths[:, None]
    dy = rng.standard_normal(x.shape) * there[:, :, None]
    model = network(layer)
    expected = model.forward(x, lengths=lengths)
    (gradients,) = model.backward(dy)
    close(layer.forward(x, lengths=lengths)[there], expected[there])
    close(layer.backward(dy), model.dx)
    for ours, theirs in zip(layer.grads.values(), gradients, strict=True):
        close(ours, theirs)


@pytest.mark.parametrize("causal", [False, True])
def test_gradients_of_many_steps(causal, rng):
    layer = built(2, 6, causal)
    assert gradient_check(layer, rng.standard_normal((2, 70, 6)), lengths=[70, 66], limit=100) < 1e-6


def test_a_causal_step_sees_nothing_after_it(rng):
    layer = built(2, 8, causal=True)
    x = rng.standard_normal((1, 100, 8))
    before = layer.forward(x)
    x[:, 71:] += 1
    after = layer.forward(x)
    assert (before[:, :71] == after[:, :71]).all()
    assert (before[:, 71:] != after[:, 71:]).any(axis=2).all()


def test_what_does_not_count_is_not_seen(rng):
    layer = built(2, 8)
    x = rng.standard_normal((2, 90, 8))
    before = layer.forward(x, lengths=[70, 90])
    x[0, 70:] = 1e30
    after = layer.forward(x, lengths=[70, 90])
    assert (before[0, :70] == after[0, :70]).all()
    assert (before[1] == after[1]).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_scores_are_finite(dtype, rng):
    layer = built(1, 4, dtype=dtype)
    x = rng.standard_normal((2, 70, 4)) * 1e4
    y = layer.forward(x)
    assert np.isfinite(y).all()
    assert np.isfinite(layer.backward(np.ones_like(y))).all()
    assert all(np.isfinite(g).all() for g in layer.grads.values())


def test_the_length_may_change_from_call_to_call(rng):
    layer, x = built(2, 6), rng.standard_normal((2, 9, 6))
    long = layer.forward(x)
    assert layer.forward(x[:, :4]).shape == (2, 4, 6)
    assert (layer.forward(x) == long).all()


def test_it_learns_where_to_look():
    """Give at each step the token of the first one."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 5, (400, 8))
    y = np.repeat(x[:, :1], 8, axis=1)
    net = Sequential(
        [
            layers.Embedding(5, 16),
            layers.PositionalEmbedding(8),
            layers.Residual([layers.LayerNorm(), layers.SelfAttention(2, causal=True)]),
            layers.Dense(5),
        ],
        input_shape=(None,),
        seed=0,
    )
    net.fit(x, y, epochs=30, optimizer=optimizers.Adam(0.01), verbose=0)
    assert net.evaluate(x, y)["accuracy"] > 0.95


@pytest.mark.parametrize(
    ("make", "shape", "message"),
    [
        (lambda: layers.SelfAttention(0), None, "heads must be at least 1; received 0"),
        (lambda: layers.SelfAttention(2, causal=1), None, "causal must be True or False; received 1"),
        (lambda: layers.SelfAttention(2), (5, 7), "heads must divide the 7 features of a step; received 2"),
        (lambda: layers.SelfAttention(2), (6,), r"input_shape of SelfAttention must be \(T, F\); received \(6,\)"),
        (lambda: layers.PositionalEmbedding(4), (5, 7), "must be of at most 4 steps; received"),
    ],
)
def test_what_it_refuses(make, shape, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make().build(shape)


def test_more_steps_than_there_are_places(rng):
    net = Sequential([layers.PositionalEmbedding(4)], input_shape=(None, 3), seed=0)
    assert net.predict(rng.standard_normal((2, 4, 3))).shape == (2, 4, 3)
    with pytest.raises(ValueError, match="at most 4 steps"):
        net.predict(rng.standard_normal((2, 5, 3)))


@pytest.mark.parametrize(
    ("initializer", "limits"),
    [
        ("glorot_uniform", ((6 / 200) ** 0.5, (6 / 200) ** 0.5)),
        ("pytorch", ((6 / 400) ** 0.5, 0.1)),
        (("pytorch", 2.0), (2 * (6 / 400) ** 0.5, 0.2)),
    ],
    ids=str,
)
def test_how_it_starts(initializer, limits):
    layer = layers.SelfAttention(4, initializer=initializer).build((3, 100), seed=0)
    for name, limit in zip(("in_proj", "out_proj"), limits, strict=True):
        assert 0.98 * limit < abs(layer.params[f"{name}_weight"]).max() <= limit * (1 + 1e-6)
        assert not layer.params[f"{name}_bias"].any()
