"""Networks drawn at random, of every layer over every kind of sample, beside the reference.

Each is used in several ways one after another: predict, forward and backward, steps of fit, evaluate, gradient_check.
It is drawn from its number, which a failure names: `check(17)` draws it again. FASTDL_RANDOM_NETWORKS says how many
there are.
"""

import os
from collections import Counter

import pytest
from random_networks.draw import Draw
from random_networks.rounding import Corner
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


def check(number):
    """Draw the network of this number, and use it."""
    draw = Draw(number)
    net = draw.network()
    fastdl.set_num_threads(draw.of(1, 2))
    done = []
    try:
        for name in draw.actions(net):
            done.append(name)
            getattr(Use(draw, net), name)()
    except Corner:
        pass
    except Exception as error:
        raise AssertionError(f"network {number}, {', '.join(done)}: {error}\n{net}") from error
