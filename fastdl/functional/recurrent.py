"""One step of a recurrent layer in time, forward and back, on arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from .._core.kinds import GATES
from .._types import Array
from .._validation.arrays import as_array, as_ranked, as_real, precision
from .._validation.values import as_choice

__all__ = [
    "gru_step",
    "gru_step_backward",
    "lstm_step",
    "lstm_step_backward",
    "rnn_step",
    "rnn_step_backward",
]

Gradients = tuple[Array, ...]


def rnn_step(
    x: Any,
    h: Any,
    weight_ih: Any,
    weight_hh: Any,
    bias_ih: Any = None,
    bias_hh: Any = None,
    *,
    activation: str = "tanh",
) -> Array:
    """Give h' = f(x W_ih^T + b_ih + h W_hh^T + b_hh) (article 5, equation 2).

    Parameters
    ----------
    x : array_like, shape (N, F)
    h : array_like, shape (N, units)
    weight_ih : array_like, shape (units, F)
    weight_hh : array_like, shape (units, units)
    bias_ih, bias_hh : array_like, shape (units,), optional
    activation : str
        f: tanh, relu, identity or sigmoid.

    Returns
    -------
    ndarray, shape (N, units)
    """
    return _Step("rnn", x, h, None, weight_ih, weight_hh, bias_ih, bias_hh, activation).forward()[0]


def rnn_step_backward(
    dh: Any,
    x: Any,
    h: Any,
    weight_ih: Any,
    weight_hh: Any,
    bias_ih: Any = None,
    bias_hh: Any = None,
    *,
    activation: str = "tanh",
) -> Gradients:
    """Give the gradients of `rnn_step`.

    Parameters
    ----------
    dh : array_like, shape (N, units)
        With respect to h'.
    x, h, weight_ih, weight_hh, bias_ih, bias_hh, activation
        As of `rnn_step`.

    Returns
    -------
    tuple of ndarray
        With respect to x, h, weight_ih, weight_hh, bias_ih and bias_hh.
    """
    return _Step("rnn", x, h, None, weight_ih, weight_hh, bias_ih, bias_hh, activation).backward(dh)


def lstm_step(
    x: Any, h: Any, c: Any, weight_ih: Any, weight_hh: Any, bias_ih: Any = None, bias_hh: Any = None
) -> tuple[Array, Array]:
    """Give h' = o tanh c' and c' = f c + i g of long short-term memory (article 6).

    Parameters
    ----------
    x : array_like, shape (N, F)
    h, c : array_like, shape (N, units)
    weight_ih : array_like, shape (4 units, F)
        For the gates i, f, g, o one below the other.
    weight_hh : array_like, shape (4 units, units)
    bias_ih, bias_hh : array_like, shape (4 units,), optional

    Returns
    -------
    h', c' : ndarray, shape (N, units)
    """
    return _Step("lstm", x, h, c, weight_ih, weight_hh, bias_ih, bias_hh).forward()


def lstm_step_backward(
    dh: Any,
    dc: Any,
    x: Any,
    h: Any,
    c: Any,
    weight_ih: Any,
    weight_hh: Any,
    bias_ih: Any = None,
    bias_hh: Any = None,
) -> Gradients:
    """Give the gradients of `lstm_step`.

    Parameters
    ----------
    dh, dc : array_like, shape (N, units)
        With respect to h' and c'.
    x, h, c, weight_ih, weight_hh, bias_ih, bias_hh
        As of `lstm_step`.

    Returns
    -------
    tuple of ndarray
        With respect to x, h, c, weight_ih, weight_hh, bias_ih and bias_hh.
    """
    dx, before, *others, dc = _Step("lstm", x, h, c, weight_ih, weight_hh, bias_ih, bias_hh).backward(dh, dc)
    return dx, before, dc, *others


def gru_step(
    x: Any,
    h: Any,
    weight_ih: Any,
    weight_hh: Any,
    bias_ih: Any = None,
    bias_hh: Any = None,
    *,
    reset_after: bool = True,
) -> Array:
    """Give h' of a gated recurrent unit: see `fastdl.layers.GRU`, also for ``reset_after``.

    Parameters
    ----------
    x : array_like, shape (N, F)
    h : array_like, shape (N, units)
    weight_ih : array_like, shape (3 units, F)
        For the gates r, z, n one below the other.
    weight_hh : array_like, shape (3 units, units)
    bias_ih, bias_hh : array_like, shape (3 units,), optional
    reset_after : bool

    Returns
    -------
    ndarray, shape (N, units)
    """
    cell = "gru_after" if reset_after else "gru_before"
    return _Step(cell, x, h, None, weight_ih, weight_hh, bias_ih, bias_hh).forward()[0]


def gru_step_backward(
    dh: Any,
    x: Any,
    h: Any,
    weight_ih: Any,
    weight_hh: Any,
    bias_ih: Any = None,
    bias_hh: Any = None,
    *,
    reset_after: bool = True,
) -> Gradients:
    """Give the gradients of `gru_step`.

    Parameters
    ----------
    dh : array_like, shape (N, units)
        With respect to h'.
    x, h, weight_ih, weight_hh, bias_ih, bias_hh, reset_after
        As of `gru_step`.

    Returns
    -------
    tuple of ndarray
        With respect to x, h, weight_ih, weight_hh, bias_ih and bias_hh.
    """
    cell = "gru_after" if reset_after else "gru_before"
    return _Step(cell, x, h, None, weight_ih, weight_hh, bias_ih, bias_hh).backward(dh)


class _Step:
    """A cell over checked arrays."""

    def __init__(
        self,
        cell: str,
        x: Any,
        h: Any,
        c: Any,
        weight_ih: Any,
        weight_hh: Any,
        bias_ih: Any,
        bias_hh: Any,
        activation: str = "tanh",
    ) -> None:
        activation = as_choice(activation or "identity", "activation", ("identity", "relu", "sigmoid", "tanh"))
        given = {"x": x, "h": h, "weight_ih": weight_ih, "weight_hh": weight_hh, **({"c": c} if cell == "lstm" else {})}
        double = any(precision(as_real(array, name)) == "float64" for name, array in given.items())
        self.dtype = "float64" if double else "float32"
        gates = GATES[cell]
        self.x = as_ranked(x, "x", 2, "(N, F)", self.dtype)
        weights = as_ranked(weight_hh, "weight_hh", 2, f"({gates} units, units)", self.dtype)
        samples, inputs = self.x.shape
        units = weights.shape[1]
        columns = gates * units
        self.shape = samples, units
        self.h = self._state(h, "h")
        self.c = self._state(c, "c") if cell == "lstm" else None
        parameters = (
            ("weight_ih", weight_ih, (columns, inputs)),
            ("weight_hh", weights, (columns, units)),
            ("bias_ih", bias_ih, (columns,)),
            ("bias_hh", bias_hh, (columns,)),
        )
        core = _core.load(self.dtype)
        size = (inputs + units + 2) * columns
        self.parameters, self.gradients = core.aligned_zeros(size), core.aligned_zeros(size)
        self.columns, self.inputs = columns, inputs
        for (name, values, shape), place in zip(parameters, self._parts(self.parameters), strict=True):
            if values is not None or name.startswith("weight"):
                array = as_array(values, name, self.dtype)
                if array.shape != shape:
                    raise ValueError(f"{name} must have shape {shape}; received {array.shape}")
                place[...] = array
        self.core = core.RecurrentCell(cell, activation, inputs, units, self.parameters, self.gradients)

    def _parts(self, flat: Array) -> Gradients:
        """Look at weight_ih, weight_hh, bias_ih and bias_hh in a flat vector."""
        rows = flat.reshape(-1, self.columns)
        return rows[: self.inputs].T, rows[self.inputs : -2].T, rows[-2], rows[-1]

    def _state(self, state: Any, name: str) -> Array:
        array = as_array(state, name, self.dtype)
        if array.shape != self.shape:
            raise ValueError(f"{name} must have shape {self.shape}; received {array.shape}")
        return array

    def forward(self) -> tuple[Array, Array]:
        _, h, c = self.core.step(self.x, self.h, self.c)
        return h.copy(), c.copy()

    def backward(self, dh: Any, dc: Any = None) -> Gradients:
        """Give the gradients of x, h, the parameters, and of c where there is one."""
        dh = self._state(dh, "dh")
        dc = None if dc is None else self._state(dc, "dc")
        gates, h, c = self.core.step(self.x, self.h, self.c)
        cells = None if self.c is None else np.stack([self.c, c], axis=1)
        states = np.stack([self.h, h], axis=1)
        _, dx, whole, dc = self.core.backward(self.x[:, None], states, cells, gates[:, None], None, dh, dc)
        parts = tuple(np.ascontiguousarray(part) for part in self._parts(self.gradients))
        gradients = dx[:, 0].copy(), whole[:, 0].copy(), *parts
        return gradients if self.c is None else (*gradients, dc.copy())
