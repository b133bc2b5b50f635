"""Optimizers: how parameters follow their gradients. The arithmetic is in the compiled core.

An optimizer holds settings alone. Its state (velocities, moments, the number of steps taken) belongs to the network,
which keeps it for as long as it is given the same optimizer object.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ._validation import Array, as_number

__all__ = ["SGD", "AdaGrad", "Adam", "AdamW", "Optimizer", "RMSprop"]

Rate = float | Callable[[int], float]


@dataclass(frozen=True)
class Optimizer:
    """What every optimizer has: a learning rate, fixed or a function of the step, which counts from 0, and clipping.

    Parameters
    ----------
    lr : float or callable
    clip_norm : float, optional
        The norm over all parameters that a gradient is scaled down to where it is longer (Pascanu, Mikolov and Bengio
        2013).
    clip_value : float, optional
        The largest size of each of a gradient's numbers.
    """

    lr: Rate
    clip_norm: float | None = field(default=None, kw_only=True)
    clip_value: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        for name in ("clip_norm", "clip_value"):
            limit = getattr(self, name)
            if limit is not None and as_number(limit, name) == 0:
                raise ValueError(f"{name} must be above 0; received 0")
        if self.clip_norm is not None and self.clip_value is not None:
            raise ValueError("clip_norm and clip_value must not come together; received both")
        if not callable(self.lr):
            as_number(self.lr, "lr")

    def rates(self, first: int, count: int) -> Array:
        """Give the learning rates of ``count`` steps from ``first`` on."""
        if not callable(self.lr):
            return np.full(count, float(self.lr))
        rates = np.array([self.lr(i) for i in range(first, first + count)], dtype=float)
        if not np.isfinite(rates).all() or (rates < 0).any():
            raise ValueError(f"lr must give finite rates, not below 0; gave {rates.min()} to {rates.max()}")
        return rates

    def _core(self) -> tuple[Any, ...]:
        """(rule, nesterov, momentum, decay, beta1, beta2, epsilon, clip_norm, clip_value), as the core wants it."""
        return *self._rule(), float(self.clip_norm or 0), float(self.clip_value or 0)

    def _rule(self) -> tuple[Any, ...]:
        raise NotImplementedError


@dataclass(frozen=True)
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
    clip_norm, clip_value : float, optional
        As of `Optimizer`.
    """

    lr: Rate = 0.01
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        as_number(self.momentum, "momentum", high=1.0)
        as_number(self.weight_decay, "weight_decay")
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov must come with a momentum above 0; received 0")

    def _rule(self) -> tuple[Any, ...]:
        return "sgd", bool(self.nesterov), float(self.momentum), float(self.weight_decay), 0.0, 0.0, 0.0


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam (Kingma and Ba 2015).

    Parameters
    ----------
    lr : float or callable
        The learning rate, or a function of the step.
    betas : (float, float)
        How much of the first and of the second moment is kept at a step.
    eps : float
        Added to the root of the second moment.
    weight_decay : float
        Adds weight_decay times the parameters to the gradient.
    clip_norm, clip_value : float, optional
        As of `Optimizer`.
    """

    lr: Rate = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.betas) != 2:
            raise ValueError(f"betas must be two numbers; received {self.betas!r}")
        for beta in self.betas:
            if as_number(beta, "betas", high=1.0) == 1.0:
                raise ValueError(f"betas must be below 1; received {self.betas!r}")
        as_number(self.eps, "eps")
        as_number(self.weight_decay, "weight_decay")

    def _rule(self) -> tuple[Any, ...]:
        return "adam", False, 0.0, float(self.weight_decay), *map(float, self.betas), float(self.eps)


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam, with weight decay beside the moments rather than in them (Loshchilov and Hutter 2019).

    Parameters
    ----------
    lr, betas, eps, clip_norm, clip_value
        As of `Adam`.
    weight_decay : float
        At each step the parameters lose lr times that part of themselves.
    """

    weight_decay: float = 1e-2

    def _rule(self) -> tuple[Any, ...]:
        return "adamw", *super()._rule()[1:]


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """Gradients over the root of their running mean square (Tieleman and Hinton 2012).

    Parameters
    ----------
    lr : float or callable
        The learning rate, or a function of the step.
    alpha : float
        How much of the mean square is kept at a step.
    eps : float
        Added to the root.
    weight_decay : float
        Adds weight_decay times the parameters to the gradient.
    clip_norm, clip_value : float, optional
        As of `Optimizer`.
    """

    lr: Rate = 1e-2
    alpha: float = 0.99
    eps: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if as_number(self.alpha, "alpha", high=1.0) == 1.0:
            raise ValueError(f"alpha must be below 1; received {self.alpha!r}")
        as_number(self.eps, "eps")
        as_number(self.weight_decay, "weight_decay")

    def _rule(self) -> tuple[Any, ...]:
        return "rmsprop", False, 0.0, float(self.weight_decay), 0.0, float(self.alpha), float(self.eps)


@dataclass(frozen=True)
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
    clip_norm, clip_value : float, optional
        As of `Optimizer`.
    """

    lr: Rate = 1e-2
    eps: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        as_number(self.eps, "eps")
        as_number(self.weight_decay, "weight_decay")

    def _rule(self) -> tuple[Any, ...]:
        return "adagrad", False, 0.0, float(self.weight_decay), 0.0, 0.0, float(self.eps)
