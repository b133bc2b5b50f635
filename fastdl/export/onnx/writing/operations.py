"""Each kind of operation as ONNX operators, for inference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import pi, sqrt

import numpy as np

from ...._core.kinds import RANDOM
from ...._core.operation import Fields
from .activations import FUNCTIONS
from .recurrent import recurrent
from .writer import Value, Weights, Writer

_FAR = 1e15  # beyond which robust_scale gives its limit, to rounding

Function = Callable[[Writer, Sequence[Value], Fields, Weights], Value]


def _passed(w: Writer, read: Sequence[Value], operation: Fields, weights: Weights) -> Value:
    return read[0]


def _dense(w: Writer, read: Sequence[Value], operation: Fields, weights: Weights) -> Value:
    x, weight, bias = read[0], weights[0], w.parameter("bias", weights[1])
    if len(x.shape) == 1:
        y = w.node("Gemm", w.rows(x), w.parameter("weight", weight.T), bias, transB=1)
    else:
        y = w.node("Add", w.node("MatMul", w.rows(x), w.parameter("weight", weight)), bias)
    return Value(y, operation["output_shape"])


def _convolution(w: Writer, read: Sequence[Value], operation: Fields, weights: Weights) -> Value:
    x, kernel, (weight, bias), axes = read[0], operation["kernel"], weights, _axes(read[0])
    weight = np.moveaxis(weight, (-1, -2), (0, 1))
    befores, afters = zip(*x.padding or ((0, 0), (0, 0)), strict=True)
    y = w.node(
        "Conv", w.channels_first(x._replace(padding=None)), w.parameter("weight", weight), w.parameter("bias", bias),
        kernel_shape=kernel[axes], strides=operation["stride"][axes], dilations=operation["dilation"][axes],
        group=operation["groups"], pads=befores[axes] + afters[axes],
    )  # fmt: skip
    return Value(y, operation["output_shape"], features_first=len(x.shape) == 2)


def _axes(x: Value) -> slice:
    """Return the axes of a window: sequences have only the second."""
    return slice(3 - len(x.shape), 2)


def _transposed_convolution(w: Writer, read: Sequence[Value], operation: Fields, weights: Weights) -> Value:
    weight, bias = weights[0].transpose(3, 2, 0, 1), weights[1]
    y = w.node(
        "ConvTranspose", w.rows(read[0]), w.parameter("weight", weight), w.parameter("bias", bias),
        kernel_shape=operation["kernel"], strides=operation["stride"], pads=2 * operation["padding"],
        output_padding=operation["extra"],
    )  # fmt: skip
    return Value(y, operation["output_shape"])


def _pool(kind: str) -> Function:
    def pool(w: Writer, read: Sequence[Value], operation: Fields, weights: Weights) -> Value:
        x = read[0]
        window = {"kernel_shape": operation["kernel"][_axes(x)], "strides": operation["stride"][_axes(x)]}
        y = w.node(kind, w.channels_first(x), **window)
        return Value(y, operation["output_shape"], features_first=len(x.shape) == 2)

    return pool


def _global_max(w: Writer, read: Sequence[Value], operation: Fields, weights: Weights) -> Value:
    x = read[0]
    rows = w.cleared(x, w.rows(x), -np.inf)
    return Value(w.node("ReduceMax", rows, axes=_pooled(x), keepdims=0), operation["output_shape"])


def _global_mean(w: Writer, read: Sequence[Value], operation: Fields, weights: Weights) -> Value:
    x = read[0]
    if w.lengths is None or len(x.shape) == 3:
        y = w.node("ReduceMean", w.rows(x), axes=_pooled(x), keepdims=0)
    else:
        total = w.node("ReduceSum", w.cleared(x, w.rows(x)), w.integers(1), keepdims=0)
        count = w.node("Cast", w.node("Unsqueeze", w.lengths, w.integers(1)), to=w.type)
        y = w.node("Div", total, count)
    return Value(y, operation["output_shape"])


def _pooled(x: Value) -> list[int]:
    return [2, 3] if len(x.shape) == 3 else [1]


def _flatten(w: Writer, read: Sequence[Value], operation: Fields, weights: Weights) -> Value:
    x = read[0]
    y = w.rows(x) if len(x.shape) == 1 else w.node("Flatten", w.cleared(x, w.rows(x)))
    return Value(y, operation["output_shape"])


def _reshape(w: Writer, read: Sequence[Value], operation: Fields, weights: Weights) -> Value:
    return Value(w.reshaped(w.rows(read[0]), 0, *operation["shape"]), operation["output_shape"])


def _activation(w: Writer, read: Sequence[Value], operation: Fields, weights: Weights) -> Value:
    x, name = read[0], operation["activation"]
    if name == "softmax":
        x = Value(w.rows(x), x.shape)
    y = FUNCTIONS[name](w, w.as_it_lies(x), operation["setting"])
    return Value(y, operation["output_shape"], x.features_first)


def _pad(w: Writer, read: Sequence[Value], operation: Fields, weights: Weights) -> Value:
    x = read[0]
    if w.lengths is not None and len(x.shape) == 2:
        x = Value(w.cleared(x, w.rows(x)), x.shape)
    name = w.as_it_lies(x)
    return Value(name, operation["output_shape"], x.features_first, operation["padding"])


def _embedding(w: Writer, read: Sequence[Value], operation: Fields, weights: Weights) -> Value:
    ids, (table,) = w.rows(read[0]), weights
    if ids != w.tokens:
        ids = w.node("Cast", ids, to=w.onnx.TensorProto.INT64)
    return Value(w.node("Gather", w.parameter("weight", table), ids), operation["output_shape"])


def _select(w: Writer, read: Sequence[Value], operation: Fields, weights: Weights) -> Value:
    x = read[0]
    axis = len(x.shape) if len(x.shape) < 3 else 1
    y = w.node("Gather", w.rows(x), w.constant(operation["indices"].astype(np.int64)), axis=axis)
    return Value(y, operation["output_shape"])


def _upsample(w: Writer, read: Sequence[Value], operation: Fields, weights: Weights) -> Value:
    scales = w.constant(np.array([1, 1, *operation["size"]], np.float32))
    how = (
        {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
        if operation["bilinear"]
        else {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    )
    return Value(w.node("Resize", w.rows(read[0]), "", scales, **how), operation["output_shape"])


def _rescale(w: Writer, read: Sequence[Value], operation: Fields, weights: Weights) -> Value:
    x = read[0]
    y = w.plus(w.times(w.as_it_lies(x), operation["scale"]), operation["added"])
    return Value(y, operation["output_shape"], x.features_first)


def _layer_norm(w: Writer, read: Sequence[Value], operation: Fields, weights: Weights) -> Value:
    x = read[0]
    weight, bias = (stored.transpose(2, 0, 1) if len(x.shape) == 3 else stored for stored in weights)
    y = w.node(
        "LayerNormalization", w.rows(x), w.parameter("weight", weight), w.parameter("bias", bias),
        axis=1 if len(x.shape) == 3 else -1, epsilon=operation["epsilon"],
    )  # fmt: skip
    return Value(y, operation["output_shape"])


def _group_norm(w: Writer, read: Sequence[Value], operation: Fields, weights: Weights) -> Value:
    x, groups, epsilon = read[0], operation["groups"], operation["epsilon"]
    of_steps = len(x.shape) == 2
    if of_steps and w.lengths:
        y = _groups_of_counted_steps(w, x, w.lengths, groups, epsilon)
    else:
        parted = w.reshaped(w.channels_first(x), 0, groups, -1)
        if w.dtype == np.float32:
            ones, zeros = w.parameter("scale", np.ones(groups)), w.parameter("shift", np.zeros(groups))
            y = w.node("InstanceNormalization", parted, ones, zeros, epsilon=epsilon)
        else:  # ONNX Runtime has none of float64
            y = w.node("LayerNormalization", parted, w.parameter("scale", np.ones(1)), axis=-1, epsilon=epsilon)
        y = w.reshaped(y, 0, *((x.shape[1], -1) if of_steps else x.shape))
    features_first = of_steps and not w.lengths
    after = 2 if len(x.shape) == 3 else int(features_first)  # axes behind the features
    weight, bias = (stored.reshape(-1, *[1] * after) for stored in weights)
    y = w.node("Add", w.node("Mul", y, w.parameter("weight", weight)), w.parameter("bias", bias))
    return Value(y, operation["output_shape"], features_first)


def _groups_of_counted_steps(w: Writer, x: Value, lengths: str, groups: int, epsilon: float) -> str:
    """Normalize the groups of rows (N, T, F), by the steps that count."""
    features = x.shape[1]

    def mean(rows: str) -> str:
        parted = w.reshaped(w.cleared(x, rows), 0, 0, groups, -1)
        count = w.node("Cast", w.node("Unsqueeze", lengths, w.integers(1, 2, 3)), to=w.type)
        total = w.node("ReduceSum", parted, w.integers(1, 3))
        return w.node("Div", total, w.times(count, features // groups))

    rows = w.rows(x)
    apart = w.node("Sub", w.reshaped(rows, 0, 0, groups, -1), mean(rows))
    of_rows = w.reshaped(apart, 0, 0, features)
    deviation = w.node("Sqrt", w.plus(mean(w.node("Mul", of_rows, of_rows)), epsilon))
    return w.reshaped(w.node("Div", apart, deviation), 0, 0, features)


def _batch_norm(w: Writer, read: Sequence[Value], operation: Fields, weights: Weights) -> Value:
    x, roles = read[0], ("weight", "bias", "running_mean", "running_var")
    parameters = map(w.parameter, roles, weights)
    y = w.node("BatchNormalization", w.channels_first(x), *parameters, epsilon=operation["epsilon"])
    return Value(y, operation["output_shape"], features_first=len(x.shape) == 2)


def _concat(w: Writer, read: Sequence[Value], operation: Fields, weights: Weights) -> Value:
    if len(read) == 1:
        return read[0]
    axis = 1 if len(read[0].shape) == 3 else len(read[0].shape)
    return Value(w.node("Concat", *map(w.rows, read), axis=axis), operation["output_shape"])


def _merge(kind: str) -> Function:
    def merge(w: Writer, read: Sequence[Value], operation: Fields, weights: Weights) -> Value:
        shape = operation["output_shape"]
        whole_first = sorted(read, key=lambda x: x.shape != shape)
        y, *others = [_with_rows(w, x, len(shape)) for x in whole_first]
        for other in others:
            y = w.node(kind, y, other)
        return Value(y, shape)

    return merge


def _with_rows(w: Writer, x: Value, rank: int) -> str:
    """Return the name of the tensor, to which a vector comes as one step or one pixel."""
    if len(x.shape) == rank:
        return w.rows(x)
    return w.node("Unsqueeze", w.rows(x), w.integers(*((1,) if rank == 2 else (2, 3))))


def _attention(w: Writer, read: Sequence[Value], operation: Fields, weights: Weights) -> Value:
    x, heads, features = read[0], operation["heads"], operation["output_shape"][1]
    width = features // heads
    turned = {"q": [0, 2, 1, 3], "k": [0, 2, 3, 1], "v": [0, 2, 1, 3]}  # (N, heads, T, D), of keys (N, heads, D, T)
    parts = w.several("Split", [w.rows(x)], 3, axis=2)
    q, k, v = (
        w.node("Transpose", w.reshaped(part, 0, 0, heads, width), perm=perm)
        for part, perm in zip(parts, turned.values(), strict=True)
    )
    scores, never = w.times(w.node("MatMul", q, k), 1 / sqrt(width)), w.number(-np.inf)
    if operation["causal"]:
        places = w.places(x)
        is_later = w.node("Less", w.node("Unsqueeze", places, w.integers(1)), places)
        scores = w.node("Where", is_later, never, scores)
    if w.lengths is not None:
        scores = w.node("Where", w.node("Unsqueeze", w.counts(x), w.integers(1, 2)), scores, never)
    seen = w.node("Transpose", w.node("MatMul", w.node("Softmax", scores, axis=-1), v), perm=[0, 2, 1, 3])
    return Value(w.cleared(x, w.reshaped(seen, 0, 0, features)), operation["output_shape"])


def _positions(w: Writer, read: Sequence[Value], operation: Fields, weights: Weights) -> Value:
    (x,), (table,), steps = read, weights, read[0].shape[0]
    if steps is None:
        of_steps = w.node("Slice", w.parameter("weight", table), w.integers(0), w.steps(x), w.integers(0))
    else:
        of_steps = w.parameter("weight", table[:steps])
    return Value(w.node("Add", w.rows(x), of_steps), operation["output_shape"])


def _periodic(w: Writer, read: Sequence[Value], operation: Fields, weights: Weights) -> Value:
    (x,), k = read, operation["frequencies"]
    weight, bias = map(w.parameter, ("weight", "bias"), weights)
    turns = w.node("Add", w.node("Mul", w.node("Unsqueeze", w.rows(x), w.integers(-1)), weight), bias)
    waves = w.node("Cos", w.times(turns, 2 * pi))
    return Value(w.reshaped(waves, *[0] * len(x.shape), x.shape[-1] * k), operation["output_shape"])


def _robust_scale(w: Writer, read: Sequence[Value], operation: Fields, weights: Weights) -> Value:
    (x,) = read
    center, scale = map(w.parameter, ("center", "scale"), weights)
    z = w.node("Mul", w.node("Sub", w.rows(x), center), scale)
    z = w.node("Clip", z, w.number(-_FAR), w.number(_FAR))
    part = w.times(z, 1 / operation["limit"])
    y = w.node("Div", z, w.node("Sqrt", w.plus(w.node("Mul", part, part), 1.0)))
    return Value(y, operation["output_shape"])


OPERATIONS: dict[str, Function] = {
    "dense": _dense,
    "convolution": _convolution,
    "transposed_convolution": _transposed_convolution,
    "max_pool": _pool("MaxPool"),
    "mean_pool": _pool("AveragePool"),
    "flatten": _flatten,
    "activation": _activation,
    "pad": _pad,
    "embedding": _embedding,
    "recurrent": recurrent,
    "select": _select,
    "reshape": _reshape,
    "global_max": _global_max,
    "global_mean": _global_mean,
    "upsample": _upsample,
    "rescale": _rescale,
    "layer_norm": _layer_norm,
    "group_norm": _group_norm,
    "batch_norm": _batch_norm,
    "concat": _concat,
    "sum": _merge("Add"),
    "product": _merge("Mul"),
    "attention": _attention,
    "positions": _positions,
    "periodic": _periodic,
    "robust_scale": _robust_scale,
    **dict.fromkeys(RANDOM, _passed),
}
