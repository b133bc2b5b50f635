"""Samples that are not copied whole: bytes, which the core reads, and arrays mapped from files, as their turn comes."""

import numpy as np
import pytest
from conftest import assert_same, close

import fastdl
from fastdl import Sequential, layers, losses, optimizers
from fastdl.samples import as_batch

IMAGES = (2, 9, 7)


def network(shape=IMAGES, dtype="float32"):
    many = [
        layers.Conv2D(4, 3, padding=1, activation="relu"),
        layers.MaxPool2D(2),
        layers.Flatten(),
        layers.Dropout(0.3),
    ]
    return Sequential([*(many if len(shape) == 3 else ()), layers.Dense(3)], input_shape=shape, seed=0, dtype=dtype)


def everything(net, x, y, **options):
    """What a training leaves, and what there is to ask afterwards."""
    history = net.fit(
        x, y, epochs=2, batch_size=8, validation_split=0.2, optimizer=optimizers.SGD(1e-3), verbose=0, **options
    )
    measured = net.evaluate(x, y, **options)
    return net.parameters.copy(), net.predict(x, **options), [*measured.values(), *history.history["val_loss"]]


def mapped(tmp_path, array, name="x"):
    """The same numbers in a file, mapped."""
    there = np.memmap(tmp_path / name, array.dtype, "w+", shape=array.shape)
    there[...] = array
    there.flush()
    return np.memmap(tmp_path / name, array.dtype, "r", shape=array.shape)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [IMAGES, (1, 9, 7), (13,), (37,)])
def test_bytes_are_whole_numbers(shape, dtype, threads, rng):
    fastdl.set_num_threads(threads)
    x, y = rng.integers(0, 256, (50, *shape), np.uint8), rng.integers(0, 3, 50)
    assert_same(everything(network(shape, dtype), x, y), everything(network(shape, dtype), x.astype(dtype), y))


@pytest.mark.parametrize("kind", ["float32", "float64", "float16", "uint8", "int16", ">f4"])
def test_mapped_from_a_file(kind, tmp_path, rng):
    x, y = rng.integers(0, 256, (50, *IMAGES)).astype(kind), rng.integers(0, 3, 50)
    assert_same(everything(network(), mapped(tmp_path, x), y), everything(network(), x.astype("float32"), y))


@pytest.mark.parametrize(
    "part",
    [lambda x: x[::2], lambda x: x[:, ::-1], lambda x: x.transpose(0, 1, 3, 2)],
    ids=["rows", "channels", "axes"],
)
@pytest.mark.parametrize("kind", ["float32", "uint8"])
def test_some_of_what_is_mapped(kind, part, tmp_path, rng):
    x = rng.integers(0, 256, (50, *IMAGES)).astype(kind)
    shape = part(x).shape[1:]
    y = rng.integers(0, 3, len(part(x)))
    assert_same(
        everything(network(shape), part(mapped(tmp_path, x)), y),
        everything(network(shape), part(x).astype("float32"), y),
    )


def test_sequences_and_weights(tmp_path, rng):
    def make():
        recurrent = layers.GRU(5, return_sequences=True)
        return Sequential([recurrent, layers.Dropout(0.2), layers.Dense(3)], input_shape=(None, 4), seed=0)

    x, y = rng.standard_normal((50, 6, 4)), rng.integers(0, 3, (50, 6))
    lengths = rng.integers(1, 7, 50)
    given = mapped(tmp_path, x)
    found = []
    for samples in (given, x.astype("float32")):
        net = make()
        net.fit(samples, y, lengths=lengths, sample_weight=np.arange(50.0) + 1, batch_size=8, verbose=0)
        found.append((net.parameters, net.predict(samples, lengths=lengths)))
    assert_same(*found)


def test_tokens(tmp_path, rng):
    tokens, y = rng.integers(0, 9, (50, 6)), rng.integers(0, 3, 50)
    make = lambda: Sequential([layers.Embedding(9, 4), layers.LSTM(5), layers.Dense(3)], input_shape=(6,), seed=0)  # noqa: E731
    expected = everything(make(), tokens, y)
    for given in (tokens.astype(np.uint8), mapped(tmp_path, tokens)):
        assert_same(everything(make(), given, y), expected)
    tokens[40, 2] = 9
    for given in (tokens.astype(np.uint8), mapped(tmp_path, tokens)):
        with pytest.raises(ValueError, match="x must hold token ids from 0 to 8; received"):
            make().fit(given, y, verbose=0)


def test_a_loss_of_somebodys(tmp_path, rng):
    def loss(outputs, targets):
        return losses.CrossEntropy()(outputs, targets)

    x, y = rng.integers(0, 256, (50, *IMAGES), np.uint8), rng.integers(0, 3, 50)
    found = []
    for given in (x, mapped(tmp_path, x.astype(float)), x.astype("float32")):
        net = network()
        net.fit(given, y, loss=loss, batch_size=8, optimizer=optimizers.SGD(1e-3), verbose=0)
        found.append([net.parameters])
    assert_same(found[0], found[2])
    assert_same(found[1], found[2])


def test_what_is_copied(tmp_path, rng):
    net, x = network(), rng.integers(0, 256, (50, *IMAGES), np.uint8)
    for given in (
        x,
        mapped(tmp_path, x),
        mapped(tmp_path, x.astype("float32"), "y"),
        mapped(tmp_path, x.astype(float), "z"),
    ):
        batch = as_batch(net, given, may_wait=True)
        assert np.shares_memory(batch.x, given)
        assert np.shares_memory(batch.part(3, 9).x, given)
        assert np.shares_memory(batch.given(), given) == (given.dtype != float)
    assert as_batch(net, x).x.dtype == np.float32
    close(net.forward(x), net.predict(x), "float32")
    close(net.predictor(50)(x), net.predict(x), "float32")


def test_it_must_be_finite_and_of_the_shape(tmp_path, rng):
    x, y = rng.standard_normal((50, *IMAGES)), rng.integers(0, 3, 50)
    x[49, 1, 8, 6] = np.nan
    with pytest.raises(ValueError, match="x must be finite in float32"):
        network().fit(mapped(tmp_path, x), y)
    x[49, 1, 8, 6] = 1e39
    with pytest.raises(ValueError, match="x must be finite in float32"):
        network().predict(mapped(tmp_path, x))
    for given in (np.zeros((50, 2, 9, 8), np.uint8), np.zeros((0, *IMAGES), np.uint8)):
        with pytest.raises(ValueError, match=r"x must (have shape \(N, 2, 9, 7\)|not be empty); received"):
            network().fit(given, y)
