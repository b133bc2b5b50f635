"""A network as HTML for notebooks: its picture, and a table that unfolds."""

from __future__ import annotations

from ..layers import Layer
from .picture import draw
from .summary import HEADINGS, Summary
from .svg import element, escaped


def network_html(net: Layer) -> str:
    """Return a network as HTML: its picture and its summary; if it is not built, its layers."""
    if not hasattr(net, "dtype"):
        return element("pre", escaped(repr(net)))
    summary = Summary(net)
    *_, parameters, work, activations = summary.total()
    said = f"{type(net).__name__}: {parameters} parameters, {work} multiply-adds, {activations} of activations"
    lines = [(HEADINGS, "th"), *((row, "td") for row in summary.rows()), (summary.total(), "th")]
    rows = "".join(element("tr", *[_cell(k, text, kind) for k, text in enumerate(row)]) for row, kind in lines)
    notes = "".join(element("div", escaped(note)) for note in summary.notes())
    table = element("details", element("summary", escaped(said)), element("table", rows), notes)
    return element("div", draw(net).svg, table)


def _cell(k: int, text: str, kind: str) -> str:
    left = k < 3
    indent = (len(text) - len(text.lstrip())) * 0.5
    style = f"text-align:{'left' if left else 'right'};padding-left:{indent + 0.5:g}em"
    return element(kind, escaped(text.strip()) or "&#8203;", style=style)
