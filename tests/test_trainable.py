"""Layers that training leaves as they are."""

import copy
import pickle
from itertools import pairwise

import numpy as np
import pytest
from conftest import close

import fastdl
from fastdl import Sequential, callbacks, layers, losses, optimizers
from fastdl.layers.container import walk
from fastdl.trees import Trees

TREES = Trees.parse("(x (x (x a) (x b)) (x (x c) (x d)))\n(x (x c) (x (x a) (x (x b) (x d))))\n" * 6)


def images(rng):
    made = [
        layers.Conv2D(4, 3, activation="relu"), layers.LayerNorm(), layers.MaxPool2D(2), layers.Conv2D(3, 2),
        layers.BatchNorm(), layers.Residual([layers.Conv2D(3, 3, padding=1, activation="tanh"), layers.BatchNorm()]),
        layers.Flatten(), layers.Dense(6, "tanh"), layers.Dense(3),
    ]  # fmt: skip
    return made, (2, 9, 8), rng.standard_normal((20, 2, 9, 8)), {}


def one_channel(rng):
    made = [layers.Conv2D(4, 3), layers.MaxPool2D(2), layers.Flatten(), layers.Dense(3)]
    return made, (1, 8, 8), rng.standard_normal((20, 1, 8, 8)), {}


def one_sample(rng):
    return [layers.Dense(6, "tanh"), layers.Dense(5), layers.Dense(3)], 4, rng.standard_normal((1, 4)), {}


def tokens(rng, samples=20):
    """So many that products of the embedding's rows are looked up."""
    made = [
        layers.Embedding(5, 4),
        layers.GRU(6, return_sequences=True),
        layers.Bidirectional(layers.LSTM(3)),
        layers.Dense(3),
    ]
    return made, (8,), rng.integers(0, 5, (samples, 8)), {"lengths": rng.integers(1, 9, samples)}


def few_tokens(rng):
    return tokens(rng, 3)


def trees(rng):
    made = [layers.Embedding(5, 4), layers.Dense(4, "tanh"), layers.Recursive(4), layers.Dense(3)]
    return made, (None,), rng.integers(0, 5, len(TREES.words)), {"trees": TREES}


@pytest.fixture(params=[images, one_channel, one_sample, tokens, few_tokens, trees], ids=lambda made: made.__name__)
def case(request, rng):
    made, shape, x, options = request.param(rng)
    net = Sequential(made, input_shape=shape, dtype="float64", seed=0)
    rows = net.forward(x, **options).shape
    return net, x, rng.integers(0, 3, rows[:-1]), options


def places(net, layer):
    """Where its parameters are in the flat vectors."""
    begin = (layer._flat[0].__array_interface__["data"][0] - net.parameters.__array_interface__["data"][0]) // 8
    return slice(begin, begin + layer.parameter_count)


def with_parameters(net):
    return [i for i, (_, layer) in enumerate(walk(net)) if layer.parameter_count]


def leaf(net, i):
    return list(walk(net))[i][1]


def train(net, x, y, optimizer, options, steps=3):
    for _ in range(steps):
        net.train_on_batch(x, y, optimizer=optimizer, **options)


def own_loop(net, x, y, optimizer, options, frozen=slice(0)):
    """The same with all gradients, of which some are made zeros before the step."""
    there = ... if "trees" in options else np.ones(y.shape, bool)
    for _ in range(3):
        outputs = net.forward(x, training=True, **options)
        dy = np.zeros_like(outputs)
        dy[there] = losses.cross_entropy_backward(outputs[there], y[there])
        net.backward(dy)
        net.gradients[frozen] = 0
        net.step(optimizer)


@pytest.mark.parametrize(
    "optimizer",
    [optimizers.SGD(0.3), optimizers.SGD(0.3, momentum=0.9, clip_norm=0.1), optimizers.Adam(0.05)],
    ids=repr,
)
def test_what_is_frozen_rests_and_the_others_learn_as_before(case, optimizer):
    net, x, y, options = case
    for i in with_parameters(net):
        own, frozen = copy.deepcopy(net), copy.deepcopy(net)
        leaf(frozen, i).trainable = False
        place = places(frozen, leaf(frozen, i))
        before = frozen.parameters[place].copy()
        frozen.gradients = np.full(frozen.gradients.size, 7.0)
        train(frozen, x, y, optimizer, options)
        assert (frozen.parameters[place] == before).all()
        assert (frozen.gradients[place] == 7).all()  # no time has been spent on them
        assert not frozen._training.moments[:, place].any()
        if isinstance(leaf(net, i), layers.BatchNorm):
            leaf(own, i).trainable = False
        own_loop(own, x, y, optimizer, options, place)
        close(frozen.parameters, own.parameters)
        assert (frozen.parameters != net.parameters).any()
        leaf(frozen, i).trainable = True
        train(frozen, x, y, optimizer, options, 1)
        assert (frozen.parameters[place] != before).any()


def test_backward_gives_all_gradients(case, rng):
    net, x, _, options = case
    y = net.forward(x, **options)
    dy = rng.standard_normal(y.shape)
    dx = net.backward(dy)
    for i in with_parameters(net):
        frozen = copy.deepcopy(net)
        leaf(frozen, i).trainable = False
        assert (frozen.forward(x, **options) == y).all()
        assert (frozen.backward(dy) == dx).all()
        assert (frozen.gradients == net.gradients).all()


def test_all_frozen(case):
    net, x, y, options = case
    before = net.parameters.copy()
    net.trainable = False
    net.fit(x, y, epochs=2, batch_size=5, optimizer=optimizers.SGD(0.1, clip_norm=1.0), verbose=0, **options)
    net.step(optimizers.AdamW(0.1))
    assert (net.parameters == before).all()
    net.trainable = True
    train(net, x, y, optimizers.SGD(0.1), options, 1)
    changed = net.parameters != before
    assert all(changed[places(net, leaf(net, i))].any() for i in with_parameters(net))


def batch_norm(**options):
    made = [layers.Dense(6), layers.BatchNorm(), layers.Dense(300, "tanh"), layers.BatchNorm(), layers.Dense(3)]
    return Sequential(made, input_shape=4, seed=0, **options)


def test_batch_normalization_takes_running_statistics(rng):
    net = batch_norm(dtype="float64")
    x, y = rng.standard_normal((30, 4)), rng.integers(0, 3, 30)
    train(net, x, y, optimizers.SGD(0.1), {})
    for index in (1, 3):
        net.layers[index].trainable = False
    before = {name: values.copy() for name, values in net.buffers.items()}
    expected = net.predict(x)
    outputs = net.forward(x, training=True)
    assert (outputs == expected).all()
    net.backward(losses.cross_entropy_backward(outputs, y))
    given = net.gradients.copy()
    net.forward(x)
    net.backward(losses.cross_entropy_backward(outputs, y))
    assert (given == net.gradients).all()
    train(net, x, y, optimizers.SGD(0.1), {})
    assert all((values == before[name]).all() for name, values in net.buffers.items())
    net.layers[3].trainable = True
    net.forward(x, training=True)
    assert [(values == before[name]).all() for name, values in net.buffers.items()] == [True, True, False, False]


@pytest.mark.parametrize("frozen", [[1], [3], [0, 1], [2, 3], [0, 1, 2, 3]], ids=repr)
def test_any_number_of_threads_to_the_bit(frozen, rng):
    x, y = rng.standard_normal((200, 4)), rng.integers(0, 3, 200)
    found = set()
    for threads in (1, 2, 5):
        fastdl.set_num_threads(threads)
        net = batch_norm()
        for index in frozen:
            net.layers[index].trainable = False
        net.fit(x, y, batch_size=90, epochs=3, optimizer=optimizers.Adam(0.01, clip_norm=0.5), verbose=0)
        found.add(net.parameters.tobytes())
    assert len(found) == 1


def nested():
    inner = layers.Bidirectional(layers.GRU(3, return_sequences=True))
    made = [layers.Residual([inner, layers.Dense(4)]), Sequential([layers.LSTM(3), layers.Dense(3)]), layers.Dense(2)]
    return Sequential(made, input_shape=(5, 4), dtype="float64", seed=0)


@pytest.mark.parametrize(
    "pick",
    [
        lambda net: net.layers[0], lambda net: net.layers[0].layers[0], lambda net: net.layers[0].layers[0].layer,
        lambda net: net.layers[1], lambda net: net.layers[1].layers[1], lambda net: net,
    ],
    ids=["residual", "bidirectional", "its layer", "sequential", "dense", "all"],
)  # fmt: skip
def test_layers_within_layers_saved_and_copied(pick, rng, tmp_path):
    net = nested()
    x, y = rng.standard_normal((6, 5, 4)), rng.integers(0, 2, 6)
    before = net.parameters.copy()
    pick(net).trainable = False
    net.save(tmp_path / "net.npz")
    train(net, x, y, optimizers.Adam(0.1), {})
    rests = net.parameters == before
    layer = pick(net) if hasattr(pick(net), "_flat") else net.layers[0].layers[0]
    place = places(net, layer)
    assert rests[place].all()
    assert rests.sum() == layer.parameter_count
    for other in (fastdl.load(tmp_path / "net.npz"), copy.copy(net), pickle.loads(pickle.dumps(net))):
        assert pick(other).trainable is False
        other.parameters = before
        train(other, x, y, optimizers.Adam(0.1), {})
        assert ((other.parameters == before) == rests).all()
        pick(other).trainable = True
        assert "trainable" not in str(other.get_config())
        train(other, x, y, optimizers.Adam(0.1), {}, 1)
        assert (other.parameters[place] != before[place]).any()


class FrozenAtFirst(layers.Dense):
    """Not trained until one says so."""

    def __init__(self, units):
        super().__init__(units)
        self.trainable = False


@pytest.mark.parametrize("trainable", [False, True])
def test_a_configuration_outweighs_a_constructor(trainable):
    layer = FrozenAtFirst(3)
    layer.trainable = trainable
    assert layers.from_config(layer.get_config()).trainable is trainable
    assert copy.deepcopy(Sequential([layer], input_shape=2)).layers[0].trainable is trainable


def test_before_it_is_built_and_alone(rng):
    layer = layers.Dense(3)
    layer.trainable = False
    assert layers.from_config(layer.get_config()).trainable is False
    assert pickle.loads(pickle.dumps(layer)).trainable is False
    net = Sequential([layer], input_shape=2)
    before = net.parameters.copy()
    net.train_on_batch(rng.standard_normal((4, 2)), [0, 1, 2, 0])
    assert (net.parameters == before).all()
    alone = layers.Dense(3).build(2)
    alone.trainable = False
    alone.forward(np.ones((2, 2)))
    alone.backward(np.ones((2, 3)))
    assert (alone.grads["bias"] == 2).all()


def test_it_holds_from_the_next_epoch_on(rng):
    net = Sequential([layers.Dense(3), layers.Dense(2)], input_shape=2, seed=0)
    net.layers[0].trainable = False
    seen = [net.params["0.weight"].copy()]

    class Thaw(callbacks.Callback):
        def on_epoch_end(self, net, epoch, logs):
            seen.append(net.params["0.weight"].copy())
            net.layers[0].trainable = epoch != 2

    net.fit(rng.standard_normal((9, 2)), [0, 1, 0] * 3, epochs=4, batch_size=2, callbacks=[Thaw()], verbose=0)
    assert [(a != b).any() for a, b in pairwise(seen)] == [False, True, False, True]


def test_what_is_refused(rng):
    net = nested()
    with pytest.raises(TypeError, match="trainable must be True or False; received 1"):
        net.layers[0].trainable = 1
    with pytest.raises(TypeError, match="trainable must be True or False; received 'no'"):
        layers.from_config({**layers.Dense(3).get_config(), "trainable": "no"})
    net.forward(rng.standard_normal((2, 5, 4)))
    net.layers[1].trainable = False
    with pytest.raises(RuntimeError, match="backward must follow forward"):
        net.backward(np.zeros((2, 2)))
