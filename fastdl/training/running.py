"""Inference: a network run on some samples at a time, with the states of stateful layers."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from math import prod
from reprlib import repr as short
from typing import TYPE_CHECKING, Any

import numpy as np

from .._threads import get_num_threads
from .._types import Array
from ..layers import Layer
from ..losses import Loss
from ..metrics.choice import Metrics, without_arguments
from ..samples import Samples, parts
from .examples import Examples, figures_of
from .machines import ALONE, Machines, content_of
from .stream import Stream

if TYPE_CHECKING:
    from ..sequential import Sequential

_SAMPLES, _NUMBERS = 8192, 1 << 22  # the most samples and outputs of one call of the core


def outputs_of(plan: Any, samples: Samples, states: Array | None, leaves_out: str = "identity") -> Array:
    """Give the flat outputs of samples, without the last activation if it has this name."""
    x, trees = samples.given(), samples.core_trees()
    y: Array = plan.predict(x, samples.count, get_num_threads(), leaves_out, samples.lengths, states, trees)
    return y


def at_once(plan: Any, samples: Samples) -> int:
    """Give how many samples to predict at a time: their outputs may be large."""
    numbers: int = prod(plan.output_shape)
    return samples.having(max(1, min(_SAMPLES, _NUMBERS // numbers)))


def predicted(plan: Any, samples: Samples, states: Array | None = None, leaves_out: str = "identity") -> Array:
    """Give the outputs of samples in their shape, without the last activation if it has this name.

    They are computed some at a time, unless there are states.
    """
    if samples.count == 1 or states is not None or (size := at_once(plan, samples)) >= samples.count:
        outputs = outputs_of(plan, samples, states, leaves_out)
    else:
        outputs = np.concatenate([outputs_of(plan, part, None, leaves_out) for part in parts(samples, size)])
    return samples.outputs(outputs, plan.output_shape)


def predicted_of_batches(net: Layer, batches: Stream[Samples]) -> Array:
    """Give the outputs of all batches as one array; an error leaves the states of stateful layers as they were."""
    before, found = net.flat_states, list[Array]()
    if before is not None:
        before = before.copy()
    try:
        with closing(batches.checked()) as checked:
            for samples in checked:
                with net.turn.lock:
                    plan = net.plan_for(samples.shape)
                    found.append(predicted(plan, samples, net.states_for(samples.count)))
                if found[-1].shape[1:] != found[0].shape[1:]:
                    raise ValueError(
                        f"x must give batches whose outputs have one shape, as they become one array; received "
                        f"{found[0].shape[1:]} and {found[-1].shape[1:]}: call predict on each"
                    )
    except BaseException:
        net.flat_states = before
        raise
    return np.concatenate(found)


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
    """Give the states from which a batch continues: zeros for the first one."""
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
