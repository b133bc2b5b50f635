"""Pools, and upsampling of images."""

from __future__ import annotations

from math import prod

from ..._core.shapes import features_of
from .activations import activated
from .products import image_of
from .steps import Step
from .unit import Function, Unit, loop, total

_WRITTEN_OUT = 16  # windows of at most this many numbers are written out, without loops


def pool(step: Step, unit: Unit) -> Function:
    """Write the largest number, or the mean, of each window."""
    (_, w, c), (oh, ow, _) = image_of(step.shapes[0]), image_of(step.shape)
    (kh, kw), (sh, sw) = step.settings["kernel"], step.settings["stride"]
    largest = step.kind == "max_pool"
    if kh * kw <= _WRITTEN_OUT:
        read = [f"in[{f'{(r * w + k) * c} + ' if r + k else ''}c]" for r in range(kh) for k in range(kw)]
        if largest:
            taken = [f"{unit.real} value = {read[0]};", *(_larger(one) for one in read[1:])]
        else:
            taken = [f"const {unit.real} value = {total(read)};"]
    else:
        one = f"in[(r * {w} + k) * {c} + c]"
        taken = [
            f"{unit.real} value = {'in[c]' if largest else '0'};",
            f"{loop('r', kh)} {{",
            loop("k", kw),
            _larger(one) if largest else f"value += {one};",
            "}",
        ]
    value = "value" if largest or kh * kw == 1 else f"value / {kh * kw}"
    return Function([
        f"{loop('i', oh)} {{",
        f"{loop('j', ow)} {{",
        f"const {unit.real} *in = x + (i * {sh * w} + j * {sw}) * {c};",
        f"{loop('c', c)} {{",
        *taken,
        f"y[(i * {ow} + j) * {c} + c] = {activated(unit, value, step.activation)};",
        "}",
        "}",
        "}",
    ])  # fmt: skip


def _larger(number: str) -> str:
    return f"value = {number} > value ? {number} : value;"


def global_max(step: Step, unit: Unit) -> Function:
    """Write the largest number of each channel."""
    c = features_of(step.shapes[0])
    return Function([
        loop("c", c),
        "y[c] = x[c];",
        f"for (int i = 1; i < {prod(step.shapes[0]) // c}; i++) {{",
        loop("c", c),
        f"y[c] = x[i * {c} + c] > y[c] ? x[i * {c} + c] : y[c];",
        "}",
    ])  # fmt: skip


def global_mean(step: Step, unit: Unit) -> Function:
    """Write the mean of each channel, with its sum in double."""
    c = features_of(step.shapes[0])
    rows = prod(step.shapes[0]) // c
    return Function([
        f"{loop('c', c)} {{",
        "double sum = 0;",
        loop("i", rows),
        f"sum += x[i * {c} + c];",
        f"y[c] = ({unit.real})(sum / {rows});",
        "}",
    ])  # fmt: skip


def upsample(step: Step, unit: Unit) -> Function:
    """Write an upsampling of images by whole factors."""
    (h, w, c), (oh, ow, _) = image_of(step.shapes[0]), image_of(step.shape)
    down, right = step.settings["size"]
    if not step.settings["bilinear"]:
        inner = [loop("c", c), f"out[c] = x[(i / {down} * {w} + j / {right}) * {c} + c];"]
        rows, columns = [], []
    else:
        rows, columns = _between(unit, "i", down, h), _between(unit, "j", right, w)
        value = " + ".join(
            f"{a} * {b} * x[({p} * {w} + {q}) * {c} + c]"
            for a, p in (("(1 - i_share)", "i_first"), ("i_share", "i_next"))
            for b, q in (("(1 - j_share)", "j_first"), ("j_share", "j_next"))
        )
        inner = [loop("c", c), f"out[c] = {value};"]
    return Function([
        f"{loop('i', oh)} {{",
        *rows,
        f"{loop('j', ow)} {{",
        *columns,
        f"{unit.real} *out = y + (i * {ow} + j) * {c};",
        *inner,
        "}",
        "}",
    ])  # fmt: skip


def _between(unit: Unit, index: str, size: int, count: int) -> list[str]:
    """Write the two pixels around a place, and its distance from the first, measured between their centres."""
    place = f"{index}_place"
    return [
        f"{unit.real} {place} = ({index} + {unit.number(0.5)}) / {size} - {unit.number(0.5)};",
        f"{place} = {place} < 0 ? 0 : {place} > {count - 1} ? {count - 1} : {place};",
        f"const int {index}_first = (int){place};",
        f"const int {index}_next = {index}_first + 1 < {count} ? {index}_first + 1 : {index}_first;",
        f"const {unit.real} {index}_share = {place} - {index}_first;",
    ]
