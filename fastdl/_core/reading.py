"""The kind of samples that a graph reads, derived from its operations, so that custom layers need not state it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._types import Array, Shape
from .kinds import KINDS, RANDOM
from .operation import Operations

_WINDOW = "kernel", "stride", "dilation"  # pools have no dilation
_PASSING = {"concat", *RANDOM, *(kind for kind, row in KINDS.items() if row.moves)}  # they pass numbers on
_PARTS = {"lstm": 2}  # of a cell's state: h and c


class Tokens(NamedTuple):
    """The token ids that an embedding reads, below `vocabulary`: these places of a flat sample, or None for all."""

    places: Array | None
    vocabulary: int


class States(NamedTuple):
    """The states of a recurrent operation: each direction has `parts` (an LSTM's h and c) of `units` numbers."""

    directions: int
    parts: int
    units: int
    stateful: bool

    @property
    def size(self) -> int:
        """How many numbers a sample's states are."""
        return self.directions * self.parts * self.units


class Reading(NamedTuple):
    """The kind of samples that a graph reads.

    Attributes
    ----------
    arity : int or None
        The number of children of a node, if samples are trees, as they are if an operation is recursive.
    in_time : bool
        Whether samples are sequences with the same steps for all operations, so that they may have lengths.
    changes_steps : bool
        Whether samples are sequences, but an operation changes their steps, so that they cannot have lengths.
    tokens : tuple of Tokens
        One for each embedding.
    states : tuple of States
        One for each recurrent operation, in the order of its columns.
    stateful : bool
        Whether a batch continues from the states at the end of the last one.
    ends_in : str
        The activation that the last operation is; "identity" if it is another operation.
    activations : frozenset of str
        All activations whose results reach the output, if selected, dropped or with noise.
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
    """Derive it from operations before fusion."""
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
    # An embedding's steps are its samples' steps only if nothing else reads the samples.
    in_time = readers == {"embedding"} if len(input_shape) == 1 else len(input_shape) == 2 and not embeddings
    changes_steps = in_time and _changes_steps(operations)
    tokens = [Tokens(_places(operations, one["reads"][0], input_shape), one["vocabulary"]) for one in embeddings]
    stateful = any([one.stateful for one in states])
    return Reading(
        arity, in_time and not changes_steps, changes_steps, tuple(tokens), tuple(states), stateful,
        *_ends_of(input_shape, operations),
    )  # fmt: skip


def _ends_of(input_shape: Shape, operations: Operations) -> tuple[str, frozenset[str]]:
    """Return `ends_in` and `activations` of a `Reading`."""
    shapes = [input_shape, *[operation["output_shape"] for operation in operations]]
    last = len(operations)
    while last and operations[last - 1]["kind"] == "flatten" and len(shapes[operations[last - 1]["reads"][0]]) == 1:
        (last,) = operations[last - 1]["reads"]  # the flatten of a row, which does nothing
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
    """Return whether the output's steps are not the input's; a convolution with enough padding keeps them."""
    more = [0]  # how many more steps than the input each tensor has
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
    """Return the places in a flat sample of a tensor's numbers; None if it is the input itself."""
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
