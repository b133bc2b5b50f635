"""One contract, which every layer keeps."""

import pickle
from collections.abc import Callable
from copy import deepcopy
from typing import NamedTuple

import numpy as np
import pytest
from conftest import close

import fastdl
from fastdl import Sequential, gradient_check, initializers, layers, optimizers
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
        return self.make().lowered(self.shape).reading

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
    "random erasing, large": Case(lambda: layers.RandomErasing(1, (0.5, 1), (0.1, 10)), (17, 5, 4)),
    "embedding": Case(lambda: layers.Embedding(11, 5), (7,), (11,) * 7),
    "select": Case(lambda: layers.Select([4, 0, 4, 11]), (13,)),
    "select over time": Case(lambda: layers.Select([4, 0, 4, 1, 6]), (5, 7)),
    "select of images": Case(lambda: layers.Select([2, 0, 2, 1]), (3, 5, 7)),
    "positions": Case(lambda: layers.PositionalEmbedding(9), (5, 7)),
    "attention": Case(lambda: layers.SelfAttention(3), (5, 21)),
    "attention, causal": Case(lambda: layers.SelfAttention(2, causal=True), (70, 6)),
    "attention of one step": Case(lambda: layers.SelfAttention(1), (1, 7)),
    "periodic": Case(lambda: layers.PeriodicEmbedding(3), (13,)),
    "periodic, wide": Case(lambda: layers.PeriodicEmbedding(17, sigma=0.3), (5,)),
    "periodic over time": Case(lambda: layers.PeriodicEmbedding(5), (5, 7)),
    "robust scaling": Case(lambda: layers.RobustScaling(), (13,)),
    "robust scaling over time": Case(lambda: layers.RobustScaling(0.7), (5, 7)),
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
    assert (net.predict(batch.x, **batch.options) == net.forward(batch.x, **batch.options)).all()


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


def test_parameters_are_live(rng):
    net = Sequential([layers.Dense(3), layers.Dense(2)], input_shape=4, seed=0)
    net.layers[1].params["weight"][...] = 0
    net.layers[1].params["bias"][...] = [5, 6]
    assert (net.predict(rng.standard_normal((2, 4))) == [[5, 6], [5, 6]]).all()
    net.parameters[...] = 0
    assert not net.params["1.bias"].any()


def test_views_are_of_the_last_build():
    layer = layers.BatchNorm()
    assert [dict(views) for views in (layer.params, layer.grads, layer.buffers)] == [{}, {}, {}]
    for features in (3, 4):
        layer.build(features)
        assert layer.params is layer.params
        for views in (layer.params, layer.grads, layer.buffers):
            assert [array.shape for array in views.values()] == [(features,)] * 2
        assert all(np.shares_memory(array, layer.flat[0]) for array in layer.params.values())
        assert all(np.shares_memory(array, layer.flat[0]) for array in layer.buffers.values())
        assert all(np.shares_memory(array, layer.flat[1]) for array in layer.grads.values())


class Counted(layers.Dense):
    """Counts how often it is lowered."""

    _lowered = 0

    def operations(self, x):
        self._lowered += 1
        return super().operations(x)


@pytest.mark.parametrize("trainable", [True, False])
def test_what_is_built_is_not_lowered_again(rng, trainable):
    net = Sequential([Counted(3), layers.Dense(3)], input_shape=2, seed=0)
    net.trainable = trainable
    for made in (Sequential([Counted(3)], input_shape=2, seed=0), deepcopy(net)):
        made.fit(rng.standard_normal((4, 2)), [0, 1, 2, 0], verbose=0)
        made.predict(np.ones((1, 2)))
        assert made.layers[0]._lowered == 1
    assert (made.parameters == net.parameters).all() == (not trainable)


def test_a_shape_as_shown_takes_no_memory():
    assert layers.Dense(3).shown_shape((1 << 20, 1 << 30)) == (1 << 30, 1 << 20)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_noise_is_normal_in_training_alone(dtype):
    layer = layers.GaussianNoise(2.0).build((1, 30, 31), dtype=dtype, seed=0)
    x = np.zeros((500, 1, 30, 31))
    assert (layer.forward(x) == 0).all()
    first, second = (
        layer.forward(x, training=True).astype(float).ravel() / 2,
        layer.forward(x, training=True).ravel() / 2,
    )
    n = first.size
    assert (first != second).mean() > 0.999
    for power, moment, spread in ((1, 0, 1), (2, 1, 2**0.5), (3, 0, 15**0.5), (4, 3, 96**0.5)):
        assert abs((first**power).mean() - moment) < 5 * spread / n**0.5
    for other in (second, np.roll(first, 1), np.roll(first, 2), np.roll(first, 31)):
        assert abs((first * other).mean()) < 5 / n**0.5
    assert 4.2 < abs(first).max() < 6.5


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


def test_bytes_are_rescaled(rng):
    x = rng.integers(0, 256, (3, 1, 4, 5), np.uint8)
    net = Sequential([layers.Rescaling(1 / 255, -0.5)], input_shape=(1, 4, 5))
    np.testing.assert_allclose(net.predict(x), x / 255 - 0.5, atol=1e-7)


def test_random_shift_moves_images_in_training_alone():
    layer = layers.RandomShift(1).build((1, 5, 5))
    x = np.zeros((400, 1, 5, 5))
    x[:, :, 2, 2] = 1
    assert (layer.forward(x) == x).all()
    y = layer.forward(x, training=True)
    assert (y.sum(axis=(1, 2, 3)) == 1).all()
    places = {tuple(np.argwhere(image[0])[0]) for image in y}
    assert places == {(i, j) for i in (1, 2, 3) for j in (1, 2, 3)}
    back = layer.backward(y)
    assert (back == x).all()


def augmented(layer, shape, samples=400):
    """What a layer makes of images, and of their gradients, in training; outside training it leaves them alone."""
    layer.build(shape, dtype="float64", seed=0)
    x = np.random.default_rng(0).uniform(1, 2, (samples, *shape))
    assert (layer.forward(x) == x).all()
    assert (layer.backward(x) == x).all()
    return x, layer.forward(x, training=True), layer.backward(x)


def test_random_flips_are_as_many_each_way():
    for axes, layer in (((2, 3), layers.RandomFlip(vertical=True)), ((3,), layers.RandomFlip())):
        x, y, dx = augmented(layer, (2, 3, 4))
        ways = [np.flip(x, chosen) for chosen in ((), (2,), (3,), (2, 3)) if set(chosen) <= set(axes)]
        found = [(y == way).all(axis=(1, 2, 3)) for way in ways]
        assert (sum(found) == 1).all()
        assert all(abs(way.mean() - 1 / len(ways)) < 0.08 for way in found)
        assert (dx == y).all()  # which mirrors the gradient as the image


def test_random_rotations_turn_both_ways():
    """A pixel to the right of the middle goes up or down."""
    layer = layers.RandomRotation(90).build((1, 9, 9), dtype="float64", seed=0)
    x = np.zeros((2000, 1, 9, 9))
    x[:, 0, 4, 7] = 1
    y = layer.forward(x, training=True)[:, 0]
    rows, columns = np.arange(9) - 4.0, np.arange(9) - 4.0
    mass = y.sum(axis=(1, 2))
    angles = np.degrees(np.arctan2(-(y * rows[:, None]).sum(axis=(1, 2)) / mass, (y * columns).sum(axis=(1, 2)) / mass))
    assert (abs(np.quantile(angles, [0, 0.25, 0.5, 0.75, 1]) - [-90, -45, 0, 45, 90]) < 6).all()
    assert abs(mass.mean() - 1) < 0.05
    still = layers.RandomRotation(0).build((1, 9, 9), dtype="float64", seed=0)
    assert (still.forward(x, training=True) == x).all()


def test_random_erasing_covers_rectangles():
    x, y, dx = augmented(layers.RandomErasing(0.3, area=(0.1, 0.4), ratio=(0.5, 2)), (2, 20, 30), 3000)
    holes = (y == 0).all(axis=1)
    assert (y == np.where(holes[:, None], 0, x)).all()
    assert (dx == y).all()
    rows, columns = holes.any(axis=2).sum(axis=1), holes.any(axis=1).sum(axis=1)
    area = holes.sum(axis=(1, 2))
    assert (area == rows * columns).all()
    assert abs((area > 0).mean() - 0.3) < 0.04
    share, ratio = area[area > 0] / 600, (rows[area > 0] / columns[area > 0])
    assert 0.08 < share.min() < 0.12
    assert 0.35 < share.max() < 0.43
    assert share.mean() == pytest.approx(0.25, abs=0.02)
    assert 0.4 < ratio.min() < 0.6
    assert 1.7 < ratio.max() < 2.4
    assert np.median(ratio) == pytest.approx(1, abs=0.08)
    places = holes.mean(axis=0)
    assert places[9, 14] > 2 * places[0, 0] > 0  # the middle is covered more often than a corner, which is too


def test_use_out_of_order():
    with pytest.raises(RuntimeError, match="built"):
        layers.Dense(3).forward(np.ones((1, 2)))
    with pytest.raises(RuntimeError, match="backward must follow forward"):
        layers.Dense(3).build(2).backward(np.ones((1, 3)))
    layer = layers.Dense(3).build(2)
    layer.forward(np.ones((4, 2)))
    for samples in (3, 5):
        with pytest.raises(ValueError, match=f"dy must have the 4 samples of the last forward; received {samples}"):
            layer.backward(np.ones((samples, 3)))
    net = Sequential([layers.Dense(3)], input_shape=2)
    with pytest.raises(RuntimeError, match="belongs to a network"):
        net.layers[0].build(2)
    with pytest.raises(ValueError, match="new"):
        Sequential([net.layers[0]], input_shape=2)


class Chain(layers.Container):
    """Layers made of layers as anybody may write them."""

    def __init__(self, inner):
        super().__init__()
        self.inner = tuple(inner)

    def named_layers(self):
        return {str(i): layer for i, layer in enumerate(self.inner)}

    def operations(self, x):
        for layer in self.inner:
            x = x.then(layer)
        return x


def test_a_layer_belongs_to_one_network():
    dense = layers.Dense(3)
    net = Sequential([Chain([dense])], input_shape=3, seed=0)
    weight, flat = dense.params["weight"], net.parameters.copy()
    for make in (
        lambda: Sequential([Chain([dense])], input_shape=3),
        lambda: Sequential([dense], input_shape=3),
        lambda: Chain([dense]).build(3),
        lambda: Chain([layers.Dense(3)] * 2).build(3),
        lambda: Sequential([Chain([layers.Dense(3)] * 2), layers.Dense(2)], input_shape=3),
    ):
        with pytest.raises(ValueError, match=r"new; received Dense\(units=3, .* of another network, or twice"):
            make()
    with pytest.raises(RuntimeError, match="Dense belongs to a network that is built, or is one"):
        dense.build(3)
    assert dense.params["weight"] is weight
    assert (net.parameters == flat).all()


def test_what_a_built_layer_has_learned_is_not_drawn_anew():
    """Neither of one that was used alone, nor of a copy of another network's: it is refused, and stays as it is."""
    net = Sequential([layers.Dense(3), layers.Residual([layers.Dense(3)])], input_shape=3, seed=0)
    alone = [
        layers.Dense(3).build(3, seed=1),
        Chain([layers.Dense(3)]).build(3, seed=1),
        layers.Dropout(0.5).build(3),
        *deepcopy(net.layers),
    ]
    for layer in alone:
        before = [values.copy() for values in layer.params.values()]
        for make in (
            lambda layer=layer: Sequential([layer, layers.Dense(2)], input_shape=3),
            lambda layer=layer: layers.Residual([layer]),
            lambda layer=layer: layers.Parallel([[layer], []]),
            lambda layer=layer: Chain([layer]).build(3),
            lambda layer=layer: Sequential([Chain([layer])], input_shape=3),
        ):
            with pytest.raises(ValueError, match=r"must be new; received .* or built before: what it has learned"):
                make()
        assert not layer.in_network
        assert all((one == other).all() for one, other in zip(before, layer.params.values(), strict=True))
    again = Chain([layers.Dense(3)]).build(3, seed=1)
    weight = again.params["0.weight"].copy()
    assert (again.build(3, seed=1).params["0.weight"] == weight).all()  # asked for, it is


def test_a_gradient_check_leaves_what_it_is_given(rng):
    layer = layers.Dense(3).build(4, dtype="float64", seed=0)
    x, before = rng.standard_normal((2, 4)), layer.params["weight"].copy()
    x.flags.writeable = False
    assert gradient_check(layer, x) < 1e-6
    assert (layer.params["weight"] == before).all()


VARIANCES = {
    "uniform": lambda i, o: 1 / (3 * i),
    "pytorch": lambda i, o: 1 / (3 * i),
    "glorot_uniform": lambda i, o: 2 / (i + o),
    "glorot_normal": lambda i, o: 2 / (i + o),
    "he_uniform": lambda i, o: 2 / i,
    "he_normal": lambda i, o: 2 / i,
    "lecun_uniform": lambda i, o: 1 / i,
    "lecun_normal": lambda i, o: 1 / i,
    "orthogonal": lambda i, o: 1 / max(i, o),
    "zeros": lambda i, o: 0,
}


@pytest.mark.parametrize("name", initializers.__all__)
def test_initializers_follow_the_seed(name):
    weights = [layers.Dense(200, initializer=name).build(300, seed=s).params["weight"] for s in (1, 1, 2)]
    assert (weights[0] == weights[1]).all()
    assert (weights[0] != weights[2]).any() == (name != "zeros")
    variance = VARIANCES[name](300, 200)
    assert weights[0].var() == pytest.approx(variance, rel=0.02)
    if name == "pytorch" or "uniform" in name:
        assert 0.99 < abs(weights[0]).max() / (3 * variance) ** 0.5 <= 1
    elif name != "zeros":
        assert abs(weights[0]).max() > 3 * variance**0.5


@pytest.mark.parametrize("name", initializers.__all__)
def test_a_gain_multiplies_what_is_drawn(name):
    for make, shape in (
        (layers.Dense, 3),
        (layers.LSTM, (None, 3)),
        (lambda n, **o: layers.Conv2D(n, 2, **o), (2, 4, 4)),
    ):
        one, other = (make(5, initializer=start).build(shape, seed=0, dtype="float64") for start in (name, (name, 1.5)))
        assert other.initializer == (name, 1.5)
        for key, values in one.params.items():
            gain = 1 if key.endswith("hh") or (key == "bias_ih" and name != "pytorch") else 1.5
            if key == "bias_ih":  # the forget gate's bias is more
                values[5:10] -= 1
                other.params[key][5:10] -= 1
            np.testing.assert_allclose(other.params[key], gain * values, rtol=1e-13)


def test_a_layer_starts_as_pytorchs_do():
    """Weights and biases within 1 / sqrt(fan_in), in recurrent layers within 1 / sqrt(units)."""
    both = {"initializer": "pytorch", "recurrent_initializer": "pytorch"}
    for layer, shape, fan_in in (
        (layers.Dense(4000, initializer="pytorch"), 9, 9),
        (layers.Conv2D(4000, (2, 3), initializer="pytorch"), (5, 4, 4), 30),
        (layers.RNN(400, **both), (None, 9), 400),
        (layers.LSTM(400, **both, forget_bias=0), (None, 9), 400),
        (layers.Bidirectional(layers.GRU(400, **both)), (None, 9), 400),
    ):
        for values in layer.build(shape, seed=0).params.values():
            assert 0.98 < abs(values).max() * fan_in**0.5 <= 1
            assert values.var() == pytest.approx(1 / (3 * fan_in), rel=0.1)


def counted_up(shape, fan_in, fan_out, rng):
    return np.arange(np.prod(shape)).reshape(shape) + 100 * fan_in + 10_000 * fan_out


def test_an_initializer_of_somebodys(tmp_path):
    net = Sequential([layers.Dense(2, initializer=counted_up)], input_shape=3)
    assert net.params["0.weight"].tolist() == [[20300, 20301, 20302], [20303, 20304, 20305]]
    assert not net.params["0.bias"].any()
    for other in (deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert other.layers[0].initializer is counted_up
    with pytest.raises(TypeError, match="must be plain data to be saved, no code; received <function counted_up"):
        net.save(tmp_path / "net.npz")
    for wrong, message in (
        (lambda *_: np.ones(3), r"initializer must give an array of shape \(2, 3\); received one of \(3,\)"),
        (lambda *_: np.full((2, 3), np.nan), "what initializer gives must be finite"),
    ):
        with pytest.raises(ValueError, match=message):
            layers.Dense(2, initializer=wrong).build(3)


def test_an_initializer_of_ours_is_its_name(tmp_path):
    def own(shape, fan_in, fan_out, rng):
        return np.zeros(shape)

    parts = [layers.Dense(4, initializer=initializers.he_normal), layers.Dense(2, initializer="he_normal")]
    net = Sequential(parts, input_shape=3, seed=0)
    assert [layer.initializer for layer in net.layers] == ["he_normal"] * 2
    net.save(tmp_path / "net.npz")
    assert fastdl.load(tmp_path / "net.npz").layers[0].initializer == "he_normal"
    own.__name__ = "he_normal"
    assert layers.Dense(2, initializer=own).initializer is own


@pytest.mark.parametrize(("name", "limit"), [("uniform", 1 / 3**0.5), ("glorot_uniform", (6 / 8) ** 0.5)])
@pytest.mark.parametrize("shape", [(), (1,), (3, 5), (2, 3, 1, 4)])
def test_numbers_within_a_limit_are_those_of_numpy(name, limit, shape):
    drawn = getattr(initializers, name)(shape, 3, 5, np.random.default_rng(7))
    assert np.array_equal(drawn, np.random.default_rng(7).uniform(-limit, limit, shape))


STARTS = {
    "dense": (lambda name: layers.Dense(200, initializer=name), (300,), "weight", 300, 200),
    "dense in time": (lambda name: layers.Dense(200, initializer=name), (7, 300), "weight", 300, 200),
    "convolution": (lambda name: layers.Conv2D(40, (4, 5), initializer=name), (10, 9, 9), "weight", 200, 800),
    "recurrent": (lambda name: layers.LSTM(60, initializer=name), (None, 200), "weight_ih", 200, 60),
    "recurrent, of the state": (
        lambda name: layers.GRU(100, recurrent_initializer=name), (None, 9), "weight_hh", 100, 100,
    ),
    "recurrent, back": (
        lambda name: layers.Bidirectional(layers.RNN(60, initializer=name)), (None, 200), "weight_ih_reverse", 200, 60,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", STARTS.values(), ids=STARTS.keys())
def test_weights_start_as_large_as_what_they_join_asks_for(case):
    make, shape, parameter, inputs, outputs = case
    for name in ("uniform", "glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_normal"):
        variance = VARIANCES[name](inputs, outputs)
        assert make(name).build(shape, seed=0).params[parameter].var() == pytest.approx(variance, rel=0.06)


def test_orthogonal_is_any_rotation():
    rng = np.random.default_rng(0)
    for n in (1, 2, 3):
        drawn = [initializers.orthogonal((n, n), n, n, rng) for _ in range(400)]
        assert all(np.allclose(q @ q.T, np.eye(n)) for q in drawn)
        assert abs(np.mean([np.trace(q) for q in drawn])) < 0.2  # four times what chance makes of 0
