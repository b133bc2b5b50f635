"""What a plan refuses: a layer of anybody's that lies about its shapes or parameters is told so, and nothing runs."""

import numpy as np
import pytest

from fastdl import Sequential, _core, layers
from fastdl._turn import Turn

DENSE = {"kind": "dense", "output_shape": (2,), "activation": "tanh", "offset": 0}  # of (3,)
OVER_TIME = {**DENSE, "output_shape": (4, 2)}  # of (4, 3)
CONVOLUTION = {
    "kind": "convolution", "output_shape": (2, 4, 3), "activation": "relu", "kernel": (2, 3), "stride": (1, 1),
    "offset": 0,
}  # fmt: skip
POOL = {"kind": "max_pool", "output_shape": (3, 2, 2), "kernel": (2, 2), "stride": (2, 2)}
IMAGE = (3, 5, 5)
RECURRENT = {
    "kind": "recurrent", "output_shape": (4, 2), "offset": 0, "cell": "lstm", "cell_activation": "tanh", "units": 2,
    "directions": 1, "sequences": True, "adds": False, "stateful": False,
}  # fmt: skip
RNN = {**RECURRENT, "cell": "rnn"}
EMBEDDING = {"kind": "embedding", "output_shape": (4, 3), "offset": 0, "vocabulary": 5}
RECURSIVE = {
    "kind": "recursive", "output_shape": (1, 3), "offset": 0, "composition": "matrix", "composition_activation": "tanh",
    "children": 2,
}  # fmt: skip
FLATTEN = {"kind": "flatten", "output_shape": (12,)}
DROPOUT = {"kind": "dropout", "output_shape": (3,), "rate": 0.5}
PAD = {"kind": "pad", "output_shape": (3, 7, 9), "padding": (1, 2)}
SHIFT = {"kind": "shift", "output_shape": IMAGE, "padding": (1, 2)}
SOFTMAX = {"kind": "activation", "output_shape": (4, 3), "activation": "softmax"}

# Operations that are as they should be: what they read, how many parameters they have.
GOOD = {
    "dense": (DENSE, (3,), 8),
    "dense over time": (OVER_TIME, (4, 3), 8),
    "convolution": (CONVOLUTION, IMAGE, 38),
    "pool": (POOL, IMAGE, 0),
    "recurrent": (RECURRENT, (4, 3), 56),
    "embedding": (EMBEDDING, (4,), 15),
    "recursive": (RECURSIVE, (1, 3), 21),
    "flatten": (FLATTEN, (4, 3), 0),
    "dropout": (DROPOUT, (3,), 0),
    "pad": (PAD, IMAGE, 0),
    "shift": (SHIFT, IMAGE, 0),
    "softmax": (SOFTMAX, (4, 3), 0),
}


def plan(operations, input_shape, output_shape, parameters):
    core = _core.load("float64")
    flat, gradients = core.aligned_zeros(parameters), core.aligned_zeros(parameters)
    return core.Plan(input_shape, output_shape, operations, flat, gradients, Turn())


@pytest.mark.parametrize(("operation", "shape", "parameters"), GOOD.values(), ids=GOOD.keys())
def test_each_is_taken_as_it_should_be(operation, shape, parameters):
    assert plan([operation], shape, operation["output_shape"], parameters).output_shape == operation["output_shape"]


# What is changed of one, and what is said then.
REFUSED = [
    ("dense", {"kind": "Dense"}, r"operations\[0\]: kind must be one of dense, .*, recursive; received 'Dense'"),
    ("dense", {"kind": None}, "kind must be one of .*; received None"),
    ("dense", {"activation": "swish"}, "dense: activation must be one of identity, .*, softmax; received 'swish'"),
    ("dense", {"activation": None}, "activation must be one of .*; received None"),
    ("dense", {"rate": 0.5}, "dense: must have kind, output_shape, activation, offset; received .*, rate"),
    ("dense", {"output_shape": [2]}, r"output_shape must be \(F,\), \(T, F\) or \(C, H, W\); received \[2\]"),
    ("dense", {"output_shape": (0,)}, r"output_shape must be .*; received \(0,\)"),
    ("dense", {"output_shape": (2.0,)}, r"output_shape must be .*; received \(2.0,\)"),
    ("dense", {"output_shape": (True,)}, r"output_shape must be .*; received \(True,\)"),
    ("dense", {"output_shape": ()}, r"output_shape must be .*; received \(\)"),
    ("dense", {"output_shape": (2**31,)}, r"output_shape must be .*; received \(2147483648,\)"),
    ("dense", {"output_shape": (2**16, 2**16)}, "output_shape must have at most 2147483647 numbers; received"),
    ("dense", {"output_shape": (4, 2)}, r"output_shape must be \(2,\), of \(3,\); received \(4, 2\)"),
    ("dense", {"offset": 1}, "offset must be 0, where its parameters begin; received 1"),
    ("dense", {"offset": -1}, "offset must be an integer from 0 to 2147483647; received -1"),
    ("dense over time", {"output_shape": (3, 2)}, r"output_shape must be \(4, 2\), of \(4, 3\); received \(3, 2\)"),
    ("dense over time", {"output_shape": (2,)}, r"output_shape must be \(4, 2\), of \(4, 3\); received \(2,\)"),
    ("convolution", {"activation": "softmax"}, "activation must be one of identity, relu, sigmoid, tanh; received"),
    ("convolution", {"kernel": (6, 3)}, "kernel must fit into 5 x 5; received 6 x 3"),
    ("convolution", {"kernel": (0, 3)}, r"kernel must be two integers from 1 to 2147483647; received \(0, 3\)"),
    ("convolution", {"kernel": 3}, "kernel must be two integers from 1 to 2147483647; received 3"),
    ("convolution", {"kernel": (3, 3)}, r"output_shape must be \(2, 3, 3\), of \(3, 5, 5\); received \(2, 4, 3\)"),
    ("convolution", {"stride": (1, 2)}, r"output_shape must be \(2, 4, 2\), of \(3, 5, 5\); received \(2, 4, 3\)"),
    ("convolution", {"stride": (0, 1)}, r"stride must be two integers from 1 to 2147483647; received \(0, 1\)"),
    ("convolution", {"stride": (1, 2**70)}, r"stride must be two integers from 1 to 2147483647; received \(1, 118"),
    ("convolution", {"output_shape": (2, 4)}, r"output_shape must be \(2, 4, 3\), of \(3, 5, 5\); received \(2, 4\)"),
    ("pool", {"output_shape": (4, 2, 2)}, r"output_shape must be \(3, 2, 2\), of \(3, 5, 5\); received \(4, 2, 2\)"),
    ("pool", {"output_shape": (3, 3, 3)}, r"output_shape must be \(3, 2, 2\), of \(3, 5, 5\); received \(3, 3, 3\)"),
    ("recurrent", {"cell": "elman"}, "cell must be one of rnn, lstm, gru_before, gru_after; received 'elman'"),
    ("recurrent", {"cell_activation": "relu"}, "cell_activation must be one of tanh; received 'relu'"),
    ("recurrent", {"units": 3}, r"output_shape must be \(4, 3\), of \(4, 3\); received \(4, 2\)"),
    ("recurrent", {"units": 0}, "units must be an integer from 1 to 2147483647; received 0"),
    ("recurrent", {"units": 2**40}, "units must be an integer from 1 to 2147483647; received 1099511627776"),
    ("recurrent", {"directions": 3}, "directions must be an integer from 1 to 2; received 3"),
    ("recurrent", {"directions": 2}, r"output_shape must be \(4, 4\), of \(4, 3\); received \(4, 2\)"),
    ("recurrent", {"directions": 2, "stateful": True}, "stateful must be False for two directions; received True"),
    ("recurrent", {"adds": True}, "adds must be False for one direction; received True"),
    ("recurrent", {"adds": 1}, "adds must be True or False; received 1"),
    ("recurrent", {"sequences": False}, r"output_shape must be \(2,\), of \(4, 3\); received \(4, 2\)"),
    ("embedding", {"vocabulary": 0}, "vocabulary must be an integer from 1 to 2147483647; received 0"),
    ("embedding", {"output_shape": (3, 3)}, r"output_shape must be \(4, 3\), of \(4,\); received \(3, 3\)"),
    ("recursive", {"composition": "sum"}, "composition must be one of matrix, tensor, lstm; received 'sum'"),
    ("recursive", {"composition": "lstm", "composition_activation": "relu"}, "must be one of tanh; received 'relu'"),
    ("recursive", {"composition_activation": "softmax"}, "composition_activation must be one of identity, relu"),
    ("recursive", {"children": 17}, "children must be an integer from 1 to 16; received 17"),
    ("recursive", {"output_shape": (1, 4)}, r"output_shape must be \(1, 3\), of \(1, 3\); received \(1, 4\)"),
    ("flatten", {"output_shape": (4, 3)}, r"output_shape must be \(12,\), of \(4, 3\); received \(4, 3\)"),
    ("dropout", {"rate": 1}, "rate must be from 0 to 0.999; received 1"),
    ("dropout", {"rate": "0.5"}, "rate must be from 0 to 0.999; received '0.5'"),
    ("dropout", {"output_shape": (4,)}, r"output_shape must be \(3,\), of \(3,\); received \(4,\)"),
    ("pad", {"padding": (2, 1)}, r"output_shape must be \(3, 9, 7\), of \(3, 5, 5\); received \(3, 7, 9\)"),
    ("pad", {"padding": (-1, 2)}, r"padding must be two integers from 0 to 2147483647; received \(-1, 2\)"),
    ("shift", {"padding": (-1, 0)}, r"padding must be two integers from 0 to 2147483647; received \(-1, 0\)"),
    ("shift", {"output_shape": (3, 5, 6)}, r"output_shape must be \(3, 5, 5\), of \(3, 5, 5\); received \(3, 5, 6\)"),
    ("softmax", {"output_shape": (12,)}, r"output_shape must be \(4, 3\), of \(4, 3\); received \(12,\)"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "change", "message"), REFUSED)
def test_a_field_that_is_wrong(name, change, message):
    operation, shape, parameters = GOOD[name]
    with pytest.raises(ValueError, match=message):
        plan([{**operation, **change}], shape, operation["output_shape"], parameters)


@pytest.mark.parametrize("name", GOOD)
def test_a_field_that_is_missing(name):
    operation, shape, parameters = GOOD[name]
    for field in operation:
        fields = {key: value for key, value in operation.items() if key != field}
        with pytest.raises(ValueError, match="must"):
            plan([fields], shape, operation["output_shape"], parameters)


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("dense", IMAGE, r"dense: must read \(F,\) or \(T, F\); received \(3, 5, 5\)"),
        ("dense", (4, 3), r"output_shape must be \(4, 2\), of \(4, 3\); received \(2,\)"),
        ("convolution", (4, 3), r"convolution: must read \(C, H, W\); received \(4, 3\)"),
        ("convolution", (3, 1, 2), "kernel must fit into 1 x 2; received 2 x 3"),
        ("pool", (3,), r"max_pool: must read \(C, H, W\); received \(3,\)"),
        ("recurrent", (3,), r"recurrent: must read \(T, F\); received \(3,\)"),
        ("recurrent", IMAGE, r"recurrent: must read \(T, F\); received \(3, 5, 5\)"),
        ("embedding", (4, 3), r"embedding: must read \(T,\); received \(4, 3\)"),
        ("recursive", (3,), r"recursive: must read \(1, F\); received \(3,\)"),
        ("pad", (4, 3), r"pad: must read \(C, H, W\); received \(4, 3\)"),
        ("shift", (4, 3), r"shift: must read \(C, H, W\); received \(4, 3\)"),
        ("softmax", (3, 4, 5), "activation must be one of identity, relu, sigmoid, tanh; received 'softmax'"),
        ("flatten", (4, 4), r"output_shape must be \(16,\), of \(4, 4\); received \(12,\)"),
        ("dropout", (3, 3), r"output_shape must be \(3, 3\), of \(3, 3\); received \(3,\)"),
        ("dense", (None, 3), r"input_shape must be \(F,\), \(T, F\) or \(C, H, W\); received \(None, 3\)"),
        ("dense", (1, 1, 1, 3), "input_shape must be"),
        ("dense", (2**20, 2**20), "input_shape must have at most 2147483647 numbers"),
    ],
)  # fmt: skip
def test_what_an_operation_cannot_read(name, shape, message):
    operation, _, parameters = GOOD[name]
    with pytest.raises(ValueError, match=message):
        plan([operation], shape, operation["output_shape"], parameters)


NEXT = {**DENSE, "offset": 8}  # behind DENSE


@pytest.mark.parametrize(
    ("operations", "shape", "output_shape", "parameters", "message"),
    [
        ([DENSE], (3,), (3,), 8, r"output_shape must be \(2,\), which the operations give; received \(3,\)"),
        ([], (3,), (4,), 0, r"output_shape must be \(3,\), which the operations give; received \(4,\)"),
        ([FLATTEN, DENSE], (4, 3), (2,), 8, "parameters must be the 26 numbers that the operations have; received 8"),
        ([DENSE], (3,), (2,), 7, "parameters must be the 8 numbers that the operations have; received 7"),
        ([DENSE], (3,), (2,), 9, "parameters must be the 8 numbers that the operations have; received 9"),
        ([DENSE, DENSE], (3,), (2,), 8, "offset must be 8, where its parameters begin; received 0"),
        ([DENSE, NEXT], (3,), (2,), 16, "parameters must be the 14 numbers that the operations have; received 16"),
        ([DENSE, {**NEXT, "offset": 7}], (3,), (2,), 14, "offset must be 8, .*; received 7"),
        ([{**DENSE, "offset": 6}, DENSE], (3,), (2,), 14, "offset must be 0, .*; received 6"),
        ([OVER_TIME, {**DENSE, "offset": 8}], (4, 3), (2,), 14, r"output_shape must be \(4, 2\), of \(4, 2\)"),
        ([DROPOUT, EMBEDDING], (3,), (4, 3), 15, "embedding: must come first, as it reads token ids"),
        (
            [RECURSIVE, {**RECURSIVE, "children": 3, "offset": 21}], (1, 3), (1, 3), 51,
            "operations must agree on the children of a node; received 2, 3",
        ),
        (
            [{**RNN, "output_shape": (1, 3), "units": 3}, {**RECURSIVE, "offset": 24}], (1, 3), (1, 3), 45,
            "operations on trees must be of dense, activation, dropout, embedding, recursive; received recurrent",
        ),
        (
            [{**RECURSIVE, "output_shape": (4, 3)}], (4, 3), (4, 3), 21,
            r"input_shape must be \(1, F\) or \(1,\) for trees; received \(4, 3\)",
        ),
    ],
)  # fmt: skip
def test_operations_that_do_not_follow_one_another(operations, shape, output_shape, parameters, message):
    with pytest.raises(ValueError, match=message):
        plan(operations, shape, output_shape, parameters)


def test_gradients_of_another_size():
    core = _core.load("float64")
    with pytest.raises(ValueError, match="gradients must be as many as parameters, 8; received 7"):
        core.Plan((3,), (2,), [DENSE], core.aligned_zeros(8), core.aligned_zeros(7), Turn())


class Halves(layers.Dense):
    """A layer of somebody's that says too little of itself."""

    def __init__(self, units, says):
        super().__init__(units)
        self.says = says

    def _output_shape(self, shape):
        return (self.units // 2,) if self.says == "output" else super()._output_shape(shape)

    def _parameter_shapes(self, shape):
        return super()._parameter_shapes((shape[0] // 2,) if self.says == "parameters" else shape)

    def _operations(self, shape, offset):
        (operation,) = super()._operations(shape, offset)
        return [{**operation, "output_shape": (self.units,)}]


@pytest.mark.parametrize(
    ("says", "message"),
    [
        ("output", r"output_shape must be \(6,\), which the operations give; received \(3,\)"),
        ("parameters", "parameters must be the 30 numbers that the operations have; received 18"),
    ],
)
def test_a_layer_that_lies(says, message):
    with pytest.raises(ValueError, match=message):
        Halves(6, says).build(4)
    with pytest.raises(ValueError, match="must be"):
        Sequential([Halves(6, says), layers.Dense(2)], input_shape=4)


def test_calls_that_do_not_fit_a_plan():
    """What a layer of somebody's gives to its plan is counted too."""
    core = _core.load("float64")
    dense, lstm = plan([DENSE], (3,), (2,), 8), plan([RECURRENT], (4, 3), (4, 2), 56)
    nodes = plan([RECURSIVE], (1, 3), (1, 3), 21)
    two, three = (
        core.Trees(np.array([0, n + 1]), np.array([[-1] * n] * n + [range(n)], np.int32), np.ones(n + 1, np.uint8))
        for n in (2, 3)
    )
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
    assert nodes.predict(np.ones(9), 1, 1, trees=two).shape == (9,)
