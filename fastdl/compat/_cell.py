"""A recurrent cell of the core, for lists of columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import _core
from .._core.kinds import GATES
from .._types import Array
from .._validation.shapes import check_size


class Cell:
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
        self._cell, self._count, self._inputs, self._units = cell, GATES[cell], inputs, units
        size = (inputs + units + 2) * self._count * units  # the second bias, for the state, stays zero
        check_size((size,), "input_width and state_width")
        self.parameters, self.gradients = core.aligned_zeros(size), core.aligned_zeros(size)
        self._core = core.RecurrentCell(cell, "tanh", inputs, units, self.parameters, self.gradients)

    def by_name(self, flat: Array, letters: str, suffix: str = "") -> dict[str, Array]:
        """Return views of each gate's Wh (units, units), Wx (units, inputs) and b (units, 1)."""
        inputs, units = self._inputs, self._units
        views = {}
        for k, letter in enumerate(letters):
            rows = flat.reshape(inputs + units + 2, self._count, units)[:, k]
            views[f"W{letter}h{suffix}"] = rows[inputs : inputs + units].T
            views[f"W{letter}x{suffix}"] = rows[:inputs].T
            views[f"b{letter}{suffix}"] = rows[inputs + units, :, None]
        return views

    def step(self, x: Array, h: Array, c: Array | None = None) -> tuple[list[Array], Array, Array]:
        """Return the gates, h and c after a step, all columns (units, 1)."""
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
        """Propagate the gradient ``delta`` of the last h back through all times, and fill ``gradients``.

        Returns
        -------
        dgates : list of list of ndarray
            For each gate, the gradients with respect to its weighted input, all times.
        dh, dx : list of ndarray
            The gradients with respect to h before and after each step, and to the inputs.
        """
        steps, width = len(x), self._units * (4 if self._cell == "gru_before" else self._count)
        held = np.zeros((1, steps, width))  # for a GRU, with room for a value that the core adds
        for k, columns in enumerate(gates):
            held[0, :, k * self._units : (k + 1) * self._units] = _rows(columns)
        dgates, dx, dh, _ = self._core.backward(
            _rows(x)[None], _rows(h), None if c is None else _rows(c), held, None, delta.T
        )
        self.gradients[-self._count * self._units :] = 0
        by_gate = dgates.reshape(steps, -1, self._units, 1)
        return [list(by_gate[:, k]) for k in range(self._count)], list(dh[0, :, :, None]), list(dx[0, :, :, None])


def _rows(columns: Sequence[Array]) -> Array:
    """Return columns (size, 1) as rows (T, size)."""
    return np.concatenate(columns).reshape(len(columns), -1)
