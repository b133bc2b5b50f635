"""Checks, before the first step, that processes that train one network together have the same network and data."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from .. import _core
from .._core.kinds import RANDOM
from .._version import __version__
from ..losses import Loss
from ..losses.custom import Custom
from ..optimizers import Optimizer
from .examples import Examples
from .machines import Machines, content_of
from .state import TrainingState
from .stream import Stream

if TYPE_CHECKING:
    from ..sequential import Sequential


def agree(
    machines: Machines,
    net: Sequential,
    state: TrainingState,
    loss: Loss,
    data: Examples | None,
    held_out: Examples | Stream[Examples] | None,
    batch_size: int,
    arguments: dict[str, Any],
) -> None:
    """Raise an error, in all processes, if they cannot train the network together, or anything differs among them.

    `data` is None for an iterable of batches: these, like batches of validation data, are compared as they come.
    """
    if machines.core is None:
        return
    shape = tuple(n or 1 for n in net.input_shape) if data is None else data.samples.shape
    plan = net.plan_for(shape)
    if data is not None:
        check_shares(machines, net, loss, len(data), batch_size)
    drawing = {operation["kind"] for operation in plan.operations} & {*RANDOM}
    if plan.has_trees and drawing:
        raise ValueError(
            f"communicator must be None for trees that go through {' and '.join(sorted(drawing))}, which would draw by "
            f"how trees are shared out"
        )
    machines.check_alike(
        {
            "version of fastdl, processor (FASTDL_ISA) or dtype": [__version__, _core.isa, net.dtype],
            "network": [repr(net), plan.operations],
            "parameters (a seed gives the same)": net.parameters,
            "moments, steps or random numbers": [
                state.moments, state.counter, net.generator.bit_generator.state, net.flat_states,
            ],
            "loss": _loss(loss),
            "optimizer": _optimizer(state.optimizer),
            **arguments,
            "batch_size": batch_size,
            "x, y or weights": content_of(data),
            "validation data": "batches" if isinstance(held_out, Stream) else content_of(held_out),
        }
    )  # fmt: skip


def check_shares(machines: Machines, net: Sequential, loss: Loss, samples: int, batch_size: int) -> None:
    """Check that every rank has samples of each batch, if a custom loss needs every rank in each step."""
    least = samples % batch_size or min(samples, batch_size)
    if not loss.is_fused and least < machines.count and net.last_plan.has_stages:
        raise ValueError(
            f"batch_size must leave a sample at least for each of the {machines.count} ranks, with a BatchNorm and a "
            f"loss of one's own; a batch has {least}"
        )


def _loss(loss: Loss) -> Any:
    if isinstance(loss, Custom):
        return getattr(loss.function, "__qualname__", type(loss.function).__qualname__)
    return loss.get_config() if loss.is_fused else type(loss).__qualname__


def _optimizer(optimizer: Optimizer) -> list[Any]:
    settings = {field.name: getattr(optimizer, field.name) for field in fields(optimizer)}
    return [type(optimizer).__qualname__, {k: v for k, v in settings.items() if not callable(v)}]
