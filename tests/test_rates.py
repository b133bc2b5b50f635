"""Rates and schedules from step to step, and which optimizers continue a training."""

import copy
import pickle

import numpy as np
import pytest

from fastdl import Sequential, layers, optimizers, schedules


def small_net():
    return Sequential([layers.Dense(5, "tanh"), layers.Dense(3)], input_shape=4, seed=0)


def test_a_training_goes_on_with_an_equal_optimizer(rng):
    x, y = rng.standard_normal((60, 4)), rng.integers(3, size=60)

    def optimizer():
        return optimizers.SGD(schedules.cosine(0.1, 12), momentum=0.9)

    whole = small_net()
    whole.fit(x, y, epochs=4, batch_size=20, optimizer=optimizer(), shuffle=False, verbose=0)
    parts = small_net()
    for _ in range(4):
        parts.fit(x, y, batch_size=20, optimizer=optimizer(), shuffle=False, verbose=0)
    steps = small_net()
    for i in range(12):
        start = 20 * (i % 3)
        steps.train_on_batch(x[start : start + 20], y[start : start + 20], optimizer=optimizer() if i < 5 else None)
    assert (whole.parameters == parts.parameters).all()
    assert (whole.parameters == steps.parameters).all()


@pytest.mark.parametrize(
    ("first", "second", "goes_on"),
    [
        (optimizers.Adam(0.1), optimizers.Adam(0.1), True),
        (optimizers.Adam(0.1), optimizers.Adam(np.float64(0.1), betas=[0.9, 0.999]), True),
        (optimizers.Adam(0.1), optimizers.Adam(0.01), True),
        (optimizers.Adam(schedules.cosine(0.1, 9)), optimizers.Adam(0.01), True),
        (optimizers.Adam(0.01), optimizers.Adam(schedules.cosine(0.1, 9)), False),
        (optimizers.Adam(schedules.cosine(0.1, 9)), optimizers.Adam(schedules.cosine(0.1, 8)), False),
        (optimizers.Adam(0.1), optimizers.Adam(0.1, epsilon=1e-3), False),
        (optimizers.Adam(0.1), optimizers.Adam(0.1, clip_norm=1), False),
        (optimizers.Adam(0.1), optimizers.AdamW(0.1), False),
        (optimizers.SGD(0.1), optimizers.SGD(0.1, momentum=0.9), False),
        (optimizers.RMSprop(0.1), optimizers.AdaGrad(0.1), False),
    ],
)
def test_which_optimizers_go_on(first, second, goes_on, rng):
    """Where moments and count of steps go on, two steps differ from the second alone, on the same parameters."""
    x, y = rng.standard_normal((20, 4)), rng.integers(3, size=20)
    net, fresh = (small_net() for _ in range(2))
    net.train_on_batch(x, y, optimizer=first)
    fresh.parameters[...] = net.parameters
    for either in (net, fresh):
        either.train_on_batch(x, y, optimizer=second)
    assert (net.parameters != fresh.parameters).any() == goes_on


@pytest.mark.parametrize("copied", [copy.deepcopy, copy.copy, lambda net: pickle.loads(pickle.dumps(net))])
def test_a_function_as_rate_goes_with_copies(copied, rng):
    x, y = rng.standard_normal((20, 4)), rng.integers(3, size=20)
    net = small_net()
    net.train_on_batch(x, y, optimizer=optimizers.Adam(rate))
    again = copied(net)
    for either in (net, again):
        either.train_on_batch(x, y)
    assert (net.parameters == again.parameters).all()


def test_equal_calls_of_train_on_batch_go_on_with_one_state_and_others_with_another():
    net = Sequential([layers.Dense(1)], input_shape=(2,), seed=3)
    x, y, adam = np.ones((4, 2)), np.ones((4, 1)), optimizers.Adam(0.1)
    net.train_on_batch(x, y, loss="squared_error", optimizer=adam)
    state = net.training_state
    adam.lr = 0.0  # heeded, though the optimizer is the same
    before = net.parameters.copy()
    net.train_on_batch(x, y, loss="squared_error", optimizer=adam)
    assert net.training_state is state
    assert state.steps == 2
    assert (net.parameters == before).all()
    net.train_on_batch(x, y, loss="huber", optimizer=adam)
    assert (net.training_state.steps, state.steps) == (3, 2)
    net.train_on_batch(x, y, optimizer=optimizers.Adam(0.1, epsilon=1e-3))
    assert net.training_state.steps == 1


def rate(step):
    return 0.1 / (1 + step)


def test_a_schedule_that_has_ended(rng):
    x, y = rng.standard_normal((20, 4)), rng.integers(3, size=20)
    net = small_net()
    net.fit(x, y, epochs=3, optimizer=optimizers.Adam(schedules.cosine(0.1, 3)), verbose=0)
    with pytest.warns(UserWarning, match="lr gives 0 for all of the next steps"):
        net.fit(x, y, optimizer=optimizers.Adam(schedules.cosine(0.1, 3)), verbose=0)
    small_net().train_on_batch(x, y, optimizer=optimizers.Adam(lambda step: 0.1 * step))  # it has not begun yet


@pytest.mark.parametrize(
    ("optimizer", "error", "message"),
    [
        (
            optimizers.SGD(lambda step: None),
            TypeError,
            r"the rates that lr gives must be an array of real .*, such as None",
        ),
        (optimizers.SGD(lambda step: "0.1"), TypeError, r"the rates that lr gives must be .*, such as '0.1'"),
        (optimizers.SGD(lambda step: -0.1), ValueError, "lr must give finite rates, not below 0; gave -0.1 to -0.1"),
        (optimizers.Optimizer(0.1), NotImplementedError, "Optimizer has no rule"),
    ],
)
def test_rates_that_are_none(optimizer, error, message, rng):
    net = small_net()
    before = net.parameters.copy()
    with pytest.raises(error, match=message):
        net.train_on_batch(rng.standard_normal((20, 4)), rng.integers(3, size=20), optimizer=optimizer)
    assert (net.parameters == before).all()


def test_a_rate_that_rises_without_end():
    assert schedules.step(1.0, 1, 10.0)(400) == np.inf


@pytest.mark.parametrize(
    ("rates", "message"),
    [
        (np.ones(3), r"the optimizer's rates must have shape \(1,\); received \(3,\)"),
        (np.array([np.nan]), "lr must give finite rates, not below 0; gave nan"),
    ],
)
def test_rates_of_a_subclass_are_checked(rates, message, rng):
    class Mine(optimizers.SGD):
        def rates(self, first, count):
            return rates

    x, y = rng.standard_normal((20, 4)), rng.integers(3, size=20)
    net = small_net()
    with pytest.raises(ValueError, match=message):
        net.train_on_batch(x, y, optimizer=Mine(0.1))


def test_schedules():
    warm = schedules.cosine(1.0, 4, warmup=4, final=0.25)
    assert [warm(i) for i in range(6)] == [0.25, 0.5, 0.75, 1.0, 0.25, 0.25]
    assert schedules.constant(0.1)(1000) == 0.1
    step = schedules.step(1.0, 10, 0.5)
    assert [step(i) for i in (0, 9, 10, 25)] == [1, 1, 0.5, 0.25]
    cosine = schedules.cosine(1.0, 110, warmup=10, final=0.2)
    assert [cosine(0), cosine(9), cosine(10)] == [0.1, 1, 1]
    assert cosine(60) == pytest.approx(0.6)
    assert cosine(110) == cosine(10**6) == 0.2
    cycle = schedules.one_cycle(1.0, 101, rise=0.3, start_factor=0.1, final_factor=0.01)
    assert cycle(0) == pytest.approx(0.1)
    assert max(range(101), key=cycle) in (30, 31)
    assert cycle(100) == cycle(500) == pytest.approx(0.01)
