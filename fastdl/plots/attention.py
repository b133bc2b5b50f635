"""Pictures of attention: which steps of a sequence attend to which."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from .._figures import new_figure
from .._types import ArrayLike
from ..inspection.attention import attention_weights
from ..layers import Layer
from .figures import Path, as_names, name_axes, saved

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_attention(
    net: Layer,
    x: ArrayLike,
    layer: Layer | str | int | None = None,
    *,
    names: Iterable[Any] | None = None,
    path: Path | None = None,
) -> Figure:
    """Draw how much each step of a sequence attends to each, a panel for each head.

    Parameters
    ----------
    net : Sequential
        Built.
    x : array_like, shape (T,) or (T, F)
        One sample, without steps that do not count.
    layer : Layer, str or int, optional
        A `SelfAttention`, or its name in the network; by default the first one.
    names : iterable of str, optional
        The names of the T steps, such as words.
    path : path-like, optional
        Where to save the picture.

    Returns
    -------
    matplotlib.figure.Figure
        For each head, a row for each step: the weights with which it attends to all, from 0 to the largest.
    """
    sample, wanted = np.asarray(x), getattr(net, "input_shape", np.shape(x))
    if sample.ndim != len(wanted):
        raise ValueError(f"x must be one sample, of shape {wanted}; received {sample.shape}")
    weights = attention_weights(net, sample[None], layer)[0]
    heads, steps = weights.shape[:2]
    named = as_names(names, "names", steps)
    columns = ceil(sqrt(heads))
    rows = ceil(heads / columns)
    side = min(max(2.4, 0.22 * min(steps, 40)), 6.0)
    figure = new_figure(columns * side + 0.8, rows * side, "plot_attention")
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).reshape(-1)
    for head, axes in enumerate(panels):
        if head >= heads:
            axes.set_axis_off()
            continue
        image = axes.imshow(weights[head], cmap="viridis", vmin=0, vmax=weights.max(), interpolation="nearest")
        axes.set_title(f"head {head}", fontsize=9)
        name_axes(axes, named, named)
    figure.supxlabel("attends to", fontsize=9)
    figure.supylabel("step", fontsize=9)
    figure.colorbar(image, ax=list(panels), shrink=0.8)
    return saved(figure, path)
