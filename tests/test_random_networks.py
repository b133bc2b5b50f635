"""Networks drawn at random, of every layer over every kind of sample, beside the reference.

Each is used in several ways one after another: predict, forward and backward, steps of fit, evaluate, gradient_check.
It is drawn from its number, which a failure names: `check(17)` draws it again. FASTDL_RANDOM_NETWORKS says how many
there are.
"""

import os
from collections import Counter
from contextlib import suppress

import numpy as np
import pytest
from random_networks.draw import Draw
from random_networks.rounding import Corner, Off, shaken
from random_networks.specified import FORMS
from random_networks.use import Use

import fastdl
from fastdl import layers
from fastdl.layers.configuration import classes_of

NUMBERS = int(os.environ.get("FASTDL_RANDOM_NETWORKS", "1000"))
BLOCK = 50


@pytest.mark.filterwarnings("ignore:a BatchNorm gives its bias for a batch of one sample")  # as the reference does
@pytest.mark.filterwarnings("ignore:input_shape .* channels come first")  # of which some are drawn that look otherwise
@pytest.mark.parametrize("first", range(0, NUMBERS, BLOCK))
def test_against_the_reference(first):
    for number in range(first, min(first + BLOCK, NUMBERS)):
        check(number)


@pytest.mark.filterwarnings("ignore:input_shape .* channels come first")
def test_every_layer_is_drawn():
    """In enough networks, and has a form in the reference."""
    drawn = Counter(kind for number in range(1000) for kind in set(classes_of(Draw(number).network())))
    every = {kind for kind in vars(layers).values() if isinstance(kind, type) and issubclass(kind, layers.Layer)}
    assert set(drawn) == set(FORMS) == (every | {fastdl.Sequential}) - {layers.Layer, layers.Container}
    assert min(drawn.values()) >= 20


def test_faults_are_found(monkeypatch):
    off_by_a_thousandth(monkeypatch)
    assert sum(map(is_found, range(20))) > 10  # in others the first thing compared is at a corner


def test_rounding_that_grows(monkeypatch):
    """What is off by a thousandth is no fault if rounding of what is given moves the reference farther."""
    off_by_a_thousandth(monkeypatch)
    monkeypatch.setattr("random_networks.use.shaken", lambda values, _, rng: shaken(values, 0.1, rng))
    assert sum(map(is_found, range(20))) < 6


def off_by_a_thousandth(monkeypatch):
    expected = Use.expected
    monkeypatch.setattr(Use, "expected", lambda *args, **options: 1.001 * expected(*args, **options))


def is_found(number):
    try:
        check(number)
    except AssertionError as error:
        return f"network {number}, " in str(error) and " is off by" in str(error)
    return False


def check(number):
    """Draw the network of this number, and use it.

    A difference is no fault if the reference itself differs a quarter as much when each number that it is given changes
    as by one rounding.
    """
    draw, done = Draw(number), []
    net = draw.network()
    try:
        use(draw, net, done)
    except Corner:
        pass
    except Exception as error:
        if isinstance(error, Off) and error.error <= 4 * reach_of_rounding(number, len(done), draw.expected):
            return
        raise AssertionError(f"network {number}, {', '.join(done)}: {error}\n{net}") from error


def use(draw, net, done, most=None):
    """Use a network in the ways that are drawn for it, or in the first few of them, and list these."""
    fastdl.set_num_threads(draw.of(1, 2))
    for name in draw.actions(net)[:most]:
        done.append(name)
        getattr(Use(draw, net), name)()


def reach_of_rounding(number, uses, expected):
    """Return how far rounding of what it is given moves the last of these results of the reference, in three tries."""
    found = []
    for seed in range(3):
        draw = Draw(number, shaking=np.random.default_rng(seed))
        with suppress(Corner):
            use(draw, draw.network(), [], uses)
        if len(draw.expected) < len(expected):  # rounding decides what comes before it
            return np.inf
        found.append(np.abs(draw.expected[len(expected) - 1] - expected[-1]).max(initial=0))
    return max(found)
