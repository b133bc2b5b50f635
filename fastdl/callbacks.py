"""What may happen between the steps of a training."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ._types import Array
from ._validation.values import as_choice, as_int

if TYPE_CHECKING:
    from .sequential import Sequential

__all__ = ["Callback", "EarlyStopping", "PrintEpochs"]

_MODES = {"loss": "min", "accuracy": "max", "f1": "max"}


class Callback:
    """Methods that `fit` calls; a subclass overrides what it needs.

    ``logs`` holds the figures so far: `epoch` (counted from 1), `loss`, `accuracy` where targets are classes, and at
    the end of an epoch `val_loss`, `val_accuracy` and `seconds`.
    """

    def on_fit_begin(self, net: Sequential, epochs: int, samples: int) -> None:
        """Before the first step: how many epochs of how many samples there will be."""

    def on_epoch_begin(self, net: Sequential, epoch: int) -> None:
        """Before an epoch, counted from 1."""

    def on_batch_block(self, net: Sequential, done: int, total: int, logs: dict[str, Any]) -> None:
        """After a run of steps of about a tenth of a second; ``done`` of ``total`` samples of the epoch are through.

        A learning rate that is set here, ``optimizer.lr = ...``, holds from the next step on.
        """

    def on_epoch_end(self, net: Sequential, epoch: int, logs: dict[str, Any]) -> bool | None:
        """After an epoch, counted from 1, and its validation. True ends the training."""

    def on_fit_end(self, net: Sequential) -> None:
        """After the last epoch, or after what ended the training before it, such as Ctrl-C or a divergence."""


class EarlyStopping(Callback):
    """Ends a training that does not get better, and goes back to the parameters of its best epoch.

    Parameters
    ----------
    monitor : str
        One of the figures, or one that a callback before this one adds.
    mode : {"min", "max"}, optional
        Whether it is to be low or high. Of a loss, an accuracy and an F1 it is known.
    patience : int
        After so many epochs that are no better than the best one.

    Attributes
    ----------
    best_epoch : int
        Counted from 1; 0 before the first.
    best : float
        Its figure.
    """

    def __init__(self, monitor: str = "val_loss", *, mode: str | None = None, patience: int = 3) -> None:
        if not isinstance(monitor, str):
            raise TypeError(f"monitor must be the name of a figure; received {monitor!r}")
        known = _MODES.get(monitor.removeprefix("val_"))
        if mode is not None or known is None:
            as_choice(mode, f"mode of monitor {monitor!r}", ("min", "max"))
        self.monitor, self.mode, self.patience = monitor, mode or known, as_int(patience, "patience")
        self.best_epoch, self.best = 0, math.inf
        self._parameters: Array | None = None

    def on_fit_begin(self, net: Sequential, epochs: int, samples: int) -> None:
        """Forget an earlier training."""
        self.best_epoch, self.best, self._lowest = 0, math.inf, math.inf
        self._parameters = None

    def on_epoch_end(self, net: Sequential, epoch: int, logs: dict[str, Any]) -> bool:
        """Compare."""
        if self.monitor not in logs:
            raise ValueError(f"monitor must be one of {', '.join(logs)}; received {self.monitor!r}")
        value = logs[self.monitor] if self.mode == "min" else -logs[self.monitor]
        if self.best_epoch == 0 or value < self._lowest:  # NaN is no better than anything
            self.best_epoch, self.best = epoch, logs[self.monitor]
            self._lowest = math.inf if math.isnan(value) else value
            self._parameters = net.parameters.copy()
        return epoch - self.best_epoch >= self.patience

    def on_fit_end(self, net: Sequential) -> None:
        """Go back to the best parameters, if there was an epoch."""
        if self._parameters is not None:
            with net.turn.lock:
                net.parameters[...] = self._parameters
        self._parameters = None


def as_callbacks(callbacks: Any, figures: Sequence[str]) -> list[Callback]:
    """Check callbacks, and that what is watched will be one of these figures, or may be added to them."""
    if not isinstance(callbacks, Iterable):
        raise TypeError(f"callbacks must be a list of callbacks; received {callbacks!r}")
    given = list(callbacks)
    for callback in given:
        if not isinstance(callback, Callback):
            raise TypeError(f"callbacks must hold objects of subclasses of Callback; received {callback!r}")
    for callback in given:
        if type(callback) not in (EarlyStopping, PrintEpochs):
            break  # it may add a figure
        if isinstance(callback, EarlyStopping) and callback.monitor not in figures:
            wanted = callback.monitor.startswith("val_") and not any(name.startswith("val_") for name in figures)
            raise ValueError(
                f"monitor must be one of {', '.join(figures)}; received {callback.monitor!r}"
                + (", which needs validation_data or validation_split" if wanted else "")
            )
    return given


class PrintEpochs(Callback):
    """Prints a line for each epoch."""

    def on_epoch_end(self, net: Sequential, epoch: int, logs: dict[str, Any]) -> None:
        """Print the figures."""
        figures = "  ".join(f"{name} {value:.4f}" for name, value in logs.items() if name not in ("epoch", "seconds"))
        print(f"epoch {epoch}  {figures}  {logs['seconds']:.2f} s", flush=True)
