"""Adam, its variants and Lion: optimizers with two betas."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from .._settings import keep_number
from .._validation.values import as_number
from .base import Optimizer, Rate, Rule


@dataclass(eq=False, repr=False)
class Adam(Optimizer):
    """Adam (Kingma and Ba 2015).

    Parameters
    ----------
    lr : float or callable
        The learning rate, or a function of the step.
    betas : (float, float)
        The shares of the first and the second moment that are kept at each step.
    epsilon : float
        Added to the root of the second moment.
    weight_decay : float
        Adds weight_decay times the parameters to the gradient.
    clip_norm, clip_value, decay_biases
        As for `Optimizer`.
    """

    lr: Rate = 1e-3
    _: KW_ONLY
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _keep_betas(self)
        keep_number(self, "epsilon")
        keep_number(self, "weight_decay")

    @property
    def moments(self) -> int:
        """The first and the second moment."""
        return 2

    def specific_rule(self) -> Rule:  # noqa: D102
        beta1, beta2 = self.betas
        return Rule("adam", weight_decay=self.weight_decay, beta1=beta1, beta2=beta2, epsilon=self.epsilon)


@dataclass(eq=False, repr=False)
class AdamW(Adam):
    """Adam with decoupled weight decay, which does not go through the moments (Loshchilov and Hutter 2019).

    Parameters
    ----------
    lr, betas, epsilon, clip_norm, clip_value, decay_biases
        As for `Adam`.
    weight_decay : float
        At each step the parameters are multiplied by 1 - lr * weight_decay.
    """

    _: KW_ONLY
    weight_decay: float = 1e-2

    def specific_rule(self) -> Rule:  # noqa: D102
        return super().specific_rule()._replace(name="adamw")


@dataclass(eq=False, repr=False)
class NAdam(Adam):
    """Adam, with Nesterov's momentum (Dozat 2016).

    Parameters
    ----------
    lr, betas, epsilon, weight_decay, clip_norm, clip_value, decay_biases
        As for `Adam`.
    momentum_decay : float
        The speed at which the momentum rises from half of ``betas[0]`` to all of it: at each step it is ``betas[0]``
        times 1 - 0.5 * 0.96 ** (step * momentum_decay).
    """

    lr: Rate = 2e-3
    _: KW_ONLY
    momentum_decay: float = 4e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        keep_number(self, "momentum_decay")

    def specific_rule(self) -> Rule:  # noqa: D102
        return super().specific_rule()._replace(name="nadam", momentum_decay=self.momentum_decay)


@dataclass(eq=False, repr=False)
class Lion(Optimizer):
    """Steps of the size of the rate, along the signs of a running mean of gradients (Chen et al. 2023).

    Parameters
    ----------
    lr : float or callable
        The learning rate, or a function of the step: a third to a tenth of AdamW's.
    betas : (float, float)
        The share of the running mean, rather than the gradient, in the sum whose signs are taken; and the share of it
        that is kept at each step.
    weight_decay : float
        At each step the parameters are multiplied by 1 - lr * weight_decay; use three to ten times AdamW's.
    clip_norm, clip_value, decay_biases
        As for `Optimizer`.
    """

    lr: Rate = 1e-4
    _: KW_ONLY
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _keep_betas(self)
        keep_number(self, "weight_decay")

    @property
    def moments(self) -> int:
        """The mean of gradients."""
        return 1

    def specific_rule(self) -> Rule:  # noqa: D102
        return Rule("lion", weight_decay=self.weight_decay, beta1=self.betas[0], beta2=self.betas[1])


def _keep_betas(optimizer: Adam | Lion) -> None:
    """Check the betas, and keep them as a tuple."""
    betas = optimizer.betas
    if not isinstance(betas, (tuple, list)) or len(betas) != 2:
        raise ValueError(f"betas must be two numbers; received {betas!r}")
    object.__setattr__(optimizer, "betas", tuple(as_number(beta, "betas", high=1.0) for beta in betas))
    if max(optimizer.betas) == 1.0:
        raise ValueError(f"betas must be below 1; received {betas!r}")
