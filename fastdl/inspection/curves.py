"""The history of a training: as curves by matplotlib, and as curves and a table in a notebook."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from .._figures import new_figure
from ..metrics.choice import mode_of
from .svg import element, escaped, number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DECADES = 2.0  # from this range on, a loss has a logarithmic scale
_IN_A_ROW = 3  # panels in a row
_COLOURS = {"training": "#1c7ed6", "validation": "#e8890c"}
_WIDTH, _HEIGHT, _SIDE, _TOP = 220.0, 84.0, 8.0, 24.0  # of a small curve and its margins
_OPEN, _MOST_ROWS = 12, 200  # epochs up to which the table is open; the most rows of a table


class Panel(NamedTuple):
    """The curves of one figure, on training and validation data.

    Attributes
    ----------
    name : str
    lines : dict of str to list of float
        The curves that exist of "training" and "validation".
    best : (str, int) or None
        The line and the index of the best entry, if it is known whether high or low is better.
    is_logarithmic : bool
    """

    name: str
    lines: dict[str, list[float]]
    best: tuple[str, int] | None
    is_logarithmic: bool


def panels_of(history: Mapping[str, Sequence[float]]) -> list[Panel]:
    """Return a panel for each figure except the seconds, in the order of the history."""
    names = dict.fromkeys(name.removeprefix("val_") for name in history if name != "seconds")
    panels = []
    for name in names:
        found = {"training": history.get(name), "validation": history.get(f"val_{name}")}
        lines = {label: list(values) for label, values in found.items() if values}
        if lines:
            panels.append(Panel(name, lines, _best(name, lines), _spans_decades(name, lines)))
    return panels


def _best(name: str, lines: dict[str, list[float]]) -> tuple[str, int] | None:
    label = "validation" if "validation" in lines else "training"
    sign = {"min": 1, "max": -1, None: 0}[mode_of(name)]
    there = [k for k, value in enumerate(lines[label]) if not math.isnan(value)]
    return (label, min(there, key=lambda k: sign * lines[label][k])) if sign and there else None


def _spans_decades(name: str, lines: dict[str, list[float]]) -> bool:
    values = [value for line in lines.values() for value in line if math.isfinite(value)]
    return mode_of(name) == "min" and bool(values) and min(values) > 0 and max(values) >= 10**_DECADES * min(values)


def plot_history(history: Mapping[str, Sequence[float]]) -> Figure:
    """Draw a panel for each figure."""
    panels = panels_of(history)
    if not panels:
        raise ValueError("the history must hold at least one epoch to be drawn; it holds none")
    columns = len(panels) if len(panels) <= _IN_A_ROW else math.ceil(math.sqrt(len(panels)))
    rows = -(-len(panels) // columns)
    figure = new_figure(4.2 * columns, 3.1 * rows, "History.plot")
    from matplotlib.ticker import MaxNLocator

    places = figure.subplots(rows, columns, squeeze=False).reshape(-1)
    for axes in places[len(panels) :]:
        axes.remove()
    for axes, panel in zip(places, panels, strict=False):
        for label, values in panel.lines.items():
            marker = "." if len(values) <= 50 else None
            axes.plot(range(1, len(values) + 1), values, marker=marker, color=_COLOURS[label], label=label)
        if panel.best:
            label, k = panel.best
            value = panel.lines[label][k]
            said = f"best: {_short(value)}, epoch {k + 1}"
            axes.plot([k + 1], [value], "*", color=_COLOURS[label], markersize=11, label=said)
        if panel.is_logarithmic:
            axes.set_yscale("log")
        axes.set(xlabel="epoch", ylabel=panel.name.replace("$", r"\$"))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.25)
        axes.legend(fontsize=8)
    return figure


def history_html(history: Mapping[str, Sequence[float]]) -> str:
    """Return small curves, and a table of the epochs."""
    panels = panels_of(history)
    prefix = {"training": "", "validation": "val_"}
    best = {f"{prefix[panel.best[0]]}{panel.name}": panel.best[1] for panel in panels if panel.best}
    epochs = max(map(len, history.values()), default=0)
    head = "".join(element("th", escaped(name)) for name in ("epoch", *history))
    rows = []
    step = math.ceil(epochs / _MOST_ROWS) or 1
    for k in sorted({*range(0, epochs, step), *best.values(), *range(epochs)[-1:]}):
        cells = [element("td", str(k + 1))]
        for name, values in history.items():
            text = escaped(_short(values[k])) if k < len(values) else ""
            cells.append(element("td", element("b", text) if best.get(name) == k else text))
        rows.append(element("tr", *cells))
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    said = f"{epochs} epoch{'s' * (epochs != 1)}"
    if "seconds" in history:
        said += f", {_short(math.fsum(history['seconds']))} seconds"
    unfolded = " open" if epochs <= _OPEN else ""
    key = "".join(
        element("span", f"— {label} ", style=f"color:{colour}")
        for label, colour in _COLOURS.items()
        if any(label in panel.lines for panel in panels)
    )
    curves = f"<div>{''.join(map(_curve, panels))}</div><div>{key}</div>"
    return f"<div>{curves}<details{unfolded}><summary>{said}</summary>{table}</details></div>"


def _curve(panel: Panel) -> str:
    """Draw a small curve of a figure, in the colour of the text around it."""
    scale = math.log10 if panel.is_logarithmic else float
    finite = [scale(value) for values in panel.lines.values() for value in values if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    last = max(map(len, panel.lines.values())) - 1
    right, bottom = _SIDE + _WIDTH, _TOP + _HEIGHT

    def place(k: int, value: float) -> tuple[float, float]:
        across, up = k / last if last else 0.5, (scale(value) - low) / (high - low) if high > low else 0.5
        return _SIDE + across * _WIDTH, bottom - up * _HEIGHT

    def written(text: str, x: float, y: float, **attributes: str | float) -> str:
        return element("text", escaped(text), x=x, y=y, **{"fill": "currentColor", **attributes})

    marks = [written(panel.name, _SIDE, 14, font_weight=600)]
    for y in (_TOP, bottom):
        line = f"M{number(_SIDE)} {number(y)}h{number(_WIDTH)}"
        marks.append(element("path", d=line, stroke="currentColor", stroke_opacity=0.2))
    for k, (label, values) in enumerate(reversed(panel.lines.items())):
        colour = _COLOURS[label]
        marks.append(written(_short(values[-1]), right - 62 * k, 14, text_anchor="end", fill=colour))
        points = [place(k, value) for k, value in enumerate(values) if math.isfinite(value)]
        line = " ".join(f"{number(x)},{number(y)}" for x, y in points)
        marks.append(element("polyline", points=line, fill="none", stroke=colour, stroke_width=1.6))
    if panel.best:
        label, k = panel.best
        value = panel.lines[label][k]
        marks.append(written(f"best {_short(value)}, epoch {k + 1}", _SIDE, bottom + 14, fill_opacity=0.7))
        if math.isfinite(value):
            x, y = place(k, value)
            marks.append(element("circle", cx=x, cy=y, r=3.2, fill=_COLOURS[label]))
    if panel.is_logarithmic:
        marks.append(written("log scale", right, bottom + 14, text_anchor="end", fill_opacity=0.7))
    width, height = _WIDTH + 2 * _SIDE, bottom + 20
    return element(
        "svg", *marks, xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {number(width)} {number(height)}",
        width=width, height=height, font_size=11, font_family="system-ui,sans-serif", role="img",
        aria_label=panel.name,
    )  # fmt: skip


def _short(value: float) -> str:
    return f"{value:.4g}"
