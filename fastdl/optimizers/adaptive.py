"""Optimizers that scale each parameter's step by its past gradients' squares: AdaGrad, RMSprop and Adadelta."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from .._settings import keep_number
from .base import Optimizer, Rate, Rule


@dataclass(eq=False, repr=False)
class AdaGrad(Optimizer):
    """Gradients over the root of the sum of their squares so far (Duchi, Hazan and Singer 2011).

    Parameters
    ----------
    lr : float or callable
        The learning rate, or a function of the step.
    epsilon : float
        Added to the root.
    weight_decay : float
        Adds weight_decay times the parameters to the gradient.
    clip_norm, clip_value, decay_biases
        As for `Optimizer`.
    """

    lr: Rate = 1e-2
    _: KW_ONLY
    epsilon: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        keep_number(self, "epsilon")
        keep_number(self, "weight_decay")

    @property
    def moments(self) -> int:
        """The sum of squares."""
        return 1

    def specific_rule(self) -> Rule:  # noqa: D102
        return Rule("adagrad", weight_decay=self.weight_decay, epsilon=self.epsilon)


@dataclass(eq=False, repr=False)
class RMSprop(Optimizer):
    """Gradients over the root of their running mean square (Tieleman and Hinton 2012).

    Parameters
    ----------
    lr : float or callable
        The learning rate, or a function of the step.
    alpha : float
        The share of the mean square that is kept at each step.
    epsilon : float
        Added to the root.
    weight_decay : float
        Adds weight_decay times the parameters to the gradient.
    clip_norm, clip_value, decay_biases
        As for `Optimizer`.
    """

    lr: Rate = 1e-2
    _: KW_ONLY
    alpha: float = 0.99
    epsilon: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _keep_share(self, "alpha")
        keep_number(self, "epsilon")
        keep_number(self, "weight_decay")

    @property
    def moments(self) -> int:
        """The mean of squares."""
        return 1

    def specific_rule(self) -> Rule:  # noqa: D102
        return Rule("rmsprop", weight_decay=self.weight_decay, beta2=self.alpha, epsilon=self.epsilon)


@dataclass(eq=False, repr=False)
class Adadelta(Optimizer):
    """Gradients times the root of the running mean square of steps, over that of gradients (Zeiler 2012).

    Parameters
    ----------
    lr : float or callable
        The factor of the steps, or a function of the step.
    rho : float
        The share of both mean squares that is kept at each step.
    epsilon : float
        Added to both, within the roots.
    weight_decay : float
        Adds weight_decay times the parameters to the gradient.
    clip_norm, clip_value, decay_biases
        As for `Optimizer`.
    """

    lr: Rate = 1.0
    _: KW_ONLY
    rho: float = 0.9
    epsilon: float = 1e-6
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _keep_share(self, "rho")
        if keep_number(self, "epsilon") == 0:
            raise ValueError("epsilon must be above 0, or there is never a step; received 0")
        keep_number(self, "weight_decay")

    @property
    def moments(self) -> int:
        """The mean squares of steps and of gradients."""
        return 2

    def specific_rule(self) -> Rule:  # noqa: D102
        return Rule("adadelta", weight_decay=self.weight_decay, beta2=self.rho, epsilon=self.epsilon)


def _keep_share(optimizer: Optimizer, name: str) -> None:
    """Check the share of a running mean that is kept at each step."""
    if keep_number(optimizer, name, high=1.0) == 1.0:
        raise ValueError(f"{name} must be below 1; received {getattr(optimizer, name)!r}")
