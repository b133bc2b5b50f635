"""Bad input: an error that names the argument, what was expected and what came; and nothing has changed."""

import copy

import numpy as np
import pytest

import fastdl
from fastdl import (
    Sequential,
    _limits,
    callbacks,
    gradient_check,
    initializers,
    layers,
    losses,
    models,
    optimizers,
    schedules,
)
from fastdl import functional as F

X = np.zeros((4, 1, 28, 28), "float32")
Y = np.array([0, 1, 2, 3])


def with_value(value):
    x = X.copy()
    x[2, 0, 5, 5] = value
    return x


BAD_X = {
    "rank": (X[0, 0], ValueError, r"x must have shape \(N, 1, 28, 28\); received \(28, 28\)"),
    "shape": (X.reshape(4, 1, 14, 56), ValueError, r"x must have shape \(N, 1, 28, 28\); received \(4, 1, 14, 56\)"),
    "object": (
        np.where(X[0] == X, "a", X.astype(object)),
        TypeError,
        "x must be an array of real numbers; received dtype object, such as 'a'",
    ),
    "complex": (X.astype(complex), TypeError, "x must be an array of real numbers; received dtype complex128"),
    "strings": (X.astype(str), TypeError, "x must be an array of real numbers; received dtype <U"),
    "None": (None, TypeError, "x must be an array of real numbers; received dtype object, a NoneType"),
    "ragged": (
        [[1, 2], [3]],
        ValueError,
        "x must be an array of numbers; received a ragged sequence .* lengths says how",
    ),
    "NaN": (with_value(np.nan), ValueError, "x must be finite in float32; received NaN or infinity"),
    "infinity": (with_value(np.inf), ValueError, "x must be finite in float32; received NaN or infinity"),
    "too large": (X.astype(float) + 1e39, ValueError, "x must be finite in float32; received NaN or infinity"),
    "empty": (X[:0], ValueError, r"x must not be empty; received shape \(0, 1, 28, 28\)"),
    "scalar": (1.0, ValueError, r"x must have shape \(N, 1, 28, 28\); received \(\)"),
}
MASKED = np.ma.masked_array([1.0, 2.0], mask=[False, True])
BAD_Y = {
    "too few": (Y[:3], ValueError, r"y must have as many rows as the outputs, 4; received shape \(3,\)"),
    "too many": (np.zeros(5, int), ValueError, "y must have as many rows as the outputs, 4"),
    "label too large": ([0, 1, 2, 10], ValueError, "y must hold labels from 0 to 9; received 0 to 10"),
    "label below 0": ([0, 1, 2, -1], ValueError, "y must hold labels from 0 to 9; received -1 to 2"),
    "huge label": (
        np.array([0, 1, 2, 2**63], "uint64"),
        ValueError,
        "y must hold labels from 0 to 9; received 0 to 9223372036854775808",
    ),
    "labels as floats": ([0.0, 1, 2, 3], ValueError, "y must have shape .* integer labels .* dtype float64"),
    "wrong width": (np.ones((4, 9)) / 9, ValueError, r"y must have shape \(N, 10\) or integer labels"),
    "no distribution": (
        np.ones((4, 10)),
        ValueError,
        "y must hold distributions.*received numbers from 1 on, and rows that add up to 10 to 10",
    ),
    "not quite a distribution": (np.full((4, 10), 0.101), ValueError, r"y must hold distributions.*up to 1\.01"),
    "NaN": (np.full((4, 10), np.nan), ValueError, "y must be finite"),
    "strings": (["a", "b", "c", "d"], TypeError, "y must be an array of real numbers"),
    "scalar": (3, ValueError, "y must have as many rows as the outputs, 4"),
}


@pytest.fixture
def net():
    """A network in the middle of a training, which fails if what comes next changes anything."""
    net = models.lenet5(seed=0)
    optimizer = optimizers.SGD(0.01, momentum=0.9)
    net.fit(X, Y, optimizer=optimizer, verbose=0)
    before = net.parameters.tobytes(), net.generator.bit_generator.state
    yield net
    assert (net.parameters.tobytes(), net.generator.bit_generator.state) == before


@pytest.mark.parametrize(("x", "error", "message"), BAD_X.values(), ids=BAD_X.keys())
def test_x(net, x, error, message):
    for call in (
        lambda: net.predict(x),
        lambda: net.forward(x),
        lambda: net.evaluate(x, Y),
        lambda: net.train_on_batch(x, Y),
        lambda: net.fit(x, Y),
    ):
        with pytest.raises(error, match=message):
            call()
    with pytest.raises(error, match=message.replace("x must", "validation x must")):
        net.fit(X, Y, validation_data=(x, Y))


@pytest.mark.parametrize(("y", "error", "message"), BAD_Y.values(), ids=BAD_Y.keys())
def test_y(net, y, error, message):
    for call in (lambda: net.evaluate(X, y), lambda: net.train_on_batch(X, y), lambda: net.fit(X, y)):
        with pytest.raises(error, match=message):
            call()
    with pytest.raises(error, match=message.replace("y must", "validation y must")):
        net.fit(X, Y, validation_data=(X, y))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"epochs": 0}, ValueError, "epochs must be at least 1; received 0"),
        ({"epochs": 1.5}, TypeError, "epochs must be an integer; received 1.5"),
        ({"batch_size": -3}, ValueError, "batch_size must be at least 1; received -3"),
        ({"batch_size": True}, TypeError, "batch_size must be an integer; received True"),
        (
            {"loss": "hinge"},
            ValueError,
            "loss must be one of cross_entropy, .*, squared_error, .*; received 'hinge'",
        ),
        ({"loss": "squared_error"}, ValueError, r"y must have shape \(N, 10\); received \(4,\)"),
        ({"optimizer": "sgd"}, TypeError, "optimizer must be .*; received 'sgd', a name: make one, such as opt"),
        ({"validation_split": 1.0}, ValueError, "validation_split must leave samples .* received 1.0 of 4"),
        ({"validation_split": -0.1}, ValueError, "validation_split must be a finite number from 0.0 to 1.0"),
        ({"validation_split": 0.5, "validation_data": (X, Y)}, ValueError, "validation_split must be 0"),
        (
            {"validation_data": X},
            ValueError,
            r"must be \(x, y\), \(x, y, lengths\) or \(x, y, trees\), with sample_weight after it .*; received ndarray",
        ),
        ({"sample_weight": [1, 2]}, ValueError, r"sample_weight must have shape \(4,\); received \(2,\)"),
        ({"sample_weight": [1, 2, 3, np.nan]}, ValueError, "sample_weight must be finite"),
        ({"class_weight": {10: 1.0}}, ValueError, "class_weight must name labels from 0 to 9; received 10"),
        ({"class_weight": [1, 2]}, ValueError, "class_weight must hold 10 weights"),
        ({"validation_data": (X,)}, ValueError, "validation_data must be .* received tuple of 1"),
        ({"class_weight": {"a": 1}}, TypeError, "labels of class_weight must be an integer; received 'a'"),
        ({"class_weight": {1: "a"}}, TypeError, r"class_weight\[1\] must be a number; received 'a'"),
        ({"class_weight": "balanced"}, TypeError, "class_weight must be a mapping of labels .* received 'balanced'"),
        ({"verbose": 7}, ValueError, "verbose must be 0, 1 or 'bar'; received 7"),
        ({"verbose": "bars"}, ValueError, "verbose must be 0, 1 or 'bar'; received 'bars'"),
        ({"verbose": None}, ValueError, "verbose must be 0, 1 or 'bar'; received None"),
        ({"validation_split": 0.2}, ValueError, "validation_split must leave samples .* received 0.2 of 4"),
        ({"sample_weight": [0, 0, 0, 0]}, ValueError, "sample_weight and class_weight must not make all weights 0"),
        ({"class_weight": np.eye(10)[9]}, ValueError, "sample_weight and class_weight must not make all weights 0"),
        (
            {"sample_weight": [0, 0, 1, 1], "validation_split": 0.5},
            ValueError,
            "sample_weight and class_weight must not make all weights 0",
        ),
        (
            {"sample_weight": [1e30] * 4, "class_weight": [1e30] * 10},
            ValueError,
            "sample_weight times class_weight must",
        ),
        ({"callbacks": callbacks.EarlyStopping("loss")}, TypeError, "callbacks must be a list of callbacks"),
        (
            {"callbacks": [callbacks.EarlyStopping]},
            TypeError,
            r"instances of Callback; .* make one, EarlyStopping\(\.\.\.\)",
        ),
        ({"callbacks": [print]}, TypeError, "callbacks must hold instances of Callback; received"),
        (
            {"callbacks": [callbacks.EarlyStopping()]},
            ValueError,
            "monitor must be one of .*; received 'val_loss', which needs validation_data, validation_split or an estim",
        ),
        (
            {"callbacks": [callbacks.EarlyStopping("val_f1")], "validation_split": 0.5},
            ValueError,
            "monitor must be one of loss, accuracy, val_loss, val_accuracy; received 'val_f1'$",
        ),
    ],
)
def test_arguments_of_fit(net, arguments, error, message):
    with pytest.raises(error, match=message):
        net.fit(X, Y, **arguments)


def test_a_failing_schedule_changes_nothing(net):
    for bad in (lambda step: float("nan"), lambda step: -1.0):
        with pytest.raises(ValueError, match="lr must give finite rates"):
            net.train_on_batch(X, Y, optimizer=optimizers.SGD(bad))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: layers.Dense(0), ValueError, "units must be at least 1; received 0"),
        (lambda: layers.Dense("3"), TypeError, "units must be an integer; received '3'"),
        (lambda: layers.Dense(3, "swish"), ValueError, "activation must be one of identity, relu"),
        (lambda: layers.RandomFlip(horizontal=False), ValueError, "horizontal or vertical must be True; received Fal"),
        (lambda: layers.RandomFlip(horizontal=1), TypeError, "horizontal must be True or False; received 1"),
        (lambda: layers.RandomFlip().build(3), ValueError, r"of RandomFlip must be \(C, H, W\); received \(3,\)"),
        (lambda: layers.RandomRotation(200), ValueError, "degrees must be a finite number from 0.0 to 180"),
        (lambda: layers.RandomErasing(2), ValueError, "rate must be a finite number from 0.0 to 1.0"),
        (lambda: layers.RandomErasing(area=0.2), ValueError, "area must be two numbers, the least and the most; rece"),
        (lambda: layers.RandomErasing(area=(0.4, 0.3)), ValueError, "area must be a finite number from 0.4 to 1.0"),
        (lambda: layers.RandomErasing(ratio=(0, 1)), ValueError, "ratio must be a finite number from 0.001 to"),
        (lambda: layers.Reshape((2, -1, -1)), ValueError, r"shape must have one -1 at most; received \(2, -1, -1\)"),
        (lambda: layers.Reshape((None, 3)), ValueError, r"shape must be of integers; received \(None, 3\)"),
        (lambda: layers.Reshape((2, 0)), ValueError, "shape must be at least 1; received 0"),
        (lambda: layers.Reshape("12"), TypeError, "shape must be a list of sizes; received '12'"),
        (lambda: layers.Reshape((2, 2.5)), TypeError, "shape must be an integer; received 2.5"),
        (lambda: layers.Reshape((2, 2)).build(5), ValueError, r"one for the 5 numbers of \(5,\); received \(2, 2\)"),
        (lambda: layers.Reshape((2, -1)).build(5), ValueError, r"one for the 5 numbers of \(5,\); received \(2, -1\)"),
        (lambda: layers.Reshape((2, 2)).build((None, 2)), ValueError, "of Reshape must be of known length; received"),
        (lambda: layers.GlobalMaxPool().build(3), ValueError, r"of GlobalMaxPool must be \(T, F\) or \(C, H, W\)"),
        (lambda: layers.UpSample2D(0), ValueError, "size must be at least 1; received 0"),
        (lambda: layers.UpSample2D(2, "cubic"), ValueError, "interpolation must be one of nearest, bilinear; received"),
        (lambda: layers.UpSample2D().build((4, 3)), ValueError, r"UpSample2D must be \(C, H, W\); received \(4, 3\)"),
        (lambda: layers.GaussianNoise(-1), ValueError, "stddev must be a finite number from 0"),
        (lambda: layers.Rescaling(np.inf), ValueError, "scale must be a finite number from"),
        (lambda: layers.Rescaling(1, None), TypeError, "offset must be a number"),
        (lambda: layers.Dense(3, initializer="ones"), ValueError, "initializer must be one of"),
        (lambda: layers.Dense(3, initializer=("ones", 1)), ValueError, "initializer must be one of"),
        (lambda: layers.Dense(3, initializer=("zeros",)), ValueError, "initializer must be one of"),
        (lambda: layers.Dense(3, initializer=("zeros", "1")), TypeError, "gain of initializer must be a number"),
        (lambda: layers.LSTM(3, recurrent_initializer=("zeros", -1)), ValueError, "gain of recurrent_initializer must"),
        (lambda: layers.Conv2D(3, (3, 3, 3)), ValueError, "kernel_size must be one integer or two"),
        (lambda: layers.Conv2D(3, np.array(3.5)), TypeError, r"kernel_size must be an integer; received array\(3.5\)"),
        (lambda: layers.Conv2D(3, 3, stride=0), ValueError, "stride must be at least 1; received 0"),
        (lambda: layers.Conv2D(3, 3, padding=-1), ValueError, "padding must be at least 0; received -1"),
        (lambda: layers.Conv2D(3, 3, padding="valid"), ValueError, "padding must be .* or 'same'; received 'valid'"),
        (lambda: layers.Conv2D(3, 3, padding=None), TypeError, "padding must be an integer; received None"),
        (lambda: layers.Conv2D(3, 3, dilation=0), ValueError, "dilation must be at least 1; received 0"),
        (lambda: layers.Conv2D(3, 3, groups=0), ValueError, "groups must be at least 1; received 0"),
        (lambda: layers.Conv2D(3, 3, groups=2), ValueError, "groups must divide the 3 filters; received 2"),
        (
            lambda: layers.Conv2D(4, 3, groups=2).build((3, 5, 5)), ValueError,
            "groups must divide the 3 channels of the input; received 2",
        ),
        (
            lambda: layers.Conv2D(3, 3, dilation=(2, 1), padding=(0, 1)).build((1, 4, 9)), ValueError,
            "kernel_size must fit into the padded input of 4 x 11; received 3 x 3, dilated to 5 x 3",
        ),
        (lambda: layers.Conv2D(3, 3, activation="softmax"), ValueError, "activation must be one of identity"),
        (lambda: layers.Conv1D(3, (3, 3)), TypeError, r"kernel_size must be an integer; received \(3, 3\)"),
        (lambda: layers.Conv1D(3, 3, padding="full"), ValueError, "padding must be a number .* or 'same' or 'causal'"),
        (lambda: layers.Conv1D(3, 3).build((1, 4, 9)), ValueError, r"Conv1D must be \(T, F\); received \(1, 4, 9\)"),
        (lambda: layers.Conv1D(3, 3).build(9), ValueError, r"Conv1D must be \(T, F\); received \(9,\)"),
        (
            lambda: layers.Conv1D(3, 3, dilation=2).build((4, 9)), ValueError,
            "kernel_size must fit into the padded input of 4 steps; received 3, dilated to 5",
        ),
        (
            lambda: layers.ConvTranspose2D(3, 3, stride=(2, 1), output_padding=1), ValueError,
            r"output_padding must be less than the stride, \(2, 1\); received \(1, 1\)",
        ),
        (
            lambda: layers.ConvTranspose2D(3, 2, padding=(0, 3)).build((1, 4, 5)), ValueError,
            r"padding must leave something of 5 x 6 pixels; received \(0, 3\)",
        ),
        (lambda: layers.ConvTranspose2D(3, 2, padding="same"), TypeError, "padding must be an integer; received 'sa"),
        (lambda: layers.ConvTranspose2D(3, 2).build((4, 5)), ValueError, r"ConvTranspose2D must be \(C, H, W\)"),
        (lambda: layers.MaxPool1D((2, 2)), TypeError, "size must be an integer; received"),
        (lambda: layers.MaxPool1D(2, 0), ValueError, "stride must be at least 1; received 0"),
        (lambda: layers.MeanPool1D(5).build((4, 9)), ValueError, "size must fit into the input of 4 steps; received 5"),
        (lambda: layers.MaxPool1D(5).build((1, 4, 9)), ValueError, r"MaxPool1D must be \(T, F\)"),
        (lambda: layers.MaxPool2D(0), ValueError, "size must be at least 1; received 0"),
        (lambda: layers.Activation("swish"), ValueError, "name must be one of identity"),
        (lambda: layers.from_config({"class": "os.system"}), ValueError, "config must name a layer class"),
        (lambda: layers.Dense(3).build((2, 3, 4)), ValueError, r"must be \(F,\) or \(T, F\); received \(2, 3, 4\)"),
        (lambda: layers.Dense(3).build((None,)), ValueError, r"have a number of features; received \(None,\)"),
        (lambda: layers.Conv2D(3, 2).build((None, 5, 5)), ValueError, r"with None for any T; received \(None, 5, 5\)"),
        (lambda: layers.Dense(3).build(2.5), TypeError, r"input_shape must be a tuple \(F,\), \(T, F\) or \(C, H, W\)"),
        (lambda: layers.Dense(3).build((2, 3, 4, 5)), ValueError, r"must be \(F,\), \(T, F\) or \(C, H, W\)"),
        (lambda: layers.Dense(3).build(2, dtype="float16"), ValueError, "dtype must be float32 or float64"),
        (lambda: layers.Conv2D(3, 5).build((1, 4, 9)), ValueError, "kernel_size must fit into the padded input"),
        (lambda: layers.Conv2D(3, 5).build(7), ValueError, r"Conv2D must be \(C, H, W\); received \(7,\)"),
        (lambda: layers.MeanPool2D(5).build((1, 4, 9)), ValueError, "size must fit into the input of 4 x 9"),
        (lambda: layers.Activation("softmax").build((1, 4, 9)), ValueError, "softmax must be"),
        (lambda: Sequential([], input_shape=3), ValueError, "layers must hold at least one layer"),
        (lambda: Sequential([3], input_shape=3), TypeError, "layers must hold layers; received 3"),
        (lambda: Sequential([layers.Flatten(), layers.Conv2D(2, 2)], input_shape=(1, 4, 4)), ValueError, "layers.1"),
        (lambda: models.lenet5(pooling="sum"), ValueError, "pooling must be one of max, mean; received 'sum'"),
        (lambda: models.lenet5(input_shape=(28, 28)), ValueError, "must be .C, H, W. of at least 12 x 12 pixels"),
        (lambda: models.lenet5(input_shape=(1, 11, 28)), ValueError, "12 x 12 pixels; received .1, 11, 28.$"),
        (lambda: models.mlp((4,)), ValueError, "sizes must hold at least 2 numbers"),
        (lambda: models.mlp((4, 2), input_shape=(1, 3, 3)), ValueError, "input_shape must hold 4 numbers"),
        (lambda: optimizers.SGD(-1.0), ValueError, "lr must be a finite number"),
        (lambda: optimizers.SGD("0.1"), TypeError, "lr must be a number; received '0.1'"),
        (lambda: optimizers.SGD(0.1, momentum=2), ValueError, "momentum must be a finite number from 0.0 to 1.0"),
        (lambda: optimizers.SGD(0.1, nesterov=True), ValueError, "nesterov must come with a momentum"),
        (lambda: optimizers.Adam(betas=(0.9, 1.0)), ValueError, "betas must be below 1"),
        (lambda: schedules.cosine(0.1, 10, warmup=11), ValueError, "warmup must be at most steps, 10; received 11"),
        (lambda: fastdl.set_num_threads(0), ValueError, "n must be at least 1; received 0"),
        (lambda: fastdl.set_num_threads("two"), TypeError, "n must be an integer; received 'two'"),
        (lambda: gradient_check(layers.Dense(2).build(3), [[1, 2, 3]]), ValueError, "layer must be built with dtype"),
    ],
)  # fmt: skip
def test_construction(make, error, message):
    with pytest.raises(error, match=message):
        make()


IMAGES, KERNELS, ONES = np.zeros((2, 3, 6, 6)), np.zeros((4, 3, 2, 2)), np.ones(2)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.cross_correlate2d(IMAGES[0], KERNELS), ValueError, r"x must have shape \(N, C, H, W\)"),
        (lambda: F.cross_correlate2d(IMAGES, KERNELS[:, :2]), ValueError, r"weight must have shape \(O, 3, KH, KW\)"),
        (lambda: F.cross_correlate2d(IMAGES, KERNELS, [1, 2]), ValueError, r"bias must have shape \(4,\)"),
        (lambda: F.cross_correlate2d_backward(IMAGES, IMAGES, KERNELS), ValueError, "dy must have shape"),
        (lambda: F.im2col(IMAGES, 7), ValueError, "kernel_size must fit into"),
        (lambda: F.col2im(np.zeros((1, 7, 25)), 6, 2), ValueError, r"columns must have shape \(N, C \* 4, 25\)"),
        (lambda: F.max_pool2d(IMAGES, 7), ValueError, "size must fit into"),
        (lambda: F.max_pool2d_backward(IMAGES, IMAGES, 2), ValueError, "dy must have shape"),
        (lambda: F.expand_sensitivity_map(IMAGES, 2, 5), ValueError, r"size must be at least \(11, 11\)"),
        (lambda: F.dense([[1, 2]], [[1, 2, 3]]), ValueError, r"weight must have shape \(O, 2\)"),
        (lambda: F.activation_backward([1, 2], [1], "relu"), ValueError, "dy must have the shape of y"),
        (lambda: F.activation_backward([1], [1], "gelu"), ValueError, "name must be one of identity, "),
        (lambda: F.gelu_backward([1, 2], [1]), ValueError, "dy must have the shape of x"),
        (lambda: F.leaky_relu([1], 0), ValueError, "slope must be a finite number from "),
        (lambda: F.leaky_relu([1], None), TypeError, "slope must be a number"),
        (lambda: F.elu([1], -1), ValueError, "alpha must be a finite number from "),
        (lambda: F.activation_backward([1], [1], "elu", alpha=0), ValueError, "alpha must be a finite number from "),
        (lambda: F.activation_backward([1], [1], "silu"), ValueError, "name must be one of identity, .*, softmax"),
        (lambda: F.silu_backward([1, 2], [1]), ValueError, "dy must have the shape of x"),
        (lambda: F.hard_silu_backward([1, 2], [1]), ValueError, "dy must have the shape of x"),
        (lambda: F.relu([np.nan]), ValueError, "x must be finite"),
        (lambda: losses.squared_error([1, 2], [1, 2]), ValueError, r"outputs must have shape \(N, F\)"),
        (lambda: losses.cross_entropy([[1, 2]], [2]), ValueError, "targets must hold labels from 0 to 1"),
        (lambda: F.sgd_step([1.0], [1.0], lr=0.1), TypeError, "param must be a float32 or float64 array"),
        (lambda: F.sgd_step(np.broadcast_to(1.0, 2), np.ones(2), lr=0.1), ValueError, "param must be writeable"),
        (lambda: F.sgd_step(MASKED, np.ones(2), lr=0.1), ValueError, "param must have no masked numbers"),
        (lambda: F.col2im(np.ones((1, 4, 3)), 3, 2), ValueError, r"columns must have shape \(N, C \* 4, 4\)"),
        (lambda: F.sgd_step(np.ones(2), [1.0], lr=0.1), ValueError, "grad must have the shape of param"),
        (lambda: F.sgd_step(np.ones(2), np.ones(2), lr=0.1, momentum=0.9), ValueError, "velocity must be given"),
        (lambda: F.adam_step(np.ones(2), np.ones(2), np.ones(2), np.ones(3), step=1), ValueError, "v must be"),
        (lambda: F.adam_step(*np.ones((4, 2)), step=0), ValueError, "step must be at least 1"),
        (lambda: F.sgd_step(np.array([np.nan]), [1.0], lr=0.1), ValueError, "param must be finite in float64"),
        (lambda: F.adam_step(*np.ones((3, 1)), np.array([np.inf]), step=1), ValueError, "v must be finite in float64"),
        (lambda: F.sgd_step(ONES, [1.0, 1.0], ONES[::-1], lr=0.1), ValueError, "velocity must be another"),
        (lambda: F.adam_step(np.ones(2), np.ones(2), ONES, ONES, step=1), ValueError, "v must be another array than m"),
        (lambda: F.gru_step([[1]], [[1]], *np.ones((2, 3, 1)), reset_after="no"), TypeError, "reset_after must be"),
    ],
)  # fmt: skip
def test_functions(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_network_that_does_not_end_in_features():
    net = Sequential([layers.Conv2D(2, 3)], input_shape=(1, 5, 5))
    with pytest.raises(ValueError, match=r"must end in \(F,\)"):
        net.fit(np.zeros((2, 1, 5, 5)), [0, 1])
    with pytest.raises(ValueError, match=r"must end in an output for each class with cross_entropy, Dense\(2\)"):
        Sequential([layers.Dense(1)], input_shape=2).fit([[1, 2]], [0])


def test_every_initializer_is_named():
    assert all(callable(getattr(initializers, name)) for name in initializers.__all__)


TOKENS = np.zeros((4, 6), int)


@pytest.fixture
def sequence_net():
    """A stateful network in the middle of a training; nothing of it may change, its states neither."""
    net = models.language_model(5, units=8, dim=4, seed=0)
    net.fit(TOKENS, TOKENS, batch_size=2, shuffle=False, verbose=0)

    def everything():
        return (
            net.parameters.tobytes(), net.generator.bit_generator.state, net._states.tobytes(), net._training.loss,
            net._training.optimizer, net._training.steps, net._training.moments.tobytes(),
        )  # fmt: skip

    before = everything()
    yield net
    assert everything() == before


def token(value):
    x = TOKENS.astype(float)
    x[2, 3] = value
    return x


@pytest.mark.parametrize(
    ("x", "y", "arguments", "message"),
    [
        (TOKENS[:, :0], TOKENS[:, :0], {}, r"x must not be empty; received shape \(4, 0\)"),
        (TOKENS[0], TOKENS[0], {}, r"x must have shape \(N, T\); received \(6,\)"),
        (token(5), TOKENS, {}, "x must hold token ids from 0 to 4; received 0 to 5"),
        (token(-1), TOKENS, {}, "x must hold token ids from 0 to 4; received -1 to 0"),
        (token(0.5), TOKENS, {}, "x must hold token ids, integers; received 0.5"),
        (token(np.nan), TOKENS, {}, "x must be finite in float32; received NaN"),
        (TOKENS, TOKENS[:, :5], {}, r"y must have shape \(N, 6, 5\) or integer labels \(N, 6\); received \(4, 5\)"),
        (TOKENS, token(7).astype(int), {}, "y must hold labels from 0 to 4; received 0 to 7"),
        (TOKENS, TOKENS, {"lengths": [1, 2, 3, 7]}, "lengths must be from 1 to 6; received 1 to 7"),
        (TOKENS, TOKENS, {"lengths": [0, 2, 3, 6]}, "lengths must be from 1 to 6; received 0 to 6"),
        (TOKENS, TOKENS, {"lengths": [1, 2, 3]}, "lengths must hold an integer for each of the 4 sequences"),
        (TOKENS, TOKENS, {"lengths": [1.0, 2, 3, 4]}, "lengths must hold an integer for each .* dtype float64"),
        (TOKENS, TOKENS, {"shuffle": True}, "shuffle must be False for stateful layers"),
        (TOKENS, TOKENS, {"batch_size": 3}, "batch_size must divide the 4 samples, for stateful layers; received 3"),
        (TOKENS, TOKENS, {"validation_data": (TOKENS[:3], TOKENS[:3])}, "batch_size must divide the 3 samples"),
        (TOKENS, np.full((4, 6, 5), 0.2), {"class_weight": [1] * 5}, "class_weight must come with integer labels"),
        (TOKENS, TOKENS, {"sample_weight": np.ones((4, 5))}, r"must have shape \(4,\) or \(4, 6\); received \(4, 5\)"),
        (TOKENS, TOKENS, {"sample_weight": np.zeros((4, 6))}, "must not make all weights 0"),
        (TOKENS, TOKENS, {"epochs": 2, "initial_epoch": 3}, "initial_epoch must be at most epochs, 2; received 3"),
        (TOKENS, token(9), {"optimizer": optimizers.Adam(0.1), "loss": "squared_error"}, "y must have shape"),
        (TOKENS, TOKENS, {"optimizer": optimizers.SGD(lambda step: -1.0)}, "lr must give finite rates, not below 0"),
    ],
)
def test_sequences(sequence_net, x, y, arguments, message):
    with pytest.raises(ValueError, match=message):
        sequence_net.fit(x, y, **{"batch_size": 2, "shuffle": False, "verbose": 0, **arguments})
    if message.startswith("x must hold"):
        for call in (sequence_net.predict, sequence_net.forward):
            with pytest.raises(ValueError, match=message):
                call(x)


def test_a_stateful_layer_and_fewer_samples():
    layer = layers.GRU(4, stateful=True).build((None, 2), seed=0)
    layer.forward(SEQUENCES)
    with pytest.raises(ValueError, match=r"the state of the last call, which reset_state\(\) forgets, must have shape"):
        layer.forward(SEQUENCES[:2])
    with pytest.raises(ValueError, match=r"lengths must hold an integer .* of a mask, mask.sum\(axis=1\)"):
        layer.forward(SEQUENCES, lengths=np.ones((3, 5), bool))


def test_images_that_lie_channels_last_are_of_the_right_shape(rng):
    net = Sequential([layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(2)], input_shape=(3, 6, 5), seed=0)
    layer = layers.Conv2D(2, 3).build((3, 6, 5), seed=0)
    for shape in ((2, 5, 5, 3), (2, 6, 5, 4), (2, 5, 6, 3)):
        x = rng.random(shape).transpose(0, 3, 1, 2)
        for call in (net.predict, net.forward, layer.forward):
            with pytest.raises(ValueError, match=r"x must have shape \(N, 3, 6, 5\); received"):
                call(x)


def test_a_state_of_a_layer_that_is_not_stateful():
    net = Sequential(
        [layers.GRU(3, return_sequences=True), layers.GRU(3, stateful=True)], input_shape=(None, 2), seed=0
    )
    with pytest.raises(ValueError, match=r"state\[0\] must be None, as .* is not stateful; received ndarray"):
        net.state = [np.zeros((1, 3)), np.zeros((1, 3))]
    assert net.state is None


def test_an_input_shape_with_channels_last_is_warned_of():
    with pytest.warns(UserWarning, match=r"is of 32 channels of 32 x 3 pixels: channels come first, \(3, 32, 32\)"):
        Sequential([layers.Conv2D(2, 3)], input_shape=(32, 32, 3))
    with (
        pytest.warns(UserWarning, match=r"of 28 channels of 28 x 1 pixels: channels come first, \(1, 28, 28\)"),
        pytest.raises(ValueError, match="kernel_size must fit"),
    ):
        Sequential([layers.Conv2D(2, 3)], input_shape=(28, 28, 1))


def test_a_parameter_that_is_not_there():
    net = Sequential([layers.Dense(2)], input_shape=3, seed=0)
    with pytest.raises(KeyError, match=r"params are 0.weight, 0.bias; received 'weight'"):
        net.params["weight"]
    assert net.params.get("weight") is None
    assert "weight" not in net.params


def test_targets_are_asked_for():
    net = Sequential([layers.Dense(2)], input_shape=3, seed=0)
    for call in (net.fit, net.evaluate):
        with pytest.raises(TypeError, match="y must be given with x: labels or numbers, or x itself"):
            call([[1, 2, 3]])
        with pytest.raises(TypeError, match="y must be given with x by itself, not in a tuple: labels"):
            call(([[1, 2, 3]], [0]))
        for names in (["no"], np.array(["no"], object)):
            with pytest.raises(
                TypeError, match=r"such as 'no': numpy.unique\(y, return_inverse=True\) gives the names"
            ):
                call([[1, 2, 3]], names)
    with pytest.raises(TypeError, match="validation y must be given with"):
        net.fit([[1, 2, 3]], [0], validation_data=([[1, 2, 3]], None), verbose=0)


def test_a_dataset_of_samples_is_no_iterable_of_batches():
    class Samples:
        def __len__(self):
            return 2

        def __getitem__(self, k):
            return np.ones(3), 0

    net = Sequential([layers.Dense(2)], input_shape=3, seed=0)
    for call in (net.fit, net.evaluate):
        with pytest.raises(TypeError, match="as a DataLoader of a dataset does; received a Samples, without an __iter"):
            call(Samples())


@pytest.mark.parametrize(
    ("channels", "shape", "hint"),
    [
        (3, (2, 8, 8, 3), r"received \(2, 8, 8, 3\), channels last: x.transpose\(0, 3, 1, 2\)$"),
        (1, (2, 8, 8), r"received \(2, 8, 8\), without channels: x\[:, None\]$"),
        (3, (2, 8, 8), r"received \(2, 8, 8\)$"),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_images_of_another_layout(channels, shape, hint, dtype):
    net = Sequential([layers.Conv2D(2, 3)], input_shape=(channels, 8, 8))
    with pytest.raises(ValueError, match=hint):
        net.predict(np.zeros(shape, dtype))


def test_images_for_a_network_of_rows():
    net = Sequential([layers.Dense(2)], input_shape=64, seed=0)
    hint = r"\(2, 1, 8, 8\): x.reshape\(-1, 64\), or a network of input_shape \(1, 8, 8\) with a Flatten first$"
    with pytest.raises(ValueError, match=hint):
        net.predict(np.zeros((2, 1, 8, 8)))
    with pytest.raises(ValueError, match=r"received \(2, 3\)$"):
        net.predict(np.zeros((2, 3)))


@pytest.mark.parametrize(
    "use",
    [
        lambda net, path: net.fit(np.zeros((4, 3)), [0, 1, 0, 1], verbose=0),
        lambda net, path: net.train_on_batch(np.zeros((4, 3)), [0, 1, 0, 1]),
        lambda net, path: net.step(optimizers.SGD(0.1)),
        lambda net, path: net.adapt(np.zeros((4, 3))),
        lambda net, path: net.parameters,
        lambda net, path: net.gradients,
        lambda net, path: net.save(path / "net.npz"),
        lambda net, path: fastdl.fit_many([net], np.zeros((4, 3)), [0, 1, 0, 1], verbose=0),
    ],
)
def test_a_network_that_is_not_built(use, tmp_path):
    with pytest.raises(
        RuntimeError, match=r"Sequential must be built before use: give Sequential an input_shape, or call build"
    ):
        use(Sequential([layers.Dense(2)]), tmp_path)
    assert not list(tmp_path.iterdir())


def test_other_calls_of_a_stateful_network(sequence_net):
    with pytest.raises(ValueError, match="lr must give finite rates"):
        sequence_net.train_on_batch(TOKENS[:2], TOKENS[:2], optimizer=optimizers.SGD(lambda step: np.nan))
    with pytest.raises(ValueError, match="x must have the 2 samples that the states are of"):
        sequence_net.train_on_batch(TOKENS, TOKENS, optimizer=optimizers.SGD(0.1))
    state = sequence_net.state[0]
    for wrong in ([state] * 2, state, [None, None]):
        with pytest.raises(ValueError, match="state must have one for each of the 1 recurrent layers"):
            sequence_net.state = wrong
    with pytest.raises(ValueError, match=r"state must have shape \(2, 8\); received \(1, 8\)"):
        sequence_net.state = [(state[0], state[1][:1])]
    with pytest.raises(ValueError, match=r"x must have the 2 samples that the states are of, or reset_state"):
        sequence_net.predict(TOKENS)
    with pytest.raises(ValueError, match="batch_size must divide the 4 samples"):
        sequence_net.evaluate(TOKENS, TOKENS, batch_size=3)
    with pytest.raises(ValueError, match="x must hold token ids"):
        sequence_net.predict(token(9))


def test_lengths_of_what_has_no_steps():
    net = Sequential([layers.Dense(3)], input_shape=4)
    with pytest.raises(ValueError, match=r"lengths must be None for samples without steps in time, \(4,\)"):
        net.predict(np.zeros((2, 4)), lengths=[1, 2])


SEQUENCES = np.zeros((3, 5, 2))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"x": SEQUENCES[:, :, :1]}, ValueError, r"x must have shape \(N, T, 2\); received \(3, 5, 1\)"),
        ({"x": SEQUENCES[:, :0]}, ValueError, "x must not be empty"),
        ({"x": SEQUENCES + np.nan}, ValueError, "x must be finite"),
        ({"lengths": [1, 6, 1]}, ValueError, "lengths must be from 1 to 5; received 1 to 6"),
        ({"initial_state": np.zeros((3, 4))}, ValueError, r"initial_state must be a pair \(h, c\); received ndarray"),
        ({"initial_state": (np.zeros((3, 4)),) * 3}, ValueError, r"initial_state must be a pair \(h, c\)"),
        (
            {"initial_state": (np.zeros((3, 4)), np.zeros((2, 4)))},
            ValueError,
            r"initial_state must have shape \(3, 4\)",
        ),
        ({"initial_state": (np.zeros((3, 4)), np.full((3, 4), np.inf))}, ValueError, "initial_state must be finite"),
    ],
)
def test_recurrent_layers(arguments, error, message):
    layer = layers.LSTM(4).build((None, 2), dtype="float64", seed=0)
    before = layer.forward(SEQUENCES + 1)
    state = layer.state
    with pytest.raises(error, match=message):
        layer.forward(**{"x": SEQUENCES, **arguments})
    assert layer.state is state
    assert (layer.forward(SEQUENCES + 1) == before).all()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: layers.LSTM(0), ValueError, "units must be at least 1; received 0"),
        (lambda: layers.RNN(3, "softmax"), ValueError, "activation must be one of identity"),
        (lambda: layers.LSTM(3, recurrent_initializer="x"), ValueError, "initializer must be one of"),
        (lambda: layers.LSTM(3, forget_bias=np.nan), ValueError, "forget_bias must be a finite number"),
        (lambda: layers.GRU(3).build((4,)), ValueError, r"input_shape of GRU must be \(T, F\); received \(4,\)"),
        (lambda: layers.GRU(3).build((4, None)), ValueError, "with None for any T"),
        (lambda: layers.Bidirectional(layers.Dense(3)), TypeError, "layer must be RNN, LSTM or GRU"),
        (lambda: layers.Bidirectional(layers.GRU(3, stateful=True)), ValueError, "layer must not be stateful"),
        (lambda: layers.Bidirectional(layers.GRU(3), "mean"), ValueError, "merge must be one of concat, sum"),
        (lambda: layers.Embedding(2**25, 3), ValueError, "vocabulary must be at most 16777216"),
        (lambda: layers.Dropout(1.0), ValueError, "rate must be a finite number from 0.0 to 0.999"),
        (lambda: layers.Flatten().build((None, 3)), ValueError, "input_shape of Flatten must be of known length"),
        (
            lambda: Sequential([layers.Dense(3), layers.Embedding(4, 2)], input_shape=3),
            ValueError,
            "embedding: must read token ids; received what dense gives",
        ),
        (lambda: models.language_model(5, cell="x"), ValueError, "cell must be one of rnn, lstm, gru; received 'x'"),
        (lambda: optimizers.SGD(clip_norm=0), ValueError, "clip_norm must be above 0; received 0"),
        (lambda: optimizers.Adam(clip_norm=1.0, clip_value=1.0), ValueError, "must not come together"),
        (lambda: F.lstm_step(np.zeros((2, 3)), *[np.zeros((2, 4))] * 2, np.zeros((16, 2)), np.zeros((16, 4))),
         ValueError, r"weight_ih must have shape \(16, 3\); received \(16, 2\)"),
        (lambda: F.rnn_step(np.zeros((2, 3)), np.zeros((1, 4)), np.zeros((4, 3)), np.zeros((4, 4))),
         ValueError, r"h must have shape \(2, 4\); received \(1, 4\)"),
        (lambda: F.lstm_step(np.zeros((2, 3)), np.zeros((2, 4)), None, np.zeros((16, 3)), np.zeros((16, 4))),
         TypeError, "c must be an array of real numbers"),
        (lambda: layers.Bidirectional(layers.GRU(3)).build((None, 2)).forward(SEQUENCES, initial_state=SEQUENCES),
         ValueError, "initial_state must be a pair of the two directions' states; received ndarray"),
        (lambda: layers.Bidirectional(layers.GRU(3)).build((None, 2)).forward(SEQUENCES, initial_state=(None, [[1]])),
         ValueError, r"initial_state\[1\] must have shape \(3, 3\); received \(1, 1\)"),
        (lambda: Sequential([layers.LSTM(3), layers.LSTM(3)], input_shape=(None, 2)),
         ValueError, r"received \(3,\) \(a recurrent layer before it would need return_sequences=True\)"),
    ],
)  # fmt: skip
def test_construction_for_sequences(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("dtype", [",float16", "(2,)f4", "f4", "float", None, "None", object, 3])
def test_a_dtype_is_a_name_or_numpys(dtype):
    with pytest.raises(ValueError, match="dtype must be float32 or float64; received"):
        fastdl.layers.Dense(1).build((2,), dtype=dtype)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda layer: Sequential([layer]),
        lambda layer: layers.Residual([layer]),
        lambda layer: layers.Parallel([[layer], []], merge="sum"),
    ],
)
def test_layers_are_not_nested_too_deeply(wrap, tmp_path):
    def nested(depth):
        layer = layers.Dense(3)
        for _ in range(depth - 1):
            layer = wrap(layer)
        return Sequential([layer], input_shape=3, seed=0)

    net = nested(_limits.MOST_NESTED)
    assert "Dense" in repr(net)
    net.summary()
    net.save(tmp_path / "net.npz")
    assert (fastdl.load(tmp_path / "net.npz").parameters == copy.deepcopy(net).parameters).all()
    with pytest.raises(ValueError, match="layers must be nested at most 64 deep"):
        nested(_limits.MOST_NESTED + 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_number_is_overlooked(dtype):
    core = fastdl._core.load(dtype)
    for size in [*range(1, 20), 63, 64, 65, 127, 128, 129, 200, 1000]:
        x = np.full(size, 1e30, dtype)
        assert core.all_finite(x)
        for place in range(size):
            for value in (np.nan, np.inf, -np.inf):
                x[place] = value
                assert not core.all_finite(x)
            x[place] = -1e30
        assert core.all_finite(x)
