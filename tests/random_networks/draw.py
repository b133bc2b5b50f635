"""Random networks: their layers, samples and optimizer are drawn."""

import numpy as np

from fastdl import Sequential, layers
from fastdl._core.graph import Graph
from fastdl._core.shapes import features_of, with_features
from fastdl.layers.chains import through
from fastdl.layers.container import walk
from fastdl.trees import Trees
from random_networks.optimizer import Optimizer


class Draw:
    """The random choices for one network.

    Attributes
    ----------
    shaking : Generator or None
        It changes each number that the reference is given as by one rounding.
    expected : list of ndarray
        What the reference has given so far, to be compared.
    """

    def __init__(self, number, shaking=None):
        self.rng, self.shaking, self.expected = np.random.default_rng(number), shaking, []
        self.wide = self.chance(0.05)  # enough work for several threads
        self.dtype = self.of("float32", "float64")
        self.kind = self.of("vectors", "sequences", "sequences", "tokens", "mixed", "images", "images", "trees")
        self.stateful = self.chance(0.15)
        self.vocabulary = self.of(2, 3, 7, 40)
        self.children = self.of(1, 2, 2, 2, 3)
        self.categories = []  # the features that are tokens
        self.spread = self.of(0, 0.15, 0.35)  # the probability that a layer is made of others
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
        others = self.of("elu", "selu", "softplus", "hard_sigmoid", "hard_tanh", "relu6", self.elu())
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
            if isinstance(layer, (layers.BatchNorm, layers.GroupNorm, layers.LayerNorm)):
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
        """Draw a layer that keeps the steps or pixels of samples of this shape: a plain one, or one made of others."""
        if depth == 3 or not self.chance(self.spread):
            return self.normalization(shape) if self.chance(0.12) else plain(shape)
        how = self.of("chain", "residual", "concat", "sum", "product")
        if how == "chain":
            return Sequential(self.chain(plain, shape, 1, 3, depth + 1))
        if how == "residual":
            return layers.Residual(self.with_features(plain, shape, shape, depth + 1))
        if how == "concat":
            return layers.Parallel([self.chain(plain, shape, 0, 2, depth + 1) for _ in range(self.of(1, 2, 3))])
        first = self.chain(plain, shape, 0, 2, depth + 1)
        wanted = given(first, shape)
        others = [self.with_features(plain, shape, wanted, depth + 1) for _ in range(self.of(0, 1, 2))]
        if self.chance(0.3):
            others.append(self.repeated(plain, shape, wanted, depth + 1))
        branches = [first, *others]
        return layers.Parallel([branches[k] for k in self.rng.permutation(len(branches))], how)

    def chain(self, plain, shape, least, most, depth=0):
        is_row = least == 0 and len(shape) == 1 and self.kind != "trees"  # which may be flattened too
        made = [layers.Flatten()] if is_row and self.chance(0.3) else []
        for _ in range(self.rng.integers(least, most + 1)):
            made.append(self.layer(plain, given(made, shape), depth))
        return made

    def with_features(self, plain, shape, wanted, depth):
        """Draw a chain whose output has this shape."""
        made = self.chain(plain, shape, 0, 2, depth)
        if made and given(made, shape) == wanted:
            return made
        of_images = len(wanted) == 3
        return [*made, layers.Conv2D(wanted[0], 1) if of_images else layers.Dense(wanted[-1], self.activation())]

    def repeated(self, plain, shape, wanted, depth):
        """Draw a chain whose output is repeated to this shape: of one row, or one feature, or both."""
        if len(shape) == 1 or self.kind == "trees" or self.chance(0.3):
            return self.with_features(plain, shape, with_features(wanted, 1), depth)
        return [
            *self.chain(plain, shape, 0, 1, depth),
            self.of(layers.GlobalMeanPool(), layers.GlobalMaxPool()),
            layers.Dense(self.of(1, features_of(wanted)), self.activation()),
        ]

    def normalization(self, shape):
        epsilon = self.of(1e-5, 1e-3, 0.1)
        if self.kind != "trees" and self.chance(0.25):
            return layers.GroupNorm(self.groups(features_of(shape)), epsilon=epsilon)
        if self.kind == "trees" or self.chance(0.4):
            return layers.LayerNorm(epsilon=epsilon)
        return layers.BatchNorm(epsilon=epsilon, momentum=self.of(0, 0.1, 0.7, 1))

    def head(self, made, shape):
        """Draw layers that reduce samples of any shape to vectors, and layers for these."""
        steps = given(made, shape)
        flat = [layers.Flatten()] if len(steps) == 3 or (None not in steps and self.chance(0.5)) else []
        if len(steps) > 1 and self.chance(0.3):
            flat = [self.of(layers.GlobalMaxPool, layers.GlobalMeanPool)()]
        return flat + self.chain(self.dense, given(flat, steps), 0, 1) + [self.dense()]

    def dense(self, _=None):
        return layers.Dense(self.width(), self.of(self.activation(), "identity", "softmax"))

    def any_of(self, shape):
        """Draw a layer that takes every shape."""
        return self.of(
            lambda: self.of_activation(),
            lambda: layers.Dropout(self.of(0, 0.25, 0.5)),
            lambda: self.of(layers.GaussianNoise(self.of(0, 0.3)), layers.Rescaling(self.of(0.5, -2), self.of(0, 0.1))),
            lambda: self.select(shape),
            self.dense,
            self.of_tables,
        )()

    def of_tables(self):
        waves = layers.PeriodicEmbedding(self.of(1, 2, 5), stddev=self.of(0.1, 0.5))
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
        """Draw a network of categories beside numbers, of samples or of their steps."""
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
        """Draw layers for sequences; with ``last``, they give one vector."""
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
        """Draw a convolution that keeps the number of steps."""
        groups = self.groups(shape[1])
        filters = groups * max(1, min(self.width(), 24) // groups)
        return layers.Conv1D(
            filters, self.of(1, 2, 3, 5), padding=self.of("same", "causal"), dilation=self.of(1, 1, 2), groups=groups,
            activation=self.activation(),
        )  # fmt: skip

    def convolution_in_time(self, shape):
        """Draw a convolution that changes the steps."""
        if self.chance(0.1):  # enough features and steps for minimal filtering
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
        made = self.some(self.augmentation, 1, 2) if self.chance(0.4) else []
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
        """Draw a dilation with which the kernel fits."""
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
            layers.RandomShift(self.of(0, 1, 2, (1, 3))),
            layers.RandomFlip(**self.of({}, {"vertical": True}, {"horizontal": False, "vertical": True})),
            layers.RandomRotation(self.of(0, 15, 180)),
            layers.RandomErasing(self.of(0, 0.5, 1.0), area=self.of((0.02, 0.33), (0.5, 1.0))),
        )

    def of_images(self, shape):
        """A layer that keeps an image's size."""
        return self.of(
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
