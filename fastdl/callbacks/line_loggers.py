"""Files of the figures of a training, with a line for each epoch."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from io import FileIO
from typing import Any, ClassVar, NoReturn

from .._files import as_path, open_file, replacing
from .appending import append
from .logger import Logger, Run

_SHOWN = 200  # bytes of a line, in an error


class LineLogger(Logger):
    """A file with a line for each epoch, written as soon as the epoch ends.

    Attributes
    ----------
    start : bytes
        The beginning of its files.
    """

    start: ClassVar[bytes]

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = as_path(path)
        self._file: FileIO | None = None

    def begin(self, run: Run) -> None:
        """Open the file, and keep its lines of earlier epochs if a training continues."""
        there = os.path.isfile(self.path)
        goes_on = run.first > 1 and there
        if goes_on:
            self._cut(run.first)
        elif there:
            self._check_own()
        self._file = FileIO(self.path, "a" if goes_on else "w")

    def _check_own(self) -> None:
        """Check, before anything is overwritten, that the file is a log or empty."""
        with open_file(self.path, "rb") as file:
            begins = file.readline(_SHOWN)
        if not begins.startswith(self.start) and not self.start.startswith(begins):
            self._refuse(begins)

    def _cut(self, epoch: int) -> None:
        """Truncate the file to what it was before an epoch."""
        self._check_own()
        end = 0
        with open_file(self.path, "r+b") as file:
            for line in file:
                if not line.endswith(b"\n"):  # from a run that was killed
                    break
                try:
                    found = self.epoch_of(line.decode())
                except UnicodeDecodeError:
                    found = None
                if found is None:
                    self._refuse(line)
                if found >= epoch:
                    break
                end += len(line)
            file.truncate(end)

    def _refuse(self, line: bytes) -> NoReturn:
        begins = self.start.decode()
        raise ValueError(
            f"{self.argument} must be that of a log whose first line begins with {begins}, or of no file yet; "
            f"{self.path} has {line[:_SHOWN]!r}"
        )

    def epoch_of(self, line: str) -> int | None:
        """Return the epoch of a line, 0 for none, or None if this class did not write the line."""
        raise NotImplementedError

    def append(self, line: str) -> None:
        """Write a line. An error quotes it, as a training that continues will not write it again."""
        assert self._file is not None
        try:
            append(self._file, line.encode())
        except OSError as error:
            raise OSError(error.errno, f"{error.strerror}, of {line.rstrip()}", error.filename) from error

    def end(self, error: BaseException | None) -> None:
        """Close it."""
        if self._file is not None:
            self._file.close()
            self._file = None


class CSVLogger(LineLogger):
    """Writes a row for each epoch to a file of comma-separated values, as soon as the epoch ends.

    Parameters
    ----------
    path : path-like
        Each training begins the file anew; one that is not of this class stays as it is, which is an error. A training
        that continues (``initial_epoch``) keeps the rows of earlier epochs and drops those of later ones, which a run
        may have written after its last checkpoint, before it was killed.

    Notes
    -----
    Columns are the figures of the first epoch, including those that earlier callbacks add to ``logs``. If a later epoch
    has more of them, as when a training continues with validation, the file is rewritten with columns for them.
    """

    start: ClassVar[bytes] = b"epoch"

    def begin(self, run: Run) -> None:  # noqa: D102
        self._columns: list[str] = []
        super().begin(run)

    def epoch_of(self, line: str) -> int | None:  # noqa: D102
        try:
            first, *others = next(csv.reader([line]))
            if self._columns:
                return int(first)
        except (csv.Error, StopIteration, ValueError):
            return None
        if first != "epoch" or not line.endswith("\n"):
            return None
        self._columns = [first, *others]
        return 0

    def write(self, epoch: int, figures: dict[str, Any]) -> None:  # noqa: D102
        figures = {"epoch": epoch, **figures}
        columns = [*self._columns, *(name for name in figures if name not in self._columns)]
        if self._columns and columns != self._columns:
            self._widen(columns)
        header = [] if self._columns else [columns]
        self.append(_table([*header, [figures.get(name, "") for name in columns]]))
        self._columns = columns

    def _widen(self, columns: list[str]) -> None:
        """Write the file anew with more columns, which are empty so far."""
        with open_file(self.path, "r", encoding="utf-8") as file:
            rows = list(csv.reader(file))[1:]
        with replacing(self.path) as whole:
            whole.write(_table([columns, *(row + [""] * (len(columns) - len(row)) for row in rows)]).encode())
        self.end(None)
        self._file = FileIO(self.path, "a")
        self._columns = columns


class JSONLogger(LineLogger):
    """Writes a JSON object on a line for each epoch, as soon as the epoch ends.

    Parameters
    ----------
    path : path-like
        As for `CSVLogger`.

    Notes
    -----
    NaN and infinity become null, as JSON has neither.
    """

    start: ClassVar[bytes] = b'{"epoch"'

    def epoch_of(self, line: str) -> int | None:  # noqa: D102
        try:
            epoch = json.loads(line)["epoch"]
        except (LookupError, RecursionError, TypeError, ValueError):
            return None
        return epoch if isinstance(epoch, int) else None

    def write(self, epoch: int, figures: dict[str, Any]) -> None:  # noqa: D102
        self.append(json.dumps({"epoch": epoch, **{name: _finite(value) for name, value in figures.items()}}) + "\n")


def _table(rows: list[list[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([[_on_a_line(value) for value in row] for row in rows])
    return text.getvalue()


def _on_a_line(value: Any) -> Any:
    """Replace line breaks, as of an array: a training that continues reads the file line by line."""
    lines = str(value).splitlines()
    return " ".join(lines) if isinstance(value, str) or len(lines) > 1 else value


def _finite(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    try:
        number = value if isinstance(value, int) else float(value)  # NumPy's too
    except (TypeError, ValueError):  # of several numbers, say
        return str(value)
    return number if math.isfinite(number) else None
