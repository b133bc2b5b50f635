"""What calls remember from one to the next is what does not change: each does what it is asked for."""

import warnings
from copy import deepcopy
from functools import partial

import numpy as np
import pytest

from fastdl import Sequential, layers, losses
from fastdl.optimizers import SGD, Adam, RMSprop


@pytest.fixture
def net():
    return Sequential([layers.Dense(5, "tanh"), layers.Dense(3)], input_shape=4, seed=0)


NUMBERS, ONES = np.linspace(-3, 3, 18).reshape(6, 3), np.eye(3)[[0, 1, 2, 0, 1, 2]]
CALLS = [
    ({"loss": losses.Huber(0.1), "optimizer": SGD(0.1)}, NUMBERS),
    ({"loss": losses.Huber(2.0), "optimizer": SGD(0.1)}, NUMBERS),
    ({"loss": losses.Quantile([0.1]), "optimizer": SGD(0.1, momentum=0.5)}, NUMBERS),
    ({"loss": losses.Quantile([0.2, 0.5, 0.9]), "optimizer": SGD(0.1, momentum=0.9)}, NUMBERS[:, 0]),
    ({"loss": "squared_error", "optimizer": Adam(0.1)}, NUMBERS),
    ({"loss": "squared_error", "optimizer": Adam(0.1, clip_norm=0.01)}, ONES),
    ({"loss": "squared_error", "optimizer": Adam(0.1, clip_value=0.001)}, NUMBERS),
    ({"loss": "cross_entropy", "optimizer": Adam(0.1, betas=(0.5, 0.6))}, ONES),
    ({"loss": "cross_entropy", "optimizer": RMSprop(0.1, weight_decay=0.3, decay_biases=False)}, [0, 1, 2, 0, 1, 2]),
    ({"loss": "cross_entropy", "optimizer": RMSprop(0.1, weight_decay=0.3)}, [2, 1, 2, 0, 1, 2]),
]


@pytest.mark.parametrize("order", [CALLS, CALLS[::-1]], ids=["there", "back"])
def test_each_call_has_its_own_loss_and_optimizer(net, order, rng):
    x = rng.standard_normal((6, 4))
    for how, y in order:
        for _ in range(2):
            new = deepcopy(net)  # which has made no call yet
            assert net.train_on_batch(x, y, **how) == new.train_on_batch(x, y, **how)
            assert net.parameters.tobytes() == new.parameters.tobytes()


def test_each_step_has_its_own_optimizer(net, rng):
    x = rng.standard_normal((6, 4))
    for how, y in CALLS:
        new = deepcopy(net)
        for one in (net, new):
            one.backward(one.forward(x) - (y if np.ndim(y) == 2 else 0))
            one.step(how["optimizer"])
        assert net.parameters.tobytes() == new.parameters.tobytes()


def test_a_rate_set_between_calls_holds(net, rng):
    x, optimizer = rng.standard_normal((6, 4)), SGD(0.5)
    net.train_on_batch(x, NUMBERS, loss="squared_error", optimizer=optimizer)
    before = net.parameters.copy()
    optimizer.lr = 0.0
    net.train_on_batch(x, NUMBERS)
    assert net.parameters.tobytes() == before.tobytes()
    optimizer.lr = 0.5
    net.train_on_batch(x, NUMBERS)
    assert net.parameters.tobytes() != before.tobytes()


@pytest.mark.parametrize("call", [Sequential.train_on_batch, partial(Sequential.fit, verbose=0)])
def test_a_schedule_that_has_ended_is_told_to_whoever_calls(net, call, rng):
    x, optimizer = rng.standard_normal((6, 4)), SGD(lambda step: 0.1 if step < 1 else 0.0)
    call(net, x, NUMBERS, loss="squared_error", optimizer=optimizer)
    with pytest.warns(UserWarning, match="lr gives 0 for all of the next steps") as told:
        call(net, x, NUMBERS)
    assert told[0].filename == __file__


DOUBTFUL = {
    "pictures whose channels are last": (lambda: layers.Flatten(), (32, 32, 3), {}),
    "probabilities as logits": (lambda: layers.Dense(3, "softmax"), (4,), {"loss": "binary_cross_entropy"}),
    "a batch of one": (lambda: layers.BatchNorm(), (3,), {"batch_size": 1}),
    "labels that are held out alone": (lambda: layers.Dense(3), (4,), {"validation_split": 0.5}),
}


@pytest.mark.parametrize(("make", "shape", "how"), DOUBTFUL.values(), ids=DOUBTFUL)
def test_warnings_are_of_the_line_that_calls(make, shape, how):
    x, y = np.ones((60, *shape)), np.repeat([0, 1, 2], 20)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        net = Sequential([make()], input_shape=shape, seed=0)
        if len(shape) == 1:
            net.fit(x, np.eye(3)[y] if "loss" in how else y, epochs=1, verbose=0, **how)
    assert {one.filename for one in told} == {__file__}


NETWORKS = {
    "dense": (lambda: [layers.Dense(5, "tanh"), layers.Dense(3)], (12, 4)),
    "much memory": (lambda: [layers.Dense(2000, "relu"), layers.Dense(3)], (3000, 4)),
    "images": (
        lambda: [layers.Conv2D(4, 3), layers.BatchNorm(), layers.Dropout(0.3), layers.Flatten(), layers.Dense(3)],
        (12, 2, 6, 6),
    ),
    "states": (lambda: [layers.LSTM(4, stateful=True), layers.Dense(3)], (12, 5, 2)),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("make", "shape"), NETWORKS.values(), ids=NETWORKS.keys())
def test_predictions_between_steps(make, shape, dtype, rng):
    """They are those of the parameters of that moment, and training goes on as if there were none."""
    x, y = rng.standard_normal(shape).astype(dtype), rng.integers(0, 3, shape[0])
    net = Sequential(make(), input_shape=shape[1:], dtype=dtype, seed=0)
    other = deepcopy(net)

    def check_predictions():
        state, new = net.state, deepcopy(net)
        for _ in range(2):
            assert net.predict(x).tobytes() == new.predict(x).tobytes()
        assert net.evaluate(x, y) == new.evaluate(x, y)
        net.state = state

    for batch in (shape[0], shape[0] if net.stateful else 1, shape[0]):
        for one in (net, other):
            one.train_on_batch(x[:batch], y[:batch], optimizer=Adam(0.01))
        check_predictions()
        assert net.parameters.tobytes() == other.parameters.tobytes()
        net.parameters = other.parameters = net.parameters * 0.9  # which the next predictions have to see
        check_predictions()
