"""Comparing gradients with central differences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._types import Array, ArrayLike
from ._validation.values import as_int, as_number
from .layers import Layer
from .losses.base import Measured, Rows
from .losses.choice import AnyLoss, as_loss
from .samples import as_batch

if TYPE_CHECKING:
    from .trees import Trees

__all__ = ["gradient_check"]


def gradient_check(
    layer: Layer,
    x: ArrayLike,
    y: ArrayLike | None = None,
    *,
    loss: AnyLoss = "cross_entropy",
    lengths: ArrayLike | None = None,
    trees: Trees | None = None,
    epsilon: float = 1e-5,
    limit: int = 1000,
) -> float:
    """Compare the gradients of a network or layer with central differences.

    Parameters
    ----------
    layer : Layer
        Built in float64; a `Sequential` is one.
    x : array_like, shape (N, *input_shape)
    y : array_like, optional
        Targets of ``loss``. Without them the objective is a fixed random weighting of the outputs; with ``lengths``, of
        the steps that count.
    loss : str, Loss or function
        As for `Sequential.fit`.
    lengths, trees : optional
        As for `forward`, of layers and networks that take them.
    epsilon : float
        The step of the differences.
    limit : int
        At most that many numbers of each array are tried, drawn at random.

    Returns
    -------
    float
        The largest relative error over the parameters and the input: the difference divided by the larger of the two,
        or by a thousandth of the array's largest gradient if that is more, as central differences are no better.
    """
    if not hasattr(layer, "dtype") or layer.dtype != "float64":
        raise ValueError("layer must be built with dtype='float64', for central differences to mean anything")
    samples = as_batch(layer, x, lengths, trees)
    x = samples.x.copy()
    lowered = as_loss(loss)
    as_number(epsilon, "epsilon", 1e-12, 1.0)
    as_int(limit, "limit")
    rng = np.random.default_rng(0)
    given: dict[str, Any] = {"lengths": lengths, "trees": trees}
    options = {name: value for name, value in given.items() if value is not None}

    def forward() -> Array:
        layer.reset_state()
        return layer.forward(x, **options)

    outputs = forward()
    direction: Array = np.asarray(rng.standard_normal(outputs.shape))
    mask = ... if trees is not None else samples.counted(outputs.shape[1:])  # outputs in the objective
    targets = np.zeros(outputs.shape)
    if y is not None:
        rows = Rows(outputs.shape[:-1], outputs.shape[-1], "float64", mask, samples.no_label)
        targets, mask = lowered.as_targets(y, "y", rows)
        lowered.check_counts(mask, "y", samples.no_label)
    shape, wanted = outputs[mask].shape, targets[mask].reshape(-1, *targets.shape[outputs.ndim - 1 :])

    def measured() -> Measured:
        outputs = forward()[mask].reshape(-1, shape[-1])
        return lowered.measure(outputs, wanted)

    def objective() -> float:
        return float((forward()[mask] * direction[mask]).sum()) if y is None else measured().mean

    dy = np.zeros_like(outputs)
    dy[mask] = direction[mask] if y is None else measured().gradient.reshape(shape)
    dx = layer.backward(dy)
    arrays = [(values, layer.grads[name].copy(), np.arange(values.size)) for name, values in layer.params.items()]
    arrays.append((x, dx, np.flatnonzero(_numbers(layer, x))))
    try:
        return max(_largest_error(*array, objective, epsilon, limit, rng) for array in arrays)
    finally:
        layer.turn.count_change()  # the last forward was at other parameters


def _numbers(layer: Layer, x: Array) -> Array:
    """Return which places of x (N, ...) hold numbers rather than token ids, which have no small changes."""
    found = np.ones((len(x), x[0].size), bool)
    for places, _ in layer.reading.tokens:
        found[:, ... if places is None else places] = False
    return found


def _largest_error(
    values: Array,
    gradient: Array,
    places: Array,
    objective: Any,
    epsilon: float,
    limit: int,
    rng: np.random.Generator,
) -> float:
    places = rng.permutation(places)[:limit]
    floor = max(1e-3 * float(np.abs(gradient).max()), 1e-8)
    worst = 0.0
    for place in places:
        index = np.unravel_index(place, values.shape)
        before = values[index]
        try:
            values[index] = before + epsilon
            above = objective()
            values[index] = before - epsilon
            below = objective()
        finally:  # a loss of the user's own may raise, and Ctrl-C may come
            values[index] = before
        difference = (above - below) / (2 * epsilon)
        worst = max(worst, abs(difference - gradient[index]) / max(abs(difference), abs(gradient[index]), floor))
    return float(worst)
