"""A network's picture: a box a layer, an arrow a tensor, a frame around what a layer is made of."""

from __future__ import annotations

import os
from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

from .._files import as_path, replacing
from ..layers import Bidirectional, Layer
from .outline import APART, CHAIN, Outline, Part, settings_of
from .svg import element, escaped, moved, number, path, shortened, text_width

_TITLE, _SMALL = 13.0, 11.0  # sizes of text
_BOLD = 1.08 * _TITLE  # as far as width goes
_PAD, _GAP = 12.0, 32.0  # around text; between boxes, where an arrow has its shape beside it
_BOX, _HEAD = 44.0, 26.0  # heights of a box and of a frame's head
_APART, _STEM = 26.0, 14.0  # between branches; of lines before they part or meet
_MOST_SETTINGS = 44  # characters
_COLUMN = 800.0  # how high a chain may be before it is broken

# Of a layer's operations the first of these tells the colour.
_COLOURS = {
    "attention": "rose",
    "recurrent": "amber",
    "recursive": "amber",
    "convolution": "blue",
    "transposed_convolution": "blue",
    "dense": "violet",
    "embedding": "green",
    "positions": "green",
    "periodic": "green",
    "robust_scale": "slate",
    "max_pool": "teal",
    "mean_pool": "teal",
    "global_max": "teal",
    "global_mean": "teal",
    "batch_norm": "slate",
    "layer_norm": "slate",
}
_LIGHT = {
    "rose": "#d6336c", "amber": "#e8890c", "blue": "#1c7ed6", "violet": "#7048e8", "green": "#2f9e44",
    "teal": "#0c9aa8", "slate": "#64748b", "grey": "#b4bcc6",
}  # fmt: skip
_DARK = {**_LIGHT, "rose": "#f06595", "blue": "#4dabf7", "violet": "#9775fa", "green": "#51cf66", "teal": "#22b8cf",
         "slate": "#94a3b8", "grey": "#59636e"}  # fmt: skip
_SIGNS = {"sum": "+", "product": "×"}


def _style(
    colours: dict[str, str], ground: str, box: str, frames: tuple[str, str], edge: str, ink: str, dim: str
) -> str:
    rules = {
        ".ground": f"fill:{ground}",
        ".box": f"fill:{box};stroke:{edge}",
        ".even": f"fill:{frames[0]};stroke:{edge}",
        ".odd": f"fill:{frames[1]};stroke:{edge}",
        ".line": f"stroke:{dim};fill:none",
        ".tip": f"fill:{dim}",
        "text": f"fill:{ink}",
        ".dim": f"fill:{dim}",
        **{f".{name}": f"fill:{colour}" for name, colour in colours.items()},
    }
    return "".join(f".fastdl-net {selector}{{{rule}}}" for selector, rule in rules.items())


_STYLE = (
    ".fastdl-net text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif}"
    f".fastdl-net .title{{font-size:{number(_TITLE)}px;font-weight:600}}"
    f".fastdl-net .small{{font-size:{number(_SMALL)}px}}"
    ".fastdl-net .line{stroke-width:1.4;stroke-linejoin:round}.fastdl-net .frozen{stroke-dasharray:5 3}"
    + _style(_LIGHT, "#ffffff", "#ffffff", ("#f6f8fa", "#eceff3"), "#c5ccd5", "#1f2328", "#5b6673")
    + "@media (prefers-color-scheme:dark){"
    + _style(_DARK, "#0d1117", "#1c232d", ("#151b23", "#11161d"), "#3d4854", "#e6edf3", "#9aa5b1")
    + "}"
)


class Picture:
    """A picture that a notebook shows.

    Attributes
    ----------
    svg : str
    """

    def __init__(self, svg: str) -> None:
        self.svg = svg

    def _repr_svg_(self) -> str:
        return self.svg

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to a file, of the ending .svg."""
        name = as_path(path)
        if not name.lower().endswith(".svg"):
            raise ValueError(f"path must end in .svg; received {name}")
        with replacing(name) as file:
            file.write(self.svg.encode())


class Block(NamedTuple):
    """Something drawn, into which an arrow leads from above, and from which one leads down, at the port."""

    width: float
    height: float
    port: float
    marks: str


def draw(net: Layer) -> Picture:
    """Draw a built network."""
    outline = Outline(net)
    whole = outline.whole
    drawer = _Drawer(outline)
    parts = whole.children() if whole.wiring == CHAIN else [whole]
    blocks = [_pill("input"), *drawer.blocks(parts, 0), _pill("output")]
    shapes = [outline.shape_text(shape, " × ") for shape in (whole.input_shape, *(part.output_shape for part in parts))]
    body = _columns(blocks, shapes)
    width, height = body.width + 2 * _PAD, body.height + 2 * _PAD
    return Picture(
        element(
            "svg",
            element("style", _STYLE),
            element("rect", width=width, height=height, rx=10, class_="ground"),
            moved(body.marks, _PAD, _PAD),
            xmlns="http://www.w3.org/2000/svg",
            viewBox=f"0 0 {number(width)} {number(height)}",
            width=width,
            height=height,
            class_="fastdl-net",
            style="max-width:100%;height:auto",
            role="img",
            aria_label=f"{type(net).__name__} of {whole.parameter_count:,} parameters",
        )
    )


class _Drawer:
    """Draws the parts of a network."""

    def __init__(self, outline: Outline) -> None:
        self._outline = outline

    def blocks(self, parts: Sequence[Part], depth: int) -> list[Block]:
        """Draw layers, the boxes among them equally wide."""
        boxes = [_box(part) for part in parts if not _is_framed(part)]
        width = max((box.width for box in boxes), default=0.0)
        return [self._framed(part, depth) if _is_framed(part) else _box(part, width) for part in parts]

    def _framed(self, part: Part, depth: int) -> Block:
        if isinstance(part.layer, Bidirectional):
            body = self._directions(part, part.layer)
        elif part.wiring == APART:
            body = _stack(self.blocks(part.children(), depth + 1))
        elif part.wiring == CHAIN:
            body = self._chain(part.branches[0], depth + 1)
        else:
            branches = [self._chain(branch, depth + 1) for branch in part.branches]
            body = _merged(branches, [self._shape(branch) for branch in part.branches], part.wiring)
        return _frame(part, body, depth)

    def _directions(self, part: Part, layer: Bidirectional) -> Block:
        inner, settings = layer.layer, settings_of(layer.layer)
        half = part.parameter_count // 2
        branches = [
            _labelled(f"{type(inner).__name__} {arrow}", half, settings, repr(inner), part.kinds, part.frozen)
            for arrow in ("→", "←")
        ]
        return _merged(branches, ["", ""], layer.merge)

    def _chain(self, parts: Sequence[Part], depth: int) -> Block:
        shapes = [self._outline.shape_text(part.output_shape, " × ") for part in parts[:-1]]
        return _column(self.blocks(parts, depth), shapes)

    def _shape(self, parts: Sequence[Part]) -> str:
        return self._outline.shape_text(parts[-1].output_shape, " × ") if parts else ""


def _is_framed(part: Part) -> bool:
    return bool(part.branches) or isinstance(part.layer, Bidirectional)


def _box(part: Part, width: float = 0.0) -> Block:
    layer, said = part.layer, f"{part.name}: {part.layer!r}"
    return _labelled(
        type(layer).__name__, part.parameter_count, settings_of(layer), said, part.kinds, part.frozen, width
    )


def _labelled(
    title: str, count: int, settings: list[str], said: str, kinds: Sequence[str], frozen: bool, width: float = 0.0
) -> Block:
    """Draw a box: what it is and how many parameters it has, and its settings below."""
    aside = _aside(count, frozen)
    below = shortened(", ".join(settings), _MOST_SETTINGS)
    first = text_width(title, _BOLD) + (16 + text_width(aside, _SMALL) if aside else 0)
    width = max(width, 104.0, 2 * _PAD + 4 + max(first, text_width(below, _SMALL)))
    colour = next((colour for kind, colour in _COLOURS.items() if kind in kinds), "grey")
    base = 19.0 if below else _BOX / 2 + 4.5
    marks = (
        element("title", escaped(shortened(said, 400)))
        + element("rect", width=width, height=_BOX, rx=6, class_="box frozen" if frozen else "box")
        + element("rect", x=5, y=7, width=4, height=_BOX - 14, rx=2, class_=colour)
        + _text(title, 4 + _PAD, base, "title")
        + (_text(aside, width - _PAD, base, "small dim", "end") if aside else "")
        + (_text(below, 4 + _PAD, 35, "small dim") if below else "")
    )
    return Block(width, _BOX, width / 2, element("g", marks))


def _aside(count: int, frozen: bool) -> str:
    return " · ".join(filter(None, [f"{count:,}" if count else "", "frozen" if frozen else ""]))


def _pill(text: str) -> Block:
    width = 24 + text_width(text, _SMALL)
    marks = element("rect", width=width, height=22, rx=11, class_="even") + _text(
        text, width / 2, 15, "small dim", "middle"
    )
    return Block(width, 22, width / 2, marks)


def _frame(part: Part, body: Block, depth: int) -> Block:
    """Draw a frame around what a layer is made of, its name at its head."""
    title, settings = type(part.layer).__name__, shortened(", ".join(settings_of(part.layer)), _MOST_SETTINGS)
    aside = _aside(part.parameter_count, part.frozen)
    after = _PAD + text_width(title, _BOLD) + 8
    head = after + text_width(settings, _SMALL) + 16 + text_width(aside, _SMALL) + _PAD
    width = max(head, body.width + 2 * _PAD)
    left = (width - body.width) / 2
    port, top = left + body.port, _HEAD
    height = top + _GAP * 0.6 + body.height + _STEM
    end = top + _GAP * 0.6
    marks = (
        element("title", escaped(f"{part.name}: {title}"))
        + element(
            "rect",
            width=width,
            height=height,
            rx=8,
            class_=("even", "odd")[depth % 2] + (" frozen" if part.frozen else ""),
        )
        + element("path", d=path((0, top), (width, top)), class_="line", stroke_opacity=0.35)
        + _text(title, _PAD, 18, "title")
        + (_text(settings, after, 18, "small dim") if settings else "")
        + (_text(aside, width - _PAD, 18, "small dim", "end") if aside else "")
        + (
            ""
            if part.wiring == APART
            else _line((port, top), (port, end)) + _line((port, end + body.height), (port, height))
        )
        + moved(body.marks, left, end)
    )
    return Block(width, height, port, element("g", marks))


def _column(blocks: Sequence[Block], shapes: Sequence[str]) -> Block:
    """Draw blocks below one another, with arrows and shapes between."""
    if not blocks:  # what is passed on
        return Block(20, 0, 10, "")
    left = max(block.port for block in blocks)
    right = max([block.width - block.port for block in blocks] + [10 + text_width(shape, _SMALL) for shape in shapes])
    marks, y = [], 0.0
    for block, shape in zip(blocks, [*shapes, ""], strict=True):
        marks.append(moved(block.marks, left - block.port, y))
        y += block.height
        if block is not blocks[-1]:
            marks.append(_arrow((left, y), (left, y + _GAP)) + _text(shape, left + 9, y + _GAP / 2 + 3.5, "small dim"))
            y += _GAP
    return Block(left + right, y, left, "".join(marks))


def _stack(blocks: Sequence[Block]) -> Block:
    """Draw blocks below one another, of which it is not known what they read."""
    width, marks, y = max(block.width for block in blocks), [], 0.0
    for block in blocks:
        marks.append(moved(block.marks, (width - block.width) / 2, y))
        y += block.height + 8
    return Block(width, y - 8, width / 2, "".join(marks))


def _merged(branches: Sequence[Block], shapes: Sequence[str], how: str) -> Block:
    """Draw branches side by side, which part and meet again."""
    lefts, x = [], 0.0
    for block, shape in zip(branches, shapes, strict=True):
        lefts.append(x)
        x += max(block.width, block.port + 10 + text_width(shape, _SMALL)) + _APART
    width = x - _APART
    ports = [left + block.port for left, block in zip(lefts, branches, strict=True)]
    filled = [port for port, block in zip(ports, branches, strict=True) if block.height]
    port = filled[0] if len(filled) == 1 else (ports[0] + ports[-1]) / 2
    sign = _SIGNS.get(how, how)
    half = 10.0 if how in _SIGNS else text_width(sign, _SMALL) / 2 + 9
    top, deepest = _STEM + 12, max(block.height for block in branches)
    bus = top + deepest + _STEM + 20  # where they meet
    marks = [_line((port, 0), (port, _STEM))]
    for block, left, at, shape in zip(branches, lefts, ports, shapes, strict=True):
        side = 0 if abs(at - port) < half else 1 if at > port else -1
        start = [(port, _STEM), (at, _STEM)]
        end = [(at, bus), (port + side * half, bus)] if side else [(at, bus - 10)]
        if block.height:
            marks.append(_arrow(*start, (at, top)) + moved(block.marks, left, top))
            marks.append((_arrow if side else _line)((at, top + block.height), *end))
            marks.append(_text(shape, at + 9, top + deepest + 14, "small dim") if shape else "")
        else:
            marks.append((_arrow if side else _line)(*start, *end))
    marks.append(element("rect", x=port - half, y=bus - 10, width=2 * half, height=20, rx=10, class_="box"))
    marks.append(
        _text(sign, port, bus + (4.5 if how in _SIGNS else 3.5), "title" if how in _SIGNS else "small", "middle")
    )
    right = max(width, port + half)
    return Block(right, bus + 10, port, "".join(marks))


def _columns(blocks: list[Block], shapes: list[str]) -> Block:
    """Draw a chain, in several columns where it is long, each of which goes on at the top of the next."""
    total = sum(block.height + _GAP for block in blocks)
    most = total / ceil(total / _COLUMN)
    columns: list[list[int]] = [[]]
    height = 0.0
    for k, block in enumerate(blocks):
        if columns[-1] and height + block.height / 2 > most and k < len(blocks) - 1:
            columns.append([])
            height = 0.0
        columns[-1].append(k)
        height += block.height + _GAP
    if len(columns) == 1:
        return _column(blocks, shapes)
    drawn = [_column([blocks[k] for k in column], [shapes[k] for k in column[:-1]]) for column in columns]
    marks, x, deepest = [], 0.0, max(block.height for block in drawn)
    for k, block in enumerate(drawn):
        marks.append(moved(block.marks, x, _GAP))
        if k + 1 < len(drawn):
            shape, after = shapes[columns[k][-1]], drawn[k + 1]
            start = (x + block.port, _GAP + block.height)
            turn = x + block.width + _APART
            x = turn + _APART
            end = (x + after.port, _GAP)
            marks.append(
                _arrow(start, (start[0], start[1] + _STEM), (turn, start[1] + _STEM), (turn, 4), (end[0], 4), end)
                + _text(shape, end[0] + 9, _GAP / 2 + 6, "small dim")
            )
    return Block(x + drawn[-1].width, _GAP + deepest + _STEM, drawn[0].port, "".join(marks))


def _text(text: str, x: float, y: float, kind: str, anchor: str = "start") -> str:
    where = {} if anchor == "start" else {"text_anchor": anchor}
    return element("text", escaped(text), x=x, y=y, class_=kind, **where)


def _line(*points: tuple[float, float]) -> str:
    return element("path", d=path(*points, radius=6), class_="line")


def _arrow(*points: tuple[float, float]) -> str:
    """Draw a line that ends in a tip, which points down or to a side."""
    (x, y), before = points[-1], points[-2][0]
    if before == x:
        base, one, other = (x, y - 6), (x - 3.6, y - 6), (x + 3.6, y - 6)
    else:
        back = x - 6 if before < x else x + 6
        base, one, other = (back, y), (back, y - 3.6), (back, y + 3.6)
    return _line(*points[:-1], base) + element("path", d=f"{path((x, y), one, other)}Z", class_="tip")
