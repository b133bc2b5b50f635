"""Trainings that lose their loss, or nearly: the last finite parameters stay."""

import contextlib
import pickle

import numpy as np
import pytest

from fastdl import Sequential, layers, optimizers


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_a_loss_that_is_lost_leaves_the_last_finite_parameters(rng, dtype, momentum):
    """Found step by step, and at whatever place in the blocks of steps that run without a look at the loss."""
    x, y = rng.standard_normal((400, 3)), np.ones((400, 1))

    def start():
        net = Sequential([layers.Dense(1)], input_shape=3, dtype=dtype, seed=0)
        return net, {"loss": "squared_error", "optimizer": optimizers.SGD(30.0, momentum=momentum)}

    slow, arguments = start()
    before, steps = None, 0
    with contextlib.suppress(FloatingPointError):
        while steps < 1000:
            before = slow.parameters.copy()
            slow.train_on_batch(x[:4], y[:4], **arguments)
            steps += 1
    fast, arguments = start()
    with pytest.raises(FloatingPointError, match=f"step {steps + 1} gives a loss, parameters or moments"):
        fast.fit(x[:4].repeat(1000, 0).reshape(4, 1000, 3).swapaxes(0, 1).reshape(-1, 3), np.ones((4000, 1)),
                 batch_size=4, shuffle=False, verbose=0, **arguments)  # fmt: skip
    assert 5 < steps < 1000
    assert np.isfinite(before).all()
    assert (fast.parameters == before).all()
    assert (slow.parameters == before).all()


def test_moments_that_are_lost():
    """Squares of gradients overflow before the gradients do, and a step would be nothing from then on."""
    net = Sequential([layers.Dense(1)], input_shape=3, seed=0)
    before = net.parameters.copy()
    with pytest.raises(FloatingPointError, match="step 1 gives a loss, parameters or moments that are not finite"):
        net.fit(np.full((4, 3), 1e15), np.zeros((4, 1)), loss="squared_error", optimizer=optimizers.Adam(), verbose=0)
    assert (net.parameters == before).all()


def test_the_fault_is_apart_from_the_advice():
    """Other processes give the error back whole."""
    net = Sequential([layers.Dense(1)], input_shape=3, seed=0)
    with pytest.raises(FloatingPointError) as caught:
        net.fit(np.full((4, 3), 1e15), np.zeros((4, 1)), loss="squared_error", optimizer=optimizers.Adam(), verbose=0)
    error = pickle.loads(pickle.dumps(caught.value))
    assert error.fault == "step 1 gives a loss, parameters or moments that are not finite"
    assert error.advice == "a lower learning rate, or clip_norm in the optimizer, may help"
    assert str(error) == f"{error.fault}, and the parameters are now those before it: {error.advice}"


@pytest.mark.parametrize("optimizer", [optimizers.SGD(0.1, momentum=0.6), optimizers.Adam(0.1, betas=(0.6, 0.6))])
def test_moments_of_dead_weights_vanish(optimizer):
    """They end as zeros, not as the smallest number there is, 0.6 of which is rounded to itself, and takes long."""
    net = Sequential([layers.Dense(5)], input_shape=17, seed=0)
    data = {"y": np.ones((1, 5)), "loss": "squared_error", "optimizer": optimizer}
    for value in (1, *[0] * 300):
        net.train_on_batch(np.full((1, 17), value), **data)
    weights = net.training_state.moments[:, : 17 * 5]
    assert (weights == 0).all()
    assert (net.training_state.moments[:, 17 * 5 :] != 0).any()
    tiny = np.float32(2e-38)
    assert tiny / np.float32(8) > 0, "the caller's own arithmetic is as it was"


def test_saturated_networks_stay_finite():
    net = Sequential([layers.Dense(3, "softmax")], input_shape=2, seed=0)
    net.params["0.weight"][...] = [[1e4, 0], [-1e4, 0], [0, 1e4]]
    x = np.array([[1.0, 0], [-1, 0], [0, 1]])
    assert np.isfinite(net.evaluate(x, [1, 0, 0])["loss"])
    net.fit(x, [1, 0, 0], epochs=3, verbose=0)
    assert np.isfinite(net.parameters).all()
