"""The operations of a network for inference, as few as possible, each with its parameters."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod

import numpy as np

from ..._core.graph import Graph
from ..._core.kinds import RANDOM
from ..._core.operation import Fields
from ..._types import Array, Shape
from .parameters import named_parameters

_PASSED_ON = {"activation", "fan_out", *RANDOM}  # outside training, apart from their activations
_PRODUCTS = {"dense", "convolution", "transposed_convolution"}
_ACTIVATED = _PRODUCTS | {"batch_norm", "sum", "max_pool"}  # these can apply an activation
_IDENTITY = "identity", 0.0


@dataclass
class Step:
    """The work of one function of the file.

    Attributes
    ----------
    kind : str
    reads : list of int
        The numbers of the tensors that it reads: 0 is the input, and the kth step, from 1, writes tensor k.
    shapes : list of tuple
        The shapes of these tensors.
    shape : tuple
        The shape of the tensor that it writes.
    settings : dict
        The operation's.
    parameters : dict of str to ndarray
        In float64.
    activation : (str, float)
        The activation of its output, and its setting.
    """

    kind: str
    reads: list[int]
    shapes: list[Shape]
    shape: Shape
    settings: Fields = field(default_factory=dict)
    parameters: dict[str, Array] = field(default_factory=dict)
    activation: tuple[str, float] = _IDENTITY


def steps_of(graph: Graph, flat: Array) -> list[Step]:
    """Return a finished graph with these parameters as steps, of which the last writes the output.

    Between steps, images have channels last; the input and the output have channels first.
    """
    return _joined(_written_out(graph, flat))


def _written_out(graph: Graph, flat: Array) -> list[Step]:
    """Return the steps of all operations that do something."""
    steps: list[Step] = []

    def add(step: Step) -> int:
        steps.append(step)
        return len(steps)

    def activated(number: int, shape: Shape, name: str, setting: float) -> int:
        if name == "identity":
            return number
        kind = "softmax" if name == "softmax" else "activation"
        return add(Step(kind, [number], [shape], shape, activation=(name, setting)))

    shapes = [first := graph.input_shape]
    now = [0 if is_row(first) else add(Step("channels_last", [0], [first], first))]  # the new number of each tensor
    for operation in graph.operations:
        kind, shape, read = operation["kind"], operation["output_shape"], [shapes[k] for k in operation["reads"]]
        if kind == "dense" and len(read[0]) == 3:  # an image in the order of its memory, which needs no flatten
            read = [(prod(read[0]),)]
        reads = [now[number] for number in operation["reads"]]
        if kind in _PASSED_ON or (kind in ("flatten", "reshape") and is_row(read[0]) and is_row(shape)):
            made = reads[0]
        else:
            parameters = {name: a.astype("float64") for name, a in named_parameters(operation, flat).items()}
            adds = kind == "batch_norm" and len(reads) > 1  # its second input, to the normalized first one
            made = add(Step(kind, reads[:1] if adds else reads, read, shape, operation, parameters))
            if adds:
                made = add(Step("sum", [made, reads[1]], [shape, shape], shape))
        now.append(activated(made, shape, operation.get("activation", "identity"), operation.get("setting", 0.0)))
        shapes.append(shape)
    last = graph.output_shape
    assert last is not None
    if not is_row(last):
        add(Step("channels_first", [now[-1]], [last], last))
    elif not now[-1]:
        add(Step("copy", [0], [last], last))
    return steps


def is_row(shape: Shape) -> bool:
    """Return whether a sample has the same order in memory with channels first and last."""
    return len(shape) < 3 or shape[0] == 1 or shape[1] * shape[2] == 1


def _joined(steps: list[Step]) -> list[Step]:
    """Merge a batch normalization or an activation into the product before it, and a flatten into the one after it."""
    readers: list[list[str]] = [[] for _ in range(len(steps) + 1)]
    for step in steps:
        for number in step.reads:
            readers[number].append(step.kind)
    kept: list[Step] = []
    now, unrolled = [0], {}  # unrolled: images that a dense layer reads in place
    for step in steps:
        source = step.reads[0]
        before = kept[now[source] - 1] if now[source] and len(readers[source]) == 1 else None
        if step.kind == "flatten" and set(readers[len(now)]) == {"dense"}:
            unrolled[len(now)] = step.shapes[0]
            now.append(now[source])
            continue
        if source in unrolled:
            _take_as_it_lies(step, unrolled[source])
        if before and before.activation == _IDENTITY and _takes(before, step):
            before.activation = step.activation
            now.append(now[source])
            continue
        step.reads = [now[number] for number in step.reads]
        kept.append(step)
        now.append(len(kept))
    return kept


def _takes(before: Step, step: Step) -> bool:
    """Merge the next step into this one, and tell whether that was possible."""
    if step.kind == "batch_norm" and before.kind in _PRODUCTS:
        scale, shift = scale_and_shift(step)
        before.parameters["weight"] = before.parameters["weight"] * scale
        before.parameters["bias"] = before.parameters["bias"] * scale + shift
        return True
    return step.kind == "activation" and before.kind in _ACTIVATED


def scale_and_shift(step: Step) -> tuple[Array, Array]:
    """Return the factor and the summand of each channel in a batch normalization."""
    gain, bias, mean, variance = (step.parameters[name] for name in ("gain", "bias", "mean", "variance"))
    scale = gain / np.sqrt(variance + step.settings["epsilon"])
    return scale, bias - mean * scale


def _take_as_it_lies(dense: Step, image: Shape) -> None:
    """Reorder the weights of a dense layer that reads an image, from channels first to channels last."""
    weight = dense.parameters["weight"]
    units = weight.shape[-1]
    dense.parameters["weight"] = weight.reshape(*image, units).transpose(1, 2, 0, 3).reshape(weight.shape)
