"""The entry of all data: the arguments of layers and networks, checked and made into samples."""

from __future__ import annotations

from reprlib import repr as short
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .._validation.samples import (
    as_images,
    as_lengths,
    as_samples,
    as_stored,
    check_parts_within,
    check_tokens,
    checked_within,
)
from .._validation.values import check_is
from .dense import Samples
from .forest import Forest
from .sequences import Sequences

if TYPE_CHECKING:
    from ..layers import Layer


def as_batch(
    layer: Layer,
    x: Any,
    lengths: Any = None,
    trees: Any = None,
    prefix: str = "",
    *,
    as_it_lies: bool = False,
    may_wait: bool = False,
) -> Samples:
    """Check the samples that a layer or a network is called with; errors put the prefix before the arguments' names.

    Images in memory with channels last are copied to channels first, unless they may stay. If samples may wait for
    their turn, bytes and arrays mapped from files stay as they are.
    """
    reading = layer.reading
    if reading.arity is not None:
        return _forest(layer, x, lengths, trees, prefix, reading.arity)
    if trees is not None:
        raise ValueError(f"{prefix}trees must be None for a network without a recursive layer; received {short(trees)}")
    if lengths is None and not reading.tokens and _core.load(layer.dtype).is_ready(x, layer.input_shape):
        return Samples(x, x.shape[1:])  # as most are, without a look at what else they might be
    return _rows(layer, x, lengths, prefix, as_it_lies, may_wait)


def _rows(layer: Layer, x: Any, lengths: Any, prefix: str, as_it_lies: bool, may_wait: bool) -> Samples:
    """Check samples of any kind but trees."""
    reading, dtype, name, lengths_name = layer.reading, layer.dtype, f"{prefix}x", f"{prefix}lengths"

    def read(x: Any) -> tuple[Any, bool, bool]:
        last = waits = False
        if may_wait:
            x, waits = as_stored(x, name, layer.input_shape, dtype)
        elif as_it_lies:
            x, last = as_images(x, name, layer.input_shape, dtype)
        else:
            x = as_samples(x, name, layer.input_shape, dtype)
        if reading.tokens:
            check_tokens(x.transpose(0, 3, 1, 2) if last else x, name, reading.tokens)
        return x, last, waits

    padded, hides = lengths is not None and reading.in_time, False
    if padded and may_wait and type(x) is np.memmap:
        try:
            x, last, waits = read(x)
        except ValueError:
            check_parts_within(read, x, lengths, name, lengths_name)
            last, waits, hides = False, True, True
    else:
        x, last, waits = checked_within(read, x, lengths, name, lengths_name) if padded else read(x)
    waits_for = dtype if waits else ""
    if lengths is None:
        return Samples(x, layer.input_shape if last else x.shape[1:], last, waits_for)
    if not reading.in_time:
        which = "where a layer changes their steps" if reading.changes_steps else "without steps in time"
        hint = " (weights come after: (x, y, None, sample_weight))" if prefix else ""
        raise ValueError(
            f"{lengths_name} must be None for samples {which}, {x.shape[1:]}; received {short(lengths)}{hint}"
        )
    return Sequences(x, as_lengths(lengths, lengths_name, x), waits_for, hides)


def _forest(layer: Layer, x: Any, lengths: Any, trees: Any, prefix: str, arity: int) -> Forest:
    """Check trees, whose nodes have the rows of x."""
    name, tokens = f"{prefix}x", layer.reading.tokens
    if trees is None:
        raise ValueError(f"{prefix}trees must be given, as samples of a recursive layer are trees; received None")
    if lengths is not None:
        raise ValueError(f"{prefix}lengths must be None with trees; received {short(lengths)}")
    x = as_samples(x, name, layer.input_shape[1:], layer.dtype)
    _check_trees(trees, f"{prefix}trees", arity, len(x))
    check_tokens(x[trees.leaves], f"{name} at the leaves", tokens)
    if x.ndim == 1:  # an embedding reads leaves only
        x = np.where(trees.leaves, x, -1).astype(layer.dtype)
    return Forest(x, trees.start, trees.children(arity))


def _check_trees(trees: Any, name: str, arity: int, nodes: int) -> None:
    """Check that trees have this number of nodes, and each node except leaves this number of children."""
    from ..trees import Trees  # not needed for other samples

    check_is(trees, name, Trees)
    if len(trees.words) != nodes:
        raise ValueError(f"{name} must have a node for each of the {nodes} rows of x; received {len(trees.words)}")
    found = np.unique(trees.child_counts()[trees.height > 0])
    if (found != arity).any():
        hint = ": Trees.binarize makes them so" if arity == 2 else ""
        raise ValueError(
            f"{name} must have {arity} children at every node that is no leaf{hint}; "
            f"received nodes of {', '.join(map(str, found))}"
        )


def parts(whole: Any, size: int) -> list[Any]:
    """Yield samples, or anything else with `part`, ``size`` at a time."""
    count = len(whole)
    return [whole] if size >= count else [whole.part(i, min(i + size, count)) for i in range(0, count, size)]
