"""Layers of somebody's that say too little of themselves, or what is not so."""

import pytest
from test_graph import GOOD

from fastdl import Sequential, layers
from fastdl._core.graph import Graph


class Lies(layers.Dense):
    """A layer of somebody's that says too little of itself, or gives what is no tensor of its graph."""

    def __init__(self, units, says):
        super().__init__(units)
        self.says = says

    def parameter_shapes(self, shape):
        shapes = super().parameter_shapes(shape)
        return {
            "parameters": {**shapes, "weight": (shape[0] // 2, self.units)},
            "transposed": {**shapes, "weight": (self.units, shape[0])},
            "exchanged": dict(reversed(shapes.items())),
            "none": {},
            "numbers": {**shapes, "bias": self.units},
            "fractions": {**shapes, "bias": (float(self.units),)},
            "a list": list(shapes.values()),
        }.get(self.says, shapes)

    def operations(self, x):
        y = super().operations(x)
        return {"nothing": None, "another": Graph((3,)).input}.get(self.says, y)


@pytest.mark.parametrize(
    ("says", "error", "message"),
    [
        ("parameters", ValueError, r"parameter_shapes of Lies must .*, \(4, 6\), \(6,\); received \(2, 6\), \(6,\)$"),
        ("transposed", ValueError, r"parameter_shapes .*, \(4, 6\), \(6,\); received \(6, 4\), \(6,\)$"),
        ("exchanged", ValueError, r"parameter_shapes .*, \(4, 6\), \(6,\); received \(6,\), \(4, 6\)$"),
        ("none", ValueError, r"parameter_shapes .*, \(4, 6\), \(6,\); received none$"),
        ("numbers", ValueError, r"parameter_shapes .*, \(4, 6\), \(6,\); received \(4, 6\), 6$"),
        ("fractions", ValueError, r"parameter_shapes .*, \(4, 6\), \(6,\); received \(4, 6\), \(6.0,\)$"),
        ("a list", TypeError, r"parameter_shapes of Lies must give a dict; received \[\(4, 6\), \(6,\)\]"),
        ("nothing", TypeError, "operations of Lies must give a Tensor of x's graph; received None"),
        ("another", TypeError, "operations of Lies must give a Tensor of x's graph; received Tensor"),
    ],
)  # fmt: skip
def test_a_layer_that_lies(says, error, message):
    with pytest.raises(error, match=message):
        Lies(6, says).build(4)
    with pytest.raises(error, match=message):
        Sequential([Lies(6, says), layers.Dense(2)], input_shape=4)


class Heads(layers.Container):
    """A container that says of one of its layers, or of what it adds itself, that it has it, or does not."""

    def __init__(self, named, used, own=""):
        super().__init__()
        self.named, self.used, self.own = named, used, own
        self._layers = {name: layers.Dense(3) for name in "ab"}

    def named_layers(self):
        return {name: self._layers[name] for name in self.named}

    def operations(self, x):
        for name in self.used:
            x = x.then(self._layers[name])
        x = x.then(layers.Activation("relu"))  # without parameters, which nobody needs to know
        return x.then(self.own, **GOOD[self.own][1]) if self.own else x

    def parameter_shapes(self, shape):
        return {"weight": (3, 2), "bias": (2,)} if self.own else {}


@pytest.mark.parametrize(
    ("named", "used", "own", "received"),
    [("a", "ab", "", "named_layers of Heads must .* the 24 .*; those of a have 12"),
     ("", "a", "", "named_layers of Heads must .* the 12 .*; those of none have 0"),
     ("a", "a", "dense", "named_layers of Heads must .* the 20 .*; those of a have 12"),
     ("ab", "a", "", "named_layers of Heads must be .* operations; received b that is not"),
     ("ab", "aba", "", "operations of Heads must apply each layer once.*; received a twice: inputs for one layer may")],
)  # fmt: skip
def test_a_container_whose_parameters_are_not_all_its_layers(named, used, own, received):
    for make in (
        lambda layer: layer.build(3),
        lambda layer: Sequential([layer, layers.Dense(2)], input_shape=3),
        lambda layer: Sequential([layers.Residual([layer, layers.Dense(3)])], input_shape=3),
    ):
        with pytest.raises(ValueError, match=received):
            make(Heads(named, used, own))
    assert list(Heads("ba", "ab").build(3).params) == ["b.weight", "b.bias", "a.weight", "a.bias"]


class Buffered(layers.BatchNorm):
    """A layer of somebody's that says which of its parameters no optimizer changes."""

    buffer_names = ()

    def __init__(self, names, inner="batch_norm"):
        super().__init__()
        self.names, self.inner = names, inner
        type(self).buffer_names = tuple(names)

    def parameter_shapes(self, shape):
        if self.inner == "dense":
            return {"weight": (shape[-1], 2), "bias": (2,)}
        return dict.fromkeys(("weight", "bias", "running_mean", "running_var"), shape)

    def operations(self, x):
        return x.then("dense", units=2) if self.inner == "dense" else super().operations(x)


@pytest.mark.parametrize(
    ("names", "inner"),
    [(["bias"], "dense"), (["weight", "bias"], "dense"), (["bias", "running_mean"], "batch_norm"), ([], "batch_norm"),
     (["running_mean"], "batch_norm"), (["running_mean", "running_var", "mean"], "batch_norm")],
)  # fmt: skip
def test_buffers_are_what_no_optimizer_changes(names, inner):
    received = ", ".join(names) or "none"
    with pytest.raises(ValueError, match=f"buffer_names of Buffered must be .*; received {received}$"):
        Buffered(names, inner).build(3)
    with pytest.raises(ValueError, match=f"buffer_names of Buffered must be .*; received {received}$"):
        Sequential([layers.Dense(3), Buffered(names, inner)], input_shape=4)


def test_buffers_named_in_any_order():
    net = Sequential([layers.Dense(3), Buffered(["running_var", "running_mean"])], input_shape=4)
    assert list(net.buffers) == ["1.running_mean", "1.running_var"]
