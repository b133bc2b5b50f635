"""Recurrent operations in ONNX's RNN, LSTM and GRU."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...._core.operation import Fields
from ...._types import Array
from .activations import OfCell, activation_of_cell
from .writer import Value, Weights, Writer

_OPERATORS = {"rnn": "RNN", "lstm": "LSTM", "gru_before": "GRU", "gru_after": "GRU"}
# The places of ONNX's gates among ours: i o f g in i f g o, z r n in r z n.
ORDER = {"rnn": (0,), "lstm": (0, 3, 1, 2), "gru_before": (1, 0, 2), "gru_after": (1, 0, 2)}


def in_order(array: Array, order: Sequence[int]) -> Array:
    """Reorder gates, which are one below the other."""
    gates = np.split(array, len(order))
    return np.concatenate([gates[k] for k in order])


def recurrent(w: Writer, read: Sequence[Value], operation: Fields, weights: Weights) -> Value:
    """Write a recurrent operation, with its states if it is stateful."""
    (x,), cell, units, directions = read, operation["cell"], operation["units"], operation["directions"]
    form = activation_of_cell(operation["cell_activation"], operation["setting"])
    matrices = [_direction(weights[4 * k : 4 * k + 4], cell, units, form) for k in range(directions)]
    names = [
        w.parameter(role, np.stack(arrays))
        for role, arrays in zip(("W", "R", "B"), zip(*matrices, strict=True), strict=True)
    ]
    lengths = "" if w.lengths is None else w.node("Cast", w.lengths, to=w.onnx.TensorProto.INT32)
    parts = ("h", "c") if cell == "lstm" else ("h",)
    given = [w.new_name(f"{w.place}.{part}") for part in parts] if operation["stateful"] else []
    start = _states_before(w, x, given, operation, form)
    inputs = [w.node("Transpose", w.rows(x), perm=[1, 0, 2]), *names, lengths, *start]
    while not inputs[-1]:
        inputs.pop()
    y, *ends = w.several(
        _OPERATORS[cell], inputs, 1 + len(parts), hidden_size=units,
        direction="bidirectional" if directions == 2 else "forward",
        **({"linear_before_reset": int(cell == "gru_after")} if cell.startswith("gru") else {}),
        **(_activations(form, directions) if cell == "rnn" else {}),
    )  # fmt: skip
    for name, end in zip(given, ends, strict=False):
        h, after = w.node("Squeeze", end, w.integers(0)), w.new_name(f"{name}_after")
        w.ending(_unscaled(w, h, form) if cell == "rnn" else h, after)
        w.inputs.append(w.tensor_info(name, w.dtype, "batch", units))
        w.outputs.append(w.tensor_info(after, w.dtype, "batch", units))
    return Value(_output(w, x, y, ends[0], operation, form), operation["output_shape"])


def _direction(weights: Weights, cell: str, units: int, form: OfCell) -> tuple[Array, Array, Array]:
    """Return W, R and B of a direction."""
    ih, hh, bias_ih, bias_hh = (in_order(stored.T, ORDER[cell]) for stored in weights)
    if cell == "gru_before":  # ONNX's z weights the old state, this one's the new
        for array in (ih, hh, bias_ih, bias_hh):
            array[:units] *= -1
    bias_hh = bias_hh + form.shift * hh.sum(axis=1)
    return ih, form.scale * hh, np.concatenate([bias_ih, bias_hh])


def _activations(form: OfCell, directions: int) -> dict[str, list[object]]:
    given: dict[str, list[object]] = {"activations": [form.name] * directions}
    if form.alpha:
        given["activation_alpha"] = [form.alpha] * directions
        given["activation_beta"] = [form.beta] * directions
    return given


def _unscaled(w: Writer, h: str, form: OfCell) -> str:
    return w.plus(w.times(h, form.scale), form.shift)


def _states_before(w: Writer, x: Value, given: Sequence[str], operation: Fields, form: OfCell) -> list[str]:
    """Return the names of initial states; empty if they are zeros."""
    if given:
        h, *c = given
        scaled = w.times(w.plus(h, -form.shift), 1 / form.scale)
        return [w.node("Unsqueeze", name, w.integers(0)) for name in (scaled, *c)]
    if form.shift == 0:
        return [""]
    batch = w.node("Shape", x.name, start=0, end=1)
    sizes = w.integers(operation["directions"]), batch, w.integers(operation["units"])
    shape = w.node("Concat", *sizes, axis=0)
    return [w.node("Expand", w.number(-form.shift / form.scale), shape)]


def _output(w: Writer, x: Value, y: str, end: str, operation: Fields, form: OfCell) -> str:
    """Return the operation's output, from all states (T, D, N, H) or the last ones (D, N, H)."""
    directions, units = operation["directions"], operation["units"]
    if not operation["sequences"]:
        if directions == 1:
            return _unscaled(w, w.node("Squeeze", end, w.integers(0)), form)
        both = _unscaled(w, end, form)
        if operation["adds"]:
            return w.node("ReduceSum", both, w.integers(0), keepdims=0)
        return w.reshaped(w.node("Transpose", both, perm=[1, 0, 2]), 0, 2 * units)
    if directions == 1:
        rows = w.node("Transpose", w.node("Squeeze", y, w.integers(1)), perm=[1, 0, 2])
    elif operation["adds"]:
        rows = w.node("Transpose", w.node("ReduceSum", y, w.integers(1), keepdims=0), perm=[1, 0, 2])
    else:
        rows = w.reshaped(w.node("Transpose", y, perm=[2, 0, 1, 3]), 0, 0, 2 * units)
    rows = w.plus(w.times(rows, form.scale), form.shift * (2 if operation["adds"] else 1))
    return w.cleared(x, rows) if form.shift else rows
