"""Evaluation: the loss, the accuracy and metrics of a network, on arrays or on batches as they come."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from reprlib import repr as short
from typing import TYPE_CHECKING, Any

import numpy as np

from .._types import Array
from ..losses import Loss
from ..metrics.choice import Metrics, without_arguments
from ..samples import parts
from .examples import Examples, figures_of
from .inference import at_once, outputs_of
from .machines import ALONE, Machines, content_of
from .stream import Stream

if TYPE_CHECKING:
    from ..sequential import Sequential


def measure(
    net: Sequential,
    data: Examples | Stream[Examples],
    loss: Loss,
    metrics: Metrics,
    batch_size: int | None = None,
    machines: Machines = ALONE,
) -> dict[str, float]:
    """Measure the loss and metrics on checked examples, or on batches of them; all machines must have the same.

    Stateful layers continue from batch to batch of this size.
    """
    if isinstance(data, Stream):
        with closing(_alike(data, machines)) as batches:
            return _measured(net, batches, loss, metrics, machines)
    size = batch_size if batch_size and net.stateful else len(data)
    check_continues(net, len(data), size)
    with net.turn.lock:
        return _measured(net, parts(data, size), loss, metrics, machines)


def check_continues(net: Sequential, samples: int, batch_size: int, shuffle: bool = False) -> None:
    """Check that each batch has as many samples as the one before it, which stateful layers continue from."""
    if not net.stateful:
        return
    if shuffle:
        raise ValueError("shuffle must be False for stateful layers: a batch continues the one before it")
    if samples % batch_size:
        raise ValueError(f"batch_size must divide the {samples} samples, for stateful layers; received {batch_size}")


def _alike(data: Stream[Examples], machines: Machines) -> Generator[Examples]:
    """Yield batches, after checking that all machines have the same."""
    with closing(data.checked()) as batches:
        for batch in batches:
            machines.check_alike({"validation batches": content_of(batch)})
            yield batch
    machines.check_alike({"validation batches": content_of(None)})


def _measured(
    net: Sequential, batches: Iterable[Examples], loss: Loss, metrics: Metrics, machines: Machines
) -> dict[str, float]:
    """Measure on batches, some samples at a time: outputs may be large, and only metrics need all of them.

    Stateful layers start from zeros. Each machine takes its share of a batch, unless it needs all outputs.
    """
    stateful, total, hits, count, classes = net.stateful, 0.0, 0.0, 0.0, True
    machines = ALONE if metrics or stateful else machines
    states: Array | None = None
    seen = []
    for batch in batches:
        classes = classes and batch.classes
        first, last = machines.share(len(batch))
        share = batch if last - first == len(batch) else batch.part(first, last)
        with net.turn.lock:
            plan = net.plan_for(batch.samples.shape)
            if stateful:
                states = _checked(states, len(batch), plan.state_size, net.dtype)
            size = len(batch) if stateful else at_once(plan, share.samples)
            for part in parts(share, size) if last > first else ():
                outputs = outputs_of(plan, part.samples, states, loss.leaves_out)
                losses_here, hits_here, rows = part.measure(loss, outputs)
                total, hits, count = total + losses_here, hits + hits_here, count + rows
                if metrics:
                    seen.append(part.seen(loss, outputs))
    if machines.count > 1:
        total, hits, count = machines.sum(total, hits, count)
    found = figures_of(classes, total / count, hits / count)
    if metrics:
        targets, outputs = (_together(arrays) for arrays in zip(*seen, strict=True))
        if classes:
            targets = loss.as_labels(targets)
        for name, metric in metrics.items():
            found[name] = _number(name, _value(metric, targets.copy(), outputs.copy()))  # a user's own may change them
    return found


def _checked(states: Array | None, samples: int, size: int, dtype: str) -> Array:
    """Return the states from which a batch continues: zeros for the first one."""
    if states is None:
        return np.zeros((samples, size), dtype)
    if len(states) != samples:
        raise ValueError(
            f"batches must all have as many samples, for stateful layers; received {len(states)}, then {samples}"
        )
    return states


def _together(arrays: Sequence[Array]) -> Array:
    shapes = {array.shape[1:] for array in arrays}
    if len(shapes) > 1:
        raise ValueError(
            f"metrics must compare targets of one kind; received batches of labels and others, {sorted(shapes)} a row"
        )
    return np.concatenate(arrays)


def _value(metric: Callable[[Any, Any], Any], targets: Array, outputs: Array) -> Any:
    try:
        return metric(targets, outputs)
    except ValueError as error:
        if not str(without_arguments(metric).__module__).startswith("sklearn."):
            raise
        hint = "of_labels makes it a metric of labels, and metrics.of_scores one of scores or numbers"
        raise ValueError(f"{error}; metrics.{hint}") from error


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"metrics must give a number each; {name} gave {short(value)}") from None
