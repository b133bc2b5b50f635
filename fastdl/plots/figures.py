"""The common parts of the plots' figures."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from .._figures import save_figure
from .._types import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Path = str | os.PathLike[str]
MOST_NAMES = 40  # along an axis, before some are left out


def saved(figure: Figure, path: Path | None) -> Figure:
    """Save a figure if there is a path, and give it back."""
    if path is not None:
        save_figure(figure, path)
    return figure


def as_names(names: Iterable[Any] | None, name: str, count: int) -> list[str]:
    """Check that there are this many names, or number them; escape what matplotlib would interpret."""
    if names is None:
        return [str(k) for k in range(count)]
    given = [str(one) for one in names]
    if len(given) != count:
        raise ValueError(f"{name} must be {count}; received {len(given)}")
    return [one.replace("$", r"\$") for one in given]


def name_axes(axes: Any, below: list[str], left: list[str]) -> None:
    """Put names beside the columns and rows of an image, as many as there is room for."""
    for axis, names in ((axes.xaxis, below), (axes.yaxis, left)):
        step = -(-len(names) // MOST_NAMES)
        axis.set_ticks(range(0, len(names), step), names[::step])
    if max(map(len, below), default=0) > 2:
        axes.tick_params(axis="x", rotation=90)


def mosaic(tiles: Array) -> Array:
    """Arrange tiles (rows, columns, height, width) or (..., 3) as one image, with lines of NaN between them."""
    rows, columns, height, width = tiles.shape[:4]
    padding = ((0, 0), (0, 0), (0, 1), (0, 1), *((0, 0),) * (tiles.ndim - 4))
    framed = np.pad(tiles.astype(float), padding, constant_values=np.nan).swapaxes(1, 2)
    image: Array = framed.reshape(rows * (height + 1), columns * (width + 1), *tiles.shape[4:])[:-1, :-1]
    return image
