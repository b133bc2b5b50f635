"""Stochastic gradient descent."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from .._settings import keep_number
from .._validation.values import as_flag
from .base import Optimizer, Rate, Rule


@dataclass(eq=False, repr=False)
class SGD(Optimizer):
    """Stochastic gradient descent.

    Parameters
    ----------
    lr : float or callable
        The learning rate, or a function of the step.
    momentum : float
        v = momentum v + g, and the step is along v.
    nesterov : bool
        Whether the step is along g + momentum v.
    weight_decay : float
        Adds weight_decay times the parameters to the gradient g.
    clip_norm, clip_value, decay_biases
        As for `Optimizer`.
    """

    lr: Rate = 0.01
    _: KW_ONLY
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        keep_number(self, "momentum", high=1.0)
        keep_number(self, "weight_decay")
        object.__setattr__(self, "nesterov", as_flag(self.nesterov, "nesterov"))
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov must come with a momentum above 0; received 0")

    @property
    def moments(self) -> int:
        """The velocity, if there is momentum."""
        return int(self.momentum > 0)

    def specific_rule(self) -> Rule:  # noqa: D102
        return Rule("sgd", momentum=self.momentum, nesterov=self.nesterov, weight_decay=self.weight_decay)
