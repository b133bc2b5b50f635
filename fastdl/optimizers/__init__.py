"""Optimizers: the settings of the update rules, which the compiled core computes.

An optimizer has only settings, of which only the learning rate may be changed. Moments and the count of steps belong to
the network (`training_state`), which continues with them as long as it is given an equal optimizer, or one with another
fixed rate.
"""

from typing import TYPE_CHECKING

from .._lazily import lazily
from .base import Optimizer
from .choice import from_config
from .sgd import SGD

__all__ = [
    "SGD",
    "AdaGrad",
    "Adadelta",
    "Adam",
    "AdamW",
    "Lion",
    "NAdam",
    "Optimizer",
    "RMSprop",
    "from_config",
]

if TYPE_CHECKING:
    from .adam import Adam, AdamW, Lion, NAdam
    from .adaptive import Adadelta, AdaGrad, RMSprop
else:
    __getattr__, __dir__ = lazily(
        globals(), {"adam": ["Adam", "AdamW", "Lion", "NAdam"], "adaptive": ["Adadelta", "AdaGrad", "RMSprop"]}
    )
