"""Layers, alone or in a `fastdl.Sequential`."""

from __future__ import annotations

from typing import Any

from .activation import Activation
from .base import Layer
from .convolution import Conv2D
from .dense import Dense
from .pooling import MaxPool2D, MeanPool2D
from .shape import Flatten, RandomShift

__all__ = [
    "Activation",
    "Conv2D",
    "Dense",
    "Flatten",
    "Layer",
    "MaxPool2D",
    "MeanPool2D",
    "RandomShift",
    "from_config",
]

_CLASSES = {c.__name__: c for c in (Activation, Conv2D, Dense, Flatten, MaxPool2D, MeanPool2D, RandomShift)}


def from_config(config: dict[str, Any]) -> Layer:
    """Make a layer of what its `get_config` gave."""
    arguments = dict(config)
    name = arguments.pop("class", None)
    if name not in _CLASSES:
        raise ValueError(f"config must name a layer class of {', '.join(_CLASSES)}; received {name!r}")
    return _CLASSES[name](**arguments)
