"""Networks asked for batches of one size: the same as `predict` gives, written where it is wanted."""

import copy
import pickle
import threading

import numpy as np
import pytest

import fastdl
from fastdl import Sequential, layers, models, optimizers


def dense(dtype="float32"):
    parts = [layers.Dense(8, "relu"), layers.Dense(3)]
    return Sequential(parts, input_shape=(5,), dtype=dtype, seed=0)


def images():
    parts = [layers.Conv2D(4, 3, activation="relu"), layers.MaxPool2D(2)]
    return Sequential(parts, input_shape=(2, 8, 8), seed=0)


def sequences(**settings):
    return Sequential([layers.LSTM(4, **settings), layers.Dense(3, "softmax")], input_shape=(6, 2), seed=0)


NETWORKS = {"dense": dense, "images": images, "sequences": sequences, "lenet5": lambda: models.lenet5(seed=0)}


@pytest.mark.parametrize("batch", [1, 3, 32, 100])
@pytest.mark.parametrize("name", NETWORKS)
def test_it_gives_what_predict_gives_on_any_number_of_threads(name, batch, rng):
    net = NETWORKS[name]()
    predict, x = net.predictor(batch), rng.standard_normal((batch, *net.input_shape), "float32")
    wanted = net.predict(x)
    for threads in (1, 2, 5):
        fastdl.set_num_threads(threads)
        given = predict(x)
        assert given.dtype == wanted.dtype
        assert given.shape == (batch, *net.output_shape)
        assert (given == wanted).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_whatever_predict_takes_is_made_ready(dtype, rng):
    net, x = dense(dtype), rng.integers(-3, 4, (4, 5))
    predict, wanted = net.predictor(4), net.predict(x)
    wide = np.zeros((4, 10), dtype)
    wide[:, ::2] = x
    unaligned = np.frombuffer(b"\0" + x.astype(dtype).tobytes(), np.uint8)[1:].view(dtype).reshape(4, 5)
    swapped = x.astype(np.dtype(dtype).newbyteorder())
    fortran = np.asfortranarray(x.astype(dtype))
    for given in (x, x.tolist(), x.astype("float32"), x.astype("float64"), wide[:, ::2], unaligned, swapped, fortran):
        assert (predict(given) == wanted).all()


def test_its_own_array_is_written_again_and_a_given_one_instead_of_it(rng):
    net, (x, other) = dense(), rng.standard_normal((2, 4, 5), "float32")
    predict, out = net.predictor(4), np.full((4, 3), np.nan, "float32")
    own = predict(x)
    assert (own == net.predict(x)).all()
    assert predict(other, out) is out
    assert (out == net.predict(other)).all()
    assert (own == net.predict(x)).all()
    assert predict(other) is own
    assert (own == out).all()
    assert predict(x, out=out) is out
    assert (own == net.predict(other)).all()


def test_after_training_it_gives_what_the_new_weights_give(rng):
    net, x, y = dense(), rng.standard_normal((32, 5), "float32"), rng.standard_normal((32, 3), "float32")
    predict = net.predictor(32)
    first = predict(x).copy()
    net.train_on_batch(x, y, loss="squared_error", optimizer=optimizers.Adam(0.1))
    assert (predict(x) == net.predict(x)).all()
    assert (predict(x) != first).any()
    net.layers[0].trainable = False
    net.fit(x, y, epochs=2, verbose=0)
    assert (predict(x) == net.predict(x)).all()
    net.parameters = np.zeros(net.parameters.size)
    assert not predict(x).any()


def test_a_pass_back_outlives_it(rng):
    net, x = dense(), rng.standard_normal((4, 5), "float32")
    predict = net.predictor(4)
    dy = np.ones_like(net.forward(x))
    wanted = net.backward(dy)
    net.forward(x)
    predict(x)
    assert (net.backward(dy) == wanted).all()


def test_stateful_layers_go_on(rng):
    net, (x, other) = sequences(stateful=True), rng.standard_normal((2, 3, 6, 2), "float32")
    wanted = [net.predict(x), net.predict(other)]
    net.reset_state()
    predict = net.predictor(3)
    for batch, outputs in zip((x, other), wanted, strict=True):
        assert (predict(batch) == outputs).all()
    net.predict(x[:3])
    net.reset_state()
    assert (predict(x) == wanted[0]).all()


def test_tokens_are_looked_at():
    net = Sequential([layers.Embedding(7, 3), layers.LSTM(4)], input_shape=(5,), seed=0)
    predict, x = net.predictor(2), np.arange(10, dtype="float32").reshape(2, 5) % 7
    assert (predict(x) == net.predict(x)).all()
    x[1, 2] = 7
    with pytest.raises(ValueError, match="x must hold token ids from 0 to 6; received 0 to 7"):
        predict(x)
    x[1, 2] = 0.5
    with pytest.raises(ValueError, match="x must hold token ids, integers"):
        predict(x)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((3, 5), "float32"), "x must have the 4 samples of the predictor; received 3"),
        (np.zeros((4, 6), "float32"), r"x must have shape \(N, 5\); received \(4, 6\)"),
        (np.zeros(5, "float32"), r"x must have shape \(N, 5\); received \(5,\)"),
        (np.zeros((0, 5), "float32"), "x must not be empty"),
        (np.full((4, 5), np.nan, "float32"), "x must be finite in float32; received NaN or infinity"),
        (np.full((4, 5), 1e300), "x must be finite in float32; received NaN or infinity"),
    ],
)
def test_bad_batches(x, message):
    predict = dense().predictor(4)
    before = predict(np.ones((4, 5), "float32")).copy()
    with pytest.raises(ValueError, match=message):
        predict(x)
    assert (predict(np.ones((4, 5), "float32")) == before).all()


def test_batches_that_are_no_numbers():
    with pytest.raises(TypeError, match="x must be an array of real numbers"):
        dense().predictor(4)("a")


@pytest.mark.parametrize(
    ("out", "came"),
    [
        (np.zeros((4, 3)), "float64"),
        (np.zeros((4, 4), "float32"), r"\(4, 4\)"),
        (np.zeros((3, 4), "float32").T, "strides"),
        ([[0.0] * 3] * 4, "list"),
        (np.broadcast_to(np.float32(0), (4, 3)), "float32"),
        (np.frombuffer(bytes(48), "float32").reshape(4, 3), "float32"),
    ],
)
def test_outputs_that_cannot_be_written(out, came):
    with pytest.raises(
        ValueError, match=rf"out must be a contiguous array of float32 of shape \(4, 3\).*received.*{came}"
    ):
        dense().predictor(4)(np.zeros((4, 5), "float32"), out)


def test_outputs_over_inputs():
    memory = np.ones(40, "float32")
    x, predict = memory[:20].reshape(4, 5), dense().predictor(4)
    with pytest.raises(ValueError, match="out must not overlap x"):
        predict(x, memory[19:31].reshape(4, 3))
    beside = memory[20:32].reshape(4, 3)
    assert predict(x, beside) is beside
    assert (memory[:20] == 1).all()


def test_networks_whose_samples_differ():
    message = r"one shape.*sequences of any length, \(None, 2\): give its parameters to one of input_shape=\(1, 2\)"
    with pytest.raises(ValueError, match=message):
        Sequential([layers.LSTM(4)], input_shape=(None, 2)).predictor(1)
    with pytest.raises(ValueError, match=r"samples must be of one shape.*trees$"):
        Sequential([layers.Recursive(4)], input_shape=(None, 4)).predictor(1)
    with pytest.raises(RuntimeError, match="must be built"):
        Sequential([layers.Dense(4)]).predictor(1)
    for size, error in ((0, ValueError), (-1, ValueError), (1.0, TypeError), (True, TypeError)):
        with pytest.raises(error, match="batch_size must be"):
            dense().predictor(size)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
def test_it_is_not_copied(copied):
    with pytest.raises(TypeError, match="a predictor cannot be copied or pickled"):
        copied(dense().predictor(1))


def test_it_holds_its_network_and_several_threads_call_it(rng):
    predict, batches = dense().predictor(4), rng.standard_normal((8, 4, 5), "float32")
    wanted = [predict(x).copy() for x in batches]
    found = np.zeros((8, 4, 3), "float32")

    def call(k):
        for _ in range(200):
            predict(batches[k], found[k])

    threads = [threading.Thread(target=call, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (found == wanted).all()
