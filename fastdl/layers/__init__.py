"""Layers, alone or in a `fastdl.Sequential`."""

from __future__ import annotations

from typing import Any

from .activation import Activation
from .base import Layer
from .bidirectional import Bidirectional
from .convolution import Conv2D
from .dense import Dense
from .dropout import Dropout
from .embedding import Embedding
from .pooling import MaxPool2D, MeanPool2D
from .recurrent import GRU, LSTM, RNN
from .recursive import Recursive
from .shape import Flatten, RandomShift

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Activation",
    "Bidirectional",
    "Conv2D",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "Layer",
    "MaxPool2D",
    "MeanPool2D",
    "RandomShift",
    "Recursive",
    "from_config",
]

_CLASSES: dict[str, type[Layer]] = {
    c.__name__: c
    for c in (
        GRU, LSTM, RNN, Activation, Bidirectional, Conv2D, Dense, Dropout, Embedding, Flatten, MaxPool2D, MeanPool2D,
        RandomShift, Recursive,
    )
}  # fmt: skip


def from_config(config: dict[str, Any]) -> Layer:
    """Make a layer of what its `get_config` gave."""
    arguments = dict(config)
    name = arguments.pop("class", None)
    if name not in _CLASSES:
        raise ValueError(f"config must name a layer class of {', '.join(_CLASSES)}; received {name!r}")
    return _CLASSES[name]._from_arguments(arguments)
