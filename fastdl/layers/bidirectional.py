"""Two recurrent layers, from the first step on and from the last one back (article 5)."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._types import Array, Shape
from .._validation.values import as_choice
from .base import Layer, from_config
from .recurrent import Recurrent
from .state import State, StateLayer, as_pair_of_states


class Bidirectional(StateLayer):
    """A recurrent layer's two directions, each with weights of its own.

    Parameters
    ----------
    layer : RNN, LSTM or GRU
        What both are like; it becomes a part of this one.
    merge : {"concat", "sum"}
        Whether the outputs are put side by side or added up.

    Notes
    -----
    x (N, T, F), y (N, T, 2 units) or (N, 2 units), units alone for a sum. Where the layer gives the last state alone,
    that of the second direction is the one after the first step. Parameters are named as the layer's, those of the
    second direction with ``_reverse`` after it. The state is a pair: the first direction's, and that of the second,
    which starts at the last step and ends at the first.
    """

    def __init__(self, layer: Recurrent, merge: str = "concat") -> None:
        super().__init__()
        if not isinstance(layer, Recurrent):
            raise TypeError(f"layer must be RNN, LSTM or GRU; received {layer!r}")
        if layer._in_network or hasattr(layer, "dtype"):
            raise ValueError(f"layer must be new; received {layer!r} of another network, or built")
        if layer.stateful:
            raise ValueError("layer must not be stateful: its second direction has nothing to go on from")
        as_choice(merge, "merge", ("concat", "sum"))
        self.layer, self.merge = layer, merge
        layer._in_network = True

    def _output_shape(self, shape: Shape) -> Shape:
        *steps, units = self.layer._output_shape(shape)
        return *steps, units if self.merge == "sum" else 2 * units

    def _parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        shapes = self.layer._parameter_shapes(shape)
        return {f"{name}{suffix}": sizes for suffix in ("", "_reverse") for name, sizes in shapes.items()}

    def _operations(self, shape: Shape, offset: int) -> list[dict[str, Any]]:
        (operation,) = self.layer._operations(shape, offset)
        return [{**operation, "output_shape": self._output_shape(shape), "directions": 2, "adds": self.merge == "sum"}]

    def _initialize(self, rng: np.random.Generator) -> None:
        for suffix in ("", "_reverse"):
            self.layer._start(self.params, suffix, rng)

    @property
    def _state_size(self) -> int:
        return 2 * self.layer._state_size

    def _joined(self, state: State, name: str, samples: int, dtype: str) -> Array:
        parts = (None, None) if state is None else as_pair_of_states(state, name, "of the two directions' states")
        return np.hstack([self.layer._joined(part, f"{name}[{k}]", samples, dtype) for k, part in enumerate(parts)])

    def _parted(self, rows: Array) -> State:
        first, second = np.hsplit(rows, 2)
        return self.layer._parted(first), self.layer._parted(second)

    @property
    def _children(self) -> tuple[Layer]:
        return (self.layer,)

    def get_config(self) -> dict[str, Any]:
        """Give the constructor's arguments, which `from_config` takes back."""
        return {**super().get_config(), "layer": self.layer.get_config()}

    @classmethod
    def _from_arguments(cls, arguments: dict[str, Any]) -> Layer:
        layer = from_config(arguments.pop("layer"))
        if not isinstance(layer, Recurrent):
            raise ValueError(f"layer must be RNN, LSTM or GRU; received {layer!r}")
        return cls(layer, **arguments)
