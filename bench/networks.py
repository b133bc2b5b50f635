"""Networks of current kinds, each a specification that every contestant builds, and their reference outputs.

A specification is a list of parts, each a tuple of its kind and its settings:

    ("conv", filters, size, stride, groups)     padded by size // 2, over images or, for sequences, steps
    ("norm",)                                   of a batch
    ("layer_norm",)  ("attention", heads)       the latter causal
    ("tokens", vocabulary, features)  ("places", steps, features)
    ("dense", units)  ("relu",)  ("gelu",)
    ("mean",)                                   of all pixels or steps
    ("add", [part, ...], [part, ...])           two branches that are added; an empty one passes its input on

Weights are a list of arrays, in this order, in PyTorch's shapes.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import reference

Part = tuple[Any, ...]
Shape = tuple[int, ...]


class Case(NamedTuple):
    """A network, and how it is trained: plain descent while it is checked, then SGD with momentum, or Adam."""

    title: str
    shape: Shape  # of a sample: (C, H, W), (T, F), (T,) of tokens or (F,)
    parts: list[Part]
    batch: int
    adam: bool
    threads: int = 2

    @property
    def of_tokens(self) -> bool:
        return self.parts[0][0] == "tokens"

    @property
    def labelled(self) -> bool:
        """Whether targets are classes, rather than numbers."""
        return self.parts[-1] != ("dense", 1)


def _block(filters: int, stride: int) -> list[Part]:
    """Two convolutions with a shortcut (He et al. 2016)."""
    through = [("conv", filters, 3, stride, 1), ("norm",), ("relu",), ("conv", filters, 3, 1, 1), ("norm",)]
    around = [("conv", filters, 1, stride, 1), ("norm",)] if stride > 1 else []
    return [("add", through, around), ("relu",)]


def _separable(channels: int, filters: int, stride: int) -> list[Part]:
    """A convolution of each channel, and one across them (Howard et al. 2017)."""
    return [
        ("conv", channels, 3, stride, channels), ("norm",), ("relu",), ("conv", filters, 1, 1, 1), ("norm",), ("relu",),
    ]  # fmt: skip


def _transformer(features: int, heads: int) -> list[Part]:
    """A block of a transformer (Radford et al. 2019)."""
    thought = [("layer_norm",), ("dense", 4 * features), ("gelu",), ("dense", features)]
    return [("add", [("layer_norm",), ("attention", heads)], []), ("add", thought, [])]


CASES = {
    "resnet8": Case(
        "ResNet-8, 32 x 32 images", (3, 32, 32),
        [("conv", 16, 3, 1, 1), ("norm",), ("relu",), *_block(16, 1), *_block(32, 2), *_block(64, 2), ("mean",),
         ("dense", 10)],
        64, False,
    ),
    "separable": Case(
        "separable convolutions, 32 x 32 images", (3, 32, 32),
        [("conv", 32, 3, 1, 1), ("norm",), ("relu",), *_separable(32, 64, 1), *_separable(64, 128, 2),
         *_separable(128, 128, 1), ("mean",), ("dense", 10)],
        64, False,
    ),
    "in_time": Case(
        "convolutions over 1,000 steps of 8 numbers", (1000, 8),
        [("conv", 32, 7, 2, 1), ("relu",), ("conv", 64, 5, 2, 1), ("relu",), ("conv", 64, 3, 2, 1), ("relu",),
         ("mean",), ("dense", 5)],
        64, False,
    ),
    "transformer": Case(
        "transformer, 4 blocks of 128, 128 tokens", (128,),
        [("tokens", 65, 128), ("places", 128, 128), *(_transformer(128, 4) * 4), ("layer_norm",), ("dense", 65)],
        32, True,
    ),
    "small": Case(
        "MLP 20-64-64-1, Adam", (20,), [("dense", 64), ("relu",), ("dense", 64), ("relu",), ("dense", 1)], 32, True, 1,
    ),
}  # fmt: skip

CHECKED_BATCH, CHECKED_STEPS, CHECKED_RATE = 4, 2, 0.02
RATE, MOMENTUM = 0.01, 0.9
ADAM_RATE = 1e-4
CALLS = {"resnet8": 200, "separable": 200, "in_time": 200, "transformer": 50, "small": 5000}
STEPS = {"resnet8": 8, "separable": 8, "in_time": 8, "transformer": 2, "small": 500}  # that are timed


def given(part: Part, shape: Shape) -> Shape:
    """Return the output shape of a part for an input shape."""
    kind, *settings = part
    if kind == "conv":
        filters, _, stride, _ = settings
        if len(shape) == 2:
            return -(-shape[0] // stride), filters
        return filters, -(-shape[1] // stride), -(-shape[2] // stride)
    if kind == "mean":
        return shape[:1] if len(shape) == 3 else shape[1:]
    if kind == "dense":
        return *shape[:-1], settings[0]
    if kind == "tokens":
        return *shape, settings[1]
    if kind == "add":
        for inner in settings[0]:
            shape = given(inner, shape)
    return shape


def leaves(parts: list[Part], shape: Shape) -> Iterator[tuple[Part, Shape]]:
    """Go through the parts that are not made of others, each with its input shape."""
    for part in parts:
        if part[0] == "add":
            for way in part[1:]:
                yield from leaves(way, shape)
        else:
            yield part, shape
        shape = given(part, shape)


def weights_of(part: Part, shape: Shape) -> list[Shape]:
    """Return the shapes of a leaf's weights."""
    kind, *settings = part
    channels = shape[0] if len(shape) == 3 else shape[-1]
    if kind == "conv":
        filters, size, _, groups = settings
        return [(filters, channels // groups, *(size,) * max(1, len(shape) - 1)), (filters,)]
    if kind in ("norm", "layer_norm"):
        return [(channels,)] * 2
    if kind == "attention":
        return [(3 * channels, channels), (3 * channels,), (channels, channels), (channels,)]
    if kind in ("tokens", "places"):
        return [tuple(settings)]
    return [(settings[0], channels), (settings[0],)] if kind == "dense" else []


@cache
def start(name: str) -> list[np.ndarray]:
    """Return the initial weights, the same for all contestants."""
    case, rng, weights = CASES[name], np.random.default_rng(8), []
    for part, shape in leaves(case.parts, case.shape):
        scales = part[0] in ("norm", "layer_norm")
        for k, one in enumerate(weights_of(part, shape)):
            limit = 0.1 if len(one) == 1 else (3 / np.prod(one[1:])) ** 0.5
            weights.append((rng.uniform(-limit, limit, one) + (scales and k == 0)).astype("float32"))
    return weights


@cache
def data(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return enough samples for the timed steps, and their targets."""
    case, rng = CASES[name], np.random.default_rng(9)
    samples, shape = STEPS[name] * case.batch, case.shape
    for part in case.parts:
        shape = given(part, shape)
    if case.of_tokens:
        tokens = rng.integers(0, case.parts[0][1], (samples, *case.shape))
        return tokens, (tokens * 7 + 3) % shape[-1]
    x = rng.standard_normal((samples, *case.shape)).astype("float32")
    if case.labelled:
        return x, rng.integers(0, shape[-1], samples)
    return x, rng.standard_normal((samples, 1)).astype("float32")


def flop(name: str) -> float:
    """Count the operations of a sample's forward pass; those of attention as if it were not causal."""
    total = 0.0
    case = CASES[name]
    for part, shape in leaves(case.parts, case.shape):
        if part[0] == "conv":
            total += 2 * np.prod(given(part, shape)) * np.prod(weights_of(part, shape)[0][1:])
        elif part[0] == "dense":
            total += 2 * np.prod(given(part, shape)) * shape[-1]
        elif part[0] == "attention":
            total += 2 * shape[0] * shape[1] * (4 * shape[1] + 2 * shape[0])
    return total


def _referred(parts: list[Part], weights: Iterator[np.ndarray]) -> list[dict[str, Any]]:
    """Return the reference's layers."""
    found: list[dict[str, Any]] = []
    for kind, *settings in parts:
        if kind == "add":
            branches = [_referred(way, weights) for way in settings]
            found.append({"kind": "parallel", "branches": branches, "merge": "sum"})
        elif kind in ("relu", "gelu"):
            found.append({"kind": "activation", "activation": kind})
        elif kind == "mean":
            found.append({"kind": "global", "mean": True})
        elif kind in ("tokens", "places"):
            found.append({"kind": "embedding" if kind == "tokens" else "positions", "weight": next(weights)})
        elif kind == "attention":
            names = ("in_proj_weight", "in_proj_bias", "out_proj_weight", "out_proj_bias")
            found.append(
                {"kind": "attention", "heads": settings[0], "causal": True, **{n: next(weights) for n in names}}
            )
        else:
            both = {"weight": next(weights), "bias": next(weights)}
            if kind == "norm":
                running = [np.zeros(len(both["bias"])), np.ones(len(both["bias"]))]
                found.append({"kind": "batch_norm", **both, "epsilon": 1e-5, "momentum": 0.1, "running": running})
            elif kind == "layer_norm":
                found.append({"kind": "layer_norm", **both, "epsilon": 1e-5})
            elif kind == "dense":
                found.append({"kind": "dense", **both})
            else:
                _, size, stride, groups = settings
                layer = {"kind": "conv_in_time", **both, "stride": stride, "padding": size // 2, "dilation": 1}
                if both["weight"].ndim == 4:
                    layer |= {"kind": "conv", "stride": (stride,) * 2, "padding": (size // 2,) * 2, "dilation": (1, 1)}
                found.append({**layer, "groups": groups})
    return found


@cache
def result(name: str) -> np.ndarray:
    """Return the network's outputs for the first samples after some steps of plain descent on them."""
    case, (x, y) = CASES[name], data(name)
    net = reference.Network(_referred(case.parts, iter([w.astype(float) for w in start(name)])))
    x, y = x[:CHECKED_BATCH], y[:CHECKED_BATCH]
    for _ in range(CHECKED_STEPS):
        outputs = net.forward(x, draw=0)
        back = reference.cross_entropy_backward if case.labelled else reference.squared_error_backward
        rows = outputs.reshape(-1, outputs.shape[-1])
        dy = back(rows, y.reshape(-1) if case.labelled else y).reshape(outputs.shape)
        for values, gradient in zip(_parameters(net.layers), _flat(net.backward(dy)), strict=True):
            values -= CHECKED_RATE * gradient
    return net.forward(x)


def _parameters(layers: list[dict[str, Any]]) -> list[np.ndarray]:
    found: list[np.ndarray] = []
    for layer in layers:
        for branch in layer.get("branches", ()):
            found += _parameters(branch)
        found += [values for values in layer.values() if isinstance(values, np.ndarray)]
    return found


def _flat(gradients: list[Any]) -> list[np.ndarray]:
    return [array for of_layer in gradients for array in of_layer]


@cache
def predicted(name: str) -> np.ndarray:
    """Return the network's output for the first sample, before it is trained."""
    case = CASES[name]
    net = reference.Network(_referred(case.parts, iter([w.astype(float) for w in start(name)])))
    return net.forward(data(name)[0][:1])
