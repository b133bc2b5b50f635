"""A network as a table."""

from __future__ import annotations

from functools import reduce
from operator import add

from ..layers import Layer
from .outline import Outline, Part
from .work import Count

HEADINGS = ("", "layer", "output", "parameters", "multiply-adds", "activations")


class Summary:
    """The layers of a network with their shapes, parameters and costs, as text.

    Attributes
    ----------
    outline : Outline
    """

    def __init__(self, net: Layer) -> None:
        self.outline = Outline(net)

    def row(self, part: Part) -> tuple[str, ...]:
        """Return a layer's row; if it is made of others, their numbers are in their own rows."""
        outline = self.outline
        return (
            part.name,
            type(part.layer).__name__ + (" (frozen)" if part.frozen else ""),
            f"({outline.shape_text(part.output_shape)}{',' if len(part.output_shape) == 1 else ''})",
            "" if part.branches else f"{part.parameter_count:,}",
            self._number(part.multiply_adds) if not part.branches or part.multiply_adds != Count() else "",
            self._bytes(part.numbers) if part.numbers != Count() else "",
        )

    def _number(self, count: Count) -> str:
        return count.text(f" {self.outline.symbol}", lambda value: f"{round(value):,}")

    def _bytes(self, numbers: Count) -> str:
        return numbers.times(self.outline.itemsize).text(f" × {self.outline.symbol}", bytes_text)

    def total(self) -> tuple[str, ...]:
        """Return the last row."""
        parts, outline = self.outline.whole.all(), self.outline
        return (
            "", "total", "",
            f"{outline.whole.parameter_count:,}",
            self._number(reduce(add, [part.multiply_adds for part in parts])),
            self._bytes(reduce(add, [part.numbers for part in parts])),
        )  # fmt: skip

    def notes(self) -> list[str]:
        """Return the notes below the table."""
        outline, whole = self.outline, self.outline.whole
        frozen = sum(part.parameter_count for part in whole.all() if part.frozen and not part.branches)
        size = bytes_text(whole.parameter_count * outline.itemsize)
        lines = [f"parameters: {size} ({whole.layer.dtype})" + (f", {frozen:,} of them frozen" if frozen else "")]
        if any(count.per_step for part in whole.all() for count in (part.multiply_adds, part.numbers)):
            lines.append(f"{outline.symbol}: the {'nodes' if outline.in_trees else 'steps'} of a sample")
        return lines

    def rows(self) -> list[tuple[str, ...]]:
        """Return a row for each layer, indented for layers inside others."""
        return self._rows_within(self.outline.whole, "")

    def _rows_within(self, whole: Part, indent: str) -> list[tuple[str, ...]]:
        rows = []
        for part in whole.children():
            name, kind, *others = self.row(part)
            rows += [(name, indent + kind, *others), *self._rows_within(part, f"{indent}  ")]
        return rows

    def text(self) -> str:
        """Return the table as lines."""
        lines = [HEADINGS, *self.rows(), self.total()]
        widths = [max(len(row[k]) for row in lines) for k in range(len(HEADINGS))]
        table = [
            "  ".join(
                f"{cell:<{width}}" if k < 3 else f"{cell:>{width}}"
                for k, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in lines
        ]
        return "\n".join([*table, *self.notes()])


def bytes_text(size: float) -> str:
    """Write a number of bytes, in about three digits."""
    if size < 1000:
        return f"{size:.0f} B"
    power = min(len(f"{size:.0f}") - 1, 9) // 3
    return f"{size / 1000**power:,.1f} {'kMG'[power - 1]}B"
