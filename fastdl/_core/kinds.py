"""The kinds of operation that the core knows: their settings, output shapes and parameters."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from .._limits import MOST_CHILDREN, MOST_TOKENS, MOST_WINNERS
from .._types import Array, Shape
from .operation import Fields, Inferred, Kind, Operation, Operations
from .shapes import checked_shape, features_of, spreads, with_features

# As in src/kernels/activations.pxi: for cells; with a derivative that follows from the output; for all elements; all.
OF_CELLS = (
    "identity", "relu", "sigmoid", "tanh", "leaky_relu", "elu", "selu", "softplus", "hard_sigmoid", "hard_tanh",
    "relu6",
)  # fmt: skip
FROM_OUTPUT = (*OF_CELLS, "softmax")  # compared with the core's rows at import
ELEMENTWISE = (*OF_CELLS, "gelu", "silu", "hard_silu")
ACTIVATIONS = (*ELEMENTWISE, "softmax")
WITH_SETTING = {"leaky_relu": ("slope", 0.01), "elu": ("alpha", 1.0)}  # the name of the setting, and its default
LEAST_SETTING, MOST_SETTING = 1e-12, 1e12
MOST_SCALE = 1e30
MOST_DROPPED = 0.999  # the largest rate of dropout
LEAST_EPSILON = 1e-12  # of normalizations, so that constants can be divided by their deviation
RATIOS = 1e-3, 1e3  # of a rectangle's height to its width
LIMITS = 1e-2, 1e6  # of robust scaling: squares of numbers over the limit are finite
GATES = {"rnn": 1, "lstm": 4, "gru_before": 3, "gru_after": 3}  # how many each cell has


def check_trees(input_shape: Shape, operations: Operations) -> None:
    """Check that all operations can work on trees, with the same number of children, and that samples are nodes."""
    kinds = [operation["kind"] for operation in operations]
    if "recursive" not in kinds:
        return
    others = [kind for kind in kinds if not KINDS[kind].on_trees]
    if others:
        known = ", ".join(kind for kind, row in KINDS.items() if row.on_trees)
        raise ValueError(f"operations on trees must be of {known}; received {', '.join(others)}")
    if len(children := {operation["children"] for operation in operations if "children" in operation}) > 1:
        raise ValueError(f"operations must agree on the children of a node; received {', '.join(map(str, children))}")
    if input_shape[0] not in (1, None) or len(input_shape) == 3:
        raise ValueError(f"input_shape must be (None, F) or (None,) for trees, or of a node; received {input_shape}")


# For each kind a function that checks its settings, and gives the shapes of its output and of its parameters.


def _dense(operation: Operation) -> Inferred:
    operation.ranked((1, 2), "(F,) or (T, F)")
    units = operation.whole("units", 1)
    return (*operation.shape[:-1], units), ((operation.features(), units), (units,))


def _window(operation: Operation, dilation: tuple[int, int] = (1, 1)) -> Shape:
    """Return the number of windows: (OH, OW) of images, (T,) of sequences, which are images of height 1."""
    operation.ranked((2, 3), "(T, F) or (C, H, W)")
    kernel, stride, shape = operation.pair("kernel", 1), operation.pair("stride", 1), operation.shape
    size = shape[1:] if len(shape) == 3 else (1, shape[0])
    spans = [(n - 1) * step + 1 for n, step in zip(kernel, dilation, strict=True)]
    if any(n is not None and span > n for span, n in zip(spans, size, strict=True)):
        raise operation.error(f"kernel must fit into {size[0]} x {size[1]}; received {spans[0]} x {spans[1]}")
    windows = [n if n is None else (n - span) // step + 1 for n, span, step in zip(size, spans, stride, strict=True)]
    return tuple(windows) if len(shape) == 3 else (windows[1],)


def _convolution(operation: Operation) -> Inferred:
    size, filters = _window(operation, operation.pair("dilation", 1)), operation.whole("filters", 1)
    channels, groups = operation.features(), operation.whole("groups", 1)
    if channels % groups or filters % groups:
        raise operation.error(f"groups must divide {channels} channels and {filters} filters; received {groups}")
    of_images, kernel = len(size) == 2, operation.pair("kernel", 1)
    weight = (*(kernel if of_images else kernel[1:]), channels // groups, filters)
    return (filters, *size) if of_images else (*size, filters), (weight, (filters,))


def _transposed_convolution(operation: Operation) -> Inferred:
    operation.ranked((3,), "(C, H, W)")
    kernel, filters = operation.pair("kernel", 1), operation.whole("filters", 1)
    stride, padding, extra = operation.pair("stride", 1), operation.pair("padding", 0), operation.pair("extra", 0)
    if any(more >= step for more, step in zip(extra, stride, strict=True)):
        raise operation.error(f"extra must be less than the stride, {stride}; received {extra}")
    c, h, w = operation.shape
    geometry = zip((h, w), kernel, stride, padding, extra, strict=True)
    size = [(n - 1) * step + k - 2 * p + more for n, k, step, p, more in geometry]
    if min(size) < 1:
        raise operation.error(f"padding must leave something of what it gives; received {padding}")
    return (filters, *size), ((*kernel, filters, c), (filters,))


def _pool(operation: Operation) -> Inferred:
    size, channels = _window(operation), operation.features()
    return (channels, *size) if len(size) == 2 else (*size, channels), ()


def _flatten(operation: Operation) -> Inferred:
    if None in operation.shape:
        raise operation.error(f"must read samples of known length; received {operation.shape}")
    return (prod(operation.shape),), ()


def _reshape(operation: Operation) -> Inferred:
    operation.ranked((1,), "(F,)")
    shape = checked_shape(operation.settings["shape"], "shape")
    if None in shape or prod(shape) != operation.features():
        raise operation.error(f"shape must have the numbers of {operation.shape}; received {shape}")
    return shape, ()


def _global_pool(operation: Operation) -> Inferred:
    operation.ranked((2, 3), "(T, F) or (C, H, W)")
    rows = prod(operation.shape[1:]) if len(operation.shape) == 3 else operation.shape[0] or 0
    if operation.kind == "global_max" and rows > MOST_WINNERS:
        raise operation.error(f"must read at most {MOST_WINNERS} pixels or steps; received {operation.shape}")
    return (operation.features(),), ()


def _upsample(operation: Operation) -> Inferred:
    operation.ranked((3,), "(C, H, W)")
    (down, right), (c, h, w) = operation.pair("size", 1), operation.shape
    operation.flag("bilinear")
    return (c, h * down, w * right), ()


def _noise(operation: Operation) -> Inferred:
    operation.number("stddev", 0, MOST_SCALE)
    return operation.shape, ()


def _rescale(operation: Operation) -> Inferred:
    operation.number("scale", -MOST_SCALE, MOST_SCALE)
    operation.number("added", -MOST_SCALE, MOST_SCALE)
    return operation.shape, ()


def _setting(operation: Operation, activation: str) -> None:
    low, high = (LEAST_SETTING, MOST_SETTING) if activation in WITH_SETTING else (0, 0)
    operation.number("setting", low, high)


def _activation(operation: Operation) -> Inferred:
    known = ACTIVATIONS if len(operation.shape) < 3 else ELEMENTWISE
    _setting(operation, operation.one_of("activation", known))
    return operation.shape, ()


def _pad(operation: Operation) -> Inferred:
    operation.ranked((2, 3), "(T, F) or (C, H, W)")
    (top, bottom), (left, right) = operation.sides("padding")
    shape = operation.shape
    if len(shape) == 3:
        return (shape[0], shape[1] + top + bottom, shape[2] + left + right), ()
    if top or bottom:
        raise operation.error(f"padding must be of no rows for sequences; received {top} and {bottom}")
    return (shape[0] if shape[0] is None else shape[0] + left + right, shape[1]), ()


def _shift(operation: Operation) -> Inferred:
    operation.ranked((3,), "(C, H, W)")
    operation.pair("padding", 0)
    return operation.shape, ()


def _flip(operation: Operation) -> Inferred:
    operation.ranked((3,), "(C, H, W)")
    operation.flag("horizontal")
    operation.flag("vertical")
    return operation.shape, ()


def _rotate(operation: Operation) -> Inferred:
    operation.ranked((3,), "(C, H, W)")
    operation.number("degrees", 0, 180)
    return operation.shape, ()


def _erase(operation: Operation) -> Inferred:
    operation.ranked((3,), "(C, H, W)")
    operation.number("rate", 0, 1)
    operation.interval("area", 0, 1)
    operation.interval("ratio", *RATIOS)
    return operation.shape, ()


def _dropout(operation: Operation) -> Inferred:
    operation.number("rate", 0, MOST_DROPPED)
    return operation.shape, ()


def _embedding(operation: Operation) -> Inferred:
    operation.ranked((1,), "(T,)")
    dim = operation.whole("dim", 1)
    return (operation.shape[0], dim), ((operation.whole("vocabulary", 1, MOST_TOKENS), dim),)


def _recurrent(operation: Operation) -> Inferred:
    operation.ranked((2,), "(T, F)")
    steps, inputs = operation.shape
    cell = operation.one_of("cell", GATES)
    _setting(operation, operation.one_of("cell_activation", OF_CELLS if cell == "rnn" else ("tanh",)))
    units, directions = operation.whole("units", 1), operation.whole("directions", 1, 2)
    if operation.flag("adds") and directions == 1:
        raise operation.error("adds must be False for one direction; received True")
    if operation.flag("stateful") and directions == 2:
        raise operation.error("stateful must be False for two directions; received True")
    features = units * (1 if operation.flag("adds") else directions)
    shape = (steps, features) if operation.flag("sequences") else (features,)
    columns = GATES[cell] * units
    return shape, directions * ((inputs, columns), (units, columns), (columns,), (columns,))


def _recursive(operation: Operation) -> Inferred:
    operation.ranked((2,), "(1, F)")
    composition = operation.one_of("composition", ("matrix", "tensor", "lstm"))
    _setting(operation, operation.one_of("composition_activation", ("tanh",) if composition == "lstm" else OF_CELLS))
    children, (nodes, units) = operation.whole("children", 1, MOST_CHILDREN), operation.shape
    inputs, columns = children * units, units * (3 + children if composition == "lstm" else 1)
    products = ((inputs * (inputs + 1) // 2, columns),) if composition == "tensor" else ()
    shape = (nodes, units) if operation.flag("nodes") else (units,)
    return shape, ((inputs, columns), *products, (columns,))


def _select(operation: Operation) -> Inferred:
    indices, features = operation.settings["indices"], operation.features()
    if not isinstance(indices, np.ndarray) or indices.dtype != np.intp or indices.ndim != 1 or not len(indices):
        raise operation.error(f"indices must be a vector of intp; received {indices!r}")
    if indices.min() < 0 or indices.max() >= features:
        raise operation.error(f"indices must be of the {features} features; received {indices.tolist()}")
    return with_features(operation.shape, len(indices)), ()


def _layer_norm(operation: Operation) -> Inferred:
    operation.number("epsilon", LEAST_EPSILON, 1)
    shape = operation.shape
    normalized = (*shape[1:], shape[0]) if len(shape) == 3 else (operation.features(),)
    return shape, (normalized, normalized)


def _group_norm(operation: Operation) -> Inferred:
    operation.number("epsilon", LEAST_EPSILON, 1)
    features, groups = operation.features(), operation.whole("groups", 1)
    if features % groups:
        raise operation.error(f"groups must divide {features} features; received {groups}")
    return operation.shape, 2 * ((features,),)


def _batch_norm(operation: Operation) -> Inferred:
    operation.number("epsilon", LEAST_EPSILON, 1)
    operation.number("momentum", 0, 1)
    features = operation.features()
    operation.buffers = 2 * features
    return operation.shape, 4 * ((features,),)


def _concat(operation: Operation) -> Inferred:
    first = operation.shape
    operation.features()
    for shape in operation.shapes[1:]:
        if len(shape) != len(first) or with_features(shape, 1) != with_features(first, 1):
            raise operation.error(f"must read shapes that differ in their features alone; received {first} and {shape}")
    return with_features(first, sum(features_of(shape) for shape in operation.shapes)), ()


def _number_by_number(operation: Operation) -> Inferred:
    shapes = operation.shapes
    for whole in shapes:
        if all(spreads(shape, whole) for shape in shapes):
            return whole, ()
    raise operation.error(
        "must read one shape, or besides it one row for all of its steps or pixels, or one feature; received "
        + " and ".join(map(str, dict.fromkeys(shapes)))
    )


def _attention(operation: Operation) -> Inferred:
    operation.ranked((2,), "(T, 3 F)")
    steps, numbers = operation.shape
    heads = operation.whole("heads", 1)
    operation.flag("causal")
    if numbers % (3 * heads):
        raise operation.error(f"must read three times as many features as {heads} heads share; received {numbers}")
    return (steps, numbers // 3), ()


def _positions(operation: Operation) -> Inferred:
    operation.ranked((2,), "(T, F)")
    steps, most = operation.shape[0], operation.whole("most_steps", 1)
    if steps is not None and steps > most:
        raise operation.error(f"must read at most {most} steps; received {steps}")
    return operation.shape, ((most, operation.features()),)


def _periodic(operation: Operation) -> Inferred:
    operation.ranked((1, 2), "(F,) or (T, F)")
    features, frequencies = operation.features(), operation.whole("frequencies", 1)
    return with_features(operation.shape, features * frequencies), 2 * ((features, frequencies),)


def _robust_scale(operation: Operation) -> Inferred:
    operation.ranked((1, 2), "(F,) or (T, F)")
    operation.number("limit", *LIMITS)
    features = operation.features()
    operation.buffers = 2 * features
    return operation.shape, 2 * ((features,),)


def _selected(places: Array, operation: Fields) -> Array:
    selected: Array = places.take(operation["indices"], axis=0 if places.ndim == 3 else -1)
    return selected


KINDS = {
    "dense": Kind(_dense, "units", on_trees=True),
    "convolution": Kind(_convolution, "filters kernel stride dilation groups"),
    "transposed_convolution": Kind(_transposed_convolution, "filters kernel stride padding extra"),
    "max_pool": Kind(_pool, "kernel stride"),
    "mean_pool": Kind(_pool, "kernel stride"),
    "flatten": Kind(_flatten, moves=lambda places, _: places.reshape(-1)),
    "activation": Kind(_activation, "activation setting", on_trees=True),
    "pad": Kind(_pad, "padding"),
    "shift": Kind(_shift, "padding", draws=True),
    "flip": Kind(_flip, "horizontal vertical", draws=True),
    "rotate": Kind(_rotate, "degrees", draws=True),
    "erase": Kind(_erase, "rate area ratio", draws=True),
    "dropout": Kind(_dropout, "rate", on_trees=True, draws=True),
    "embedding": Kind(_embedding, "vocabulary dim", on_trees=True),
    "recurrent": Kind(_recurrent, "adds cell cell_activation directions sequences setting stateful units"),
    "recursive": Kind(_recursive, "children composition composition_activation nodes setting", on_trees=True),
    "select": Kind(_select, "indices", on_trees=True, moves=_selected),
    "reshape": Kind(_reshape, "shape", moves=lambda places, operation: places.reshape(operation["shape"])),
    "global_max": Kind(_global_pool),
    "global_mean": Kind(_global_pool),
    "upsample": Kind(_upsample, "size bilinear"),
    "noise": Kind(_noise, "stddev", on_trees=True, draws=True),
    "rescale": Kind(_rescale, "scale added", on_trees=True),
    "layer_norm": Kind(_layer_norm, "epsilon", on_trees=True, normalizes=True),
    "group_norm": Kind(_group_norm, "epsilon groups", normalizes=True),
    "batch_norm": Kind(_batch_norm, "epsilon momentum", normalizes=True),
    "concat": Kind(_concat, on_trees=True, merges=True),
    "sum": Kind(_number_by_number, on_trees=True, merges=True),
    "product": Kind(_number_by_number, on_trees=True, merges=True),
    "attention": Kind(_attention, "causal heads"),
    "positions": Kind(_positions, "most_steps"),
    "periodic": Kind(_periodic, "frequencies", on_trees=True),
    "robust_scale": Kind(_robust_scale, "limit", on_trees=True),
}
MERGES = tuple(kind for kind, row in KINDS.items() if row.merges)
RANDOM = tuple(kind for kind, row in KINDS.items() if row.draws)


def operation_of(kind: str, settings: dict[str, Any], shapes: tuple[Shape, ...]) -> Operation:
    """Return an operation of a kind, which there must be, that reads samples of these shapes."""
    if kind not in KINDS:
        raise ValueError(f"operations must be of {', '.join(KINDS)}; received {kind!r}")
    return Operation(kind, KINDS[kind], settings, shapes)
