"""The picture of a network: a box for each layer, an arrow for each tensor, a frame around layers inside another."""

from __future__ import annotations

import os
from collections.abc import Sequence

from .._files import as_path, replacing
from ..layers import Bidirectional, Layer
from .blocks import GAP, SMALL, STEM, Block, in_branches, in_column, in_columns, line, stacked, written
from .outline import APART, CHAIN, Outline, Part, settings_of
from .svg import element, escaped, moved, number, path, shortened, text_width

_TITLE = 13.0  # size of text
_BOLD = 1.08 * _TITLE  # for widths
_PAD = 12.0  # around text
_BOX, _HEAD = 44.0, 26.0  # heights of a box and of a frame's head
_MOST_SETTINGS = 44  # characters

# The first of these kinds among a layer's operations decides its colour.
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
    "group_norm": "slate",
    "layer_norm": "slate",
}
_LIGHT = {
    "rose": "#d6336c", "amber": "#e8890c", "blue": "#1c7ed6", "violet": "#7048e8", "green": "#2f9e44",
    "teal": "#0c9aa8", "slate": "#64748b", "grey": "#b4bcc6",
}  # fmt: skip
_DARK = {**_LIGHT, "rose": "#f06595", "blue": "#4dabf7", "violet": "#9775fa", "green": "#51cf66", "teal": "#22b8cf",
         "slate": "#94a3b8", "grey": "#59636e"}  # fmt: skip


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
    f".fastdl-net .small{{font-size:{number(SMALL)}px}}"
    ".fastdl-net .line{stroke-width:1.4;stroke-linejoin:round}.fastdl-net .frozen{stroke-dasharray:5 3}"
    + _style(_LIGHT, "#ffffff", "#ffffff", ("#f6f8fa", "#eceff3"), "#c5ccd5", "#1f2328", "#5b6673")
    + "@media (prefers-color-scheme:dark){"
    + _style(_DARK, "#0d1117", "#1c232d", ("#151b23", "#11161d"), "#3d4854", "#e6edf3", "#9aa5b1")
    + "}"
)


class Picture:
    """A picture as SVG, which notebooks show.

    Attributes
    ----------
    svg : str
    """

    def __init__(self, svg: str) -> None:
        self.svg = svg

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: save(path) writes it, and a notebook shows it>"

    def _repr_svg_(self) -> str:
        return self.svg

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to a file, which must end in .svg."""
        name = as_path(path)
        if not name.lower().endswith(".svg"):
            raise ValueError(f"path must end in .svg; received {name}")
        with replacing(name) as file:
            file.write(self.svg.encode())


def draw(net: Layer) -> Picture:
    """Draw a built network."""
    outline = Outline(net)
    whole = outline.whole
    drawer = _Drawer(outline)
    parts = whole.children() if whole.wiring == CHAIN else [whole]
    blocks = [_pill("input"), *drawer.blocks(parts, 0), _pill("output")]
    shapes = [outline.shape_text(shape, " × ") for shape in (whole.input_shape, *(part.output_shape for part in parts))]
    body = in_columns(blocks, shapes)
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
        """Draw layers; their boxes are equally wide."""
        boxes = [_box(part) for part in parts if not _is_framed(part)]
        width = max((box.width for box in boxes), default=0.0)
        return [self._framed(part, depth) if _is_framed(part) else _box(part, width) for part in parts]

    def _framed(self, part: Part, depth: int) -> Block:
        if isinstance(part.layer, Bidirectional):
            body = self._directions(part, part.layer)
        elif part.wiring == APART:
            body = stacked(self.blocks(part.children(), depth + 1))
        elif part.wiring == CHAIN:
            body = self._chain(part.branches[0], depth + 1)
        else:
            branches = [self._chain(branch, depth + 1) for branch in part.branches]
            body = in_branches(branches, [self._shape(branch) for branch in part.branches], part.wiring)
        return _frame(part, body, depth)

    def _directions(self, part: Part, layer: Bidirectional) -> Block:
        inner, settings = layer.layer, settings_of(layer.layer)
        half = part.parameter_count // 2
        branches = [
            _labelled(f"{type(inner).__name__} {arrow}", half, settings, repr(inner), part.kinds, part.frozen)
            for arrow in ("→", "←")
        ]
        return in_branches(branches, ["", ""], layer.merge)

    def _chain(self, parts: Sequence[Part], depth: int) -> Block:
        shapes = [self._outline.shape_text(part.output_shape, " × ") for part in parts[:-1]]
        return in_column(self.blocks(parts, depth), shapes)

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
    """Draw a box: a layer's class and number of parameters, with its settings below."""
    aside = _aside(count, frozen)
    below = shortened(", ".join(settings), _MOST_SETTINGS)
    first = text_width(title, _BOLD) + (16 + text_width(aside, SMALL) if aside else 0)
    width = max(width, 104.0, 2 * _PAD + 4 + max(first, text_width(below, SMALL)))
    colour = next((colour for kind, colour in _COLOURS.items() if kind in kinds), "grey")
    base = 19.0 if below else _BOX / 2 + 4.5
    marks = (
        element("title", escaped(shortened(said, 400)))
        + element("rect", width=width, height=_BOX, rx=6, class_="box frozen" if frozen else "box")
        + element("rect", x=5, y=7, width=4, height=_BOX - 14, rx=2, class_=colour)
        + written(title, 4 + _PAD, base, "title")
        + (written(aside, width - _PAD, base, "small dim", "end") if aside else "")
        + (written(below, 4 + _PAD, 35, "small dim") if below else "")
    )
    return Block(width, _BOX, width / 2, element("g", marks))


def _aside(count: int, frozen: bool) -> str:
    return " · ".join(filter(None, [f"{count:,}" if count else "", "frozen" if frozen else ""]))


def _pill(text: str) -> Block:
    width = 24 + text_width(text, SMALL)
    marks = element("rect", width=width, height=22, rx=11, class_="even") + written(
        text, width / 2, 15, "small dim", "middle"
    )
    return Block(width, 22, width / 2, marks)


def _frame(part: Part, body: Block, depth: int) -> Block:
    """Draw a frame around the layers inside a layer, with its name on top."""
    title, settings = type(part.layer).__name__, shortened(", ".join(settings_of(part.layer)), _MOST_SETTINGS)
    aside = _aside(part.parameter_count, part.frozen)
    after = _PAD + text_width(title, _BOLD) + 8
    head = after + text_width(settings, SMALL) + 16 + text_width(aside, SMALL) + _PAD
    width = max(head, body.width + 2 * _PAD)
    left = (width - body.width) / 2
    port, top = left + body.port, _HEAD
    height = top + GAP * 0.6 + body.height + STEM
    end = top + GAP * 0.6
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
        + written(title, _PAD, 18, "title")
        + (written(settings, after, 18, "small dim") if settings else "")
        + (written(aside, width - _PAD, 18, "small dim", "end") if aside else "")
        + (
            ""
            if part.wiring == APART
            else line((port, top), (port, end)) + line((port, end + body.height), (port, height))
        )
        + moved(body.marks, left, end)
    )
    return Block(width, height, port, element("g", marks))
