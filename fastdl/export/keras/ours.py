"""Descriptions of a network's layers, to be compared with those of a Keras model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
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

Words = tuple[Any, ...]  # a layer's kind and settings, except those that follow from shapes or matter only in training
Said = Iterator[Words]  # of one layer; an activation is described as a separate layer

_IN_TRAINING = (Dropout, GaussianNoise, RandomErasing, RandomFlip, RandomRotation, RandomShift)


def words_of_layers(layers: Iterable[Layer]) -> Said:
    """Describe layers, in their order."""
    for layer in layers:
        if isinstance(layer, Sequential):
            yield from words_of_layers(layer.layers)
        elif type(layer) in _WORDS:
            yield from _WORDS[type(layer)](layer)
        elif type(layer) not in _IN_TRAINING:
            yield type(layer).__name__, "which is none of Keras's"


def _activation(activation: Any) -> Said:
    name, setting = name_and_setting(activation)
    if name != "identity":
        yield ("activation", name, setting) if name in WITH_SETTING else ("activation", name)


def _cell(layer: Any) -> Words:
    words = type(layer).__name__, *states(layer.return_sequences, layer.stateful)
    if isinstance(layer, RNN):
        return (*words, *_activation(layer.activation))
    return (*words, f"reset_after={layer.reset_after}") if isinstance(layer, GRU) else words


def states(sequences: bool, stateful: bool) -> Words:
    """Describe the states that a recurrent layer gives, and their start."""
    return f"return_sequences={sequences}", f"stateful={stateful}"


def _convolution(layer: Any) -> Said:
    kernel, stride, dilation, padding = (
        (n,) if isinstance(n, int) else n for n in (layer.kernel_size, layer.stride, layer.dilation, layer.padding)
    )
    yield "convolution", kernel, stride, dilation, padded(padding, kernel, stride, dilation)
    yield from _activation(layer.activation)


def padded(padding: Any, kernel: Any, stride: Any, dilation: Any) -> Any:
    """Give how many zeros come before and after on each axis, if that does not depend on the size of the input."""
    spans = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    if padding == "causal":
        return tuple((n, 0) for n in spans)
    if padding == "same":
        return tuple((n // 2, n - n // 2) for n in spans) if set(stride) == {1} else padding
    return tuple((n, n) for n in padding)


def _transposed(layer: Any) -> Said:
    yield "transposed convolution", layer.kernel_size, layer.stride, layer.padding, layer.output_padding
    yield from _activation(layer.activation)


def _pool(kind: str) -> Callable[[Any], Said]:
    def said(layer: Any) -> Said:
        yield (kind, *((n,) if isinstance(n, int) else n for n in (layer.size, layer.stride)))

    return said


def _dense(layer: Any) -> Said:
    yield ("dense",)
    yield from _activation(layer.activation)


def one(*words: Any) -> Said:
    """Describe a layer that needs one description."""
    yield words


def _channels_last(shape: Words) -> Words:
    return (*shape[1:], shape[0]) if len(shape) == 3 else shape


_WORDS: dict[Any, Callable[[Any], Said]] = {
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


def text_of(words: Words) -> str:
    """Write a description as an error shows it."""
    return " ".join(map(str, words))
