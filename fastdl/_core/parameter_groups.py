"""The parameters of a graph, in groups that share a learning rate and a weight decay."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any, NamedTuple

from .kinds import KINDS
from .operation import Operations


class ParameterGroup(NamedTuple):
    """A range of parameters that share a learning rate and a weight decay.

    Attributes
    ----------
    stop : int
        Their end; they begin at the end of the group before.
    lr_scale, decay_scale : float
        Factors of the optimizer's rate and decay.
    is_bias : bool
        Whether `Optimizer.decay_biases` applies to them.
    """

    stop: int
    lr_scale: float
    decay_scale: float
    is_bias: bool


def parameter_groups(operations: Operations, biases: Sequence[tuple[int, int]], size: int) -> list[ParameterGroup]:
    """Return the groups of a graph's parameters, in order.

    Parameters
    ----------
    operations : list of dict
    biases : sequence of (int, int)
    size : int
        As in `Graph`.
    """
    # Of several operations with the same offset, the last has the parameters. The others, and those that fusion adds,
    # have none.
    beginning = {operation["offset"]: operation for operation in operations if operation["kind"] in KINDS}
    ordered = sorted(set(biases))
    starts = sorted({0, *beginning, *(place for bias in ordered for place in bias)} - {size})
    found: list[ParameterGroup] = []
    operation: dict[str, Any] = {}
    for start, stop in zip(starts, [*starts, size][1:], strict=True):
        operation = beginning.get(start, operation)
        nearest = bisect_right(ordered, (start, size))
        is_bias = nearest > 0 and start < ordered[nearest - 1][1]
        group = ParameterGroup(
            stop,
            operation.get("lr_scale", 1.0),
            operation.get("decay_scale", 1.0),
            is_bias or KINDS[operation["kind"]].normalizes,
        )
        if found and found[-1][1:] == group[1:]:
            found.pop()
        found.append(group)
    return found


def has_scales(operations: Operations) -> bool:
    """Return whether any parameters have an `lr_scale` or a `decay_scale`."""
    return any(["lr_scale" in operation or "decay_scale" in operation for operation in operations])
