"""Callback: the methods that `fit` calls between the steps of a training, and the state kept between calls."""

from __future__ import annotations

from inspect import CO_VARARGS, signature
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar

from .._hints.arguments import ArgumentHints

if TYPE_CHECKING:
    from ..sequential import Sequential


class Callback(ArgumentHints):
    """Methods that `fit` calls; a subclass overrides those it needs.

    ``logs`` holds the figures so far: `epoch` (counted from 1), `loss`, `accuracy` if targets are classes, and at the
    end of an epoch `seconds`, `val_loss`, `val_accuracy` and metrics.

    Attributes
    ----------
    place : int
        Callbacks with a lower place are called before those with a higher one, equals in the order of their list.
    writes : bool
        Whether it writes to files or to a terminal: if several processes train together (``communicator``), only the
        first of them calls it. Other callbacks are called by all.
    """

    place: ClassVar[int] = 0
    writes: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        known = {name: value.__code__ for name, value in vars(Callback).items() if name.startswith("on_")}
        for name, value in vars(cls).items():
            if not isinstance(value, FunctionType) or not name.startswith("on_"):
                continue
            if name not in known:  # never called
                raise TypeError(
                    f"{cls.__name__} must not define {name}, which nothing calls; fit calls {', '.join(known)}"
                )
            own, wanted = value.__code__, known[name].co_varnames[: known[name].co_argcount]
            least = own.co_argcount - len(value.__defaults__ or ())
            if len(wanted) < least or (len(wanted) > own.co_argcount and not own.co_flags & CO_VARARGS):
                raise TypeError(
                    f"{cls.__name__}.{name} must take ({', '.join(wanted)}); it takes "
                    f"({', '.join(own.co_varnames[: own.co_argcount])})"
                )

    def __repr__(self) -> str:
        kept = [name for name in signature(type(self)).parameters if hasattr(self, name)]
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in kept)})"

    def on_fit_begin(self, net: Sequential, epochs: int, samples: int) -> None:
        """Before the first step, with the numbers of epochs and samples to come. Forget any earlier training here.

        For an iterable of batches, ``samples`` is 0, as it is not known.
        """

    def on_epoch_begin(self, net: Sequential, epoch: int) -> None:
        """Before an epoch, counted from 1."""

    def on_batch_block(self, net: Sequential, done: int, total: int, logs: dict[str, Any]) -> None:
        """About ten times a second, between steps; ``done`` of ``total`` samples of the epoch have been taken.

        For an iterable of batches ``total`` is 0 until the last one. A learning rate that is set here,
        ``optimizer.lr = ...``, holds from the next step on.
        """

    def on_epoch_trained(self, net: Sequential, epoch: int) -> None:
        """After the last step of an epoch, before its validation."""

    def on_epoch_end(self, net: Sequential, epoch: int, logs: dict[str, Any]) -> bool | None:
        """After an epoch, counted from 1, and its validation. Return True to end the training."""

    def on_fit_end(self, net: Sequential) -> None:
        """After the last epoch, or after what ended the training before it, such as Ctrl-C or a divergence."""

    def reads(self) -> dict[str, str]:
        """Return the figures that it needs in `on_epoch_end`, and the argument that names each, for `fit` to check."""
        return {}

    def get_state(self) -> dict[str, Any]:
        """Return the state from which a further call of `fit` continues.

        Returns
        -------
        dict
            Plain data that JSON can hold, and arrays. Copies, pickles and ``save(training=True)`` take it along.
        """
        return {}

    def set_state(self, net: Sequential, state: dict[str, Any]) -> None:
        """Continue from what `get_state` gave: called after `on_fit_begin` if ``initial_epoch`` is above 0."""
