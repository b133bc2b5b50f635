"""Train small neural networks on an ordinary CPU, fast."""

import importlib
from types import ModuleType

from . import callbacks, initializers, layers, losses, models, optimizers, schedules
from ._threads import get_num_threads, set_num_threads, show_config
from .gradients import gradient_check
from .history import History
from .model import Sequential
from .saving import load

__version__ = "0.1.0"

__all__ = [
    "History",
    "Sequential",
    "callbacks",
    "datasets",
    "functional",
    "get_num_threads",
    "gradient_check",
    "initializers",
    "layers",
    "load",
    "losses",
    "models",
    "optimizers",
    "schedules",
    "set_num_threads",
    "show_config",
]


def __getattr__(name: str) -> ModuleType:
    # Loaded when first asked for: a program that predicts needs neither.
    if name in ("datasets", "functional"):
        return importlib.import_module(f"fastdl.{name}")
    raise AttributeError(f"module 'fastdl' has no attribute {name!r}")
