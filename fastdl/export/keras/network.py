"""Descriptions of a network's layers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..._core.kinds import WITH_SETTING
from ...layers import (
    GRU,
    LSTM,
    RNN,
    Activation,
    BatchNorm,
    Bidirectional,
    Conv1D,
    Conv2D,
    ConvTranspose2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GaussianNoise,
    GlobalMaxPool,
    GlobalMeanPool,
    Layer,
    LayerNorm,
    MaxPool1D,
    MaxPool2D,
    MeanPool1D,
    MeanPool2D,
    RandomErasing,
    RandomFlip,
    RandomRotation,
    RandomShift,
    Rescaling,
    Reshape,
    UpSample2D,
)
from ...layers.activation import name_and_setting
from ...sequential import Sequential
from .descriptions import Description, Descriptions, one, padded, states

_IN_TRAINING = (Dropout, GaussianNoise, RandomErasing, RandomFlip, RandomRotation, RandomShift)


def describe_layers(layers: Iterable[Layer]) -> Descriptions:
    """Describe layers, in their order."""
    for layer in layers:
        if isinstance(layer, Sequential):
            yield from describe_layers(layer.layers)
        elif type(layer) in _DESCRIBE:
            yield from _DESCRIBE[type(layer)](layer)
        elif type(layer) not in _IN_TRAINING:
            yield type(layer).__name__, "which is none of Keras's"


def _activation(activation: Any) -> Descriptions:
    name, setting = name_and_setting(activation)
    if name != "identity":
        yield ("activation", name, setting) if name in WITH_SETTING else ("activation", name)


def _cell(layer: Any) -> Description:
    description = type(layer).__name__, *states(layer.return_sequences, layer.stateful)
    if isinstance(layer, RNN):
        return (*description, *_activation(layer.activation))
    return (*description, f"reset_after={layer.reset_after}") if isinstance(layer, GRU) else description


def _convolution(layer: Any) -> Descriptions:
    kernel, stride, dilation, padding = (
        (n,) if isinstance(n, int) else n for n in (layer.kernel_size, layer.stride, layer.dilation, layer.padding)
    )
    yield "convolution", kernel, stride, dilation, padded(padding, kernel, stride, dilation)
    yield from _activation(layer.activation)


def _transposed(layer: Any) -> Descriptions:
    yield "transposed convolution", layer.kernel_size, layer.stride, layer.padding, layer.output_padding
    yield from _activation(layer.activation)


def _pool(kind: str) -> Callable[[Any], Descriptions]:
    def describe(layer: Any) -> Descriptions:
        yield (kind, *((n,) if isinstance(n, int) else n for n in (layer.size, layer.stride)))

    return describe


def _dense(layer: Any) -> Descriptions:
    yield ("dense",)
    yield from _activation(layer.activation)


def _channels_last(shape: Description) -> Description:
    return (*shape[1:], shape[0]) if len(shape) == 3 else shape


_DESCRIBE: dict[Any, Callable[[Any], Descriptions]] = {
    Dense: _dense,
    Conv1D: _convolution,
    Conv2D: _convolution,
    ConvTranspose2D: _transposed,
    Embedding: lambda layer: one("embedding"),
    RNN: lambda layer: one(*_cell(layer)),
    LSTM: lambda layer: one(*_cell(layer)),
    GRU: lambda layer: one(*_cell(layer)),
    Bidirectional: lambda layer: one("both directions", layer.merge, *_cell(layer.layer)),
    BatchNorm: lambda layer: one("batch normalization", layer.epsilon),
    LayerNorm: lambda layer: one(
        "layer normalization", layer.epsilon, (1, 2, 3) if len(layer.input_shape) == 3 else (len(layer.input_shape),)
    ),
    Activation: lambda layer: _activation(layer),
    MaxPool1D: _pool("max pool"),
    MaxPool2D: _pool("max pool"),
    MeanPool1D: _pool("mean pool"),
    MeanPool2D: _pool("mean pool"),
    GlobalMaxPool: lambda layer: one("global max pool"),
    GlobalMeanPool: lambda layer: one("global mean pool"),
    UpSample2D: lambda layer: one("upsampling", layer.size, layer.interpolation),
    Flatten: lambda layer: one("flatten"),
    Reshape: lambda layer: one("reshape", _channels_last(layer.output_shape)),
    Rescaling: lambda layer: one("rescaling", layer.scale, layer.offset),
}
