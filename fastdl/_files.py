"""Files: only regular ones are read, and writing is atomic."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from collections.abc import Iterator
from itertools import count
from reprlib import repr as short
from typing import IO, Any

if sys.platform != "win32":
    import fcntl

_POSIX = os.name == "posix"  # Windows cannot move or remove an open file, and has no flock and no modes
_KEPT = 50  # characters of a file's name in that of its temporary file, which must not become too long


def as_path(path: Any, name: str = "path") -> str:
    """Return a path as a string. Numbers are refused: `open` would take one for a descriptor, and close it."""
    try:
        text = os.fsdecode(path)
    except TypeError:
        raise TypeError(f"{name} must be a path; received {short(path)}") from None
    if "\0" in text:
        raise ValueError(f"{name} must be a path, without zero bytes; received {text!r}")
    return text


@contextlib.contextmanager
def open_file(path: Any, mode: str = "rb", encoding: str | None = None) -> Iterator[IO[Any]]:
    """Open a file for reading, if it is regular: a pipe or a device might block, or never end."""
    name = as_path(path)
    without_waiting = os.O_NONBLOCK | os.O_NOCTTY if _POSIX else 0  # opening a pipe would wait for its writer

    def opener(path: str, flags: int) -> int:
        descriptor = os.open(path, flags | without_waiting)
        kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
        if kind not in (stat.S_IFREG, stat.S_IFDIR):  # `open` itself refuses directories
            os.close(descriptor)
            raise ValueError(f"{name} must be a file; it is a pipe, a device or the like")
        return descriptor

    with open(name, mode, encoding=encoding, opener=opener) as file:
        yield file


def check_folder(path: str) -> None:
    """Check that the folder of a path exists."""
    folder = os.path.dirname(path)
    if folder and not os.path.exists(folder):
        raise FileNotFoundError(errno.ENOENT, f"path must be in an existing folder; there is no {folder}", path)


def check_writable(path: Any) -> None:
    """Raise any error of `replacing` that can be found before there is something to write."""
    target, old = _target(path)
    with _naming(target):
        file, beside = _open_beside(target, old)
        _remove(file, beside)


@contextlib.contextmanager
def replacing(path: Any) -> Iterator[IO[bytes]]:
    """Open a temporary file to write, which replaces the one at the path at the end: one of them is always complete.

    It has the mode of the file that it replaces. If the path is a link, the link stays. Files that killed processes
    left beside the path are removed, except on Windows.

    Raises
    ------
    OSError
        If anything fails; the error names the path.
    ValueError
        If there is something at the path that is not a file.
    """
    target, old = _target(path)
    with _naming(target):
        file, beside = _open_beside(target, old)
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if not _POSIX:
                file.close()
            os.replace(beside, target)
        except BaseException:
            _remove(file, beside)
            raise
        file.close()
        _sync(os.path.dirname(target))


def _target(path: Any) -> tuple[str, os.stat_result | None]:
    """Follow the links of a path, and give its target and the status of an existing file."""
    name = as_path(path)
    if not name:
        raise ValueError("path must be that of a file; received ''")
    check_folder(name)  # with `..` behind a folder that there is not, the real path would be another
    target = os.path.realpath(name)
    try:
        old = os.stat(target)
    except FileNotFoundError:
        check_folder(target)
        return target, None
    if not stat.S_ISREG(old.st_mode):
        raise ValueError(f"path must be that of a file; received {target}, which is something else")
    if not os.access(target, os.W_OK):  # although a writable folder would allow to replace it
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), target)
    return target, old


@contextlib.contextmanager
def _naming(target: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, os.strerror(error.errno), target) from error


def _open_beside(target: str, old: os.stat_result | None) -> tuple[IO[bytes], str]:
    """Make a temporary file in the target's folder, and remove those that killed processes left: they are not locked.

    The system releases a lock when its process ends, however it ends.
    """
    folder, name = os.path.split(target)
    mode = 0o666 if old is None else 0o600  # never readable for more users than the old one
    slots = (os.path.join(folder, f".{name[:_KEPT]}.{i}.tmp") for i in count())
    while True:
        beside = next(slots)
        _remove_left(beside)
        file = None
        try:
            descriptor = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
            file = os.fdopen(descriptor, "wb")
            if _is_locked(descriptor) and _is_at(descriptor, beside):
                while _remove_left(next(slots)):
                    pass
                _take_after(descriptor, old)
                return file, beside
            file.close()  # another process has removed it, before it was locked
        except FileExistsError:  # another process is saving
            continue
        except BaseException:  # such as Ctrl-C
            if file is None:
                _remove_left(beside)
            else:
                _remove(file, beside)
            raise


def _take_after(descriptor: int, old: os.stat_result | None) -> None:
    """Give a new file the owner and the mode of the one that it will replace, as far as that is allowed."""
    if old is not None and _POSIX:
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, old.st_uid, old.st_gid)
        with contextlib.suppress(PermissionError):  # a file system without modes
            os.fchmod(descriptor, stat.S_IMODE(old.st_mode))


def _is_locked(descriptor: int) -> bool:
    """Lock a new file; False if another process has locked it to remove it."""
    if not _POSIX:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks, where nothing is ever removed as a leftover
        pass
    return True


def _remove_left(beside: str) -> bool:
    """Remove a temporary file unless it is locked by its writer, and tell whether it existed."""
    if not _POSIX:  # where a closed file may be one that is about to be moved to its path
        return False
    try:
        descriptor = os.open(beside, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_at(descriptor, beside):
            os.unlink(beside)
    os.close(descriptor)
    return True


def _remove(file: IO[bytes], beside: str) -> None:
    """Close and remove our temporary file, but not one of another process that has taken its name."""
    with contextlib.suppress(OSError):
        if _POSIX and _is_at(file.fileno(), beside):
            os.unlink(beside)
    with contextlib.suppress(OSError):  # the buffer cannot be flushed
        file.close()
    if not _POSIX:
        with contextlib.suppress(OSError):
            os.unlink(beside)


def _is_at(descriptor: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path, follow_symlinks=False))
    except FileNotFoundError:
        return False


def _sync(folder: str) -> None:
    """Flush a folder to the disk, where the system can, so that a new name in it survives a crash."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
