"""A recurrent layer in both directions of time (article 5)."""

from __future__ import annotations

import numpy as np

from .._core.graph import Tensor
from .._types import Shape
from .._validation.values import as_choice
from .base import Layer
from .chains import check_called
from .recurrent import Recurrent
from .state_layer import StateLayer


class Bidirectional(StateLayer):
    """A recurrent layer in both directions, each with its own weights.

    Parameters
    ----------
    layer : RNN, LSTM or GRU
        The layer for both directions; it becomes a part of this one.
    merge : {"concat", "sum"}
        Whether the outputs are concatenated or added.

    Notes
    -----
    x (N, T, F), y (N, T, 2 units) or (N, 2 units), with units instead of 2 units for a sum. If the layer gives only its
    last state, that of the second direction is the one after the first step. Parameters are named as the
    layer's, those of the second direction with ``_reverse`` at the end. The state is a pair: that of the first
    direction, and that of the second, which starts at the last step and ends at the first.
    """

    def __init__(self, layer: Recurrent, merge: str = "concat") -> None:
        super().__init__()
        if not isinstance(layer, Recurrent):
            raise TypeError(f"layer must be RNN, LSTM or GRU; received {layer!r}")
        if layer.in_network or hasattr(layer, "dtype"):
            raise ValueError(f"layer must be new; received {layer!r}, which is built, or in a network already")
        if layer.stateful:
            raise ValueError("layer must not be stateful: its second direction has nothing to go on from")
        check_called(layer, "layer", ("forward", "backward", "operations", "initialize"), "Bidirectional")
        as_choice(merge, "merge", ("concat", "sum"))
        self.layer, self.merge = layer, merge
        layer.enter_network()

    def operations(self, x: Tensor) -> Tensor:  # noqa: D102
        first = len(x.graph.operations)
        y = self.layer.in_directions(x, 2, adds=self.merge == "sum")
        self.layer.apply_training_settings(x.graph, first)
        return y

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:  # noqa: D102
        shapes = self.layer.parameter_shapes(shape)
        return {f"{name}{suffix}": sizes for suffix in ("", "_reverse") for name, sizes in shapes.items()}

    def initialize(self, rng: np.random.Generator) -> None:  # noqa: D102
        for suffix in ("", "_reverse"):
            self.layer.start_direction(self.params, suffix, rng)

    @property
    def sublayers(self) -> tuple[Layer]:  # noqa: D102
        return (self.layer,)
