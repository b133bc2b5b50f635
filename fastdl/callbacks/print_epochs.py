"""A line for each epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from .base import Callback
from .progress import duration, figure

if TYPE_CHECKING:
    from ..sequential import Sequential


class PrintEpochs(Callback):
    """Prints a line for each epoch."""

    writes: ClassVar[bool] = True

    def on_epoch_end(self, net: Sequential, epoch: int, logs: dict[str, Any]) -> None:
        """Print the figures."""
        figures = "  ".join(f"{name} {figure(logs[name])}" for name in logs if name not in ("epoch", "seconds"))
        print(f"epoch {epoch}  {figures}  {duration(logs['seconds'])}", flush=True)
