"""Pictures as text: elements of SVG and HTML, and the widths of texts."""

from __future__ import annotations

import re
import unicodedata
from html import escape

_NO_CHARACTERS = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # that XML forbids
_NARROW, _BROAD = frozenset(" !'()*,./:;I[\\]fijlrt|·"), frozenset("%@MWmw—…")


def escaped(text: str) -> str:
    """Escape a text, for use between tags and in quoted attributes."""
    return escape(_NO_CHARACTERS.sub("\ufffd", text))


def element(name: str, *inside: str, **attributes: str | float) -> str:
    """Return an element. Its content is markup; ``_`` in an attribute's name is a hyphen, or nothing at its end."""
    given = "".join(f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"' for key, value in attributes.items())
    return f"<{name}{given}>{''.join(inside)}</{name}>" if inside else f"<{name}{given}/>"


def _value(value: str | float) -> str:
    return escaped(value) if isinstance(value, str) else number(value)


def number(value: float) -> str:
    """Write a coordinate, rounded to what is visible."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def path(*points: tuple[float, float], radius: float = 0.0) -> str:
    """Return the path of a line through points, with round corners between horizontal and vertical parts."""
    commands = [f"M{number(points[0][0])} {number(points[0][1])}"]
    for k, (x, y) in enumerate(points[1:], 1):
        if radius and k < len(points) - 1:
            (x0, y0), (x1, y1) = (_towards((x, y), points[other], radius) for other in (k - 1, k + 1))
            commands.append(f"L{number(x0)} {number(y0)}Q{number(x)} {number(y)} {number(x1)} {number(y1)}")
        else:
            commands.append(f"L{number(x)} {number(y)}")
    return "".join(commands)


def _towards(start: tuple[float, float], end: tuple[float, float], length: float) -> tuple[float, float]:
    """Move from a point horizontally or vertically, at most half the way to another."""
    return tuple([a + max(-length, min(length, (b - a) / 2)) for a, b in zip(start, end, strict=True)])  # type: ignore[return-value]


def moved(marks: str, x: float, y: float) -> str:
    """Shift markup to another place."""
    return element("g", marks, transform=f"translate({number(x)} {number(y)})")


def text_width(text: str, size: float) -> float:
    """Estimate the largest width of a text in any sans-serif font."""
    return size * sum(map(_width, text))


def _width(character: str) -> float:
    if unicodedata.east_asian_width(character) in "WF":
        return 1.05
    if character in _NARROW:
        return 0.38
    return 0.95 if character in _BROAD else 0.7 if character.isupper() else 0.62


def shortened(text: str, most: int) -> str:
    """Shorten a text to this many characters."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip(' ,')}…"
