"""Trials, and the record of a sweep: a file with a line for each finished trial."""

from __future__ import annotations

import json
import math
import os
import zlib
from collections.abc import Mapping, Sequence
from io import FileIO
from typing import Any, NamedTuple

import numpy as np

from .._files import as_path, open_file
from .._settings import Settings as Settable
from .._validation.arrays import as_real
from ..callbacks.appending import append
from ..trees.arrays import Trees

Settings = dict[str, Any]
_LONGEST = 65_536  # bytes of the first line of another sweep's record to read


class Trial(NamedTuple):
    """A training with some settings, and its result.

    Attributes
    ----------
    settings : dict
        Numbers, strings, or lists of these.
    figures : dict of str to float, or None
        The figures of its last epoch, or of the one that early stopping restored, and the seconds of all; None if an
        error ended it.
    error : str or None
        What went wrong.
    """

    settings: Settings
    figures: dict[str, float] | None
    error: str | None = None


def plain(value: Any) -> Any:
    """Convert a setting to what JSON would give back: lists for tuples and arrays, Python's numbers for NumPy's."""
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return value.tolist() if hasattr(value, "tolist") else value


def key_of(settings: Mapping[str, Any]) -> str:
    """Return a key that is equal for equal settings, in any order."""
    return json.dumps(settings, sort_keys=True)


def fingerprint(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return plain data that differ for different arguments: plain ones themselves, and a CRC for arrays of numbers.

    Losses, optimizers and schedules are given by their settings. Functions cannot be told apart.
    """
    return {name: told for name, value in arguments.items() if (told := _told(value)) is not None}


def _told(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Settable):
        value = Settable.get_config(value)
    if isinstance(value, Mapping):
        return {str(name): _told(one) for name, one in value.items()}
    if isinstance(value, tuple):
        return [_told(one) for one in value]
    if isinstance(value, Trees):
        parts = value.start, value.parents, value.labels, np.frombuffer(repr(value.words).encode(), np.uint8)
        return [_told(part) for part in parts]
    try:
        return zlib.crc32(np.ascontiguousarray(as_real(value, "x")).data)
    except (TypeError, ValueError):  # no numbers, such as names or batches
        return [_told(one) for one in value] if isinstance(value, list) else None


def _difference(wanted: bytes, begins: bytes) -> str:
    """Say how a file's first line differs from the expected one."""
    try:
        ours, theirs = (json.loads(line.decode())["sweep"] for line in (wanted, begins))
        names = [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        names = []
    if not names:  # no record, or one whose lines end otherwise, for instance
        return f"it begins with {begins[:200]!r}"
    return f"it is that of a sweep with another {' and '.join(names)}: name another file"


class Record:
    """Finished trials in a file of JSON lines, the first of which has what they have in common.

    Parameters
    ----------
    path : path-like or None
        If the file exists, its trials are read; otherwise a new one begins. None for no file.
    common : dict
        Plain data that all trials must have in common, besides their settings.

    Raises
    ------
    ValueError
        If the file is no record, or that of another sweep.
    OSError
        If the file cannot be read or written.
    """

    def __init__(self, path: str | os.PathLike[str] | None, common: Mapping[str, Any]) -> None:
        self.trials: dict[str, Trial] = {}
        self._file: FileIO | None = None
        if path is None:
            return
        name, first = as_path(path), json.dumps({"sweep": dict(common)}, sort_keys=True) + "\n"
        is_there = os.path.exists(name) and self._read(name, first.encode())
        self._file = FileIO(name, "a")
        if not is_there:
            append(self._file, first.encode())

    def _read(self, name: str, first: bytes) -> bool:
        """Read the trials of a file, except an incomplete last line of a run that was killed."""
        with open_file(name, "r+b") as file:
            begins: bytes = file.readline(len(first) + _LONGEST)
            if not first.startswith(begins):  # some other file, which is left alone
                raise ValueError(f"{name} must be the record of this sweep; {_difference(first, begins)}")
            lines = file.read()
            end = lines.rfind(b"\n") + 1
            for line in lines[:end].splitlines():
                self._take(name, line)
            file.truncate(len(begins) + end if begins == first else 0)
        return begins == first

    def _take(self, name: str, line: bytes) -> None:
        try:
            found = json.loads(line.decode())
            settings, figures = found["settings"], found["figures"]
            if not isinstance(settings, dict) or not all(map(math.isfinite, figures.values())):
                raise TypeError
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            raise ValueError(f"{name} must hold a trial a line; received {line[:200]!r}") from None
        self.trials[key_of(settings)] = Trial(settings, figures)

    def add(self, trial: Trial) -> None:
        """Record a finished trial; one that failed is not kept, as it may succeed another time."""
        self.trials[key_of(trial.settings)] = trial
        if self._file is not None and trial.figures is not None:
            figures = {name: value for name, value in trial.figures.items() if math.isfinite(value)}
            append(self._file, (json.dumps({"settings": trial.settings, "figures": figures}) + "\n").encode())

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


def varying(trials: Sequence[Trial]) -> list[str]:
    """Return the names of the settings that are not the same in all trials."""
    names = list(dict.fromkeys(name for trial in trials for name in trial.settings))
    return [name for name in names if len({key_of({"": trial.settings.get(name)}) for trial in trials}) > 1]


def said(value: Any) -> str:
    """Write a setting or a figure as text."""
    if isinstance(value, list):
        return "x".join(map(said, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
