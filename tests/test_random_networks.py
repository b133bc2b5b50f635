"""Networks drawn at random, of every layer over every kind of sample, beside the reference.

Each is used in several ways one after another: predict, forward and backward, steps of fit, evaluate, gradient_check.
It is drawn from its number, which a failure names: `check(17)` draws it again. FASTDL_RANDOM_NETWORKS says how many
there are.
"""

import copy
import os

import numpy as np
import pytest
import reference

import fastdl
from fastdl import Sequential, gradient_check, layers, losses, optimizers
from fastdl._core.graph import Graph
from fastdl._core.kinds import WITH_SETTING
from fastdl.layers.activation import name_and_setting
from fastdl.layers.container import through, walk
from fastdl.trees import Trees

NUMBERS = int(os.environ.get("FASTDL_RANDOM_NETWORKS", "1000"))
BLOCK = 50
TOLERANCE = {"float32": 3e-4, "float64": 1e-10}  # of numbers that went through a few layers
EPSILON = 1e-2  # of optimizers that divide by the gradient's size
MARGIN = {"float32": 1e-4, "float64": 1e-9}  # nearer to a relu's corner, rounding may decide


@pytest.mark.filterwarnings("ignore:a BatchNorm gives its bias for a batch of one sample")  # as the reference does
@pytest.mark.parametrize("first", range(0, NUMBERS, BLOCK))
def test_against_the_reference(first):
    for number in range(first, min(first + BLOCK, NUMBERS)):
        check(number)


def check(number):
    """Draw the network of this number, and use it."""
    draw = Draw(number)
    net = draw.network()
    fastdl.set_num_threads(draw.of(1, 2))
    done = []
    try:
        for name in draw.actions(net):
            done.append(name)
            getattr(Use(draw, net), name)()
    except Corner:
        pass
    except Exception as error:
        raise AssertionError(f"network {number}, {', '.join(done)}: {error}\n{net}") from error


class Corner(Exception):
    """Rounding may decide: a relu or a maximum is near to another slope, or a step is of next to nothing between large
    numbers. No more can be told."""


class Draw:
    """What is drawn for one network."""

    def __init__(self, number):
        self.rng = np.random.default_rng(number)
        self.wide = self.chance(0.05)  # then there is work enough for several threads
        self.dtype = self.of("float32", "float64")
        self.kind = self.of("vectors", "sequences", "sequences", "tokens", "mixed", "images", "images", "trees")
        self.stateful = self.chance(0.15)
        self.vocabulary = self.of(2, 3, 7, 40)
        self.children = self.of(1, 2, 2, 2, 3)
        self.categories = []  # features that hold tokens
        self.spread = self.of(0, 0.15, 0.35)  # how often a layer is made of others
        self.optimizer = Optimizer(self)

    def of(self, *choices):
        return choices[self.rng.integers(len(choices))]

    def chance(self, share):
        return bool(self.rng.random() < share)

    def some(self, make, least, most):
        return [make() for _ in range(self.rng.integers(least, most + 1))]

    def width(self):
        return self.of(24, 64, 100, 129) if self.wide else self.of(1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 17, 20, 33)

    def samples(self):
        return self.of(1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 17, 23, 33, *((65, 121, 130, 150) if self.chance(0.2) else ()))

    def cell_activation(self):
        others = self.of("elu", "selu", "softplus", "hard_sigmoid", "hard_tanh", self.elu())
        return self.of("tanh", "sigmoid", "relu", "identity", self.leaky(), others)

    def leaky(self):
        return layers.Activation("leaky_relu", slope=self.of(0.01, 0.3))

    def elu(self):
        return layers.Activation("elu", alpha=self.of(0.01, 0.7, 2.0))

    def activation(self):
        others = self.of("silu", "hard_silu", self.cell_activation())
        return self.of("identity", "relu", "sigmoid", "tanh", "gelu", "leaky_relu", self.leaky(), others)

    def network(self):
        made, shape = getattr(self, f"_{self.kind}")()
        if self.kind != "trees" and self.chance(0.9):
            made += self.head(made, shape)
        net = Sequential(made, input_shape=shape, dtype=self.dtype, seed=0)
        for name, values in net.params.items():
            if "bias" in name:
                values[...] = self.rng.standard_normal(values.shape) / 3
        for _, layer in walk(net):
            if isinstance(layer, (layers.BatchNorm, layers.LayerNorm)):
                layer.params["weight"][...] += self.rng.standard_normal(layer.params["weight"].shape) / 3
            for values in layer.buffers.values():
                values[...] += self.rng.uniform(-0.5, 0.5, values.shape)
        if self.chance(0.15):
            for _, layer in walk(net):
                layer.trainable = self.chance(0.5)
        if self.chance(0.15):
            for _, layer in walk(net):
                layer.lr_scale, layer.decay_scale = self.of(0.0, 0.5, 1.0), self.of(0.0, 1.0, 3.0)
        return net

    def layer(self, plain, shape, depth=0):
        """A layer for samples of this shape that gives as many steps or pixels: a plain one, or one made of others."""
        if depth == 3 or not self.chance(self.spread):
            return self.normalization() if self.chance(0.12) else plain(shape)
        how = self.of("chain", "residual", "concat", "sum", "product")
        if how == "chain":
            return Sequential(self.chain(plain, shape, 1, 3, depth + 1))
        if how == "residual":
            return layers.Residual(self.with_features(plain, shape, shape, depth + 1))
        if how == "concat":
            return layers.Parallel([self.chain(plain, shape, 0, 2, depth + 1) for _ in range(self.of(1, 2, 3))])
        first = self.chain(plain, shape, 0, 2, depth + 1)
        others = [self.with_features(plain, shape, given(first, shape), depth + 1) for _ in range(self.of(0, 1, 2))]
        return layers.Parallel([first, *others], how)

    def chain(self, plain, shape, least, most, depth=0):
        is_row = least == 0 and len(shape) == 1 and self.kind != "trees"  # which may as well be flattened
        made = [layers.Flatten()] if is_row and self.chance(0.3) else []
        for _ in range(self.rng.integers(least, most + 1)):
            made.append(self.layer(plain, given(made, shape), depth))
        return made

    def with_features(self, plain, shape, wanted, depth):
        """A chain that gives what has this shape."""
        made = self.chain(plain, shape, 0, 2, depth)
        if made and given(made, shape) == wanted:
            return made
        of_images = len(wanted) == 3
        return [*made, layers.Conv2D(wanted[0], 1) if of_images else layers.Dense(wanted[-1], self.activation())]

    def normalization(self):
        epsilon = self.of(1e-5, 1e-3, 0.1)
        if self.kind == "trees" or self.chance(0.4):
            return layers.LayerNorm(epsilon=epsilon)
        return layers.BatchNorm(epsilon=epsilon, momentum=self.of(0, 0.1, 0.7, 1))

    def head(self, made, shape):
        """What makes vectors of whatever there is, and goes on with these."""
        steps = given(made, shape)
        flat = [layers.Flatten()] if len(steps) == 3 or (None not in steps and self.chance(0.5)) else []
        if len(steps) > 1 and self.chance(0.3):
            flat = [self.of(layers.GlobalMaxPool, layers.GlobalMeanPool)()]
        return flat + self.chain(self.dense, given(flat, steps), 0, 1) + [self.dense()]

    def dense(self, _=None):
        return layers.Dense(self.width(), self.of(self.activation(), "identity", "softmax"))

    def any_of(self, shape):
        """A layer that takes every shape."""
        return self.of(
            lambda: self.of_activation(),
            lambda: layers.Dropout(self.of(0, 0.25, 0.5)),
            lambda: self.of(layers.GaussianNoise(self.of(0, 0.3)), layers.Rescaling(self.of(0.5, -2), self.of(0, 0.1))),
            lambda: self.select(shape),
            self.dense,
            self.of_tables,
        )()

    def of_tables(self):
        waves = layers.PeriodicEmbedding(self.of(1, 2, 5), sigma=self.of(0.1, 0.5))
        return self.of(waves, layers.RobustScaling(self.of(0.5, 3.0)))

    def of_activation(self):
        activation = self.activation()
        return activation if isinstance(activation, layers.Activation) else layers.Activation(activation)

    def select(self, shape):
        features = shape[0] if len(shape) == 3 else shape[-1]
        return layers.Select(self.rng.integers(0, features, self.rng.integers(1, features + 2)).tolist())

    def _vectors(self):
        shape = (self.width(),)
        return self.chain(lambda shape: self.of(self.any_of, self.dense, self.flatten)(shape), shape, 1, 3), shape

    def flatten(self, _):
        return layers.Flatten()

    def _mixed(self):
        """Categories beside numbers, of samples or of their steps."""
        features = self.of(2, 3, 5, 9)
        self.categories = [int(k) for k in self.rng.permutation(features)[: self.rng.integers(1, features)]]
        numbers = [k for k in range(features) if k not in self.categories]
        if self.chance(0.5):
            shape, dim = (features,), self.width()
            embedded = [layers.Select(self.categories), layers.Embedding(self.vocabulary, dim)]
            branches = [
                embedded + self.in_time((len(self.categories), dim), last=True),
                [layers.Select(numbers), *self.chain(self.any_of, (len(numbers),), 0, 2)],
            ]
            made = [layers.Parallel(self.shuffled(branches))]
            return made + self.chain(self.any_of, given(made, shape), 0, 2), shape
        shape = (self.steps(), features)
        embedded = [
            [layers.Select([k]), layers.Flatten(), layers.Embedding(self.vocabulary, self.width())]
            for k in self.categories
        ]
        branches = [
            *embedded,
            [layers.Select(numbers), *self.chain(self.plain_in_time, (shape[0], len(numbers)), 0, 1)],
        ]
        made = [layers.Parallel(self.shuffled(branches))]
        return made + self.in_time(given(made, shape)), shape

    def shuffled(self, items):
        return [items[k] for k in self.rng.permutation(len(items))]

    def _sequences(self):
        steps = None if self.chance(0.3) else self.steps()
        shape = (steps, self.width())
        return self.in_time(shape), shape

    def _tokens(self):
        steps = None if self.chance(0.3) else self.steps()
        embedding = layers.Embedding(self.vocabulary, self.width())
        return [embedding, *self.in_time((steps, embedding.dim))], (steps,)

    def steps(self):
        return self.of(1, 2, 3, 4, 5, 6, 9)

    def in_time(self, shape, last=False):
        """Layers for sequences, which give one vector where that is asked for."""
        inner = self.chain(self.plain_in_time, shape, 0, 2)
        while shape[0] is not None and self.chance(0.2):
            inner.append(self.of(self.convolution_in_time, self.pool_in_time)(given(inner, shape)))
        if inner and not last and self.chance(0.3):
            return inner
        if not self.chance(self.spread):
            return [*inner, self.recurrent(not last and self.chance(0.5))]
        branches = [
            [*self.chain(self.plain_in_time, given(inner, shape), 0, 1), self.recurrent(False)]
            for _ in range(self.of(1, 2))
        ]
        return [*inner, layers.Parallel(branches)]

    def plain_in_time(self, shape):
        return self.of(self.any_of, lambda _: self.recurrent(True), self.attention, self.steady_convolution)(shape)

    def steady_convolution(self, shape):
        """A convolution that gives as many steps."""
        groups = self.groups(shape[1])
        filters = groups * max(1, min(self.width(), 24) // groups)
        return layers.Conv1D(
            filters, self.of(1, 2, 3, 5), padding=self.of("same", "causal"), dilation=self.of(1, 1, 2), groups=groups,
            activation=self.activation(),
        )  # fmt: skip

    def convolution_in_time(self, shape):
        """One that gives other steps."""
        if self.chance(0.1):  # of features and steps enough for minimal filtering
            size, stride = self.of(2, 3, 5), self.of(1, 1, 2)
            return Sequential(
                [
                    layers.Conv1D(32, 1, padding=20 * stride),
                    layers.Conv1D(self.of(32, 48), size, stride=stride, activation=self.activation()),
                    layers.MeanPool1D(6),
                ]
            )
        padding = self.of(0, 0, 1, 3)
        kernel = int(self.rng.integers(1, min(shape[0] + 2 * padding, 5) + 1))
        _, dilation = self.dilation((1, kernel), (1, shape[0] + 2 * padding))
        groups = self.groups(shape[1])
        return layers.Conv1D(
            groups * self.of(1, 2, 5), kernel, stride=self.of(1, 1, 2, 3), padding=self.of(padding, padding, "same"),
            dilation=dilation, groups=groups, activation=self.activation(),
        )  # fmt: skip

    def pool_in_time(self, shape):
        make, size = self.of(layers.MaxPool1D, layers.MeanPool1D), int(self.rng.integers(1, min(shape[0], 3) + 1))
        return make(size, self.of(None, 1, 2, 3))

    def attention(self, shape):
        if self.chance(0.3):
            return layers.PositionalEmbedding(9)
        heads = self.of(*(n for n in (1, 2, 3, 4) if shape[1] % n == 0))
        return layers.SelfAttention(heads, causal=self.chance(0.5))

    def recurrent(self, sequences):
        bidirectional = self.chance(0.3)
        options = {"return_sequences": sequences, "stateful": self.stateful and not bidirectional}
        layer = self.of(
            lambda: layers.RNN(self.width(), self.cell_activation(), **options),
            lambda: layers.LSTM(self.width(), **options),
            lambda: layers.GRU(self.width(), reset_after=self.chance(0.5), **options),
        )()
        return layers.Bidirectional(layer, merge=self.of("concat", "sum")) if bidirectional else layer

    def _images(self):
        shape = self.of(1, 1, 2, 3, 5, 8, 9), *self.rng.integers(1, 13, 2).tolist()
        made = []
        for _ in range(self.rng.integers(1, 5)):
            now = given(made, shape)
            changing = self.of(self.convolution, self.convolution, self.pool, self.pool, self.resized, None)
            if max(now[1:]) < 9 and self.chance(0.15):
                changing = self.transposed
            made.append(changing(now) if changing else self.layer(self.of_images, now))
        return made, shape

    def window(self, shape, most=5):
        return tuple(int(self.rng.integers(1, min(n, most) + 1)) for n in shape[1:])

    def stride(self):
        return self.of(1, 1, 1, 2, 3, (1, 2), (2, 1))

    def convolution(self, shape):
        padding = self.of(0, 0, 1, 2, (0, 1), (2, 1))
        ph, pw = (padding, padding) if isinstance(padding, int) else padding
        around = shape[1] + 2 * ph, shape[2] + 2 * pw
        kernel = self.window((shape[0], *around))
        dilation = self.dilation(kernel, around)
        groups = self.groups(shape[0])
        return layers.Conv2D(
            groups * max(1, min(self.width(), 24) // groups), kernel, stride=self.stride(),
            padding="same" if self.chance(0.2) else padding, dilation=dilation, groups=groups,
            activation=self.activation(),
        )  # fmt: skip

    def transposed(self, shape):
        stride, kernel = self.of(1, 2, 2, (1, 3)), self.of(1, 2, 3, 4, (3, 2))
        (sh, sw), (kh, kw) = (n if isinstance(n, tuple) else (n, n) for n in (stride, kernel))
        most = ((shape[1] - 1) * sh + kh - 1) // 2, ((shape[2] - 1) * sw + kw - 1) // 2
        return layers.ConvTranspose2D(
            min(self.width(), 9), kernel, stride=stride, padding=tuple(min(n, self.of(0, 1, 2)) for n in most),
            output_padding=(self.of(0, sh - 1), self.of(0, sw - 1)), activation=self.activation(),
        )  # fmt: skip

    def dilation(self, kernel, size):
        """How far taps may be apart, so that they fit."""
        most = [min(3, (n - 1) // (k - 1)) if k > 1 else 2 for k, n in zip(kernel, size, strict=True)]
        return tuple(int(self.rng.integers(1, n + 1)) if self.chance(0.3) else 1 for n in most)

    def groups(self, channels):
        return channels if self.chance(0.2) else self.of(*(n for n in range(1, channels + 1) if channels % n == 0))

    def pool(self, shape):
        make = self.of(layers.MaxPool2D, layers.MeanPool2D)
        if min(shape[1:]) >= 2 and self.chance(0.6):
            return make(2)
        return make(self.window(shape, 3), self.of(None, self.stride()))

    def resized(self, shape):
        """A layer that makes images of others, or of whatever numbers."""
        (c, h, w), most = shape, 500 // np.prod(shape)
        if most < 1 or self.chance(0.3):
            return layers.Reshape(self.of((c, w, h), (h, c, w), (-1, 1, w), (1, c * h, -1)))
        size = self.of(1, 2, 3, (1, 2), (3, 1))
        return layers.UpSample2D(size, self.of("nearest", "bilinear"))

    def augmentation(self):
        return self.of(
            layers.RandomFlip(*self.of((True, False), (False, True), (True, True))),
            layers.RandomRotation(self.of(0, 15, 180)),
            layers.RandomErasing(self.of(0, 0.5, 1.0), area=self.of((0.02, 0.33), (0.5, 1.0))),
        )

    def of_images(self, shape):
        """A layer that keeps an image's size."""
        return self.of(
            lambda: layers.RandomShift(self.of(0, 1, 2, (1, 3))),
            self.augmentation,
            lambda: layers.Dropout(0.25),
            lambda: self.of(layers.GaussianNoise(0.3), layers.Rescaling(-0.5, 0.2)),
            self.of_activation,
            lambda: self.select(shape),
            lambda: layers.Conv2D(self.of(1, 3, 5), 3, padding=1, activation=self.activation()),
            lambda: layers.Conv2D(self.of(1, 2, 9), 1, activation=self.activation()),
            lambda: Sequential(  # of channels enough for tiles, where pixels are
                [
                    layers.Conv2D(self.of(16, 17), 1),
                    layers.Conv2D(self.of(16, 21), 3, padding=1, activation=self.activation()),
                ]
            ),
            lambda: layers.Conv2D(
                shape[0], self.of(2, 3, (1, 4)), padding="same", dilation=self.of(1, 2), groups=self.groups(shape[0])
            ),
        )()

    def _trees(self):
        units = min(self.width(), 12)
        embedded = self.chance(0.5)
        first = [layers.Embedding(self.vocabulary, units)] if embedded else []
        inner = self.chain(lambda shape: self.of(self.nodes, self.recursive)(shape[1]), (1, units), 0, 2)
        units_now, all_nodes = given(inner, (1, units))[1], self.chance(0.6)
        last = [self.recursive(units_now, all_nodes)]
        if self.chance(self.spread):
            branches = [
                [layers.Dense(units_now), self.recursive(units_now, all_nodes)] for _ in range(self.of(1, 2, 3))
            ]
            last = [layers.Parallel(branches, self.of("concat", "sum", "product"))]
        made = [*inner, *last]
        made += self.chain(self.dense, given(made, (1, units)), 0, 2)
        return [*first, *made], (None,) if embedded else (None, units)

    def nodes(self, units):
        # Which numbers a node drops depends on where it is laid.
        return self.of(
            lambda: layers.Dense(units, self.activation()),
            lambda: layers.Activation("tanh"),
            lambda: layers.Dropout(0),
            lambda: self.select((1, units)),
            lambda: layers.LayerNorm(),
            lambda: layers.RobustScaling(),
        )()

    def recursive(self, units, nodes=True):
        composition = self.of("matrix", "tensor", "lstm") if units * self.children < 20 else self.of("matrix", "lstm")
        activation = self.cell_activation() if composition == "matrix" else "tanh"
        return layers.Recursive(units, self.children, activation, composition=composition, return_nodes=nodes)

    def actions(self, net):
        known = ["predict", "backward", "backward"]
        if len(net.output_shape) < 3:
            known += ["fit", "fit", "evaluate"]
        if self.dtype == "float64":
            known.append("gradient_check")
        return self.some(lambda: self.of(*known), 2, 4)


def given(made, shape):
    """What a chain of layers gives of this shape."""
    graph = Graph(shape)
    return through(made, graph.input).shape


class Use:
    """A call of a network on samples drawn for it, beside the reference's."""

    def __init__(self, draw, net):
        self.draw, self.net, self.rng = draw, net, draw.rng
        self.model = reference.Network(specified(net)["layers"])
        self.options, self.known = {}, {}
        net.reset_state()
        self.of_trees = draw.kind == "trees"
        if self.of_trees:
            self.trees = random_trees(draw)
            shape = (len(self.trees.words), *net.input_shape[1:])
            self.options["trees"] = self.trees
        else:
            steps = draw.steps()
            shape = draw.samples(), *(steps if n is None else n for n in net.input_shape)
        tokens = isinstance(net.layers[0], layers.Embedding)
        self.x = self.rng.integers(0, draw.vocabulary, shape) if tokens else self.rng.standard_normal(shape)
        for k in draw.categories:
            self.x[..., k] = self.rng.integers(0, draw.vocabulary, shape[:-1])
        if not tokens:
            self.x = self.x.astype(net.dtype)
        self.lengths = None
        if net.reading.in_time and not self.of_trees and draw.chance(0.4):
            self.lengths = self.rng.integers(1, shape[1] + 1, shape[0])
            self.options["lengths"] = self.lengths
        self.samples = len(self.trees) if self.of_trees else len(self.x)

    def rows(self, which):
        """The rows of x that some samples are: themselves, or the nodes of trees."""
        return nodes_of(self.trees, which) if self.of_trees else which

    def expected(self, which=None, draw=None):
        """What the reference gives for some samples, or for all."""
        which = np.arange(self.samples) if which is None else which
        x = self.x[self.rows(which)].astype(float)
        if not self.of_trees:
            return self.model.forward(x, lengths=None if self.lengths is None else self.lengths[which], draw=draw)
        trees = self.trees[which.tolist()]
        if x.ndim == 1:
            x[~trees.leaves] = -1
        children = [[child for child in row if child >= 0] for row in trees.children(self.draw.children).tolist()]
        return self.model.forward(x, children=children, draw=draw)

    def close(self, actual, expected, what):
        expected = np.asarray(expected)
        assert actual.shape == expected.shape, f"{what} has shape {actual.shape}, not {expected.shape}"
        error = np.abs(actual - expected).max(initial=0)
        drift = max(1, self.draw.optimizer.steps)  # of parameters, a little further apart after each step
        limit = TOLERANCE[self.net.dtype] * max(np.abs(expected).max(initial=0), 1.0) * drift
        assert error <= limit, f"{what} is off by {error:.2g}, with {self.call()}"

    def check_margin(self):
        if self.model.margin < MARGIN[self.net.dtype]:
            raise Corner

    def call(self):
        return f"x of shape {self.x.shape}, lengths {self.lengths}"

    def counts(self, outputs, which=slice(None)):
        """Which rows of some samples' outputs count."""
        if outputs.ndim == 3 and self.lengths is not None:
            return np.arange(outputs.shape[1]) < self.lengths[which][:, None]
        return np.ones(outputs.shape[:-1], bool)

    def layout(self, x):
        """Images as they are, or channels last in memory."""
        if x.ndim == 4 and self.draw.chance(0.3):
            return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
        return x

    def predict(self):
        for _ in range(2):  # the second goes on from the states of the first
            self.close(self.net.predict(self.x, **self.options), self.expected(), "predict")

    def backward(self):
        training = self.draw.chance(0.5)
        y = self.net.forward(self.layout(self.x), training=training, **self.options)
        draw = reference.scramble(self.net._held.draw) if training else None
        expected = self.expected(draw=draw)
        self.close(y, expected, "forward")
        dy = self.rng.standard_normal(y.shape)
        dx = self.net.backward(self.layout(dy))
        self.check_margin()
        if y.ndim == 3 and self.lengths is not None:
            dy[~self.counts(y)] = 0
        gradients = self.model.backward(dy)
        self.close(dx, self.model.dx, "dx")
        for name, expected in zip(self.net.grads, named(gradients), strict=True):
            self.close(self.net.grads[name], expected, f"the gradient of {name}")
        self.close_running()

    def close_running(self):
        for name, expected in zip(self.net.buffers, running(self.model.layers), strict=True):
            self.close(self.net.buffers[name], expected, name)

    def gradient_check(self):
        if self.expected().size and self.model.margin > 1e-3:
            error = gradient_check(self.net, self.x, limit=2, **self.options)
            assert error < 0.05, f"gradient_check gives {error:.2g}, with {self.call()}"

    def targets(self, outputs):
        """A loss, and what it compares outputs of this shape with."""
        last = self.net.layers[-1]
        ends = getattr(last, "activation", None) or getattr(last, "name", "identity")
        classes = outputs.shape[-1]
        dense = isinstance(last, layers.Dense)
        if dense and ends in ("identity", "sigmoid") and self.draw.chance(0.3):
            return losses.BinaryCrossEntropy(), self.rng.random(outputs.shape).astype(self.net.dtype)
        # Of an activation before it, cross_entropy leaves out a softmax alone.
        if classes < 2 or not dense or ends not in ("identity", "softmax") or self.draw.chance(0.4):
            levels = self.rng.uniform(0.1, 0.9, self.draw.of(*[n for n in (1, 2, 3, 5) if classes % n == 0]))
            loss = self.draw.of(
                "squared_error", losses.SquaredError(), losses.Huber(0.3), losses.AbsoluteError(),
                losses.Quantile(levels.tolist()), *([losses.Poisson()] if abs(outputs).max() < 5 else []),
            )  # fmt: skip
            if isinstance(loss, losses.Poisson):
                return loss, self.rng.poisson(2.0, outputs.shape).astype(self.net.dtype)
            width = classes // len(levels) if isinstance(loss, losses.Quantile) else classes
            return loss, self.rng.standard_normal((*outputs.shape[:-1], width)).astype(self.net.dtype)
        if self.draw.chance(0.3):
            return "cross_entropy", self.rng.dirichlet(np.ones(classes), outputs.shape[:-1]).astype(self.net.dtype)
        labels = self.rng.integers(0, classes, outputs.shape[:-1])
        if self.of_trees and len(self.net.output_shape) == 2 and self.draw.chance(0.5):
            labels[self.rng.random(len(labels)) < 0.3] = -1
            labels[0] = 0
        return "cross_entropy", labels

    def loss(self, name, outputs, targets, weights=None):
        """The summed loss of rows that count, its gradient, and how many of them are hit."""
        rows = len(outputs)
        best = targets if targets.ndim == 1 else targets.argmax(axis=1)
        if name == "cross_entropy":
            gradient = reference.cross_entropy_backward(outputs, targets) * rows
            each = np.array([reference.cross_entropy(outputs[i : i + 1], targets[i : i + 1]) for i in range(rows)])
        elif isinstance(name, losses.Huber):
            each, gradient = reference.huber(outputs, targets, name.delta)
        elif isinstance(name, losses.Quantile):
            each, gradient = reference.quantile(outputs, targets, name.levels)
        else:
            each, gradient = reference.LOSSES[name if isinstance(name, str) else name.name](outputs, targets)
        if isinstance(name, (losses.AbsoluteError, losses.Quantile)):
            distance = abs(outputs.reshape(*targets.shape, -1) - targets[..., None])
            if distance.min(initial=1) < 10 * TOLERANCE[self.net.dtype]:
                raise Corner
        weights = np.ones(rows) if weights is None else weights
        hits = int((outputs.argmax(axis=1) == best).sum())
        return (each * weights).sum(), gradient * weights[:, None], hits

    def counted(self, targets, outputs, which):
        """Which rows of some samples' outputs count, and their targets."""
        if self.of_trees:
            rows = self.rows(which) if len(self.net.output_shape) == 2 else which
            there = np.ones(len(rows), bool) if targets.ndim > 1 else targets[rows] >= 0
            return there, targets[rows][there]
        there = self.counts(outputs, which)
        return there, targets[which][there]

    def leave_out(self, loss):
        """Leave out of the model a last activation that the loss has in it, and tell whether it has one."""
        has = "softmax" if loss == "cross_entropy" else getattr(loss, "leaves_out", "identity")
        if has != "identity" and self.model.layers[-1].get("activation") == has:
            self.model.layers[-1]["activation"] = "identity"
            return True
        return False

    def evaluate(self):
        outputs = self.expected()
        name, targets = self.targets(outputs)
        if self.leave_out(name):
            self.model.states = {}
            outputs = self.expected()
        options = {"batch_size": self.samples} if self.net.stateful else {}
        weights, which = self.weights(outputs), np.arange(self.samples)
        measured = self.net.evaluate(self.x, targets, loss=name, sample_weight=weights, **options, **self.options)
        there, targets = self.counted(targets, outputs, which)
        of_rows = None if weights is None else self.of_rows(weights, which, outputs)[there]
        loss, _, hits = self.loss(name, outputs[there], targets, of_rows)
        self.close(np.array(measured["loss"]), loss / there.sum(), "the loss")
        if "accuracy" in measured and self.net.dtype == "float64":
            self.close(np.array(measured["accuracy"]), hits / there.sum(), "the accuracy")

    def fit(self):
        outputs = self.expected()
        self.model.states = {}
        name, targets = self.targets(outputs)
        self.leave_out(name)
        batch = max(1, self.samples // self.draw.of(1, 1, 2, 3))
        if self.net.stateful and self.samples % batch:
            batch = self.samples
        shuffle = self.draw.chance(0.5) and not self.net.stateful
        weights = self.weights(outputs)
        optimizer = self.draw.optimizer  # which goes on from the last fit
        epochs, rng = self.draw.of(1, 1, 2), copy.deepcopy(self.net._rng)
        history = self.net.fit(
            self.x, targets, loss=name, optimizer=optimizer.ours, batch_size=batch, epochs=epochs, shuffle=shuffle,
            sample_weight=weights, verbose=0, **self.options,
        )  # fmt: skip
        for epoch in range(epochs):
            order = rng.permutation(self.samples) if shuffle else np.arange(self.samples)
            seed = int(rng.integers(1 << 63))
            total = hits = count = 0
            self.model.states = {}
            for start in range(0, self.samples, batch):
                which = order[start : start + batch]
                outputs = self.expected(which, draw=reference.scramble(seed + start))
                self.check_margin()
                there, wanted = self.counted(targets, outputs, which)
                of_rows = None if weights is None else self.of_rows(weights, which, outputs)[there]
                loss, gradient, hit = self.loss(name, outputs[there], wanted, of_rows)
                total, hits, count = total + loss, hits + hit, count + there.sum()
                dy = np.zeros_like(outputs)
                dy[there] = gradient / max(there.sum(), 1)
                optimizer.step(self.model, self.model.backward(dy))
            self.close(np.array(history.history["loss"][epoch]), total / count, "the loss of fit")
            if "accuracy" in history.history and self.net.dtype == "float64":
                self.close(np.array(history.history["accuracy"][epoch]), hits / count, "the accuracy of fit")
        for name, expected in zip(self.net.params, parameters(self.model), strict=True):
            self.close(self.net.params[name], expected, f"{name} after fit")
        self.close_running()

    def weights(self, outputs):
        """Weights of samples, or of the rows of all outputs, of any sign; or none."""
        shape = self.draw.of(None, None, (self.samples,), outputs.shape[:-1])
        return None if shape is None else self.rng.standard_normal(shape).astype(self.net.dtype)

    def of_rows(self, weights, which, outputs):
        """The weights of some samples for each row of their outputs."""
        if self.of_trees and len(self.net.output_shape) == 2:
            nodes = len(weights) == len(self.x)
            return weights[self.rows(which)] if nodes else np.repeat(weights[which], np.diff(self.trees.start)[which])
        weights = weights[which]
        return weights if weights.shape == outputs.shape[:-1] else np.broadcast_to(weights[:, None], outputs.shape[:2])


def specified(layer):
    """What a layer is for the reference, with its parameters."""
    scales = {"lr_scale": layer.lr_scale, "decay_scale": layer.decay_scale}
    norm = isinstance(layer, (layers.BatchNorm, layers.LayerNorm))
    return {**_specified(layer), "frozen": not layer.trainable, "norm": norm, **scales}


def _specified(layer):
    if isinstance(layer, (Sequential, layers.Residual)):
        kind = "chain" if isinstance(layer, Sequential) else "residual"
        return {"kind": kind, "layers": [specified(inner) for inner in layer.layers]}
    if isinstance(layer, layers.Parallel):
        branches = [[specified(inner) for inner in branch] for branch in layer.branches]
        return {"kind": "parallel", "branches": branches, "merge": layer.merge}
    params = {name: values.astype(float) for name, values in layer.params.items()}
    if isinstance(layer, layers.Conv2D):
        return {
            "kind": "conv", **params, "stride": layer.stride, "padding": layer.padding, "dilation": layer.dilation,
            "groups": layer.groups, "activation": activation_of(layer.activation),
        }  # fmt: skip
    if isinstance(layer, layers.ConvTranspose2D):
        return {
            "kind": "transposed", **params, "stride": layer.stride, "padding": layer.padding,
            "extra": layer.output_padding, "activation": activation_of(layer.activation),
        }  # fmt: skip
    if isinstance(layer, layers.Conv1D):
        return {
            "kind": "conv_in_time", **params, "stride": layer.stride, "padding": layer.padding,
            "dilation": layer.dilation, "groups": layer.groups, "activation": activation_of(layer.activation),
        }  # fmt: skip
    if isinstance(layer, (layers.MaxPool1D, layers.MeanPool1D)):
        kind = "max" if isinstance(layer, layers.MaxPool1D) else "mean"
        return {"kind": f"{kind}_in_time", "size": layer.size, "stride": layer.stride}
    if isinstance(layer, layers.Dense):
        return {"kind": "dense", **params, "activation": activation_of(layer.activation)}
    if isinstance(layer, layers.MaxPool2D):
        return {"kind": "max", "size": layer.size, "stride": layer.stride}
    if isinstance(layer, layers.MeanPool2D):
        return {"kind": "mean", "size": layer.size, "stride": layer.stride}
    if isinstance(layer, layers.Flatten):
        return {"kind": "flatten"}
    if isinstance(layer, layers.Reshape):
        return {"kind": "reshape", "shape": layer.output_shape}
    if isinstance(layer, (layers.GlobalMaxPool, layers.GlobalMeanPool)):
        return {"kind": "global", "mean": isinstance(layer, layers.GlobalMeanPool)}
    if isinstance(layer, layers.UpSample2D):
        return {"kind": "upsample", "size": layer.size, "bilinear": layer.interpolation == "bilinear"}
    if isinstance(layer, layers.GaussianNoise):
        return {"kind": "noise", "stddev": layer.stddev}
    if isinstance(layer, layers.Rescaling):
        return {"kind": "rescale", "scale": layer.scale, "offset": layer.offset}
    if isinstance(layer, layers.Activation):
        return {"kind": "activation", "activation": activation_of(layer)}
    if isinstance(layer, layers.Select):
        return {"kind": "select", "indices": list(layer.indices)}
    if isinstance(layer, layers.LayerNorm):
        return {"kind": "layer_norm", **params, "epsilon": layer.epsilon}
    if isinstance(layer, layers.BatchNorm):
        statistics = [values.astype(float) for values in layer.buffers.values()]
        return {
            "kind": "batch_norm", **params, "epsilon": layer.epsilon, "momentum": layer.momentum,
            "running": statistics,
        }  # fmt: skip
    if isinstance(layer, layers.Dropout):
        return {"kind": "dropout", "rate": layer.rate}
    if isinstance(layer, layers.RandomShift):
        return {"kind": "shift", "padding": layer.pixels}
    if isinstance(layer, layers.RandomFlip):
        return {"kind": "flip", "horizontal": layer.horizontal, "vertical": layer.vertical}
    if isinstance(layer, layers.RandomRotation):
        return {"kind": "rotate", "degrees": layer.degrees}
    if isinstance(layer, layers.RandomErasing):
        return {"kind": "erase", "rate": layer.rate, "area": layer.area, "ratio": layer.ratio}
    if isinstance(layer, layers.Embedding):
        return {"kind": "embedding", **params}
    if isinstance(layer, layers.PositionalEmbedding):
        return {"kind": "positions", **params}
    if isinstance(layer, layers.PeriodicEmbedding):
        return {"kind": "periodic", **params}
    if isinstance(layer, layers.RobustScaling):
        constants = [values.astype(float) for values in layer.buffers.values()]
        return {"kind": "robust_scale", "limit": layer.limit, "running": constants}
    if isinstance(layer, layers.SelfAttention):
        return {"kind": "attention", **params, "heads": layer.heads, "causal": layer.causal}
    if isinstance(layer, layers.Recursive):
        return {
            "kind": "recursive", **params, "composition": layer.composition,
            "cell_activation": activation_of(layer.activation), "nodes": layer.return_nodes,
        }  # fmt: skip
    inner = layer.layer if isinstance(layer, layers.Bidirectional) else layer
    cell = {layers.RNN: "rnn", layers.LSTM: "lstm"}.get(type(inner)) or (
        "gru_after" if inner.reset_after else "gru_before"
    )
    return {
        "kind": "recurrent", **params, "cell": cell,
        "cell_activation": activation_of(getattr(inner, "activation", "tanh")),
        "sequences": inner.return_sequences, "merge": getattr(layer, "merge", "concat"), "stateful": inner.stateful,
    }  # fmt: skip


def named(gradients):
    return [array for values in gradients for array in values]


def activation_of(activation):
    """An activation as the reference has it: a name, or (name, setting)."""
    name, setting = name_and_setting(activation)
    return (name, setting) if name in WITH_SETTING else name


def leaves(chain):
    """The layers of the reference that are not made of others."""
    for layer in chain:
        if layer["kind"] in ("chain", "residual"):
            yield from leaves(layer["layers"])
        elif layer["kind"] == "parallel":
            for branch in layer["branches"]:
                yield from leaves(branch)
        else:
            yield layer


def parameters(model):
    return [values for layer in leaves(model.layers) for values in layer.values() if isinstance(values, np.ndarray)]


def layers_of(model):
    """Of each of the parameters, the layer that it is of."""
    return [layer for layer in leaves(model.layers) for values in layer.values() if isinstance(values, np.ndarray)]


def running(chain):
    return [values for layer in leaves(chain) for values in layer.get("running", ())]


def nodes_of(trees, which):
    """The rows of some trees' nodes, one tree after another."""
    return np.concatenate([np.arange(trees.start[tree], trees.start[tree + 1]) for tree in which])


def random_trees(draw):
    """Some trees, of nodes that have so many children or none."""
    texts = []
    for _ in range(draw.of(1, 2, 3, 5, 9, 20)):
        merges = int(draw.rng.integers(0, 7))
        parts = ["a"] * (1 + (draw.children - 1) * merges)
        for _ in range(merges):
            at = int(draw.rng.integers(len(parts) - draw.children + 1))
            parts[at : at + draw.children] = [tuple(parts[at : at + draw.children])]
        texts += Trees.of(parts[0]).brackets()
    return Trees.parse("\n".join(texts))


class Optimizer:
    """An optimizer drawn at random, ours and the reference's."""

    def __init__(self, draw):
        self.clip = draw.of({}, {}, {"clip_norm": 0.3}, {"clip_value": 0.05})
        decay = draw.of({}, {"weight_decay": 0.01})
        eps = {"eps": EPSILON}  # rounding would show where gradients are next to nothing
        momentum = {"momentum": draw.of(0.0, 0.9), "nesterov": draw.chance(0.3)}
        if not momentum["momentum"]:
            momentum["nesterov"] = False
        self.kind = draw.of("SGD", "SGD", "Adam", "AdamW", "RMSprop", "AdaGrad", "NAdam", "Adadelta")
        # slow enough for rounding to stay small
        lr = draw.of(0.0003, 0.002) if self.kind == "SGD" else draw.of(0.003, 0.02)
        lr /= 10 if draw.wide else 1
        settings = {
            "SGD": {**momentum, **decay}, "Adam": {**eps, **decay}, "AdamW": {**eps, "weight_decay": 0.01},
            "RMSprop": {**eps, **decay}, "AdaGrad": {**eps, **decay}, "NAdam": {**eps, **decay},
            "Adadelta": {**eps, **decay},
        }[self.kind]  # fmt: skip
        self.settings = {"lr": lr, **settings}
        self.decay_biases = draw.chance(0.7)
        self.ours = getattr(optimizers, self.kind)(**self.settings, **self.clip, decay_biases=self.decay_biases)
        self.moments, self.steps = {}, 0
        # The largest gradient beside which the rounding of another one does not show in a step that does not grow
        # with it.
        reach = lr if self.kind == "SGD" else lr / EPSILON
        bounded = self.kind != "SGD" or "clip_value" in self.clip
        self.largest = TOLERANCE[draw.dtype] / (reach * np.finfo(draw.dtype).eps) if bounded else np.inf

    def step(self, model, gradients):
        """Take the reference's step on the reference's network."""
        self.steps += 1
        gradients, of_layers = named(gradients), layers_of(model)
        norm = np.sqrt(sum((g**2).sum() for g, layer in zip(gradients, of_layers, strict=True) if not layer["frozen"]))
        scale = min(1.0, self.clip["clip_norm"] / norm) if "clip_norm" in self.clip and norm else 1.0
        limit = self.clip.get("clip_value", np.inf)
        if max((abs(g * scale).max(initial=0) for g in gradients), default=0) > self.largest:
            raise Corner
        for k, (values, g) in enumerate(zip(parameters(model), gradients, strict=True)):
            if not of_layers[k]["frozen"]:
                values[...] = self._updated(k, values, np.clip(g * scale, -limit, limit), of_layers[k])

    def _updated(self, k, p, g, layer):
        first, second = self.moments.get(k, (np.zeros_like(p), np.zeros_like(p)))
        spared = not self.decay_biases and (layer["norm"] or p.ndim < 2 or p is layer.get("bias"))
        decay = 0.0 if spared else self.settings.get("weight_decay", 0.0) * layer["decay_scale"]
        settings = {**self.settings, "lr": self.settings["lr"] * layer["lr_scale"], "weight_decay": decay}
        if self.kind == "SGD":
            p, first = reference.sgd_step(p, g, first, **settings)
        elif self.kind in ("Adam", "AdamW", "NAdam"):
            take = getattr(reference, f"{self.kind.lower()}_step")
            p, first, second = take(p, g, first, second, step=self.steps, **settings)
        elif self.kind == "RMSprop":
            p, second = reference.rmsprop_step(p, g, second, **settings)
        elif self.kind == "Adadelta":
            p, first, second = reference.adadelta_step(p, g, first, second, **settings)
        else:
            p, second = reference.adagrad_step(p, g, second, **settings)
        self.moments[k] = first, second
        return p
