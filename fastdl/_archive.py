"""A description and arrays in one .npz file, which NumPy can read too; only what is expected is decompressed."""

from __future__ import annotations

import json
import os
import struct
import zipfile
import zlib
from math import prod
from typing import IO, Any

import numpy as np

from ._types import Array

_CONFIG = "config"
LONGEST = 1 << 26  # bytes of a description: enough for a vocabulary of some millions of words
_NPY_START = struct.Struct("<8sH")  # of an .npy file: magic string and version, and the length of the header
_NPY_MAGIC = b"\x93NUMPY\x01\x00"
_MOST_COMPRESSED = 1032  # the largest ratio that deflate reaches
# A description of more than _SHORT bytes may be compressed no more than this: as Python's objects it is much larger.
_MOST_COMPRESSED_TEXT = 64
_SHORT = 1 << 20

# The exceptions that zipfile, json and our own checks raise on a damaged file.
DAMAGE = (
    ArithmeticError, EOFError, LookupError, OSError, RuntimeError, TypeError, ValueError, zipfile.BadZipFile,
    zlib.error,
)  # fmt: skip


def damage(error: Exception) -> str:
    """Say what is wrong with a file; the text of a KeyError is only the missing key."""
    return f"its description has no {error}" if isinstance(error, KeyError) else str(error)


def encode(config: dict[str, Any]) -> bytes:
    """Encode a description as JSON, unless it is too long."""
    try:
        text = json.dumps(config, default=_refuse).encode()
    except ValueError as error:  # a number of thousands of digits
        raise ValueError(f"notes must be plain data, as JSON has it; {error}") from None
    if len(text) > LONGEST:
        raise ValueError(f"notes must be short enough for a description of {LONGEST:,} bytes; it has {len(text):,}")
    return text


def _refuse(value: Any) -> None:
    raise TypeError(f"what layers are made of must be plain data to be saved, no code; received {value!r}")


def write(file: IO[bytes], text: bytes, arrays: dict[str, Array]) -> None:
    """Write an encoded description, and arrays."""
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in {_CONFIG: np.frombuffer(text, np.uint8), **arrays}.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, version=(1, 0), allow_pickle=False)


class Archive:
    """An open file: the names of its arrays, and what they and the description hold."""

    def __init__(self, file: IO[bytes]) -> None:
        self._zip = zipfile.ZipFile(file)
        self._members = {member.filename.removesuffix(".npy"): member for member in self._zip.infolist()}
        self.names = set(self._members) - {_CONFIG}
        there, parts = os.fstat(file.fileno()).st_size, sum(m.compress_size for m in self._zip.infolist())
        if parts > there:  # so some overlap, as in a zip bomb
            raise ValueError(f"its parts take {parts} bytes, which a file of {there} cannot hold")
        for name, member in self._members.items():
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError(f"{name} must be stored or deflated; it is of type {member.compress_type}")
            times = _MOST_COMPRESSED if member.compress_type == zipfile.ZIP_DEFLATED else 1
            if member.file_size > times * member.compress_size:
                raise ValueError(f"{name} takes {member.file_size} bytes, which {member.compress_size} cannot hold")

    def config(self) -> Any:
        """Return the description."""
        member = self._members.get(_CONFIG)
        if member is None or member.file_size > min(LONGEST, max(_SHORT, _MOST_COMPRESSED_TEXT * member.compress_size)):
            raise ValueError("it holds no description of one")
        return json.loads(self.array(_CONFIG, np.dtype(np.uint8), None).tobytes().decode())

    def array(self, name: str, dtype: np.dtype[Any], shape: tuple[int, ...] | None) -> Array:
        """Read an array, which must have this dtype and shape; None means one axis of any length."""
        size = self._members[name].file_size
        with self._zip.open(self._members[name]) as member:
            start = member.read(_NPY_START.size)
            magic, length = _NPY_START.unpack(start) if len(start) == _NPY_START.size else (start, 0)
            if magic != _NPY_MAGIC:
                raise ValueError(f"{name} must be an array in version 1.0 of its format")
            left = size - _NPY_START.size - length
            if shape is None:
                shape = (left // dtype.itemsize,)
            header = member.read(length).rstrip(b" \n")
            expected = f"{{'descr': '{dtype.str}', 'fortran_order': False, 'shape': {shape}, }}"
            if header != expected.encode() or left != prod(shape) * dtype.itemsize:
                raise ValueError(f"{name} must be {expected} in {left} bytes; it is {header[:200]!r}")
            data = member.read(left + 1)  # to its end, where zipfile checks the CRC
        if len(data) != left:
            raise ValueError(f"{name} must have {left} bytes; it has {len(data)}")
        return np.frombuffer(data, dtype).reshape(shape)
