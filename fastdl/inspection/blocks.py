"""Drawings composed of blocks: below one another or side by side, with lines and arrows between them."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

from .svg import element, escaped, moved, path, text_width

SMALL = 11.0  # size of text
GAP = 32.0  # between blocks, for an arrow and the shape beside it
STEM = 14.0  # length of lines before they branch or meet
_APART = 26.0  # between branches
_COLUMN = 800.0  # the height from which a chain is broken into columns
_SIGNS = {"sum": "+", "product": "×"}


class Block(NamedTuple):
    """A drawing with a port, the horizontal position at which an arrow enters from above and another leaves below."""

    width: float
    height: float
    port: float
    marks: str


def in_column(blocks: Sequence[Block], shapes: Sequence[str]) -> Block:
    """Draw blocks below one another, with arrows and shapes between."""
    if not blocks:  # the input is passed on
        return Block(20, 0, 10, "")
    left = max(block.port for block in blocks)
    right = max([block.width - block.port for block in blocks] + [10 + text_width(shape, SMALL) for shape in shapes])
    marks, y = [], 0.0
    for block, shape in zip(blocks, [*shapes, ""], strict=True):
        marks.append(moved(block.marks, left - block.port, y))
        y += block.height
        if block is not blocks[-1]:
            marks.append(arrow((left, y), (left, y + GAP)) + written(shape, left + 9, y + GAP / 2 + 3.5, "small dim"))
            y += GAP
    return Block(left + right, y, left, "".join(marks))


def in_columns(blocks: list[Block], shapes: list[str]) -> Block:
    """Draw a chain; a long one in several columns, each of which continues at the top of the next."""
    total = sum(block.height + GAP for block in blocks)
    most = total / ceil(total / _COLUMN)
    columns: list[list[int]] = [[]]
    height = 0.0
    for k, block in enumerate(blocks):
        if columns[-1] and height + block.height / 2 > most and k < len(blocks) - 1:
            columns.append([])
            height = 0.0
        columns[-1].append(k)
        height += block.height + GAP
    if len(columns) == 1:
        return in_column(blocks, shapes)
    drawn = [in_column([blocks[k] for k in column], [shapes[k] for k in column[:-1]]) for column in columns]
    marks, x, deepest = [], 0.0, max(block.height for block in drawn)
    for k, block in enumerate(drawn):
        marks.append(moved(block.marks, x, GAP))
        if k + 1 < len(drawn):
            shape, after = shapes[columns[k][-1]], drawn[k + 1]
            start = (x + block.port, GAP + block.height)
            turn = x + block.width + _APART
            x = turn + _APART
            end = (x + after.port, GAP)
            marks.append(
                arrow(start, (start[0], start[1] + STEM), (turn, start[1] + STEM), (turn, 4), (end[0], 4), end)
                + written(shape, end[0] + 9, GAP / 2 + 6, "small dim")
            )
    return Block(x + drawn[-1].width, GAP + deepest + STEM, drawn[0].port, "".join(marks))


def stacked(blocks: Sequence[Block]) -> Block:
    """Draw blocks below one another without arrows, as their inputs are not known."""
    width, marks, y = max(block.width for block in blocks), [], 0.0
    for block in blocks:
        marks.append(moved(block.marks, (width - block.width) / 2, y))
        y += block.height + 8
    return Block(width, y - 8, width / 2, "".join(marks))


def in_branches(branches: Sequence[Block], shapes: Sequence[str], how: str) -> Block:
    """Draw branches side by side, from one input to one output."""
    lefts, x = [], 0.0
    for block, shape in zip(branches, shapes, strict=True):
        lefts.append(x)
        x += max(block.width, block.port + 10 + text_width(shape, SMALL)) + _APART
    width = x - _APART
    ports = [left + block.port for left, block in zip(lefts, branches, strict=True)]
    filled = [port for port, block in zip(ports, branches, strict=True) if block.height]
    port = filled[0] if len(filled) == 1 else (ports[0] + ports[-1]) / 2
    sign = _SIGNS.get(how, how)
    half = 10.0 if how in _SIGNS else text_width(sign, SMALL) / 2 + 9
    top, deepest = STEM + 12, max(block.height for block in branches)
    bus = top + deepest + STEM + 20  # where they meet
    marks = [line((port, 0), (port, STEM))]
    for block, left, at, shape in zip(branches, lefts, ports, shapes, strict=True):
        side = 0 if abs(at - port) < half else 1 if at > port else -1
        start = [(port, STEM), (at, STEM)]
        end = [(at, bus), (port + side * half, bus)] if side else [(at, bus - 10)]
        if block.height:
            marks.append(arrow(*start, (at, top)) + moved(block.marks, left, top))
            marks.append((arrow if side else line)((at, top + block.height), *end))
            marks.append(written(shape, at + 9, top + deepest + 14, "small dim") if shape else "")
        else:
            marks.append((arrow if side else line)(*start, *end))
    marks.append(element("rect", x=port - half, y=bus - 10, width=2 * half, height=20, rx=10, class_="box"))
    marks.append(
        written(sign, port, bus + (4.5 if how in _SIGNS else 3.5), "title" if how in _SIGNS else "small", "middle")
    )
    right = max(width, port + half)
    return Block(right, bus + 10, port, "".join(marks))


def written(text: str, x: float, y: float, kind: str, anchor: str = "start") -> str:
    """Write a text at a place."""
    where = {} if anchor == "start" else {"text_anchor": anchor}
    return element("text", escaped(text), x=x, y=y, class_=kind, **where)


def line(*points: tuple[float, float]) -> str:
    """Draw a line through points, its corners rounded."""
    return element("path", d=path(*points, radius=6), class_="line")


def arrow(*points: tuple[float, float]) -> str:
    """Draw a line that ends in a tip, which points down or to a side."""
    (x, y), before = points[-1], points[-2][0]
    if before == x:
        base, one, other = (x, y - 6), (x - 3.6, y - 6), (x + 3.6, y - 6)
    else:
        back = x - 6 if before < x else x + 6
        base, one, other = (back, y), (back, y - 3.6), (back, y + 3.6)
    return line(*points[:-1], base) + element("path", d=f"{path((x, y), one, other)}Z", class_="tip")
