"""The work that is measured: data, starting weights, how much arithmetic it is, and what must come out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

import fastdl

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import reference

LENET_FLOP = 2.26e6  # useful ones a sample: forward, and both gradients but the first layer's input's
LENET_FORWARD_FLOP = 0.833e6
MLP_FLOP = 0.953e6
RATE = 0.05
MOMENTUM = 0.9
CHECKED_STEPS = 3


@dataclass(frozen=True)
class Work:
    """One row of the table.

    ``unit`` is what the seconds are of, ``flop`` how many useful operations that takes, ``result`` gives what every
    contestant's check must give.
    """

    title: str
    unit: str
    flop: float
    threads: int
    result: Callable[[], np.ndarray]
    target: str


@cache
def mnist():
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
    return _start([(300, 784), (10, 300)])


@cache
def convolution_data():
    """x, weight and the gradient of y: 64 to 64 channels, three by three, on 32 x 32, batch 32."""
    rng = np.random.default_rng(1)
    x, dy = (rng.standard_normal((32, 64, 32, 32)).astype("float32") for _ in range(2))
    return x, (rng.standard_normal((64, 64, 3, 3)) / 24).astype("float32"), dy


@cache
def dense_data():
    """x, weight and the gradient of y: 1024 to 1024, batch 256."""
    rng = np.random.default_rng(2)
    x, dy = (rng.standard_normal((256, 1024)).astype("float32") for _ in range(2))
    return x, (rng.standard_normal((1024, 1024)) / 32).astype("float32"), dy


def digest(y, dx, dw):
    """What is compared of a layer's results: a slice of each."""
    return np.concatenate([np.asarray(a[:2], "float64").ravel()[:4096] for a in (y, dx, dw)])


def _double(pairs):
    return [(w.astype(float), b.astype(float)) for w, b in pairs]


@cache
def _lenet_after(batch, momentum):
    net = reference.lenet5(_double(lenet_start()))
    x, y = mnist()
    weighted = [layer for layer in net.layers if "weight" in layer]
    velocity = {}
    for step in range(CHECKED_STEPS):
        rows = slice(step * batch, (step + 1) * batch)
        dy = reference.cross_entropy_backward(net.forward(x[rows].astype(float)), y[rows])
        for layer, gradients in zip(weighted, net.backward(dy), strict=True):
            for name, g in zip(("weight", "bias"), gradients, strict=True):
                v = velocity.get((id(layer), name), 0.0)
                layer[name], velocity[id(layer), name] = reference.sgd_step(
                    layer[name], g, v, lr=RATE, momentum=momentum
                )
    return net.forward(x[:64].astype(float))


@cache
def _mlp_after(batch):
    layers = [{"kind": "dense", "weight": w, "bias": b, "activation": "sigmoid"} for w, b in _double(mlp_start())]
    net = reference.Network(layers)
    x, target = mnist()[0].reshape(-1, 784).astype(float), mlp_targets().astype(float)
    for step in range(CHECKED_STEPS):
        rows = slice(step * batch, (step + 1) * batch)
        dy = reference.squared_error_backward(net.forward(x[rows]), target[rows])
        for layer, (dw, db) in zip(layers, net.backward(dy), strict=True):
            layer["weight"] = layer["weight"] - RATE * dw
            layer["bias"] = layer["bias"] - RATE * db
    return net.forward(x[:64])


def _lenet_outputs(samples):
    return reference.lenet5(_double(lenet_start())).forward(mnist()[0][:samples].astype(float))


@cache
def _convolution_result():
    x, weight, dy = (a.astype(float) for a in convolution_data())
    y = reference.cross_correlate2d(x, weight, np.zeros(64), (1, 1), (1, 1))
    dx, dw, _ = reference.cross_correlate2d_backward(dy, x, weight, (1, 1), (1, 1))
    return digest(y, dx, dw)


@cache
def _dense_result():
    x, weight, dy = (a.astype(float) for a in dense_data())
    return digest(x @ weight.T, dy @ weight, dy.T @ x)


EPOCH = "s per 60,000 samples"
MICROSECONDS = "us a call"
WORK = {
    "lenet_64": Work(
        "LeNet-5 training, batch 64", EPOCH, LENET_FLOP * 6e4, 2, lambda: _lenet_after(64, MOMENTUM),
        "5 times the best peer, 45% of peak",
    ),
    "lenet_64_one_thread": Work(
        "the same on one thread", EPOCH, LENET_FLOP * 6e4, 1, lambda: _lenet_after(64, MOMENTUM),
        "two threads are 1.8 times as fast",
    ),
    "lenet_1": Work(
        "LeNet-5 training, batch 1", EPOCH, LENET_FLOP * 6e4, 1, lambda: _lenet_after(1, 0.0), "10 times the best peer"
    ),
    "mlp_128": Work(
        "MLP 784-300-10 training, batch 128", EPOCH, MLP_FLOP * 6e4, 2, lambda: _mlp_after(128),
        "1.3 times the best peer, 65% of peak",
    ),
    "mlp_1": Work(
        "MLP 784-300-10 training, batch 1", EPOCH, MLP_FLOP * 6e4, 1, lambda: _mlp_after(1),
        "3 times the best peer, 5,000 times the object model",
    ),
    "convolution_lenet": Work(
        "second convolution of LeNet-5, forward", "us an image", 2 * 16 * 100 * 150, 1, lambda: np.zeros(0),
        "75% of peak",
    ),
    **{
        f"predict_{n}": Work(
            f"LeNet-5 inference, batch {n}", MICROSECONDS, LENET_FORWARD_FLOP * n, 2, lambda n=n: _lenet_outputs(n),
            "1.5 times ONNX Runtime",
        )
        for n in (1, 64, 1000)
    },
    "convolution_64": Work(
        "convolution 64 to 64, 3x3, on 32x32, batch 32, forward and gradients", "ms", 3 * 2 * 32 * 1024 * 64 * 576, 2,
        _convolution_result, "PyTorch",
    ),
    "dense_1024": Work(
        "dense 1024 to 1024, batch 256, forward and gradients", "ms", 3 * 2 * 256 * 1024 * 1024, 2, _dense_result,
        "0.9 times NumPy",
    ),
}  # fmt: skip
SCALE = {EPOCH: 1.0, MICROSECONDS: 1e6, "us an image": 1e6, "ms": 1e3}
