"""Threads of one network, and of several at once: the numbers of one thread, to the bit.

``.ci/sanitize thread`` runs this file under ThreadSanitizer: it holds every kind of work that threads share.
"""

import threading
import time

import numpy as np
import pytest
from conftest import assert_same
from test_recursive import forest

import fastdl
from fastdl import Sequential, layers, models, optimizers
from fastdl._processors import usable_processors
from fastdl.datasets import Vocabulary
from fastdl.trees.parsing import fit_parser, parse


def back(net, x, dy, **options):
    return [net.predict(x, **options), net.forward(x, **options), net.backward(dy), net.gradients]


def lenet5(rng):
    x, y = rng.standard_normal((150, 1, 28, 28)), rng.integers(0, 10, 150)
    net = models.lenet5(seed=0, shift=1)
    net.fit(x, y, batch_size=70, verbose=0)
    return [net.parameters, *back(net, x[:40], np.ones((40, 10)))]


def odd_images(rng):
    """Sizes that fill no vector, colours and averages: the kernels of any image."""
    x, y = rng.standard_normal((90, 3, 13, 11)), rng.integers(0, 3, 90)
    net = Sequential(
        [layers.Conv2D(5, 3, padding=1, activation="relu"), layers.MeanPool2D(2), layers.Conv2D(7, 2),
         layers.MaxPool2D(2, stride=1), layers.Flatten(), layers.Dropout(0.2), layers.Dense(33, "tanh"),
         layers.Dense(3)],
        input_shape=(3, 13, 11), dtype="float64", seed=0,
    )  # fmt: skip
    net.fit(x, y, batch_size=40, verbose=0, optimizer=optimizers.Adam(0.01))
    return [net.parameters, *back(net, x, np.ones((90, 3)))]


def mlp(rng):
    x, y = rng.standard_normal((300, 83)), rng.integers(0, 5, 300)
    net = models.mlp((83, 301, 47, 5), activation="relu", output="identity", seed=0)
    net.fit(x, y, batch_size=130, verbose=0, optimizer=optimizers.AdamW(0.01, clip_norm=1.0))
    net.fit(x[:9], y[:9], batch_size=1, verbose=0, optimizer=optimizers.SGD(0.1))
    return [net.parameters, *back(net, x, np.ones((300, 5)))]


def sequences(rng, samples, cell):
    """A few sequences are a team's: all threads take them together. Many are groups."""
    x, y = rng.standard_normal((samples, 9, 13)), rng.integers(0, 3, (samples, 9))
    lengths = rng.integers(1, 10, samples)
    net = Sequential(
        [
            layers.Bidirectional(cell(101, return_sequences=True), "sum"),
            cell(99, return_sequences=True),
            layers.Dense(3),
        ],
        input_shape=(9, 13),
        seed=0,
    )
    net.fit(x, y, batch_size=samples, epochs=2, verbose=0, optimizer=optimizers.SGD(0.1))
    net.fit(x, y, batch_size=samples, epochs=2, lengths=lengths, verbose=0, optimizer=optimizers.SGD(0.1))
    return [net.parameters, *back(net, x, rng.standard_normal((samples, 9, 3)), lengths=lengths)]


def online(rng):
    """A sequence at a time, a team's, and plain descent, which writes no gradient of a dense layer down."""
    x, y = rng.standard_normal((9, 7, 13)), rng.integers(0, 3, 9)
    net = Sequential(
        [layers.GRU(101, reset_after=False), layers.Dense(171, "tanh"), layers.Dense(3)], input_shape=(7, 13), seed=0
    )
    net.fit(x, y, batch_size=1, verbose=0, optimizer=optimizers.SGD(0.1))
    return [net.parameters, net.predict(x)]


def language(rng, samples):
    """The embedding has few rows: their products are looked up."""
    x, y = rng.integers(11, size=(2, samples, 30))
    net = models.language_model(11, units=101, layers=2, seed=0)
    net.fit(x, y, epochs=2, batch_size=samples, shuffle=False, verbose=0, optimizer=optimizers.SGD(0.1, clip_norm=0.5))
    return [net.parameters, net.predict(x)]


def words(rng):
    """The embedding has too many rows for that."""
    x, y = rng.integers(300, size=(40, 8)), rng.integers(0, 3, 40)
    net = Sequential([layers.Embedding(300, 19), layers.GRU(33), layers.Dense(3)], input_shape=(None,), seed=0)
    net.fit(x, y, batch_size=40, epochs=2, verbose=0, optimizer=optimizers.SGD(0.1))
    return [net.parameters, net.predict(x)]


def trees(rng, composition):
    data = forest(rng, [12, 0, 40, 7, 3] * 20)
    ids, labels = rng.integers(0, 50, len(data.words)), rng.integers(-1, 3, len(data.words))
    net = models.tree_classifier(50, 3, composition=composition, units=19, seed=0)
    net.fit(ids, labels, trees=data, batch_size=45, verbose=0, optimizer=optimizers.Adam(0.01, clip_norm=1.0))
    return [net.parameters, *back(net, ids, rng.standard_normal((len(ids), 3)), trees=data)]


def parser(rng):
    data, vocabulary = forest(rng, [12, 9, 8, 7, 3] * 6), Vocabulary(["?", "a"])
    net = models.tree_parser(2, units=19, seed=0)
    fit_parser(net, vocabulary, data, optimizer=optimizers.Adam(0.01), beam=3)
    return [net.parameters, parse(net, vocabulary, data.sentences(), beam=2).parents]


def normalized_images(rng):
    """Steps of several stages, with branches across them."""
    x, y = rng.standard_normal((200, 3, 9, 11)), rng.integers(0, 3, 200)
    branch = [layers.BatchNorm(), layers.Conv2D(5, 3, padding=1, activation="gelu")]
    net = Sequential(
        [layers.Parallel([branch, [], [layers.LayerNorm()]]), layers.MaxPool2D(2),
         layers.Residual([layers.Conv2D(11, 1), layers.BatchNorm(), layers.Dropout(0.2)]), layers.Flatten(),
         layers.Dense(3)],
        input_shape=(3, 9, 11), seed=0,
    )  # fmt: skip
    net.fit(x, y, batch_size=90, epochs=2, verbose=0, optimizer=optimizers.Adam(0.01, clip_norm=1.0))
    y = net.forward(x, training=True)
    return [net.parameters, y, net.backward(np.ones_like(y)), net.gradients, net.predict(x)]


def normalized_sequences(rng, samples):
    """Teams, or groups, that meet between stages too."""
    x, y = rng.standard_normal((3 * samples, 9, 13)), rng.integers(0, 3, 3 * samples)
    lengths = rng.integers(1, 10, 3 * samples)
    last = [[layers.GRU(100)], [layers.BatchNorm(), layers.Bidirectional(layers.RNN(96))]]
    net = Sequential(
        [
            layers.BatchNorm(),
            layers.LSTM(101, return_sequences=True),
            layers.Residual([layers.BatchNorm(), layers.GRU(101, return_sequences=True), layers.LayerNorm()]),
            layers.Parallel(last),
            layers.Dense(3),
        ],
        input_shape=(9, 13),
        seed=0,
    )
    net.fit(x, y, batch_size=samples, epochs=2, verbose=0, lengths=lengths, optimizer=optimizers.SGD(0.1))
    y = net.forward(x, training=True, lengths=lengths)
    return [net.parameters, y, net.backward(np.ones_like(y)), net.gradients]


def few(rng, inner, shape, lengths=False, tokens=False):
    """Fewer samples than threads: a team shares what is much work for one, forward and back."""
    net = Sequential(inner, input_shape=shape, seed=0)
    x = rng.integers(0, 11, (3, *shape)) if tokens else rng.standard_normal((3, *shape)).astype("float32")
    lengths = [shape[0], 1, shape[0] // 2] if lengths else None
    found = [net.predict(x[:n], lengths=lengths[:n] if lengths else None) for n in (1, 2, 3)]
    y, how = rng.standard_normal((3, *net.output_shape)).astype("float32"), optimizers.SGD(1e-4)
    net.fit(x, y, batch_size=2, loss="squared_error", verbose=0, optimizer=how, lengths=lengths)
    return [*found, net.parameters, *back(net, x[:1], y[:1], lengths=lengths and lengths[:1])]


def few_images(rng):
    """Tiles, rows, sliding and single pixels, strides and dilation; channels by themselves; a plane."""
    return few(
        rng,
        [layers.Conv2D(16, 3, padding=1, activation="relu"), layers.Conv2D(32, 3), layers.BatchNorm(),
         layers.Residual([layers.Conv2D(32, 5, padding=2, activation="gelu"), layers.Conv2D(32, 1)]),
         layers.Conv2D(8, 3, padding=1), layers.Conv2D(64, 3, dilation=2), layers.Conv2D(64, 5, padding=2, groups=64),
         layers.Conv2D(96, 3, stride=2), layers.Conv2D(96, 1, stride=2), layers.GlobalMeanPool(), layers.Dense(3)],
        (1, 41, 37),
    )  # fmt: skip


def few_series(rng):
    inner = [layers.Conv1D(32, 7, stride=2), layers.Conv1D(64, 5, stride=2), layers.Conv1D(64, 3, dilation=3)]
    return few(rng, [*inner, layers.Conv1D(40, 2), layers.GlobalMaxPool(), layers.Dense(3)], (1003, 5))


def few_texts(rng, lengths):
    """Products share columns, attention shares heads; sums and normalizations share steps."""
    block = [layers.LayerNorm(), layers.SelfAttention(3, causal=not lengths)]
    inner = [
        layers.Embedding(11, 96),
        layers.Residual(block),
        layers.Residual([layers.Dense(352, "gelu"), layers.Dense(96)]),
    ]
    return few(rng, [*inner, layers.Dense(80, "softmax"), layers.Dense(63)], (141,), lengths, True)


def few_vectors(rng):
    """Dense layers, which take all vectors at once, or one by one, and plain descent."""
    inner = [layers.Dense(1333, "relu"), layers.Dense(901, "softmax"), layers.Dense(1037, "tanh"), layers.Dense(13)]
    net = Sequential(inner, input_shape=(751,), seed=0)
    x, y = rng.standard_normal((11, 751)).astype("float32"), rng.standard_normal((11, 13)).astype("float32")
    net.fit(x, y, batch_size=8, loss="squared_error", verbose=0, optimizer=optimizers.Adam(1e-3))
    net.fit(x[:2], y[:2], batch_size=1, loss="squared_error", verbose=0, optimizer=optimizers.SGD(1e-3, momentum=0.0))
    found = [net.predict(x[:n]) for n in (1, 3, 11)]
    return [net.parameters, *found, *back(net, x[:3], y[:3]), *back(net, x, y)]


def few_sentences(rng):
    """A team of a recurrent layer's own, which shares what comes after it too, in training as well."""
    x, y = rng.standard_normal((3, 99, 13)), rng.standard_normal((3, 99, 160))
    inner = [layers.GRU(101, return_sequences=True), layers.Conv1D(64, 3, padding=1), layers.Dense(352, "tanh")]
    net = Sequential([*inner, layers.SelfAttention(4), layers.Dense(160)], input_shape=(99, 13), seed=0)
    net.fit(x, y, batch_size=2, loss="squared_error", verbose=0, optimizer=optimizers.SGD(1e-4))
    return [net.parameters, *back(net, x, np.ones_like(y))]


WORK = {
    "lenet5": lenet5,
    "odd images": odd_images,
    "mlp": mlp,
    "team of rnn": lambda rng: sequences(rng, 1, layers.RNN),
    "team of lstm": lambda rng: sequences(rng, 2, layers.LSTM),
    "team of gru": lambda rng: sequences(rng, 3, layers.GRU),
    "groups of rnn": lambda rng: sequences(rng, 21, layers.RNN),
    "groups of lstm": lambda rng: sequences(rng, 21, layers.LSTM),
    "groups of gru": lambda rng: sequences(rng, 21, layers.GRU),
    "online": online,
    "language model": lambda rng: language(rng, 24),
    "team of a language model": lambda rng: language(rng, 2),
    "words": words,
    "matrix trees": lambda rng: trees(rng, "matrix"),
    "tensor trees": lambda rng: trees(rng, "tensor"),
    "tree lstm": lambda rng: trees(rng, "lstm"),
    "parser": parser,
    "normalized images": normalized_images,
    "normalized sequences": lambda rng: normalized_sequences(rng, 40),
    "normalized sequences of a team": lambda rng: normalized_sequences(rng, 2),
    "few images": few_images,
    "few vectors": few_vectors,
    "few series": few_series,
    "few texts": lambda rng: few_texts(rng, False),
    "few texts of different lengths": lambda rng: few_texts(rng, True),
    "few sentences": few_sentences,
}


def results(name, threads):
    fastdl.set_num_threads(threads)
    return [np.array(a) for a in WORK[name](np.random.default_rng(0))]


@pytest.mark.parametrize("name", WORK)
def test_one_caller(name):
    assert_same(results(name, 1), results(name, 3))


@pytest.mark.parametrize("name", ["few images", "few vectors", "few series", "few texts", "few sentences"])
@pytest.mark.parametrize("threads", [2, 5, 8])
def test_shares_of_any_size(name, threads):
    assert_same(results(name, 1), results(name, threads))


def predict_image():
    inner = [layers.Conv2D(64, 3, padding=1), layers.Conv2D(64, 3, padding=1)]
    net, x = Sequential(inner, input_shape=(32, 64, 64), seed=0), np.ones((1, 32, 64, 64), "float32")
    return lambda: net.predict(x)


def train_on_sequence():
    inner = [layers.Dense(1024, "relu"), layers.Dense(1024, "relu"), layers.Dense(256)]
    net, x = Sequential(inner, input_shape=(512, 256), seed=0), np.ones((1, 512, 256), "float32")
    return lambda: net.train_on_batch(x, x, loss="squared_error", optimizer=optimizers.SGD(1e-6))


@pytest.mark.skipif(usable_processors() < 2, reason="there is one processor")
@pytest.mark.parametrize("make", [predict_image, train_on_sequence])
def test_few_samples_have_all_threads(make):
    work = make()
    fastdl.set_num_threads(2)
    until = time.monotonic() + 60  # on a busy machine the pool leaves the caller alone for some time
    alone, together = 1.0, 0.0  # the caller's seconds, and those of all threads
    while together < 1.4 * alone:
        assert time.monotonic() < until
        alone, together = time.thread_time(), time.process_time()
        for _ in range(20):
            work()
        alone, together = time.thread_time() - alone, time.process_time() - together


@pytest.mark.parametrize(("forward", "backward"), [(1, 3), (3, 1), (2, 3)])
@pytest.mark.parametrize("training", [False, True])
def test_other_threads_on_the_way_back(forward, backward, training, rng):
    x, dy = rng.standard_normal((400, 83)), rng.standard_normal((400, 5))
    found = []
    for threads in ((1, 1), (forward, backward)):
        inner = [layers.Dense(301, "tanh"), layers.BatchNorm(), layers.Dense(47), layers.LayerNorm(), layers.Dense(5)]
        net = Sequential(inner, input_shape=83, seed=0)
        fastdl.set_num_threads(threads[0])
        net.forward(x, training=training)
        fastdl.set_num_threads(threads[1])
        found.append([net.backward(dy), net.gradients])
    assert_same(*found)


@pytest.mark.parametrize("samples", [64, 200, 256, 257])
def test_predictions_with_and_without_copies_of_weights(samples, rng):
    net = Sequential([layers.Dense(390, "relu"), layers.Dense(33)], input_shape=500, seed=0)
    x = rng.standard_normal((samples, 500)).astype("float32")
    found = []
    for threads in (1, 2):
        fastdl.set_num_threads(threads)
        found.append([net.predict(x), net.forward(x)])
    assert_same(*found)
    assert_same(*zip(*found, strict=True))


def test_several_callers():
    """Each has a network of its own; who finds the pool taken works alone."""
    names = ["lenet5", "team of lstm", "language model", "tree lstm"]
    wanted = {name: results(name, 1) for name in names}
    found = {}

    def call(name):
        found[name] = results(name, 3)

    callers = [threading.Thread(target=call, args=[name]) for name in names]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    for name in names:
        assert_same(wanted[name], found[name])


def test_a_cell_of_few_steps_before_large_layers_has_no_team():
    """It lays no weights out, and each member would add to its states."""
    x, given = np.ones((1, 3, 8), "float32"), []
    for threads in (1, 2):
        fastdl.set_num_threads(threads)
        net = Sequential([layers.LSTM(16), layers.Dense(2048), layers.Dense(2048)], input_shape=(3, 8), seed=0)
        given.append((net.predict(x), net.forward(x, training=True), net.backward(np.ones((1, 2048), "float32"))))
    assert_same(*given)


@pytest.mark.parametrize(("inputs", "units", "samples"), [(9000, (64,), 64), (64, (8300,), 8), (16, (280, 8300), 8)])
def test_sums_of_many_inputs_are_the_same(inputs, units, samples, rng):
    x, y = (rng.standard_normal((samples, n)).astype("float32") for n in (inputs, units[-1]))
    given = []
    for threads in (1, 2, 3):
        fastdl.set_num_threads(threads)
        net = Sequential([layers.Dense(n) for n in units], input_shape=(inputs,), seed=0)
        given.append([net.predict(x), net.forward(x), net.backward(y)])
        net.fit(x, y, batch_size=samples, loss="squared_error", optimizer=optimizers.SGD(0.01), verbose=0)
        given[-1].append(net.parameters.copy())
    for others in given[1:]:
        assert_same(others, given[0])
