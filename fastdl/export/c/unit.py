"""The parts of a C file: tables of constants and functions, both named after the network."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from ..._types import Array

_INDENT = "    "
_ROW = 100  # characters of a line of numbers


class Function(NamedTuple):
    """The body of a function, and what it needs besides its input and output.

    Attributes
    ----------
    lines : list of str
    scratch : int
        The count of numbers of its scratch memory.
    state : int
        The count of numbers that it keeps from call to call.
    refuses : bool
        Whether it returns an int, which is not 0 if it refuses its input.
    """

    lines: list[str]
    scratch: int = 0
    state: int = 0
    refuses: bool = False


class Matrix(NamedTuple):
    """A table of weights, inputs by outputs, with rows padded by zeros.

    Attributes
    ----------
    name : str
    kind : str
        The type of its numbers.
    scale : str or None
        The table of factors of outputs, or rows, if weights have 8 bits.
    """

    name: str
    kind: str
    scale: str | None


class Unit:
    """The parts of a C file.

    Parameters
    ----------
    name : str
        The prefix of all names.
    dtype : {"float32", "float64"}
    eight_bits : bool
        Whether weights have 8 bits.

    Attributes
    ----------
    real : str
        The type of a number.
    bytes : int
        The bytes of the constants.
    step : int
        The number of the step being written, which its tables get.
    tables : list of str
        The tables, as C.
    helpers : dict of str to str
        The text of each helper function.
    """

    def __init__(self, name: str, dtype: str, eight_bits: bool) -> None:
        self.name, self.dtype, self.eight_bits = name, np.dtype(dtype), eight_bits
        self.real = "float" if dtype == "float32" else "double"
        self.bytes = self.step = 0
        self.tables: list[str] = []
        self.helpers: dict[str, str] = {}

    def number(self, value: float) -> str:
        """Write a number."""
        text = str(self.dtype.type(value))
        return f"{text}f" if self.real == "float" else text

    def function(self, name: str) -> str:
        """Name a function of math.h."""
        return f"{name}f" if self.real == "float" else name

    def named(self, name: str) -> str:
        """Return a name with the file's prefix."""
        return f"{self.name}_{name}"

    def macro(self, name: str) -> str:
        """Return the name of a macro."""
        return self.named(name).upper()

    def helper(self, name: str, text: Callable[[], str]) -> str:
        """Return the name of a helper function, which is written once."""
        if name not in self.helpers:
            body = text()  # adds the helpers that it calls, before itself
            self.helpers[name] = body
        return self.named(name)

    def table(self, name: str, values: Array) -> str:
        """Add a table of real numbers, and give its name."""
        return self._table(name, self.real, values.astype(self.dtype), "f" if self.real == "float" else "")

    def integers(self, name: str, values: Array) -> str:
        """Add a table of ints, and give its name."""
        return self._table(name, "int", values.astype("int32"), "")

    def row(self, name: str, values: Array, width: int) -> str:
        """Add a table of real numbers, one for each output, padded by zeros."""
        return self.table(name, _widened(values, width))

    def matrix(self, name: str, weight: Array, width: int, axis: int = -1) -> Matrix:
        """Add weights (..., outputs). With 8 bits there are scales for outputs or, with axis 0, rows."""
        rows = weight.reshape(-1, weight.shape[-1])
        if not self.eight_bits:
            return Matrix(self.table(name, _widened(rows, width)), self.real, None)
        codes, scales = rounded(rows, axis)
        scale = self.row(name.replace("weight", "scale"), scales, len(scales) if axis == 0 else width)
        return Matrix(self._table(name, "signed char", _widened(codes, width), ""), "signed char", scale)

    def _table(self, name: str, kind: str, values: Array, suffix: str) -> str:
        name = self.named(f"{name}_{self.step}")
        numbers = [f"{text}{suffix}," for text in values.reshape(-1).astype("U32").tolist()]
        self.tables.append(f"static const {kind} {name}[{len(numbers)}] = {{\n{_rows(numbers)}}};\n")
        self.bytes += values.nbytes
        return name


def rounded(rows: Array, axis: int) -> tuple[Array, Array]:
    """Round to integers from -127 to 127, with a scale for each place of an axis.

    Parameters
    ----------
    rows : ndarray, shape (inputs, outputs)
    axis : int
        -1 for a scale for each output, 0 for one for each row.

    Returns
    -------
    codes : ndarray of int8, shape (inputs, outputs)
    scales : ndarray of float64, shape (outputs,) or (inputs,)
    """
    scales = np.abs(rows.astype("float64")).max(axis=1 if axis == 0 else 0, keepdims=True) / 127
    codes = np.rint(rows / np.where(scales > 0, scales, 1)).astype("int8")
    return codes, scales.reshape(-1)


def _widened(rows: Array, width: int) -> Array:
    return np.pad(rows, [(0, 0)] * (rows.ndim - 1) + [(0, width - rows.shape[-1])])


def _rows(numbers: list[str]) -> str:
    """Write numbers in lines."""
    longest = max(map(len, numbers)) + 1
    each = max(1, _ROW // longest)
    lines = (" ".join(numbers[at : at + each]) for at in range(0, len(numbers), each))
    return "".join(f"{_INDENT}{line}\n" for line in lines)


def indented(lines: Iterable[str]) -> str:
    """Indent a body: by braces, and after a loop or a condition without one."""
    text, depth, single = "", 1, 0
    for line in lines:
        depth -= line.startswith("}")
        text += f"{_INDENT * (depth + single)}{line}\n"
        depth += line.endswith("{")
        single = single + 1 if line.startswith(("for (", "if (")) and line.endswith(")") else 0
    return text


def loop(index: str, count: int | str) -> str:
    """Write the head of a loop."""
    return f"for (int {index} = 0; {index} < {count}; {index}++)"


def total(terms: list[str]) -> str:
    """Add terms pairwise, for short chains of dependent additions."""
    if len(terms) == 1:
        return terms[0]
    half = (len(terms) + 1) // 2
    return " + ".join(f"({total(part)})" if len(part) > 1 else part[0] for part in (terms[:half], terms[half:]))
