"""Activations in C: a function of a number each."""

from __future__ import annotations

from collections.abc import Callable

from .unit import Unit

_SELU_SCALE, _SELU_LIMIT = 1.0507009873554804934193349852946, 1.7580993408473768599402175208123


def activated(unit: Unit, x: str, activation: tuple[str, float]) -> str:
    """Give what an activation makes of x."""
    name, setting = activation
    if name == "identity":
        return x
    more = f", {unit.number(setting)}" if name in _SETTINGS else ""
    return f"{helper(unit, name)}({x}{more})"


def helper(unit: Unit, name: str) -> str:
    """Give the name of an activation's function."""

    def text() -> str:
        more = f", {unit.real} {_SETTINGS[name]}" if name in _SETTINGS else ""
        returned = _RETURNED[name](unit)
        return f"static {unit.real} {unit.named(name)}({unit.real} x{more})\n{{\n    return {returned};\n}}\n"

    return unit.helper(name, text)


def _selu(unit: Unit) -> str:
    scale, limit = unit.number(_SELU_SCALE), unit.number(_SELU_LIMIT)
    return f"x > 0 ? {scale} * x : {limit} * {unit.function('expm1')}(x)"


def _gelu(unit: Unit) -> str:
    return f"{unit.number(0.5)} * x * {unit.function('erfc')}({unit.number(-(0.5**0.5))} * x)"


def _sigmoid(unit: Unit) -> str:
    exp = unit.function("exp")
    return f"x < 0 ? {exp}(x) / (1 + {exp}(x)) : 1 / (1 + {exp}(-x))"


def _softplus(unit: Unit) -> str:
    exp, log = unit.function("exp"), unit.function("log1p")
    return f"x < 0 ? {log}({exp}(x)) : x + {log}({exp}(-x))"


_SETTINGS = {"leaky_relu": "slope", "elu": "alpha"}
_RETURNED: dict[str, Callable[[Unit], str]] = {
    "relu": lambda unit: "x < 0 ? 0 : x",
    "leaky_relu": lambda unit: "x > 0 ? x : slope * x",
    "elu": lambda unit: f"x > 0 ? x : alpha * {unit.function('expm1')}(x)",
    "selu": _selu,
    "gelu": _gelu,
    "silu": lambda unit: f"x * {helper(unit, 'sigmoid')}(x)",
    "softplus": _softplus,
    "sigmoid": _sigmoid,
    "tanh": lambda unit: f"{unit.function('tanh')}(x)",
    "hard_sigmoid": lambda unit: f"x < -3 ? 0 : x > 3 ? 1 : (x + 3) * {unit.number(1 / 6)}",
    "hard_tanh": lambda unit: "x < -1 ? -1 : x > 1 ? 1 : x",
    "hard_silu": lambda unit: f"x < -3 ? 0 : x * {helper(unit, 'hard_sigmoid')}(x)",
}
