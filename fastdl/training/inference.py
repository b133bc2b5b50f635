"""Inference: a network run on some samples at a time, with the states of stateful layers."""

from __future__ import annotations

from contextlib import closing
from math import prod
from typing import Any

import numpy as np

from .._threads import get_num_threads
from .._types import Array
from ..layers import Layer
from ..samples import Samples, parts
from .stream import Stream

_SAMPLES, _NUMBERS = 8192, 1 << 22  # the most samples and outputs of one call of the core


def outputs_of(plan: Any, samples: Samples, states: Array | None, leaves_out: str = "identity") -> Array:
    """Return the flat outputs of samples, without the last activation if it has this name."""
    x, trees = samples.given(), samples.core_trees()
    y: Array = plan.predict(x, samples.count, get_num_threads(), leaves_out, samples.lengths, states, trees)
    return y


def at_once(plan: Any, samples: Samples) -> int:
    """Return how many samples to predict at a time: their outputs may be large."""
    numbers: int = prod(plan.output_shape)
    return samples.having(max(1, min(_SAMPLES, _NUMBERS // numbers)))


def predicted(plan: Any, samples: Samples, states: Array | None = None, leaves_out: str = "identity") -> Array:
    """Return the outputs of samples in their shape, without the last activation if it has this name.

    They are computed some at a time, unless there are states.
    """
    if samples.count == 1 or states is not None or (size := at_once(plan, samples)) >= samples.count:
        outputs = outputs_of(plan, samples, states, leaves_out)
    else:
        outputs = np.concatenate([outputs_of(plan, part, None, leaves_out) for part in parts(samples, size)])
    return samples.outputs(outputs, plan.output_shape)


def predicted_of_batches(net: Layer, batches: Stream[Samples]) -> Array:
    """Return the outputs of all batches as one array; an error leaves the states of stateful layers as they were."""
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
