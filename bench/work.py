"""The rows of the table: everything that is measured, by name."""

from __future__ import annotations

import numpy as np

from . import article_results, convolution, dense, digits, functions, many, networks, sequences, trees
from .digits import LENET_1, LENET_64, LENET_100, LENET_LAYERS, MLP_1, MLP_128, MLP_LAYERS, training_flop
from .row import CHARACTER, EPOCH, EPOCH_OF_TREES, MICROSECONDS, SAMPLE, STEP, Target, Work

_EPOCH_OF_LENET = 60_000 * training_flop(LENET_LAYERS)
_EPOCH_OF_MLP = 60_000 * training_flop(MLP_LAYERS)
_FRAMEWORKS = ("torch", "jax")
_ALL = ("torch", "jax", "numpy")
_RECURRENT = {("lstm", 16): 1.8, ("lstm", 32): 1.3}  # times the best peer, where that is not twice


def _predict(samples, threads, how=""):
    title, flop = f"LeNet-5 inference, batch {samples}{how}", samples * sum(LENET_LAYERS)
    target = Target(ratio=2, peers=("onnxruntime",))
    return Work(title, MICROSECONDS, flop, threads, lambda: digits.lenet_outputs(samples), target)


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
    return Work(title, "ms", dense.flop(batch, inputs, outputs), threads, lambda: dense.result(name), target)


def _function(name):
    """A call of a function, with the number of its threads."""
    target = Target(ratio=2, peers=("numpy",))
    return Work(functions.title(name), MICROSECONDS, functions.flop(name), 2, lambda: functions.result(name), target)


def _network_training(name):
    case = networks.CASES[name]
    flop, target = 3 * networks.flop(name), Target(ratio=2, peers=_FRAMEWORKS)
    return Work(
        f"{case.title}, training, batch {case.batch}", SAMPLE, flop, case.threads, lambda: networks.result(name), target
    )


def _network_predict(name):
    case, target = networks.CASES[name], Target(ratio=2, peers=_FRAMEWORKS)
    title, threads = f"{case.title}, inference, batch 1", case.threads
    return Work(title, MICROSECONDS, networks.flop(name), threads, lambda: networks.predicted(name), target)


def _many(name):
    case, target = many.CASES[name], Target(ratio=5, peers=_FRAMEWORKS)
    return Work(case.title, STEP, case.flop, 2, lambda: many.result(name), target)


def _many_in_turn(name):
    case = many.CASES[name]
    return Work("the same, one network after another", STEP, case.flop, 1, lambda: many.result(name), Target())


def _article(title, result, ratio, unit=MICROSECONDS):
    """A row beside the articles' own Python, whose arithmetic is not counted."""
    return Work(title, unit, 0, 1, result, Target(ratio=ratio, peers=("articles",)))


WORK = {
    "lenet_64": Work(
        "LeNet-5 training, batch 64", EPOCH, _EPOCH_OF_LENET, 2, lambda: digits.lenet_after(LENET_64),
        Target(ratio=5, peers=_FRAMEWORKS, peak=0.55),
    ),
    "lenet_64_one_thread": Work(
        "the same on one thread", EPOCH, _EPOCH_OF_LENET, 1, lambda: digits.lenet_after(LENET_64), Target(),
    ),
    "lenet_100": Work(
        "LeNet-5 training, batch 100", EPOCH, _EPOCH_OF_LENET, 2, lambda: digits.lenet_after(LENET_100),
        Target(peers=_FRAMEWORKS),
    ),
    "lenet_1": Work(
        "LeNet-5 training, batch 1", EPOCH, _EPOCH_OF_LENET, 1, lambda: digits.lenet_after(LENET_1),
        Target(ratio=10, peers=_FRAMEWORKS),
    ),
    "mlp_128": Work(
        "MLP 784-300-10 training, batch 128", EPOCH, _EPOCH_OF_MLP, 2, lambda: digits.mlp_after(MLP_128),
        Target(ratio=1.4, peers=_ALL, peak=0.7),
    ),
    "mlp_1": Work(
        "MLP 784-300-10 training, batch 1", EPOCH, _EPOCH_OF_MLP, 1, lambda: digits.mlp_after(MLP_1),
        Target(ratio=3, peers=_ALL),
    ),
    "convolution_lenet": Work(
        "second convolution of LeNet-5, forward", "us an image", LENET_LAYERS[1], 1, lambda: np.zeros(0),
        Target(peak=0.75),
    ),
    "predict_1": _predict(1, 1),
    "predictor_1": _predict(1, 1, ", prepared: `predictor(1)`, ONNX Runtime's bound arrays"),
    "predict_64": _predict(64, 2),
    "predict_1000": _predict(1000, 2),
    "convolution_64": Work(
        "convolution 64 to 64, 3x3, on 32x32, batch 32, forward and gradients", "ms", 3 * 2 * 32 * 1024 * 64 * 576, 2,
        convolution.result, Target(ratio=1.2, peers=("torch",), peak=0.75),
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
    "article_network": _article(
        "`bp.Network`, 784-300-10, `train` on MNIST", lambda: digits.mlp_after(MLP_1)[:20], 5000, EPOCH
    ),
    "article_convolution": _article(
        "`ConvLayer`, LeNet-5's second convolution, forward and backward", article_results.convolution, 500
    ),
    "article_pooling": _article(
        "`MaxPoolingLayer`, 2 x 2 on 6 x 28 x 28, forward and backward", article_results.pooling, 300
    ),
    "article_lstm": _article(
        "`LstmLayer`, 50 steps of width 128, forward and backward", article_results.lstm, 20
    ),
    "article_fc_step": _article(
        "`fc.Network`, 784-300-10, `train_one_sample` on MNIST", lambda: digits.mlp_after(MLP_1)[:20], 20
    ),
    "article_fc_predict": _article("`fc.Network`, 784-300-10, `predict`", lambda: digits.mlp_outputs(20), 1),
    "article_recursive": _article(
        "`RecursiveLayer` of width 50, 32 leaves, forward, backward and update", article_results.recursive, 1
    ),
    "article_filter": _article("`Filter.update`, 6 x 5 x 5", article_results.filter_update, 1),
    "article_activators": _article(
        "four activators, forward and backward of two numbers each", article_results.activators, 1
    ),
    "article_nodes": _article("`Node.calc_output` of 20 connections", article_results.nodes, 1),
}  # fmt: skip
