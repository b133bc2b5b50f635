"""The IDX format of MNIST and its relatives: a magic number, the sizes of the axes, then the numbers, big-endian."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np

from .._files import as_path, open_file
from .._validation import Array, as_dtype

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_PIECE = 1 << 20  # bytes read at a time, so that memory grows with what is there and not with what a header claims
_MOST_AXES = 8

Split = tuple[Array, Array]


def load_idx(path: str | os.PathLike[str]) -> Array:
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
    import gzip  # here, as it costs importing fastdl some milliseconds

    name = as_path(path)
    with open_file(path) as file:
        compressed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        try:
            if compressed:
                return _parse(gzip.GzipFile(fileobj=file), name)  # type: ignore[arg-type]
            return _parse(file, name)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(f"{name} must be a whole gzip file; {error}") from error


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
    except ValueError as error:  # one size is zero, and the product of the others more than NumPy takes
        raise ValueError(f"{name} must hold an array that fits the memory; received shape {shape}") from error
    return array.astype(dtype.newbyteorder("="), copy=False)


def idx_folder(directory: str | os.PathLike[str], dtype: str = "float32") -> tuple[Split, Split]:
    """Read images and labels from a folder laid out as MNIST is.

    Parameters
    ----------
    directory : path-like
        Holds train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, each
        raw or with .gz after its name.
    dtype : {"float32", "float64"}
        Of the images.

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        Images (N, 1, H, W) in [0, 1], and int64 labels (N,).
    """
    dtype = as_dtype(dtype)
    folder = Path(as_path(directory, "directory"))
    if not folder.is_dir():
        raise ValueError(f"directory must be a folder of IDX files; received {str(folder)!r}")
    train, test = (_split(folder, part, dtype) for part in ("train", "t10k"))
    if train[0].shape[1:] != test[0].shape[1:]:
        raise ValueError(
            f"{folder} must hold images of one size; "
            f"received {train[0].shape[2:]} for training and {test[0].shape[2:]} for testing"
        )
    return train, test


def _split(directory: Path, part: str, dtype: str) -> Split:
    images_path, labels_path = (
        _find(directory, f"{part}-images-idx3-ubyte"),
        _find(directory, f"{part}-labels-idx1-ubyte"),
    )
    images, labels = load_idx(images_path), load_idx(labels_path)
    for path, array, axes in ((images_path, images, 3), (labels_path, labels, 1)):
        if array.dtype != np.uint8 or array.ndim != axes or not array.size:
            raise ValueError(
                f"{path} must hold unsigned bytes on {axes} axes; it holds {array.dtype} of shape {array.shape}"
            )
    if len(images) != len(labels):
        raise ValueError(
            f"{images_path} must hold as many images as there are labels, {len(labels)}; it holds {len(images)}"
        )
    x: Any = np.multiply(images[:, None], np.dtype(dtype).type(1 / 255), dtype=dtype)
    return x, labels.astype(np.int64)


def _find(directory: Path, name: str) -> Path:
    # Some distributions spell the last dash as a dot.
    for spelling in (name, name.replace("-idx", ".idx")):
        for suffix in ("", ".gz"):
            path = directory / (spelling + suffix)
            if path.is_file():
                return path
    raise ValueError(f"{directory} must hold {name} or {name}.gz; it holds neither")
