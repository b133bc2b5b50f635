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
from ._validation import Array, as_dtype, as_int, as_shape
from .layers.state import StateLayer

if TYPE_CHECKING:
    from .model import Sequential

_FORMAT = "fastdl network 1"
_LONGEST_CONFIG = 1 << 24
_PROGRESS, _STATES = "progress", "states"  # arrays besides the parameters: an optimizer's state, and stateful layers'
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
    if training and net._progress is None:
        raise ValueError("training must be False for a network that has not been trained; received True")
    config, arrays = describe(net, training)
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


def describe(net: Sequential, training: bool) -> tuple[dict[str, Any], dict[str, Array]]:
    """Give all that a network is, as plain data and arrays, and how far its training has come."""
    config: dict[str, Any] = {"format": _FORMAT, **net.get_config(), "loss": net._loss, "notes": net.notes}
    arrays = {name: np.array(values, order="C") for name, values in net.params.items()}
    if training:
        config["generator"] = net._rng.bit_generator.state
        if net._progress is not None:
            config[_PROGRESS] = {"optimizer": net._progress.optimizer, "steps": net._progress.steps}
            arrays[_PROGRESS] = net._progress.state.copy()
        if net._states is not None:
            config[_STATES] = len(net._states)
            arrays[_STATES] = net._states.copy()
    return config, arrays


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
    """Make a network of what `describe` gave."""
    from .losses import as_name
    from .model import Sequential
    from .training import Progress

    net = Sequential(
        [layers.from_config(c) for c in config["layers"]], input_shape=config["input_shape"], dtype=config["dtype"]
    )
    net._loss, net.notes = as_name(config["loss"]), dict(config["notes"])
    for name, values in net.params.items():
        values[...] = arrays[name]
    if "generator" in config:
        net._rng.bit_generator.state = config["generator"]
    if _PROGRESS in config:
        net._progress = Progress(net, str(config[_PROGRESS]["optimizer"]), int(config[_PROGRESS]["steps"]))
        net._progress.state[:] = arrays[_PROGRESS]
    if _STATES in config:
        net._states = arrays[_STATES].copy()
    return net


def _read(archive: zipfile.ZipFile) -> Sequential:
    sizes = {member.filename.removesuffix(".npy"): member.file_size for member in archive.infolist()}
    if "config" not in sizes or sizes["config"] > _LONGEST_CONFIG:
        raise ValueError("it holds no description of one")
    config = json.loads(_array(archive, "config", np.dtype(np.uint8), None).tobytes())
    if not isinstance(config, dict) or config.get("format") != _FORMAT:
        raise ValueError(f"its format must be {_FORMAT!r}")
    # Shapes are worked out, and compared with what the file holds, before memory is taken for them.
    expected, state_size = _shapes(config)
    if _PROGRESS in config:
        expected[_PROGRESS] = (2 * sum(prod(shape) for shape in expected.values()),)
    if _STATES in config:
        expected[_STATES] = (as_int(config[_STATES], _STATES), state_size)
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


def _shapes(config: dict[str, Any]) -> tuple[dict[str, tuple[int, ...]], int]:
    """Give those of the parameters, and how many numbers a sample's states have."""
    shape, found, states = as_shape(config["input_shape"]), {}, 0
    as_dtype(config["dtype"])
    for i, description in enumerate(config["layers"]):
        layer = layers.from_config(description)
        for name, stored in layer._parameter_shapes(shape).items():
            found[f"{i}.{name}"] = layer._public_shape(stored)
        states += layer._state_size if isinstance(layer, StateLayer) else 0
        shape = layer._output_shape(shape)
    return found, states
