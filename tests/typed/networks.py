"""Networks: made, run, differentiated, looked at and saved, as a user's script would."""

import pathlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import assert_type

import fastdl
from fastdl import Sequential, initializers, layers, models, samples
from fastdl.derivatives import Differentiable, Taylor
from fastdl.inspection.picture import Picture

rng = np.random.default_rng(0)
images = rng.random((6, 3, 8, 8), np.float32)
net = Sequential(
    [
        layers.Rescaling(2.0, -1.0),
        layers.RandomShift(1),
        layers.RandomFlip(),
        layers.RandomRotation(5),
        layers.RandomErasing(0.1),
        layers.Conv2D(4, 3, padding="same", activation=layers.Activation("leaky_relu", slope=0.1)),
        layers.Residual([layers.BatchNorm(), layers.Conv2D(4, (3, 3), padding=1, groups=2)]),
        layers.MaxPool2D(2),
        layers.UpSample2D(2, "bilinear"),
        layers.ConvTranspose2D(4, 2, stride=2, initializer=("he_normal", 0.5)),
        layers.MeanPool2D((2, 2), stride=2),
        layers.GaussianNoise(0.1),
        layers.Parallel([[layers.GlobalMeanPool()], [layers.GlobalMaxPool()]], merge="concat"),
        layers.GroupNorm(2, epsilon=1e-6),
        layers.LayerNorm(epsilon=1e-6),
        layers.Dropout(0.2),
        layers.Dense(3, "relu", initializer=initializers.glorot_uniform),
    ],
    input_shape=(3, 8, 8),
    dtype="float64",
    seed=0,
)
y = net.forward(images, training=True)
assert_type(y, NDArray[Any])
assert_type(net.backward(np.ones_like(y), accumulate=True), NDArray[Any])
assert_type(net.predict(images), NDArray[Any])
assert_type(net.predict(images.tolist()), NDArray[Any])
assert_type(net.activations(images, "6.1"), NDArray[Any])
assert_type(net.activations(images, net.layers[7]), NDArray[Any])
assert_type(net.layers, tuple[layers.Layer, ...])
assert_type(net.parameters, NDArray[Any])
assert_type(net.params["16.weight"], NDArray[Any])
assert_type(net.layers[6].buffers["0.running_mean"], NDArray[Any])
assert_type(net.parameter_count, int)
net.params["16.bias"] = [0.1, 0.2, 0.3]
net.parameters = net.parameters * 0.9
net.gradients = np.zeros(net.parameter_count)
net.layers[5].trainable = False
net.layers[6].lr_scale = 0.5
net.decay_scale = 0.0
net.notes["labels"] = ["a", "b", "c"]
assert_type(net.trainable, bool)
assert_type(net.dtype, str)
assert_type(net.initial_seed, int | None)
assert_type(net.is_of_trees, bool)
net.summary()

predict = net.predictor(2)
out = np.empty((2, 3))
assert_type(predict(images[:2], out), NDArray[Any])
assert_type(predict(images[:2]), NDArray[Any])

picture = net.plot("network.svg")
assert_type(picture, Picture)
assert_type(picture.svg, str)
picture.save("again.svg")

net.save(pathlib.Path("net.npz"))
assert_type(fastdl.load("net.npz"), Sequential)
config = net.get_config()
assert_type(Sequential.from_config(config), Sequential)
assert_type(Sequential.unfilled(config), Sequential)
assert_type(layers.from_config(layers.Dense(2).get_config()), layers.Layer)

# Derivatives.
field = Sequential([layers.Dense(4, "tanh"), layers.Dense(2)], input_shape=3, dtype="float64", seed=0)
points = rng.random((5, 3))
assert_type(field.jacobian(points), NDArray[Any])
assert_type(field.vjp(points, np.ones((5, 2))), NDArray[Any])
assert_type(field.jvp(points, np.ones((5, 3))), NDArray[Any])
assert_type(field.hessian(points), NDArray[Any])
jet = field.taylor(points, directions=[[1.0, 0.0, 0.0]])
assert_type(jet, Taylor)
assert_type(jet.backward(dvalues=jet.values, dfirst=[jet.first[0]], dsecond=jet.second), NDArray[Any])
assert_type(fastdl.gradient_check(field, points, [0, 1, 0, 1, 1], loss="cross_entropy", limit=20), float)
differentiable: Differentiable = field
container: layers.Container = field
assert_type(differentiable.output_shape, tuple[Any, ...])

# Layers alone, in time.
sequences = rng.random((4, 7, 5), np.float32)
lstm = layers.LSTM(3, return_sequences=True, forget_bias=0.5).build((None, 5), seed=0)
assert_type(lstm, layers.LSTM)
assert_type(lstm.units, int)
assert_type(lstm.forward(sequences, lengths=[7, 3, 1, 2]), NDArray[Any])
h, c = lstm.state
assert_type(lstm.forward(sequences, initial_state=(h, c)), NDArray[Any])
assert_type(lstm.backward(np.ones((4, 7, 3)), state_gradient=(h, c)), NDArray[Any])
for layer in (
    layers.RNN(3, "relu"),
    layers.GRU(3, stateful=True),
    layers.Bidirectional(layers.GRU(2), merge="sum"),
    layers.SelfAttention(1, causal=True),
    layers.Conv1D(2, 3, padding="causal"),
    layers.MaxPool1D(2),
    layers.MeanPool1D(2, stride=1),
    layers.PositionalEmbedding(7),
    layers.Flatten(),
    layers.Reshape([5, -1]),
    layers.Select([0, 2]),
    layers.PeriodicEmbedding(2),
    layers.RobustScaling(),
):
    alone: layers.Layer = layer.build((7, 5), seed=0)
    assert_type(alone.forward(sequences, training=True), NDArray[Any])
    alone.reset_state()


class Doubled(layers.Layer):
    """A layer of one's own."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.units = units

    def operations(self, x: layers.Tensor) -> layers.Tensor:
        """Twice the same units."""
        halves = [x.then("dense", units=self.units), x.then(layers.Activation("relu"))]
        return layers.merged(halves, "concat")

    def parameter_shapes(self, shape: tuple[Any, ...]) -> dict[str, tuple[Any, ...]]:
        """Of the dense operation."""
        return {"weight": (shape[0], self.units), "bias": (self.units,)}

    def initialize(self, rng: np.random.Generator) -> None:
        """Start."""
        self.params["weight"][...] = initializers.orthogonal((self.units, 3), 3, self.units, rng)


own = Doubled(2).build((3,), seed=0)
assert_type(own, Doubled)
assert_type(own.forward(points), NDArray[Any])
batch = samples.as_batch(own, points)
assert_type(batch, samples.Samples)
assert_type(samples.parts(batch, 2), list[Any])
mask: samples.Mask = batch.counted((1,))
assert not isinstance(batch, (samples.Forest, samples.Sequences))

# Initializers.
for initializer in (
    initializers.glorot_normal,
    initializers.glorot_uniform,
    initializers.he_normal,
    initializers.he_uniform,
    initializers.lecun_normal,
    initializers.lecun_uniform,
    initializers.pytorch,
    initializers.uniform,
    initializers.zeros,
):
    assert_type(initializer((2, 3), 3, 2, rng), NDArray[Any])

# Ready-made ones.
assert_type(models.lenet5(pooling="mean", seed=0), Sequential)
assert_type(models.mlp((4, 3, 2), output=None), Sequential)
assert_type(models.tabular(3, 1, categories={0: 4}).adapt(np.round(points)), Sequential)
assert_type(models.transformer(9, 8, units=8, layers=1, heads=2), Sequential)
language_model = models.language_model(9, cell="gru", units=4, dim=3)
assert_type(language_model.predict([[1, 2, 3]]), NDArray[Any])
language_model.reset_state()
language_model.state = None
assert_type(models.tree_classifier(9, 3, units=4), Sequential)
assert_type(models.tree_parser(9, units=4), Sequential)
of_trees = Sequential([layers.Embedding(9, 4), layers.Recursive(4, composition="tensor")], input_shape=(None,))

assert_type(fastdl.get_num_threads(), int)
fastdl.set_num_threads(1)
fastdl.show_config()
assert_type(fastdl.__version__, str)
