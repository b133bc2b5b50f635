"""Files that grow by whole records."""

from __future__ import annotations

import contextlib
import errno
import os
from io import FileIO


def append(file: FileIO, record: bytes) -> None:
    """Write a record to a file's end; if the disk is full, none of it stays.

    Raises
    ------
    OSError
        If it cannot be written, or the file has been removed, so that nobody would ever read it.
    """
    before, left = os.fstat(file.fileno()), record
    if not before.st_nlink:
        raise FileNotFoundError(errno.ENOENT, "It has been removed meanwhile", file.name)
    try:
        while left:
            left = left[file.write(left) :]
    except OSError as error:
        with contextlib.suppress(OSError):  # it may not be a file that can be truncated
            file.truncate(before.st_size)
        raise OSError(error.errno, os.strerror(error.errno or 0), file.name) from error
