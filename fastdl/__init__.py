"""Train small neural networks on an ordinary CPU, fast."""

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

from . import callbacks, initializers, layers, losses, metrics, models, optimizers, schedules
from ._threads import get_num_threads, set_num_threads, show_config
from ._version import __version__ as __version__
from .gradients import gradient_check
from .many import Fitted, fit_many
from .saving import load
from .sequential import Sequential
from .training.history import History

if TYPE_CHECKING:
    from . import datasets, estimators, export, functional, plots

__all__ = [
    "Fitted",
    "History",
    "Sequential",
    "callbacks",
    "datasets",
    "estimators",
    "export",
    "fit_many",
    "functional",
    "get_num_threads",
    "gradient_check",
    "initializers",
    "layers",
    "load",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "plots",
    "schedules",
    "set_num_threads",
    "show_config",
]

_LAZY = ("datasets", "estimators", "export", "functional", "plots")


if not TYPE_CHECKING:  # which would take any name for known

    def __getattr__(name: str) -> ModuleType:
        # Loaded when first asked for: a program that predicts needs none of them.
        if name in _LAZY:
            return importlib.import_module(f"fastdl.{name}")
        raise AttributeError(f"module 'fastdl' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
