"""What may happen between the steps of a training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .model import Sequential

__all__ = ["Callback", "PrintEpochs"]


class Callback:
    """Methods that `fit` calls; a subclass overrides what it needs.

    ``logs`` holds the figures so far: `epoch` (counted from 1), `loss`, `accuracy`, and at the end of an epoch
    `val_loss`, `val_accuracy` and `seconds`.
    """

    def on_fit_begin(self, net: Sequential, epochs: int, samples: int) -> None:
        """Before the first step: how many epochs of how many samples there will be."""

    def on_epoch_begin(self, net: Sequential, epoch: int) -> None:
        """Before an epoch, counted from 1."""

    def on_batch_block(self, net: Sequential, done: int, total: int, logs: dict[str, Any]) -> None:
        """After a run of steps of about a tenth of a second; ``done`` of ``total`` samples of the epoch are through."""

    def on_epoch_end(self, net: Sequential, epoch: int, logs: dict[str, Any]) -> None:
        """After an epoch, counted from 1, and its validation."""

    def on_fit_end(self, net: Sequential) -> None:
        """After the last epoch."""


class PrintEpochs(Callback):
    """Prints a line for each epoch."""

    def on_epoch_end(self, net: Sequential, epoch: int, logs: dict[str, Any]) -> None:
        """Print the figures."""
        figures = "  ".join(f"{name} {value:.4f}" for name, value in logs.items() if name not in ("epoch", "seconds"))
        print(f"epoch {epoch}  {figures}  {logs['seconds']:.2f} s", flush=True)
