"""Files of a network and its training, written during the training."""

from __future__ import annotations

import os
from string import Formatter
from typing import TYPE_CHECKING, Any, ClassVar

from .._files import as_path, check_writable
from .._validation.values import as_flag
from .base import Callback
from .monitor import Monitor

if TYPE_CHECKING:
    from ..sequential import Sequential


class ModelCheckpoint(Callback):
    """Saves the network and the state of its training after each epoch, or whenever an epoch is the best so far.

    It is called after all other callbacks, and their state is in the file: `fastdl.load` gives a network whose training
    continues from there to the bit, given callbacks of the same classes::

        net = fastdl.load("run.npz")
        net.fit(x, y, epochs=20, initial_epoch=net.training_state.epochs, callbacks=[...])

    Parameters
    ----------
    path : path-like
        It may contain figures of the epoch, as in ``"net-{epoch:03d}-{val_loss:.4f}.npz"``. An existing file is
        replaced as a whole (`Sequential.save`).
    monitor : str, optional
        Save only epochs in which this figure is the best so far.
    mode : {"min", "max"}, optional
        Whether lower or higher is better; needed only for figures whose names do not tell.
    training : bool
        As for `Sequential.save`; False saves the network alone, which is smaller, and works with losses and rates that
        are functions.
    """

    place: ClassVar[int] = 1
    writes: ClassVar[bool] = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        monitor: str | None = None,
        mode: str | None = None,
        training: bool = True,
    ) -> None:
        self.path, self.training = as_path(path), as_flag(training, "training")
        if monitor is None and mode is not None:
            raise ValueError(f"mode must come with a monitor; received {mode!r}")
        self._monitor = None if monitor is None else Monitor(monitor, mode)
        self._noted, self._saves = 0, False  # the last epoch that it has seen, and whether that is still to be saved
        self._before: dict[str, Any] = {}  # the state of what it watches, before that epoch
        try:
            self._names, self._folders = _names_in(self.path), _names_in(os.path.dirname(self.path))
        except ValueError as error:
            raise ValueError(f"path must be one that figures may stand in; received {self.path!r}: {error}") from None

    @property
    def monitor(self) -> str | None:
        """The figure that it watches, if any."""
        return None if self._monitor is None else self._monitor.figure

    @property
    def mode(self) -> str | None:
        """Whether that is to be low, "min", or high, "max"."""
        return None if self._monitor is None else self._monitor.mode

    def reads(self) -> dict[str, str]:  # noqa: D102
        watched = {} if self.monitor is None else {self.monitor: "monitor"}
        return {**{name: "path" for name in self._names}, **watched}

    def on_fit_begin(self, net: Sequential, epochs: int, samples: int) -> None:
        """Forget an earlier training, and check that files can be written, and can hold the network and all states."""
        from ..saving import packed

        self._noted, self._saves = 0, False
        if self._monitor is not None:
            self._monitor.forget()
        if not self._names:
            check_writable(self.path.format())
        elif not self._folders:  # the name of a temporary file in the folder is as good as any
            check_writable(os.path.join(os.path.dirname(self.path).format(), os.path.basename(self.path)))
        packed(net, self.training)

    def on_epoch_end(self, net: Sequential, epoch: int, logs: dict[str, Any]) -> None:
        """Write, once all checkpoints have seen the epoch: each one's file holds the states of all.

        The best epochs are written first: a file that is there for every epoch does not tell of one that is not.
        """
        others = [
            one
            for one in net.training_state.watchers
            if isinstance(one, ModelCheckpoint) and one is not self and one._sees(logs)
        ]
        for one in (self, *others):
            one._note(epoch, logs)
        for one in (self,) if self._monitor is not None else (*others, self):
            one._write(net, logs)

    def on_fit_end(self, net: Sequential) -> None:
        """Forget an epoch that could not be written."""
        if self._saves and self._monitor is not None:
            self._monitor.set_state(self._before)
        self._saves = False

    def _sees(self, logs: dict[str, Any]) -> bool:
        """Return whether it watches what is there: a subclass may leave epochs out, and a figure may come later."""
        is_own = type(self).on_epoch_end is ModelCheckpoint.on_epoch_end
        return is_own and self._monitor is not None and all(name in logs for name in self.reads())

    def _note(self, epoch: int, logs: dict[str, Any]) -> None:
        if epoch != self._noted:
            if self._monitor is not None:
                self._before = self._monitor.get_state()
            self._saves = self._monitor is None or self._monitor.see(epoch, logs)
            self._noted = epoch

    def _write(self, net: Sequential, logs: dict[str, Any]) -> None:
        if not self._saves:
            return
        try:
            path = self.path.format(**logs)
        except (KeyError, IndexError, ValueError) as error:
            known = ", ".join(logs)
            raise ValueError(f"path must be made of {known}; received {self.path!r}: {error}") from None
        net.save(path, training=self.training)
        self._saves = False

    def get_state(self) -> dict[str, Any]:  # noqa: D102
        return {} if self._monitor is None else self._monitor.get_state()

    def set_state(self, net: Sequential, state: dict[str, Any]) -> None:  # noqa: D102
        if self._monitor is not None and state:
            self._monitor.set_state(state)


def _names_in(text: str) -> list[str]:
    """Return the names of the figures that occur in a path."""
    return [name for _, name, _, _ in Formatter().parse(text) if name is not None]
