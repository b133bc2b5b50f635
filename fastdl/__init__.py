"""Train small neural networks on an ordinary CPU, fast."""

import importlib
from typing import TYPE_CHECKING, Any

from . import callbacks, initializers, layers, losses, metrics, optimizers
from ._threads import get_num_threads, set_num_threads, show_config
from ._version import __version__ as __version__
from .saving import load
from .sequential import Sequential
from .training.history import History

if TYPE_CHECKING:
    from . import datasets, estimators, export, functional, models, plots, schedules
    from .gradients import gradient_check
    from .many import Fitted, fit_many

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

# Loaded when first asked for: a program that predicts needs none of them.
_MODULES = ("datasets", "estimators", "export", "functional", "models", "plots", "schedules")
_NAMES = {"Fitted": "many", "fit_many": "many", "gradient_check": "gradients"}  # and the modules they are of


if not TYPE_CHECKING:  # which would take any name for known

    def __getattr__(name: str) -> Any:
        if name in _MODULES:
            return importlib.import_module(f"fastdl.{name}")
        if name in _NAMES:
            return getattr(importlib.import_module(f"fastdl.{_NAMES[name]}"), name)
        raise AttributeError(f"module 'fastdl' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES, *_NAMES})
