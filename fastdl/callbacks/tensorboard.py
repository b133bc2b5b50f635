"""The figures of a training for TensorBoard."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from .._extras import missing
from .._files import as_path
from .base import Callback

if TYPE_CHECKING:
    from ..sequential import Sequential


class TensorBoard(Callback):
    """Writes the figures of each epoch to a folder that TensorBoard reads, with tensorboardX.

    Training and validation share a chart: `loss` and `val_loss` are ``loss/training`` and ``loss/validation``. Beside
    them is `lr`, the learning rate of the epoch's last step.

    Parameters
    ----------
    path : path-like
        A folder, of one run: in others beside it TensorBoard sees others. In a training that goes on
        (``initial_epoch``) figures of later epochs that are there already are passed over.

    Raises
    ------
    ImportError
        If tensorboardX is not installed.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = as_path(path)
        self._writer: Any = None
        self._lr = 0.0
        _summary_writer()

    def on_epoch_begin(self, net: Sequential, epoch: int) -> None:
        """Open a file, before the first epoch."""
        if self._writer is None:
            self._writer = _summary_writer()(self.path, purge_step=epoch if epoch > 1 else None)

    def on_epoch_trained(self, net: Sequential, epoch: int) -> None:
        """Look at the rate, before others set the next epoch's."""
        state = net.training_state
        self._lr = float(state.optimizer.rates(max(state.steps - 1, 0), 1)[0])

    def on_epoch_end(self, net: Sequential, epoch: int, logs: dict[str, Any]) -> None:
        """Write figures."""
        for name, value in logs.items():
            if name == "seconds":
                self._writer.add_scalar(name, value, epoch)
            elif name.startswith("val_"):
                self._writer.add_scalar(f"{name.removeprefix('val_')}/validation", value, epoch)
            elif name != "epoch":
                self._writer.add_scalar(f"{name}/training", value, epoch)
        self._writer.add_scalar("lr", self._lr, epoch)
        self._writer.flush()

    def on_fit_end(self, net: Sequential) -> None:
        """Close it."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _summary_writer() -> Any:
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        raise missing("TensorBoard", "tensorboardX", "tensorboard") from None
    return SummaryWriter
