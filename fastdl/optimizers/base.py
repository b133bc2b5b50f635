"""The base of all optimizers, and its form in the core."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .._hints.attributes import is_function
from .._settings import Settings, keep_number
from .._types import Array
from .._validation.arrays import as_real
from .._validation.values import as_flag, as_number

Rate = float | Callable[[int], float]
_UNCALLED = "step", "update", "update_step", "apply", "apply_gradients"  # PyTorch's and Keras's rules are called so


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
    _: KW_ONLY
    clip_norm: float | None = None
    clip_value: float | None = None
    decay_biases: bool = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in _UNCALLED:
            if name in vars(cls):
                raise TypeError(
                    f"{cls.__name__} must not define {name}, which nothing calls: for a rule of your own, change "
                    "net.parameters by net.gradients in a loop of your own"
                )

    def __post_init__(self) -> None:
        object.__setattr__(self, "decay_biases", as_flag(self.decay_biases, "decay_biases"))
        for name in ("clip_norm", "clip_value"):
            if getattr(self, name) is not None and keep_number(self, name) == 0:
                raise ValueError(f"{name} must be above 0; received 0")
        if self.clip_norm is not None and self.clip_value is not None:
            raise ValueError("clip_norm and clip_value must not come together; received both")

    if not TYPE_CHECKING:  # otherwise type checkers would allow any attribute

        def __setattr__(self, name: str, value: Any) -> None:
            if name == "lr":
                object.__setattr__(self, name, value if is_function(value) else as_number(value, name))
            else:
                super().__setattr__(name, value)

    @property
    def moments(self) -> int:
        """The count of numbers kept for each parameter."""
        raise NotImplementedError(f"{type(self).__name__} has no rule: it must be made of SGD, Adam or another one")

    def rates(self, first: int, count: int) -> Array:
        """Return the learning rates of ``count`` steps from ``first`` on."""
        if not callable(self.lr):
            rates: Array = np.empty(count)
            rates.fill(self.lr)
            return rates
        return as_real([self.lr(i) for i in range(first, first + count)], "the rates that lr gives").astype(float)

    def goes_on_from(self, last: Optimizer) -> bool:
        """Return whether moments and the count of steps continue when this optimizer follows another.

        They do if both are equal, or differ only in their rates and this one's is fixed.
        """
        if self is last:
            return True
        if type(self) is not type(last):
            return False
        others = all(getattr(self, name) == getattr(last, name) for name in self.setting_names() if name != "lr")
        return others and (not callable(self.lr) or self.lr == last.lr)

    def get_config(self) -> dict[str, Any]:
        """Return the class and the arguments as plain data, which `from_config` takes back.

        Raises
        ------
        TypeError
            If its class or its learning rate is not fastdl's.
        """
        if not _is_ours(type(self)):
            raise TypeError(f"optimizer must be one of fastdl.optimizers to be saved; received {self!r}")
        if not callable(self.lr):
            return super().get_config()
        from .. import schedules  # most trainings do without it

        return {**super().get_config(), "lr": schedules.get_config(self.lr)}

    @cached_property
    def rule(self) -> Rule:
        """The update rule for the core, from all settings except the rate."""
        return self.specific_rule()._replace(
            clip_norm=self.clip_norm or 0.0, clip_value=self.clip_value or 0.0, decay_biases=self.decay_biases
        )

    def specific_rule(self) -> Rule:
        """Return the rule with the settings of this class; `rule` adds those that all optimizers have."""
        raise NotImplementedError(f"{type(self).__name__} has no rule: it must be made of SGD, Adam or another one")


def _is_ours(kind: type[Optimizer]) -> bool:
    """Return whether a class is one of fastdl's optimizers, whose arguments describe it completely."""
    return kind.__module__.startswith(f"{__package__}.") and kind is not Optimizer
