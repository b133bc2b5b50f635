"""One step of a recurrent layer in time, forward and back, on arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from .._core.kinds import GATES
from .._threads import get_num_threads
from .._types import Array, ArrayLike, Shape
from .._validation.arrays import as_array, as_ranked, as_real, precision
from .._validation.values import as_choice, as_flag

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
    x: ArrayLike,
    h: ArrayLike,
    weight_ih: ArrayLike,
    weight_hh: ArrayLike,
    bias_ih: ArrayLike | None = None,
    bias_hh: ArrayLike | None = None,
    *,
    activation: str = "tanh",
) -> Array:
    """Return h' = f(x W_ih^T + b_ih + h W_hh^T + b_hh) (article 5, equation 2).

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
    return _step("rnn", _as_activation(activation), x, h, None, weight_ih, weight_hh, bias_ih, bias_hh)  # type: ignore[no-any-return]


def rnn_step_backward(
    dh: ArrayLike,
    x: ArrayLike,
    h: ArrayLike,
    weight_ih: ArrayLike,
    weight_hh: ArrayLike,
    bias_ih: ArrayLike | None = None,
    bias_hh: ArrayLike | None = None,
    *,
    activation: str = "tanh",
) -> Gradients:
    """Return the gradients of `rnn_step`.

    Parameters
    ----------
    dh : array_like, shape (N, units)
        With respect to h'.
    x, h, weight_ih, weight_hh, bias_ih, bias_hh, activation
        As for `rnn_step`.

    Returns
    -------
    tuple of ndarray
        With respect to x, h, weight_ih, weight_hh, bias_ih and bias_hh.
    """
    return _backward("rnn", _as_activation(activation), dh, None, x, h, None, weight_ih, weight_hh, bias_ih, bias_hh)


def lstm_step(
    x: ArrayLike,
    h: ArrayLike,
    c: ArrayLike,
    weight_ih: ArrayLike,
    weight_hh: ArrayLike,
    bias_ih: ArrayLike | None = None,
    bias_hh: ArrayLike | None = None,
) -> tuple[Array, Array]:
    """Return h' = o tanh c' and c' = f c + i g of long short-term memory (article 6).

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
    return _step("lstm", "tanh", x, h, c, weight_ih, weight_hh, bias_ih, bias_hh)  # type: ignore[no-any-return]


def lstm_step_backward(
    dh: ArrayLike,
    dc: ArrayLike,
    x: ArrayLike,
    h: ArrayLike,
    c: ArrayLike,
    weight_ih: ArrayLike,
    weight_hh: ArrayLike,
    bias_ih: ArrayLike | None = None,
    bias_hh: ArrayLike | None = None,
) -> Gradients:
    """Return the gradients of `lstm_step`.

    Parameters
    ----------
    dh, dc : array_like, shape (N, units)
        With respect to h' and c'.
    x, h, c, weight_ih, weight_hh, bias_ih, bias_hh
        As for `lstm_step`.

    Returns
    -------
    tuple of ndarray
        With respect to x, h, c, weight_ih, weight_hh, bias_ih and bias_hh.
    """
    arrays = x, h, c, weight_ih, weight_hh, bias_ih, bias_hh
    dx, before, *others, dc = _backward("lstm", "tanh", dh, dc, *arrays)
    return dx, before, dc, *others


def gru_step(
    x: ArrayLike,
    h: ArrayLike,
    weight_ih: ArrayLike,
    weight_hh: ArrayLike,
    bias_ih: ArrayLike | None = None,
    bias_hh: ArrayLike | None = None,
    *,
    reset_after: bool = True,
) -> Array:
    """Return h' of a gated recurrent unit: see `fastdl.layers.GRU`, also for ``reset_after``.

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
    cell = _gru(reset_after)
    return _step(cell, "tanh", x, h, None, weight_ih, weight_hh, bias_ih, bias_hh)  # type: ignore[no-any-return]


def gru_step_backward(
    dh: ArrayLike,
    x: ArrayLike,
    h: ArrayLike,
    weight_ih: ArrayLike,
    weight_hh: ArrayLike,
    bias_ih: ArrayLike | None = None,
    bias_hh: ArrayLike | None = None,
    *,
    reset_after: bool = True,
) -> Gradients:
    """Return the gradients of `gru_step`.

    Parameters
    ----------
    dh : array_like, shape (N, units)
        With respect to h'.
    x, h, weight_ih, weight_hh, bias_ih, bias_hh, reset_after
        As for `gru_step`.

    Returns
    -------
    tuple of ndarray
        With respect to x, h, weight_ih, weight_hh, bias_ih and bias_hh.
    """
    cell = _gru(reset_after)
    return _backward(cell, "tanh", dh, None, x, h, None, weight_ih, weight_hh, bias_ih, bias_hh)


def _gru(reset_after: Any) -> str:
    return "gru_after" if as_flag(reset_after, "reset_after") else "gru_before"


def _as_activation(activation: Any) -> str:
    return as_choice(activation or "identity", "activation", ("identity", "relu", "sigmoid", "tanh"))


def _step(
    cell: str, activation: str, x: Any, h: Any, c: Any, weight_ih: Any, weight_hh: Any, bias_ih: Any, bias_hh: Any
) -> Any:
    """Return the next h, or for an LSTM the next h and c.

    Arrays in the core's form are not checked to be finite before: a number that is not makes the result not finite.
    """
    after = None
    if type(x) is np.ndarray:
        after = _core.load(precision(x)).cell_step(
            cell, activation, x, h, c, weight_ih, weight_hh, bias_ih, bias_hh, get_num_threads()
        )
    if after is None:
        checked = _checked(cell, x, h, c, weight_ih, weight_hh, bias_ih, bias_hh)
        core = _core.load(precision(checked[0]))
        after = core.cell_step(cell, activation, *checked, get_num_threads(), True)
    return after


def _checked(
    cell: str, x: Any, h: Any, c: Any, weight_ih: Any, weight_hh: Any, bias_ih: Any, bias_hh: Any
) -> tuple[Array, Array, Array | None, Array, Array, Array | None, Array | None]:
    """Check that arrays are finite and that their shapes fit, and convert them to one dtype."""
    given = {"x": x, "h": h, "weight_ih": weight_ih, "weight_hh": weight_hh, **({"c": c} if cell == "lstm" else {})}
    double = any(precision(as_real(array, name)) == "float64" for name, array in given.items())
    dtype = "float64" if double else "float32"
    x = as_ranked(x, "x", 2, "(N, F)", dtype)
    weight_hh = as_ranked(weight_hh, "weight_hh", 2, f"({GATES[cell]} units, units)", dtype)
    units = weight_hh.shape[1]
    columns = GATES[cell] * units
    return (
        x,
        _shaped(h, "h", (len(x), units), dtype),
        _shaped(c, "c", (len(x), units), dtype) if cell == "lstm" else None,
        _shaped(weight_ih, "weight_ih", (columns, x.shape[1]), dtype),
        _shaped(weight_hh, "weight_hh", (columns, units), dtype),
        None if bias_ih is None else _shaped(bias_ih, "bias_ih", (columns,), dtype),
        None if bias_hh is None else _shaped(bias_hh, "bias_hh", (columns,), dtype),
    )


def _shaped(values: Any, name: str, shape: Shape, dtype: str) -> Array:
    array = as_array(values, name, dtype)
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}; received {array.shape}")
    return array


def _backward(cell: str, activation: str, dh: Any, dc: Any, *arrays: Any) -> Gradients:
    """Return the gradients of x, h, the parameters, and of c where there is one."""
    x, h, c, *parameters = _checked(cell, *arrays)
    dtype, inputs, units = precision(x), x.shape[1], h.shape[1]
    dh = _shaped(dh, "dh", h.shape, dtype)
    dc = None if dc is None else _shaped(dc, "dc", h.shape, dtype)
    core = _core.load(dtype)
    size = (inputs + units + 2) * GATES[cell] * units
    flat, gradients = core.aligned_zeros(size), core.aligned_zeros(size)
    for place, values in zip(_parts(flat, inputs, units), parameters, strict=True):
        if values is not None:
            place[...] = values
    layer = core.RecurrentCell(cell, activation, inputs, units, flat, gradients)
    gates, h_after, c_after = layer.step(x, h, c)
    cells = None if c is None else np.stack([c, c_after], axis=1)
    states = np.stack([h, h_after], axis=1)
    _, dx, whole, dc = layer.backward(x[:, None], states, cells, gates[:, None], None, dh, dc)
    parts = tuple(np.ascontiguousarray(part) for part in _parts(gradients, inputs, units))
    given = dx[:, 0].copy(), whole[:, 0].copy(), *parts
    return given if c is None else (*given, dc.copy())


def _parts(flat: Array, inputs: int, units: int) -> Gradients:
    """Return views of weight_ih, weight_hh, bias_ih and bias_hh in a flat vector."""
    rows = flat.reshape(inputs + units + 2, -1)
    return rows[:inputs].T, rows[inputs:-2].T, rows[-2], rows[-1]
