"""Conversion of a graph of ONNX's operators to a network of layers."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from ...._files import as_path, open_file
from ...._types import Shape
from ....sequential import Sequential
from ..package import onnx_package
from .beside import bring_in
from .reader import Reader
from .structure import layers_of, same
from .values import Constant, Node, Numbers, UnreadableError, check_size

_LEAST_OPSET = 13
_MOST_BYTES = 2_000_000_000
_MOST_NODES = 10_000
# Numbers of samples and steps to try, which have no common ratios.
_BATCHES = ((2, 6), (3, 11)), ((3, 2), (5, 3)), ((2, 40), (3, 47)), ((3, 1), (5, 2))


def from_onnx(path: str | os.PathLike[str]) -> Sequential:
    """Read a network that `to_onnx` has written, or PyTorch's exporters, if fastdl has its layers.

    Layers are recognised by what is computed from which numbers, however a file transposes, slices and reshapes its
    tensors. They may differ from the layers that the file was made from, but give the same results.

    Parameters
    ----------
    path : path-like
        A file of operator set 13 or later. Its arrays may lie in files beside it, as those of PyTorch's exporter do.

    Returns
    -------
    Sequential
        A network in float32, or in float64 if the file is. Samples have the form of the file's first input, (N, ...).

    Raises
    ------
    ValueError
        If it is no such file, or no layer does what it computes; the error names the operator.
    ImportError
        If the package onnx is not installed.

    Notes
    -----
    Nothing in a file is run. The graph is read twice, for small batches with different numbers of samples, and of steps
    if these are open, and both readings must be the same.
    """
    onnx, name = onnx_package(), as_path(path)
    try:
        return _network(onnx, _model(onnx, name))
    except (UnreadableError, RecursionError) as error:
        raise ValueError(f"{name} must be an ONNX file of fastdl's layers; {error}") from None


def _model(onnx: Any, name: str) -> Any:
    with open_file(name) as file:
        if (size := os.fstat(file.fileno()).st_size) > _MOST_BYTES:
            raise UnreadableError(f"it must be of at most {_MOST_BYTES} bytes; received {size}")
        data = file.read(size)
    try:
        model = onnx.load_model_from_string(data)
        _check(model)
        bring_in(model, name, _MOST_BYTES)
        onnx.checker.check_model(model)
    except UnreadableError:
        raise
    except Exception as error:  # protobuf's and the checker's errors have no narrower common class
        raise UnreadableError(f"it is none; {str(error).splitlines()[0] if str(error) else error!r}") from None
    return model


def _check(model: Any) -> None:
    graph = model.graph
    opsets = [one.version for one in model.opset_import if one.domain in ("", "ai.onnx")]
    if not opsets or min(opsets) < _LEAST_OPSET:
        raise UnreadableError(f"its operator set must be {_LEAST_OPSET} or later; received {opsets}")
    if len(graph.node) > _MOST_NODES:
        raise UnreadableError(f"it must have at most {_MOST_NODES} operators; received {len(graph.node)}")
    if graph.sparse_initializer or model.functions:
        raise UnreadableError("it must be without sparse arrays and functions of its own")
    attributes = [attribute for node in graph.node for attribute in node.attribute]
    if any(attribute.HasField("g") or attribute.graphs for attribute in attributes):
        raise UnreadableError("its operators must be without graphs of their own")


def _network(onnx: Any, model: Any) -> Sequential:
    graph = model.graph
    constants = {one.name for one in graph.initializer}
    inputs = [one for one in graph.input if one.name not in constants]
    if not inputs or not graph.output:
        raise UnreadableError("it must have an input and an output")
    form = _Form(onnx, inputs[0])
    first: UnreadableError | None = None
    for batches in _BATCHES if form.shape[0] is None else _BATCHES[:1]:
        try:
            found = [_read(onnx, model, inputs, form, *batch) for batch in dict.fromkeys(map(form.batch, batches))]
        except (ValueError, TypeError) as error:  # also raised by layers that refuse their arguments
            first = first or UnreadableError(str(error))
            continue
        (layers, arrays), *others = found
        if not all(same(found[0], other) for other in others):
            raise UnreadableError("what it does must not depend on how many samples or steps there are")
        dtype = form.dtype or next((str(array.dtype) for _, one in arrays for array in one.values()), "float32")
        if dtype not in ("float32", "float64"):
            raise UnreadableError(f"its numbers must be float32 or float64; received {dtype}")
        try:
            net = Sequential(layers)
            net.allocate(form.shape, dtype=dtype)
            for layer, named in arrays:
                for name, values in named.items():
                    (layer.params if name in layer.params else layer.buffers)[name] = values
        except (ValueError, TypeError, KeyError) as error:
            raise UnreadableError(str(error)) from None
        return net
    assert first is not None
    raise first


class _Form:
    """The kind and shape of an input's samples.

    Attributes
    ----------
    samples : int or None
        The number of samples, if it is fixed.
    shape : tuple
        The shape of a sample; T may be None.
    dtype : str or None
        The dtype; None for tokens.
    """

    def __init__(self, onnx: Any, info: Any) -> None:
        kind = info.type.tensor_type
        if not info.type.HasField("tensor_type") or not kind.HasField("shape"):
            raise UnreadableError(f"input {info.name} must be a tensor of a known number of axes")
        dims = [dim.dim_value if dim.HasField("dim_value") else None for dim in kind.shape.dim]
        dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type))
        is_tokens = dtype.kind in "iu"
        if not is_tokens and dtype.name not in ("float32", "float64"):
            raise UnreadableError(f"input {info.name} must be float32, float64 or integers; received {dtype}")
        if not 2 <= len(dims) <= (2 if is_tokens else 4) or any(n is not None and n < 1 for n in dims):
            raise UnreadableError(f"input {info.name} must be (N, F), (N, T, F) or (N, C, H, W); received {dims}")
        self.samples, *rest = dims
        self.shape: Shape = tuple(rest)
        self.dtype = None if is_tokens else dtype.name
        may_be_open = is_tokens or len(rest) == 2
        if None in rest[1:] or (rest[0] is None and not may_be_open):
            raise UnreadableError(
                f"input {info.name} must be of a fixed size, but for samples and steps; received {dims}"
            )
        check_size(*(n or 1 for n in dims))

    def batch(self, free: tuple[int, int]) -> tuple[int, Shape]:
        """Return the number of samples of a batch and their shape, with free numbers of samples and steps if open."""
        samples, steps = free
        return self.samples or samples, tuple(steps if n is None else n for n in self.shape)


def _read(onnx: Any, model: Any, inputs: list[Any], form: _Form, samples: int, shape: Shape) -> Any:
    """Read the layers of the graph, for a batch."""
    reader, name = Reader(onnx, model.graph, samples), inputs[0].name
    start = Node(shape, "input", facts={"is_tokens": form.dtype is None, "name": name})
    reader.give(name, start)
    for other in inputs[1:]:
        dims = [dim.dim_value for dim in other.type.tensor_type.shape.dim]
        if other.name == "lengths" and len(dims) == 1 and model.producer_name == "fastdl":
            reader.values[other.name] = Constant(np.full(samples, start.shape[0]))
        elif len(dims) in (2, 3) and dims[-1] >= 1:  # states in PyTorch's form, (D, N, H), or in ours
            reader.give(other.name, Node((dims[-1],), "state", facts={"name": other.name}))
            if len(dims) == 3:
                state = reader.values[other.name]
                assert isinstance(state, Numbers)
                reader.values[other.name] = state.moved(state.places[None])
        else:
            shown = ", ".join(str(n or "?") for n in dims)
            raise UnreadableError(
                f"it must have one input, {name}, besides states (N, H) or (D, N, H) that recurrent layers start with; "
                f"received {other.name} of shape ({shown})"
            )
    return layers_of(reader.tensors.tensor(reader.run()), start)
