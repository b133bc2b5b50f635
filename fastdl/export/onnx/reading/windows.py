"""Convolutions, pools and upsampling."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....layers import Conv1D, Conv2D, ConvTranspose2D, Layer, UpSample2D
from .inputs import Function, Inputs, array_of, expect, numbers_of, optional
from .moves import Attributes
from .rows import vector
from .tensors import Tensors
from .values import Node, Numbers, Spec, UnreadableError, flag


def convolution(t: Tensors, inputs: Inputs, attributes: Attributes, _: int) -> Numbers:
    """Convolve images or sequences."""
    weight, bias = array_of(inputs, 1), optional(inputs, 2)
    axes = weight.ndim - 2
    node, around = t.images(numbers_of(inputs))
    if len(around) != axes or axes not in (1, 2):
        raise UnreadableError(f"kernels must be of {len(around)} axes; received {weight.shape}")
    strides, dilations, group = _window(attributes, axes)
    kernel, filters = weight.shape[2:], weight.shape[0]
    pads = attributes.get("pads", [0] * 2 * axes)
    sides = [(pads[k] + before, pads[k + axes] + after) for k, (before, after) in enumerate(around)]
    size = node.shape[1:] if axes == 2 else node.shape[:1]
    spans = [(k - 1) * step + 1 for k, step in zip(kernel, dilations, strict=True)]
    padding = _padding(sides, size, spans, strides, attributes)
    if isinstance(padding, str):
        sides = [_same(*each) if padding == "same" else side for side, each in zip(
            sides, zip(size, spans, strides, strict=True), strict=True)]  # fmt: skip
    out = [(n + sum(side) - span) // step + 1 for n, side, span, step in zip(size, sides, spans, strides, strict=True)]
    if min(out) < 1 or node.features != weight.shape[1] * group or filters % group:
        raise UnreadableError(f"kernels {weight.shape} in {group} groups must fit into {node.shape}")
    one = (lambda sizes: tuple(sizes)) if axes == 2 else (lambda sizes: sizes[0])
    arguments = {
        "filters": filters, "kernel_size": one(kernel), "stride": one(strides), "padding": padding,
        "dilation": one(dilations), "groups": group,
    }  # fmt: skip
    arrays = {"weight": weight, "bias": vector(np.zeros(1, weight.dtype) if bias is None else bias, filters)}
    shape = (filters, *out) if axes == 2 else (*out, filters)
    return t.of_images(Node(shape, Spec(Conv2D if axes == 2 else Conv1D, arguments, arrays), (node,)))


def transposed_convolution(t: Tensors, inputs: Inputs, attributes: Attributes, _: int) -> Numbers:
    """Return a transposed convolution of images."""
    weight, bias = array_of(inputs, 1), optional(inputs, 2)
    node, around = t.images(numbers_of(inputs))
    if "output_shape" in attributes or weight.ndim != 4 or around != [(0, 0)] * 2 or node.features != weight.shape[0]:
        raise UnreadableError("transposed convolutions must be of images, without an output_shape")
    expect(attributes, auto_pad=b"NOTSET", dilations=[1, 1], group=1)
    strides, pads = attributes.get("strides", [1, 1]), attributes.get("pads", [0] * 4)
    more, kernel, filters = attributes.get("output_padding", [0, 0]), weight.shape[2:], weight.shape[1]
    if pads[:2] != pads[2:]:
        raise UnreadableError(f"padding must be alike on both sides; received {pads}")
    geometry = zip(node.shape[1:], kernel, strides, pads[:2], more, strict=True)
    size = [(n - 1) * step + k - 2 * p + extra for n, k, step, p, extra in geometry]
    arguments = {
        "filters": filters, "kernel_size": kernel, "stride": tuple(strides), "padding": tuple(pads[:2]),
        "output_padding": tuple(more),
    }  # fmt: skip
    arrays = {"weight": weight, "bias": vector(np.zeros(1, weight.dtype) if bias is None else bias, filters)}
    return t.of_images(Node((filters, *size), Spec(ConvTranspose2D, arguments, arrays), (node,)))


def pool(of_images: type[Layer], of_steps: type[Layer]) -> Function:
    """Return a pool of images or sequences."""

    def pool(t: Tensors, inputs: Inputs, attributes: Attributes, outputs: int) -> Numbers:
        node, around = t.images(numbers_of(inputs))
        axes, window = len(around), attributes["kernel_shape"]
        expect(attributes, auto_pad=b"NOTSET", pads=[0] * 2 * axes, dilations=[1] * axes, storage_order=0)
        strides, size = attributes.get("strides", [1] * axes), node.shape[1:] if axes == 2 else node.shape[:1]
        out = [(n - k) // step + 1 for n, k, step in zip(size, window, strides, strict=True)]
        is_whole = all((n - k) % step == 0 for n, k, step in zip(size, window, strides, strict=True))
        if (flag(attributes, "ceil_mode", 0) and not is_whole) or any(map(any, around)) or min(out) < 1:
            raise UnreadableError("windows of pools must be in the image, and whole")
        shape = (node.features, *out) if axes == 2 else (*out, node.features)
        kind = of_images if axes == 2 else of_steps
        sizes = (tuple(window), tuple(strides)) if axes == 2 else (window[0], strides[0])
        return t.of_images(Node(shape, Spec(kind, dict(zip(("size", "stride"), sizes, strict=True))), (node,)))

    return pool


def resize(t: Tensors, inputs: Inputs, attributes: Attributes, _: int) -> Numbers:
    """Upsample images."""
    node, around = t.images(numbers_of(inputs))
    scales, sizes = optional(inputs, 2), optional(inputs, 3)
    expect(attributes, antialias=0, exclude_outside=0, axes=[0, 1, 2, 3], keep_aspect_ratio_policy=b"stretch")
    mode, how = attributes.get("mode", b"nearest"), attributes.get("coordinate_transformation_mode", b"half_pixel")
    if len(node.shape) != 3 or any(map(any, around)):
        raise UnreadableError("what is resized must be images")
    if scales is not None and scales.size:
        factors = scales.reshape(-1).astype(float)
    elif sizes is not None:
        factors = sizes.reshape(-1) / np.array([t.samples, *node.shape])
    else:
        raise UnreadableError("scales or sizes must be given")
    size = [round(factor) for factor in factors]
    rounding = [attributes.get("nearest_mode", b"round_prefer_floor")] if mode == b"nearest" else []
    nearest = how == b"asymmetric" and rounding == [b"floor"]
    between = mode == b"linear" and (how == b"half_pixel" or how == b"pytorch_half_pixel")
    if len(size) != 4 or size[:2] != [1, 1] or not np.array_equal(size, factors):
        raise UnreadableError(f"images must be resized by whole factors; received {factors}")
    if not (nearest or between):
        raise UnreadableError(
            "images must be resized by mode nearest (asymmetric, floor) or linear (half_pixel, as without PyTorch's "
            f"align_corners); received {', '.join(map(repr, [mode, how, *rounding]))}"
        )
    if not 1 <= min(size) <= max(size) <= 1 << 15:
        raise UnreadableError(f"factors must be from 1 on; received {size}")
    c, h, w = node.shape
    spec = Spec(UpSample2D, {"size": tuple(size[2:]), "interpolation": "nearest" if nearest else "bilinear"})
    return t.of_images(Node((c, h * size[2], w * size[3]), spec, (node,)))


def _window(attributes: Attributes, axes: int) -> tuple[list[int], list[int], int]:
    return attributes.get("strides", [1] * axes), attributes.get("dilations", [1] * axes), attributes.get("group", 1)


def _padding(sides: Any, size: Any, spans: Any, strides: Any, attributes: Attributes) -> Any:
    """Return padding as a layer's argument."""
    auto = attributes.get("auto_pad", b"NOTSET")
    if auto == b"SAME_UPPER" and not any(map(any, sides)):  # in addition to zeros that are there, it has no counterpart
        return "same"
    if auto not in (b"NOTSET", b"VALID") or any(n < 0 for side in sides for n in side):
        raise UnreadableError(f"padding must be given, or SAME_UPPER; received {auto.decode()}, {sides}")
    if all(before == after for before, after in sides):
        return tuple(before for before, _ in sides) if len(sides) == 2 else sides[0][0]
    if sides == [_same(*each) for each in zip(size, spans, strides, strict=True)]:
        return "same"
    if sides == [(spans[0] - 1, 0)]:
        return "causal"
    raise UnreadableError(f"padding must be alike on both sides, or as much as keeps the size; received {sides}")


def _same(size: int, span: int, stride: int) -> tuple[int, int]:
    missing = max((size - 1) // stride * stride + span - size, 0)
    return missing // 2, missing - missing // 2
