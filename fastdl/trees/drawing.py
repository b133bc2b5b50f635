"""Trees drawn as lines of text and as pictures."""

from __future__ import annotations

import os

import numpy as np

from .._figures import new_figure, save_figure
from .._types import Array
from .arrays import Trees
from .brackets import NO_LABEL

__all__ = ["draw_tree", "save_picture"]

SIGNS = {2: "−+", 3: "−0+", 5: ("−−", "−", "0", "+", "++")}  # noqa: RUF001 - a minus as wide as the plus
_SHADES = ("#b2182b", "#f4a582", "#f7f7f7", "#92c5de", "#2166ac")  # from negative to positive
_ANSI = (160, 210, 250, 117, 33)  # the same in a terminal's 256 colours
_WIDEST = 200  # words in a picture


def draw_tree(tree: Trees, *, colour: bool = False) -> str:
    """Draw one tree as text: a line for each node, with its label, its word if it is a leaf, and its children below.

    Parameters
    ----------
    tree : Trees
        The tree: the first, if there are several.
    colour : bool
        Whether to colour labels as sentiment, by a terminal's codes.
    """
    lines: list[str] = []
    children = _children(tree)
    waiting = [(int(tree.roots[0]), "", "")]  # a node, and the prefixes of its line and of those below
    while waiting:
        node, first, others = waiting.pop()
        text = " ".join(part for part in (_label(tree, node, colour), tree.words[node]) if part)
        lines.append(first + (text or "·"))
        below = children[node]
        for i, child in reversed(list(enumerate(below))):
            last = i == len(below) - 1
            waiting.append((child, others + ("└─ " if last else "├─ "), others + ("   " if last else "│  ")))
    return "\n".join(lines)


def _children(tree: Trees) -> list[list[int]]:
    children: list[list[int]] = [[] for _ in tree.words]
    for node, parent in enumerate(tree.parents.tolist()):
        if parent >= 0:
            children[parent].append(node)
    return children


def shade_of(tree: Trees, node: int) -> int | None:
    """Return the index of a label's shade on the scale from negative to positive; None if it is no sentiment."""
    label, classes = int(tree.labels[node]), len(tree.names)
    if label < 0 or classes not in SIGNS or tree.names != [str(i) for i in range(classes)]:
        return None
    return round(label / (classes - 1) * (len(_SHADES) - 1))


def _label(tree: Trees, node: int, colour: bool) -> str:
    name = tree.label(node)
    if name == NO_LABEL:
        return ""
    if (shade := shade_of(tree, node)) is None:
        return f"({name})"
    sign = f"{SIGNS[len(tree.names)][int(tree.labels[node])]:>2}"
    return f"\033[1;38;5;{_ANSI[shade]}m{sign}\033[0m" if colour else sign


def save_picture(tree: Trees, path: str | os.PathLike[str]) -> None:
    """Draw one tree as a picture, its nodes coloured if their labels are sentiments; needs matplotlib.

    Parameters
    ----------
    tree : Trees
        The tree: the first, if there are several.
    path : path-like
        The file; its ending decides the kind: .svg, .png, or another one that matplotlib writes.

    Raises
    ------
    ImportError
        Without matplotlib, which the extra ``plot`` brings.
    ValueError
        If the tree is too wide for a picture.
    """
    tree = tree[0]
    x, y = places_of(tree)
    words = int(tree.leaves.sum())
    if words > _WIDEST:
        raise ValueError(f"a picture can show at most {_WIDEST} words; the tree has {words}")
    height = max(2.0, 0.5 * (tree.height.max() + 1.5))
    figure = new_figure(max(3.0, 0.75 * words), height, "a picture of trees")
    axes = figure.subplots()
    axes.set_axis_off()
    for node, parent in enumerate(tree.parents.tolist()):
        if parent >= 0:
            axes.plot([x[node], x[parent]], [y[node], y[parent]], color="#888888", linewidth=1, zorder=1)
    for node in range(len(x)):
        shade = shade_of(tree, node)
        face = "#ffffff" if shade is None else _SHADES[shade]
        axes.scatter(x[node], y[node], s=190, facecolor=face, edgecolor="#555555", linewidth=0.8, zorder=2)
        name = tree.label(node)
        sign = "" if name == NO_LABEL else name if shade is None else SIGNS[len(tree.names)][tree.labels[node]]
        ink = "white" if shade in (0, len(_SHADES) - 1) else "black"
        axes.text(x[node], y[node], sign, ha="center", va="center", fontsize=8, color=ink, zorder=3)
        if (word := tree.words[node]) is not None:
            axes.text(x[node], y[node] - 0.45, word.replace("$", r"\$"), ha="center", va="top", fontsize=9)
    axes.set(xlim=(-0.6, words - 0.4), ylim=(y.min() - 1, 0.5))
    save_figure(figure, path, dpi=100)


def places_of(tree: Trees) -> tuple[Array, Array]:
    """Return the coordinates of nodes: leaves side by side, other nodes above the middle of their children."""
    x, leaves = np.zeros(len(tree.words)), 0
    for node, below in enumerate(_children(tree)):
        x[node] = np.mean(x[below]) if below else leaves
        leaves += not below
    y = np.zeros(len(tree.words))
    for node in range(len(y) - 2, -1, -1):
        y[node] = y[tree.parents[node]] - 1
    return x, y
