"""A sweep as parallel coordinates: an axis for each setting, a line for each trial, and the figure on the last axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..inspection.picture import Picture
from ..inspection.svg import element, escaped, number, path, text_width
from ..metrics.choice import mode_of
from .trials import Trial, key_of, said, varying

_ACROSS, _HEIGHT, _TOP, _BELOW, _SIDE = 150.0, 260.0, 34.0, 26.0, 70.0
_SIZE = 12.0
_RAMP = ((170, 178, 190), (120, 160, 205), (60, 130, 210), (150, 90, 160), (217, 72, 15))  # from worst to best
_STYLE = """
svg { font: 12px system-ui, sans-serif; }
.ground { fill: #fff; } text { fill: #1c1d21; } .axis { stroke: #9aa0ac; }
.trial { fill: none; stroke-width: 1.6; opacity: 0.75; }
.best { stroke-width: 3.5; opacity: 1; } .name { font-weight: 600; }
@media (prefers-color-scheme: dark) { .ground { fill: #15161a; } text { fill: #eceef2; } .axis { stroke: #6a6e78; } }
"""


def picture(trials: Sequence[Trial], monitor: str = "val_accuracy") -> Picture:
    """Draw a sweep: an axis for each setting that varies and for a figure, and a line for each finished trial.

    Parameters
    ----------
    trials : sequence of Trial
    monitor : str
        The figure. Colours follow the rank, from grey to blue to orange; the line of the best trial is thick.

    Returns
    -------
    Picture
        As for `Sequential.plot`: notebooks show it, and it can be saved as SVG.

    Raises
    ------
    ValueError
        If no trial has the figure, or a finite one.
    """
    figures = [(trial, (trial.figures or {}).get(monitor, math.nan)) for trial in trials]
    through = [(trial, value) for trial, value in figures if math.isfinite(value)]
    if not through:
        raise ValueError(f"trials must have one with a {monitor}; received {len(trials)} without")
    names = varying([trial for trial, _ in through])
    values = [value for _, value in through]
    low, high = min(values), max(values)
    through.sort(key=lambda one: one[1], reverse=mode_of(monitor) == "min")  # the best is drawn over the others
    places = {name: _ordered([trial.settings.get(name) for trial, _ in through]) for name in names}
    bottom = _TOP + _HEIGHT

    def height(share: float) -> float:
        return bottom - share * _HEIGHT

    marks = []
    for k, (trial, value) in enumerate(through):
        points = [
            (_SIDE + j * _ACROSS, height(_share(places[name].index(trial.settings.get(name)), len(places[name]))))
            for j, name in enumerate(names)
        ]
        points.append((_SIDE + len(names) * _ACROSS, height((value - low) / (high - low) if high > low else 1.0)))
        kind = "trial best" if k == len(through) - 1 else "trial"
        told = [*(f"{name} {said(trial.settings.get(name))}" for name in names), f"{monitor} {said(value)}"]
        title, line = element("title", escaped(", ".join(told))), path((_SIDE - 6, points[0][1]), *points)
        marks.append(element("path", title, class_=kind, d=line, stroke=_colour(_share(k, len(through)))))
    labels: list[list[tuple[float, str]]] = [
        [(_share(i, len(places[name])), said(value)) for i, value in enumerate(places[name])] for name in names
    ]
    labels.append([(0.0, said(float(low))), (1.0, said(float(high)))] if high > low else [(1.0, said(float(high)))])
    for j, (name, shown) in enumerate(zip([*names, monitor], labels, strict=True)):
        x = _SIDE + j * _ACROSS
        marks.append(element("line", class_="axis", x1=x, x2=x, y1=_TOP, y2=bottom))
        marks.append(element("text", escaped(name), class_="name", x=x, y=_TOP - 14, text_anchor="middle"))
        for share, label in shown:
            y = height(share) + _SIZE / 3
            last = j == len(names)
            marks.append(
                element("text", escaped(label), x=x + (8 if last else -8), y=y, text_anchor="start" if last else "end")
            )
    width = 2 * _SIDE + len(names) * _ACROSS + max(0.0, text_width(monitor, _SIZE) / 2 - _SIDE)
    size = {"width": width, "height": bottom + _BELOW}
    box = f"0 0 {number(size['width'])} {number(size['height'])}"
    inside = (element("style", _STYLE), element("rect", class_="ground", **size), *marks)
    return Picture(element("svg", *inside, xmlns="http://www.w3.org/2000/svg", viewBox=box, role="img", **size))


def _ordered(values: Sequence[Any]) -> list[Any]:
    """Return the different values, sorted if they can be."""
    different = list({key_of({"": value}): value for value in values}.values())
    try:
        return sorted(different)
    except TypeError:
        return different


def _share(place: int, count: int) -> float:
    return place / (count - 1) if count > 1 else 0.5


def _colour(share: float) -> str:
    place = share * (len(_RAMP) - 1)
    k = min(int(place), len(_RAMP) - 2)
    mixed = [round(a + (b - a) * (place - k)) for a, b in zip(_RAMP[k], _RAMP[k + 1], strict=True)]
    return "#{:02x}{:02x}{:02x}".format(*mixed)
