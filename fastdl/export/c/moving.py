"""Operations that move or look up numbers and compute nothing."""

from __future__ import annotations

from math import prod

import numpy as np

from ..._core.shapes import features_of
from .products import image_of
from .steps import Step
from .unit import Function, Unit, loop


def copy(step: Step, unit: Unit) -> Function:
    """Write a copy."""
    return Function([loop("i", prod(step.shape)), "y[i] = x[i];"])


def channels_last(step: Step, unit: Unit) -> Function:
    """Write an image, which comes channels first, channels last."""
    h, w, c = image_of(step.shape)
    return _transposed(h * w, c)


def channels_first(step: Step, unit: Unit) -> Function:
    """Write an image, or a row of its numbers, channels first."""
    h, w, c = image_of(step.shapes[0])
    return _transposed(c, h * w)


def _transposed(rows: int, columns: int) -> Function:
    return Function([
        f"{loop('i', rows)} {{",
        loop("j", columns),
        f"y[i * {columns} + j] = x[j * {rows} + i];",
        "}",
    ])  # fmt: skip


def pad(step: Step, unit: Unit) -> Function:
    """Write an image within a frame of zeros."""
    (h, w, c), (_, framed, _) = image_of(step.shapes[0]), image_of(step.shape)
    (top, _), (left, _) = step.settings["padding"]
    return Function([
        loop("i", prod(step.shape)),
        "y[i] = 0;",
        f"{loop('i', h)} {{",
        loop("j", w * c),
        f"y[(i + {top}) * {framed * c} + {left * c} + j] = x[i * {w * c} + j];",
        "}",
    ])  # fmt: skip


def concat(step: Step, unit: Unit) -> Function:
    """Write several tensors side by side."""
    features, rows = features_of(step.shape), prod(step.shape) // features_of(step.shape)
    lines, place = [f"{loop('i', rows)} {{"], 0
    for k, shape in enumerate(step.shapes):
        own, name = features_of(shape), f"x{k}" if len(step.shapes) > 1 else "x"
        lines += [loop("c", own), f"y[i * {features} + {place} + c] = {name}[i * {own} + c];"]
        place += own
    return Function([*lines, "}"])


def select(step: Step, unit: Unit) -> Function:
    """Write some features."""
    given, read = features_of(step.shape), features_of(step.shapes[0])
    index = unit.integers("index", np.asarray(step.settings["indices"]))
    return Function([
        f"{loop('i', prod(step.shape) // given)} {{",
        loop("c", given),
        f"y[i * {given} + c] = x[i * {read} + {index}[c]];",
        "}",
    ])  # fmt: skip


def positions(step: Step, unit: Unit) -> Function:
    """Write the addition of a vector to each step."""
    table = unit.table("table", step.parameters["table"][: step.shape[0]])
    return Function([loop("i", prod(step.shape)), f"y[i] = x[i] + {table}[i];"])


def embedding(step: Step, unit: Unit) -> Function:
    """Write rows of a table, or refuse numbers that are no tokens."""
    steps, dim = step.shape
    vocabulary = step.settings["vocabulary"]
    matrix = unit.matrix("weight", step.parameters["weight"], dim, axis=0)
    value = f"{matrix.name}[token * {dim} + k]"
    return Function(
        [
            f"{loop('t', steps)} {{",
            f"if (!(x[t] >= 0 && x[t] < {vocabulary}))",
            "return -1;",
            "const int token = (int)x[t];",
            f"if ((({unit.real})token) != x[t])",
            "return -1;",
            loop("k", dim),
            f"y[t * {dim} + k] = {value if matrix.scale is None else f'{matrix.scale}[token] * {value}'};",
            "}",
            "return 0;",
        ],
        refuses=True,
    )
