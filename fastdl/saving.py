"""One network in one .npz file: arrays and a description, nothing that runs."""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from . import layers
from ._validation import Array, as_dtype, as_shape

if TYPE_CHECKING:
    from .model import Sequential

_FORMAT = "fastdl network 1"
_LONGEST_CONFIG = 1 << 24
_TRAINING = "training"  # the array of an optimizer's state
_HEADER = 1 << 12  # more than the header of any array's file
# What zipfile, json and the checks below raise where the file is not what it should be.
_DAMAGE = (
    ArithmeticError, EOFError, LookupError, NotImplementedError, OSError, RecursionError, RuntimeError, TypeError,
    ValueError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


def save(net: Sequential, path: str | os.PathLike[str], training: bool = False) -> None:
    """Do what `Sequential.save` says."""
    import tempfile  # which takes a while, and is of no use to who only predicts

    path = os.path.realpath(path)
    if os.path.exists(path) and not os.path.isfile(path):
        raise ValueError(f"path must be that of a file; received {path}, which is something else")
    arrays = {name: np.ascontiguousarray(values) for name, values in net.params.items()}
    config = {"format": _FORMAT, **net.get_config(), "notes": net.notes}
    if training:
        if net._progress is None:
            raise ValueError("training must be False for a network that has not been trained; received True")
        config[_TRAINING] = {"steps": net._progress.steps, "generator": net._rng.bit_generator.state}
        arrays[_TRAINING] = net._progress.state
    text = json.dumps(config)
    directory, name = os.path.split(path)
    handle, beside = tempfile.mkstemp(prefix=f".{name}.", suffix=".tmp", dir=directory)
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, config=np.frombuffer(text.encode(), np.uint8), **arrays)  # type: ignore[arg-type]
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
    with open(path, "rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                return _read(archive)
        except _DAMAGE as error:
            raise ValueError(f"{os.fspath(path)} must be a network saved by fastdl; {error}") from error


def restore(config: dict[str, Any], arrays: dict[str, Array]) -> Sequential:
    """Make a network of what `Sequential.get_config` gave, with these parameters."""
    from .model import Progress, Sequential

    net = Sequential(
        [layers.from_config(c) for c in config["layers"]], input_shape=config["input_shape"], dtype=config["dtype"]
    )
    net.notes = dict(config.get("notes", {}))
    for name, values in net.params.items():
        values[...] = arrays[name]
    if _TRAINING in config:
        net._rng.bit_generator.state = config[_TRAINING]["generator"]
        net._progress = Progress(net, int(config[_TRAINING]["steps"]))
        net._progress.state[:] = arrays[_TRAINING]
    return net


def _read(archive: zipfile.ZipFile) -> Sequential:
    sizes = {member.filename.removesuffix(".npy"): member.file_size for member in archive.infolist()}
    if "config" not in sizes or sizes["config"] > _LONGEST_CONFIG:
        raise ValueError("it holds no description of one")
    config = json.loads(_array(archive, "config", np.dtype(np.uint8), None).tobytes())
    if not isinstance(config, dict) or config.get("format") != _FORMAT:
        raise ValueError(f"its format must be {_FORMAT!r}")
    # Shapes are worked out, and compared with what the file holds, before memory is taken for them.
    expected = _parameter_shapes(config)
    if _TRAINING in config:
        expected[_TRAINING] = (2 * sum(prod(shape) for shape in expected.values()),)
    if set(expected) != set(sizes) - {"config"}:
        raise ValueError(f"it must hold {', '.join(sorted(expected))}; it holds {', '.join(sorted(sizes))}")
    dtype = np.dtype(config["dtype"])
    arrays = {}
    for name, shape in expected.items():
        count = prod(shape) * dtype.itemsize
        if not count < sizes[name] <= count + _HEADER:
            raise ValueError(f"{name} must take {count} bytes and a header; it takes {sizes[name]}")
        arrays[name] = _array(archive, name, dtype, shape)
    return restore(config, arrays)


def _array(archive: zipfile.ZipFile, name: str, dtype: np.dtype[Any], shape: tuple[int, ...] | None) -> Array:
    """Read numbers of this type and shape, or of any one axis, and nothing else."""
    with archive.open(f"{name}.npy") as member:
        if np.lib.format.read_magic(member) != (1, 0):
            raise ValueError(f"{name} must be of version 1.0 of its format")
        stored_shape, fortran, stored = np.lib.format.read_array_header_1_0(member)
        if stored != dtype or fortran or stored_shape != (shape or stored_shape[:1]):
            raise ValueError(f"{name} must be {dtype} of shape {shape or '(N,)'}; it is {stored} of {stored_shape}")
        return np.frombuffer(member.read(), dtype).reshape(stored_shape)


def _parameter_shapes(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    shape, found = as_shape(config["input_shape"]), {}
    as_dtype(config["dtype"])
    for i, description in enumerate(config["layers"]):
        layer = layers.from_config(description)
        for name, stored in layer._parameter_shapes(shape).items():
            found[f"{i}.{name}"] = layer._public_shape(stored)
        shape = layer._output_shape(shape)
    return found
