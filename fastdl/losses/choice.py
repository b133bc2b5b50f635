"""The loss that a user chooses, by name, as an object or as a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from .._hints.attributes import is_function
from .._hints.names import hint_of_value
from .._settings import make
from . import functions
from .base import Loss
from .classes import BinaryCrossEntropy, CrossEntropy
from .custom import Custom, Function
from .fused import Fused
from .numbers import AbsoluteError, Huber, Poisson, Quantile, SquaredError

AnyLoss = str | Loss | Callable[[Any, Any], tuple[Any, Any] | float]

_CLASSES: tuple[type[Fused], ...] = (
    CrossEntropy,
    BinaryCrossEntropy,
    SquaredError,
    AbsoluteError,
    Huber,
    Quantile,
    Poisson,
)
_BY_NAME = {kind.name: kind() for kind in _CLASSES}
_FUNCTIONS = {functions.cross_entropy: CrossEntropy, functions.squared_error: SquaredError}


def as_loss(loss: AnyLoss) -> Loss:
    """Return the loss of this name, or this object or function as a loss."""
    if isinstance(loss, Loss):
        return loss if type(loss) in (*_CLASSES, Custom) else Custom(loss)  # a subclass may compute something else
    if isinstance(loss, str) and loss in _BY_NAME:
        return _BY_NAME[loss]
    if isinstance(loss, str) or not is_function(loss) or isinstance(loss, type):
        hint = ", a class: make one of it" if isinstance(loss, type) else hint_of_value(loss, _BY_NAME)
        raise ValueError(
            f"loss must be one of {', '.join(_BY_NAME)}, one of fastdl.losses, or a function of outputs and targets; "
            f"received {loss!r}{hint}"
        )
    return _FUNCTIONS[loss]() if loss in _FUNCTIONS else Custom(cast(Function, loss))


def chosen(loss: AnyLoss | None, last: Loss | None) -> Loss:
    """Return the chosen loss, or the last one for None."""
    if loss is not None:
        return as_loss(loss)
    if last is None:
        raise ValueError(
            "loss must be given: the network's was a function, which its file does not hold; received None"
        )
    return last


def from_config(config: Any) -> Loss:
    """Make a loss from what its `get_config` gave.

    Parameters
    ----------
    config : str or dict
        The loss's name; with settings that are not the defaults, its class and all settings.

    Returns
    -------
    Loss

    Raises
    ------
    TypeError, ValueError
        If it is of none of fastdl's losses, or of a setting that the loss has not, or that is wrong.
    """
    if isinstance(config, dict):
        loss: Loss = make(config, {kind.__name__: kind for kind in _CLASSES}, "a loss")
        return loss
    if not isinstance(config, str):
        raise ValueError(f"config must be that of a loss; received {config!r}")
    return as_loss(config)
