"""The place of an operation's parameters among all, and how they are stored."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from ..._core.kinds import GATES
from ..._core.operation import Fields
from ..._core.shapes import features_of
from ..._types import Array, Shape

Shapes = dict[str, Shape]


def _dense(operation: Fields, shape: Shape) -> Shapes:
    return {"weight": (1, 1, shape[-1], operation["units"]), "bias": (operation["units"],)}


def _convolution(operation: Fields, shape: Shape) -> Shapes:
    channels, filters = features_of(shape) // operation["groups"], operation["filters"]
    return {"weight": (*operation["kernel"], channels, filters), "bias": (filters,)}


def _transposed_convolution(operation: Fields, shape: Shape) -> Shapes:
    filters = operation["filters"]
    return {"weight": (*operation["kernel"], filters, shape[0]), "bias": (filters,)}


def _embedding(operation: Fields, shape: Shape) -> Shapes:
    return {"weight": (operation["vocabulary"], operation["dim"])}


def _positions(operation: Fields, shape: Shape) -> Shapes:
    return {"table": (operation["most_steps"], shape[-1])}


def _periodic(operation: Fields, shape: Shape) -> Shapes:
    return dict.fromkeys(("weight", "bias"), (shape[-1], operation["frequencies"]))


def _robust_scale(operation: Fields, shape: Shape) -> Shapes:
    return dict.fromkeys(("center", "scale"), (shape[-1],))


def _layer_norm(operation: Fields, shape: Shape) -> Shapes:
    size = prod(shape) if len(shape) == 3 else shape[-1]
    return {"gain": (size,), "bias": (size,)}


def _batch_norm(operation: Fields, shape: Shape) -> Shapes:
    return dict.fromkeys(("gain", "bias", "mean", "variance"), (features_of(shape),))


def _recurrent(operation: Fields, shape: Shape) -> Shapes:
    columns = GATES[operation["cell"]] * operation["units"]
    named: Shapes = {"weight_ih": (shape[-1], columns), "weight_hh": (operation["units"], columns)}
    named |= {"bias_ih": (columns,), "bias_hh": (columns,)}
    return {f"{name}_{k}": sizes for k in range(operation["directions"]) for name, sizes in named.items()}


_SHAPES: dict[str, Callable[[Fields, Shape], Shapes]] = {
    "dense": _dense,
    "convolution": _convolution,
    "transposed_convolution": _transposed_convolution,
    "embedding": _embedding,
    "positions": _positions,
    "periodic": _periodic,
    "robust_scale": _robust_scale,
    "layer_norm": _layer_norm,
    "batch_norm": _batch_norm,
    "recurrent": _recurrent,
}


def parameters_of(operation: Fields, shape: Shape, flat: Array) -> dict[str, Array]:
    """Return the parameters of an operation that reads this shape, views of all there are; weights are inputs first."""
    found: dict[str, Array] = {}
    if operation["kind"] not in _SHAPES:
        return found
    place = operation["offset"]
    for name, sizes in _SHAPES[operation["kind"]](operation, shape).items():
        stored = flat[place : place + prod(sizes)].reshape(sizes)
        outputs_first = operation["kind"] == "transposed_convolution" and name == "weight"
        found[name] = stored.swapaxes(2, 3) if outputs_first else stored
        place += prod(sizes)
    return found
