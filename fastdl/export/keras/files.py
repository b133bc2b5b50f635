"""Files of Keras 3, whose contents are checked before they are read.

A .weights.h5 file is an HDF5 file with a group for each layer; a .keras file is an archive of such a file and a
description of the model. Only arrays of the expected shape that are stored in the file itself, uncompressed, are read.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import IO, Any, NamedTuple

import numpy as np

from ..._archive import DAMAGE, LONGEST
from ..._extras import missing
from ..._files import as_path, open_file
from ..._types import Array

_HDF5, _ZIP = b"\x89HDF\r\n\x1a\n", b"PK\x03\x04"
_DESCRIPTION, _WEIGHTS = "config.json", "model.weights.h5"
_DEEPEST, _MOST_GROUPS = 16, 2_000
_SEEDS = "seed_generator"  # of random layers


class Model(NamedTuple):
    """The contents of a file: the group of its weights, and the description of the model, if there is one."""

    weights: Group
    config: dict[str, Any] | None


@contextmanager
def opened(path: Any) -> Iterator[Model]:
    """Open a file; anything wrong with it raises a ValueError that names it."""
    library = _library()
    with open_file(path) as file:
        try:
            held, config = _parts(file)
            with library.File(held, "r") as weights:
                yield Model(Group(weights, "", library), config)
        except DAMAGE as error:
            raise ValueError(f"{as_path(path)} must hold such weights as Keras 3 saves; {error}") from error


def _library() -> ModuleType:
    try:
        import h5py
    except ImportError:
        raise missing("A file of Keras's", "h5py", "keras") from None
    library: ModuleType = h5py
    return library


def _parts(file: IO[bytes]) -> tuple[IO[bytes], dict[str, Any] | None]:
    """Return the HDF5 file, which the file is or contains, and the description of the model."""
    start = file.read(len(_HDF5))
    file.seek(0)
    if start == _HDF5:
        return file, None
    if not start.startswith(_ZIP):
        raise ValueError("it is neither an HDF5 file nor an archive")
    with zipfile.ZipFile(file) as archive:
        size = os.fstat(file.fileno()).st_size
        config = json.loads(_member(archive, _DESCRIPTION, min(size, LONGEST)).decode())
        if not isinstance(config, dict):
            raise ValueError(f"its {_DESCRIPTION} must describe a model")
        return io.BytesIO(_member(archive, _WEIGHTS, size)), config


def _member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """Read a part of an archive. Keras stores parts uncompressed, so it is no larger than the file."""
    part = archive.getinfo(name)
    if part.compress_type != zipfile.ZIP_STORED or part.file_size > most:
        raise ValueError(f"its {name} must be stored, not compressed, in at most {most} bytes")
    with archive.open(part) as file:
        return file.read(part.file_size + 1)


class Group:
    """A group of an HDF5 file, with groups and arrays inside; none may be outside the file."""

    def __init__(self, group: Any, path: str, library: Any) -> None:
        self._group, self.path, self._library = group, path, library

    def __contains__(self, name: str) -> bool:
        return name in self._group.keys()  # noqa: SIM118

    def _named(self, name: str) -> str:
        return f"{self.path}/{name}" if self.path else name

    def _get(self, name: str) -> Any:
        if name not in self:
            raise ValueError(f"it has no {self._named(name)}")
        if not isinstance(self._group.get(name, getlink=True), self._library.HardLink):
            raise ValueError(f"{self._named(name)} must lie in the file; it is a link")
        return self._group[name]

    def group(self, *names: str) -> Group:
        """Return the group under a name, or under several names, one inside another."""
        if not names:
            return self
        found = self._get(names[0])
        if not isinstance(found, self._library.Group):
            raise ValueError(f"{self._named(names[0])} must be a group")
        return Group(found, self._named(names[0]), self._library).group(*names[1:])

    def size(self) -> int:
        """Count the groups and arrays in it."""
        return len(self._group)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of an array."""
        return tuple(self._array(name).shape)

    def array(self, name: str, shape: tuple[int, ...]) -> Array:
        """Read an array of this shape."""
        found = self._array(name)
        if found.shape != shape:
            raise ValueError(f"{self._named(name)} must have shape {shape}; it has {found.shape}")
        values: Array = np.empty(shape, found.dtype)
        found.read_direct(values)
        return values

    def _array(self, name: str) -> Any:
        found = self._get(name)
        if not isinstance(found, self._library.Dataset) or found.dtype.kind != "f" or not found.shape:
            raise ValueError(f"{self._named(name)} must be an array of floating-point numbers")
        if found.external or found.is_virtual or found.id.get_create_plist().get_nfilters():
            raise ValueError(f"{self._named(name)} must lie in the file as it is, neither packed nor elsewhere")
        if found.id.get_storage_size() != found.size * found.dtype.itemsize:
            raise ValueError(f"{self._named(name)} must lie in the file whole")
        return found

    def holders(self) -> set[str]:
        """Return the paths of all groups that hold arrays of layers, including this one."""
        found, count = set(), 0
        waiting: list[tuple[Group, int]] = [(self, 0)]
        while waiting:
            group, depth = waiting.pop()
            for name in group._group:
                if (count := count + 1) > _MOST_GROUPS or depth > _DEEPEST:
                    raise ValueError(f"{group.path} must not hold so many groups, or such deep ones")
                if isinstance(group._get(name), self._library.Dataset):
                    found.add(group.path)
                elif name != _SEEDS:
                    waiting.append((group.group(name), depth + 1))
        return found
