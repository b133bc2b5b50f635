"""Networks that are alike share a graph, and nothing else."""

import gc
import weakref

import numpy as np
import pytest

from fastdl import Sequential, layers


def made(*parts, shape=4, before=None):
    net = Sequential(parts)
    if before is not None:
        before(net)
    return net.build(shape, seed=0)


def operations(net):
    return net.plan_for(tuple(size or 2 for size in net.input_shape)).operations


def dense():
    return layers.Dense(3, "relu")


def test_alike_networks_share_operations_but_no_layers(rng):
    one, other = made(dense(), layers.Dense(2)), made(dense(), layers.Dense(2))
    assert operations(one) is operations(other)
    assert [layer.parameter_count for layer in other.layers] == [15, 8]
    one.parameters[...] = 0
    x = rng.standard_normal((5, 4))
    assert not one.predict(x).any()
    assert other.predict(x).any()
    other.fit(x, [0, 1, 0, 1, 0], verbose=0)
    assert not one.parameters.any()


class Doubled(layers.Dense):
    """What it does may change from one to the next."""

    def operations(self, x):
        return super().operations(x).then("rescale", scale=2.0, added=0.0)


def differently(name, value):
    return lambda net: setattr(net.layers[0], name, value)


@pytest.mark.parametrize(
    ("changed", "shape", "before"),
    [
        (lambda: layers.Dense(4, "relu"), 4, None),
        (lambda: layers.Dense(3, "tanh"), 4, None),
        (dense, 5, None),
        (lambda: layers.GRU(3), (None, 4), None),
        (dense, 4, differently("trainable", False)),
        (dense, 4, differently("lr_scale", 2)),
        (dense, 4, differently("operations", lambda x: x.then("dense", units=3))),
        (dense, 4, lambda net: setattr(net, "decay_scale", 2)),
        (lambda: Doubled(3, "relu"), 4, None),
        (lambda: layers.Dense(3, layers.Activation("leaky_relu", slope=0.5)), 4, None),
        (lambda: layers.Dense(3, initializer=lambda shape, *_: np.ones(shape)), 4, None),
        (lambda: layers.Residual([layers.Dense(4)]), 4, None),
    ],
)
def test_others_have_graphs_of_their_own(changed, shape, before):
    usual, other = made(dense()), made(changed(), shape=shape, before=before)
    assert operations(other) is not operations(usual)
    assert operations(made(dense())) is operations(usual)


def test_an_operation_that_a_program_replaces_is_what_runs(monkeypatch):
    made(dense())
    monkeypatch.setattr(layers.Dense, "operations", lambda self, x: x.then("dense", units=self.units))
    assert operations(made(dense()))[0].get("activation", "identity") == "identity"


def test_graphs_that_are_kept_are_few_and_hold_no_layers():
    net = made(layers.Dense(7))
    first, layer = operations(net), weakref.ref(net.layers[0])
    del net
    gc.collect()
    assert layer() is None
    for units in range(8, 200):
        made(layers.Dense(units))
    assert operations(made(layers.Dense(7))) is not first


def test_errors_name_the_layer_each_time():
    for _ in range(2):
        with pytest.raises(ValueError, match=r"layers\[1\]: .*Dense"):
            made(layers.Reshape((1, 2, 2)), layers.Dense(2))
