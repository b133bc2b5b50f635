"""The layer that adds its input to the output of a chain of layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .._core.graph import Tensor, merged
from .base import Layer
from .chains import adopted, numbered, through
from .container import Container


class Residual(Container):
    """x + f(x), where f is a chain of layers that keeps the shape of its input (He et al. 2016).

    Parameters
    ----------
    layers : sequence of Layer
        New ones: a layer belongs to one network.

    Notes
    -----
    x and y (N, F), (N, T, F) or (N, C, H, W).
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        super().__init__()
        self.layers: tuple[Layer, ...] = adopted(layers)

    def named_layers(self) -> Mapping[str, Layer]:  # noqa: D102
        return numbered(self.layers)

    def operations(self, x: Tensor) -> Tensor:  # noqa: D102
        y = through(self.layers, x)
        if y.shape != x.shape:
            raise ValueError(f"layers of Residual must give the shape that they take, {x.shape}; they give {y.shape}")
        return merged([y, x], "sum")
