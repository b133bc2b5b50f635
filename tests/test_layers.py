"""The contract that every layer keeps, with a case for each in `CASES`; and what single layers do besides."""

import pickle
from collections.abc import Callable
from copy import deepcopy
from typing import NamedTuple

import numpy as np
import pytest
from conftest import close

import fastdl
from fastdl import Sequential, gradient_check, layers, optimizers
from fastdl.trees import Trees


class Case(NamedTuple):
    """A layer, the shape of its samples, and what these are where they are no numbers alone."""

    make: Callable[[], layers.Layer]
    shape: tuple[int | None, ...]
    tokens: tuple[int, ...] = ()  # for each feature that holds some, or for all, how many there are

    @property
    def arity(self):
        return self.reading.arity

    @property
    def reading(self):
        return self.make().graph_for(self.shape).reading

    @property
    def shape_in_network(self):
        return (None, *self.shape[1:]) if self.arity else self.shape

    def batch(self, rng, samples):
        """Some samples."""
        if self.arity:
            trees = Trees.parse("\n".join(line for k in range(samples) for line in Trees.of(self.tree(k)).brackets()))
            return Batch(rng.standard_normal((len(trees.words), *self.shape[1:])), trees)
        x = rng.standard_normal((samples, *self.shape))
        for k, vocabulary in enumerate(self.tokens):
            x[..., k] = rng.integers(0, vocabulary, x.shape[:-1])
        return Batch(x)

    def tree(self, k):
        """The kth tree, of 0 to 3 merges, now left and now right."""
        node, others = "a", ("a",) * (self.arity - 1)
        for level in range(k % 4):
            node = (node, *others) if (k + level) % 2 else (*others, node)
        return node


class Batch:
    """Samples, as a layer and a network are called with them."""

    def __init__(self, x, trees=None):
        self.x, self.options = x, {} if trees is None else {"trees": trees}

    def __len__(self):
        return len(self.options.get("trees", self.x))

    def parts(self):
        """Each sample alone, and which rows of x it is."""
        if not self.options:
            return [(Batch(self.x[i : i + 1]), slice(i, i + 1)) for i in range(len(self.x))]
        trees, start = self.options["trees"], self.options["trees"].start
        rows = [slice(start[i], start[i + 1]) for i in range(len(trees))]
        return [(Batch(self.x[where], trees[i : i + 1]), where) for i, where in enumerate(rows)]


def nested(*inner):
    return Sequential([*inner])


def beside(k, vocabulary, *inner):
    """Categories, of the feature k of three, that go to an embedding beside the numbers."""
    numbers = [j for j in range(3) if j != k]
    embedded = [layers.Select([k]), layers.Embedding(vocabulary, 4), layers.Flatten()]
    return layers.Parallel([embedded, [layers.Select(numbers), *inner]])


def leaky():
    return layers.Activation("leaky_relu", slope=0.2)


def elu():
    return layers.Activation("elu", alpha=0.7)


CASES = {
    "dense": Case(lambda: layers.Dense(7), (13,)),
    "dense relu": Case(lambda: layers.Dense(33, "relu"), (64,)),
    "dense wide": Case(lambda: layers.Dense(256, "tanh"), (96,)),
    "dense softmax": Case(lambda: layers.Dense(5, "softmax"), (4,)),
    "dense leaky": Case(lambda: layers.Dense(9, leaky()), (13,)),
    "dense gelu": Case(lambda: layers.Dense(9, "gelu"), (13,)),
    "dense elu": Case(lambda: layers.Dense(9, elu()), (13,)),
    "dense selu": Case(lambda: layers.Dense(9, "selu"), (13,)),
    "dense silu": Case(lambda: layers.Dense(9, "silu"), (13,)),
    "dense softplus": Case(lambda: layers.Dense(9, "softplus"), (13,)),
    "dense hard sigmoid": Case(lambda: layers.Dense(9, "hard_sigmoid"), (13,)),
    "dense hard tanh": Case(lambda: layers.Dense(9, "hard_tanh"), (13,)),
    "dense hard silu": Case(lambda: layers.Dense(9, "hard_silu"), (13,)),
    "dense, start with a gain": Case(lambda: layers.Dense(7, initializer=("orthogonal", 2**0.5)), (13,)),
    "dense over time": Case(lambda: layers.Dense(9, "gelu"), (5, 7)),
    "convolution": Case(lambda: layers.Conv2D(6, 3), (2, 9, 8)),
    "convolution of one channel": Case(lambda: layers.Conv2D(6, 5, padding=2, activation="relu"), (1, 12, 11)),
    "convolution, stride": Case(lambda: layers.Conv2D(19, (2, 3), stride=(2, 3), activation="tanh"), (3, 7, 11)),
    "convolution, padding": Case(lambda: layers.Conv2D(17, (3, 2), padding=(2, 1), activation="sigmoid"), (5, 6, 7)),
    "convolution, gaps": Case(lambda: layers.Conv2D(4, 1, stride=3), (2, 8, 7)),
    "convolution, same": Case(lambda: layers.Conv2D(4, (4, 3), padding="same", activation="tanh"), (3, 6, 5)),
    "convolution, same, stride": Case(lambda: layers.Conv2D(4, 3, padding="same", stride=(2, 3)), (3, 6, 5)),
    "convolution, dilated": Case(lambda: layers.Conv2D(5, (3, 2), dilation=(2, 3), padding=1), (3, 7, 6)),
    "convolution, dilated downwards": Case(lambda: layers.Conv2D(17, 3, dilation=(3, 1), stride=2), (4, 9, 8)),
    "convolution in groups": Case(
        lambda: layers.Conv2D(6, (3, 2), groups=3, padding=1, stride=(1, 2), activation="relu"), (6, 5, 7)
    ),
    "convolution in groups, one pixel": Case(lambda: layers.Conv2D(34, 1, groups=2), (4, 5, 7)),
    "depthwise": Case(lambda: layers.Conv2D(17, 3, groups=17, padding=1, activation="tanh"), (17, 6, 11)),
    "depthwise, stride": Case(lambda: layers.Conv2D(4, (5, 6), groups=4, padding="same", stride=(2, 3)), (4, 9, 8)),
    "depthwise, dilated": Case(lambda: layers.Conv2D(33, 3, groups=33, dilation=(2, 3), stride=(3, 2)), (33, 9, 10)),
    "depthwise, several filters": Case(lambda: layers.Conv2D(15, 3, groups=5, padding=1), (5, 4, 6)),
    "convolution in time": Case(lambda: layers.Conv1D(6, 3, activation="relu"), (7, 4)),
    "convolution in time, same": Case(
        lambda: layers.Conv1D(17, 4, padding="same", dilation=2, activation="gelu"), (5, 7)
    ),
    "convolution in time, causal": Case(lambda: layers.Conv1D(4, 3, padding="causal", dilation=3), (5, 7)),
    "convolution in time, stride": Case(lambda: layers.Conv1D(5, 3, padding=2, stride=3, dilation=2), (9, 4)),
    "convolution of one step": Case(lambda: layers.Conv1D(9, 1, activation="tanh"), (5, 7)),
    "convolution in time, causal, stride": Case(lambda: layers.Conv1D(5, 2, padding="causal", stride=2), (6, 3)),
    "convolution in time, groups": Case(lambda: layers.Conv1D(6, 3, padding="same", groups=2), (5, 4)),
    "depthwise in time": Case(lambda: layers.Conv1D(17, 9, padding="same", groups=17), (6, 17)),
    "depthwise in time, several filters": Case(lambda: layers.Conv1D(6, 2, padding="causal", groups=3), (6, 3)),
    "transposed convolution": Case(lambda: layers.ConvTranspose2D(5, 3, activation="relu"), (3, 4, 5)),
    "transposed convolution, stride": Case(
        lambda: layers.ConvTranspose2D(17, (4, 3), stride=(2, 3), padding=1, output_padding=(1, 2)), (2, 4, 3)
    ),
    "transposed convolution, blocks": Case(
        lambda: layers.ConvTranspose2D(3, 2, stride=2, activation="gelu"), (4, 5, 3)
    ),
    "transposed convolution, gaps": Case(lambda: layers.ConvTranspose2D(2, 1, stride=3, activation="tanh"), (19, 2, 3)),
    "transposed convolution of a row": Case(lambda: layers.ConvTranspose2D(6, (1, 4), stride=(1, 2)), (3, 1, 6)),
    "max pool in time": Case(lambda: layers.MaxPool1D(2), (7, 5)),
    "max pool in time, overlapping": Case(lambda: layers.MaxPool1D(3, 2), (8, 17)),
    "max pool of one step": Case(lambda: layers.MaxPool1D(1), (4, 5)),
    "mean pool in time": Case(lambda: layers.MeanPool1D(2), (7, 5)),
    "mean pool in time, overlapping": Case(lambda: layers.MeanPool1D(4, 1), (8, 1)),
    "residual of convolutions in time": Case(
        lambda: layers.Residual(
            [layers.Conv1D(7, 3, padding="causal"), layers.BatchNorm(), layers.Conv1D(7, 3, padding=1)]
        ),
        (5, 7),
    ),
    "network of tokens and windows": Case(
        lambda: nested(layers.Embedding(6, 3), layers.Conv1D(5, 3, padding="same"), layers.Flatten(), layers.Dense(2)),
        (7,),
        (6,) * 7,
    ),
    "convolution gelu": Case(lambda: layers.Conv2D(5, 3, activation="gelu"), (2, 5, 6)),
    "convolution of one channel, gelu": Case(lambda: layers.Conv2D(5, 3, activation="gelu"), (1, 7, 6)),
    "convolution of one channel, leaky": Case(lambda: layers.Conv2D(5, 3, activation=leaky()), (1, 7, 6)),
    "convolution elu": Case(lambda: layers.Conv2D(5, 3, activation="elu"), (2, 5, 6)),
    "convolution softplus": Case(lambda: layers.Conv2D(5, 3, activation="softplus"), (1, 7, 6)),
    "convolution silu": Case(lambda: layers.Conv2D(5, 3, activation="silu"), (2, 5, 6)),
    "max pool": Case(lambda: layers.MaxPool2D(2), (6, 8, 8)),
    "max pool, odd": Case(lambda: layers.MaxPool2D(2), (3, 7, 9)),
    "max pool, overlapping": Case(lambda: layers.MaxPool2D(3, 2), (17, 9, 8)),
    "max pool, gaps": Case(lambda: layers.MaxPool2D((1, 2), 3), (2, 8, 9)),
    "max pool of one channel": Case(lambda: layers.MaxPool2D(2), (1, 6, 34)),
    "max pool of one channel, odd": Case(lambda: layers.MaxPool2D(2), (1, 7, 21)),
    "mean pool of one channel, odd": Case(lambda: layers.MeanPool2D(2), (1, 5, 37)),
    "mean pool": Case(lambda: layers.MeanPool2D(2), (6, 8, 8)),
    "mean pool, overlapping": Case(lambda: layers.MeanPool2D((2, 3), 1), (5, 6, 7)),
    "flatten": Case(lambda: layers.Flatten(), (3, 4, 5)),
    "flatten one channel": Case(lambda: layers.Flatten(), (1, 4, 5)),
    "flatten one pixel": Case(lambda: layers.Flatten(), (6, 1, 1)),
    "flatten steps": Case(lambda: layers.Flatten(), (7, 3)),
    "flatten one step": Case(lambda: layers.Flatten(), (1, 5)),
    "flatten what is flat": Case(lambda: layers.Flatten(), (5,)),
    "reshape to images": Case(lambda: layers.Reshape((3, -1, 5)), (60,)),
    "reshape of images": Case(lambda: layers.Reshape((5, 3, 4)), (3, 4, 5)),
    "reshape images to steps": Case(lambda: layers.Reshape((6, -1)), (3, 4, 5)),
    "reshape steps": Case(lambda: layers.Reshape((3, 7)), (7, 3)),
    "reshape steps to images": Case(lambda: layers.Reshape((2, 3, 4)), (4, 6)),
    "reshape steps to rows": Case(lambda: layers.Reshape(-1), (4, 6)),
    "reshape to what it is": Case(lambda: layers.Reshape(6), (6,)),
    "global max pool": Case(lambda: layers.GlobalMaxPool(), (3, 4, 5)),
    "global max pool, wide": Case(lambda: layers.GlobalMaxPool(), (37, 2, 3)),
    "global max pool of one channel": Case(lambda: layers.GlobalMaxPool(), (1, 7, 5)),
    "global max pool over time": Case(lambda: layers.GlobalMaxPool(), (5, 7)),
    "global max pool of one step": Case(lambda: layers.GlobalMaxPool(), (1, 7)),
    "global mean pool": Case(lambda: layers.GlobalMeanPool(), (19, 4, 5)),
    "global mean pool over time": Case(lambda: layers.GlobalMeanPool(), (5, 17)),
    "upsample": Case(lambda: layers.UpSample2D(), (3, 4, 5)),
    "upsample, wide": Case(lambda: layers.UpSample2D((1, 3)), (19, 2, 3)),
    "upsample, bilinear": Case(lambda: layers.UpSample2D((2, 3), "bilinear"), (3, 4, 5)),
    "upsample one channel, bilinear": Case(lambda: layers.UpSample2D(4, "bilinear"), (1, 3, 1)),
    "rescaling": Case(lambda: layers.Rescaling(1 / 255), (13,)),
    "rescaling over time": Case(lambda: layers.Rescaling(-2.0, 0.5), (5, 7)),
    "rescaling of images": Case(lambda: layers.Rescaling(0.5, offset=-1.0), (3, 5, 7)),
    "noise": Case(lambda: layers.GaussianNoise(0.3), (13,)),
    "noise over time": Case(lambda: layers.GaussianNoise(0.3), (5, 7)),
    "noise of images": Case(lambda: layers.GaussianNoise(0.3), (3, 5, 7)),
    "activation": Case(lambda: layers.Activation("sigmoid"), (3, 4, 5)),
    "activation over time": Case(lambda: layers.Activation("tanh"), (5, 7)),
    "softmax": Case(lambda: layers.Activation("softmax"), (9,)),
    "softmax over time": Case(lambda: layers.Activation("softmax"), (5, 7)),
    "leaky": Case(leaky, (13,)),
    "leaky over time": Case(leaky, (5, 7)),
    "leaky of images": Case(leaky, (3, 5, 7)),
    "gelu": Case(lambda: layers.Activation("gelu"), (13,)),
    "gelu over time": Case(lambda: layers.Activation("gelu"), (5, 7)),
    "gelu of images": Case(lambda: layers.Activation("gelu"), (3, 5, 7)),
    "elu of images": Case(elu, (3, 5, 7)),
    "selu over time": Case(lambda: layers.Activation("selu"), (5, 7)),
    "softplus": Case(lambda: layers.Activation("softplus"), (13,)),
    "silu over time": Case(lambda: layers.Activation("silu"), (5, 7)),
    "hard sigmoid of images": Case(lambda: layers.Activation("hard_sigmoid"), (3, 5, 7)),
    "relu6 of images": Case(lambda: layers.Conv2D(9, 2, activation="relu6"), (3, 5, 7)),
    "hard tanh": Case(lambda: layers.Activation("hard_tanh"), (13,)),
    "hard silu of images": Case(lambda: layers.Activation("hard_silu"), (3, 5, 7)),
    "dropout": Case(lambda: layers.Dropout(0.3), (13,)),
    "dropout over time": Case(lambda: layers.Dropout(0.3), (5, 7)),
    "dropout of images": Case(lambda: layers.Dropout(0.3), (3, 5, 7)),
    "random shift": Case(lambda: layers.RandomShift(2), (2, 6, 7)),
    "random flip": Case(lambda: layers.RandomFlip(vertical=True), (2, 6, 7)),
    "random flip, wide": Case(lambda: layers.RandomFlip(), (19, 3, 4)),
    "random rotation": Case(lambda: layers.RandomRotation(40), (2, 6, 7)),
    "random rotation of one channel": Case(lambda: layers.RandomRotation(180.0), (1, 5, 3)),
    "random erasing": Case(lambda: layers.RandomErasing(0.7), (2, 6, 7)),
    "random erasing, large": Case(lambda: layers.RandomErasing(1, area=(0.5, 1), ratio=(0.1, 10)), (17, 5, 4)),
    "embedding": Case(lambda: layers.Embedding(11, 5), (7,), (11,) * 7),
    "select": Case(lambda: layers.Select([4, 0, 4, 11]), (13,)),
    "select over time": Case(lambda: layers.Select([4, 0, 4, 1, 6]), (5, 7)),
    "select of images": Case(lambda: layers.Select([2, 0, 2, 1]), (3, 5, 7)),
    "positions": Case(lambda: layers.PositionalEmbedding(9), (5, 7)),
    "attention": Case(lambda: layers.SelfAttention(3), (5, 21)),
    "attention, causal": Case(lambda: layers.SelfAttention(2, causal=True), (70, 6)),
    "attention of one step": Case(lambda: layers.SelfAttention(1), (1, 7)),
    "periodic": Case(lambda: layers.PeriodicEmbedding(3), (13,)),
    "periodic, wide": Case(lambda: layers.PeriodicEmbedding(17, stddev=0.3), (5,)),
    "periodic over time": Case(lambda: layers.PeriodicEmbedding(5), (5, 7)),
    "robust scaling": Case(lambda: layers.RobustScaling(), (13,)),
    "robust scaling over time": Case(lambda: layers.RobustScaling(0.7), (5, 7)),
    "group norm": Case(lambda: layers.GroupNorm(2), (6, 5, 7)),
    "group norm, one": Case(lambda: layers.GroupNorm(1, epsilon=0.1), (3, 4, 3)),
    "group norm of each channel": Case(lambda: layers.GroupNorm(17), (17, 2, 3)),
    "group norm over time": Case(lambda: layers.GroupNorm(3), (5, 9)),
    "group norm of features": Case(lambda: layers.GroupNorm(4), (20,)),
    "layer norm": Case(lambda: layers.LayerNorm(), (13,)),
    "layer norm, wide": Case(lambda: layers.LayerNorm(epsilon=0.1), (97,)),
    "layer norm over time": Case(lambda: layers.LayerNorm(), (5, 7)),
    "layer norm of images": Case(lambda: layers.LayerNorm(), (3, 5, 7)),
    "batch norm": Case(lambda: layers.BatchNorm(), (13,)),
    "batch norm, wide": Case(lambda: layers.BatchNorm(epsilon=0.1, momentum=0.5), (97,)),
    "batch norm over time": Case(lambda: layers.BatchNorm(), (5, 7)),
    "batch norm of images": Case(lambda: layers.BatchNorm(), (3, 5, 7)),
    "rnn": Case(lambda: layers.RNN(9), (5, 7)),
    "rnn, leaky, all steps": Case(lambda: layers.RNN(9, leaky(), return_sequences=True), (5, 7)),
    "rnn, elu": Case(lambda: layers.RNN(9, elu()), (5, 7)),
    "rnn, relu6": Case(lambda: layers.RNN(9, "relu6", return_sequences=True), (5, 7)),
    "rnn, hard tanh": Case(lambda: layers.RNN(9, "hard_tanh", return_sequences=True), (5, 7)),
    "lstm": Case(lambda: layers.LSTM(9, return_sequences=True), (5, 7)),
    "lstm of one step": Case(lambda: layers.LSTM(9), (1, 7)),
    "gru": Case(lambda: layers.GRU(9), (5, 7)),
    "gru, reset before": Case(lambda: layers.GRU(9, return_sequences=True, reset_after=False), (5, 7)),
    "bidirectional": Case(lambda: layers.Bidirectional(layers.GRU(9, return_sequences=True)), (5, 7)),
    "bidirectional, added": Case(lambda: layers.Bidirectional(layers.LSTM(9), merge="sum"), (5, 7)),
    "recursive": Case(lambda: layers.Recursive(5), (1, 5)),
    "recursive, leaky": Case(lambda: layers.Recursive(5, 3, leaky(), return_nodes=True), (1, 5)),
    "recursive, softplus": Case(lambda: layers.Recursive(5, activation="softplus", return_nodes=True), (1, 5)),
    "recursive, tensor": Case(lambda: layers.Recursive(3, composition="tensor"), (1, 3)),
    "recursive, lstm": Case(lambda: layers.Recursive(5, composition="lstm", return_nodes=True), (1, 5)),
    "residual": Case(lambda: layers.Residual([layers.Dense(9, "gelu"), layers.Dense(13)]), (13,)),
    "residual over time": Case(
        lambda: layers.Residual([layers.LSTM(7, return_sequences=True), layers.Activation("gelu")]), (3, 7)
    ),
    "residual of images": Case(
        lambda: layers.Residual([layers.BatchNorm(), layers.Conv2D(3, 3, padding=1, activation="gelu")]), (3, 5, 7)
    ),
    "residual in itself": Case(
        lambda: layers.Residual([layers.Residual([layers.Dense(13, "tanh")]), layers.LayerNorm()]), (13,)
    ),
    "side by side": Case(lambda: layers.Parallel([[layers.Dense(3)], [], [leaky(), layers.Dense(6)]]), (13,)),
    "side by side over time": Case(
        lambda: layers.Parallel([[layers.GRU(3)], [layers.RNN(4), layers.LayerNorm()]]), (5, 7)
    ),
    "side by side of images": Case(
        lambda: layers.Parallel([[layers.Conv2D(2, 3, padding=1)], [], [layers.Conv2D(4, 1)]]), (3, 5, 7)
    ),
    "added": Case(lambda: layers.Parallel([[layers.Dense(13)], [], [leaky()]], "sum"), (13,)),
    "added over time": Case(
        lambda: layers.Parallel([[layers.LSTM(6, return_sequences=True)], [layers.Dense(6)]], "sum"), (5, 7)
    ),
    "added of images": Case(lambda: layers.Parallel([[layers.Conv2D(4, 2)] for _ in "abc"], "sum"), (1, 5, 7)),
    "multiplied": Case(lambda: layers.Parallel([[layers.Dense(13, "sigmoid")], [], [leaky()]], "product"), (13,)),
    "multiplied over time": Case(
        lambda: layers.Parallel(
            [[layers.Bidirectional(layers.RNN(3, return_sequences=True))], [layers.Dense(6)]], "product"
        ),
        (5, 7),
    ),
    "multiplied of images": Case(lambda: layers.Parallel([[layers.Conv2D(4, 2)] for _ in "abc"], "product"), (1, 5, 7)),
    "gate of channels": Case(
        lambda: layers.Parallel([[], [layers.GlobalMeanPool(), layers.Dense(3, "sigmoid")]], "product"), (3, 5, 7)
    ),
    "gates of pixels and images": Case(
        lambda: layers.Parallel(
            [[layers.Conv2D(1, 1, activation="tanh")], [], [layers.GlobalMaxPool(), layers.Dense(1)]], "product"
        ),
        (9, 2, 3),
    ),
    "gates of features and steps": Case(
        lambda: layers.Parallel(
            [[layers.GRU(5)], [layers.Dense(1, "sigmoid")], [layers.Dense(5)], [layers.LSTM(1)]], "product"
        ),
        (4, 3),
    ),
    "added to pixels": Case(
        lambda: layers.Parallel([[layers.Conv2D(17, (2, 3))], [layers.Conv2D(1, 1)], [layers.Conv2D(17, 1)]], "sum"),
        (2, 2, 3),
    ),
    "added to steps": Case(
        lambda: layers.Parallel([[layers.RNN(8)], [layers.Dense(8)], [layers.GRU(1)]], "sum"), (3, 2)
    ),
    "added to features": Case(
        lambda: layers.Parallel([[layers.Dense(1)], [layers.BatchNorm()], [layers.Dense(9, "tanh")]], "sum"), (9,)
    ),
    "multiplied by itself": Case(lambda: layers.Parallel([[], [], []], "product"), (13,)),
    "one branch": Case(lambda: layers.Parallel([[]]), (13,)),
    "categories beside numbers": Case(lambda: beside(1, 6, layers.BatchNorm(), layers.Dense(5)), (3,), (1, 6)),
    "network": Case(lambda: nested(nested(layers.Dense(5), layers.Dropout(0.2)), nested(nested(leaky()))), (13,)),
    "network over time": Case(lambda: nested(layers.Dense(5), layers.LSTM(6), nested(layers.Dense(3))), (5, 7)),
    "network of images": Case(
        lambda: nested(layers.Conv2D(5, 3), layers.MaxPool2D(2), nested(layers.Flatten(), layers.Dense(3))), (1, 7, 8)
    ),
    "network of tokens": Case(
        lambda: nested(nested(layers.Embedding(6, 3)), layers.Residual([layers.GRU(3, return_sequences=True)])),
        (7,),
        (6,) * 7,
    ),
    "network of tokens in a row": Case(
        lambda: nested(layers.Embedding(6, 3), layers.Flatten(), layers.Dense(4)), (7,), (6,) * 7
    ),
    "tokens side by side": Case(
        lambda: layers.Parallel(
            [
                [layers.Embedding(6, 3), layers.BatchNorm(), layers.GRU(4)],
                [layers.Embedding(9, 2), layers.Bidirectional(layers.RNN(3))],
                [layers.Embedding(6, 2), layers.Flatten()],
            ]
        ),
        (7,),
        (6,) * 7,
    ),
    "network of trees": Case(
        lambda: nested(
            layers.Residual([layers.LayerNorm(), layers.Recursive(5, return_nodes=True)]),
            layers.Parallel([[layers.Recursive(5)], [layers.Dense(5), layers.Recursive(5, composition="lstm")]]),
        ),
        (1, 5),
    ),
}


def test_every_class_keeps_the_contract():
    every = {kind for kind in vars(layers).values() if isinstance(kind, type) and issubclass(kind, layers.Layer)}
    assert {type(case.make()) for case in CASES.values()} == (every | {Sequential}) - {layers.Layer, layers.Container}


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def case(request):
    return request.param


@pytest.fixture
def batch(case, rng):
    return case.batch(rng, 35)


def built(case, dtype="float64"):
    layer = case.make()
    layer.build(case.shape_in_network if isinstance(layer, Sequential) else case.shape, dtype=dtype, seed=1)
    started(layer)
    return layer


def started(layer):
    """Move what starts as zeros and ones, so that it matters."""
    rng = np.random.default_rng(2)
    for name, values in {**layer.params, **layer.buffers}.items():
        if "weight" not in name or values.ndim == 1:
            values[...] += rng.uniform(-0.5, 0.5, values.shape)


def run(layer, batch, dy):
    """Everything that a layer computes."""
    y = layer.forward(batch.x, **batch.options)
    dx = layer.backward(dy)
    return y, dx, *(g.copy() for g in layer.grads.values())


def upstream(layer, batch):
    """A gradient of what the layer gives."""
    return np.random.default_rng(1).standard_normal(layer.forward(batch.x, **batch.options).shape)


def test_gradients(case):
    layer, batch = built(case), case.batch(np.random.default_rng(3), 3)
    assert gradient_check(layer, batch.x, limit=200, **batch.options) < 1e-6


def in_network(case, layer):
    """The same in a network, by itself."""
    net = Sequential([case.make()], input_shape=case.shape_in_network, dtype=layer.dtype)
    for name, values in {**layer.params, **layer.buffers}.items():
        (net.params if name in layer.params else net.buffers)[f"0.{name}"][...] = values
    return net


def test_alone_as_in_a_network(case, batch):
    alone = built(case)
    dy = upstream(alone, batch)
    net = in_network(case, alone)
    for one, other in zip(run(alone, batch, dy), run(net, batch, dy), strict=True):
        assert (one == other).all()
    y = net.forward(batch.x, **batch.options)
    close(net.predict(batch.x, **batch.options), y)  # images may go through it four at a time


def test_a_batch_as_its_samples(case, batch):
    layer = built(case)
    dy = upstream(layer, batch)
    y, dx, *gradients = run(layer, batch, dy)
    total = [np.zeros_like(g) for g in gradients]
    for i, (part, rows) in enumerate(batch.parts()):
        of_output = rows if len(y) == len(batch.x) else slice(i, i + 1)  # of all nodes, or of roots
        y_one, dx_one, *gradients_one = run(layer, part, dy[of_output])
        close(y_one, y[of_output])
        close(dx_one, dx[rows])
        for t, g in zip(total, gradients_one, strict=True):
            t += g
    for t, g in zip(total, gradients, strict=True):
        close(t, g)


@pytest.mark.parametrize("training", [False, True])
def test_any_number_of_threads_to_the_bit(case, rng, training):
    def everything(threads):
        fastdl.set_num_threads(threads)
        layer = built(case, "float32")  # and the same random numbers each time
        y = layer.forward(batch.x, training=training, **batch.options)
        dx = layer.backward(dy)
        return y, dx, *layer.grads.values(), *layer.buffers.values()

    layer = built(case, "float32")
    # Enough work for the core to wake its threads.
    work = np.prod(case.shape) * max(1, layer.parameter_count // max(1, case.shape[0]))
    batch = case.batch(rng, int(min(2_000 if case.arity else 20_000, max(70, 1_000_000 // work))))
    dy, single = upstream(layer, batch), None
    for threads in (1, 2, 3, 7):
        found = everything(threads)
        single = single or found
        for one, other in zip(single, found, strict=True):
            assert (one == other).all()


def test_float32_near_float64(case, batch):
    single, double = built(case, "float32"), built(case)
    for name, values in {**double.params, **double.buffers}.items():
        (single.params if name in single.params else single.buffers)[name][...] = values
    dy = upstream(double, batch)
    for one, other in zip(run(single, batch, dy), run(double, batch, dy), strict=True):
        assert one.dtype == np.float32
        close(one, other, "float32")


def misaligned(x):
    buffer = bytearray(x.nbytes + 1)
    y = np.frombuffer(buffer, x.dtype, count=x.size, offset=1).reshape(x.shape)
    y[...] = x
    return y


def read_only(x):
    y = x.copy()
    y.flags.writeable = False
    return y


LAYOUTS = {
    "Fortran": np.asfortranarray,
    "channels last": lambda x: x.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2) if x.ndim == 4 else x,
    "negative strides": lambda x: x[::-1].copy()[::-1],
    "every other": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "byte-swapped": lambda x: x.astype(x.dtype.newbyteorder()),
    "read-only": read_only,
    "misaligned": misaligned,
    "a list": lambda x: x.tolist(),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_any_layout_of_the_input(case, batch, layout):
    layer = built(case)
    dy = upstream(layer, batch)
    expected = run(layer, batch, dy)
    batch.x = layout(batch.x)
    for one, other in zip(expected, run(layer, batch, layout(dy)), strict=True):
        assert (one == other).all()


def test_configuration_there_and_back(case):
    layer = case.make()
    again = layers.from_config(layer.get_config())
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()
    assert repr(again) == repr(layer)


def saved(net, path):
    net.save(path)
    return fastdl.load(path)


COPIES = {
    "saved": saved,
    "pickled": lambda net, _: pickle.loads(pickle.dumps(net)),
    "copied": lambda net, _: deepcopy(net),
}


@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES.keys())
def test_copies(case, batch, copy, tmp_path):
    layer = built(case, "float32")
    net = in_network(case, layer)
    pairs = [(net, copy(net, tmp_path / "net.npz"))]
    if copy is not saved:
        pairs.append((layer, copy(layer, None)))
    for whole, again in pairs:
        assert again.get_config() == whole.get_config()
        assert repr(again) == repr(whole)
        for mine, others in ((whole.params, again.params), (whole.buffers, again.buffers)):
            assert list(mine) == list(others)
            assert all((values == others[name]).all() and values is not others[name] for name, values in mine.items())
        dy = upstream(whole, batch)
        for one, other in zip(run(whole, batch, dy), run(again, batch, dy), strict=True):
            assert (one == other).all()


def test_a_training_that_is_resumed(case, batch, tmp_path):
    """Parameters, moments, running statistics and random numbers go on to the bit."""
    alone = built(case)
    head = [layers.Flatten()] if len(alone.output_shape) == 3 else []
    net = Sequential([case.make(), *head], input_shape=case.shape_in_network, seed=4)
    y = np.zeros_like(net.predict(batch.x, **batch.options))
    rest = {"loss": "squared_error", "optimizer": optimizers.Adam(0.01), "verbose": 0, "batch_size": 9, **batch.options}
    net.fit(batch.x, y, **rest)
    net.save(tmp_path / "net.npz", training=True)
    others = [fastdl.load(tmp_path / "net.npz"), deepcopy(net), pickle.loads(pickle.dumps(net))]
    for one in (net, *others):
        one.fit(batch.x, y, **rest)
        assert (one.parameters == net.parameters).all()


GIVEN = [name for name, case in CASES.items() if case.reading.in_time and not case.arity]


@pytest.mark.parametrize("name", GIVEN)
def test_steps_that_do_not_count(name, rng):
    """Whatever they hold, and whatever is said of their outputs, all else is the same to the bit."""
    case = CASES[name]
    net = in_network(case, built(case))
    lengths = rng.integers(1, case.shape[0] + 1, 35)
    there = np.arange(case.shape[0]) < lengths[:, None]
    x = case.batch(rng, 35).x
    dy = rng.standard_normal((35, *net.output_shape))
    of_steps = len(net.output_shape) == 2
    for training in (False, True):
        found = []
        for other in (0, 1e3):
            again = deepcopy(net)
            x[~there] = (x[~there] + 1) % min(case.tokens) if case.tokens else x[~there] + other
            if of_steps:
                dy[~there] += other
            y = again.forward(x, training=training, lengths=lengths)
            dx = again.backward(dy)
            found.append([y[there] if of_steps else y, dx, *again.grads.values(), *again.buffers.values()])
        for one, other in zip(*found, strict=True):
            assert (one == other).all()
        assert not dx[~there].any()


def test_reshaped_as_numpy_does(rng):
    for shape, other in (((12,), (2, 3, 2)), ((4, 3), (3, 2, 2)), ((2, 3, 2), (6, 2)), ((2, 3, 2), (3, 2, 2))):
        x = rng.standard_normal((3, *shape))
        y = layers.Reshape(other).build(shape, dtype="float64").forward(x)
        assert (y == x.reshape(3, *other)).all()


def test_steps_made_of_others_take_no_lengths(rng):
    net = Sequential([layers.Reshape((2, 6)), layers.GlobalMaxPool(), layers.Dense(2)], input_shape=(4, 3), seed=0)
    with pytest.raises(ValueError, match="lengths must be None"):
        net.predict(rng.standard_normal((2, 4, 3)), lengths=[2, 4])
    net = Sequential([layers.Reshape((2, 3, 2)), layers.GlobalMaxPool()], input_shape=(4, 3), dtype="float64")
    x = -abs(rng.standard_normal((2, 4, 3)))
    assert (net.predict(x, lengths=[2, 4])[0] == [x[0].reshape(2, -1)[0].max(), 0]).all()


def test_global_pools_see_steps_that_count_alone(rng):
    x = -abs(rng.standard_normal((3, 5, 2)))
    for layer, function in ((layers.GlobalMaxPool(), np.max), (layers.GlobalMeanPool(), np.mean)):
        y = layer.build((None, 2), dtype="float64").forward(x, lengths=[1, 3, 5])
        for i, n in enumerate((1, 3, 5)):
            close(y[i], function(x[i, :n], axis=0))


def test_the_mean_of_many_pixels_is_not_rounded_away(rng):
    image = (1000 + rng.standard_normal((1, 1, 700, 1000))).astype("float32")
    net = Sequential([layers.GlobalMeanPool()], input_shape=image.shape[1:])
    np.testing.assert_allclose(net.predict(image), image.astype(float).mean((2, 3)), rtol=1e-5)


def test_bytes_are_rescaled(rng):
    x = rng.integers(0, 256, (3, 1, 4, 5), np.uint8)
    net = Sequential([layers.Rescaling(1 / 255, -0.5)], input_shape=(1, 4, 5))
    np.testing.assert_allclose(net.predict(x), x / 255 - 0.5, atol=1e-7)


def test_a_gradient_check_leaves_what_it_is_given(rng):
    layer = layers.Dense(3).build(4, dtype="float64", seed=0)
    x, before = rng.standard_normal((2, 4)), layer.params["weight"].copy()
    x.flags.writeable = False
    assert gradient_check(layer, x) < 1e-6
    assert (layer.params["weight"] == before).all()


def test_a_gradient_check_that_ends_early_leaves_the_parameters(rng):
    layer = layers.Dense(3).build(4, dtype="float64", seed=0)
    before, calls = layer.params["weight"].copy(), []

    def loss(outputs, targets):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return (outputs**2).sum(axis=1), 2 * outputs

    with pytest.raises(KeyboardInterrupt):
        gradient_check(layer, rng.standard_normal((2, 4)), np.zeros((2, 3)), loss=loss)
    assert (layer.params["weight"] == before).all()
