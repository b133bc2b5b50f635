"""Functions of arrays, compared with the best few lines of NumPy: their arrays and reference results."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import reference

from fastdl._core.kinds import GATES

Arrays = tuple[np.ndarray[Any, Any], ...]

PLANES = {
    "im2col": "`im2col`, 5 x 5, on (64, 6, 28, 28)",
    "max_pool2d": "`max_pool2d`, 2 x 2, on (64, 6, 28, 28)",
    "mean_pool2d": "`mean_pool2d`, 2 x 2, on (64, 6, 28, 28)",
    "expand_sensitivity_map": "`expand_sensitivity_map`, (64, 6, 14, 14) at stride 2",
}
INPUTS, UNITS, SAMPLES = 64, 128, (1, 32)
STEPS = {f"{cell}_step_{n}": (cell, n) for n in SAMPLES for cell in ("rnn", "lstm", "gru")}
CALLS = 300  # of one run


def title(name: str) -> str:
    """Name a function and its arguments."""
    if name in PLANES:
        return PLANES[name]
    cell, samples = STEPS[name]
    return f"`{cell}_step`, {INPUTS} to {UNITS}, {samples} sample{'s' * (samples > 1)}"


def flop(name: str) -> float:
    """Count the operations of a step's products; functions that only move or compare numbers have none."""
    if name in PLANES:
        return 0.0
    cell, samples = STEPS[name]
    return 2 * samples * (INPUTS + UNITS) * _columns(cell)


def _columns(cell: str) -> int:
    return GATES["gru_after" if cell == "gru" else cell] * UNITS


@cache
def data(name: str) -> Arrays:
    """Return images, or x, h, c of an LSTM, weight_ih, weight_hh, bias_ih and bias_hh."""
    rng = np.random.default_rng(6)

    def draw(*shape: int) -> np.ndarray[Any, Any]:
        return rng.standard_normal(shape).astype("float32")

    if name in PLANES:
        return (draw(64, 6, 14, 14) if name == "expand_sensitivity_map" else draw(64, 6, 28, 28),)
    cell, samples = STEPS[name]
    columns = _columns(cell)
    states = [draw(samples, UNITS) for _ in range(2 if cell == "lstm" else 1)]
    weights = draw(columns, INPUTS) / 12, draw(columns, UNITS) / 12
    return draw(samples, INPUTS), *states, *weights, draw(columns), draw(columns)


@cache
def result(name: str) -> np.ndarray[Any, Any]:
    """Return the reference result as a vector."""
    arrays = [a.astype(float) for a in data(name)]
    if name in PLANES:
        (x,) = arrays
        one, two, none = (1, 1), (2, 2), (0, 0)
        if name == "im2col":
            return reference.im2col(x, (5, 5), one, none).ravel()
        if name == "expand_sensitivity_map":
            return reference.expand_sensitivity_map(x, two, (27, 27)).ravel()
        return getattr(reference, name)(x, two, two).ravel()
    cell, _ = STEPS[name]
    x, *states, weight_ih, weight_hh, bias_ih, bias_hh = arrays
    weights = {"weight_ih": weight_ih, "weight_hh": weight_hh, "bias_ih": bias_ih, "bias_hh": bias_hh}
    after = reference.recurrent_cell("gru_after" if cell == "gru" else cell, x, states[0], states[-1], weights)
    return digest(after if cell == "lstm" else after[0])


def digest(after: Any) -> np.ndarray[Any, Any]:
    """Return a function's result, one array or two, as a vector."""
    return np.concatenate([np.ravel(a) for a in (after if isinstance(after, tuple) else (after,))])
