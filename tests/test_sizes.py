"""Sizes that no machine has memory for: a ValueError that names the argument, before any memory is asked for."""

import tracemalloc

import numpy as np
import pytest

import fastdl
from fastdl import Sequential, callbacks, datasets, functional, initializers, layers, models, schedules
from fastdl._archive import encode, write
from fastdl.compat import bp, cnn, fc, gru, linear_unit, lstm, mnist, perceptron, recursive, rnn
from fastdl.compat.activators import IdentityActivator, SigmoidActivator
from fastdl.datasets import Trees, Vocabulary
from fastdl.optimizers import SGD
from fastdl.saving import describe
from fastdl.trees.parsing import fit_parser, parse

RNG = np.random.default_rng(0)
IMAGE, ROWS, PIXEL = (2, 5, 5), (3,), np.ones((1, 2, 5, 5))
KERNEL = np.ones((1, 2, 2, 2))
ACTIVATOR = IdentityActivator()


def net(*made, shape=ROWS):
    return Sequential(list(made), input_shape=shape)


def trained(**arguments):
    made = Sequential([layers.Dense(2)], input_shape=3, seed=0)
    made.fit(np.ones((4, 3)), np.zeros(4, int), verbose=0, **arguments)
    return made


def parser():
    return models.tree_parser(3, units=2), Vocabulary(["<unknown>", "a", "b"], True)


# What is given the size, and what the error names.
ARGUMENTS = {
    "units of Dense": (lambda n: net(layers.Dense(n)), "units"),
    "filters": (lambda n: net(layers.Conv2D(n, 1), shape=IMAGE), "filters"),
    "kernel_size": (lambda n: net(layers.Conv2D(1, n), shape=IMAGE), "kernel_size"),
    "kernel_size, one of two": (lambda n: net(layers.Conv2D(1, (1, n)), shape=IMAGE), "kernel_size"),
    "stride": (lambda n: net(layers.Conv2D(1, 1, stride=n), shape=IMAGE), "stride"),
    "padding": (lambda n: net(layers.Conv2D(1, 1, padding=n), shape=IMAGE), "padding"),
    "dilation": (lambda n: net(layers.Conv2D(1, 2, dilation=n), shape=IMAGE), "dilation|kernel_size"),
    "groups": (lambda n: net(layers.Conv2D(1, 1, groups=n), shape=IMAGE), "groups"),
    "kernel_size in time": (lambda n: net(layers.Conv1D(1, n), shape=(4, 3)), "kernel_size"),
    "padding in time": (lambda n: net(layers.Conv1D(1, 1, padding=n), shape=(4, 3)), "padding"),
    "kernel_size, transposed": (lambda n: net(layers.ConvTranspose2D(1, n), shape=IMAGE), "kernel_size"),
    "stride, transposed": (lambda n: net(layers.ConvTranspose2D(1, 1, stride=n), shape=IMAGE), "stride"),
    "padding, transposed": (lambda n: net(layers.ConvTranspose2D(1, 1, padding=n), shape=IMAGE), "padding"),
    "size of a pool in time": (lambda n: net(layers.MaxPool1D(n), shape=(4, 3)), "size"),
    "size of a pool": (lambda n: net(layers.MaxPool2D(n), shape=IMAGE), "size"),
    "stride of a pool": (lambda n: net(layers.MeanPool2D(1, n), shape=IMAGE), "stride"),
    "pixels": (lambda n: net(layers.RandomShift(n), shape=IMAGE), "pixels"),
    "vocabulary": (lambda n: net(layers.Embedding(n, 1), shape=(None,)), "vocabulary"),
    "dim": (lambda n: net(layers.Embedding(3, n), shape=(None,)), "dim"),
    "units of an RNN": (lambda n: net(layers.RNN(n), shape=(None, 3)), "units"),
    "units of an LSTM": (lambda n: net(layers.LSTM(n), shape=(None, 3)), "units"),
    "units of a GRU": (lambda n: net(layers.Bidirectional(layers.GRU(n)), shape=(None, 3)), "units"),
    "units of Recursive": (lambda n: net(layers.Recursive(n), shape=(None, 3)), "units"),
    "children": (lambda n: net(layers.Recursive(3, children=n), shape=(None, 3)), "children"),
    "input_shape": (lambda n: net(layers.Dense(1), shape=n), "input_shape"),
    "T": (lambda n: net(layers.Flatten(), layers.Dense(1), shape=(n, 1)), "input_shape"),
    "F": (lambda n: net(layers.RNN(1), shape=(None, n)), "input_shape"),
    "H": (lambda n: net(layers.Flatten(), shape=(1, n, 1)), "input_shape"),
    "build": (lambda n: layers.Dense(2).build((n,)), "input_shape"),
    "lenet5": (lambda n: models.lenet5(shift=n), "shift|pixels"),
    "mlp": (lambda n: models.mlp((3, n, 2)), "sizes"),
    "the first of mlp": (lambda n: models.mlp((n, 2)), "sizes"),
    "language_model": (lambda n: models.language_model(n), "vocabulary"),
    "language_model of units": (lambda n: models.language_model(9, units=n), "units"),
    "language_model of layers": (lambda n: models.language_model(9, units=1, dim=1, layers=n), "layers"),
    "language_model of dim": (lambda n: models.language_model(9, dim=n), "dim"),
    "tree_classifier": (lambda n: models.tree_classifier(9, n), "classes"),
    "tree_parser": (lambda n: models.tree_parser(n), "vocabulary"),
    "im2col of kernel_size": (lambda n: functional.im2col(PIXEL, n), "kernel_size"),
    "im2col of stride": (lambda n: functional.im2col(PIXEL, 2, stride=n), "stride"),
    "im2col of padding": (lambda n: functional.im2col(PIXEL, 2, padding=n), "padding"),
    "col2im of input_size": (lambda n: functional.col2im(np.ones((1, 8, 16)), n, 2), "input_size"),
    "col2im of kernel_size": (lambda n: functional.col2im(np.ones((1, 8, 16)), 5, n), "kernel_size"),
    "col2im of stride": (lambda n: functional.col2im(np.ones((1, 8, 16)), 5, 2, stride=n), "stride"),
    "col2im of padding": (lambda n: functional.col2im(np.ones((1, 8, 16)), 5, 2, padding=n), "padding"),
    "cross_correlate2d of stride": (lambda n: functional.cross_correlate2d(PIXEL, KERNEL, stride=n), "stride"),
    "cross_correlate2d of padding": (lambda n: functional.cross_correlate2d(PIXEL, KERNEL, padding=n), "padding"),
    "cross_correlate2d_backward": (
        lambda n: functional.cross_correlate2d_backward(PIXEL, PIXEL, KERNEL, padding=n),
        "padding",
    ),
    "max_pool2d of size": (lambda n: functional.max_pool2d(PIXEL, n), "size"),
    "mean_pool2d of stride": (lambda n: functional.mean_pool2d(PIXEL, 2, n), "stride"),
    "max_pool2d_backward": (lambda n: functional.max_pool2d_backward(PIXEL, PIXEL, 1, n), "stride"),
    "expand_sensitivity_map of stride": (lambda n: functional.expand_sensitivity_map(PIXEL, n), "stride"),
    "expand_sensitivity_map of size": (lambda n: functional.expand_sensitivity_map(PIXEL, 1, n), "size"),
    "adam_step": (lambda n: functional.adam_step(*np.ones((4, 3)), step=2**23 * n), "step"),
    "epochs": (lambda n: trained(epochs=n), "epochs"),
    "initial_epoch": (lambda n: trained(initial_epoch=n), "initial_epoch"),
    "batch_size of evaluate": (
        lambda n: net(layers.Dense(2)).evaluate(np.ones((4, 3)), np.zeros(4, int), batch_size=n),
        "batch_size",
    ),
    "patience": (lambda n: callbacks.EarlyStopping(patience=n), "patience"),
    "steps": (lambda n: schedules.cosine(0.1, 2**23 * n), "steps"),
    "steps of one_cycle": (lambda n: schedules.one_cycle(0.1, 2**23 * n), "steps"),
    "every": (lambda n: schedules.step(0.1, 2**23 * n), "every"),
    "threads": (fastdl.set_num_threads, "n"),
    "limit of gradient_check": (
        lambda n: fastdl.gradient_check(layers.Dense(1).build(3, dtype="float64"), np.ones((1, 3)), limit=n),
        "limit",
    ),
    "limit": (lambda n: Vocabulary.of("text", limit=n), "limit"),
    "decode": (lambda n: Vocabulary(["a"]).decode([n]), "ids"),
    "batch_size of text_windows": (lambda n: datasets.text_windows(np.arange(9), n, 2), "batch_size"),
    "steps of text_windows": (lambda n: datasets.text_windows(np.arange(9), 2, n), "steps"),
    "standard_library": (datasets.standard_library, "characters"),
    "expression_trees": (datasets.expression_trees, "count"),
    "beam": (lambda n: parse(*parser(), [["a", "b"]], beam=n), "beam"),
    "epochs of fit_parser": (
        lambda n: fit_parser(*parser(), Trees.of(("a", "b")), epochs=n, optimizer=SGD()),
        "epochs",
    ),
    "start": (lambda n: Trees([0, n], [-1], ["a"]), "start"),
    "parents": (lambda n: Trees([0, 1], [n], ["a"]), "parents"),
    "parents, modulo": (lambda n: Trees([0, 3], [2, n + 2, -1], ["a", "b", None]), "parents"),
    "labels": (lambda n: Trees([0, 1], [-1], ["a"], [n], ["one"]), "labels"),
    "shape of uniform": (lambda n: initializers.uniform((n, 1), 1, 1, RNG), "shape"),
    "fan_in of uniform": (lambda n: initializers.uniform((1, 1), n, 1, RNG), "fan_in"),
    "shape of he_normal": (lambda n: initializers.he_normal((n, 1), 1, 1, RNG), "shape"),
    "shape of glorot_uniform": (lambda n: initializers.glorot_uniform((n, 1), 1, 1, RNG), "shape"),
    "fan_out of glorot_uniform": (lambda n: initializers.glorot_uniform((1, 1), 1, n, RNG), "fan_out"),
    "shape of orthogonal": (lambda n: initializers.orthogonal((n, 1), 1, 1, RNG), "shape"),
    "shape of zeros": (lambda n: initializers.zeros((n, 1), 1, 1, RNG), "shape"),
    "compat.fc": (lambda n: fc.FullConnectedLayer(n, 1, SigmoidActivator()), "input_size"),
    "compat.fc, other": (lambda n: fc.FullConnectedLayer(1, n, SigmoidActivator()), "output_size"),
    "compat.fc.Network": (lambda n: fc.Network([n, 1]), "layers"),
    "compat.bp.Network": (lambda n: bp.Network([1, n]), "layers"),
    "compat.cnn.ConvLayer": (lambda n: cnn.ConvLayer(n, 3, 1, 1, 1, 1, 0, 1, ACTIVATOR, 0.1), "input_width"),
    "compat.cnn.ConvLayer of padding": (
        lambda n: cnn.ConvLayer(3, 3, 1, 1, 1, 1, n, 1, ACTIVATOR, 0.1),
        "zero_padding",
    ),
    "compat.cnn.ConvLayer of filters": (
        lambda n: cnn.ConvLayer(3, 3, 1, 1, 1, n, 0, 1, ACTIVATOR, 0.1),
        "filter_number",
    ),
    "compat.cnn.ConvLayer of stride": (lambda n: cnn.ConvLayer(3, 3, 1, 1, 1, 1, 0, n, ACTIVATOR, 0.1), "stride"),
    "compat.cnn.MaxPoolingLayer": (lambda n: cnn.MaxPoolingLayer(n, 3, 1, 1, 1, 1), "input_width"),
    "compat.cnn.Filter": (lambda n: cnn.Filter(n, 1, 1), "width"),
    "compat.cnn.padding": (lambda n: cnn.padding(np.ones((2, 2)), n), "zp"),
    "compat.rnn": (lambda n: rnn.RecurrentLayer(n, 1, ACTIVATOR, 0.1), "input_width"),
    "compat.lstm": (lambda n: lstm.LstmLayer(1, n, 0.1), "state_width"),
    "compat.gru": (lambda n: gru.GruLayer(1, n, 0.1), "state_width"),
    "compat.recursive": (lambda n: recursive.RecursiveLayer(n, 2, ACTIVATOR, 0.1), "node_width"),
    "compat.recursive of children": (lambda n: recursive.RecursiveLayer(2, n, ACTIVATOR, 0.1), "child_count"),
    "compat.perceptron": (lambda n: perceptron.Perceptron(n, abs), "input_num"),
    "compat.linear_unit": (lambda n: linear_unit.LinearUnit(n), "input_num"),
    "compat.mnist": (lambda n: mnist.Loader("path", n), "count"),
}
# What each size alone may be, but not what they make: the layer is named, with its arguments.
TOGETHER = {
    "units": lambda n: net(layers.Dense(n), layers.Dense(n)),
    "filters": lambda n: net(layers.Conv2D(n, 2), shape=(n // 4, 2, 2)),
    "padding": lambda n: net(layers.Conv2D(1, 1, padding=n, stride=n), shape=IMAGE),
    "input_shape": lambda n: net(layers.Flatten(), shape=(2, n, n)),
    "stride": lambda n: functional.expand_sensitivity_map(np.ones((1, 1, 2, 2)), n),
    "size": lambda n: functional.expand_sensitivity_map(PIXEL, 1, n),
    "kernel_size and padding": lambda n: functional.im2col(np.ones((1, 1, 2, 2)), 1000, padding=2000),
    "kernel_size": lambda n: net(layers.Conv2D(1, n, padding=n), shape=IMAGE),
    "LSTM": lambda n: net(layers.LSTM(n), shape=(None, 3)),
    "GRU": lambda n: net(layers.Bidirectional(layers.GRU(n)), shape=(None, 3)),
    "tensor": lambda n: net(layers.Recursive(n // 4, composition="tensor"), shape=(None, n // 4)),
    "children": lambda n: net(layers.Recursive(n, children=n), shape=(None, n)),
    "shape": lambda n: initializers.zeros((n, n), 1, 1, RNG),
    "width": lambda n: cnn.Filter(n, n, 1),
    "zp": lambda n: cnn.padding(np.ones((2, 2)), n),
    "input_width": lambda n: rnn.RecurrentLayer(n, n, ACTIVATOR, 0.1),
}


@pytest.fixture
def _no_memory():
    tracemalloc.start()
    yield
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4_000_000


@pytest.mark.usefixtures("_no_memory")
@pytest.mark.parametrize(("call", "name"), ARGUMENTS.values(), ids=ARGUMENTS)
def test_every_argument(call, name):
    for n in (2**31, 2**53, 2**62, 2**63):
        with pytest.raises(ValueError, match=rf"\b({name})\b"):
            call(n)
    with pytest.raises((TypeError, ValueError), match=rf"\b({name})\b"):  # of which no array of numbers can be
        call(2**70)


@pytest.mark.usefixtures("_no_memory")
@pytest.mark.parametrize(("name", "call"), TOGETHER.items(), ids=TOGETHER)
def test_sizes_together(name, call):
    for n in (2**17, 2**24, 2**31 - 1):
        with pytest.raises(ValueError, match=name):
            call(n)


@pytest.mark.usefixtures("_no_memory")
def test_layers_together():
    with pytest.raises(ValueError, match="the parameters of layers must make an array of at most 2147483647 numbers"):
        net(*(layers.Dense(30_000) for _ in range(4)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_steps_make(dtype):
    """T is known when a sequence comes."""
    made = Sequential([layers.Embedding(3, 2), layers.Dense(2**20)], input_shape=(None,), dtype=dtype)
    with pytest.raises(ValueError, match=r"layers\[1\]: Dense\(units=1048576, .* shape \(2048, 1048576\)"):
        made.predict(np.zeros((1, 2048)))


@pytest.mark.parametrize("n", [2**31, 2**63, 2**70])
@pytest.mark.parametrize(
    "change",
    [
        lambda c, n: c["layers"][0].update(padding=[n, n]),
        lambda c, n: c["layers"][0].update(stride=n),
        lambda c, n: c["layers"][0].update(filters=n),
        lambda c, n: c["layers"][1].update(size=n),
        lambda c, n: c["layers"][3].update(units=n),
        lambda c, n: c.update(input_shape=[1, n, 5]),
        lambda c, n: c.update(states=n),
    ],
)
def test_saved_descriptions(change, n, tmp_path):
    made = net(layers.Conv2D(2, 2), layers.MaxPool2D(2), layers.Flatten(), layers.Dense(3), shape=IMAGE)
    config, arrays = describe(made, training=False)
    change(config, n)
    with open(tmp_path / "net.npz", "wb") as file:
        write(file, encode(config), arrays)
    tracemalloc.start()
    with pytest.raises(ValueError, match="must be a network saved by fastdl"):
        fastdl.load(tmp_path / "net.npz")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4_000_000


@pytest.mark.parametrize("n", [2**31, 2**63, 2**70])
def test_a_batch_of_all(n):
    """A batch_size takes no memory for samples that are not there."""
    assert (trained(batch_size=n).parameters == trained(batch_size=4).parameters).all()


def test_numbers_that_no_float_holds():
    for call in (lambda n: layers.Dropout(n), lambda n: SGD(n), lambda n: schedules.constant(n)):
        with pytest.raises(ValueError, match="must be a finite number"):
            call(10**400)


def test_the_largest_that_are_taken(rng):
    """They do what smaller ones do that reach as far."""
    most, x = 2**31 - 1, rng.standard_normal((3, 2, 5, 5))
    for make in (
        lambda n: layers.Conv2D(2, 2, stride=n),
        lambda n: layers.MaxPool2D(2, n),
        lambda n: layers.MeanPool2D((1, 2), (n, 1)),
    ):
        few, many = (make(n).build(IMAGE, dtype="float64", seed=0) for n in (7, most))
        y = few.forward(x)
        assert (many.forward(x) == y).all()
        assert (many.backward(y) == few.backward(y)).all()
    far = layers.RandomShift(most).build(IMAGE, dtype="float64")
    assert (far.forward(x) == x).all()
    assert not far.forward(x, training=True).any()
    assert not far.backward(x).any()
    y = functional.cross_correlate2d(x, np.ones((1, 2, 2, 2)), stride=most)
    assert (y == functional.cross_correlate2d(x, np.ones((1, 2, 2, 2)), stride=9)).all()
    assert (functional.im2col(x, 2, stride=most) == functional.im2col(x, 2, stride=9)).all()
