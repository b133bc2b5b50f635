"""What a graph reads, told from its operations: whoever's layers they come from, samples are checked and kept alike."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._types import Array
from .kinds import KINDS, Operations, Shape

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
        Whether each is a sequence of steps, the same that all operations see: lengths tell how many count. Where a
        row becomes steps of its own they would not.
    tokens : tuple of Tokens
        Of each embedding.
    states : tuple of States
        Of each recurrent operation, in the order of its columns.
    stateful : bool
        Whether a batch goes on from where the last one ended.
    """

    arity: int | None
    in_time: bool
    tokens: tuple[Tokens, ...]
    states: tuple[States, ...]
    stateful: bool


def reading_of(input_shape: Shape, operations: Operations) -> Reading:
    """Tell what samples these operations, before any are fused, read."""
    readers = {operation["kind"] for operation in operations if 0 in operation["reads"]}
    embeddings = [operation for operation in operations if operation["kind"] == "embedding"]
    # An embedding's steps are those of its samples where it reads all of them as they are.
    in_time = readers == {"embedding"} if len(input_shape) == 1 else len(input_shape) == 2 and not embeddings
    own_steps = any([op["kind"] == "reshape" and len(op["shape"]) == 2 for op in operations])
    tokens = [Tokens(_places(operations, one["reads"][0], input_shape), one["vocabulary"]) for one in embeddings]
    states = [
        States(one["directions"], _PARTS.get(one["cell"], 1), one["units"], one["stateful"])
        for one in operations
        if one["kind"] == "recurrent"
    ]
    arity = next((operation["children"] for operation in operations if operation["kind"] == "recursive"), None)
    return Reading(
        arity, in_time and not own_steps, tuple(tokens), tuple(states), any([one.stateful for one in states])
    )


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
