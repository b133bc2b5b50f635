"""What names and arguments of other libraries are called here, as the errors say."""

import inspect

import numpy as np
import pytest

import fastdl
from fastdl import Sequential, callbacks, initializers, layers, losses, metrics, models, optimizers, schedules


@pytest.mark.parametrize(
    ("module", "name", "ours"),
    [
        (layers, "Linear", "Dense"),
        (layers, "ReLU", "Activation"),
        (layers, "Conv2d", "Conv2D"),
        (layers, "BatchNorm2d", "BatchNorm"),
        (layers, "AvgPool2d", "MeanPool2D"),
        (layers, "Add", "Residual"),
        (losses, "MSELoss", "SquaredError"),
        (losses, "CrossEntropyLoss", "CrossEntropy"),
        (optimizers, "Adagrad", "AdaGrad"),
        (schedules, "CosineAnnealingLR", "cosine"),
        (initializers, "HeNormal", "he_normal"),
        (models, "LeNet5", "lenet5"),
        (metrics, "Acuracy", "Accuracy"),
        (callbacks, "LearningRateScheduler", "LearningRateSchedule"),
        (fastdl, "Sequental", "Sequential"),
    ],
)
def test_names(module, name, ours):
    with pytest.raises(AttributeError, match=f"module '{module.__name__}' has no attribute '{name}': use {ours}"):
        getattr(module, name)
    assert hasattr(module, ours) or ours in module.__all__


def test_a_name_like_no_other():
    with pytest.raises(AttributeError, match=r"module 'fastdl\.layers' has no attribute 'xyz'$"):
        layers.xyz  # noqa: B018
    assert not hasattr(layers, "__wrapped__")


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (lambda: optimizers.Adam(learning_rate=0.1), "Adam has no argument 'learning_rate': use lr"),
        (lambda: optimizers.Adam(epsilon=0.1), "Adam has no argument 'epsilon': use eps"),
        (lambda: layers.Conv2D(3, 3, strides=2), "Conv2D has no argument 'strides': use stride"),
        (lambda: layers.LayerNorm(eps=1e-3), "LayerNorm has no argument 'eps': use epsilon"),
        (lambda: layers.Dropout(p=0.5), "Dropout has no argument 'p': use rate"),
        (lambda: layers.Dense(3, use_bias=False), "has no argument 'use_bias': it has units, activation, initializer"),
        (lambda: callbacks.EarlyStopping(patiance=3), "EarlyStopping has no argument 'patiance': use patience"),
        (lambda: losses.CrossEntropy(ignore_index=0), "CrossEntropy has no argument 'ignore_index': use ignore_label"),
    ],
)
def test_arguments(made, expected):
    with pytest.raises(TypeError, match=expected):
        made()


def test_signatures_are_those_of_constructors():
    for kind in (Sequential, layers.Conv2D, optimizers.Adam, callbacks.EarlyStopping, losses.Huber):
        assert [*inspect.signature(kind).parameters] == [*inspect.signature(kind.__init__).parameters][1:]


def test_classes_of_ones_own_take_what_they_take():
    class Own(callbacks.Callback):
        def __init__(self, first, **others):
            self.given = first, others

    class Scaled(optimizers.SGD):
        pass

    assert Own(1, learning_rate=2).given == (1, {"learning_rate": 2})
    assert Scaled(lr=np.float32(0.5)).lr == 0.5
