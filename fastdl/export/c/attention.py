"""Attention of a sequence to itself."""

from __future__ import annotations

from .elementwise import exponentials
from .steps import Step
from .unit import Function, Unit, loop


def attention(step: Step, unit: Unit) -> Function:
    """Write it head by head, step by step."""
    steps, features = step.shape
    heads = step.settings["heads"]
    width = features // heads
    seen = "t + 1" if step.settings["causal"] else str(steps)
    return Function(
        [
            f"{unit.real} *in = scratch;",
            f"{unit.real} *out = scratch + {steps};",
            f"{loop('n', heads)} {{",
            f"{loop('t', steps)} {{",
            f"const {unit.real} *q = x + t * {3 * features} + n * {width};",
            f"{loop('s', seen)} {{",
            f"const {unit.real} *k = x + s * {3 * features} + {features} + n * {width};",
            f"{unit.real} dot = 0;",
            loop("j", width),
            "dot += q[j] * k[j];",
            f"in[s] = dot * {unit.number(width**-0.5)};",
            "}",
            *exponentials(unit, seen),
            f"{unit.real} *mean = y + t * {features} + n * {width};",
            loop("j", width),
            "mean[j] = 0;",
            f"{loop('s', seen)} {{",
            f"const {unit.real} *v = x + s * {3 * features} + {2 * features} + n * {width};",
            loop("j", width),
            "mean[j] += out[s] / sum * v[j];",
            "}",
            "}",
            "}",
        ],
        scratch=2 * steps,
    )
