"""The compiled core, bound once to the best instruction set that this machine has."""

from __future__ import annotations

import importlib
import os
from functools import cache
from types import ModuleType
from typing import Any

from . import features as features

_LEVELS = {1: (), 2: ("v2",), 3: ("v3", "v2"), 4: ("v4", "v3", "v2"), 0: ("generic",)}


def _bind() -> str:
    wanted = os.environ.get("FASTDL_ISA")
    usable = _LEVELS[features.level()]
    if wanted:
        wanted = wanted.removeprefix("x86-64-")
        if wanted not in usable:
            raise ImportError(
                f"FASTDL_ISA must be one of {', '.join(usable)} on this processor; received {os.environ['FASTDL_ISA']}"
            )
        return wanted
    if not usable:
        raise ImportError("fastdl needs a processor with SSE4.2 (x86-64-v2)")
    return usable[0]


isa = _bind()


@cache
def load(dtype: Any) -> ModuleType:
    """Give the compiled module for ``dtype``, float32 or float64."""
    return importlib.import_module(f"{__name__}.{isa}_{dtype}")
