"""ONNX's RNN, LSTM and GRU as layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...._core.kinds import OF_CELLS, WITH_SETTING
from ...._types import Array
from ....layers import GRU, LSTM, RNN, Activation, Bidirectional, Layer
from ..writing.activations import OfCell, activation_of_cell
from ..writing.recurrent import ORDER, in_order
from .inputs import Inputs, array_of, expect, numbers_of, optional
from .moves import Attributes
from .tensors import Tensors
from .values import Constant, Node, Numbers, Spec, UnreadableError, flag, is_close, shortest

_KINDS: dict[str, type[Layer]] = {"RNN": RNN, "LSTM": LSTM, "GRU": GRU}
_DEFAULTS = {"RNN": ["Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"]}


def recurrent(kind: str, t: Tensors, inputs: Inputs, attributes: Attributes) -> list[Numbers]:
    """Return Y (T, D, N, H), Y_h (D, N, H) and, for an LSTM, Y_c, which can only be used as a state."""
    x, w, r = numbers_of(inputs), array_of(inputs, 1), array_of(inputs, 2)
    directions, units = len(w), r.shape[-1]
    direction = {1: b"forward", 2: b"bidirectional"}.get(directions)
    given = optional(inputs, 3)
    bias = np.zeros((directions, 2 * w.shape[1]), w.dtype) if given is None else given
    expect({"direction": b"forward", **attributes}, direction=direction, layout=0, input_forget=0, hidden_size=units)
    if "clip" in attributes or (len(inputs) > 7 and inputs[7] is not None) or x.places.ndim != 3:
        raise UnreadableError(f"{kind} must be without clip and peepholes, over steps")
    node = t.tensor(x.moved(x.places.transpose(1, 0, 2)))
    if len(node.shape) != 2:
        raise UnreadableError(f"{kind} must read steps; received {node.shape}")
    steps = node.shape[0]
    lengths = optional(inputs, 4)
    if lengths is not None and (lengths != steps).any():
        raise UnreadableError("lengths must be those of an input")
    name, arguments, form = _cell(kind, attributes, directions)
    arrays: dict[str, Array] = {}
    for k in range(directions):
        arrays |= _direction(name, w[k], r[k], bias[k], form, "_reverse" if k else "")
    if _starts_with_state(t, inputs, form):
        expect({"directions": directions}, directions=1)
        arguments["stateful"] = True

    def made(*, sequences: bool) -> Node:
        spec = Spec(_KINDS[kind], {"units": units, **arguments, "return_sequences": sequences}, arrays)
        if directions == 2:
            spec = Spec(Bidirectional, {"layer": Spec(spec.kind, spec.arguments)}, arrays)
        shape = (steps, directions * units) if sequences else (directions * units,)
        return Node(shape, spec, (node,))

    last, every = made(sequences=False), made(sequences=True)
    last.facts["ends"] = True
    ends = every.everywhere(1)[0]
    every.facts.update(last=last, last_places=np.concatenate([ends[-1, :units], ends[0, units:]]))
    cells = Node((units,), "the cells' state", (node,), {"ends": True})
    y = every.everywhere(t.samples).reshape(t.samples, steps, directions, units).transpose(1, 2, 0, 3)
    h = last.everywhere(t.samples).reshape(t.samples, directions, units).transpose(1, 0, 2)
    scaled = 1 / form.scale, -form.shift / form.scale
    return [Numbers(every, y, *scaled), Numbers(last, h, *scaled), Numbers(cells, cells.everywhere(t.samples)[None])]


def _cell(kind: str, attributes: Attributes, directions: int) -> tuple[str, dict[str, Any], OfCell]:
    """Return a cell's name in the core, its arguments, and its activation."""
    activations = [name.decode() for name in attributes.get("activations", ())] or _DEFAULTS[kind] * directions
    form = activation_of_cell("tanh", 0.0)
    if kind != "RNN":
        if activations != _DEFAULTS[kind] * directions:
            raise UnreadableError(f"{kind} must have its own activations; received {', '.join(activations)}")
        if kind == "LSTM":
            return "lstm", {}, form
        after = flag(attributes, "linear_before_reset", 0)
        return "gru_after" if after else "gru_before", {"reset_after": after}, form
    alphas, betas = (list(attributes.get(f"activation_{name}", ())) for name in ("alpha", "beta"))
    if len({*activations}) != 1 or len({*alphas}) > 1 or len({*betas}) > 1 or len(activations) != directions:
        raise UnreadableError("both directions must have one activation")
    alpha, beta = (values[0] if values else None for values in (alphas, betas))
    for name in OF_CELLS:
        setting = WITH_SETTING.get(name)
        form = activation_of_cell(name, setting[1] if setting and alpha is None else (alpha or 0.0))
        if form.name == activations[0] and _is_form(form, alpha, beta) and not (name == "elu" and _is_selu(alpha)):
            settings = {setting[0]: shortest(form.alpha)} if setting else {}
            return "rnn", {"activation": Spec(Activation, {"name": name, **settings})}, form
    raise UnreadableError(f"an RNN's activation must be one of {', '.join(OF_CELLS)}; received {activations[0]}")


def _is_selu(alpha: float | None) -> bool:
    return alpha is not None and is_close(alpha, activation_of_cell("selu", 0.0).alpha)


def _is_form(form: OfCell, alpha: float | None, beta: float | None) -> bool:
    # ONNX's default settings are ours for leaky_relu and elu only.
    if form.name in ("Relu", "Sigmoid", "Tanh", "Softplus"):
        return True
    if alpha is None:
        return form.name in ("LeakyRelu", "Elu") and form.scale == 1
    return is_close(alpha, form.alpha) and is_close(beta or 0.0, form.beta)


def _direction(name: str, w: Array, r: Array, bias: Array, form: OfCell, suffix: str) -> dict[str, Array]:
    """Return the parameters of a direction in the layers' form."""
    order = ORDER[name]
    back = [order.index(k) for k in range(len(order))]
    units = r.shape[-1]
    if w.shape[0] != len(order) * units or r.shape[0] != len(w) or bias.shape != (2 * len(w),):
        raise UnreadableError(f"weights must be of {len(order)} gates; received {w.shape}, {r.shape} and {bias.shape}")
    ih, hh, bias_ih, bias_hh = (in_order(array, back) for array in (w, r, *np.split(bias, 2)))
    if name == "gru_before":
        for array in (ih, hh, bias_ih, bias_hh):
            array[units : 2 * units] *= -1
    hh = (hh / form.scale).astype(hh.dtype)
    bias_hh = (bias_hh - form.shift * hh.sum(axis=1)).astype(hh.dtype)
    found = {"weight_ih": ih, "weight_hh": hh, "bias_ih": bias_ih, "bias_hh": bias_hh}
    return {f"{key}{suffix}": array for key, array in found.items()}


def _starts_with_state(t: Tensors, inputs: Sequence[Any], form: OfCell) -> bool:
    """Return whether it starts from a state that is an input of the graph; otherwise it starts from zeros."""
    starts, scale, offset = [*inputs[5:7]], 1 / form.scale, -form.shift / form.scale
    given = [start for start in starts if start is not None]
    if any(isinstance(start, Numbers) for start in given):
        for start in given:
            if not isinstance(start, Numbers) or start.node.does != "state" or not t.covers(start):
                raise UnreadableError("states must be those that the graph is given")
            if not is_close(start.scale, scale) or not is_close(start.offset, offset):
                raise UnreadableError("states must be as they are given")
            scale, offset = 1.0, 0.0  # of cells
        return True
    values = [start.values if isinstance(start, Constant) else None for start in starts if start is not None]
    if any(array is None or (np.abs(array - offset) > 1e-6).any() for array in values) or (offset and not values):
        raise UnreadableError("states must be zeros at first, or given to the graph")
    return False
