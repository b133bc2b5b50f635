"""One network in one .npz file: arrays and a description, nothing that runs."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from . import layers
from ._validation import Array, as_dtype, as_shape

if TYPE_CHECKING:
    from .model import Sequential

_FORMAT = "fastdl network 1"
_LONGEST_CONFIG = 1 << 20
_HEADER = 1 << 12  # more than the header of any array's file


def save(net: Sequential, path: str | os.PathLike[str]) -> None:
    """Do what `Sequential.save` says."""
    path = os.fspath(path)
    config = json.dumps({"format": _FORMAT, **net.get_config()})
    arrays = {name: np.ascontiguousarray(values) for name, values in net.params.items()}
    directory, name = os.path.split(os.path.abspath(path))
    handle, beside = tempfile.mkstemp(prefix=f".{name}.", suffix=".tmp", dir=directory)
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, config=np.frombuffer(config.encode(), np.uint8), **arrays)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(beside, 0o666 & ~umask)
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise


def load(path: str | os.PathLike[str]) -> Sequential:
    """Read a network that `Sequential.save` wrote.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Sequential

    Raises
    ------
    ValueError
        If the file is not such a network, whole and unaltered. Nothing in it is ever run.
    """
    try:
        with open(path, "rb") as file, zipfile.ZipFile(file) as archive:
            return _read(archive)
    except (
        ValueError, TypeError, KeyError, EOFError, RuntimeError, NotImplementedError, OverflowError, RecursionError,
        zipfile.BadZipFile, zlib.error,
    ) as error:  # fmt: skip
        raise ValueError(f"{os.fspath(path)} must be a network saved by fastdl; {error}") from error


def restore(config: dict[str, Any], arrays: dict[str, Array]) -> Sequential:
    """Make a network of what `Sequential.get_config` gave, with these parameters."""
    from .model import Sequential

    net = Sequential(
        [layers.from_config(c) for c in config["layers"]], input_shape=config["input_shape"], dtype=config["dtype"]
    )
    for name, values in net.params.items():
        values[...] = arrays[name]
    return net


def _read(archive: zipfile.ZipFile) -> Sequential:
    sizes = {member.filename.removesuffix(".npy"): member.file_size for member in archive.infolist()}
    if "config" not in sizes or sizes["config"] > _LONGEST_CONFIG:
        raise ValueError("it holds no description of one")
    config = json.loads(_array(archive, "config").tobytes())
    if not isinstance(config, dict) or config.get("format") != _FORMAT:
        raise ValueError(f"its format must be {_FORMAT!r}")
    # Shapes are worked out, and compared with what the file holds, before memory is taken for them.
    expected = _parameter_shapes(config)
    if set(expected) != set(sizes) - {"config"}:
        raise ValueError(f"it must hold {', '.join(sorted(expected))}; it holds {', '.join(sorted(sizes))}")
    item = np.dtype(config["dtype"]).itemsize
    arrays = {}
    for name, shape in expected.items():
        count = item
        for n in shape:
            count *= n
        if not count < sizes[name] <= count + _HEADER:
            raise ValueError(f"{name} must take {count} bytes and a header; it takes {sizes[name]}")
        arrays[name] = _array(archive, name)
        if arrays[name].shape != shape or arrays[name].dtype != config["dtype"]:
            raise ValueError(
                f"{name} must be {config['dtype']} of shape {shape}; it is {arrays[name].dtype} of {arrays[name].shape}"
            )
    return restore(config, arrays)


def _array(archive: zipfile.ZipFile, name: str) -> Array:
    with archive.open(f"{name}.npy") as member:
        array: Array = np.lib.format.read_array(member, allow_pickle=False)
        if member.read(1):
            raise ValueError(f"{name} is longer than its header says")
    return array


def _parameter_shapes(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    shape, found = as_shape(config["input_shape"]), {}
    as_dtype(config["dtype"])
    for i, description in enumerate(config["layers"]):
        layer = layers.from_config(description)
        for name, stored in layer._parameter_shapes(shape).items():
            found[f"{i}.{name}"] = layer._public_shape(stored)
        shape = layer._output_shape(shape)
    return found
