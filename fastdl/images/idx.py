"""The IDX format of MNIST and its relatives: a magic number, the sizes of the axes, then the numbers, big-endian."""

from __future__ import annotations

import contextlib
import os
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from .._files import as_path, open_file
from .._types import Array
from .._validation.values import as_dtype

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_PIECE = 1 << 20  # bytes read at a time, so that memory grows with the file, whatever its header claims
_MOST_AXES = 8
_PARTS = {"train": "train", "t10k": "t10k|test"}  # MNIST's names of the parts, and more common ones

Split = tuple[Array, Array]


def read_idx(path: str | os.PathLike[str]) -> Array:
    """Read an IDX file, raw or gzipped.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    ndarray
        Of the file's shape and type, in native byte order.

    Raises
    ------
    ValueError
        If the file is empty, truncated or longer than its header says, of another format or type, or its compression
        is damaged. Memory stays within the smaller of what the header announces and what the file holds.
    """
    with unpacked(path) as file:
        return _parse(file, as_path(path))


@contextlib.contextmanager
def unpacked(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a file, raw or gzipped, for reading; if its compression is damaged, a ValueError names it."""
    import gzip  # here, as importing it takes some milliseconds

    with open_file(path) as file:
        compressed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        try:
            yield gzip.GzipFile(fileobj=file) if compressed else file  # type: ignore[misc]
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(f"{as_path(path)} must be a whole gzip file; {error}") from error


def _parse(file: IO[bytes], name: str) -> Array:
    magic = file.read(4)
    if len(magic) < 4:
        raise ValueError(f"{name} must begin with 4 bytes of magic number; it has {len(magic)} bytes")
    kind, axes = magic[2], magic[3]
    if magic[:2] != b"\0\0" or kind not in _TYPES or not 1 <= axes <= _MOST_AXES:
        raise ValueError(f"{name} must begin with the magic number of an IDX file; received 0x{magic.hex()}")
    header = file.read(4 * axes)
    if len(header) < 4 * axes:
        raise ValueError(f"{name} must hold {axes} axis sizes in {4 * axes} bytes; it has {len(header)}")
    shape = struct.unpack(f">{axes}I", header)
    dtype = np.dtype(_TYPES[kind])
    expected = dtype.itemsize
    for n in shape:
        expected *= n
    data = bytearray()
    while len(data) <= expected:
        piece = file.read(min(_PIECE, expected + 1 - len(data)))
        if not piece:
            break
        data += piece
    if len(data) != expected:
        actual = f"only {len(data)}" if len(data) < expected else "more"
        raise ValueError(f"{name} must hold {expected} bytes of data for shape {shape}; it holds {actual}")
    try:
        array = np.frombuffer(data, dtype).reshape(shape)
    except ValueError as error:  # one size is zero, and the product of the others too large for NumPy
        raise ValueError(f"{name} must hold an array that fits the memory; received shape {shape}") from error
    return array.astype(dtype.newbyteorder("="), copy=False)


def idx_folder(
    directory: str | os.PathLike[str], dtype: str = "float32", *, transpose: bool = False
) -> tuple[Split, Split]:
    """Read images and labels from a folder laid out as MNIST is.

    Parameters
    ----------
    directory : path-like
        Holds train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, each
        raw or with .gz after its name. The name of a data set may come first, as in
        emnist-letters-train-images-idx3-ubyte, and test may replace t10k.
    dtype : {"float32", "float64"}
        Of the images.
    transpose : bool
        Whether to swap rows and columns, as EMNIST's files need.

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        Images (N, C, H, W) in [0, 1], and int64 labels (N,) as in the files. Files of three axes hold grey images; in
        files of four axes, the channels are the shorter of the second and the last.
    """
    dtype = as_dtype(dtype)
    folder = Path(as_path(directory, "directory"))
    if not folder.is_dir():
        raise ValueError(f"directory must be a folder of IDX files; received {str(folder)!r}")
    train, test = (_split(folder, part, dtype, transpose) for part in _PARTS)
    if train[0].shape[1:] != test[0].shape[1:]:
        raise ValueError(
            f"{folder} must hold images of one size; "
            f"received {train[0].shape[1:]} for training and {test[0].shape[1:]} for testing"
        )
    return train, test


def _split(directory: Path, part: str, dtype: str, transpose: bool) -> Split:
    images_path, labels_path = _find(directory, part, "images", 3), _find(directory, part, "labels", 1)
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or not images.size:
        raise ValueError(
            f"{images_path} must hold unsigned bytes on 3 or 4 axes; it holds {images.dtype} of shape {images.shape}"
        )
    if labels.dtype.kind not in "iu" or labels.ndim != 1:
        raise ValueError(f"{labels_path} must hold integers on 1 axis; it holds {labels.dtype} of shape {labels.shape}")
    if len(images) != len(labels):
        raise ValueError(
            f"{images_path} must hold as many images as there are labels, {len(labels)}; it holds {len(images)}"
        )
    if images.ndim == 3:
        images = images[:, None]
    elif images.shape[1] == images.shape[3]:
        raise ValueError(f"{images_path} must hold fewer channels than rows and columns; its shape is {images.shape}")
    elif images.shape[1] > images.shape[3]:
        images = images.transpose(0, 3, 1, 2)
    if transpose:
        images = images.swapaxes(2, 3)
    x: Any = np.multiply(images, np.dtype(dtype).type(1 / 255), dtype=dtype, order="C")
    return x, labels.astype(np.int64)


def _find(directory: Path, part: str, content: str, axes: int) -> Path:
    pattern = re.compile(rf"(.+[-_.])?({_PARTS[part]})-{content}[-.]idx\d-\w+(\.gz)?")
    # Some distributions have a dot instead of the last dash. A raw file is preferred to one with .gz, a dash to a dot.
    found = {
        path.name.removesuffix(".gz").replace(".idx", "-idx"): path
        for path in sorted(directory.iterdir(), reverse=True)
        if pattern.fullmatch(path.name) and path.is_file()
    }
    if not found:
        name = f"{part}-{content}-idx{axes}-ubyte"
        raise ValueError(f"{directory} must hold {name} or {name}.gz; it holds neither")
    if len(found) > 1:
        names = ", ".join(sorted(path.name for path in found.values()))
        raise ValueError(f"{directory} must hold the four files of one data set; it holds {names}")
    (path,) = found.values()
    return path
