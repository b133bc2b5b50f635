"""Activations, each in ONNX's operators."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import Any, NamedTuple

import numpy as np

from .writer import Writer

Function = Callable[[Writer, str, float], str]  # of what is activated, and the setting


def _one(kind: str, **attributes: Any) -> Function:
    """Give an operator that is the same."""
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
    "hard_silu": _one("HardSwish"),
    "softmax": _one("Softmax", axis=-1),
}


class OfCell(NamedTuple):
    """An activation in ONNX's RNN, where h = scale y + shift of what the operator's state y is."""

    name: str
    alpha: float = 0.0
    beta: float = 0.0
    scale: float = 1.0
    shift: float = 0.0


def activation_of_cell(name: str, setting: float) -> OfCell:
    """Give an RNN's activation as ONNX has it: of selu and hard_tanh there are others, to scale and to shift."""
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
    }[name]
