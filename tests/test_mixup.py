"""Training on means of two samples, and of their targets."""

from copy import deepcopy

import numpy as np
import pytest

import fastdl
from fastdl import Sequential, layers, losses, optimizers
from fastdl.training.examples import examples_of
from fastdl.training.mixup import mixable, mixed


def network(*made, shape=4, dtype="float64"):
    return Sequential([*made], input_shape=shape, dtype=dtype, seed=3)


def test_each_is_a_mean_of_two_and_so_is_its_target(rng):
    x, labels = rng.standard_normal((500, 4)), rng.integers(0, 3, 500)
    net = network(layers.Dense(3))
    data = mixable(net, examples_of(net, x, labels, None, None, None, losses.CrossEntropy()))
    means = mixed(data, 0.3, np.random.default_rng(5))
    again = np.random.default_rng(5)
    partners, shares = again.permutation(500), again.beta(0.3, 0.3, 500)[:, None]
    np.testing.assert_allclose(means.samples.x, shares * x + (1 - shares) * x[partners], atol=1e-14)
    rows = np.eye(3)[labels]
    np.testing.assert_allclose(means.targets, shares * rows + (1 - shares) * rows[partners], atol=1e-14)
    assert (data.samples.x == x).all()
    assert (data.targets == rows).all()


def step(net, x, targets, optimizer):
    net.fit(x, targets, batch_size=len(x), shuffle=False, optimizer=optimizer, verbose=0)


@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error", "binary_cross_entropy"])
def test_what_fit_trains_on(loss, rng):
    """Whole batches, so that an epoch is a step: the same steps on the same means, drawn from the same numbers."""
    x, y = rng.standard_normal((40, 4)), rng.integers(0, 3, 40)
    targets = y if loss == "cross_entropy" else np.eye(3)[y]
    net = network(layers.Dense(8, "tanh"), layers.Dense(3))
    other, numbers = deepcopy(net), deepcopy(net.generator)
    options = {"loss": loss, "optimizer": optimizers.Adam(0.05), "batch_size": 40, "shuffle": False, "verbose": 0}
    net.fit(x, targets, mixup=0.4, epochs=3, **options)
    for _ in range(3):
        partners, shares = numbers.permutation(40), numbers.beta(0.4, 0.4, 40)[:, None]
        numbers.integers(1 << 63)  # the seed of the epoch's layers
        rows = np.eye(3)[y]
        means, of_targets = (shares * a + (1 - shares) * a[partners] for a in (x, rows))
        other.fit(means, of_targets, **options)
    np.testing.assert_allclose(net.parameters, other.parameters, rtol=1e-10, atol=1e-12)


def test_images_and_any_number_of_threads(rng):
    x, y = rng.standard_normal((300, 2, 9, 8), "float32"), rng.integers(0, 3, 300)
    found = []
    for threads, images in ((1, x), (2, x), (2, np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2))):
        fastdl.set_num_threads(threads)
        net = network(layers.Conv2D(6, 3, activation="relu"), layers.Flatten(), layers.Dense(3), shape=x.shape[1:])
        net.fit(images, y, mixup=0.2, epochs=2, verbose=0)
        found.append(net.parameters.copy())
    assert (found[0] == found[1]).all()
    np.testing.assert_allclose(found[2], found[0], rtol=1e-10)


def test_bytes_and_what_lies_in_a_file(tmp_path, rng):
    x, y = rng.integers(0, 256, (50, 1, 4, 5), np.uint8), rng.integers(0, 3, 50)
    mapped = np.memmap(tmp_path / "x", np.float64, "w+", shape=x.shape)
    mapped[...] = x
    found = []
    for images in (x, x.astype(np.float32), mapped):
        net = network(layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(3), shape=(1, 4, 5), dtype="float32")
        net.fit(images, y, mixup=0.2, epochs=2, verbose=0)
        found.append(net.parameters.copy())
    for other in found[1:]:
        assert (other == found[0]).all()


def test_an_interrupted_training_goes_on_alike(tmp_path, rng):
    x, y = rng.standard_normal((60, 4)), rng.integers(0, 3, 60)
    net = network(layers.Dense(3))
    net.fit(x, y, mixup=0.2, verbose=0)
    net.save(tmp_path / "net.npz", training=True)
    again = fastdl.load(tmp_path / "net.npz")
    for one in (net, again):
        one.fit(x, y, mixup=0.2, verbose=0)
    assert (again.parameters == net.parameters).all()


def test_validation_and_accuracy_are_of_samples_themselves(rng):
    x = rng.standard_normal((400, 2))
    y = (x[:, 0] > 0).astype(int)
    net = network(layers.Dense(16, "relu"), layers.Dense(2), shape=2)
    optimizer = optimizers.Adam(0.02)
    history = net.fit(x, y, mixup=0.3, epochs=15, optimizer=optimizer, validation_data=(x, y), verbose=0)
    assert history.history["val_accuracy"][-1] > 0.97
    assert net.evaluate(x, y)["accuracy"] == pytest.approx(history.history["val_accuracy"][-1])
    assert history.history["loss"][-1] > 2 * history.history["val_loss"][-1]  # of means it is never near 0


REFUSED = {
    "tokens": (lambda: network(layers.Embedding(9, 3), layers.Flatten(), layers.Dense(2)), np.ones((6, 4), int), {}),
    "lengths": (lambda: network(layers.RNN(2), shape=(4, 3)), np.ones((6, 4, 3)), {"lengths": [1, 2, 3, 4, 4, 4]}),
    "stateful": (lambda: network(layers.RNN(2, stateful=True), shape=(4, 3)), np.ones((6, 4, 3)), {"shuffle": False}),
    "sample_weight": (lambda: network(layers.Dense(2)), np.ones((6, 4)), {"sample_weight": np.ones(6)}),
    "class_weight": (lambda: network(layers.Dense(2)), np.ones((6, 4)), {"class_weight": [1, 2]}),
    "do not count": (lambda: network(layers.Dense(2)), np.ones((6, 4)), {"loss": losses.CrossEntropy(ignore_label=1)}),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_mixed(what):
    make, x, options = REFUSED[what]
    net, y = make(), [0, 1, 0, 1, 0, 1]
    before = net.parameters.copy()
    with pytest.raises(ValueError, match=f"mixup must be 0 .*{what}"):
        net.fit(x, y, mixup=0.2, verbose=0, **options)
    assert (net.parameters == before).all()


def test_wrong_alphas():
    net = network(layers.Dense(2))
    for wrong in (-0.1, np.nan, np.inf):
        with pytest.raises(ValueError, match="mixup must be a finite number from"):
            net.fit(np.ones((2, 4)), [0, 1], mixup=wrong)
    with pytest.raises(ValueError, match="mixup must not be given where x is an iterable of batches"):
        net.fit(iter([(np.ones((2, 4)), [0, 1])]), mixup=0.2)
    with pytest.raises(TypeError, match="mixup must be a number"):
        net.fit(np.ones((2, 4)), [0, 1], mixup=None)


def test_a_loss_of_somebodys(rng):
    def halves(outputs, targets):
        return ((outputs - targets) ** 2).sum(axis=1), 2 * (outputs - targets)

    x, y = rng.standard_normal((30, 4)), rng.standard_normal((30, 2))
    net, other = network(layers.Dense(2)), network(layers.Dense(2))
    net.fit(x, y, loss=halves, mixup=0.3, verbose=0)
    other.fit(x, y, loss=losses.SquaredError(), optimizer=optimizers.SGD(0.02, momentum=0.9), mixup=0.3, verbose=0)
    np.testing.assert_allclose(net.parameters, other.parameters, rtol=1e-9, atol=1e-12)
    with pytest.raises(ValueError, match="mixup must be 0 for integer targets that are no labels"):
        net.fit(x, np.ones((30, 2), int), loss=halves, mixup=0.3, verbose=0)
