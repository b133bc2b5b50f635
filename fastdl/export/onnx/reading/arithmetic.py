"""Sums and products: of branches, with one number, and with one for each feature or step."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt

import numpy as np

from ...._types import Array
from ....layers import BatchNorm, Conv1D, Conv2D, ConvTranspose2D, Dense, GroupNorm, PositionalEmbedding
from .attention import NEVER, masked
from .inputs import Inputs, array_of, numbers_of
from .moves import Attributes, concatenated
from .tables import robust_scaled, spread
from .tensors import Tensors, one_behind_another
from .values import Constant, Node, Numbers, Scores, Spec, UnreadableError, Value, is_close, shortest

_BIASED = (Dense, Conv1D, Conv2D, ConvTranspose2D)


def mul(t: Tensors, inputs: Inputs, attributes: Attributes, _: int) -> Value:
    """Multiply numbers by numbers, or by a constant."""
    a, b = inputs
    if isinstance(a, Constant):
        a, b = b, a
    if isinstance(a, Numbers) and isinstance(b, Numbers):
        return _product(t, a, b)
    if not isinstance(b, Constant) or not isinstance(a, (Numbers, Scores)):
        raise UnreadableError("products must be of numbers, or with constants")
    return _multiplied(t, a, b.values)


def div(t: Tensors, inputs: Inputs, attributes: Attributes, _: int) -> Value:
    """Divide by a constant, or as a RobustScaling does."""
    if all(isinstance(value, Numbers) for value in inputs):
        return robust_scaled(numbers_of(inputs), numbers_of(inputs, 1))
    a, by = inputs[0], array_of(inputs, 1)
    if not isinstance(a, (Numbers, Scores)) or not by.all() or by.dtype.kind != "f":
        raise UnreadableError("quotients must be of numbers and constants")
    return _multiplied(t, a, 1 / by)


def add(t: Tensors, inputs: Inputs, attributes: Attributes, _: int) -> Value:
    """Add numbers, or a constant."""
    a, b = inputs
    if isinstance(a, Constant):
        a, b = b, a
    if isinstance(a, Scores) and isinstance(b, Constant):
        if not ((b.values == 0) | (b.values < NEVER)).all():
            raise UnreadableError("scores must be masked by what is far below them")
        return masked(a, b.values == 0)
    if isinstance(a, Numbers) and isinstance(b, Numbers):
        return _merged(t, "sum", a, b)
    if not isinstance(b, Constant) or not isinstance(a, Numbers):
        raise UnreadableError("sums must be of numbers, or with constants")
    return _added(t, a, b)


def sub(t: Tensors, inputs: Inputs, attributes: Attributes, _: int) -> Value:
    """Subtract numbers or a constant."""
    a, b = inputs
    if isinstance(a, Numbers) and isinstance(b, Constant):
        return _added(t, a, Constant(-b.values))
    if isinstance(a, Constant) and isinstance(b, Numbers):
        return _added(t, replace(b, scale=-b.scale, offset=-b.offset), a)
    if isinstance(a, Numbers) and isinstance(b, Numbers):
        return _merged(t, "sum", a, replace(b, scale=-b.scale, offset=-b.offset))
    raise UnreadableError("differences must be of numbers, or with constants")


def neg(t: Tensors, inputs: Inputs, attributes: Attributes, _: int) -> Numbers:
    """Change the sign."""
    x = numbers_of(inputs)
    return replace(x, scale=-x.scale, offset=-x.offset)


def _product(t: Tensors, a: Numbers, b: Numbers) -> Numbers:
    """Multiply; products that make up activations are recognised."""
    for x, gate in ((a, b), (b, a)):
        if gate.node.sources[:1] == (x.node,) and np.array_equal(gate.places, x.places):
            if gate.node.does == "Erf" and is_close(gate.scale, gate.offset):
                of = gate.node.facts["of"]
                scale, offset = (1.0 if is_close(n * sqrt(2), 1) else n * sqrt(2) for n in (of.scale, of.offset))
                times = x.scale / scale if scale else 0.0
                if times and is_close(offset * times, x.offset):
                    y = t.activated(replace(x, scale=scale, offset=offset), "gelu")
                    return replace(y, scale=2 * times * gate.scale)
            gated = {"sigmoid": "silu", "hard_sigmoid": "hard_silu"}.get(gate.node.activation or "")
            if gated and gate.is_plain and x.is_plain:
                return t.activated(x, gated)
    return _merged(t, "product", a, b)


def _merged(t: Tensors, how: str, a: Numbers, b: Numbers) -> Numbers:
    a, b = t.plain(a), t.plain(b)
    if a.node.shape == b.node.shape and np.array_equal(a.places, b.places) and t.covers(a):
        return Numbers(Node(a.node.shape, how, (a.node, b.node)), a.places)
    a, b = sorted((a, b), key=lambda x: (x.places.size, t.covers(x)), reverse=True)
    if not t.covers(a):
        a = t.all_of(t.tensor(a))
    return Numbers(Node(a.node.shape, how, (a.node, _repeated(t, b, a))), a.places)


def _repeated(t: Tensors, b: Numbers, a: Numbers) -> Node:
    """Return a node that merges with a's node as these numbers do with all of its numbers."""
    shape = a.places.shape
    if np.broadcast_shapes(shape, b.places.shape) != shape:
        raise UnreadableError(
            f"what is merged must be of one shape, or repeated; received {shape} and {b.places.shape}"
        )
    beside = np.empty(a.places.size, b.places.dtype)
    beside[a.places.reshape(-1)] = np.broadcast_to(b.places, shape).reshape(-1)
    beside = beside.reshape(t.samples, *a.node.shape)
    of_images = beside.ndim == 4
    row = beside[:, :, 0, 0] if of_images else beside.reshape(t.samples, -1, a.node.features)[:, 0]
    if (beside == (row[:, :, None, None] if of_images else row.reshape(t.samples, *[1] * (beside.ndim - 2), -1))).all():
        beside = row
    one = beside[:, :1] if of_images and beside.ndim == 4 else beside[..., :1]
    return t.tensor(b.moved(one if (beside == one).all() else beside))


def concat(t: Tensors, inputs: Inputs, attributes: Attributes, _: int) -> Numbers:
    """Concatenate numbers of one tensor, or features or channels of several."""
    values = [numbers_of(inputs, k) for k in range(len(inputs))]
    axis, ndim = attributes["axis"], values[0].places.ndim
    if all(x.node is values[0].node and (x.scale, x.offset) == (values[0].scale, values[0].offset) for x in values):
        return values[0].moved(concatenated(attributes, [x.places for x in values]))
    if axis % ndim == 0:
        return one_behind_another(t, values)
    turned = ndim == 3 and axis % ndim == 1
    if turned:
        values = [x.moved(x.places.transpose(0, 2, 1)) for x in values]
    elif axis % ndim != (1 if ndim == 4 else ndim - 1):
        raise UnreadableError(f"what is concatenated must be features or channels; received axis {axis}")
    nodes = [t.tensor(x) for x in values]
    features, first = sum(node.features for node in nodes), nodes[0].shape
    shape = (features, *first[1:]) if len(first) == 3 else (*first[:-1], features)
    y = t.all_of(Node(shape, "concat", tuple(nodes)))
    return y.moved(y.places.transpose(0, 2, 1)) if turned else y


def _multiplied(t: Tensors, a: Numbers | Scores, values: Array) -> Numbers | Scores:
    if isinstance(a, Numbers) and values.size > 1:
        a = spread(t, a, values)
    if values.size and (values == values.flat[0]).all():
        factor = shortest(values.flat[0])
        if isinstance(a, Scores):
            return replace(a, scale=a.scale * factor)
        _check_shape(a, values)
        return replace(a, scale=a.scale * factor, offset=a.offset * factor)
    if isinstance(a, Scores):
        raise UnreadableError("scores must be scaled by one number")
    return _of_features(t, t.plain(a), values, "weight")


def _added(t: Tensors, a: Numbers, term: Constant) -> Numbers:
    values = term.values
    _check_shape(a, values)
    is_bias = a.is_plain and a.node.is_a(*_BIASED) and (values.size > 1 or a.node.features == 1)
    if values.size and (values == values.flat[0]).all() and not is_bias:
        if a.places.min(initial=0) < 0:
            raise UnreadableError("zeros around what is read must stay zeros")
        return replace(a, offset=a.offset + shortest(values.flat[0]))
    return _of_features(t, t.plain(a), values, "bias", term.whole)


def _check_shape(a: Numbers, values: Array) -> None:
    if np.broadcast_shapes(a.places.shape, values.shape) != a.places.shape:
        raise UnreadableError(f"constants must be of shapes within {a.places.shape}; received {values.shape}")


def _of_features(t: Tensors, a: Numbers, values: Array, role: str, whole: Array | None = None) -> Numbers:
    """Add or multiply by a constant for each feature, or add one for each step."""
    if not t.covers(a):
        a = t.all_of(t.tensor(a))
    node, beside = a.node, t.in_order(values, a)
    channels = np.moveaxis(beside, 0, -1) if len(node.shape) == 3 else beside
    vector = channels.reshape(-1, node.features)
    spec = node.spec
    if (vector == vector[0]).all():
        is_alone = len(node.sources) == 1 and "shared" not in node.facts
        if role == "bias" and spec and spec.kind in _BIASED and is_alone:
            arrays = {**spec.arrays, "bias": spec.arrays["bias"] + vector[0]}
            return replace(a, node=replace(node, does=Spec(spec.kind, spec.arguments, arrays)))
        if spec and spec.kind is GroupNorm and is_alone:
            names = {"weight": ("weight", "bias"), "bias": ("bias",)}[role]
            by = np.multiply if role == "weight" else np.add
            arrays = {**spec.arrays, **{name: by(spec.arrays[name], vector[0]) for name in names}}
            return replace(a, node=replace(node, does=Spec(spec.kind, spec.arguments, arrays)))
        zeros, ones = np.zeros_like(vector[0]), np.ones_like(vector[0])
        arrays = {"weight": ones, "bias": zeros, "running_mean": zeros, "running_var": ones, role: vector[0]}
        facts = {"scales": (arrays["weight"], arrays["bias"])}
        return replace(a, node=Node(node.shape, Spec(BatchNorm, {"epsilon": 1e-12}, arrays), (node,), facts))
    if role == "bias" and len(node.shape) == 2:
        table = beside
        if whole is not None and whole.ndim >= 2:
            rows = whole.reshape(-1, whole.shape[-1])
            table = rows if np.array_equal(rows[: len(beside)], beside) else beside
        placed = Node(node.shape, Spec(PositionalEmbedding, {"steps": len(table)}, {"weight": table}), (node,))
        return replace(a, node=placed)
    if role == "bias" and a.places.ndim == 3 and len(node.shape) != 2:  # steps that were an image
        return _of_features(t, t.all_of(t.tensor(a)), values, role, whole)
    raise UnreadableError(f"constants must be one for each feature, or added to steps; received {values.shape}")
