"""The graph of a network, as the core takes it: operations that read tensors and write one, checked as they are added.

A layer may be a user's own, so the operations that it adds are checked here, before any memory is taken: the core
relies on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple, Protocol

from .._limits import MOST_NUMBERS
from .._types import Shape
from .fusion import fused
from .kinds import MERGES, check_trees, operation_of
from .operation import Operations
from .reading import Reading, reading_of
from .shapes import checked_shape


class Part(Protocol):
    """Anything that can follow a tensor by adding operations of its own, as a layer does."""

    def lower(self, x: Tensor) -> Tensor:
        """Add operations to the tensor's graph, and give the tensor that the last one writes."""


class Tensor:
    """A value in a graph: its input, or the output of an operation.

    Attributes
    ----------
    graph : Graph
    number : int
    shape : tuple
        The shape of one sample, (F,), (T, F) or (C, H, W); T may be None where it is not known yet.
    """

    __slots__ = ("graph", "number", "shape")

    graph: Graph
    number: int
    shape: Shape

    def __init__(self, graph: Graph, number: int, shape: Shape) -> None:
        self.graph, self.number, self.shape = graph, number, shape

    def __repr__(self) -> str:
        return f"Tensor(number={self.number}, shape={self.shape})"

    def then(self, what: str | Part, **settings: Any) -> Tensor:
        """Go on with an operation, or with a layer.

        Parameters
        ----------
        what : str or Layer
            The kind of an operation of the core, such as "dense"; or a layer, which adds its own operations.
        **settings
            Those of the operation, all of them.

        Returns
        -------
        Tensor
            What the operation writes, or the last one of the layer.

        Raises
        ------
        ValueError
            If the operation cannot read this shape, or a setting is missing, unknown or wrong.
        TypeError
            If ``what`` is neither, or a layer comes with settings.
        """
        if isinstance(what, str):
            return self.graph.add(what, (self,), settings)
        if isinstance(what, type) or not hasattr(what, "lower"):
            hint = ", a class: make one of it" if isinstance(what, type) else ""
            raise TypeError(f"what must be the name of an operation, or a layer; received {what!r}{hint}")
        if settings:
            raise TypeError(f"a layer must have its settings already; received {', '.join(settings)} with {what!r}")
        return what.lower(self)


class Lowered(NamedTuple):
    """A layer's place in a graph: its input and output, its parameters and its operations."""

    layer: Any
    input_shape: Shape
    output_shape: Shape
    offset: int
    end: int
    source: int  # the number of the tensor that it reads
    target: int  # and of the one that it writes
    operations: range  # their numbers, before any are fused


class Graph:
    """The operations that samples of one shape go through.

    Parameters
    ----------
    input_shape : tuple
        The shape of one sample, as in `Tensor`.

    Attributes
    ----------
    operations : list of dict
        The kth writes tensor k + 1. Each has its `kind`, the numbers of the tensors that it `reads`, its
        `output_shape`, the shapes of its `parameters`, the `offset` at which they begin, and its settings. `frozen` is
        True where nothing may change the parameters; `lr_scale` and `decay_scale` are there where they are not 1.
    size : int
        The number of parameters.
    buffers : list of (int, int)
        The ranges of parameters that no optimizer changes, such as running statistics.
    biases : list of (int, int)
        The ranges of parameters that have one axis.
    layers : list of Lowered
        The layers that have been lowered into it, children before their parents.
    reading : Reading
        What its samples are; known once it is finished.
    output_shape : tuple or None
        Known once it is finished.
    """

    reading: Reading

    def __init__(self, input_shape: Shape) -> None:
        self.input_shape: Shape = checked_shape(input_shape, "input_shape")
        self.operations: Operations = []
        self.size: int = 0
        self.buffers: list[tuple[int, int]] = []
        self.biases: list[tuple[int, int]] = []
        self.layers: list[Lowered] = []
        self._given = {0}  # tensors that hold the input's own numbers, moved at most
        self.output_shape: Shape | None = None

    @property
    def input(self) -> Tensor:
        """The tensor that the first operations read."""
        return Tensor(self, 0, self.input_shape)

    def add(self, kind: str, tensors: Sequence[Tensor], settings: dict[str, Any]) -> Tensor:
        """Add an operation that reads these tensors, and give the one that it writes."""
        operation = operation_of(kind, settings, tuple([self._own(tensor).shape for tensor in tensors]))
        shape, parameters = operation.infer()
        reads = tuple([tensor.number for tensor in tensors])
        if kind == "embedding" and reads[0] not in self._given:
            raise operation.error(f"must read token ids; received what {self.operations[reads[0] - 1]['kind']} gives")
        if operation.row.moves and reads[0] in self._given:
            self._given.add(len(self.operations) + 1)
        place = {"offset": self.size, "parameters": parameters}
        self.operations.append({"kind": kind, "reads": reads, "output_shape": shape, **place, **settings})
        self.size += sum(map(prod, parameters))
        if operation.buffers:
            self.buffers.append((self.size - operation.buffers, self.size))
        if self.size > MOST_NUMBERS:
            raise ValueError(
                f"the parameters of layers must make an array of at most {MOST_NUMBERS} numbers; received {self.size}"
            )
        return Tensor(self, len(self.operations), shape)

    def freeze(self, first: int) -> None:
        """Protect the parameters and statistics of the operations from number ``first`` on from training."""
        for operation in self.operations[first:]:
            operation["frozen"] = True

    def scale(self, first: int, lr_scale: float, decay_scale: float) -> None:
        """Multiply the rate and the decay of the operations from number ``first`` on by these scales."""
        for name, scale in (("lr_scale", lr_scale), ("decay_scale", decay_scale)):
            for operation in self.operations[first:] if scale != 1 else ():
                operation[name] = scale * operation.get(name, 1.0)

    def leading_to(self, number: int) -> tuple[Graph, list[slice]]:
        """Return the part of an unfinished graph that leads to a tensor.

        Parameters
        ----------
        number : int
            The tensor's number.

        Returns
        -------
        graph : Graph
            Finished, with parameters of its own.
        places : list of slice
            For each of its operations, where the parameters lie among those of this graph.
        """
        needed = {number}
        for k in range(number, 0, -1):
            if k in needed:
                needed.update(self.operations[k - 1]["reads"])
        ends = [*(operation["offset"] for operation in self.operations[1:]), self.size]
        part, places, now, shape = Graph(self.input_shape), [], {0: 0}, self.input_shape
        for k in sorted(needed - {0}):
            operation = self.operations[k - 1]
            reads = tuple([now[source] for source in operation["reads"]])
            part.operations.append({**operation, "reads": reads, "offset": part.size})
            places.append(slice(operation["offset"], ends[k - 1]))
            part.size += ends[k - 1] - operation["offset"]
            now[k], shape = len(part.operations), operation["output_shape"]
        return part.finish(Tensor(part, now[number], shape)), places

    def without_layers(self) -> Graph:
        """Forget which layers have been lowered into it, but not their places: others may have them."""
        self.layers = [lowered._replace(layer=None) for lowered in self.layers]
        return self

    def _own(self, tensor: Any) -> Tensor:
        if not isinstance(tensor, Tensor) or tensor.graph is not self:
            raise ValueError(f"operations must read tensors of their own graph; received {tensor!r}")
        return tensor

    def finish(self, output: Tensor) -> Graph:
        """Make this tensor the graph's output, and fuse the operations."""
        self._own(output)
        read = {number for operation in self.operations for number in operation["reads"]}
        if unread := set(range(1, len(self.operations) + 1)) - read - {output.number}:
            kinds = ", ".join(self.operations[number - 1]["kind"] for number in sorted(unread))
            raise ValueError(f"operations must all lead to the output; received {kinds} that nothing reads")
        check_trees(self.input_shape, self.operations)
        self.reading = reading_of(self.input_shape, self.operations)
        self.operations = fused(self.operations, self.input_shape)
        self.output_shape = output.shape
        return self


def merged(tensors: Sequence[Tensor], how: str) -> Tensor:
    """Merge several tensors into one.

    Parameters
    ----------
    tensors : sequence of Tensor
        One at least, of one graph.
    how : {"concat", "sum", "product"}
        Concatenate them along their features, (F,) and (T, F), or channels, (C, H, W); or add or multiply them
        elementwise.

    Returns
    -------
    Tensor
        It has the shape of each; a concat has the features or channels of all of them. In a sum or a product one tensor
        has this shape, and others may have one row for all steps or pixels, such as (F,), or one feature, or both.

    Raises
    ------
    ValueError
        If there is none, or they belong to different graphs, or their shapes do not fit.
    TypeError
        If they are in no list or tuple.
    """
    if not isinstance(tensors, (list, tuple)):
        raise TypeError(f"tensors must be a list of tensors; received {tensors!r}")
    if not tensors:
        raise ValueError("tensors must be one at least; received none")
    if how not in MERGES:
        raise ValueError(f"how must be one of {', '.join(MERGES)}; received {how!r}")
    if not isinstance(tensors[0], Tensor):
        raise ValueError(f"tensors must be of a graph; received {tensors!r}")
    return tensors[0].graph.add(how, tensors, {})
