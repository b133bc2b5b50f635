"""The compiled core, bound once to the best instruction set that this machine has."""

from __future__ import annotations

import importlib
import os
import sys
from functools import cache
from types import ModuleType
from typing import Any

try:
    import fastdl._core.features as features
except ModuleNotFoundError:
    raise ImportError(
        f"fastdl's compiled core for Python {sys.version_info.major}.{sys.version_info.minor} is not in "
        f"{os.path.dirname(__file__)}: where this is fastdl's source, build it (python setup.py build_ext "
        "--inplace, or pip install -e .), or start Python from another folder if fastdl is installed"
    ) from None

_LEVELS = {1: (), 2: ("v2",), 3: ("v3", "v2"), 4: ("v4", "v3", "v2"), 8: ("neon",), 0: ("generic",)}


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
    """Return the compiled module for ``dtype``, float32 or float64."""
    return importlib.import_module(f"{__name__}.{isa}_{dtype}")
