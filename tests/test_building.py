"""Layers get parameters and plans when they are built, alone or as parts of one network."""

from copy import deepcopy

import numpy as np
import pytest

from fastdl import Sequential, layers


def test_parameters_are_live(rng):
    net = Sequential([layers.Dense(3), layers.Dense(2)], input_shape=4, seed=0)
    net.layers[1].params["weight"][...] = 0
    net.layers[1].params["bias"][...] = [5, 6]
    assert (net.predict(rng.standard_normal((2, 4))) == [[5, 6], [5, 6]]).all()
    net.parameters[...] = 0
    assert not net.params["1.bias"].any()


def test_views_are_of_the_last_build():
    layer = layers.BatchNorm()
    assert [dict(views) for views in (layer.params, layer.grads, layer.buffers)] == [{}, {}, {}]
    for features in (3, 4):
        layer.build(features)
        assert layer.params is layer.params
        for views in (layer.params, layer.grads, layer.buffers):
            assert [array.shape for array in views.values()] == [(features,)] * 2
        assert all(np.shares_memory(array, layer.flat[0]) for array in layer.params.values())
        assert all(np.shares_memory(array, layer.flat[0]) for array in layer.buffers.values())
        assert all(np.shares_memory(array, layer.flat[1]) for array in layer.grads.values())


class Counted(layers.Dense):
    """Counts how often it is lowered."""

    _lowered = 0

    def operations(self, x):
        self._lowered += 1
        return super().operations(x)


@pytest.mark.parametrize("trainable", [True, False])
def test_what_is_built_is_not_lowered_again(rng, trainable):
    net = Sequential([Counted(3), layers.Dense(3)], input_shape=2, seed=0)
    net.trainable = trainable
    for made in (Sequential([Counted(3)], input_shape=2, seed=0), deepcopy(net)):
        made.fit(rng.standard_normal((4, 2)), [0, 1, 2, 0], verbose=0)
        made.predict(np.ones((1, 2)))
        assert made.layers[0]._lowered == 1
    assert (made.parameters == net.parameters).all() == (not trainable)


def test_a_shape_as_shown_takes_no_memory():
    assert layers.Dense(3).shown_shape((1 << 20, 1 << 30)) == (1 << 30, 1 << 20)


def test_use_out_of_order():
    with pytest.raises(RuntimeError, match="built"):
        layers.Dense(3).forward(np.ones((1, 2)))
    with pytest.raises(RuntimeError, match="backward must follow forward"):
        layers.Dense(3).build(2).backward(np.ones((1, 3)))
    layer = layers.Dense(3).build(2)
    layer.forward(np.ones((4, 2)))
    for samples in (3, 5):
        with pytest.raises(ValueError, match=f"dy must have the 4 samples of the last forward; received {samples}"):
            layer.backward(np.ones((samples, 3)))
    net = Sequential([layers.Dense(3)], input_shape=2)
    with pytest.raises(RuntimeError, match="belongs to a network"):
        net.layers[0].build(2)
    with pytest.raises(ValueError, match="new"):
        Sequential([net.layers[0]], input_shape=2)


class Chain(layers.Container):
    """Layers made of layers as anybody may write them."""

    def __init__(self, inner):
        super().__init__()
        self.inner = tuple(inner)

    def named_layers(self):
        return {str(i): layer for i, layer in enumerate(self.inner)}

    def operations(self, x):
        for layer in self.inner:
            x = x.then(layer)
        return x


def test_a_layer_belongs_to_one_network():
    dense = layers.Dense(3)
    net = Sequential([Chain([dense])], input_shape=3, seed=0)
    weight, flat = dense.params["weight"], net.parameters.copy()
    for make in (
        lambda: Sequential([Chain([dense])], input_shape=3),
        lambda: Sequential([dense], input_shape=3),
        lambda: Chain([dense]).build(3),
    ):
        with pytest.raises(ValueError, match=r"in one place; received Dense\(units=3, .*in a network already"):
            make()
    for make in (
        lambda: Chain([layers.Dense(3)] * 2).build(3),
        lambda: Sequential([Chain([layers.Dense(3)] * 2), layers.Dense(2)], input_shape=3),
    ):
        with pytest.raises(ValueError, match=r"operations of Chain must apply each layer once.*; received 0, 1 twice"):
            make()
    with pytest.raises(RuntimeError, match="Dense belongs to a network that is built, or is one"):
        dense.build(3)
    assert dense.params["weight"] is weight
    assert (net.parameters == flat).all()


def test_what_a_built_layer_has_learned_is_not_drawn_anew():
    """Neither of one that was used alone, nor of a copy of another network's: it is refused, and stays as it is."""
    net = Sequential([layers.Dense(3), layers.Residual([layers.Dense(3)])], input_shape=3, seed=0)
    alone = [
        layers.Dense(3).build(3, seed=1),
        Chain([layers.Dense(3)]).build(3, seed=1),
        layers.Dropout(0.5).build(3),
        *deepcopy(net.layers),
    ]
    for layer in alone:
        before = [values.copy() for values in layer.params.values()]
        for make in (
            lambda layer=layer: Sequential([layer, layers.Dense(2)], input_shape=3),
            lambda layer=layer: layers.Residual([layer]),
            lambda layer=layer: layers.Parallel([[layer], []]),
            lambda layer=layer: Chain([layer]).build(3),
            lambda layer=layer: Sequential([Chain([layer])], input_shape=3),
        ):
            with pytest.raises(ValueError, match=r"must be new.*in a network already: make"):
                make()
        assert not layer.in_network
        assert all((one == other).all() for one, other in zip(before, layer.params.values(), strict=True))
    again = Chain([layers.Dense(3)]).build(3, seed=1)
    weight = again.params["0.weight"].copy()
    assert (again.build(3, seed=1).params["0.weight"] == weight).all()  # asked for, it is


def test_arguments_may_be_what_numpy_gives():
    one, two, four = np.array(1), np.int64(2), np.array(4)
    given = [layers.Conv2D(four, np.array([2, 2]), stride=one), layers.MaxPool2D(two), layers.Reshape(four)]
    plain = [layers.Conv2D(4, (2, 2), stride=1), layers.MaxPool2D(2), layers.Reshape(4)]
    assert [layer.get_config() for layer in given] == [layer.get_config() for layer in plain]
