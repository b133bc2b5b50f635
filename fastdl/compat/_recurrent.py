"""What the gated layers of article 6 share: one cell of the core, and states as lists of columns."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from .. import _core
from .._types import Array
from .._validation.shapes import check_size
from .._validation.values import as_int, as_number
from ._checks import as_column, as_shaped
from ._memory import Built
from .activators import check_activator, kernel_of, whole

_GATES = {"lstm": 4, "gru_before": 3}
_held = {"once": object()}
_ONCE = sys.getrefcount(_held["once"])  # of what nothing but a dict holds


class Recurrence:
    """A recurrent cell in float64.

    Parameters
    ----------
    cell : {"lstm", "gru_before"}
    inputs, units : int

    Attributes
    ----------
    parameters, gradients : ndarray
        Flat and live.
    """

    def __init__(self, cell: str, inputs: int, units: int) -> None:
        core = _core.load("float64")
        self._cell, self._count, self._inputs, self._units = cell, _GATES[cell], inputs, units
        size = (inputs + units + 2) * self._count * units  # the second bias, that of the state, stays zero
        check_size((size,), "input_width and state_width")
        self.parameters, self.gradients = core.aligned_zeros(size), core.aligned_zeros(size)
        self._core = core.Recurrence(cell, "tanh", inputs, units, self.parameters, self.gradients)

    def by_name(self, flat: Array, letters: str, suffix: str = "") -> dict[str, Array]:
        """Give each gate's Wh (units, units), Wx (units, inputs) and b (units, 1): views of parameters or gradients."""
        inputs, units = self._inputs, self._units
        views = {}
        for k, letter in enumerate(letters):
            rows = flat.reshape(inputs + units + 2, self._count, units)[:, k]
            views[f"W{letter}h{suffix}"] = rows[inputs : inputs + units].T
            views[f"W{letter}x{suffix}"] = rows[:inputs].T
            views[f"b{letter}{suffix}"] = rows[inputs + units, :, None]
        return views

    def step(self, x: Array, h: Array, c: Array | None = None) -> tuple[list[Array], Array, Array]:
        """Give the gates, h and c after a step, all columns (units, 1)."""
        gates, h, c = self._core.step(x.T, h.T, None if c is None else c.T)
        return list(gates.reshape(-1, self._units, 1)[: self._count]), h.T, c.T

    def backward(
        self,
        x: Sequence[Array],
        h: Sequence[Array],
        c: Sequence[Array] | None,
        gates: Sequence[Sequence[Array]],
        delta: Array,
    ) -> tuple[list[list[Array]], list[Array], list[Array]]:
        """Take the gradient ``delta`` of the last h back through all times, and fill ``gradients``.

        Returns
        -------
        dgates : list of list of ndarray
            For each gate, the gradients with respect to its weighted input, all times.
        dh, dx : list of ndarray
            With respect to h before and after each step, and to the inputs.
        """
        steps, width = len(x), self._units * (4 if self._cell == "gru_before" else self._count)
        held = np.zeros((1, steps, width))  # of a GRU with room for what the core adds
        for k, columns in enumerate(gates):
            held[0, :, k * self._units : (k + 1) * self._units] = _rows(columns)
        dgates, dx, dh, _ = self._core.backward(
            _rows(x)[None], _rows(h), None if c is None else _rows(c), held, None, delta.T
        )
        self.gradients[-self._count * self._units :] = 0
        by_gate = dgates.reshape(steps, -1, self._units, 1)
        return [list(by_gate[:, k]) for k in range(self._count)], list(dh[0, :, :, None]), list(dx[0, :, :, None])


def _rows(columns: Sequence[Array]) -> Array:
    """Give columns (size, 1) as rows (T, size)."""
    return np.concatenate(columns).reshape(len(columns), -1)


class GatedLayer(Built):
    """What `LstmLayer` and `GruLayer` share.

    A subclass names its gates in the core's order: their letters in weights and biases, and their lists; and in
    ``_drawn`` the letters in the order in which their weights are drawn.
    """

    _cell: ClassVar[str]
    _letters: ClassVar[str]
    _drawn: ClassVar[str]
    _lists: ClassVar[tuple[str, ...]]
    _has_c: ClassVar[bool]
    _built = "_recurrence", "_own", "_handed"
    h_list: list[Any]
    c_list: list[Any]

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
        self._recurrence = Recurrence(self._cell, self.input_width, self.state_width)
        self._own = self._recurrence.by_name(self._recurrence.parameters, self._letters)
        self._handed: tuple[Array, dict[str, Array]] | None = None  # the last gradients, in one piece and by name

    def init_state_vec(self) -> list[Array]:
        """Start a list of states."""
        return [np.zeros((self.state_width, 1))]

    def init_weight_mat(self) -> tuple[Array, Array, Array]:
        """Draw a gate's weights of the state and of the input, and its bias."""
        raise NotImplementedError

    def reset_state(self) -> None:
        """Forget all states, and go back to time 0."""
        self.times = 0
        self.x_list: list[Array] = []
        for name in ("c", "h", *self._lists) if self._has_c else ("h", *self._lists):
            setattr(self, f"{name}_list", self.init_state_vec())

    def _settled(self) -> bool:
        """Move the weights that a program assigned and let go of into the core's memory; tell whether all are there."""
        there, settled = vars(self), True
        for name, own in self._own.items():
            if there.get(name) is own:
                continue
            settled = False
            if isinstance(there.get(name), np.ndarray):
                alone = sys.getrefcount(there[name]) <= _ONCE
                if alone and (there[name].base is None or sys.getrefcount(there[name].base) <= _ONCE):
                    own[...] = as_shaped(there[name], name, own.shape)
                    setattr(self, name, own)
        return settled or all(there.get(name) is own for name, own in self._own.items())

    def _step(self, x: Array) -> None:
        """Let the core take a step."""
        before = as_column(self.h_list[self.times], f"h_list[{self.times}]", self.state_width)
        cell = as_column(self.c_list[self.times], f"c_list[{self.times}]", self.state_width) if self._has_c else None
        gates, h, c = self._recurrence.step(x, before, cell)
        self.times += 1
        self.x_list.append(x)
        self.h_list.append(h)
        if self._has_c:
            self.c_list.append(c)
        for name, gate in zip(self._lists, gates, strict=True):
            getattr(self, f"{name}_list").append(gate)

    def _through_time(self, delta_h: Array, activator: Any) -> None:
        """Let the core go back through all times."""
        dgates, self.delta_h_list, dx = self._recurrence.backward(
            self.x_list,
            self.h_list,
            self.c_list if self._has_c else None,
            [getattr(self, f"{name}_list")[1:] for name in self._lists],
            delta_h,
        )
        for name, deltas in zip(self._lists, dgates, strict=True):
            setattr(self, f"delta_{name}_list", [np.zeros((self.state_width, 1)), *deltas])
        self._hand_down(dx, activator)
        flat = self._recurrence.gradients.copy()
        self._handed = flat, self._recurrence.by_name(flat, self._letters, "_grad")
        for name, gradient in self._handed[1].items():
            setattr(self, name, gradient)

    def _hand_down(self, dx: Sequence[Array], activator: Any) -> None:
        """Keep what goes on to the layer before (article 6, equation 12)."""
        if kernel_of(activator) is not None:
            below = list(np.stack(dx) * activator.backward(np.stack(self.x_list)))
        else:
            below = [d * whole(activator.backward, x) for d, x in zip(dx, self.x_list, strict=True)]
        self.delta_x_list = [np.zeros((self.input_width, 1)), *below]

    def _as_last_input(self, x: Any, delta_h: Any, activator: Any) -> Array:
        """Check what `backward` is given; give ``delta_h``."""
        check_activator(activator)
        x, error = as_column(x, "x", self.input_width), as_column(delta_h, "delta_h", self.state_width)
        if self.times == 0:
            raise RuntimeError("backward must follow forward")
        self.x_list[-1:] = [x]
        return error

    def update(self) -> None:
        """Go down the gradient."""
        there = vars(self)
        if self._handed is not None and self._settled():
            flat, by_name = self._handed
            if all(there.get(name) is gradient for name, gradient in by_name.items()):
                self._recurrence.parameters -= self.learning_rate * flat
                return
        for letter in self._letters:
            for name in (f"W{letter}h", f"W{letter}x", f"b{letter}"):
                values = getattr(self, name)
                values -= self.learning_rate * getattr(self, f"{name}_grad")
