"""Networks as .safetensors files: arrays under the names of a state dict, and a description of the network."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from math import prod
from types import ModuleType
from typing import Any, TypeVar, overload

from .. import saving
from .._archive import DAMAGE, LONGEST, damage
from .._extras import missing
from .._files import as_path, open_file, replacing
from .._validation.arrays import as_array
from .._validation.values import check_is
from ..layers import Layer
from ..sequential import Sequential
from .modules import COUNTER
from .state_dict import from_state_dict, to_state_dict

AnyLayer = TypeVar("AnyLayer", bound=Layer)
_DESCRIPTION = "fastdl"  # the only key of the file's metadata, as the order of several is not defined
_KNOWN = ("F64", "F32", "F16", "I64", "I32", "I16", "I8", "U8")  # types that NumPy has too


def to_safetensors(net: Sequential, path: str | os.PathLike[str]) -> None:
    """Write a network to one .safetensors file: its state dict, as of `to_state_dict`, and its description.

    PyTorch can read the arrays, ``model.load_state_dict(safetensors.torch.load_file(path))``, and `from_safetensors`
    the whole network. A temporary file is written first and then renamed, as by `Sequential.save`.

    Parameters
    ----------
    net : Sequential
        The network; the state of its training is not written.
    path : path-like

    Raises
    ------
    ValueError
        If a parameter is not finite.
    ImportError
        If the package safetensors is not installed.
    """
    check_is(net, "net", Sequential)
    net.check_built()
    library = _library()
    with net.turn.lock:
        text, _ = saving.packed(net)
        state = to_state_dict(net)
    for name, values in state.items():
        as_array(values, name)
    data = library.numpy.save(state, {_DESCRIPTION: text.decode()})
    with replacing(path) as file:
        file.write(data)


@overload
def from_safetensors(path: str | os.PathLike[str]) -> Sequential: ...


@overload
def from_safetensors(
    path: str | os.PathLike[str], *, net: AnyLayer, names: Iterable[str] | None = None
) -> AnyLayer: ...


def from_safetensors(
    path: str | os.PathLike[str], *, net: Layer | None = None, names: Iterable[str] | None = None
) -> Layer:
    """Read a network that `to_safetensors` wrote, or parameters that PyTorch's users saved.

    Parameters
    ----------
    path : path-like
    net : Sequential or Layer, optional
        An existing network to take the file's arrays, as by `from_state_dict`, whatever program wrote them. It is
        required if the file has no description of a network.
    names : iterable of str, optional
        With `net`: as for `from_state_dict`.

    Returns
    -------
    Sequential or Layer
        The given network, or a new one.

    Raises
    ------
    ValueError
        If the file is damaged, has no description and no network is given, or has arrays of other names or shapes. A
        given network is then as it was. Nothing in the file is ever run.
    ImportError
        If the package safetensors is not installed.
    """
    if net is not None:
        check_is(net, "net", Layer)
        net.check_built()
    elif names is not None:
        raise ValueError("names must be None without net: the file's own description says what its modules are called")
    library = _library()
    with open_file(path):
        pass  # checks that it is a regular file, which can be mapped
    try:
        with library.safe_open(as_path(path), "numpy") as file:
            shapes = {name: _shape(file, name) for name in file.keys()}  # noqa: SIM118
            made = _described(file.metadata() or {}, shapes) if net is None else net
            arrays = {name: file.get_tensor(name) for name in shapes}
    except (*DAMAGE, library.SafetensorError) as error:
        raise ValueError(f"{as_path(path)} must be a .safetensors file of a network; {damage(error)}") from error
    try:
        from_state_dict(made, arrays, names=names)
    except ValueError as error:
        raise ValueError(f"{as_path(path)} must be of the network; {error}") from None
    return made


def _library() -> ModuleType:
    try:
        import safetensors
        import safetensors.numpy
    except ImportError:
        raise missing("A .safetensors file", "safetensors", "safetensors") from None
    library: ModuleType = safetensors
    return library


def _shape(file: Any, name: str) -> tuple[int, ...]:
    """Return an array's shape, if it is one that NumPy has."""
    part = file.get_slice(name)
    if (kind := part.get_dtype()) not in _KNOWN:
        raise ValueError(f"{name} must be of {', '.join(_KNOWN)}; it is of {kind}: save it as float32")
    return tuple(part.get_shape())


def _described(metadata: dict[str, str], shapes: dict[str, tuple[int, ...]]) -> Sequential:
    """Make the network of a file's description, after checking that its size is that of the file's arrays."""
    text = metadata.get(_DESCRIPTION)
    if text is None or len(text) > LONGEST:
        raise ValueError("it does not say what network it is: give one with net=")
    config = json.loads(text)
    wanted = sum(prod(shape) for _, shape in saving.expected(config).values())
    found = sum(prod(shape) for name, shape in shapes.items() if not name.endswith(COUNTER))
    if wanted != found:
        raise ValueError(f"its description is of {wanted} numbers; it holds {found}")
    return saving.unfilled(config, saving.loss_of(config))
