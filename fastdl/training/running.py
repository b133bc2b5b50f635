"""A network run on samples without learning from them: some at a time, and with the states of stateful layers."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from .._threads import get_num_threads
from .._types import Array
from ..losses import Loss
from ..metrics.choice import Metrics
from ..samples import Samples, parts
from .examples import Examples, figures_of
from .machines import ALONE, Machines, content_of
from .stream import Stream

if TYPE_CHECKING:
    from ..sequential import Sequential

_SAMPLES, _NUMBERS = 8192, 1 << 22  # predicted without a look at signals, at the most


def outputs_of(plan: Any, samples: Samples, states: Array | None, leaves_out: str = "identity") -> Array:
    """Give the outputs of samples, flat, without a last activation of this name."""
    x, trees = samples.given(), samples.core_trees()
    y: Array = plan.predict(x, samples.count, get_num_threads(), leaves_out, samples.lengths, states, trees)
    return y


def at_once(plan: Any, samples: Samples) -> int:
    """Tell how many samples to predict at a time: their outputs may be large."""
    numbers: int = prod(plan.output_shape)
    return samples.having(max(1, min(_SAMPLES, _NUMBERS // numbers)))


def predicted(plan: Any, samples: Samples, states: Array | None = None, leaves_out: str = "identity") -> Array:
    """Give the outputs of samples as a user has them, made some at a time where there are no states.

    A last activation of the name that is left out is so.
    """
    if states is not None or (size := at_once(plan, samples)) >= samples.count:
        outputs = outputs_of(plan, samples, states, leaves_out)
    else:
        outputs = np.concatenate([outputs_of(plan, part, None, leaves_out) for part in parts(samples, size)])
    return samples.outputs(outputs, plan.output_shape)


def predicted_of_batches(net: Sequential, batches: Stream[Samples]) -> Array:
    """Give the outputs of all batches as one array; whatever ends it leaves the states of stateful layers."""
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
    """Measure on checked examples, or on batches of them, which all machines must have alike.

    The size is that of the batches from which to which states of stateful layers go on.
    """
    measuring = _Measuring(net, loss, metrics, machines)
    if isinstance(data, Stream):
        with closing(data.checked()) as batches:
            for batch in batches:
                machines.check_alike({"validation batches": content_of(batch)})
                measuring.see(batch)
        machines.check_alike({"validation batches": content_of(None)})
        return measuring.figures()
    size = batch_size if batch_size and net.stateful else len(data)
    if len(data) % size:
        raise ValueError(f"batch_size must divide the {len(data)} samples, for stateful layers; received {size}")
    with net.turn.lock:
        for batch in parts(data, size):
            measuring.see(batch)
    return measuring.figures()


class _Measuring:
    """What is measured of a network, over all batches that it sees: of their outputs metrics alone need all.

    Stateful layers start from zeros. Of several machines each takes its share of each batch, where it need not see all.
    """

    def __init__(self, net: Sequential, loss: Loss, metrics: Metrics, machines: Machines) -> None:
        self._net, self._loss, self._metrics = net, loss, metrics
        self._machines = ALONE if metrics or net.stateful else machines
        self._losses, self._hits, self._count = 0.0, 0.0, 0.0
        self._classes = True  # of all so far
        self._states: Array | None = None
        self._seen: list[tuple[Array, Array]] = []

    def see(self, batch: Examples) -> None:
        """Measure a batch, some samples at a time: their outputs may be many."""
        self._classes = self._classes and batch.classes
        first, last = self._machines.share(len(batch))
        if first == last:
            return
        share = batch if last - first == len(batch) else batch.part(first, last)
        with self._net.turn.lock:
            plan = self._net.plan_for(batch.samples.shape)
            states = self._states_for(batch, plan)
            for part in parts(share, at_once(plan, share.samples) if states is None else len(batch)):
                outputs = outputs_of(plan, part.samples, states, self._loss.leaves_out)
                losses, hits, count = part.measure(self._loss, outputs)
                self._losses, self._hits, self._count = self._losses + losses, self._hits + hits, self._count + count
                if self._metrics:
                    self._seen.append(part.seen(self._loss, outputs))

    def _states_for(self, batch: Examples, plan: Any) -> Array | None:
        if not self._net.stateful:
            return None
        if self._states is None:
            self._states = np.zeros((len(batch), plan.state_size), self._net.dtype)
        if len(self._states) != len(batch):
            raise ValueError(
                f"batches must all have as many samples, for stateful layers; received {len(self._states)}, then "
                f"{len(batch)}"
            )
        return self._states

    def figures(self) -> dict[str, float]:
        """Give the figures of all that it has seen."""
        losses, hits, count = self._losses, self._hits, self._count
        if self._machines.count > 1:
            losses, hits, count = self._machines.sum(losses, hits, count)
        found = figures_of(self._classes, losses / count, hits / count)
        if self._metrics:
            targets, outputs = (_together(arrays) for arrays in zip(*self._seen, strict=True))
            if self._classes:
                targets = self._loss.as_labels(targets)
            for name, metric in self._metrics.items():
                found[name] = _number(name, metric(targets.copy(), outputs.copy()))  # which a user's own may change
        return found


def _together(arrays: Sequence[Array]) -> Array:
    shapes = {array.shape[1:] for array in arrays}
    if len(shapes) > 1:
        raise ValueError(
            f"metrics must compare targets of one kind; received batches of labels and others, {sorted(shapes)} a row"
        )
    return np.concatenate(arrays)


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"metrics must give a number each; {name} gave {value!r}") from None
