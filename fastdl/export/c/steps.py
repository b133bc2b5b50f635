"""The operations of a network that is no longer trained: fewer, each with its parameters."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod

import numpy as np

from ..._core.graph import Graph
from ..._core.operation import Fields
from ..._types import Array, Shape
from .parameters import parameters_of

_PASSED_ON = {
    "activation",
    "fan_out",
    "dropout",
    "noise",
    "shift",
    "flip",
    "rotate",
    "erase",
}  # outside training, but for what activates them
_PRODUCTS = {"dense", "convolution", "transposed_convolution"}
_ACTIVATED = _PRODUCTS | {"batch_norm", "sum", "max_pool"}  # which apply an activation to each number
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
        Theirs.
    shape : tuple
        Of what it writes.
    settings : dict
        The operation's.
    parameters : dict of str to ndarray
        In float64.
    activation : (str, float)
        What becomes of each number that it writes, and its setting.
    """

    kind: str
    reads: list[int]
    shapes: list[Shape]
    shape: Shape
    settings: Fields = field(default_factory=dict)
    parameters: dict[str, Array] = field(default_factory=dict)
    activation: tuple[str, float] = _IDENTITY


def steps_of(graph: Graph, flat: Array) -> list[Step]:
    """Give a finished graph, whose parameters these are, as steps, of which the last writes the output.

    Images are channels last between steps, but as they come and go.
    """
    return _joined(_written_out(graph, flat))


def _written_out(graph: Graph, flat: Array) -> list[Step]:
    """Give the steps of all operations that do something."""
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
    now = [0 if is_row(first) else add(Step("channels_last", [0], [first], first))]  # what each tensor has become
    for operation in graph.operations:
        kind, shape, read = operation["kind"], operation["output_shape"], [shapes[k] for k in operation["reads"]]
        if kind == "dense" and len(read[0]) == 3:  # that lies in memory as its numbers do, so that nothing flattens it
            read = [(prod(read[0]),)]
        reads = [now[number] for number in operation["reads"]]
        if kind in _PASSED_ON or (kind in ("flatten", "reshape") and is_row(read[0]) and is_row(shape)):
            made = reads[0]
        else:
            parameters = {name: a.astype("float64") for name, a in parameters_of(operation, read[0], flat).items()}
            adds = kind == "batch_norm" and len(reads) > 1  # what it is given second, to what it makes of the first
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
    """Tell whether a sample lies in memory as its numbers follow one another, channels first or last."""
    return len(shape) < 3 or shape[0] == 1 or shape[1] * shape[2] == 1


def _joined(steps: list[Step]) -> list[Step]:
    """Let products take what follows them: a batch normalization, an activation; and what flattens before them."""
    readers: list[list[str]] = [[] for _ in range(len(steps) + 1)]
    for step in steps:
        for number in step.reads:
            readers[number].append(step.kind)
    kept: list[Step] = []
    now, unrolled = [0], {}  # unrolled: images that a dense layer reads as they lie
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
    """Let a step do the next one's work, if it can."""
    if step.kind == "batch_norm" and before.kind in _PRODUCTS:
        scale, shift = scale_and_shift(step)
        before.parameters["weight"] = before.parameters["weight"] * scale
        before.parameters["bias"] = before.parameters["bias"] * scale + shift
        return True
    return step.kind == "activation" and before.kind in _ACTIVATED


def scale_and_shift(step: Step) -> tuple[Array, Array]:
    """Give what a batch normalization multiplies each channel by, and what it adds."""
    gain, bias, mean, variance = (step.parameters[name] for name in ("gain", "bias", "mean", "variance"))
    scale = gain / np.sqrt(variance + step.settings["epsilon"])
    return scale, bias - mean * scale


def _take_as_it_lies(dense: Step, image: Shape) -> None:
    """Bring the weights of a dense layer that reads an image's numbers, channels first, in the order channels last."""
    weight = dense.parameters["weight"]
    units = weight.shape[-1]
    dense.parameters["weight"] = weight.reshape(*image, units).transpose(1, 2, 0, 3).reshape(weight.shape)
