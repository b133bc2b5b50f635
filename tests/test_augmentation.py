"""What is random in training: noise, and images moved, flipped, turned and partly erased."""

import numpy as np
import pytest

from fastdl import layers
from fastdl._core.kinds import RANDOM


def test_what_draws_passes_on_what_it_reads_outside_training(rng):
    x, kinds = rng.standard_normal((5, 2, 6, 7)), set()
    for layer in (
        layers.Dropout(0.5), layers.GaussianNoise(1.0), layers.RandomShift(2), layers.RandomFlip(),
        layers.RandomRotation(90), layers.RandomErasing(1.0),
    ):  # fmt: skip
        layer.build(x.shape[1:], dtype="float64", seed=0)
        assert (layer.forward(x) == x).all()
        assert (layer.forward(x, training=True) != x).any()
        kinds |= {operation["kind"] for operation in layer.last_plan.operations}
    assert kinds == set(RANDOM)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_noise_is_normal_in_training_alone(dtype):
    layer = layers.GaussianNoise(2.0).build((1, 30, 31), dtype=dtype, seed=0)
    x = np.zeros((500, 1, 30, 31))
    assert (layer.forward(x) == 0).all()
    first, second = (
        layer.forward(x, training=True).astype(float).ravel() / 2,
        layer.forward(x, training=True).ravel() / 2,
    )
    n = first.size
    assert (first != second).mean() > 0.999
    for power, moment, spread in ((1, 0, 1), (2, 1, 2**0.5), (3, 0, 15**0.5), (4, 3, 96**0.5)):
        assert abs((first**power).mean() - moment) < 5 * spread / n**0.5
    for other in (second, np.roll(first, 1), np.roll(first, 2), np.roll(first, 31)):
        assert abs((first * other).mean()) < 5 / n**0.5
    assert 4.2 < abs(first).max() < 6.5


def test_random_shift_moves_images_in_training_alone():
    layer = layers.RandomShift(1).build((1, 5, 5))
    x = np.zeros((400, 1, 5, 5))
    x[:, :, 2, 2] = 1
    assert (layer.forward(x) == x).all()
    y = layer.forward(x, training=True)
    assert (y.sum(axis=(1, 2, 3)) == 1).all()
    places = {tuple(np.argwhere(image[0])[0]) for image in y}
    assert places == {(i, j) for i in (1, 2, 3) for j in (1, 2, 3)}
    back = layer.backward(y)
    assert (back == x).all()


def augmented(layer, shape, samples=400):
    """What a layer makes of images, and of their gradients, in training; outside training it leaves them alone."""
    layer.build(shape, dtype="float64", seed=0)
    x = np.random.default_rng(0).uniform(1, 2, (samples, *shape))
    assert (layer.forward(x) == x).all()
    assert (layer.backward(x) == x).all()
    return x, layer.forward(x, training=True), layer.backward(x)


def test_random_flips_are_as_many_each_way():
    for axes, layer in (((2, 3), layers.RandomFlip(vertical=True)), ((3,), layers.RandomFlip())):
        x, y, dx = augmented(layer, (2, 3, 4))
        ways = [np.flip(x, chosen) for chosen in ((), (2,), (3,), (2, 3)) if set(chosen) <= set(axes)]
        found = [(y == way).all(axis=(1, 2, 3)) for way in ways]
        assert (sum(found) == 1).all()
        assert all(abs(way.mean() - 1 / len(ways)) < 0.08 for way in found)
        assert (dx == y).all()  # which mirrors the gradient as the image


def test_random_rotations_turn_both_ways():
    """A pixel to the right of the middle goes up or down."""
    layer = layers.RandomRotation(90).build((1, 9, 9), dtype="float64", seed=0)
    x = np.zeros((2000, 1, 9, 9))
    x[:, 0, 4, 7] = 1
    y = layer.forward(x, training=True)[:, 0]
    rows, columns = np.arange(9) - 4.0, np.arange(9) - 4.0
    mass = y.sum(axis=(1, 2))
    angles = np.degrees(np.arctan2(-(y * rows[:, None]).sum(axis=(1, 2)) / mass, (y * columns).sum(axis=(1, 2)) / mass))
    assert (abs(np.quantile(angles, [0, 0.25, 0.5, 0.75, 1]) - [-90, -45, 0, 45, 90]) < 6).all()
    assert abs(mass.mean() - 1) < 0.05
    still = layers.RandomRotation(0).build((1, 9, 9), dtype="float64", seed=0)
    assert (still.forward(x, training=True) == x).all()


def test_random_erasing_covers_rectangles():
    x, y, dx = augmented(layers.RandomErasing(0.3, area=(0.1, 0.4), ratio=(0.5, 2)), (2, 20, 30), 3000)
    holes = (y == 0).all(axis=1)
    assert (y == np.where(holes[:, None], 0, x)).all()
    assert (dx == y).all()
    rows, columns = holes.any(axis=2).sum(axis=1), holes.any(axis=1).sum(axis=1)
    area = holes.sum(axis=(1, 2))
    assert (area == rows * columns).all()
    assert abs((area > 0).mean() - 0.3) < 0.04
    share, ratio = area[area > 0] / 600, (rows[area > 0] / columns[area > 0])
    assert 0.08 < share.min() < 0.12
    assert 0.35 < share.max() < 0.43
    assert share.mean() == pytest.approx(0.25, abs=0.02)
    assert 0.4 < ratio.min() < 0.6
    assert 1.7 < ratio.max() < 2.4
    assert np.median(ratio) == pytest.approx(1, abs=0.08)
    places = holes.mean(axis=0)
    assert places[9, 14] > 2 * places[0, 0] > 0  # the middle is covered more often than a corner, which is too
