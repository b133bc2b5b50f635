"""Train small neural networks on an ordinary CPU, fast."""

from typing import TYPE_CHECKING

from . import callbacks, initializers, layers, losses, metrics, optimizers
from ._lazily import lazily
from ._threads import get_num_threads, set_num_threads, show_config
from ._version import __version__ as __version__
from .sequential import Sequential
from .training.history import History

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
    "images",
    "initializers",
    "layers",
    "load",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "plots",
    "recipes",
    "schedules",
    "serve",
    "set_num_threads",
    "show_config",
    "sweeps",
]

if TYPE_CHECKING:
    from . import datasets, estimators, export, functional, images, models, plots, recipes, schedules, serve, sweeps
    from .gradients import gradient_check
    from .many import Fitted, fit_many
    from .saving import load
else:  # a program that trains, or predicts, needs none of them
    _ITSELF = [
        "datasets", "estimators", "export", "functional", "images", "models", "plots", "recipes", "schedules", "serve",
        "sweeps",
    ]  # fmt: skip
    _NAMES = {"gradients": ["gradient_check"], "many": ["Fitted", "fit_many"], "saving": ["load"]}
    __getattr__, __dir__ = lazily(globals(), {**dict.fromkeys(_ITSELF, ()), **_NAMES})
