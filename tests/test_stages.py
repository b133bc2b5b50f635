"""What a training keeps from stage to stage, and for how long: beside an own loop, which keeps everything."""

import tracemalloc

import numpy as np
import pytest
from conftest import close

import fastdl
from fastdl import Sequential, layers, losses, optimizers

SGD = optimizers.SGD(0.05, momentum=0.9)


def conv(filters, stride=1, **settings):
    return layers.Conv2D(filters, 3, stride=stride, padding=1, **settings)


def normalized(layer, activation="relu"):
    return [layer, layers.BatchNorm(), layers.Activation(activation)]


def end():
    return [layers.GlobalMeanPool(), layers.Dense(3)]


def frozen(layer):
    layer.trainable = False
    return layer


IMAGES = (3, 9, 10)
NETWORKS = {
    "separable": lambda: [
        *normalized(conv(8)), *normalized(conv(8, groups=8)), *normalized(layers.Conv2D(20, 1)),
        *normalized(conv(20, 2, groups=20)), *normalized(layers.Conv2D(7, 1)), *end(),
    ],
    "residual": lambda: [
        *normalized(conv(5)), layers.Residual([*normalized(conv(5)), conv(5), layers.BatchNorm()]),
        layers.Activation("relu"),
        layers.Parallel([[*normalized(conv(4, 2)), conv(6), layers.BatchNorm()], [conv(6, 2), layers.BatchNorm()]],
                        merge="sum"),
        layers.Activation("relu"), *end(),
    ],
    "frames": lambda: [
        *normalized(conv(4)), layers.Conv2D(5, (5, 2), padding=(2, 0)), layers.BatchNorm(),
        layers.Conv2D(17, (1, 4), padding=(0, 3)), layers.BatchNorm(), layers.Residual([conv(17)]),
        *normalized(conv(8)), conv(6), *end(),
    ],
    "norms alone": lambda: [
        layers.BatchNorm(), layers.BatchNorm(), layers.Residual([layers.BatchNorm(), layers.Residual([conv(3)])]),
        layers.BatchNorm(), *end(), layers.BatchNorm(),
    ],
    "sums": lambda: [
        *normalized(conv(5)), layers.Residual([conv(5), layers.BatchNorm()]),
        layers.Residual([layers.Residual([layers.BatchNorm()]), layers.BatchNorm()]), layers.Activation("tanh"),
        layers.Parallel([normalized(conv(17)), [conv(17), layers.BatchNorm()]], merge="sum"), layers.Activation("relu"),
        layers.Parallel([[conv(6)], [conv(6, 1), frozen(layers.BatchNorm())]], merge="sum"), layers.Activation("relu"),
        layers.Parallel([[conv(4), layers.BatchNorm()], [conv(4)], [conv(4), layers.BatchNorm()]], merge="sum"),
        layers.GlobalMeanPool(),
        layers.Parallel([[layers.Dense(6)], [layers.Dense(6), layers.BatchNorm()]], merge="sum"),
        layers.Dense(3), layers.Residual([layers.BatchNorm()]),
    ],
    "other activations": lambda: [
        *normalized(conv(4), "silu"), layers.Dropout(0.3), *normalized(conv(5), "tanh"), layers.MaxPool2D(2),
        *normalized(conv(4), "hard_tanh"), layers.Residual([conv(4)]), *normalized(conv(5), "gelu"), *end(),
    ],
    "concatenated": lambda: [
        *normalized(conv(4)), layers.Parallel([[*normalized(conv(3))], [], [conv(2), layers.BatchNorm()]]),
        *normalized(conv(3)), layers.Flatten(), *normalized(layers.Dense(20)), *normalized(layers.Dense(10)),
        layers.Dense(3),
    ],
    "partly frozen": lambda: [
        frozen(conv(4)), layers.BatchNorm(), frozen(conv(4)), frozen(layers.BatchNorm()), layers.Activation("relu"),
        *normalized(conv(5)), frozen(layers.BatchNorm()), layers.Activation("relu"), conv(4), layers.BatchNorm(),
        *end(),
    ],
}  # fmt: skip
IN_TIME = {
    "convolutions": lambda: [
        *normalized(layers.Conv1D(6, 3, padding=1)), *normalized(layers.Conv1D(7, 3, padding=1), "softmax"),
        layers.Residual([*normalized(layers.Conv1D(7, 3, padding=1))]), layers.GRU(5), layers.Dense(3),
    ],
    "recurrent": lambda: [
        layers.LSTM(6, return_sequences=True), layers.BatchNorm(),
        layers.Residual([layers.Dense(6), layers.BatchNorm()]), layers.GRU(5), layers.BatchNorm(), layers.Dense(3),
    ],
}  # fmt: skip


def same_steps(make, shape, x, y, dtype, **lengths):
    """Steps of fit by 1 to 3 threads, equal to the bit, and around a loss of one's own, which hold every tensor."""

    def after(loss):
        net = Sequential(make(), input_shape=shape, dtype=dtype, seed=3)
        net.fit(x, y, epochs=2, batch_size=len(x), shuffle=False, loss=loss, optimizer=SGD, verbose=0, **lengths)
        return net

    nets = []
    for threads in (1, 2, 3):
        fastdl.set_num_threads(threads)
        nets.append(after("cross_entropy"))
    own = after(losses.CrossEntropy().__call__)
    for net in nets:
        assert (net.parameters == nets[0].parameters).all()
        assert all((values == nets[0].buffers[name]).all() for name, values in net.buffers.items())
    close(own.parameters, net.parameters, dtype)
    for name, values in net.buffers.items():
        close(own.buffers[name], values, dtype)


@pytest.mark.parametrize("count", [2, 21, 70])
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_images(name, count, dtype, rng):
    x, y = rng.standard_normal((count, *IMAGES)), rng.integers(0, 3, count)
    same_steps(NETWORKS[name], IMAGES, x, y, dtype)


@pytest.mark.parametrize("short", [False, True], ids=["whole", "of different lengths"])
@pytest.mark.parametrize("name", IN_TIME)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sequences(name, short, dtype, rng):
    x, y = rng.standard_normal((50, 9, 4)), rng.integers(0, 3, 50)
    lengths = {"lengths": rng.integers(1, 10, 50)} if short else {}
    same_steps(IN_TIME[name], (None, 4), x, y, dtype, **lengths)


def test_what_is_kept(rng):
    """Of each normalization the value before it alone; gradients of two."""
    stages, batch = 8, 64
    net = Sequential([*(layer for _ in range(stages) for layer in normalized(conv(16))), *end()],
                     input_shape=(16, 24, 24), seed=0)  # fmt: skip
    x, y = rng.standard_normal((batch, 16, 24, 24), np.float32), rng.integers(0, 3, batch)
    fastdl.set_num_threads(1)
    tracemalloc.start()
    net.fit(x, y, batch_size=batch, verbose=0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    one = batch * 16 * 24 * 24 * 4
    assert peak < (1 + stages + 2 + 3) * one  # the input, values, gradients, and what a group needs


@pytest.mark.parametrize("name", sorted(NETWORKS.keys() - {"other activations"}))  # one draws other numbers then
def test_what_stands_in_memory_does_not_matter(name, rng):
    """After a training that has diverged, that is NaN."""
    x, y = rng.standard_normal((21, *IMAGES)), rng.integers(0, 3, 21)
    nets = [Sequential(NETWORKS[name](), input_shape=IMAGES, seed=3) for _ in range(2)]
    start = [values.copy() for values in (*nets[0].params.values(), *nets[0].buffers.values())]
    with pytest.raises(FloatingPointError):
        nets[0].fit(x, y, epochs=9, batch_size=21, optimizer=optimizers.SGD(1e38), verbose=0)
    for values, first in zip((*nets[0].params.values(), *nets[0].buffers.values()), start, strict=True):
        values[...] = first
    for net in nets:
        net.fit(x, y, batch_size=21, shuffle=False, optimizer=optimizers.SGD(0.01), verbose=0)
    assert (nets[0].parameters == nets[1].parameters).all()
