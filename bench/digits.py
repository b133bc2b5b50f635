"""LeNet-5 and an MLP on MNIST: images, initial weights, training settings, and reference outputs after some steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import reference

import fastdl

# Operations of each layer's forward pass on one sample; either gradient takes as many.
LENET_LAYERS = (2 * 6 * 28 * 28 * 25, 2 * 16 * 10 * 10 * 150, 2 * 400 * 120, 2 * 120 * 84, 2 * 84 * 10)
MLP_LAYERS = (2 * 784 * 300, 2 * 300 * 10)
CHECKED_STEPS = 3
LEARNED = 1000  # images on which a trained network must do far better than chance
LEAST_ACCURACY = 0.5


@dataclass(frozen=True)
class Training:
    """How a network is trained: at rates at which it learns, as dead neurons can be skipped."""

    batch: int
    rate: float
    momentum: float = 0.0


LENET_64 = Training(64, 0.05, 0.9)
LENET_100 = Training(100, 0.05, 0.9)
LENET_1 = Training(1, 0.005)
MLP_128 = Training(128, 0.3)
MLP_1 = Training(1, 0.3)


def training_flop(layers: Sequence[int]) -> float:
    """Operations of a sample's training step: forward and both gradients, but the input's."""
    return 3 * sum(layers) - layers[0]


@cache
def mnist():
    """Images (60000, 1, 28, 28) and their labels."""
    return fastdl.datasets.mnist()[0]


@cache
def mlp_targets():
    """Article 3's: 0.9 for the digit, 0.1 for the others."""
    targets = np.full((60_000, 10), 0.1, "float32")
    targets[np.arange(60_000), mnist()[1]] = 0.9
    return targets


def _start(shapes):
    rng = np.random.default_rng(7)
    pairs = []
    for shape in shapes:
        limit = 1 / np.sqrt(np.prod(shape[1:]))
        pairs.append(tuple(rng.uniform(-limit, limit, s).astype("float32") for s in (shape, shape[:1])))
    return pairs


def lenet_start():
    """Weights and biases of LeNet-5, as (out, in, height, width) and (out, in)."""
    return _start([(6, 1, 5, 5), (16, 6, 5, 5), (120, 400), (84, 120), (10, 84)])


def mlp_start():
    """Weights and biases of the MLP, as (out, in)."""
    return _start([(300, 784), (10, 300)])


def verify_learned(outputs: Any, who: str) -> None:
    """Check that a network learned while its training was timed."""
    accuracy = np.mean(np.argmax(outputs, axis=1) == mnist()[1][: len(outputs)])
    if not accuracy >= LEAST_ACCURACY:
        raise AssertionError(f"{who} has not learned: accuracy {accuracy:.1%}")


def _double(pairs):
    return [(w.astype(float), b.astype(float)) for w, b in pairs]


@cache
def lenet_after(training):
    """Return LeNet-5's outputs for the first images after some steps."""
    net = reference.lenet5(_double(lenet_start()))
    x, y = mnist()
    weighted = [layer for layer in net.layers if "weight" in layer]
    velocity = {}
    for step in range(CHECKED_STEPS):
        rows = slice(step * training.batch, (step + 1) * training.batch)
        dy = reference.cross_entropy_backward(net.forward(x[rows].astype(float)), y[rows])
        for layer, gradients in zip(weighted, net.backward(dy), strict=True):
            for name, g in zip(("weight", "bias"), gradients, strict=True):
                v = velocity.get((id(layer), name), 0.0)
                layer[name], velocity[id(layer), name] = reference.sgd_step(
                    layer[name], g, v, lr=training.rate, momentum=training.momentum
                )
    return net.forward(x[:64].astype(float))


def lenet_outputs(samples):
    """Return LeNet-5's outputs for the first images, before it is trained."""
    return reference.lenet5(_double(lenet_start())).forward(mnist()[0][:samples].astype(float))


def _mlp():
    layers = [{"kind": "dense", "weight": w, "bias": b, "activation": "sigmoid"} for w, b in _double(mlp_start())]
    return reference.Network(layers)


@cache
def mlp_after(training):
    """Return the MLP's outputs for the first images after some steps."""
    net = _mlp()
    x, target = mnist()[0].reshape(-1, 784).astype(float), mlp_targets().astype(float)
    for step in range(CHECKED_STEPS):
        rows = slice(step * training.batch, (step + 1) * training.batch)
        dy = reference.squared_error_backward(net.forward(x[rows]), target[rows])
        for layer, (dw, db) in zip(net.layers, net.backward(dy), strict=True):
            layer["weight"] = layer["weight"] - training.rate * dw
            layer["bias"] = layer["bias"] - training.rate * db
    return net.forward(x[:64])


def mlp_outputs(samples):
    """Return the MLP's outputs for the first images, before it is trained."""
    return _mlp().forward(mnist()[0][:samples].reshape(samples, 784).astype(float))
