"""Conversion of the arrays of Keras's layers to ours.

Axes are moved, gates are reordered, and so are the weights of layers that read a flattened image, as Keras has channels
last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ..._types import Array, Shape
from ..._validation.arrays import check_variance
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
    Layer,
    LayerNorm,
    Rescaling,
    Reshape,
)
from ...sequential import Sequential
from .files import Group

Order = Any  # of a flattened image's numbers: the place in Keras of each of ours; None if it is the same
NextOf = Callable[..., tuple[str, Group]]

_MOST_NAMED = 20
_KEEP_ORDER = (Activation, Dropout, GaussianNoise, Rescaling)
_RECURRENT: dict[Any, str] = {RNN: "simple_rnn", LSTM: "lstm", GRU: "gru"}
_GATES: dict[Any, int] = {RNN: 1, LSTM: 4, GRU: 3}


class Filled(NamedTuple):
    """Numbers for a parameter or a buffer, and their source."""

    target: Array
    values: Array
    source: str


class Taken(NamedTuple):
    """One of a layer's arrays: our name, Keras's shape, and the conversion to ours."""

    name: str
    shape: Shape
    turned: Callable[[Array], Array]


Kinds = dict[str, list[Taken]]  # Keras's classes for a layer, the likelier first, and their arrays


def filled(net: Sequential, weights: Group) -> list[Filled]:
    """Return all arrays that a network takes from a file, whose arrays must all be used."""
    reader = _Reader()
    order = reader.chain(net.layers, weights, None)
    if order is not None:
        raise ValueError("the network must not end in a flattened image, whose numbers Keras has in another order")
    if more := sorted(weights.group("layers").holders() - reader.used):
        raise ValueError(f"it holds more than the network has: {', '.join(more[:_MOST_NAMED])}")
    return reader.filled


class _Reader:
    """Reads a network's layers and a file's groups side by side."""

    def __init__(self) -> None:
        self.filled: list[Filled] = []
        self.used: set[str] = set()

    def chain(self, layers: Sequence[Layer], model: Group, order: Order) -> Order:
        """Read the layers of a model; give the order of the last one's features."""
        groups, counts = model.group("layers"), Counter[str]()

        def next_of(*kinds: str) -> tuple[str, Group]:
            """Return the next layer of the first of these classes that has one: Keras numbers each class separately."""
            names = {kind: f"{kind}_{counts[kind]}" if counts[kind] else kind for kind in kinds}
            kind = next((kind for kind, name in names.items() if name in groups), kinds[-1])
            counts[kind] += 1
            return kind, groups.group(names[kind])

        for number, layer in enumerate(layers):
            try:
                order = self._layer(layer, next_of, order)
            except ValueError as error:
                raise ValueError(f"layers[{number}], {type(layer).__name__}: {error}") from None
        return order

    def _layer(self, layer: Layer, next_of: NextOf, order: Order) -> Order:
        if isinstance(layer, (Flatten, Reshape)):
            return _flattened(layer, order)
        if isinstance(layer, Sequential):
            return self.chain(layer.layers, next_of("sequential", "functional")[1], order)
        if type(layer) in _KEEP_ORDER:
            return order
        if order is not None and type(layer) not in (Dense, BatchNorm, LayerNorm):
            raise ValueError("it reads a flattened image, whose numbers Keras has in another order")
        if isinstance(layer, Bidirectional):
            _, group = next_of("bidirectional")
            self._recurrent(layer, layer.layer, group.group("forward_layer"), "")
            self._recurrent(layer, layer.layer, group.group("backward_layer"), "_reverse")
        elif type(layer) in _RECURRENT:
            self._recurrent(layer, layer, next_of(_RECURRENT[type(layer)])[1], "")
        elif type(layer) in _KINDS:
            kinds = _KINDS[type(layer)](layer)
            kind, group = next_of(*kinds)
            self._take(layer, group.group("vars"), kinds[kind], order)
        elif layer.parameter_count:
            raise ValueError("its weights are those of no layer of Keras's")
        return None if isinstance(layer, Dense) else order

    def _take(self, layer: Layer, group: Group, taken: list[Taken], order: Order) -> None:
        """Read a layer's arrays; a bias may be missing."""
        spare = int(not isinstance(layer, (BatchNorm, LayerNorm, Embedding)))
        found = self._arrays(group, [array.shape for array in taken], spare)
        for (name, _, turned), values in zip(taken, found, strict=True):
            if order is not None and not (isinstance(layer, Dense) and name == "bias"):
                values = values[order]
            check_variance(values, name, f"{group.path}: {name}")
            target = layer.buffers[name] if name in layer.buffer_names else layer.params[name]
            self.filled.append(Filled(target, turned(values), group.path))

    def _recurrent(self, layer: Layer, cell: Any, group: Group, suffix: str) -> None:
        """Read a direction's arrays; if Keras has one bias, our second one is zeros."""
        group = group.group("cell", "vars")
        inputs, columns = layer.input_shape[1], _GATES[type(cell)] * cell.units
        both = type(cell) is GRU and cell.reset_after
        shapes: list[Shape] = [(inputs, columns), (cell.units, columns), (2, columns) if both else (columns,)]
        kernel, recurrent, biases = self._arrays(group, shapes, spare=1)
        ih, hh = biases if both else (biases, np.zeros(columns))
        for name, values in (("weight_ih", kernel), ("weight_hh", recurrent), ("bias_ih", ih), ("bias_hh", hh)):
            target = layer.params[f"{name}{suffix}"]
            self.filled.append(Filled(target, _gates(cell, values).T, group.path))

    def _arrays(self, group: Group, shapes: list[Shape], spare: int) -> list[Array]:
        """Read arrays; missing ones at the end become zeros."""
        self.used.add(group.path)
        size, least = group.size(), len(shapes) - spare
        if not least <= size <= len(shapes):
            few = f"{least} or " if spare else ""
            raise ValueError(f"{group.path} must hold {few}{len(shapes)} arrays; it holds {size}")
        return [group.array(str(k), shape) if k < size else np.zeros(shape) for k, shape in enumerate(shapes)]


def _flattened(layer: Flatten | Reshape, order: Order) -> Order:
    """Return the order of features after a layer from images to vectors, or from vectors to images."""
    before, after = layer.input_shape, layer.output_shape
    if len(after) == 1 and len(before) == 3:
        channels, *size = before
        if channels == 1 or prod(size) == 1:
            return order
        return np.arange(prod(before)).reshape(*size, channels).transpose(2, 0, 1).ravel()
    images = [shape for shape in (before, after) if len(shape) == 3 and shape[0] > 1 and prod(shape[1:]) > 1]
    if images and before != after:
        raise ValueError(f"it makes {after} of {before}, and Keras other images, whose channels are last")
    if order is not None and len(after) != 1:
        raise ValueError("it reads a flattened image, whose numbers Keras has in another order")
    return order


def _gates(cell: Any, values: Array) -> Array:
    """Reorder the gates z, r, n of Keras's GRU as r, z, n; without reset_after, Keras's z is one minus ours."""
    if type(cell) is not GRU:
        return values
    z, r, n = np.split(values, 3, axis=-1)
    return np.concatenate([r, z if cell.reset_after else -z, n], axis=-1)


def _same(values: Array) -> Array:
    return values


def _bias(size: int) -> Taken:
    return Taken("bias", (size,), _same)


def _dense(layer: Any) -> Kinds:
    return {"dense": [Taken("weight", (layer.input_shape[-1], layer.units), np.transpose), _bias(layer.units)]}


def _conv1d(layer: Any) -> Kinds:
    return _convolution(layer, layer.input_shape[1], (layer.kernel_size,))


def _conv2d(layer: Any) -> Kinds:
    return _convolution(layer, layer.input_shape[0], layer.kernel_size)


def _convolution(layer: Any, channels: int, kernel: Shape) -> Kinds:
    """Convert kernels, with channels and filters last; depthwise kernels have the filters of each channel."""
    shape, rank = (*kernel, channels // layer.groups, layer.filters), f"{len(kernel)}d"

    def turned(values: Array) -> Array:
        return np.moveaxis(values.reshape(shape), (-1, -2), (0, 1))

    kinds = {f"conv{rank}": [Taken("weight", shape, turned), _bias(layer.filters)]}
    if not layer.groups == channels > 1:
        return kinds
    depthwise = Taken("weight", (*kernel, channels, layer.filters // channels), turned)
    return {f"depthwise_conv{rank}": [depthwise, _bias(layer.filters)], **kinds}


def _transposed(layer: Any) -> Kinds:
    shape = (*layer.kernel_size, layer.filters, layer.input_shape[0])

    def turned(values: Array) -> Array:
        return values.transpose(3, 2, 0, 1)

    return {"conv2d_transpose": [Taken("weight", shape, turned), _bias(layer.filters)]}


def _embedding(layer: Any) -> Kinds:
    return {"embedding": [Taken("weight", (layer.vocabulary, layer.dim), _same)]}


def _batch_norm(layer: Any) -> Kinds:
    shape = layer.buffers["running_var"].shape
    names = ("weight", "bias", "running_mean", "running_var")
    return {"batch_normalization": [Taken(name, shape, _same) for name in names]}


def _layer_norm(layer: Any) -> Kinds:
    shape = layer.params["weight"].shape

    def turned(values: Array) -> Array:
        return values if values.ndim == 1 else values.transpose(2, 0, 1)

    return {"layer_normalization": [Taken(name, (*shape[1:], shape[0]), turned) for name in ("weight", "bias")]}


_KINDS: dict[Any, Callable[[Any], Kinds]] = {
    Dense: _dense,
    Conv1D: _conv1d,
    Conv2D: _conv2d,
    ConvTranspose2D: _transposed,
    Embedding: _embedding,
    BatchNorm: _batch_norm,
    LayerNorm: _layer_norm,
}
