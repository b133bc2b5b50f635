"""Figures of matplotlib, made and saved without a display and without pyplot's global state."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ._extras import missing
from ._files import as_path, replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def new_figure(width: float, height: float, what: str) -> Figure:
    """Make a figure of a size in inches; ``what`` is drawn in it, which an error names if matplotlib is missing."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise missing(what, "matplotlib", "plot") from None
    return Figure(figsize=(width, height), layout="constrained")


def save_figure(figure: Any, path: Any, **options: Any) -> None:
    """Write a matplotlib figure in the format of the path's ending, or as PNG if it has none."""
    kind = os.path.splitext(as_path(path))[1][1:] or "png"
    with replacing(path) as file:
        figure.savefig(file, format=kind, **options)
