"""The optimizer that a user chooses, as an object or by its description."""

from __future__ import annotations

from typing import Any

from .._settings import make
from .base import Optimizer


def check_optimizer(optimizer: Any) -> None:
    """Check that a value is an optimizer."""
    if not isinstance(optimizer, Optimizer):
        hint = ", a class: make one of it" if isinstance(optimizer, type) else ""
        if isinstance(optimizer, str):
            hint = ", a name: make one, such as optimizers.Adam(0.001)"
        raise TypeError(f"optimizer must be one of fastdl.optimizers; received {optimizer!r}{hint}")


def from_config(config: dict[str, Any]) -> Optimizer:
    """Make an optimizer from what its `get_config` gave.

    Parameters
    ----------
    config : dict
        The class and the arguments, whose ``lr`` may be that of a schedule.

    Returns
    -------
    Optimizer

    Raises
    ------
    TypeError, ValueError
        If it is of none of fastdl's, or of an argument that is unknown or wrong.
    """
    from .adam import Adam, AdamW, Lion, NAdam  # a program that trains by one needs few of them
    from .adaptive import Adadelta, AdaGrad, RMSprop
    from .sgd import SGD

    classes = {kind.__name__: kind for kind in (SGD, Adam, AdamW, NAdam, Lion, RMSprop, AdaGrad, Adadelta)}
    if isinstance(config, dict) and isinstance(config.get("lr"), dict):
        from .. import schedules

        config = {**config, "lr": schedules.from_config(config["lr"])}
    optimizer: Optimizer = make(config, classes, "an optimizer")
    return optimizer
