"""Pictures of the weights of filters and units."""

from __future__ import annotations

from math import ceil, sqrt
from typing import TYPE_CHECKING

import numpy as np

from .._figures import new_figure
from .._types import Array, ShapeLike
from .._validation.shapes import as_shape
from ..layers import Layer
from .figures import Path, mosaic, saved

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_filters(layer: Layer, *, shape: ShapeLike | None = None, path: Path | None = None) -> Figure:
    """Draw the weights of a layer that reads images: a tile for each filter or unit.

    Parameters
    ----------
    layer : Layer
        Built, a convolution of images, with weights (filters, C, KH, KW), or a `Dense` one, with weights (units, F).
    shape : (int, int) or (int, int, int), optional
        (H, W) or (C, H, W) of the images whose numbers a `Dense` layer reads.
    path : path-like, optional
        Where to save the picture.

    Returns
    -------
    matplotlib.figure.Figure
        Filters of one channel stand side by side, red above 0 and blue below, on one scale. Those of three channels are
        in colours, each on its own scale, grey at 0. Others have a row each, with their channels side by side.

    Raises
    ------
    ValueError
        If the layer has no such weights, or they are not of the shape.
    """
    weight = _images(layer, shape)
    filters, channels, height, width = weight.shape
    if channels == 3:
        most = abs(weight).max(axis=(1, 2, 3), keepdims=True)
        tiles = _in_rows((0.5 + 0.5 * weight / np.where(most > 0, most, 1)).transpose(0, 2, 3, 1))
    else:
        tiles = _in_rows(weight[:, 0]) if channels == 1 else weight
    rows, columns = tiles.shape[:2]
    size = min(0.8, 12 / max(rows, columns))
    high = max(1.5, size * rows * height / width + 0.6)
    figure = new_figure(max(2.0, size * columns + 0.6), high, "plot_filters")
    axes = figure.subplots()
    image = mosaic(tiles)
    if channels == 3:
        axes.imshow(np.nan_to_num(image, nan=1.0), interpolation="nearest")
    else:
        most = float(abs(weight).max()) or 1.0
        drawn = axes.imshow(image, cmap="RdBu_r", vmin=-most, vmax=most, interpolation="nearest")
        figure.colorbar(drawn, ax=axes, shrink=min(0.8, 3 / high))
    axes.set_axis_off()
    axes.set_title(f"{type(layer).__name__}: {filters} × ({channels}, {height}, {width})", fontsize=9)
    return saved(figure, path)


def _images(layer: Layer, shape: ShapeLike | None) -> Array:
    """Return a layer's weights as images (filters, C, H, W)."""
    if not isinstance(layer, Layer):
        raise TypeError(f"layer must be a Layer; received {layer!r}")
    layer.check_built()
    weight = layer.params.get("weight")
    if weight is None or weight.ndim not in (2, 4):
        raise ValueError(f"layer must have weights of images, or of their numbers; received {layer!r}")
    if weight.ndim == 4:
        if shape is not None:
            raise ValueError(f"shape must be None for a convolution; received {shape!r}")
        return weight
    if shape is None:
        raise ValueError(
            f"shape must be (H, W) or (C, H, W) of the {weight.shape[1]} numbers that are read; received None"
        )
    sizes = as_shape(shape, "shape")
    sizes = (1, *sizes) if len(sizes) == 2 else sizes
    if len(sizes) != 3 or None in sizes or np.prod(sizes) != weight.shape[1]:
        raise ValueError(
            f"shape must be (H, W) or (C, H, W) of the {weight.shape[1]} numbers that are read; received {shape!r}"
        )
    images: Array = weight.reshape(-1, *sizes)
    return images


def _in_rows(images: Array) -> Array:
    """Arrange images in rows as about a square, with NaN where there are none."""
    columns = ceil(sqrt(len(images)))
    rows = ceil(len(images) / columns)
    tiles = np.full((rows * columns, *images.shape[1:]), np.nan)
    tiles[: len(images)] = images
    return tiles.reshape(rows, columns, *images.shape[1:])
