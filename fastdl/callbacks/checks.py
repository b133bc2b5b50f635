"""Checks of the callbacks given to `fit`, of their order and their files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._types import Array
from .base import Callback

if TYPE_CHECKING:
    from ..sequential import Sequential


def as_callbacks(callbacks: Any, figures: Sequence[str], shown: Sequence[Callback] = ()) -> list[Callback]:
    """Check callbacks, and that the figures they need are among these or may be added.

    Those that show the progress come after them, but before those of a higher place.
    """
    if not isinstance(callbacks, Iterable):
        raise TypeError(f"callbacks must be a list of callbacks; received {callbacks!r}")
    given = [*callbacks, *shown]
    for i, callback in enumerate(given):
        if not isinstance(callback, Callback):
            is_class = isinstance(callback, type) and issubclass(callback, Callback)
            hint = f", a class: make one, {callback.__name__}(...)" if is_class else ""
            raise TypeError(f"callbacks must hold instances of Callback; received {callback!r}{hint}")
        if any(callback is other for other in given[:i]):
            raise ValueError(f"callbacks must not hold the same one twice; received {callback!r}")
    files = [file for callback in given if (file := _file_of(callback)) is not None]
    if twice := [file for i, file in enumerate(files) if file in files[:i]]:
        raise ValueError(f"callbacks must write to different files; two of them write to {twice[0]}")
    given.sort(key=lambda callback: callback.place)
    for callback in given:
        if not type(callback).__module__.startswith("fastdl."):
            break  # it may add a figure
        for name, argument in callback.reads().items():
            if name not in (*figures, "epoch", "seconds"):
                wanted = name.startswith("val_") and not any(figure.startswith("val_") for figure in figures)
                needed = ", which needs validation_data, validation_split or an estimator's early_stopping"
                raise ValueError(
                    f"{argument} must be {'one' if argument == 'monitor' else 'made'} of {', '.join(figures)}; "
                    f"received {name!r}{needed if wanted else ''}"
                )
    return given


def check_files_differ(callbacks: Iterable[Any], networks: str) -> None:
    """Check that no two networks that train side by side, each with its callbacks, write to the same file."""
    writers: dict[str, int] = {}
    for number, given in enumerate(callbacks):
        for callback in given if isinstance(given, Iterable) else ():
            file = _file_of(callback)
            if file is not None and (first := writers.setdefault(file, number)) != number:
                raise ValueError(
                    f"callbacks must write to different files for different networks; those of {networks}[{first}] and "
                    f"{networks}[{number}] both write to {callback.path}"
                )


def _file_of(callback: Any) -> str | None:
    """Return the file or folder that a callback writes, if any; several may share a terminal or another device."""
    path = getattr(callback, "path", None)
    if not isinstance(callback, Callback) or not callback.writes or not isinstance(path, (str, os.PathLike)):
        return None
    file = os.path.realpath(os.fsdecode(path))
    return file if os.path.isfile(file) or os.path.isdir(file) or not os.path.exists(file) else None


def as_parameters(net: Sequential, values: Any) -> Array:
    """Check an array of parameters of the network, and copy it."""
    own = net.parameters
    if not isinstance(values, np.ndarray) or (values.shape, values.dtype) != (own.shape, own.dtype):
        raise ValueError(f"its parameters must be {own.size} numbers of {own.dtype}; received {values!r}")
    if not np.isfinite(values).all():
        raise ValueError("its parameters must be finite; received NaN or infinity")
    return values.copy()
