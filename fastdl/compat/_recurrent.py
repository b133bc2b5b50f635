"""What the recurrent layers of articles 5 and 6 share: one cell of the core, and states as lists of columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from .. import _core
from .._validation import Array, as_int, as_number
from ._checks import as_column
from ._live import uniform
from .activators import check_activator, through

_GATES = {"rnn": 1, "lstm": 4, "gru_before": 3}


class Recurrence:
    """A recurrent cell in float64.

    Parameters
    ----------
    cell : {"rnn", "lstm", "gru_before"}
    inputs, units : int
    activation : str
        Of an rnn.

    Attributes
    ----------
    parameters, gradients : ndarray
        Flat and live.
    """

    def __init__(self, cell: str, inputs: int, units: int, activation: str = "tanh") -> None:
        core = _core.load("float64")
        self._cell, self._count, self._inputs, self._units = cell, _GATES[cell], inputs, units
        size = (inputs + units + 2) * self._count * units  # the second bias, that of the state, stays zero
        self.parameters, self.gradients = core.aligned_zeros(size), core.aligned_zeros(size)
        self._core = core.Recurrence(cell, activation, inputs, units, self.parameters, self.gradients)

    def gate(self, flat: Array, k: int) -> tuple[Array, Array, Array]:
        """Give gate k's Wh (units, units), Wx (units, inputs) and b (units, 1): views of parameters or gradients."""
        inputs, units, gates = self._inputs, self._units, self._count
        rows = flat.reshape(inputs + units + 2, gates, units)[:, k]
        return rows[inputs : inputs + units].T, rows[:inputs].T, rows[inputs + units, :, None]

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
        slopes: Sequence[Array] | None,
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
            _rows(x)[None],
            _rows(h),
            None if c is None else _rows(c),
            held,
            None if slopes is None else _rows(slopes)[None],
            delta.T,
        )
        self.gradients[-self._count * self._units :] = 0
        by_gate = dgates.reshape(steps, -1, self._units, 1)
        return [list(by_gate[:, k]) for k in range(self._count)], list(dh[0, :, :, None]), list(dx[0, :, :, None])


def _rows(columns: Sequence[Array]) -> Array:
    """Give columns (size, 1) as rows (T, size)."""
    return np.concatenate(columns).reshape(len(columns), -1)


class GatedLayer:
    """What `LstmLayer` and `GruLayer` share.

    A subclass names its gates in the core's order: their letters in weights and biases, and their lists.
    """

    _cell: ClassVar[str]
    _letters: ClassVar[str]
    _lists: ClassVar[tuple[str, ...]]
    _has_c: ClassVar[bool]

    def __init__(self, input_width: int, state_width: int, learning_rate: float) -> None:
        self.input_width = as_int(input_width, "input_width")
        self.state_width = as_int(state_width, "state_width")
        self.learning_rate = as_number(learning_rate, "learning_rate")
        self._recurrence = Recurrence(self._cell, input_width, state_width)
        self._views: dict[str, Array] = {}
        for k, letter in enumerate(self._letters):
            for flat, suffix in ((self._recurrence.parameters, ""), (self._recurrence.gradients, "_grad")):
                of_h, of_x, bias = self._recurrence.gate(flat, k)
                names = f"W{letter}h{suffix}", f"W{letter}x{suffix}", f"b{letter}{suffix}"
                self._views.update(zip(names, (of_h, of_x, bias), strict=True))
            for name in (f"W{letter}h", f"W{letter}x"):
                self._views[name][...] = uniform(1e-4, self._views[name].shape)
        self.reset_state()

    def _start(self) -> list[Array]:
        return [np.zeros((self.state_width, 1))]

    def reset_state(self) -> None:
        """Forget all states, and go back to time 0."""
        self.times = 0
        self.x_list: list[Array] = []
        self.h_list = self._start()
        self.c_list = self._start()
        for name in self._lists:
            setattr(self, f"{name}_list", self._start())

    def forward(self, x: Any) -> None:
        """Take one step in time; every list grows by one.

        Parameters
        ----------
        x : array_like, shape (input_width, 1)
        """
        x = as_column(x, "x", self.input_width).copy()  # the caller may use its memory again
        before = as_column(self.h_list[-1], "h_list[-1]", self.state_width)
        cell = as_column(self.c_list[-1], "c_list[-1]", self.state_width) if self._has_c else None
        gates, h, c = self._recurrence.step(x, before, cell)
        self.times += 1
        self.x_list.append(x)
        self.h_list.append(h)
        if self._has_c:
            self.c_list.append(c)
        for name, gate in zip(self._lists, gates, strict=True):
            getattr(self, f"{name}_list").append(gate)

    def backward(self, x: Any, delta_h: Any, activator: Any) -> None:
        """Go back through all times since the last `reset_state`, and fill the gradients.

        Parameters
        ----------
        x : array_like, shape (input_width, 1)
            The last input.
        delta_h : array_like, shape (state_width, 1)
            The error's gradient with respect to the last h.
        activator : object
            Of the layer before, whose outputs the inputs are: ``delta_x_list`` is the gradient with respect to its
            weighted input.
        """
        activator = check_activator(activator)
        x, delta_h = as_column(x, "x", self.input_width), as_column(delta_h, "delta_h", self.state_width)
        if self.times == 0:
            raise RuntimeError("backward must follow forward")
        inputs = [*self.x_list[:-1], x]
        dgates, self.delta_h_list, dx = self._recurrence.backward(
            inputs,
            self.h_list,
            self.c_list if self._has_c else None,
            [getattr(self, f"{name}_list")[1:] for name in self._lists],
            None,
            delta_h,
        )
        for name, deltas in zip(self._lists, dgates, strict=True):
            setattr(self, f"delta_{name}_list", self._start() + deltas)
        self.delta_x_list = [np.zeros((self.input_width, 1)), *through(activator, np.stack(dx), np.stack(inputs))]

    def update(self) -> None:
        """Go down the gradient."""
        self._recurrence.parameters -= self.learning_rate * self._recurrence.gradients
