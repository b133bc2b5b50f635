"""The base of article 6's gated layers: a cell of the core, with states as lists of columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from .._types import Array
from .._validation.values import as_int, as_number
from ._cell import Cell
from ._checks import as_column, as_shaped
from ._descent import descended
from ._draw import uniform
from ._memory import Built, held_once, holders
from .activators import check_activator, kernel_of, whole


class GatedLayer(Built):
    """The base of `LstmLayer` and `GruLayer`.

    A subclass names its gates in the core's order: by their letters in the names of weights and biases, and by the
    names of their lists. ``_drawn`` has the letters in the order in which weights are drawn.
    """

    _cell: ClassVar[str]
    _letters: ClassVar[str]
    _drawn: ClassVar[str]
    _lists: ClassVar[tuple[str, ...]]
    _has_c: ClassVar[bool]
    _built = "_recurrence", "_own", "_counted", "_alone", "_handed"
    h_list: list[Any]
    c_list: list[Any]
    delta_h_list: list[Any]
    delta_x_list: list[Array]

    def __init__(self, input_width: int, state_width: int, learning_rate: float) -> None:
        self.input_width = as_int(input_width, "input_width")
        self.state_width = as_int(state_width, "state_width")
        self.learning_rate = as_number(learning_rate, "learning_rate")
        self.reset_state()
        for letter in self._drawn:
            for name, array in zip((f"W{letter}h", f"W{letter}x", f"b{letter}"), self.init_weight_mat(), strict=True):
                setattr(self, name, array)
        self._build()

    def _build(self) -> None:
        self._recurrence = Cell(self._cell, self.input_width, self.state_width)
        self._own = self._recurrence.by_name(self._recurrence.parameters, self._letters)
        self._counted = [self._recurrence.parameters.base, *self._own.values()]
        self._alone = holders(self._counted)
        self._handed: tuple[Array, dict[str, Array]] | None = None  # the last gradients, flat and by name

    def init_state_vec(self) -> list[Array]:
        """Start a list of states."""
        return [np.zeros((self.state_width, 1))]

    def init_weight_mat(self) -> tuple[Array, Array, Array]:
        """Draw the initial weights of a gate for the state and the input, and its bias."""
        units, inputs = self.state_width, self.input_width
        return uniform(1e-4, (units, units)), uniform(1e-4, (units, inputs)), np.zeros((units, 1))

    def reset_state(self) -> None:
        """Forget all states, and go back to time 0."""
        self.times = 0
        self.x_list: list[Array] = []
        for name in ("c", "h", *self._lists) if self._has_c else ("h", *self._lists):
            setattr(self, f"{name}_list", self.init_state_vec())

    def update(self) -> None:
        """Take a step down the gradient."""
        there = vars(self)
        if self._handed is not None and settle(self):
            flat, by_name = self._handed
            if all(there.get(name) is gradient for name, gradient in by_name.items()):
                descended(self._recurrence.parameters, flat, self.learning_rate)
                return
        for letter in self._letters:
            for name in (f"W{letter}h", f"W{letter}x", f"b{letter}"):
                values = getattr(self, name)
                values -= self.learning_rate * getattr(self, f"{name}_grad")


# Functions rather than methods, whose names a program's subclass might use.


def settle(layer: GatedLayer) -> bool:
    """Move weights that a program has assigned into the core's memory; tell whether all weights are there.

    Weights that the program still refers to are not moved, nor any while it refers to replaced ones, which it might
    assign again.
    """
    there, owned = vars(layer), layer._own
    assigned = [name for name in owned if there.get(name) is not owned[name]]
    if assigned and not _holds_former(layer, assigned):
        for name in assigned:
            if held_once(there, name):
                owned[name][...] = as_shaped(there[name], name, owned[name].shape)
                setattr(layer, name, owned[name])
    return not assigned or all(there.get(name) is own for name, own in owned.items())


def _holds_former(layer: GatedLayer, assigned: Sequence[str]) -> bool:
    """Return whether the program refers to replaced weights in the core's memory, or to views of any weights."""
    names = "", *layer._own
    return any(
        now > alone and (not name or name in assigned)
        for name, now, alone in zip(names, holders(layer._counted), layer._alone, strict=True)
    )


def take_step(layer: GatedLayer, x: Array) -> None:
    """Take a step in the core."""
    before = as_column(layer.h_list[layer.times], f"h_list[{layer.times}]", layer.state_width)
    cell = as_column(layer.c_list[layer.times], f"c_list[{layer.times}]", layer.state_width) if layer._has_c else None
    gates, h, c = layer._recurrence.step(x, before, cell)
    layer.times += 1
    layer.x_list.append(x)
    layer.h_list.append(h)
    if layer._has_c:
        layer.c_list.append(c)
    for name, gate in zip(layer._lists, gates, strict=True):
        getattr(layer, f"{name}_list").append(gate)


def go_back(layer: GatedLayer, delta_h: Array, activator: Any) -> None:
    """Propagate back through all times in the core."""
    dgates, layer.delta_h_list, dx = layer._recurrence.backward(
        layer.x_list,
        layer.h_list,
        layer.c_list if layer._has_c else None,
        [getattr(layer, f"{name}_list")[1:] for name in layer._lists],
        delta_h,
    )
    for name, deltas in zip(layer._lists, dgates, strict=True):
        setattr(layer, f"delta_{name}_list", [np.zeros((layer.state_width, 1)), *deltas])
    hand_down(layer, dx, activator)
    flat = layer._recurrence.gradients.copy()
    layer._handed = flat, layer._recurrence.by_name(flat, layer._letters, "_grad")
    for name, gradient in layer._handed[1].items():
        setattr(layer, name, gradient)


def hand_down(layer: GatedLayer, dx: Sequence[Array], activator: Any) -> None:
    """Keep the gradients for the layer before (article 6, equation 12)."""
    if kernel_of(activator) is not None:
        below = list(np.stack(dx) * activator.backward(np.stack(layer.x_list)))
    else:
        below = [d * whole(activator.backward, x) for d, x in zip(dx, layer.x_list, strict=True)]
    layer.delta_x_list = [np.zeros((layer.input_width, 1)), *below]


def as_last_input(layer: GatedLayer, x: Any, delta_h: Any, activator: Any) -> Array:
    """Check the arguments of `backward`; give ``delta_h``."""
    check_activator(activator)
    x, error = as_column(x, "x", layer.input_width), as_column(delta_h, "delta_h", layer.state_width)
    if layer.times == 0:
        raise RuntimeError("backward must follow forward")
    layer.x_list[-1:] = [x]
    return error


def hand_over(layer: GatedLayer) -> None:
    """Move all weights into the core's memory, even those that the program refers to."""
    if not settle(layer):
        there, owned = vars(layer), layer._own
        if _holds_former(layer, [name for name in owned if there.get(name) is not owned[name]]):
            layer.__setstate__(layer.__getstate__())  # built again, in memory that nothing else refers to
        for name, own in layer._own.items():
            if getattr(layer, name) is not own:
                own[...] = as_shaped(getattr(layer, name), name, own.shape)
