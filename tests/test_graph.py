"""What a graph refuses, how its parameters are counted and grouped, and which calls fit a plan."""

import copy
import pickle

import numpy as np
import pytest

from fastdl import Sequential, _core, layers
from fastdl._core.graph import Graph, merged
from fastdl._core.parameter_groups import ParameterGroup, parameter_groups
from fastdl._turn import Turn
from fastdl.losses import SquaredError
from fastdl.optimizers import SGD, AdamW

IMAGE = (3, 5, 5)
RECURRENT = {
    "cell": "lstm", "cell_activation": "tanh", "setting": 0.0, "units": 2, "directions": 1, "sequences": True,
    "adds": False, "stateful": False,
}  # fmt: skip
RECURSIVE = {
    "composition": "matrix", "composition_activation": "tanh", "setting": 0.0, "children": 2, "nodes": True,
}  # fmt: skip
PLAIN = {"dilation": (1, 1), "groups": 1}

# Operations that are as they should be: a kind and its settings, what it reads, what it gives, and how many
# parameters it has.
GOOD = {
    "dense": ("dense", {"units": 2}, (3,), (2,), 8),
    "dense over time": ("dense", {"units": 2}, (4, 3), (4, 2), 8),
    "dense over any time": ("dense", {"units": 2}, (None, 3), (None, 2), 8),
    "convolution": ("convolution", {"filters": 2, "kernel": (2, 3), "stride": (1, 1), **PLAIN}, IMAGE, (2, 4, 3), 38),
    "strided": ("convolution", {"filters": 2, "kernel": (2, 3), "stride": (1, 2), **PLAIN}, IMAGE, (2, 4, 2), 38),
    "dilated": (
        "convolution",
        {"filters": 6, "kernel": (2, 3), "stride": (1, 1), "dilation": (4, 2), "groups": 3},
        IMAGE,
        (6, 1, 1),
        42,
    ),
    "convolution over time": (
        "convolution",
        {"filters": 2, "kernel": (1, 3), "stride": (1, 2), **PLAIN},
        (8, 3),
        (3, 2),
        20,
    ),
    "convolution over any time": (
        "convolution",
        {"filters": 2, "kernel": (1, 3), "stride": (1, 2), **PLAIN},
        (None, 3),
        (None, 2),
        20,
    ),
    "pool over time": ("max_pool", {"kernel": (1, 2), "stride": (1, 2)}, (7, 3), (3, 3), 0),
    "transposed": (
        "transposed_convolution",
        {"filters": 2, "kernel": (2, 3), "stride": (2, 1), "padding": (1, 0), "extra": (1, 0)},
        IMAGE,
        (2, 9, 7),
        38,
    ),
    "pool": ("max_pool", {"kernel": (2, 2), "stride": (2, 2)}, IMAGE, (3, 2, 2), 0),
    "mean pool": ("mean_pool", {"kernel": (3, 2), "stride": (1, 2)}, IMAGE, (3, 3, 2), 0),
    "recurrent": ("recurrent", RECURRENT, (4, 3), (4, 2), 56),
    "last state": ("recurrent", {**RECURRENT, "sequences": False}, (4, 3), (2,), 56),
    "two directions": ("recurrent", {**RECURRENT, "directions": 2}, (None, 3), (None, 4), 112),
    "embedding": ("embedding", {"vocabulary": 5, "dim": 3}, (4,), (4, 3), 15),
    "recursive": ("recursive", RECURSIVE, (1, 3), (1, 3), 21),
    "roots": ("recursive", {**RECURSIVE, "nodes": False}, (1, 3), (3,), 21),
    "flatten": ("flatten", {}, (4, 3), (12,), 0),
    "dropout": ("dropout", {"rate": 0.5}, (3,), (3,), 0),
    "pad": ("pad", {"padding": ((1, 0), (2, 3))}, IMAGE, (3, 6, 10), 0),
    "pad over time": ("pad", {"padding": ((0, 0), (2, 1))}, (4, 3), (7, 3), 0),
    "pad over any time": ("pad", {"padding": ((0, 0), (2, 1))}, (None, 3), (None, 3), 0),
    "flip": ("flip", {"horizontal": True, "vertical": False}, IMAGE, IMAGE, 0),
    "rotate": ("rotate", {"degrees": 30.0}, IMAGE, IMAGE, 0),
    "erase": ("erase", {"rate": 0.5, "area": (0.1, 0.2), "ratio": (0.5, 2.0)}, IMAGE, IMAGE, 0),
    "shift": ("shift", {"padding": (1, 2)}, IMAGE, IMAGE, 0),
    "softmax": ("activation", {"activation": "softmax", "setting": 0.0}, (4, 3), (4, 3), 0),
    "leaky": ("activation", {"activation": "leaky_relu", "setting": 0.1}, IMAGE, IMAGE, 0),
    "select": ("select", {"indices": np.array([2, 0, 0, 1])}, (4, 3), (4, 4), 0),
    "select of channels": ("select", {"indices": np.array([1])}, IMAGE, (1, 5, 5), 0),
    "reshape": ("reshape", {"shape": (4, 3)}, (12,), (4, 3), 0),
    "reshape to images": ("reshape", {"shape": (2, 3, 2)}, (12,), (2, 3, 2), 0),
    "global max": ("global_max", {}, IMAGE, (3,), 0),
    "global mean": ("global_mean", {}, (None, 3), (3,), 0),
    "upsample": ("upsample", {"size": (2, 3), "bilinear": True}, IMAGE, (3, 10, 15), 0),
    "noise": ("noise", {"stddev": 0.5}, (4, 3), (4, 3), 0),
    "rescale": ("rescale", {"scale": -2.0, "added": 1.0}, IMAGE, IMAGE, 0),
    "periodic": ("periodic", {"frequencies": 5}, (4, 3), (4, 15), 30),
    "robust scale": ("robust_scale", {"limit": 3.0}, (7,), (7,), 14),
    "group norm": ("group_norm", {"epsilon": 1e-5, "groups": 3}, (4, 3), (4, 3), 6),
    "layer norm": ("layer_norm", {"epsilon": 1e-5}, (4, 3), (4, 3), 6),
    "layer norm of images": ("layer_norm", {"epsilon": 1e-5}, IMAGE, IMAGE, 150),
    "batch norm": ("batch_norm", {"epsilon": 1e-5, "momentum": 0.1}, IMAGE, IMAGE, 12),
}


def added(kind, settings, shape):
    graph = Graph(shape)
    return graph.input.then(kind, **settings)


@pytest.mark.parametrize(("kind", "settings", "shape", "output", "parameters"), GOOD.values(), ids=GOOD.keys())
def test_each_is_taken_as_it_should_be(kind, settings, shape, output, parameters):
    y = added(kind, settings, shape)
    assert (y.shape, y.graph.size) == (output, parameters)
    if None not in shape:
        plan = planned(y)
        assert (plan.input_shape, plan.output_shape) == (shape, output)


def planned(output):
    core, graph = _core.load("float64"), output.graph.finish(output)
    return core.Plan(graph, core.aligned_zeros(graph.size), core.aligned_zeros(graph.size), Turn())


# What is changed of one, and what is said then.
REFUSED = [
    ("dense", {"units": 0}, "dense: units must be an integer from 1 to 2147483647; received 0"),
    ("dense", {"units": 2.0}, "units must be an integer from 1 to 2147483647; received 2.0"),
    ("dense", {"units": True}, "units must be an integer from 1 to 2147483647; received True"),
    ("dense", {"units": 2**31 - 1}, r"dense must make an array of at most 2147483647 numbers; received one of shape"),
    ("dense", {"rate": 0.5}, "dense: must have units; received units, rate"),
    ("convolution", {"kernel": (6, 3)}, "kernel must fit into 5 x 5; received 6 x 3"),
    ("convolution", {"kernel": (0, 3)}, r"kernel must be two integers from 1 to 2147483647; received \(0, 3\)"),
    ("convolution", {"kernel": 3}, "kernel must be two integers from 1 to 2147483647; received 3"),
    ("convolution", {"stride": (0, 1)}, r"stride must be two integers from 1 to 2147483647; received \(0, 1\)"),
    ("convolution", {"stride": (1, 2**70)}, r"stride must be two integers from 1 to 2147483647; received \(1, 118"),
    ("convolution", {"dilation": (0, 1)}, r"dilation must be two integers from 1 to 2147483647; received \(0, 1\)"),
    ("convolution", {"groups": 2}, "groups must divide 3 channels and 2 filters; received 2"),
    ("convolution", {"groups": 3}, "groups must divide 3 channels and 2 filters; received 3"),
    ("dilated", {"dilation": (5, 1)}, "kernel must fit into 5 x 5; received 6 x 3"),
    ("convolution over time", {"kernel": (1, 9)}, "kernel must fit into 1 x 8; received 1 x 9"),
    ("transposed", {"extra": (2, 0)}, r"extra must be less than the stride, \(2, 1\); received \(2, 0\)"),
    ("transposed", {"padding": (6, 0)}, r"padding must leave something of what it gives; received \(6, 0\)"),
    ("recurrent", {"cell": "elman"}, "cell must be one of rnn, lstm, gru_before, gru_after; received 'elman'"),
    ("recurrent", {"cell_activation": "relu"}, "cell_activation must be one of tanh; received 'relu'"),
    ("recurrent", {"cell": "rnn", "cell_activation": "gelu"}, "one of .*, hard_tanh, relu6; received 'gelu'"),
    ("recurrent", {"setting": 0.1}, "setting must be from 0 to 0; received 0.1"),
    ("recurrent", {"units": 0}, "units must be an integer from 1 to 2147483647; received 0"),
    ("recurrent", {"units": 2**40}, "units must be an integer from 1 to 2147483647; received 1099511627776"),
    ("recurrent", {"directions": 3}, "directions must be an integer from 1 to 2; received 3"),
    ("recurrent", {"directions": 2, "stateful": True}, "stateful must be False for two directions; received True"),
    ("recurrent", {"adds": True}, "adds must be False for one direction; received True"),
    ("recurrent", {"adds": 1}, "adds must be True or False; received 1"),
    ("embedding", {"vocabulary": 0}, "vocabulary must be an integer from 1 to 16777216; received 0"),
    ("embedding", {"vocabulary": 2**24 + 1}, "vocabulary must be an integer from 1 to 16777216; received 16777217"),
    ("recursive", {"composition": "sum"}, "composition must be one of matrix, tensor, lstm; received 'sum'"),
    ("recursive", {"composition": "lstm", "composition_activation": "relu"}, "must be one of tanh; received 'relu'"),
    ("recursive", {"composition_activation": "softmax"}, "composition_activation must be one of identity, relu"),
    ("recursive", {"children": 17}, "children must be an integer from 1 to 16; received 17"),
    ("dropout", {"rate": 1}, "rate must be from 0 to 0.999; received 1"),
    ("dropout", {"rate": "0.5"}, "rate must be from 0 to 0.999; received '0.5'"),
    ("pad", {"padding": (1, 2)}, r"padding must be two pairs of integers from 0 to 2147483647, above and below, "),
    ("pad", {"padding": ((0, -1), (0, 0))}, r"left and right; received \(\(0, -1\), \(0, 0\)\)"),
    ("pad over time", {"padding": ((0, 1), (0, 0))}, "padding must be of no rows for sequences; received 0 and 1"),
    ("shift", {"padding": (-1, 0)}, r"padding must be two integers from 0 to 2147483647; received \(-1, 0\)"),
    ("softmax", {"activation": "swish"}, "activation must be one of identity, .*, softmax; received 'swish'"),
    ("softmax", {"activation": None}, "activation must be one of .*; received None"),
    ("leaky", {"setting": 0.0}, "setting must be from 1e-12 to 1e.12; received 0.0"),
    ("leaky", {"setting": -1.0}, "setting must be from 1e-12 to 1e.12; received -1.0"),
    ("softmax", {"activation": "elu"}, "setting must be from 1e-12 to 1e.12; received 0.0"),
    ("leaky", {"activation": "selu"}, "setting must be from 0 to 0; received 0.1"),
    ("flip", {"horizontal": 1}, "horizontal must be True or False; received 1"),
    ("rotate", {"degrees": 181}, "degrees must be from 0 to 180; received 181"),
    ("erase", {"rate": 1.5}, "rate must be from 0 to 1; received 1.5"),
    ("erase", {"area": (0.2, 0.1)}, r"area must be two numbers in order, from 0 to 1; received \(0.2, 0.1\)"),
    ("erase", {"area": 0.2}, "area must be two numbers in order, from 0 to 1; received 0.2"),
    ("erase", {"ratio": (0.0, 1.0)}, r"ratio must be two numbers in order, from 0.001 to 1000; received \(0.0, 1.0\)"),
    ("reshape", {"shape": (4, 4)}, r"shape must have the numbers of \(12,\); received \(4, 4\)"),
    ("reshape", {"shape": (None, 3)}, r"shape must have the numbers of \(12,\); received \(None, 3\)"),
    ("reshape", {"shape": 12}, r"shape must be \(F,\), \(T, F\) or \(C, H, W\); received 12"),
    ("upsample", {"size": (0, 1)}, r"size must be two integers from 1 to 2147483647; received \(0, 1\)"),
    ("upsample", {"size": (2**16, 2**16)}, "upsample must make an array of at most 2147483647 numbers"),
    ("upsample", {"bilinear": "yes"}, "bilinear must be True or False; received 'yes'"),
    ("noise", {"stddev": -0.1}, r"stddev must be from 0 to 1e\+30; received -0.1"),
    ("periodic", {"frequencies": 0}, "frequencies must be an integer from 1 to 2147483647; received 0"),
    ("robust scale", {"limit": 0.0}, r"limit must be from 0.01 to 1e\+06; received 0"),
    ("rescale", {"scale": np.inf}, r"scale must be from -1e\+30 to 1e\+30; received inf"),
    ("rescale", {"added": np.nan}, r"added must be from -1e\+30 to 1e\+30; received nan"),
    ("select", {"indices": [0]}, r"indices must be a vector of intp; received \[0\]"),
    ("select", {"indices": np.array([0.0])}, "indices must be a vector of intp; received"),
    ("select", {"indices": np.array([], np.intp)}, "indices must be a vector of intp; received"),
    ("select", {"indices": np.array([3])}, r"indices must be of the 3 features; received \[3\]"),
    ("select", {"indices": np.array([-1])}, r"indices must be of the 3 features; received \[-1\]"),
    ("layer norm", {"epsilon": -1e-5}, "epsilon must be from 1e-12 to 1; received -1e-05"),
    ("batch norm", {"momentum": 1.5}, "momentum must be from 0 to 1; received 1.5"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "change", "message"), REFUSED)
def test_a_setting_that_is_wrong(name, change, message):
    kind, settings, shape, *_ = GOOD[name]
    with pytest.raises(ValueError, match=message):
        added(kind, {**settings, **change}, shape)


@pytest.mark.parametrize("name", GOOD)
def test_a_setting_that_is_missing(name):
    kind, settings, shape, *_ = GOOD[name]
    for setting in settings:
        others = {key: value for key, value in settings.items() if key != setting}
        with pytest.raises(ValueError, match=r"must have .*; received"):
            added(kind, others, shape)


@pytest.mark.parametrize("kind", ["Dense", "fan_out", "", None])
def test_a_kind_that_there_is_not(kind):
    graph = Graph((3,))
    with pytest.raises(ValueError, match=r"operations must be of dense, .*; received"):
        graph.add(kind, [graph.input], {})


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("dense", IMAGE, r"dense: must read \(F,\) or \(T, F\); received \(3, 5, 5\)"),
        ("dense", (None,), r"dense: must read a known number of features; received \(None,\)"),
        ("convolution", (3,), r"convolution: must read \(T, F\) or \(C, H, W\); received \(3,\)"),
        ("convolution", (4, 3), "kernel must fit into 1 x 4; received 2 x 3"),
        ("convolution", (3, 1, 2), "kernel must fit into 1 x 2; received 2 x 3"),
        ("pool", (3,), r"max_pool: must read \(T, F\) or \(C, H, W\); received \(3,\)"),
        ("recurrent", (3,), r"recurrent: must read \(T, F\); received \(3,\)"),
        ("recurrent", IMAGE, r"recurrent: must read \(T, F\); received \(3, 5, 5\)"),
        ("embedding", (4, 3), r"embedding: must read \(T,\); received \(4, 3\)"),
        ("recursive", (3,), r"recursive: must read \(1, F\); received \(3,\)"),
        ("pad", (4,), r"pad: must read \(T, F\) or \(C, H, W\); received \(4,\)"),
        ("reshape", (4, 3), r"reshape: must read \(F,\); received \(4, 3\)"),
        ("global max", (3,), r"global_max: must read \(T, F\) or \(C, H, W\); received \(3,\)"),
        ("global max", (1, 4096, 4097), "global_max: must read at most 16777216 pixels or steps; received"),
        ("upsample", (4, 3), r"upsample: must read \(C, H, W\); received \(4, 3\)"),
        ("flip", (4, 3), r"flip: must read \(C, H, W\); received \(4, 3\)"),
        ("rotate", (4, 3), r"rotate: must read \(C, H, W\); received \(4, 3\)"),
        ("erase", (4, 3), r"erase: must read \(C, H, W\); received \(4, 3\)"),
        ("shift", (4, 3), r"shift: must read \(C, H, W\); received \(4, 3\)"),
        ("softmax", (3, 4, 5), "activation must be one of identity, .*, hard_silu; received 'softmax'"),
        ("flatten", (None, 4), r"flatten: must read samples of known length; received \(None, 4\)"),
        ("dense", [3], r"input_shape must be \(F,\), \(T, F\) or \(C, H, W\); received \[3\]"),
        ("dense", (), "input_shape must be"),
        ("dense", (0,), "input_shape must be"),
        ("dense", (2.0,), "input_shape must be"),
        ("dense", (3, None), "input_shape must be"),
        ("dense", (1, 1, 1, 3), "input_shape must be"),
        ("dense", (2**20, 2**20), "input_shape must make an array of at most 2147483647 numbers"),
    ],
)  # fmt: skip
def test_what_an_operation_cannot_read(name, shape, message):
    kind, settings, *_ = GOOD[name]
    with pytest.raises(ValueError, match=message):
        added(kind, settings, shape)


def test_tensors_of_another_graph():
    one, other = Graph((3,)), Graph((3,))
    with pytest.raises(ValueError, match="operations must read tensors of their own graph; received Tensor"):
        one.add("sum", [one.input, other.input], {})
    with pytest.raises(ValueError, match="operations must read tensors of their own graph"):
        one.finish(other.input)
    with pytest.raises(ValueError, match="dense: must read one tensor; received 2"):
        one.add("dense", [one.input, one.input], {"units": 1})


def test_an_embedding_reads_tokens():
    graph = Graph((4,))
    selected = graph.input.then("select", indices=np.array([1, 3])).then("flatten")
    assert selected.then("embedding", vocabulary=5, dim=3).shape == (2, 3)
    with pytest.raises(ValueError, match="embedding: must read token ids; received what dropout gives"):
        graph.input.then("dropout", rate=0.5).then("embedding", vocabulary=5, dim=3)


def test_all_leads_to_the_output():
    graph = Graph((3,))
    graph.input.then("dense", units=2)
    with pytest.raises(ValueError, match="operations must all lead to the output; received dense that nothing reads"):
        graph.finish(graph.input.then("dropout", rate=0.1))


def test_what_is_merged_is_alike_or_repeated():
    graph = Graph((4, 3))
    narrow, mean = graph.input.then("dense", units=2), graph.input.then("global_mean")
    one = narrow.then("dense", units=1)
    assert merged([graph.input, narrow], "concat").shape == (4, 5)
    assert merged([one, mean, graph.input], "sum").shape == merged([mean, graph.input], "product").shape == (4, 3)
    with pytest.raises(
        ValueError, match=r"sum: must read one shape, .* or one feature; received \(4, 3\) and \(4, 2\)"
    ):
        merged([graph.input, narrow], "sum")
    with pytest.raises(ValueError, match=r"product: must .* one feature; received \(4, 1\) and \(3,\)"):
        merged([one, mean], "product")
    steps = Graph((None, 3)).input
    assert merged([steps.then("global_max"), steps], "product").shape == (None, 3)
    image = Graph((3, 4, 5)).input
    pixel = image.then("convolution", filters=3, kernel=(4, 5), stride=(1, 1), dilation=(1, 1), groups=1)
    assert merged([pixel, image], "sum").shape == (3, 4, 5)
    flat = image.then("flatten").then("dense", units=4)
    with pytest.raises(ValueError, match=r"sum: must .*; received \(3, 4, 5\) and \(4,\)"):
        merged([image, flat], "sum")
    with pytest.raises(ValueError, match=r"concat: must read shapes that differ in their features alone"):
        merged([graph.input, graph.input.then("flatten")], "concat")


@pytest.mark.parametrize("name", ["dense", "select", "layer norm", "batch norm"])
def test_features_that_are_not_known(name):
    kind, settings, *_ = GOOD[name]
    with pytest.raises(ValueError, match=rf"{kind}: must read a known number of features; received \(None,\)"):
        added(kind, settings, (None,))
    x = Graph((None,)).input
    with pytest.raises(ValueError, match=r"concat: must read a known number of features; received \(None,\)"):
        merged([x, x], "concat")


@pytest.mark.parametrize(
    ("what", "settings", "message"),
    [
        (layers.Dense, {}, "what must be the name of .*; received <class .*Dense'>, a class: make one of it"),
        (None, {}, "what must be the name of .*; received None$"),
        (
            layers.Dense(2),
            {"activation": "relu"},
            r"a layer must have its .*; received activation with Dense\(",
        ),
    ],
)
def test_what_cannot_follow_a_tensor(what, settings, message):
    with pytest.raises(TypeError, match=message):
        Graph((3,)).input.then(what, **settings)


def test_what_cannot_be_merged():
    x = Graph((3,)).input
    for tensors, how, message in (
        ([], "concat", "tensors must be one at least; received none"),
        ([x, None], "sum", "operations must read tensors of their own graph; received None"),
        ([None, x], "sum", r"tensors must be of a graph; received \[None, Tensor"),
        ([x], "flatten", "how must be one of concat, sum, product; received 'flatten'"),
        ([x], None, "how must be one of concat, sum, product; received None"),
    ):
        with pytest.raises(ValueError, match=message):
            merged(tensors, how)
    for alone in (x, (tensor for tensor in [x])):
        with pytest.raises(TypeError, match="tensors must be a list of tensors; received "):
            merged(alone, "sum")
    assert merged([x], "sum").shape == merged((x,), "sum").shape == (3,)


def test_trees():
    graph = Graph((1, 3))
    x = graph.input.then("recursive", **RECURSIVE)
    with pytest.raises(ValueError, match="operations must agree on the children of a node; received 2, 3"):
        graph.finish(x.then("recursive", **{**RECURSIVE, "children": 3}))
    graph = Graph((1, 3))
    x = graph.input.then("recurrent", **{**RECURRENT, "units": 3}).then("recursive", **RECURSIVE)
    with pytest.raises(ValueError, match=r"operations on trees must be of dense, .*; received recurrent"):
        graph.finish(x)
    graph = Graph((4, 3))
    with pytest.raises(
        ValueError, match=r"input_shape must be \(None, F\) or \(None,\) for trees, or .*; received \(4, 3\)"
    ):
        graph.finish(graph.input.then("recursive", **RECURSIVE))


def test_parameters_of_another_size():
    core, graph = _core.load("float64"), Graph((3,))
    graph.finish(graph.input.then("dense", units=2))
    with pytest.raises(ValueError, match="parameters must be the 8 numbers that the operations have; received 7"):
        core.Plan(graph, core.aligned_zeros(7), core.aligned_zeros(7), Turn())
    with pytest.raises(ValueError, match="gradients must be as many as parameters, 8; received 7"):
        core.Plan(graph, core.aligned_zeros(8), core.aligned_zeros(7), Turn())
    for other in (Graph((3,)), None, [{"kind": "dense"}]):
        with pytest.raises(TypeError, match="graph must be a finished Graph; received"):
            core.Plan(other, core.aligned_zeros(8), core.aligned_zeros(8), Turn())


def test_groups_of_parameters():
    """Those of one axis, and normalizations', are told apart; and scales, of what is within what multiplies."""
    graph = Graph((3,))
    y = graph.input.then("dense", units=2).then("layer_norm", epsilon=1e-3)
    graph.scale(0, 0.5, 3.0)
    y = merged([y, y], "concat").then("dense", units=5)
    graph.scale(0, 0.5, 1.0)
    graph.biases += [(6, 8), (32, 37)]
    graph.finish(y)
    assert parameter_groups(graph.operations, graph.biases, graph.size) == [
        (6, 0.25, 3.0, False), (12, 0.25, 3.0, True), (32, 0.5, 1.0, False), (37, 0.5, 1.0, True),
    ]  # fmt: skip


@pytest.mark.parametrize("stops", [(37, 37), (5,), (38,), ()])
def test_groups_are_of_all_parameters(monkeypatch, stops):
    net = Sequential(
        [layers.Dense(4), layers.Dense(3), layers.Dense(1), layers.Dense(1)], input_shape=3, seed=0, dtype="float64"
    )
    groups = [ParameterGroup(stop, 1.0, 1.0, False) for stop in stops]
    monkeypatch.setattr(_core.load("float64"), "parameter_groups", lambda *_: groups)
    before = net.parameters.copy()
    with pytest.raises(ValueError, match="groups must be of all 37 parameters"):
        net.fit(np.ones((2, 3)), np.ones(2), loss="squared_error", optimizer=AdamW(decay_biases=False), verbose=0)
    np.testing.assert_array_equal(net.parameters, before)


def test_groups_of_nothing():
    graph = Graph((3,))
    graph.finish(graph.input.then("dropout", rate=0.5))
    assert parameter_groups(graph.operations, graph.biases, graph.size) == []


@pytest.mark.parametrize(
    ("number", "change", "size", "message"),
    [
        (2, {"offset": 9}, 14, "dense: parameters must be from 8 on; received 9"),
        (0, {"output_shape": (3,)}, 14, "dense: parameters must be from 12 on; received 8"),
        (2, {"output_shape": (3,)}, 14, "operations must have 17 parameters; received 14"),
        (2, {}, 15, "operations must have 14 parameters; received 15"),
    ],
)  # fmt: skip
def test_parameters_that_are_counted_otherwise(number, change, size, message):
    """The core counts again what each operation's kind has told of it."""
    core, graph = _core.load("float64"), Graph((3,))
    graph.finish(graph.input.then("dense", units=2).then("dropout", rate=0.5).then("dense", units=2))
    graph.operations[number].update(change)
    graph.size = size
    with pytest.raises(ValueError, match=message):
        core.Plan(graph, core.aligned_zeros(size), core.aligned_zeros(size), Turn())


def test_calls_that_do_not_fit_a_plan():
    """What a layer of somebody's gives to its plan is counted too."""
    core = _core.load("float64")
    dense, lstm, nodes = (planned(added(*GOOD[name][:3])) for name in ("dense", "recurrent", "recursive"))
    two, three = (core.Trees(np.array([0, n + 1]), np.array([[-1] * n] * n + [range(n)], np.int32)) for n in (2, 3))
    rows = "1 samples must have 1 rows of 3 numbers; received 4 numbers"
    for call in (
        lambda x: dense.predict(x, 1, 1),
        lambda x: dense.forward(x, 1, 1, False, 0, False),
        lambda x: dense.gradients_at(x, np.ones(2), 1, 1),
    ):
        with pytest.raises(ValueError, match=rows):
            call(np.ones(4))
    dense.forward(np.ones(3), 1, 1, False, 0, False)
    with pytest.raises(ValueError, match="1 samples must have 1 rows of 2 numbers; received 4 numbers"):
        dense.backward(np.ones(4), 1, 1, False, 0, False)
    with pytest.raises(ValueError, match=r"states must have shape \(2, 4\); received \(2, 3\)"):
        lstm.predict(np.ones(24), 2, 1, states=np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"lengths must have shape \(2,\); received \(1,\)"):
        lstm.predict(np.ones(24), 2, 1, lengths=np.ones(1, np.int64))
    with pytest.raises(ValueError, match="trees must be None for these operations"):
        dense.predict(np.ones(9), 1, 1, trees=two)
    with pytest.raises(ValueError, match="trees must be given for these operations; received None"):
        nodes.predict(np.ones(3), 1, 1)
    with pytest.raises(ValueError, match="trees must have 2 children a node; received 3"):
        nodes.predict(np.ones(12), 1, 1, trees=three)
    assert nodes.predict(np.ones(9), 1, 1, trees=two).shape == (3, 3)
    one, order, moments = np.ones(1), np.zeros(1, np.int64), np.zeros((0, 8))
    sgd, seeds = SGD().rule, np.zeros(1, np.uint64)
    arguments = (
        np.ones((1, 2)), None, order, 1, 0, one, order.copy(), SquaredError(), True, sgd, moments, seeds, 1
    )  # fmt: skip
    with pytest.raises(ValueError, match="counts must be 1; received 2"):
        dense.train(np.ones(3), *arguments, np.zeros((1, 3)), np.ones(2, np.uint8))


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
def test_what_the_core_holds_is_not_copied(copied):
    core = _core.load("float32")
    empty = [kind.__new__(kind) for kind in (core.Snapshot, core.Places, core.Habits, core.Ranks)]
    for held in (core.SigmoidLayers((2, 1), core.aligned_zeros(3)), *empty):
        with pytest.raises(TypeError, match=r"cannot pickle|no default __reduce__"):
            copied(held)
