"""Arrays of a model that lie in files beside it, as PyTorch's exporter leaves them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from ...._files import open_file
from .values import UnreadableError


def bring_in(model: Any, path: str, most: int) -> None:
    """Put the arrays that lie in other files into the model; ``most`` bytes may be there in all."""
    for array in _arrays_of(model):
        if array.data_location or array.external_data:
            array.raw_data = _bytes_of(array, os.path.dirname(path), most)
            most -= len(array.raw_data)
            array.ClearField("data_location")
            array.ClearField("external_data")


def _arrays_of(model: Any) -> Iterator[Any]:
    """Go through the model's arrays: weights, and constants of its operators."""
    yield from model.graph.initializer
    for node in model.graph.node:
        for attribute in node.attribute:
            yield attribute.t
            yield from attribute.tensors


def _bytes_of(array: Any, folder: str, most: int) -> bytes:
    told = {one.key: one.value for one in array.external_data}
    name = told.get("location", "")
    if name in ("", ".", "..") or name != os.path.basename(name) or "\\" in name or "\0" in name:
        raise UnreadableError(f"arrays outside it must be in files of the same folder; received {name!r}")
    try:
        with open_file(os.path.join(folder, name)) as file:
            size = os.fstat(file.fileno()).st_size
            start = int(told.get("offset", "0"))
            length = int(told.get("length", str(size - start)))
            if min(start, length) < 0 or start + length > size or length > most:
                raise ValueError(f"{array.name!r} is {length} bytes from {start} on, of {size}")
            file.seek(start)
            data: bytes = file.read(length)
    except FileNotFoundError:
        raise UnreadableError(f"its arrays are in {name}, which must be in the same folder") from None
    except (OSError, ValueError) as error:
        raise UnreadableError(f"its arrays are in {name}, which cannot be read; {error}") from None
    return data
