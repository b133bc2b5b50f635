"""Activations in C: a function of a number each."""

from __future__ import annotations

from collections.abc import Callable

from ..._core.kinds import WITH_SETTING
from .unit import Unit, indented

_SELU_SCALE, _SELU_LIMIT = 1.0507009873554804934193349852946, 1.7580993408473768599402175208123


def activated(unit: Unit, x: str, activation: tuple[str, float]) -> str:
    """Write an activation of x."""
    name, setting = activation
    if name == "identity":
        return x
    more = f", {unit.number(setting)}" if name in WITH_SETTING else ""
    return f"{helper(unit, name)}({x}{more})"


def helper(unit: Unit, name: str) -> str:
    """Return the name of an activation's function."""

    def text() -> str:
        more = f", {unit.real} {WITH_SETTING[name][0]}" if name in WITH_SETTING else ""
        *before, returned = _BODIES[name](unit)
        body = indented([*before, f"return {returned};"])
        return f"static inline {unit.real} {unit.named(name)}({unit.real} x{more})\n{{\n{body}}}\n"

    return unit.helper(name, text)


def exponential(unit: Unit, x: str, *, less_one: bool = False) -> str:
    """Write e^x, or e^x - 1; for floats by a function that compilers vectorise, which gives at most e^87."""
    if unit.real == "double":
        return f"{'expm1' if less_one else 'exp'}({x})"
    return f"{unit.helper('exp', lambda: _EXPONENTIAL.replace('NAME', unit.named('exp')))}({x}, {int(less_one)})"


# x = n log 2 + r, the logarithm in two parts of which the first is exact, and Taylor's polynomial in r. Numbers are
# compared by their bits, as compilers may not do so in vectors where a comparison with what is no number could trap.
_EXPONENTIAL = """\
/* e^x - less, where less is 0 or 1; x counts as -87 below and as 87 above */
static inline float NAME(float x, float less)
{
    union {
        unsigned bits;
        float value;
    } z, n, power;
    z.value = x;
    const unsigned size = z.bits & 0x7fffffffu; /* of infinity 0x7f800000, and of 87 0x42ae0000 */
    const unsigned kept = size > 0x42ae0000u && size <= 0x7f800000u ? 0x42ae0000u : size;
    z.bits = (z.bits & 0x80000000u) | kept;
    n.value = z.value * 1.44269504f + 12582912.0f; /* rounds: n is in the last bits */
    const float whole = n.value - 12582912.0f;
    const float r = (z.value - whole * 0.693359375f) + whole * 2.12194440e-4f;
    const float p = 0.5f + r * (1 / 6.0f + r * (1 / 24.0f + r * (1 / 120.0f + r * (1 / 720.0f + r * (1 / 5040.0f)))));
    power.bits = (n.bits + 127u) << 23;
    return power.value * (r + r * r * p) + (power.value - less);
}
"""


def _elu(unit: Unit) -> list[str]:
    return [f"x > 0 ? x : alpha * {exponential(unit, 'x', less_one=True)}"]


def _selu(unit: Unit) -> list[str]:
    scale, limit = unit.number(_SELU_SCALE), unit.number(_SELU_LIMIT)
    return [f"x > 0 ? {scale} * x : {limit} * {exponential(unit, 'x', less_one=True)}"]


def _gelu(unit: Unit) -> list[str]:
    return [f"{unit.number(0.5)} * x * {unit.function('erfc')}({unit.number(-(0.5**0.5))} * x)"]


def _sigmoid(unit: Unit) -> list[str]:
    return [f"1 / (1 + {exponential(unit, '-x')})"]


def _silu(unit: Unit) -> list[str]:
    """Write x sigmoid(x); the sigmoid of floats is at least e^-87, which a large negative x must not multiply."""
    kept = "x" if unit.real == "double" else "(x < -87 ? 0 : x)"
    return [f"{kept} * {helper(unit, 'sigmoid')}(x)"]


def _tanh(unit: Unit) -> list[str]:
    if unit.real == "double":
        return ["tanh(x)"]
    return [f"const float e = {exponential(unit, '2 * x', less_one=True)};", "e / (2 + e)"]


def _softplus(unit: Unit) -> list[str]:
    return [f"(x < 0 ? 0 : x) + {unit.function('log1p')}({exponential(unit, 'x < 0 ? x : -x')})"]


_BODIES: dict[str, Callable[[Unit], list[str]]] = {
    "relu": lambda unit: ["x < 0 ? 0 : x"],
    "leaky_relu": lambda unit: ["x > 0 ? x : slope * x"],
    "elu": _elu,
    "selu": _selu,
    "gelu": _gelu,
    "silu": _silu,
    "softplus": _softplus,
    "sigmoid": _sigmoid,
    "tanh": _tanh,
    "hard_sigmoid": lambda unit: [f"x < -3 ? 0 : x > 3 ? 1 : (x + 3) * {unit.number(1 / 6)}"],
    "hard_tanh": lambda unit: ["x < -1 ? -1 : x > 1 ? 1 : x"],
    "relu6": lambda unit: ["x < 0 ? 0 : x > 6 ? 6 : x"],
    "hard_silu": lambda unit: [f"x < -3 ? 0 : x * {helper(unit, 'hard_sigmoid')}(x)"],
}
