"""Fusion: a graph's operations are replaced by fewer ones that give the same results.

An activation is merged into the product, the sum or the batch normalization before it, and a sum into the batch
normalization just before it, which then reads the other summand. A relu before a max_pool is applied after it instead,
to a quarter of the numbers. A flatten that changes no memory layout is left out. At the end each tensor is read by one
operation: every further reader gets a ``fan_out``, whose gradient is added to the tensor's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .kinds import FROM_OUTPUT
from .operation import Fields, Operations

_ACTIVATED = ("dense", "convolution", "transposed_convolution", "batch_norm", "sum")  # can apply an activation in place


def fused(operations: Operations, input_shape: tuple[Any, ...]) -> Operations:
    """Return the fused operations; the kth writes tensor k + 1."""
    readers: list[list[str]] = [[] for _ in range(len(operations) + 1)]  # the kinds of operations that read each tensor
    for operation in operations:
        for number in operation["reads"]:
            readers[number].append(operation["kind"])
    kept: Operations = []
    now = [0]  # the new number of each tensor
    for operation in operations:
        kind, first = operation["kind"], operation["reads"][0]
        source = now[first]
        before = kept[source - 1] if source and len(readers[first]) == 1 else None  # if nothing else reads its output
        if kind == "activation" and before and _joins(operation, before):
            before["activation"], before["setting"] = operation["activation"], operation["setting"]
            now.append(source)
        elif kind == "flatten" and _is_flat(_shape_of(first, operations, input_shape), readers[len(now)]):
            # From now on both numbers mean the source, so they share one list of readers.
            readers[first].remove("flatten")
            readers[first] += readers[len(now)]
            readers[len(now)] = readers[first]
            now.append(source)
        elif (
            kind == "sum"
            and kept
            and len({_shape_of(number, operations, input_shape) for number in operation["reads"]}) == 1
            and (other := _added(operation, readers, now, kept)) is not None
        ):
            kept[-1]["reads"] += (other,)
            now.append(len(kept))
        else:
            kept.append({**operation, "reads": tuple(map(now.__getitem__, operation["reads"]))})
            now.append(len(kept))
            if kind == "max_pool" and before and before.get("activation") == "relu":
                before["activation"], kept[-1]["activation"] = "identity", "relu"
    return _with_fan_outs(kept, input_shape) if max(map(len, readers)) > 1 else kept


def _shape_of(number: int, operations: Operations, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
    shape: tuple[Any, ...] = operations[number - 1]["output_shape"] if number else input_shape
    return shape


def _joins(activation: Fields, before: Fields) -> bool:
    # The backward pass of any other activation needs its inputs, which fusion would not keep.
    from_output = activation["activation"] in FROM_OUTPUT
    return before["kind"] in _ACTIVATED and before.get("activation", "identity") == "identity" and from_output


def _added(operation: Fields, readers: list[list[str]], now: list[int], kept: Operations) -> int | None:
    """Return the number of the tensor that a sum adds to the batch normalization just before it; None for others."""
    last, before = len(kept), kept[-1]
    if before["kind"] != "batch_norm" or len(before["reads"]) > 1 or before.get("activation", "identity") != "identity":
        return None
    reads = operation["reads"]
    ours = [k for k in reads if now[k] == last]
    others = [now[k] for k in reads if now[k] != last]
    return others[0] if len(ours) == len(others) == 1 and readers[ours[0]] == ["sum"] else None


def _is_flat(shape: tuple[Any, ...], readers: list[str]) -> bool:
    """Return whether these readers would read the same numbers without the flatten.

    A sample of one channel, or of one pixel, has the memory layout of its flattened row, which is all that a dense
    layer reads. So has a sequence, but its flatten has to set steps that do not count to zero.
    """
    if len(shape) == 1:
        return True
    alike = shape[0] == 1 if len(shape) == 2 else shape[0] == 1 or shape[1] * shape[2] == 1
    return alike and set(readers) == {"dense"}


def _with_fan_outs(operations: Operations, input_shape: tuple[Any, ...]) -> Operations:
    uses = [0] * (len(operations) + 1)
    for operation in operations:
        for number in operation["reads"]:
            uses[number] += 1
    given: Operations = []

    def spread(number: int, shape: tuple[Any, ...]) -> Iterator[int]:
        """Add the fan_outs of the last tensor so far, and give the number of the tensor for each reader."""
        here = len(given)
        for _ in range(uses[number] - 1):
            given.append({
                "kind": "fan_out", "reads": (here,), "output_shape": shape, "offset": 0, "parameters": (),
            })  # fmt: skip
        return iter([here, *range(here + 1, len(given) + 1)])

    numbers = [spread(0, input_shape)]
    for k, operation in enumerate(operations):
        given.append({**operation, "reads": tuple(next(numbers[number]) for number in operation["reads"])})
        numbers.append(spread(k + 1, operation["output_shape"]))
    return given
