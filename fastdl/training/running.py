"""A network run on samples without learning from them: some at a time, and with the states of stateful layers."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from .._threads import get_num_threads
from .._types import Array
from ..losses import Loss
from ..metrics.choice import Metrics
from ..samples import Samples, parts
from .examples import Examples
from .machines import ALONE, Machines

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


def measure(
    net: Sequential,
    data: Examples,
    loss: Loss,
    metrics: Metrics,
    batch_size: int | None = None,
    machines: Machines = ALONE,
) -> dict[str, float]:
    """Measure on checked samples, some at a time: their outputs may be many, of which metrics alone need all.

    Of several machines each takes its share of samples, where it need not see all of them.
    """
    machines = ALONE if metrics or net.stateful else machines
    first, last = machines.share(len(data))
    whole, data = data, data if last - first == len(data) else data.part(first, last)
    samples, states, seen = data.samples, None, []
    total, hits, count = 0.0, 0.0, 0.0
    with net.turn.lock:
        plan = net.plan_for(samples.shape)
        size = at_once(plan, samples)
        if net.stateful:
            size = batch_size or len(data)
            if len(data) % size:
                raise ValueError(
                    f"batch_size must divide the {len(data)} samples, for stateful layers; received {size}"
                )
            states = np.zeros((size, plan.state_size), net.dtype)
        for part in parts(data, size) if len(data) else []:
            outputs = outputs_of(plan, part.samples, states, loss.leaves_out)
            losses_here, hits_here, rows = part.measure(loss, outputs)
            total, hits, count = total + losses_here, hits + hits_here, count + rows
            if metrics:
                seen.append(part.seen(loss, outputs))
    if machines.count > 1:
        total, hits, count = machines.sum(total, hits, count)
    found = whole.figures(total / count, hits / count)
    if metrics:
        targets, outputs = (np.concatenate(arrays) for arrays in zip(*seen, strict=True))
        for name, metric in metrics.items():
            found[name] = _number(name, metric(targets.copy(), outputs.copy()))  # which one of a user's own may change
    return found


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"metrics must give a number each; {name} gave {value!r}") from None
