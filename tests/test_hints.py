"""What names and arguments of other libraries are called here, as the errors say."""

import inspect
import operator
import re
import subprocess
import sys
from collections.abc import Iterable
from importlib import import_module

import numpy as np
import pytest

import fastdl
from fastdl import Sequential, callbacks, initializers, layers, losses, metrics, models, optimizers, schedules
from fastdl._hints.known_names import NAMES
from fastdl.estimators import NetClassifier, NetEnsemble


def net():
    return Sequential([layers.Dense(2)], input_shape=1, seed=0)


@pytest.mark.parametrize(
    ("module", "name", "ours"),
    [
        (layers, "Linear", "Dense"),
        (layers, "ReLU", "Activation"),
        (layers, "Conv2d", "Conv2D"),
        (layers, "BatchNorm2d", "BatchNorm"),
        (layers, "AvgPool2d", "MeanPool2D"),
        (layers, "Add", "Residual"),
        (layers, "Permute", "Select"),
        (losses, "MSELoss", "SquaredError"),
        (losses, "CrossEntropyLoss", "CrossEntropy"),
        (losses, "KLDivLoss", "CrossEntropy"),
        (optimizers, "Adagrad", "AdaGrad"),
        (schedules, "CosineAnnealingLR", "cosine"),
        (initializers, "HeNormal", "he_normal"),
        (models, "LeNet5", "lenet5"),
        (callbacks, "LearningRateScheduler", "LearningRateSchedule"),
    ],
)
def test_names(module, name, ours):
    with pytest.raises(AttributeError, match=f"module '{module.__name__}' has no attribute '{name}': use {ours}"):
        getattr(module, name)
    assert hasattr(module, ours) or ours in module.__all__


# Those that have an equivalent: nn, optim, init and their functions; layers and what else Keras has; neural_network.
_THEIRS = {
    "layers": """
        AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveMaxPool1d AdaptiveMaxPool2d AvgPool1d AvgPool2d BatchNorm1d
        BatchNorm2d ConstantPad1d ConstantPad2d Conv1d Conv2d ConvTranspose2d Dropout1d Dropout2d ELU Fold GELU GRUCell
        Hardsigmoid Hardswish Hardtanh Identity LSTMCell LazyBatchNorm1d LazyConv2d LazyConvTranspose2d LazyLinear
        LeakyReLU Linear MaxPool1d MaxPool2d Module MultiheadAttention RNNCell ReLU SELU Sequential SiLU Sigmoid Softmax
        Softplus Tanh Unflatten Unfold Upsample UpsamplingBilinear2d UpsamplingNearest2d ZeroPad1d ZeroPad2d
        GroupNormalization InstanceNorm1d InstanceNorm2d
        AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveMaxPooling1D AdaptiveMaxPooling2D Add Attention
        AveragePooling1D AveragePooling2D AvgPool1D AvgPool2D BatchNormalization Concatenate Conv2DTranspose
        Convolution1D Convolution2D Convolution2DTranspose DepthwiseConv1D DepthwiseConv2D GlobalAveragePooling1D
        GlobalAveragePooling2D GlobalAvgPool1D GlobalAvgPool2D GlobalMaxPool1D GlobalMaxPool2D GlobalMaxPooling1D
        GlobalMaxPooling2D Input InputLayer Lambda LayerNormalization LeakyReLU Masking MaxPooling1D MaxPooling2D MixUp
        Mixup MultiHeadAttention Multiply Normalization RandomTranslation SimpleRNN SimpleRNNCell SpatialDropout1D
        SpatialDropout2D StringLookup TextVectorization TimeDistributed UpSampling2D ZeroPadding1D ZeroPadding2D add
        concatenate multiply CrossEntropyLoss""",
    "losses": """
        BCELoss BCEWithLogitsLoss CrossEntropyLoss HuberLoss L1Loss MSELoss MultiLabelSoftMarginLoss NLLLoss
        PoissonNLLLoss SmoothL1Loss BinaryCrossentropy CategoricalCrossentropy MeanAbsoluteError MeanSquaredError
        SparseCategoricalCrossentropy binary_crossentropy categorical_crossentropy huber mean_absolute_error
        mean_squared_error poisson sparse_categorical_crossentropy""",
    "metrics": """
        BinaryAccuracy CategoricalAccuracy F1Score MeanAbsolutePercentageError MeanSquaredError Precision R2Score Recall
        RootMeanSquaredError SparseCategoricalAccuracy SparseTopKCategoricalAccuracy TopKCategoricalAccuracy
        binary_accuracy categorical_accuracy mean_absolute_error mean_absolute_percentage_error mean_squared_error
        sparse_categorical_accuracy sparse_top_k_categorical_accuracy top_k_categorical_accuracy accuracy_score
        balanced_accuracy_score f1_score precision_score r2_score recall_score roc_auc_score top_k_accuracy_score""",
    "optimizers": "Adagrad Nadam CosineAnnealingLR CosineDecay LambdaLR OneCycleLR ReduceLROnPlateau StepLR L2",
    "schedules": """
        ConstantLR CosineAnnealingLR CosineAnnealingWarmRestarts CyclicLR ExponentialLR LambdaLR LinearLR MultiStepLR
        OneCycleLR PolynomialLR ReduceLROnPlateau SequentialLR StepLR CosineDecay CosineDecayRestarts ExponentialDecay
        InverseTimeDecay PiecewiseConstantDecay PolynomialDecay""",
    "callbacks": """
        BackupAndRestore History LambdaCallback LearningRateScheduler ProgbarLogger SwapEMAWeights TerminateOnNaN
        AveragedModel""",
    "initializers": """
        constant_ eye_ kaiming_normal_ kaiming_uniform_ normal_ ones_ orthogonal_ trunc_normal_ uniform_ xavier_normal_
        xavier_uniform_ zeros_ Constant GlorotNormal GlorotUniform HeNormal HeUniform LecunNormal LecunUniform Ones
        Orthogonal OrthogonalInitializer RandomNormal RandomUniform TruncatedNormal VarianceScaling Zeros""",
    "functional": """
        avg_pool2d conv2d fold hardsigmoid hardswish hardtanh hard_swish linear lstm_cell mse_loss swish unfold
        one_hot""",
    "datasets": "load_mnist",
    "estimators": "MLPClassifier MLPRegressor",
    "export": "to_pytorch from_pytorch to_torch from_torch to_keras to_tflite",
    "plots": "plot_history",
    "": """
        nn optim activations load_model DataLoader TensorDataset Module Model manual_seed set_random_seed no_grad
        regularizers Dense Linear Adam MLPClassifier MLPRegressor cross_entropy TerminateOnNaN""",
}


@pytest.mark.parametrize(
    ("package", "name"), [(package, name) for package, names in _THEIRS.items() for name in names.split()]
)
def test_what_has_an_equivalent(package, name):
    """It is told, and is there."""
    asked = f"fastdl.{package}".rstrip(".")
    module = import_module(asked)
    assert name not in module.__all__, "it is ours by now: no line for it here, or in known_names.py"
    with pytest.raises(AttributeError) as caught:
        getattr(module, name)
    hint = str(caught.value).removeprefix(f"module '{asked}' has no attribute '{name}': ")
    if hint.startswith("use "):
        for one in hint.removeprefix("use ").split(" or "):
            assert _is_there(one, module)
    else:
        assert re.match("give |not needed: ", hint)


def _is_there(told, module):
    name = re.match(r"[\w.]*", told)[0]
    if name.startswith(("fastdl.", "sklearn.")):
        package, _, name = name.rpartition(".")
        module = import_module(package)
    return name == "a" or operator.attrgetter(name)(module) is not None


def test_every_answer_is_one():
    for package, answers in NAMES.items():
        assert all(_is_there(one, import_module(package)) for told in answers.values() for one in told.split(" or "))


@pytest.mark.parametrize(
    ("module", "name", "ours"),
    [(metrics, "Acuracy", "Accuracy"), (fastdl, "Sequental", "Sequential"), (layers, "Conv3d", "Conv2D")],
)
def test_what_is_only_alike_is_asked(module, name, ours):
    with pytest.raises(AttributeError, match=rf"has no attribute '{name}': did you mean {ours}\?"):
        getattr(module, name)


def test_an_import_looks_for_no_equivalents():
    """It asks for `__path__`, and would take a millisecond to find what is like it."""
    code = "import sys, fastdl.recipes; print({'difflib', 'fastdl._hints.known_names'} & {*sys.modules})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


@pytest.mark.parametrize(
    ("module", "name", "told"),
    [(schedules, "linear", "use a function of the step"), (fastdl, "tensor", "give arrays of NumPy's, or what it")],
)
def test_a_name_that_means_something_else_in_another_package(module, name, told):
    with pytest.raises(AttributeError, match=f"has no attribute '{name}': {told}"):
        getattr(module, name)


def test_a_name_like_no_other():
    with pytest.raises(AttributeError, match=r"module 'fastdl\.layers' has no attribute 'xyz'$"):
        layers.xyz  # noqa: B018
    assert not hasattr(layers, "__wrapped__")


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (lambda: optimizers.Adam(learning_rate=0.1), "Adam has no argument 'learning_rate': use lr"),
        (lambda: optimizers.Adam(eps=0.1), "Adam has no argument 'eps': use epsilon"),
        (lambda: optimizers.SGD(0.1, clip=1.0), "SGD has no argument 'clip': use clip_norm"),
        (lambda: schedules.cosine(0.1, T_max=9), "cosine has no argument 'T_max': use steps"),
        (lambda: schedules.one_cycle(0.1, 9, final=0), "one_cycle has no argument 'final': use final_factor"),
        (lambda: layers.Conv2D(3, 3, strides=2), "Conv2D has no argument 'strides': use stride"),
        (lambda: layers.LayerNorm(eps=1e-3), "LayerNorm has no argument 'eps': use epsilon"),
        (lambda: layers.Dropout(p=0.5), "Dropout has no argument 'p': use rate"),
        (lambda: layers.Dense(3, use_bias=False), "has no argument 'use_bias': it has units, activation, initializer"),
        (lambda: callbacks.EarlyStopping(patiance=3), "EarlyStopping has no argument 'patiance': use patience"),
        (lambda: losses.CrossEntropy(ignore_index=0), "CrossEntropy has no argument 'ignore_index': use ignore_label"),
        (lambda: layers.Dense(3, input_shape=8), "Dense has no argument 'input_shape': give Sequential an input_shape"),
        (lambda: layers.LSTM(8, num_layers=2), "LSTM has no argument 'num_layers': use as many layers"),
        (
            lambda: layers.Conv2D(3, 8, 3),
            "Conv2D takes filters, kernel_size by position; received 3 arguments: ",
        ),
        (lambda: layers.Flatten(1), "Flatten takes nothing by position; received 1 arguments: "),
        (lambda: losses.BinaryCrossEntropy(0.1), "BinaryCrossEntropy takes nothing by position; "),
        (lambda: Sequential(layers.Dense(3), layers.Dense(2)), "received 2 arguments: give a list of layers"),
        (lambda: Sequential([layers.Dense(3)], 20), "received 2 arguments: settings are given by name, such as input_"),
        (lambda: net().fit([[1]], [0], learning_rate=0.1), "fit has no argument 'learning_rate': give an optimizer"),
        (lambda: net().fit([[1]], [0], nb_epoch=3), "fit has no argument 'nb_epoch': use epochs"),
        (lambda: net().evaluate([[1]], [0], steps=3), "evaluate has no argument 'steps': it has x, y, loss, "),
        (lambda: NetClassifier(hidden_layer_sizes=(3,)), "NetClassifier has no argument 'hidden_layer_sizes': use hid"),
        (lambda: NetEnsemble(n_estimators=3), "NetEnsemble has no argument 'n_estimators': use members"),
    ],
)
def test_arguments(made, expected):
    with pytest.raises(TypeError, match=expected):
        made()


@pytest.mark.parametrize(
    ("made", "ours"),
    [
        (lambda: layers.Dense(3, "swish"), "silu"),
        (lambda: layers.Activation("linear"), "identity"),
        (lambda: layers.Dense(3, "ReLU"), "relu"),
        (lambda: layers.Dense(3, initializer="kaiming_normal"), "he_normal"),
        (lambda: layers.Parallel([[], []], merge="add"), "sum"),
        (lambda: net().fit([[1]], [0], loss="mse"), "squared_error"),
        (lambda: net().fit([[1]], [0], loss="mae"), "absolute_error"),
        (lambda: net().fit([[1]], [0], loss="sparse_categorical_crossentropy"), "cross_entropy"),
        (lambda: net().evaluate([[1]], [0], metrics=["acc"]), "accuracy"),
        (lambda: net().evaluate([[1]], [0], metrics=["mae"]), "mean_absolute_error"),
        (lambda: net().evaluate([[1]], [0], metrics=["roc_auc"]), "auc"),
        (lambda: callbacks.EarlyStopping("val_acc"), "val_accuracy"),
    ],
)
def test_values(made, ours):
    with pytest.raises(ValueError, match=f"received .*: use '{ours}'$"):
        made()


def test_a_value_like_no_other():
    for value in ("mish", 3, None, layers):
        with pytest.raises(ValueError, match=r"name must be one of identity, .*; received [^:]*$"):
            layers.Activation(value)


def test_weights_of_a_layer():
    layer = layers.Dense(3)
    for name in ("weight", "bias", "kernel", "get_weights"):
        with pytest.raises(AttributeError, match=f"'Dense' object has no attribute '{name}': use params"):
            getattr(layer, name)
        assert name not in dir(layer)

    class Heavy(layers.Dense):
        def __init__(self, units, weight):
            super().__init__(units)
            self.weight = weight

    assert Heavy(3, 0.5).weight == 0.5
    assert "weight" in dir(Heavy(3, 0.5))


def test_what_others_set():
    for name, told in {
        "stop_training": "a callback's on_epoch_end that returns True",
        "requires_grad": "use trainable",
        "loss": "it is an argument of fit and train_on_batch$",
        "optimizer": "it is an argument of fit and train_on_batch, and of step$",
    }.items():
        with pytest.raises(AttributeError, match=f"Sequential has no '{name}' that could be set: {told}"):
            setattr(net(), name, True)
        assert name not in dir(net())
    with pytest.raises(AttributeError, match="Dense has no 'requires_grad' that could be set: use trainable"):
        net().layers[0].requires_grad = False


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (lambda net: net(np.ones((2, 1))), r"'Sequential' object is not callable: use predict\(x\); or forward"),
        (lambda net: layers.Dense(2)(net), "'Dense' object is not callable: give Sequential a list of layers"),
        (len, r"'Sequential' object has no len\(\): use layers, a tuple"),
        (lambda net: net[0], "'Sequential' object is not subscriptable: use layers, a tuple"),
        (list, "'Sequential' object is not subscriptable: use layers, a tuple"),
    ],
)
def test_what_a_network_is_not(asked, told):
    with pytest.raises(TypeError, match=told):
        asked(net())


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (lambda net: optimizers.Adam(net), "lr must be a number"),
        (lambda net: net.fit([[1]], [0], loss=net), "loss must be one of"),
        (lambda net: net.evaluate([[1]], [0], metrics=[net]), "metrics must be"),
        (lambda net: layers.Dense(3, initializer=layers.Dense(2)), "initializer must be one of"),
        (lambda net: callbacks.LearningRateSchedule(net), "schedule must be a function"),
        (lambda net: NetClassifier(layers.Dense(2)).fit([[1], [2]], [0, 1]), "network must be None, a Sequential"),
    ],
)
def test_a_network_is_no_function(given, expected):
    with pytest.raises((TypeError, ValueError), match=expected):
        given(net())


def test_a_network_is_true_and_no_sequence():
    one = net()
    assert one
    assert not isinstance(one, Iterable)
    assert np.array([one, net()]).shape == (2,)
    assert np.array(one).shape == ()


def test_signatures_are_those_of_constructors():
    for kind in (Sequential, layers.Conv2D, optimizers.Adam, callbacks.EarlyStopping, losses.Huber):
        assert [*inspect.signature(kind).parameters] == [*inspect.signature(kind.__init__).parameters][1:]

    assert not inspect.signature(callbacks.Callback).parameters


def test_classes_of_ones_own_take_what_they_take():
    class Own(callbacks.Callback):
        def __init__(self, first, **others):
            self.given = first, others

    class Scaled(optimizers.SGD):
        pass

    assert Own(1, learning_rate=2).given == (1, {"learning_rate": 2})
    assert Scaled(lr=np.float32(0.5)).lr == 0.5
