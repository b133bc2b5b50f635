"""Files of the figures of a training for TensorBoard."""

from __future__ import annotations

import os
import platform
import time
from io import FileIO
from typing import Any

from .._files import as_path
from . import events
from .appending import append
from .logger import Logger, Run, numbers


class TensorBoard(Logger):
    """Writes the figures of each epoch to a folder that TensorBoard reads; nothing needs to be installed to write it.

    Training and validation share a chart: `loss` and `val_loss` are ``loss/training`` and ``loss/validation``. There
    are also `seconds` and `lr`, and the figures that earlier callbacks add, if they are numbers.

    Parameters
    ----------
    path : path-like
        A folder for one run; put others beside it to compare them. If a training continues (``initial_epoch``),
        TensorBoard ignores figures of later epochs that were already written.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = as_path(path)
        self._file: FileIO | None = None

    def begin(self, run: Run) -> None:
        """Begin a file in the folder."""
        now = time.time()
        os.makedirs(self.path, exist_ok=True)
        name = f"events.out.tfevents.{now:017.6f}.{platform.node()}.{os.getpid()}"  # read in this order
        self._file = FileIO(os.path.join(self.path, name), "x")
        first = events.version(now) + (events.start(now, run.first) if run.first > 1 else b"")
        try:
            append(self._file, first)
        except OSError:
            self.end(None)
            raise

    def write(self, epoch: int, figures: dict[str, Any]) -> None:
        """Write a record of all figures that are numbers."""
        assert self._file is not None
        tagged = {_tag(name): value for name, value in numbers(figures).items()}
        append(self._file, events.scalars(time.time(), epoch, tagged))

    def end(self, error: BaseException | None) -> None:
        """Close it."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _tag(name: str) -> str:
    if name in ("seconds", "lr"):
        return name
    part = "validation" if name.startswith("val_") else "training"
    return f"{name.removeprefix('val_')}/{part}"
