"""A reader of a graph, operator by operator, for a batch with given numbers of samples and steps."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np

from ...._types import Array
from .cells import recurrent
from .constants import CONSTANTS
from .inputs import numbers_of
from .moves import MOVES, concatenated, pad, split
from .operators import COMPUTING
from .tensors import Tensors, of_one
from .values import Constant, Node, Numbers, UnreadableError, Value, shortest

_MOST_AT_ONCE, _MOST_WORK = 1 << 26, 1 << 31  # the most numbers of arrays that are kept, and of all arrays
# The exceptions of operators on wrong arrays.
_DAMAGE = (ValueError, TypeError, IndexError, KeyError, AttributeError, OverflowError, ZeroDivisionError)
_CELLS = ("RNN", "LSTM", "GRU")


class Reader:
    """The meaning of the graph's tensors, by name.

    Parameters
    ----------
    onnx : module
    graph : GraphProto
    samples : int
        The number of samples of the batch.
    """

    def __init__(self, onnx: Any, graph: Any, samples: int) -> None:
        self._onnx, self._graph = onnx, graph
        self.tensors = Tensors(samples)
        self.values: dict[str, Value | None] = {"": None}
        self._kept = self._work = 0
        for one in graph.initializer:
            self.values[one.name] = Constant(self._array(one))
        self._given = {*self.values}

    def _array(self, tensor: Any) -> Array:
        array: Array = self._onnx.numpy_helper.to_array(tensor)
        return array

    def give(self, name: str, node: Node) -> None:
        """Make a node the value of an input."""
        self.values[name] = replace(self.tensors.all_of(node), integral=node.facts.get("is_tokens", False))

    def run(self) -> Numbers:
        """Read all operators, and give the output; other outputs may only be final states of recurrent layers."""
        uses = Counter(name for node in self._graph.node for name in node.input)
        uses.update(("", *(output.name for output in self._graph.output)))
        for node in self._graph.node:
            try:
                values = self._outcome(node)
            except _DAMAGE as error:
                raise UnreadableError(f"{node.op_type} ({node.name or node.output[0]}): {error}") from None
            for name, value in zip(node.output, values, strict=False):
                self.values[name] = value
                self._count(value)
                if isinstance(value, Numbers) and uses[name] > 1:
                    value.node.facts["shared"] = True
            uses.subtract(node.input)
            for name in {*node.input, *node.output}:
                if not uses[name] and name not in self._given:
                    self._kept -= _size(self.values.pop(name, None))
        first, *others = (self.values.get(output.name) for output in self._graph.output)
        if not isinstance(first, Numbers):
            raise UnreadableError("its output must depend on samples")
        if not all(isinstance(other, Numbers) and other.node.facts.get("ends") for other in others):
            raise UnreadableError("its outputs must be one, and the states of recurrent layers")
        return first

    def _count(self, value: Value | None) -> None:
        self._kept += _size(value)
        self._work += _size(value)
        if self._kept > _MOST_AT_ONCE or self._work > _MOST_WORK:
            raise UnreadableError(f"the network must be a small one, of tensors of {_MOST_AT_ONCE} numbers together")

    def _outcome(self, node: Any) -> list[Any]:
        kind, outputs = node.op_type, len(node.output)
        if node.domain not in ("", "ai.onnx"):
            raise UnreadableError(f"operators must be ONNX's own; received one of {node.domain}")
        inputs = [self.values[name] for name in node.input]
        attributes = {one.name: self._attribute(one) for one in node.attribute}
        first = inputs[0] if inputs else None
        if kind == "Constant":
            (value,) = attributes.values()
            return [Constant(np.asarray(value))]
        if kind == "Shape":
            shape = numbers_of(inputs).places.shape if isinstance(first, Numbers) else self._arrays(inputs)[0].shape
            return [Constant(np.array(shape[attributes.get("start", 0) : attributes.get("end")], np.int64))]
        embeds = kind == "Gather" and isinstance(first, Constant) and isinstance(inputs[1], Numbers)
        if kind in MOVES and isinstance(first, (Numbers, Constant)) and not embeds:
            return [self._moved(MOVES[kind], attributes, first, self._arrays(inputs[1:]))]
        if kind == "Split":
            arrays = self._arrays(inputs[1:])
            whole = first.values if isinstance(first, Constant) else numbers_of(inputs).places
            return [_as(first, part) for part in split(attributes, outputs, whole, *arrays)]
        if kind == "Pad":
            pads, fill, axes, *_ = [*self._arrays(inputs[1:]), None, None]
            if isinstance(first, Constant):
                return [Constant(pad(attributes, first.values, pads, axes, 0 if fill is None else fill))]
            if fill is not None and fill.any():
                raise UnreadableError("padding must be of zeros")
            return [_as(first, pad(attributes, numbers_of(inputs).places, pads, axes, -1))]
        if all(isinstance(value, Constant) or value is None for value in inputs):
            if kind == "Concat":
                return [Constant(concatenated(attributes, self._arrays(inputs)))]
            if kind in CONSTANTS:
                if "to" in attributes:
                    attributes["to"] = self._onnx.helper.tensor_dtype_to_np_dtype(attributes["to"])
                return [Constant(np.asarray(CONSTANTS[kind](attributes, *self._arrays(inputs))))]
        if kind == "Cast" and isinstance(first, Numbers):
            return [self._cast(first, attributes["to"])]
        if kind in _CELLS:
            return recurrent(kind, self.tensors, inputs, attributes)
        if kind not in COMPUTING:
            raise UnreadableError("no layer has such an operator")
        if not embeds and any(isinstance(value, Numbers) and value.integral for value in inputs):
            raise UnreadableError("tokens must be looked up in a table, or made numbers first")
        return [COMPUTING[kind](self.tensors, inputs, attributes, outputs)]

    def _cast(self, x: Numbers, to: int) -> Numbers:
        """Convert numbers to tokens, or a graph's integers to numbers."""
        kind = np.dtype(self._onnx.helper.tensor_dtype_to_np_dtype(to)).name
        if kind in ("int32", "int64"):
            return replace(x, integral=True)
        if kind not in ("float32", "float64") or (x.integral and not x.node.facts.get("is_tokens")):
            raise UnreadableError(f"numbers must stay as they are; received a cast to {kind}")
        return replace(x, integral=False)

    def _attribute(self, attribute: Any) -> Any:
        value = self._onnx.helper.get_attribute_value(attribute)
        kinds = self._onnx.AttributeProto
        if attribute.type == kinds.TENSOR:
            return self._array(value)
        return shortest(value) if attribute.type == kinds.FLOAT else value

    @staticmethod
    def _arrays(inputs: Any) -> list[Any]:
        if not all(isinstance(value, Constant) or value is None for value in inputs):
            raise UnreadableError("shapes, axes and the like must not depend on samples")
        return [value and value.values for value in inputs]

    @staticmethod
    def _moved(move: Any, attributes: dict[str, Any], x: Numbers | Constant, arrays: list[Any]) -> Value:
        if isinstance(x, Constant):
            return Constant(move(attributes, x.values, *arrays), x.values if x.whole is None else x.whole)
        return of_one(x.moved(move(attributes, x.places, *arrays)))


def _size(value: Value | None) -> int:
    array = value.values if isinstance(value, Constant) else value.places if isinstance(value, Numbers) else None
    return 0 if array is None else array.size


def _as(x: Any, array: Array) -> Any:
    return Constant(array) if isinstance(x, Constant) else of_one(x.moved(array))
