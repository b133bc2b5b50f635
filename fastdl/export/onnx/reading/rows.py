"""Operators on rows of features: products with weights, tables of tokens, norms."""

from __future__ import annotations

import numpy as np

from ...._types import Array
from ....layers import BatchNorm, Dense, Embedding, GroupNorm, LayerNorm
from .inputs import Inputs, array_of, expect, numbers_of, optional
from .moves import Attributes
from .tensors import Tensors
from .values import Node, Numbers, Spec, UnreadableError, flag


def dense(t: Tensors, x: Numbers, weight: Array, bias: Array | None) -> Numbers:
    """Return a dense layer's rows."""
    if weight.ndim != 2 or x.places.shape[-1] != weight.shape[0]:
        raise UnreadableError(f"weights must be (inputs, units) for {x.places.shape}; received {weight.shape}")
    node, rows = t.rows(x)
    units = weight.shape[1]
    arrays = {"weight": weight.T, "bias": np.zeros(units, weight.dtype) if bias is None else vector(bias, units)}
    spec = Spec(Dense, {"units": units}, arrays)
    return t.of_rows(Node((*node.shape[:-1], units), spec, (node,)), rows)


def vector(values: Array, size: int) -> Array:
    """Return a bias for each unit."""
    if (values.size != 1 and values.shape[-1:] != (size,)) or values.size not in (1, size):
        raise UnreadableError(f"biases must be of {size} numbers; received {values.shape}")
    return np.broadcast_to(values.reshape(-1), (size,))


def gemm(t: Tensors, inputs: Inputs, attributes: Attributes, _: int) -> Numbers:
    """Return a dense layer with its bias."""
    expect(attributes, transA=0)
    x, weight, bias = numbers_of(inputs), array_of(inputs, 1), optional(inputs, 2)
    weight = (weight.T if flag(attributes, "transB", 0) else weight) * weight.dtype.type(attributes.get("alpha", 1.0))
    if bias is not None:
        bias = bias * bias.dtype.type(attributes.get("beta", 1.0))
    return dense(t, x, weight, bias)


def gather(t: Tensors, inputs: Inputs, attributes: Attributes, _: int) -> Numbers:
    """Embed tokens."""
    table, ids = array_of(inputs, 0), numbers_of(inputs, 1)
    expect(attributes, axis=0)
    if table.ndim != 2:
        raise UnreadableError(f"tables must be (tokens, features); received {table.shape}")
    if ids.places.ndim == 1:  # one token for each sample
        y = gather(t, [inputs[0], ids.moved(ids.places[:, None])], attributes, 1)
        return y.moved(y.places[:, 0])
    node = ids.node
    if len(node.shape) != 1 or not t.covers(ids) or not ids.is_plain:
        node = t.tensor(ids)
        ids = t.all_of(node)
    spec = Spec(Embedding, {"vocabulary": len(table), "dim": table.shape[1]}, {"weight": table})
    if len(node.shape) != 1:
        raise UnreadableError(f"tokens must be (N, T); received {node.shape}")
    return t.of_rows(Node((*node.shape, table.shape[1]), spec, (node,)), ids.places)


def layer_norm(t: Tensors, inputs: Inputs, attributes: Attributes, outputs: int) -> Numbers:
    """Normalize features, or whole images."""
    x, weight = numbers_of(inputs), array_of(inputs, 1)
    bias = optional(inputs, 2)
    axis, ndim = attributes.get("axis", -1), x.places.ndim
    arrays = {"weight": weight, "bias": np.zeros_like(weight) if bias is None else bias}
    if ndim == 3 and axis % ndim == 2 and weight.size == 1 < x.places.shape[2]:  # groups side by side
        groups = x.places.shape[1]
        return _normalized_groups(t, x, groups, weight.repeat(groups), arrays["bias"].repeat(groups), attributes)
    spec = Spec(LayerNorm, {"epsilon": attributes.get("epsilon", 1e-5)}, arrays)
    if axis % ndim == ndim - 1:
        node, rows = t.rows(x)
        return t.of_rows(Node(node.shape, spec, (node,)), rows)
    node = t.tensor(x)
    if axis % ndim != 1 or len(node.shape) != 3:
        raise UnreadableError(f"axis must be that of features, or of an image's channels; received {axis}")
    return t.all_of(Node(node.shape, spec, (node,)))


def instance_norm(t: Tensors, inputs: Inputs, attributes: Attributes, outputs: int) -> Numbers:
    """Normalize each channel, or each group of channels where they are side by side along one axis."""
    x = numbers_of(inputs)
    return _normalized_groups(t, x, x.places.shape[1], array_of(inputs, 1), array_of(inputs, 2), attributes)


def group_norm(t: Tensors, inputs: Inputs, attributes: Attributes, outputs: int) -> Numbers:
    """Normalize groups of channels."""
    groups = attributes["num_groups"]
    return _normalized_groups(t, numbers_of(inputs), groups, array_of(inputs, 1), array_of(inputs, 2), attributes)


def _normalized_groups(
    t: Tensors, x: Numbers, groups: int, weight: Array, bias: Array, attributes: Attributes
) -> Numbers:
    x = t.plain(x)
    if not t.covers(x):
        x = t.all_of(t.tensor(x))
    node, shape = x.node, x.places.shape
    features = node.features
    channels = x.places % node.size // (node.size // features) if len(node.shape) == 3 else x.places % features
    of_groups = channels.reshape(shape[0], groups, -1) // max(features // groups, 1)
    if features % groups or (of_groups != np.arange(groups)[:, None]).any():
        raise UnreadableError(f"what is normalized must be channels, or groups of them; received {shape}")
    arrays = {"weight": weight, "bias": bias}
    if len(weight) == groups:
        arrays = {name: values.repeat(features // groups) for name, values in arrays.items()}
    settings = {"groups": groups, "epsilon": attributes.get("epsilon", 1e-5)}
    return Numbers(Node(node.shape, Spec(GroupNorm, settings, arrays), (node,)), x.places)


def batch_norm(t: Tensors, inputs: Inputs, attributes: Attributes, outputs: int) -> Numbers:
    """Normalize with running statistics."""
    expect(attributes, training_mode=0)
    names = "weight", "bias", "running_mean", "running_var"
    arrays = {name: array_of(inputs, k) for k, name in enumerate(names, 1)}
    x = numbers_of(inputs)
    spec = Spec(BatchNorm, {"epsilon": attributes.get("epsilon", 1e-5)}, arrays)
    if x.places.ndim == 2:
        node = t.tensor(x)
        return t.all_of(Node(node.shape, spec, (node,)))
    node, around = t.images(x)
    if any(map(any, around)):
        raise UnreadableError("what is normalized must have no zeros around it")
    return t.of_images(Node(node.shape, spec, (node,)))
