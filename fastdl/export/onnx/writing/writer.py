"""Writes an ONNX graph: values, nodes and constants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...._types import Array, Shape
from ..package import onnx_package

Sides = tuple[tuple[int, int], tuple[int, int]]
_SMALL = 32  # constants of at most this many numbers are shared


class Value(NamedTuple):
    """A tensor of the network, and its form in ONNX's graph.

    Attributes
    ----------
    name : str
    shape : tuple
        The shape of a sample in the network.
    features_first : bool
        Whether a sequence is (N, F, T), as ONNX's convolutions need.
    padding : pair of pairs, or None
        Padding with zeros that is not written yet, as a convolution can include it.
    """

    name: str
    shape: Shape
    features_first: bool = False
    padding: Sides | None = None


Weights = Sequence[Array]  # the parameters of an operation, as the core stores them


class Writer:
    """A graph that grows node by node.

    Parameters
    ----------
    dtype : str
        The dtype of the network.

    Attributes
    ----------
    place : str
        The prefix of the names of nodes and constants from now on.
    lengths : str or None
        The name of the input that says how many steps of each sequence count.
    tokens : str or None
        The name of the tensor of integers.
    type : int
        ONNX's number of the dtype.
    inputs, outputs : list
        The inputs and outputs for states.
    """

    def __init__(self, dtype: str) -> None:
        self.onnx = onnx_package()
        self.dtype, self.place = np.dtype(dtype), ""
        self.type = self.onnx.helper.np_dtype_to_tensor_dtype(self.dtype)
        self.lengths: str | None = None
        self.tokens: str | None = None
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []
        self._names: set[str] = set()
        self._small: dict[tuple[Any, ...], str] = {}

    def new_name(self, name: str) -> str:
        """Return an unused name."""
        found, k = name, 1
        while found in self._names:
            k += 1
            found = f"{name}_{k}"
        self._names.add(found)
        return found

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output, and give the name of it."""
        return self.several(kind, inputs, 1, **attributes)[0]

    def several(self, kind: str, inputs: Sequence[str], count: int, **attributes: Any) -> list[str]:
        """Add a node with several outputs, and give their names."""
        name = self.new_name(f"{self.place}/{kind}")
        outputs = [name] if count == 1 else [self.new_name(f"{name}.{k}") for k in range(count)]
        self.nodes.append(self.onnx.helper.make_node(kind, inputs, outputs, name=name, **attributes))
        return outputs

    def constant(self, values: Any, name: str = "constant") -> str:
        """Add an array, unless it is small and exists already."""
        array = np.ascontiguousarray(values)
        array = array.reshape(np.shape(values))  # a number must have no axes
        key = (array.dtype.str, array.shape, array.tobytes()) if array.size <= _SMALL and name == "constant" else None
        if key is None or key not in self._small:
            found = self.new_name(name)
            self.initializers.append(self.onnx.numpy_helper.from_array(array, found))
            if key is None:
                return found
            self._small[key] = found
        return self._small[key]

    def parameter(self, role: str, values: Array) -> str:
        """Add a parameter of the operation that is being written."""
        return self.constant(values.astype(self.dtype), f"{self.place}.{role}")

    def number(self, value: float) -> str:
        """Return a constant in the network's dtype."""
        return self.constant(np.array(value, self.dtype))

    def integers(self, *values: int) -> str:
        """Return a vector of integers."""
        return self.constant(np.array(values, np.int64))

    def rows(self, x: Value) -> str:
        """Return the name of the tensor as (N, F), (N, T, F) or (N, C, H, W)."""
        name = self.as_it_lies(x)
        return self.node("Transpose", name, perm=[0, 2, 1]) if x.features_first else name

    def channels_first(self, x: Value) -> str:
        """Return the name of the tensor as (N, F), (N, F, T) or (N, C, H, W)."""
        name, is_other = self.as_it_lies(x), len(x.shape) == 2 and not x.features_first
        return self.node("Transpose", name, perm=[0, 2, 1]) if is_other else name

    def as_it_lies(self, x: Value) -> str:
        """Return the name of the tensor after writing its padding."""
        if x.padding is None:
            return x.name
        (top, bottom), (left, right) = x.padding
        if len(x.shape) == 3:
            ends = [(0, 0), (0, 0), (top, bottom), (left, right)]
        else:
            ends = [(0, 0), (0, 0), (left, right)] if x.features_first else [(0, 0), (left, right), (0, 0)]
        befores, afters = zip(*ends, strict=True)
        return self.node("Pad", x.name, self.integers(*befores, *afters), self.number(0))

    def steps(self, x: Value) -> str:
        """Return the number of a sequence's steps, a vector of one integer."""
        if x.shape[0] is not None:
            return self.integers(x.shape[0])
        return self.node("Shape", x.name, start=2 if x.features_first else 1, end=3 if x.features_first else 2)

    def places(self, x: Value) -> str:
        """Return the numbers of a sequence's steps, from 0 on: a vector."""
        if x.shape[0] is not None:
            return self.constant(np.arange(x.shape[0]))
        steps = self.node("Squeeze", self.steps(x), self.integers(0))
        return self.node("Range", self.constant(np.int64(0)), steps, self.constant(np.int64(1)))

    def counts(self, x: Value) -> str:
        """Return which steps count, (N, T); there must be lengths."""
        assert self.lengths is not None
        return self.node("Less", self.places(x), self.node("Unsqueeze", self.lengths, self.integers(1)))

    def cleared(self, x: Value, name: str, other: float = 0.0) -> str:
        """Return (N, T, F), in the order of x, with a number at steps that do not count, if there are lengths."""
        if self.lengths is None or len(x.shape) != 2:
            return name
        counts = self.node("Unsqueeze", self.counts(x), self.integers(2))
        return self.node("Where", counts, name, self.number(other))

    def reshaped(self, name: str, *shape: int) -> str:
        """Reshape a tensor; in the shape 0 keeps an axis, and -1 is the rest."""
        return self.node("Reshape", name, self.integers(*shape))

    def times(self, name: str, factor: float) -> str:
        """Multiply by a number, unless it is 1."""
        return name if factor == 1 else self.node("Mul", name, self.number(factor))

    def plus(self, name: str, term: float) -> str:
        """Add a number, unless it is 0."""
        return name if term == 0 else self.node("Add", name, self.number(term))

    def ending(self, name: str, output: str) -> None:
        """Make the tensor of one name the graph's output of another."""
        for node in self.nodes:
            if name in node.output:
                for names in (node.output, *(other.input for other in self.nodes)):
                    names[:] = [output if one == name else one for one in names]
                return
        self.nodes.append(self.onnx.helper.make_node("Identity", [name], [output], name=self.new_name("Identity")))

    def tensor_info(self, name: str, dtype: Any, *shape: int | str | None) -> Any:
        """Describe an input or an output."""
        kind = self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self.onnx.helper.make_tensor_value_info(name, kind, shape)
