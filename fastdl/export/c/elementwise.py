"""Operations on single numbers or rows: activations, normalizations, sums and products of tensors."""

from __future__ import annotations

from math import pi, prod

from ..._core.shapes import features_of
from ..._types import Shape
from .activations import activated, exponential
from .steps import Step, scale_and_shift
from .unit import Function, Unit, loop

_FAR = 1e15  # beyond which robust_scale gives its limit, to rounding


def activation(step: Step, unit: Unit) -> Function:
    """Write an activation by itself."""
    return Function([loop("i", prod(step.shape)), f"y[i] = {activated(unit, 'x[i]', step.activation)};"])


def rescale(step: Step, unit: Unit) -> Function:
    """Write scale x + added."""
    scale, added = (unit.number(step.settings[name]) for name in ("scale", "added"))
    return Function([loop("i", prod(step.shape)), f"y[i] = x[i] * {scale} + {added};"])


def periodic(step: Step, unit: Unit) -> Function:
    """Write cosines of each number, whose arguments are reduced by whole periods."""
    columns, waves = step.parameters["weight"].size, step.settings["frequencies"]
    weight, bias = (unit.table(name, step.parameters[name].reshape(-1)) for name in ("weight", "bias"))
    cosine, floor = unit.function("cos"), unit.function("floor")
    return Function([
        f"{loop('i', prod(step.shape))} {{",
        f"const {unit.real} turns = x[i / {waves}] * {weight}[i % {columns}] + {bias}[i % {columns}];",
        f"y[i] = {cosine}((turns - {floor}(turns + {unit.number(0.5)})) * {unit.number(2 * pi)});",
        "}",
    ])  # fmt: skip


def robust_scale(step: Step, unit: Unit) -> Function:
    """Write numbers that are scaled, and kept within a limit; no square is infinite."""
    features = step.shape[-1]
    center, scale = (unit.table(name, step.parameters[name]) for name in ("center", "scale"))
    least, most, part = (unit.number(value) for value in (-_FAR, _FAR, 1 / step.settings["limit"]))
    return Function([
        f"{loop('i', prod(step.shape))} {{",
        f"{unit.real} z = (x[i] - {center}[i % {features}]) * {scale}[i % {features}];",
        f"z = z > {most} ? {most} : z < {least} ? {least} : z;",
        f"const {unit.real} part = z * {part};",
        f"y[i] = z / {unit.function('sqrt')}({unit.number(1)} + part * part);",
        "}",
    ])  # fmt: skip


def merge(step: Step, unit: Unit) -> Function:
    """Write a sum or a product of several tensors."""
    sign, features = " + " if step.kind == "sum" else " * ", features_of(step.shape)

    def place(shape: Shape) -> str:
        if prod(shape) == prod(step.shape):
            return "i"
        if features_of(shape) == features:
            return f"i % {features}"
        return "0" if prod(shape) == 1 else f"i / {features}"

    names = [f"x{k}" for k in range(len(step.reads))] if len(step.reads) > 1 else ["x"]
    terms = [f"{name}[{place(shape)}]" for name, shape in zip(names, step.shapes, strict=True)]
    return Function([loop("i", prod(step.shape)), f"y[i] = {activated(unit, sign.join(terms), step.activation)};"])


def softmax(step: Step, unit: Unit) -> Function:
    """Write a softmax of each row."""
    features = step.shape[-1]
    return Function([
        f"{loop('i', prod(step.shape) // features)} {{",
        f"const {unit.real} *in = x + i * {features};",
        f"{unit.real} *out = y + i * {features};",
        *exponentials(unit, features),
        loop("k", features),
        "out[k] /= sum;",
        "}",
    ])  # fmt: skip


def exponentials(unit: Unit, count: int | str) -> list[str]:
    """Write e^x of ``in`` minus its largest number to ``out``, and their ``sum``."""
    return [
        f"{unit.real} largest = in[0], sum = 0;",
        f"for (int k = 1; k < {count}; k++)",
        "largest = in[k] > largest ? in[k] : largest;",
        f"{loop('k', count)} {{",
        f"out[k] = {exponential(unit, 'in[k] - largest')};",
        "sum += out[k];",
        "}",
    ]


def batch_norm(step: Step, unit: Unit) -> Function:
    """Write a batch normalization that was not merged into a product."""
    features = features_of(step.shape)
    scale, shift = scale_and_shift(step)
    value = f"x[i * {features} + c] * {unit.table('scale', scale)}[c] + {unit.table('shift', shift)}[c]"
    return Function([
        f"{loop('i', prod(step.shape) // features)} {{",
        loop("c", features),
        f"y[i * {features} + c] = {activated(unit, value, step.activation)};",
        "}",
    ])  # fmt: skip


def group_norm(step: Step, unit: Unit) -> Function:
    """Write a group normalization; its sums are in double."""
    features, groups = features_of(step.shape), step.settings["groups"]
    rows, width = prod(step.shape) // features, features // groups
    gain, bias = (unit.table(name, step.parameters[name]) for name in ("gain", "bias"))
    at = f"i * {features} + g * {width} + k"
    return Function([
        f"{loop('g', groups)} {{",
        "double sum = 0, squares = 0;",
        loop("i", rows),
        loop("k", width),
        f"sum += x[{at}];",
        f"const {unit.real} mean = ({unit.real})(sum / {rows * width});",
        loop("i", rows),
        f"{loop('k', width)} {{",
        f"const {unit.real} apart = x[{at}] - mean;",
        "squares += (double)apart * apart;",
        "}",
        f"const {unit.real} scale = ({unit.real})(1 / sqrt(squares / {rows * width} + {step.settings['epsilon']!r}));",
        loop("i", rows),
        loop("k", width),
        f"y[{at}] = (x[{at}] - mean) * scale * {gain}[g * {width} + k] + {bias}[g * {width} + k];",
        "}",
    ])  # fmt: skip


def layer_norm(step: Step, unit: Unit) -> Function:
    """Write a layer normalization; its sums are in double."""
    size = len(step.parameters["gain"])
    gain, bias = (unit.table(name, step.parameters[name]) for name in ("gain", "bias"))
    return Function([
        f"{loop('i', prod(step.shape) // size)} {{",
        f"const {unit.real} *in = x + i * {size};",
        "double sum = 0, squares = 0;",
        loop("k", size),
        "sum += in[k];",
        f"const {unit.real} mean = ({unit.real})(sum / {size});",
        f"{loop('k', size)} {{",
        f"const {unit.real} apart = in[k] - mean;",
        "squares += (double)apart * apart;",
        "}",
        f"const {unit.real} scale = ({unit.real})(1 / sqrt(squares / {size} + {step.settings['epsilon']!r}));",
        loop("k", size),
        f"y[i * {size} + k] = (in[k] - mean) * scale * {gain}[k] + {bias}[k];",
        "}",
    ])  # fmt: skip
