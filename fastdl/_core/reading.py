"""What a graph reads, told from its operations: whoever's layers they come from, samples are checked and kept alike."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._types import Array, Shape
from .kinds import KINDS
from .operation import Operations

_WINDOW = "kernel", "stride", "dilation"  # which pools have not
_PASSING = "concat", "dropout", "flatten", "noise", "reshape", "select"  # give what they read, as far as they go
_PARTS = {"lstm": 2}  # of a cell's state: h and c


class Tokens(NamedTuple):
    """What an embedding reads: ids below `vocabulary`, at these places of a flat sample, or all of it."""

    places: Array | None
    vocabulary: int


class States(NamedTuple):
    """What a recurrent operation ends with, and starts with: of each direction so many parts of so many units."""

    directions: int
    parts: int
    units: int
    stateful: bool

    @property
    def size(self) -> int:
        """How many numbers a sample's are."""
        return self.directions * self.parts * self.units


class Reading(NamedTuple):
    """What the samples of a graph are.

    Attributes
    ----------
    arity : int or None
        How many children a node has of trees, which they are where any operation is recursive.
    in_time : bool
        Whether each is a sequence of steps, the same that all operations see: lengths tell how many count.
    changes_steps : bool
        Whether some operation gives other steps than the input has, so that lengths would tell nothing of them.
    tokens : tuple of Tokens
        Of each embedding.
    states : tuple of States
        Of each recurrent operation, in the order of its columns.
    stateful : bool
        Whether a batch goes on from where the last one ended.
    ends_in : str
        The activation that the last operation is; "identity" where it is none.
    activations : frozenset of str
        Those whose numbers the outputs are, passed on, left out here and there or with noise.
    """

    arity: int | None
    in_time: bool
    changes_steps: bool
    tokens: tuple[Tokens, ...]
    states: tuple[States, ...]
    stateful: bool
    ends_in: str
    activations: frozenset[str]


def reading_of(input_shape: Shape, operations: Operations) -> Reading:
    """Tell what samples these operations, before any are fused, read."""
    readers, embeddings, states, arity = set(), [], [], None
    for operation in operations:
        kind = operation["kind"]
        if 0 in operation["reads"]:
            readers.add(kind)
        if kind == "embedding":
            embeddings.append(operation)
        elif kind == "recurrent":
            parts = _PARTS.get(operation["cell"], 1)
            states.append(States(operation["directions"], parts, operation["units"], operation["stateful"]))
        elif kind == "recursive":
            arity = operation["children"]
    # An embedding's steps are those of its samples where it reads all of them as they are.
    in_time = readers == {"embedding"} if len(input_shape) == 1 else len(input_shape) == 2 and not embeddings
    changes_steps = in_time and _changes_steps(operations)
    tokens = [Tokens(_places(operations, one["reads"][0], input_shape), one["vocabulary"]) for one in embeddings]
    stateful = any([one.stateful for one in states])
    return Reading(
        arity, in_time and not changes_steps, changes_steps, tuple(tokens), tuple(states), stateful,
        *_ends_of(input_shape, operations),
    )  # fmt: skip


def _ends_of(input_shape: Shape, operations: Operations) -> tuple[str, frozenset[str]]:
    """Tell which activation comes last, and which ones the outputs are of."""
    shapes = [input_shape, *[operation["output_shape"] for operation in operations]]
    last = len(operations)
    while last and operations[last - 1]["kind"] == "flatten" and len(shapes[operations[last - 1]["reads"][0]]) == 1:
        (last,) = operations[last - 1]["reads"]  # of a row, which is left out
    passed, found = {last}, set()
    for number in range(last, 0, -1):
        operation = operations[number - 1]
        if number in passed and operation["kind"] in _PASSING:
            passed.update(operation["reads"])
        elif number in passed and operation["kind"] == "activation":
            found.add(operation["activation"])
    ends = last > 0 and operations[last - 1]["kind"] == "activation"
    return (operations[last - 1]["activation"] if ends else "identity"), frozenset(found)


def _changes_steps(operations: Operations) -> bool:
    """Tell whether, but for zeros that convolutions see around them, steps become others."""
    more = [0]  # than the input has, of each tensor
    for operation in operations:
        reads = [more[number] for number in operation["reads"]]
        if operation["kind"] in ("convolution", "max_pool", "mean_pool") and len(operation["output_shape"]) == 2:
            (_, width), (_, stride), (_, dilation) = (operation.get(key, (1, 1)) for key in _WINDOW)
            if stride > 1:
                return True
            more.append(reads[0] - (width - 1) * dilation)
        elif any(reads) or (operation["kind"] == "reshape" and len(operation["output_shape"]) == 2):
            return True
        else:
            in_time = operation["kind"] == "pad" and len(operation["output_shape"]) == 2
            more.append(sum(operation["padding"][1]) if in_time else 0)
    return more[-1] != 0


def _places(operations: Operations, number: int, input_shape: Shape) -> Array | None:
    """Give the places of a sample whose numbers a tensor holds; None of all."""
    moves = []
    while number:
        moves.append(operations[number - 1])
        (number,) = moves[-1]["reads"]
    if not moves:
        return None
    places = np.arange(np.prod(input_shape)).reshape(input_shape)
    for operation in reversed(moves):
        if move := KINDS[operation["kind"]].moves:
            places = move(places, operation)
    return places
