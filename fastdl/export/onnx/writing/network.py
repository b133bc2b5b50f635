"""Conversion of a network to a graph of ONNX's operators."""

from __future__ import annotations

import os

import numpy as np

from ...._core.graph import Graph
from ...._core.operation import parameters_of
from ...._files import replacing
from ...._types import Shape
from ...._validation.values import as_flag, check_is
from ...._version import __version__
from ....layers import Conv1D, Layer
from ....layers.container import named_within
from .operations import OPERATIONS
from .writer import Value, Writer

OPSET = 17  # the first one with LayerNormalization
_IR_VERSION = 8  # the file format that comes with that operator set
_MOST_BYTES = 2_000_000_000  # the limit of a file without external data


def to_onnx(net: Layer, path: str | os.PathLike[str], *, with_lengths: bool = False) -> None:
    """Write a network for inference as ONNX, of operator set 17.

    Its input is ``x``, (N, ...) as for `predict`, of int64 if it is all tokens; its output is ``y``. N may be any
    number, and so may T if the network's ``input_shape`` has None. Random layers are left out.

    Parameters
    ----------
    net : Layer
        Built: a `Sequential`, or a layer alone.
    path : path-like
        The file; an existing one is replaced.
    with_lengths : bool
        Whether to add an input ``lengths``, int64 (N,): how many steps of each sequence count. Without it all do.

    Raises
    ------
    ValueError
        If samples are trees, an operation has no counterpart in ONNX, the network takes no `lengths`, or parameters are
        not finite or larger than 2 GB.
    ImportError
        If the package onnx is not installed.

    Notes
    -----
    As runtimes keep no state, the states of stateful layers are inputs and outputs: for the kth layer of the network
    ``k.h`` and ``k.h_after``, (N, units), and for an LSTM also ``k.c`` and ``k.c_after``. The first ones are zeros.
    """
    check_is(net, "net", Layer)
    net.check_built()
    w, graph = Writer(net.dtype), Graph(net.input_shape)
    output = net.lower(graph.input).number
    _check(net, graph, as_flag(with_lengths, "with_lengths"))
    is_tokens = bool(graph.operations) and all(
        operation["kind"] == "embedding" for operation in graph.operations if 0 in operation["reads"]
    )
    inputs = [w.tensor_info(w.new_name("x"), np.int64 if is_tokens else w.dtype, *_axes(net.input_shape, "time"))]
    w.tokens = "x" if is_tokens else None
    if with_lengths:
        w.lengths = w.new_name("lengths")
        inputs.append(w.tensor_info(w.lengths, np.int64, "batch"))
    y = w.new_name("y")
    with net.turn.lock:
        values, places = [Value("x", net.input_shape)], _places(net, graph)
        for k, operation in enumerate(graph.operations):
            w.place = places[k]
            read = [values[number] for number in operation["reads"]]
            weights = parameters_of(operation, net.flat[0])
            values.append(OPERATIONS[operation["kind"]](w, read, operation, weights))
        w.place = "output"
        w.ending(w.rows(values[output]), y)
    time = "time" if net.reading.in_time else "time_after"
    outputs = [w.tensor_info(y, w.dtype, *_axes(net.output_shape, time))]
    helper = w.onnx.helper
    model = helper.make_model(
        helper.make_graph(w.nodes, "fastdl", inputs + w.inputs, outputs + w.outputs, w.initializers),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=_IR_VERSION,
        producer_name="fastdl",
        producer_version=__version__,
    )
    w.onnx.checker.check_model(model, full_check=True)
    with replacing(path) as file:
        file.write(model.SerializeToString())


def _check(net: Layer, graph: Graph, with_lengths: bool) -> None:
    """Check that a network can be written as ONNX."""
    if net.arity is not None:
        raise ValueError("net must be of vectors, images or sequences; received one of trees, which ONNX has not")
    for operation in graph.operations:
        if operation["kind"] not in OPERATIONS:
            raise ValueError(f"net must be of {', '.join(OPERATIONS)}; received {operation['kind']}")
    for layer, shape in ((lowered.layer, lowered.input_shape) for lowered in graph.layers):
        if shape[0] is None and isinstance(layer, Conv1D) and layer.padding == "same" and layer.stride > 1:
            raise ValueError(
                "input_shape must have a number of steps where the zeros around them depend on it; received "
                f"{net.input_shape} for {layer!r}"
            )
    if with_lengths and not net.reading.in_time:
        raise ValueError("with_lengths must be False for a network that takes none; received True")
    if not np.isfinite(net.flat[0]).all():
        raise ValueError("parameters must be finite; received some that are not")
    if net.flat[0].nbytes > _MOST_BYTES:
        raise ValueError(f"net must have parameters of at most 2 GB, as ONNX's files; received {net.flat[0].nbytes}")


def _axes(shape: Shape, time: str) -> list[int | str]:
    """Return the axes of a batch: numbers, or names of open ones."""
    return ["batch", *(time if n is None else n for n in shape)]


def _places(net: Layer, graph: Graph) -> list[str]:
    """Return the name of the innermost layer of each operation."""
    names = {id(layer): name for name, layer in named_within(net).items()}
    found = [type(net).__name__] * len(graph.operations)
    for lowered in reversed(graph.layers):  # children come before their parents
        for k in lowered.operations if id(lowered.layer) in names else ():
            found[k] = names[id(lowered.layer)]
    return found
