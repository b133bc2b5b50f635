"""The figures of a training as a table in a file."""

from __future__ import annotations

import csv
import os
from typing import IO, TYPE_CHECKING, Any

from .._files import as_path, open_file
from .base import Callback

if TYPE_CHECKING:
    from ..sequential import Sequential


class CSVLogger(Callback):
    """Writes a row for each epoch to a file of comma-separated values, as soon as it is through.

    Parameters
    ----------
    path : path-like
        It begins anew with each training. In one that goes on (``initial_epoch``) the rows of earlier epochs stay, and
        those of later ones, as of a run that was killed after its last checkpoint, are left out.

    Notes
    -----
    Columns are the figures of the first epoch, those too that callbacks before this one add to ``logs``.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = as_path(path)
        self._file: IO[str] | None = None

    def on_epoch_begin(self, net: Sequential, epoch: int) -> None:
        """Open the file, before the first epoch."""
        if self._file is None:
            self._columns = self._kept(epoch) if epoch > 1 and os.path.exists(self.path) else []
            self._file = open(self.path, "a" if self._columns else "w", encoding="utf-8", newline="")  # noqa: SIM115

    def _kept(self, epoch: int) -> list[str]:
        """Let the file be what it was before this epoch, and give its columns."""
        columns: list[str] = []
        end = 0
        with open_file(self.path, "r+b") as file:
            for line in file:
                first, *others = next(csv.reader([line.decode()]), [""])
                if not line.endswith(b"\n"):  # of a run that was killed
                    break
                if not (first.isdecimal() if columns else first == "epoch"):
                    raise ValueError(f"path must be that of a file that CSVLogger wrote; {self.path} has {line!r}")
                if columns and int(first) >= epoch:
                    break
                columns, end = columns or [first, *others], end + len(line)
            file.truncate(end)
        return columns

    def on_epoch_end(self, net: Sequential, epoch: int, logs: dict[str, Any]) -> None:
        """Write a row."""
        assert self._file is not None
        table = csv.writer(self._file, lineterminator="\n")
        if not self._columns:
            self._columns = list(logs)
            table.writerow(self._columns)
        table.writerow([logs.get(name, "") for name in self._columns])
        self._file.flush()

    def on_fit_end(self, net: Sequential) -> None:
        """Close it."""
        if self._file is not None:
            self._file.close()
            self._file = None
