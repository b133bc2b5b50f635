"""The work that is measured: data, starting weights, how much arithmetic it is, and what must come out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import fastdl

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import reference

from . import dense, functions, many, networks, sequences, trees

# Operations of each layer's forward pass on one sample; either gradient takes as many.
LENET_LAYERS = (2 * 6 * 28 * 28 * 25, 2 * 16 * 10 * 10 * 150, 2 * 400 * 120, 2 * 120 * 84, 2 * 84 * 10)
MLP_LAYERS = (2 * 784 * 300, 2 * 300 * 10)
CHECKED_STEPS = 3
TOLERANCE = 1e-5  # of the largest value: what float32 and another order of additions make
LEARNED = 1000  # images on which a trained network must do far better than chance
LEAST_ACCURACY = 0.5


@dataclass(frozen=True)
class Training:
    """How a network is trained: rates at which it learns, so that no neuron dies and can be skipped."""

    batch: int
    rate: float
    momentum: float = 0.0


LENET_64 = Training(64, 0.05, 0.9)
LENET_1 = Training(1, 0.005)
MLP_128 = Training(128, 0.3)
MLP_1 = Training(1, 0.3)


@dataclass(frozen=True)
class Target:
    """What is to be reached: so many times faster than the fastest of some peers, or this share of the peak."""

    ratio: float = 0.0
    peers: tuple[str, ...] = ()
    peak: float = 0.0


@dataclass(frozen=True)
class Work:
    """One row of the table.

    ``unit`` is what the seconds are of, ``flop`` how many useful operations that takes, or a function that counts them
    where data must be read for it, ``result`` gives what every contestant's check must give.
    """

    title: str
    unit: str
    flop: float | Callable[[], float]
    threads: int
    result: Callable[[], np.ndarray]
    target: Target

    def operations(self) -> float:
        """Give how many useful operations the unit takes."""
        return self.flop() if callable(self.flop) else self.flop

    def verify(self, check: Any, who: str) -> None:
        """Compare a contestant's results with the reference's."""
        wanted = self.result().ravel()
        limit = TOLERANCE * abs(wanted).max(initial=0)
        np.testing.assert_allclose(np.ravel(check), wanted, rtol=0, atol=limit, err_msg=f"{self.title}: {who}")


def verify_learned(outputs: Any, who: str) -> None:
    """See that a network was alive while its training was timed."""
    accuracy = np.mean(np.argmax(outputs, axis=1) == mnist()[1][: len(outputs)])
    if not accuracy >= LEAST_ACCURACY:
        raise AssertionError(f"{who} has not learned: accuracy {accuracy:.1%}")


def training_flop(layers: Sequence[int]) -> float:
    """Operations of a sample's training step: forward and both gradients, but the input's."""
    return 3 * sum(layers) - layers[0]


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


def article_convolution_data():
    """x, weight, bias and a sensitivity map: LeNet-5's second convolution, in float64."""
    rng = np.random.default_rng(3)
    x, sensitivity = rng.standard_normal((6, 14, 14)), rng.standard_normal((16, 10, 10))
    return x, rng.standard_normal((16, 6, 5, 5)) / 12, rng.standard_normal(16), sensitivity


def article_pooling_data():
    """x and a sensitivity map: LeNet-5's first pooling, in float64."""
    rng = np.random.default_rng(4)
    return rng.standard_normal((6, 28, 28)), rng.standard_normal((6, 14, 14))


def article_lstm_data():
    """State and input weights and biases by gate, 50 inputs, and the gradient of the last h: width 128, in float64."""
    rng = np.random.default_rng(5)
    state, inputs = ({k: rng.standard_normal((128, 128)) / 12 for k in "fioc"} for _ in range(2))
    biases = {k: rng.standard_normal((128, 1)) for k in "fioc"}
    return state, inputs, biases, rng.standard_normal((50, 128, 1)), rng.standard_normal((128, 1))


def together(*arrays):
    """Give all numbers in a row."""
    return np.concatenate([np.ravel(a) for a in arrays])


def digest(y, dx, dw):
    """What is compared of a layer's results: a slice of each."""
    return np.concatenate([np.asarray(a[:2], "float64").ravel()[:4096] for a in (y, dx, dw)])


def _double(pairs):
    return [(w.astype(float), b.astype(float)) for w, b in pairs]


@cache
def _lenet_after(training):
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


@cache
def _mlp_after(training):
    layers = [{"kind": "dense", "weight": w, "bias": b, "activation": "sigmoid"} for w, b in _double(mlp_start())]
    net = reference.Network(layers)
    x, target = mnist()[0].reshape(-1, 784).astype(float), mlp_targets().astype(float)
    for step in range(CHECKED_STEPS):
        rows = slice(step * training.batch, (step + 1) * training.batch)
        dy = reference.squared_error_backward(net.forward(x[rows]), target[rows])
        for layer, (dw, db) in zip(layers, net.backward(dy), strict=True):
            layer["weight"] = layer["weight"] - training.rate * dw
            layer["bias"] = layer["bias"] - training.rate * db
    return net.forward(x[:64])


def _lenet_outputs(samples):
    return reference.lenet5(_double(lenet_start())).forward(mnist()[0][:samples].astype(float))


@cache
def _convolution_result():
    x, weight, dy = (a.astype(float) for a in convolution_data())
    y = reference.cross_correlate2d(x, weight, np.zeros(64), (1, 1), (1, 1))
    dx, dw, _ = reference.cross_correlate2d_backward(dy, x, weight, (1, 1), (1, 1))
    return digest(y, dx, dw)


def _dense_result(name):
    x, weight, dy = (a.astype(float) for a in dense.data(name))
    return digest(x @ weight.T, dy @ weight, dy.T @ x)


@cache
def _article_network_result():
    layers = [{"kind": "dense", "weight": w, "bias": b, "activation": "sigmoid"} for w, b in _double(mlp_start())]
    net = reference.Network(layers)
    x, target = mnist()[0].reshape(-1, 784).astype(float), mlp_targets().astype(float)
    for step in range(CHECKED_STEPS):
        dy = reference.squared_error_backward(net.forward(x[step : step + 1]), target[step : step + 1])
        for layer, (dw, db) in zip(layers, net.backward(dy), strict=True):
            layer["weight"] = layer["weight"] - MLP_1.rate * dw
            layer["bias"] = layer["bias"] - MLP_1.rate * db
    return net.forward(x[:20])


@cache
def _article_convolution_result():
    x, weight, bias, sensitivity = article_convolution_data()
    y = np.maximum(reference.cross_correlate2d(x[None], weight, bias, (1, 1), (0, 0)), 0)
    dx, dw, _ = reference.cross_correlate2d_backward(sensitivity[None], x[None], weight, (1, 1), (0, 0))
    return together(y, dx, dw)


@cache
def _article_pooling_result():
    x, sensitivity = article_pooling_data()
    two = (2, 2), (2, 2)
    y = reference.max_pool2d(x[None], *two)
    return together(y, reference.max_pool2d_backward(sensitivity[None], x[None], *two))


@cache
def _article_lstm_result():
    from .article_layers import Lstm

    state, inputs, biases, xs, dh = article_lstm_data()
    layer = Lstm(state, inputs, biases)
    for x in xs:
        layer.forward(x)
    gradients = layer.backward(dh)
    return together(layer.h[-1], *(g for k in layer.GATES for g in gradients[k]))


@cache
def _article_fc_predict_result():
    layers = [{"kind": "dense", "weight": w, "bias": b, "activation": "sigmoid"} for w, b in _double(mlp_start())]
    return reference.Network(layers).forward(mnist()[0][:20].reshape(20, 784).astype(float))


@cache
def _article_recursive_result():
    from .article_classes import WIDTH, tree_data

    W, b, leaves, delta = tree_data()
    nodes, below = leaves[..., 0], []
    while len(nodes) > 1:
        below.append(nodes.reshape(-1, 2 * WIDTH))
        nodes = np.tanh(below[-1] @ W.T + b[:, 0])
    d, W_grad, b_grad = delta.T, 0.0, 0.0
    for x in below[::-1]:
        W_grad, b_grad = W_grad + d.T @ x, b_grad + d.sum(axis=0)
        d = (d @ W * (1 - x * x)).reshape(-1, WIDTH)
    return together(nodes, W_grad, b_grad, -W_grad)


def _article_filter_result():
    return -np.random.default_rng(7).standard_normal((2, 6, 5, 5))[1]


def _article_activators_result():
    from .article_classes import NUMBERS

    x = np.array(NUMBERS)
    pairs = (x, x * 0 + 1), (x * (x > 0), x > 0), (1 / (1 + np.exp(-x)), x * (1 - x)), (np.tanh(x), 1 - x * x)
    return np.array(pairs).transpose(0, 2, 1)


def _article_nodes_result():
    import random

    from .article_classes import CONNECTIONS

    random.seed(1)
    total = sum(random.uniform(-0.1, 0.1) * 0.1 * k for k in range(CONNECTIONS - 1)) + random.uniform(-0.1, 0.1)
    return 1 / (1 + np.exp(-np.array([total])))


EPOCH = "s per 60,000 samples"
MICROSECONDS = "us a call"
CHARACTER = "us a character"
SAMPLE = "us a sample"
STEP = "ms a step of all"
EPOCH_OF_TREES = "s per epoch"
SCALE = {
    EPOCH: 1.0,
    EPOCH_OF_TREES: 1.0,
    MICROSECONDS: 1e6,
    "us an image": 1e6,
    "ms": 1e3,
    CHARACTER: 1e6,
    SAMPLE: 1e6,
    STEP: 1e3,
}
_EPOCH_OF_LENET = 60_000 * training_flop(LENET_LAYERS)
_EPOCH_OF_MLP = 60_000 * training_flop(MLP_LAYERS)
_FRAMEWORKS = ("torch", "jax")
_ALL = ("torch", "jax", "numpy")
_RECURRENT = {("lstm", 16): 1.8, ("lstm", 32): 1.3}  # times the best peer, where that is not twice


def _predict(samples, threads):
    title, flop = f"LeNet-5 inference, batch {samples}", samples * sum(LENET_LAYERS)
    target = Target(ratio=2, peers=("onnxruntime",))
    return Work(title, MICROSECONDS, flop, threads, lambda: _lenet_outputs(samples), target)


def _recurrent(cell, batch, inputs, units):
    title = f"{cell.upper()}, {inputs} to {units}, batch {batch}, {sequences.STEPS} steps, forward and gradients"
    ratio, peak = _RECURRENT.get((cell, batch), 0 if batch == 32 else 2), 0 if batch == 1 else 0.65
    target = Target(ratio=ratio, peers=_FRAMEWORKS, peak=peak)
    case = cell, batch, inputs, units
    return Work(title, "ms", sequences.flop(*case), 2, lambda: sequences.result(*case), target)


def _dense(name):
    batch, inputs, outputs, threads = dense.CASES[name]
    title = f"dense {inputs} to {outputs}, batch {batch}, forward and gradients"
    target = Target(ratio=1, peers=("numpy",), peak=0 if threads > 1 else 0.6 if inputs == 64 else 0.8)
    return Work(title, "ms", dense.flop(batch, inputs, outputs), threads, lambda: _dense_result(name), target)


def _function(name):
    """A call of a function, with what threads it takes."""
    target = Target(ratio=2, peers=("numpy",))
    return Work(functions.title(name), MICROSECONDS, functions.flop(name), 2, lambda: functions.result(name), target)


def _network_training(name):
    case = networks.CASES[name]
    flop, target = 3 * networks.flop(name), Target(ratio=2, peers=_FRAMEWORKS)
    return Work(
        f"{case.title}, training, batch {case.batch}", SAMPLE, flop, case.threads, lambda: networks.result(name), target
    )


def _network_predict(name):
    title, target = f"{networks.CASES[name].title}, inference, batch 1", Target(ratio=2, peers=_FRAMEWORKS)
    return Work(title, MICROSECONDS, networks.flop(name), 1, lambda: networks.predicted(name), target)


def _many(name):
    case, target = many.CASES[name], Target(ratio=5, peers=_FRAMEWORKS)
    return Work(case.title, STEP, case.flop, 2, lambda: many.result(name), target)


def _many_in_turn(name):
    case = many.CASES[name]
    return Work("the same, one network after another", STEP, case.flop, 1, lambda: many.result(name), Target())


def _article_target(ratio):
    return Target(ratio=ratio, peers=("articles",))


WORK = {
    "lenet_64": Work(
        "LeNet-5 training, batch 64", EPOCH, _EPOCH_OF_LENET, 2, lambda: _lenet_after(LENET_64),
        Target(ratio=5, peers=_FRAMEWORKS, peak=0.55),
    ),
    "lenet_64_one_thread": Work(
        "the same on one thread", EPOCH, _EPOCH_OF_LENET, 1, lambda: _lenet_after(LENET_64), Target(),
    ),
    "lenet_1": Work(
        "LeNet-5 training, batch 1", EPOCH, _EPOCH_OF_LENET, 1, lambda: _lenet_after(LENET_1),
        Target(ratio=10, peers=_FRAMEWORKS),
    ),
    "mlp_128": Work(
        "MLP 784-300-10 training, batch 128", EPOCH, _EPOCH_OF_MLP, 2, lambda: _mlp_after(MLP_128),
        Target(ratio=1.4, peers=_ALL, peak=0.7),
    ),
    "mlp_1": Work(
        "MLP 784-300-10 training, batch 1", EPOCH, _EPOCH_OF_MLP, 1, lambda: _mlp_after(MLP_1),
        Target(ratio=3, peers=_ALL),
    ),
    "convolution_lenet": Work(
        "second convolution of LeNet-5, forward", "us an image", LENET_LAYERS[1], 1, lambda: np.zeros(0),
        Target(peak=0.75),
    ),
    "predict_1": _predict(1, 1),
    "predict_64": _predict(64, 2),
    "predict_1000": _predict(1000, 2),
    "convolution_64": Work(
        "convolution 64 to 64, 3x3, on 32x32, batch 32, forward and gradients", "ms", 3 * 2 * 32 * 1024 * 64 * 576, 2,
        _convolution_result, Target(ratio=1.2, peers=("torch",), peak=0.75),
    ),
    **{name: _dense(name) for name in dense.CASES},
    **{name: _recurrent(*case) for name, case in sequences.CASES.items()},
    **{name: _function(name) for name in (*functions.PLANES, *functions.STEPS)},
    **{f"{name}_training": _network_training(name) for name in networks.CASES},
    **{f"{name}_predict": _network_predict(name) for name in networks.CASES},
    **{row: make(name) for name in many.CASES for row, make in ((name, _many), (f"{name}_in_turn", _many_in_turn))},
    "language": Work(
        "language model, LSTM of 512, 32 streams, windows of 64, training", CHARACTER, sequences.language_flop(), 2,
        sequences.language_result, Target(ratio=1.6, peers=_FRAMEWORKS),
    ),
    "trees": Work(
        "recursive network of 30 units, batches of 25 trees, training", EPOCH_OF_TREES, trees.flop, 2, trees.result,
        Target(ratio=3, peers=("torch",)),
    ),
    "trees_by_node": Work(
        "the same, one node after another in PyTorch", EPOCH_OF_TREES, trees.flop, 2, trees.result,
        Target(ratio=40, peers=("torch",)),
    ),
    "article_network": Work(
        "`bp.Network`, 784-300-10, `train` on MNIST", EPOCH, 0, 1, _article_network_result, _article_target(5000),
    ),
    "article_convolution": Work(
        "`ConvLayer`, LeNet-5's second convolution, forward and backward", MICROSECONDS, 0, 1,
        _article_convolution_result, _article_target(500),
    ),
    "article_pooling": Work(
        "`MaxPoolingLayer`, 2 x 2 on 6 x 28 x 28, forward and backward", MICROSECONDS, 0, 1, _article_pooling_result,
        _article_target(300),
    ),
    "article_lstm": Work(
        "`LstmLayer`, 50 steps of width 128, forward and backward", MICROSECONDS, 0, 1, _article_lstm_result,
        _article_target(20),
    ),
    "article_fc_step": Work(
        "`fc.Network`, 784-300-10, `train_one_sample` on MNIST", MICROSECONDS, 0, 1, _article_network_result,
        _article_target(20),
    ),
    "article_fc_predict": Work(
        "`fc.Network`, 784-300-10, `predict`", MICROSECONDS, 0, 1, _article_fc_predict_result, _article_target(1),
    ),
    "article_recursive": Work(
        "`RecursiveLayer` of width 50, 32 leaves, forward, backward and update", MICROSECONDS, 0, 1,
        _article_recursive_result, _article_target(1),
    ),
    "article_filter": Work(
        "`Filter.update`, 6 x 5 x 5", MICROSECONDS, 0, 1, _article_filter_result, _article_target(1),
    ),
    "article_activators": Work(
        "four activators, forward and backward of two numbers each", MICROSECONDS, 0, 1, _article_activators_result,
        _article_target(1),
    ),
    "article_nodes": Work(
        "`Node.calc_output` of 20 connections", MICROSECONDS, 0, 1, _article_nodes_result, _article_target(1),
    ),
}  # fmt: skip
