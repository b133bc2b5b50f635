"""Activations, each in ONNX's operators."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import Any, NamedTuple

import numpy as np

from .writer import Writer

Function = Callable[[Writer, str, float], str]  # takes the writer, the name of the input, and the setting


def _one(kind: str, **attributes: Any) -> Function:
    """Return a function that writes a single operator."""
    return lambda w, x, _: w.node(kind, x, **attributes)


def _gelu(w: Writer, x: str, _: float) -> str:
    erf = w.node("Erf", w.times(x, 1 / sqrt(2)))
    return w.times(w.node("Mul", x, w.plus(erf, 1)), 0.5)


FUNCTIONS: dict[str, Function] = {
    "identity": lambda w, x, _: x,
    "relu": _one("Relu"),
    "leaky_relu": lambda w, x, setting: w.node("LeakyRelu", x, alpha=setting),
    "elu": lambda w, x, setting: w.node("Elu", x, alpha=setting),
    "selu": _one("Selu"),
    "gelu": _gelu,
    "silu": lambda w, x, _: w.node("Mul", x, w.node("Sigmoid", x)),
    "softplus": _one("Softplus"),
    "sigmoid": _one("Sigmoid"),
    "tanh": _one("Tanh"),
    "hard_sigmoid": _one("HardSigmoid", alpha=1 / 6, beta=0.5),
    "hard_tanh": lambda w, x, _: w.node("Clip", x, w.number(-1), w.number(1)),
    "relu6": lambda w, x, _: w.node("Clip", x, w.number(0), w.number(6)),
    "hard_silu": _one("HardSwish"),
    "softmax": _one("Softmax", axis=-1),
}


class OfCell(NamedTuple):
    """An activation in ONNX's RNN, with h = scale y + shift for the operator's state y."""

    name: str
    alpha: float = 0.0
    beta: float = 0.0
    scale: float = 1.0
    shift: float = 0.0


def activation_of_cell(name: str, setting: float) -> OfCell:
    """Return ONNX's activation for an RNN; for selu, hard_tanh and relu6 it is another one, scaled and shifted."""
    selu_scale, selu_alpha = 1.0507009873554805, 1.6732632423543772
    return {
        "identity": OfCell("Affine", 1.0),
        "relu": OfCell("Relu"),
        "sigmoid": OfCell("Sigmoid"),
        "tanh": OfCell("Tanh"),
        "leaky_relu": OfCell("LeakyRelu", setting),
        "elu": OfCell("Elu", setting),
        "selu": OfCell("Elu", selu_alpha, scale=selu_scale),
        "softplus": OfCell("Softplus"),
        "hard_sigmoid": OfCell("HardSigmoid", float(np.float32(1 / 6)), 0.5),
        "hard_tanh": OfCell("HardSigmoid", 0.5, 0.5, scale=2.0, shift=-1.0),
        "relu6": OfCell("HardSigmoid", float(np.float32(1 / 6)), 0.0, scale=6.0),
    }[name]
