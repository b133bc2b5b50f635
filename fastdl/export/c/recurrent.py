"""Recurrent layers: one or two directions, step after step."""

from __future__ import annotations

from ..._core.kinds import GATES
from .activations import activated, helper
from .products import many_terms, sums_of
from .steps import Step
from .unit import Function, Unit, loop


def recurrent(step: Step, unit: Unit) -> Function:
    """Write a recurrent layer, which continues from its state if it is stateful, and starts from zeros otherwise."""
    settings, units = step.settings, step.settings["units"]
    width, parts = GATES[settings["cell"]] * units, 2 if settings["cell"] == "lstm" else 1
    width, _ = sums_of(width)
    held = "state" if settings["stateful"] else "scratch"
    # The scratch has h, and c for an LSTM; then the gates' sums for the input and for h, and r h for gru_before.
    lines = [f"{unit.real} *h = {held};"]
    if parts == 2:
        lines.append(f"{unit.real} *c = {held} + {units};")
    at = 0 if settings["stateful"] else parts * units
    lines += [f"{unit.real} *of_x = scratch + {at};", f"{unit.real} *of_h = of_x + {width};"]
    scratch = at + 2 * width
    if settings["cell"] == "gru_before":
        lines.append(f"{unit.real} *kept = of_h + {width};")
        scratch += units
    for direction in range(settings["directions"]):
        lines += _direction(step, unit, direction, parts)
    return Function(lines, scratch, parts * units if settings["stateful"] else 0)


def _direction(step: Step, unit: Unit, direction: int, parts: int) -> list[str]:
    """Write all steps of a direction, and its output."""
    settings, (steps, features), units = step.settings, step.shapes[0], step.settings["units"]
    stride = step.shape[-1]
    place = 0 if settings["adds"] else direction * units
    sign = "+=" if settings["adds"] and direction else "="
    time = f"{steps - 1} - t" if direction else "t"
    lines = [] if settings["stateful"] else [loop("k", parts * units), "h[k] = 0;"]
    lines += [
        f"{loop('t', steps)} {{",
        *_product(step, unit, "ih", direction, f"x + ({time}) * {features}", "of_x", (0, None)),
        *_CELLS[settings["cell"]](step, unit, direction),
    ]
    if settings["sequences"]:
        lines += [loop("k", units), f"y[({time}) * {stride} + {place} + k] {sign} h[k];"]
    lines.append("}")
    if not settings["sequences"]:
        lines += [loop("k", units), f"y[{place} + k] {sign} h[k];"]
    return lines


def _product(
    step: Step, unit: Unit, name: str, direction: int, source: str, sums: str, columns: tuple[int, int | None]
) -> list[str]:
    """Write the product of a vector and some columns of weights, with their biases."""
    first, last = columns
    weight = step.parameters[f"weight_{name}_{direction}"][:, first:last]
    bias = step.parameters[f"bias_{name}_{direction}"][first:last]
    count, outputs = weight.shape
    width, _ = sums_of(outputs)
    suffix = f"{name}{'_reverse' if direction else ''}{'_last' if first else ''}"
    matrix, bias_name = unit.matrix(f"weight_{suffix}", weight, width), unit.row(f"bias_{suffix}", bias, width)
    lines = [
        "{",
        f"const {unit.real} *in = {source};",
        f"const {matrix.kind} *w = {matrix.name};",
        loop("o", width),
        f"{sums}[o] = {f'{bias_name}[o]' if matrix.scale is None else '0'};",
        *many_terms(unit, count, [0], width, width, [sums]),
    ]
    if matrix.scale is not None:
        lines += [loop("o", width), f"{sums}[o] = {sums}[o] * {matrix.scale}[o] + {bias_name}[o];"]
    return [*lines, "}"]


def _gate(unit: Unit, number: int, units: int, activation: str = "sigmoid") -> str:
    place = f"{number * units} + k" if number else "k"
    return activated(unit, f"of_x[{place}] + of_h[{place}]", (activation, 0.0))


def _rnn(step: Step, unit: Unit, direction: int) -> list[str]:
    activation = step.settings["cell_activation"], step.settings["setting"]
    units = step.settings["units"]
    return [
        *_product(step, unit, "hh", direction, "h", "of_h", (0, None)),
        loop("k", units),
        f"h[k] = {activated(unit, 'of_x[k] + of_h[k]', activation)};",
    ]


def _lstm(step: Step, unit: Unit, direction: int) -> list[str]:
    units = step.settings["units"]
    return [
        *_product(step, unit, "hh", direction, "h", "of_h", (0, None)),
        f"{loop('k', units)} {{",
        f"const {unit.real} i = {_gate(unit, 0, units)};",
        f"const {unit.real} f = {_gate(unit, 1, units)};",
        f"const {unit.real} g = {_gate(unit, 2, units, 'tanh')};",
        f"const {unit.real} o = {_gate(unit, 3, units)};",
        "c[k] = f * c[k] + i * g;",
        f"h[k] = o * {helper(unit, 'tanh')}(c[k]);",
        "}",
    ]


def _gru_after(step: Step, unit: Unit, direction: int) -> list[str]:
    units = step.settings["units"]
    return [
        *_product(step, unit, "hh", direction, "h", "of_h", (0, None)),
        f"{loop('k', units)} {{",
        f"const {unit.real} r = {_gate(unit, 0, units)};",
        f"const {unit.real} z = {_gate(unit, 1, units)};",
        f"const {unit.real} n = {helper(unit, 'tanh')}(of_x[{2 * units} + k] + r * of_h[{2 * units} + k]);",
        "h[k] = n + z * (h[k] - n);",
        "}",
    ]


def _gru_before(step: Step, unit: Unit, direction: int) -> list[str]:
    units = step.settings["units"]
    return [
        *_product(step, unit, "hh", direction, "h", "of_h", (0, 2 * units)),
        f"{loop('k', units)} {{",
        f"kept[k] = {_gate(unit, 0, units)} * h[k];",
        f"of_x[{units} + k] = {_gate(unit, 1, units)};",
        "}",
        *_product(step, unit, "hh", direction, "kept", "of_h", (2 * units, None)),
        f"{loop('k', units)} {{",
        f"const {unit.real} n = {helper(unit, 'tanh')}(of_x[{2 * units} + k] + of_h[k]);",
        f"h[k] += of_x[{units} + k] * (n - h[k]);",
        "}",
    ]


_CELLS = {"rnn": _rnn, "lstm": _lstm, "gru_after": _gru_after, "gru_before": _gru_before}
