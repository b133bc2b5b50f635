"""Losses, which training minimizes. Each is the mean over the batch.

`fit` takes a loss by its name, as an object with settings, or as a function of your own.
"""

from typing import TYPE_CHECKING

from .._hints.names import hinting_getattr
from .base import Loss
from .choice import from_config
from .classes import BinaryCrossEntropy, CrossEntropy
from .functions import cross_entropy, cross_entropy_backward, squared_error, squared_error_backward
from .numbers import AbsoluteError, Huber, Poisson, Quantile, SquaredError

__all__ = [
    "AbsoluteError",
    "BinaryCrossEntropy",
    "CrossEntropy",
    "Huber",
    "Loss",
    "Poisson",
    "Quantile",
    "SquaredError",
    "cross_entropy",
    "cross_entropy_backward",
    "from_config",
    "squared_error",
    "squared_error_backward",
]

if not TYPE_CHECKING:
    __getattr__ = hinting_getattr(__name__, __all__)
