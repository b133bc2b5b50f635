"""Optimizers: the settings of the update rules, which the compiled core computes.

An optimizer has only settings, of which only the learning rate may be changed. Moments and the count of steps belong to
the network (`training_state`), which continues with them as long as it is given an equal optimizer, or one with another
fixed rate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ._foreign import telling_names
from ._settings import Settings, keep_number, make
from ._types import Array
from ._validation.arrays import as_real
from ._validation.values import as_flag, as_number

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

if not TYPE_CHECKING:
    __getattr__ = telling_names(__name__, __all__)

Rate = float | Callable[[int], float]


class Rule(NamedTuple):
    """An update rule of the core: a row of its table (`src/kernels/optimizers.pxi`), and the numbers that it reads."""

    name: str
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0
    beta1: float = 0.0
    beta2: float = 0.0
    epsilon: float = 0.0
    momentum_decay: float = 0.0
    clip_norm: float = 0.0  # 0 for none
    clip_value: float = 0.0
    decay_biases: bool = True


@dataclass(eq=False, repr=False)
class Optimizer(Settings):
    """The base of all optimizers: a learning rate, fixed or a function of the step (counted from 0), and clipping.

    Optimizers of the same class and settings are equal. Only the rate may be changed, by setting ``lr``: what a
    callback sets holds from the next block of steps on. It may also be a function of the step; or give the next call an
    optimizer with another fixed rate, which continues with the moments of the last one. Each layer's ``lr_scale`` and
    ``decay_scale`` multiply the rate and the weight decay for its parameters.

    Parameters
    ----------
    lr : float or callable
        The learning rate. Files can hold it if it is a number or one of `fastdl.schedules`.
    clip_norm : float, optional
        The largest norm of the gradient, over all parameters: a larger one is scaled down to it (Pascanu, Mikolov and
        Bengio 2013).
    clip_value : float, optional
        The largest absolute value of each number of the gradient.
    decay_biases : bool
        Whether weight decay applies to all parameters, or spares biases, others with one axis, and those of
        normalizations.
    """

    __hash__ = None  # type: ignore[assignment]  # as its rate may be set

    lr: Rate
    clip_norm: float | None = field(default=None, kw_only=True)
    clip_value: float | None = field(default=None, kw_only=True)
    decay_biases: bool = field(default=True, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "decay_biases", as_flag(self.decay_biases, "decay_biases"))
        for name in ("clip_norm", "clip_value"):
            if getattr(self, name) is not None and keep_number(self, name) == 0:
                raise ValueError(f"{name} must be above 0; received 0")
        if self.clip_norm is not None and self.clip_value is not None:
            raise ValueError("clip_norm and clip_value must not come together; received both")

    if not TYPE_CHECKING:  # otherwise type checkers would allow any attribute

        def __setattr__(self, name: str, value: Any) -> None:
            kind, names = type(self), self.__dataclass_fields__
            if name == "lr" and not callable(value):
                value = as_number(value, "lr")
            elif name != "lr" and name in names and name in vars(self):
                raise AttributeError(f"{name} of {kind.__name__} cannot be changed: make another {kind.__name__}")
            elif name not in names and _CLASSES.get(kind.__name__) is kind:
                raise AttributeError(f"{kind.__name__} has no {name!r} that could be set")
            object.__setattr__(self, name, value)

    @property
    def moments(self) -> int:
        """The count of numbers kept for each parameter."""
        raise NotImplementedError(f"{type(self).__name__} has no rule: it must be made of SGD, Adam or another one")

    def rates(self, first: int, count: int) -> Array:
        """Give the learning rates of ``count`` steps from ``first`` on."""
        if not callable(self.lr):
            rates: Array = np.empty(count)
            rates.fill(self.lr)
            return rates
        return as_real([self.lr(i) for i in range(first, first + count)], "the rates that lr gives").astype(float)

    def goes_on_from(self, last: Optimizer) -> bool:
        """Tell whether moments and the count of steps continue when this optimizer follows another.

        They do if both are equal, or differ only in their rates and this one's is fixed.
        """
        if self is last:
            return True
        if type(self) is not type(last):
            return False
        others = all(getattr(self, f.name) == getattr(last, f.name) for f in fields(self) if f.name != "lr")
        return others and (not callable(self.lr) or self.lr == last.lr)

    def get_config(self) -> dict[str, Any]:
        """Give the class and the arguments as plain data, which `from_config` takes back.

        Raises
        ------
        TypeError
            If its class or its learning rate is not fastdl's.
        """
        if _CLASSES.get(type(self).__name__) is not type(self):
            raise TypeError(f"optimizer must be one of fastdl.optimizers to be saved; received {self!r}")
        if not callable(self.lr):
            return super().get_config()
        from . import schedules  # most trainings do without it

        return {**super().get_config(), "lr": schedules.get_config(self.lr)}

    @cached_property
    def rule(self) -> Rule:
        """The update rule for the core, from all settings except the rate."""
        return self._rule()._replace(
            clip_norm=self.clip_norm or 0.0, clip_value=self.clip_value or 0.0, decay_biases=self.decay_biases
        )

    def _rule(self) -> Rule:
        raise NotImplementedError(f"{type(self).__name__} has no rule: it must be made of SGD, Adam or another one")


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

    def _rule(self) -> Rule:
        return Rule("sgd", momentum=self.momentum, nesterov=self.nesterov, weight_decay=self.weight_decay)


@dataclass(eq=False, repr=False)
class Adam(Optimizer):
    """Adam (Kingma and Ba 2015).

    Parameters
    ----------
    lr : float or callable
        The learning rate, or a function of the step.
    betas : (float, float)
        The shares of the first and the second moment that are kept at each step.
    eps : float
        Added to the root of the second moment.
    weight_decay : float
        Adds weight_decay times the parameters to the gradient.
    clip_norm, clip_value, decay_biases
        As for `Optimizer`.
    """

    lr: Rate = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _keep_betas(self)
        keep_number(self, "eps")
        keep_number(self, "weight_decay")

    @property
    def moments(self) -> int:
        """The first and the second moment."""
        return 2

    def _rule(self) -> Rule:
        beta1, beta2 = self.betas
        return Rule("adam", weight_decay=self.weight_decay, beta1=beta1, beta2=beta2, epsilon=self.eps)


@dataclass(eq=False, repr=False)
class AdamW(Adam):
    """Adam with decoupled weight decay, which does not go through the moments (Loshchilov and Hutter 2019).

    Parameters
    ----------
    lr, betas, eps, clip_norm, clip_value, decay_biases
        As for `Adam`.
    weight_decay : float
        At each step the parameters are multiplied by 1 - lr * weight_decay.
    """

    weight_decay: float = 1e-2

    def _rule(self) -> Rule:
        return super()._rule()._replace(name="adamw")


@dataclass(eq=False, repr=False)
class NAdam(Adam):
    """Adam, with Nesterov's momentum (Dozat 2016).

    Parameters
    ----------
    lr, betas, eps, weight_decay, clip_norm, clip_value, decay_biases
        As for `Adam`.
    momentum_decay : float
        The speed at which the momentum rises from half of ``betas[0]`` to all of it: at each step it is ``betas[0]``
        times 1 - 0.5 * 0.96 ** (step * momentum_decay).
    """

    lr: Rate = 2e-3
    momentum_decay: float = 4e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        keep_number(self, "momentum_decay")

    def _rule(self) -> Rule:
        return super()._rule()._replace(name="nadam", momentum_decay=self.momentum_decay)


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

    def _rule(self) -> Rule:
        return Rule("lion", weight_decay=self.weight_decay, beta1=self.betas[0], beta2=self.betas[1])


@dataclass(eq=False, repr=False)
class Adadelta(Optimizer):
    """Gradients times the root of the running mean square of steps, over that of gradients (Zeiler 2012).

    Parameters
    ----------
    lr : float or callable
        The factor of the steps, or a function of the step.
    rho : float
        The share of both mean squares that is kept at each step.
    eps : float
        Added to both, within the roots.
    weight_decay : float
        Adds weight_decay times the parameters to the gradient.
    clip_norm, clip_value, decay_biases
        As for `Optimizer`.
    """

    lr: Rate = 1.0
    rho: float = 0.9
    eps: float = 1e-6
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _keep_share(self, "rho")
        if keep_number(self, "eps") == 0:
            raise ValueError("eps must be above 0, or there is never a step; received 0")
        keep_number(self, "weight_decay")

    @property
    def moments(self) -> int:
        """The mean squares of steps and of gradients."""
        return 2

    def _rule(self) -> Rule:
        return Rule("adadelta", weight_decay=self.weight_decay, beta2=self.rho, epsilon=self.eps)


@dataclass(eq=False, repr=False)
class RMSprop(Optimizer):
    """Gradients over the root of their running mean square (Tieleman and Hinton 2012).

    Parameters
    ----------
    lr : float or callable
        The learning rate, or a function of the step.
    alpha : float
        The share of the mean square that is kept at each step.
    eps : float
        Added to the root.
    weight_decay : float
        Adds weight_decay times the parameters to the gradient.
    clip_norm, clip_value, decay_biases
        As for `Optimizer`.
    """

    lr: Rate = 1e-2
    alpha: float = 0.99
    eps: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _keep_share(self, "alpha")
        keep_number(self, "eps")
        keep_number(self, "weight_decay")

    @property
    def moments(self) -> int:
        """The mean of squares."""
        return 1

    def _rule(self) -> Rule:
        return Rule("rmsprop", weight_decay=self.weight_decay, beta2=self.alpha, epsilon=self.eps)


@dataclass(eq=False, repr=False)
class AdaGrad(Optimizer):
    """Gradients over the root of the sum of their squares so far (Duchi, Hazan and Singer 2011).

    Parameters
    ----------
    lr : float or callable
        The learning rate, or a function of the step.
    eps : float
        Added to the root.
    weight_decay : float
        Adds weight_decay times the parameters to the gradient.
    clip_norm, clip_value, decay_biases
        As for `Optimizer`.
    """

    lr: Rate = 1e-2
    eps: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        keep_number(self, "eps")
        keep_number(self, "weight_decay")

    @property
    def moments(self) -> int:
        """The sum of squares."""
        return 1

    def _rule(self) -> Rule:
        return Rule("adagrad", weight_decay=self.weight_decay, epsilon=self.eps)


def _keep_share(optimizer: Optimizer, name: str) -> None:
    """Check the share of a running mean that is kept at each step."""
    if keep_number(optimizer, name, high=1.0) == 1.0:
        raise ValueError(f"{name} must be below 1; received {getattr(optimizer, name)!r}")


def _keep_betas(optimizer: Adam | Lion) -> None:
    """Check the betas, and keep them as a tuple."""
    betas = optimizer.betas
    if not isinstance(betas, (tuple, list)) or len(betas) != 2:
        raise ValueError(f"betas must be two numbers; received {betas!r}")
    object.__setattr__(optimizer, "betas", tuple(as_number(beta, "betas", high=1.0) for beta in betas))
    if max(optimizer.betas) == 1.0:
        raise ValueError(f"betas must be below 1; received {betas!r}")


_CLASSES = {c.__name__: c for c in (SGD, Adam, AdamW, NAdam, Lion, RMSprop, AdaGrad, Adadelta)}


def check_optimizer(optimizer: Any) -> None:
    """Check that a value is an optimizer."""
    if not isinstance(optimizer, Optimizer):
        hint = ", a class: make one of it" if isinstance(optimizer, type) else ""
        if isinstance(optimizer, str):
            hint = ", a name: make one, such as optimizers.Adam(0.001)"
        raise TypeError(f"optimizer must be one of fastdl.optimizers; received {optimizer!r}{hint}")


def from_config(config: dict[str, Any]) -> Optimizer:
    """Make an optimizer from what its `get_config` gave."""
    if isinstance(config, dict) and isinstance(config.get("lr"), dict):
        from . import schedules

        config = {**config, "lr": schedules.from_config(config["lr"])}
    optimizer: Optimizer = make(config, _CLASSES, "an optimizer")
    return optimizer
