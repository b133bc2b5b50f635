"""Many threads at once, as docs/threads.md has them, with the interpreter's lock and, where it has none, without."""

import sysconfig
import threading
from itertools import pairwise

import numpy as np
import pytest
from conftest import assert_same
from test_portability import run
from test_recursive import forest
from test_turns import small, together, trained_meanwhile

import fastdl
from fastdl import Sequential, _core, functional, layers, losses, models, optimizers

HAS_LOCK = not sysconfig.get_config_var("Py_GIL_DISABLED")


def at_once(*works):
    """Let works begin at the same moment, each on a thread, and give what they give."""
    barrier = threading.Barrier(len(works))

    def begin(work):
        barrier.wait(60)
        return work()

    return together(*[lambda work=work: begin(work) for work in works])


def images(seed, rng):
    inner = [layers.Conv2D(5, 3, activation="relu"), layers.BatchNorm(), layers.MaxPool2D(2), layers.Flatten()]
    net = Sequential([*inner, layers.Dropout(0.3), layers.Dense(3)], input_shape=(2, 9, 9), seed=seed)
    return net, rng.standard_normal((60, 2, 9, 9)), {"y": rng.integers(0, 3, 60)}


def vectors(seed, rng):
    inner = [layers.Dense(70, "tanh"), layers.Residual([layers.LayerNorm(), layers.Dense(70, "gelu")])]
    net = Sequential([*inner, layers.Dense(2)], input_shape=30, dtype="float64", seed=seed)
    return net, rng.standard_normal((200, 30)), {"y": rng.standard_normal((200, 2)), "loss": "huber"}


def own_loss(seed, rng):
    net = Sequential([layers.Dense(40, "relu"), layers.Dense(2)], input_shape=30, seed=seed)
    square = losses.SquaredError()
    y = rng.standard_normal((100, 2))
    return net, rng.standard_normal((100, 30)), {"y": y, "loss": lambda outputs, targets: square(outputs, targets)}


def sequences(seed, rng):
    net = Sequential([layers.LSTM(40, return_sequences=True), layers.GRU(9), layers.Dense(3)], input_shape=(None, 4),
                     seed=seed)  # fmt: skip
    return net, rng.standard_normal((40, 7, 4)), {"y": rng.integers(0, 3, 40), "lengths": rng.integers(1, 8, 40)}


def words(seed, rng):
    net = models.transformer(11, 8, units=16, layers=1, heads=2, seed=seed)
    x = rng.integers(0, 11, (30, 8))
    return net, x, {"y": x}


def trees(seed, rng):
    data = forest(rng, [12, 0, 9, 7, 3] * 8)
    net = models.tree_classifier(50, 3, units=12, seed=seed)
    ids, labels = rng.integers(0, 50, len(data.words)), rng.integers(-1, 3, len(data.words))
    return net, ids, {"y": labels, "trees": data}


NETWORKS = [images, vectors, own_loss, sequences, words, trees]


def trained(make, seed):
    """What a network is after a training, and what it says."""
    net, x, given = make(seed, np.random.default_rng(seed))
    history = net.fit(x, epochs=3, batch_size=25, optimizer=optimizers.Adam(1e-2), verbose=0, **given)
    options = {name: given[name] for name in ("lengths", "trees") if name in given}
    said, y = net.predict(x, **options), net.forward(x, training=True, **options)
    return [net.parameters, history.history["loss"], said, y, net.backward(y), net.gradients]


def test_networks_of_many_threads_end_as_alone():
    fastdl.set_num_threads(2)
    calls = [(make, seed) for make in NETWORKS for seed in range(2)]
    alone = [trained(*call) for call in calls]
    for _ in range(2):
        found = at_once(*[lambda call=call: trained(*call) for call in calls])
        for wanted, received in zip(alone, found, strict=True):
            assert_same(wanted, received)


def test_the_number_of_threads_may_change_meanwhile():
    alone = [trained(make, 0) for make in NETWORKS]
    over = threading.Event()

    def change():
        n = 1
        while not over.wait(0.001):
            n = n % 3 + 1
            fastdl.set_num_threads(n)

    changing = threading.Thread(target=change)
    changing.start()
    try:
        found = at_once(*[lambda make=make: trained(make, 0) for make in NETWORKS])
    finally:
        over.set()
        changing.join()
    for wanted, received in zip(alone, found, strict=True):
        assert_same(wanted, received)


@pytest.mark.parametrize("make", [images, vectors, sequences], ids=lambda make: make.__name__)
def test_one_network_answers_several_threads(make):
    net, x, given = make(0, np.random.default_rng(0))
    lengths = {"lengths": given["lengths"]} if "lengths" in given else {}
    sizes = [1, 2, 5, 17, len(x)]
    few = {name: values[:5] for name, values in lengths.items()}
    predictor = None if lengths else net.predictor(5)
    v = np.ones((5, *net.output_shape))
    loss = given.get("loss", "cross_entropy")

    def answers(n):
        part = {name: values[:n] for name, values in lengths.items()}
        found = [net.predict(x[:n], **part), net.vjp(x[:5], v, **few), net.activations(x[:5], 0, **few)]
        found.append(np.array(list(net.evaluate(x[:n], given["y"][:n], loss=loss, **part).values())))
        if predictor is not None:
            out = np.empty((5, *net.output_shape), net.dtype)
            assert predictor(x[:5], out) is out
            found.append(out)
        return found

    wanted = {n: answers(n) for n in sizes}

    def ask(seed):
        for n in np.random.default_rng(seed).choice(sizes, 40):
            assert_same(wanted[n], answers(n))

    at_once(*[lambda seed=seed: ask(seed) for seed in range(6)])


def test_whoever_asks_during_a_training_is_told_of_one_step():
    """Zero samples, and targets that move all biases alike: what they say is the same number everywhere."""
    net = Sequential([layers.Dense(3000)], input_shape=(1,), dtype="float64", seed=0)
    net.parameters[...] = 1.0
    x, y = np.zeros((4, 1)), np.zeros((4, 3000))
    predictor = net.predictor(4)

    def ask():
        out = np.empty((4, 3000))
        for _ in range(60):
            for said in (predictor(x, out), net.predict(x), net.activations(x, 0)):
                assert (said == said[0, 0]).all()

    def several():
        at_once(ask, ask, ask)

    trained_meanwhile(net, x, y, several, loss="squared_error", optimizer=optimizers.SGD(1e-7), batch_size=2)


def test_of_trainings_at_once_each_is_whole_or_refused():
    x, y = np.random.default_rng(0).standard_normal((300, 8)), np.arange(300) % 2
    shared, alone = small(), small()

    def fit():
        try:
            shared.fit(x, y, epochs=2, batch_size=10, verbose=0)
        except RuntimeError as error:
            return 0 if "being trained by a call of fit" in str(error) else 100
        return 1

    taken = sum(sum(at_once(*[fit] * 6)) for _ in range(5))
    assert 5 <= taken <= 30
    for _ in range(taken):
        alone.fit(x, y, epochs=2, batch_size=10, verbose=0)
    assert (shared.parameters == alone.parameters).all()


def test_what_is_made_when_first_asked_for_is_made_for_all():
    for _ in range(20):
        net = Sequential([layers.LSTM(3, stateful=True), layers.Dense(2)], input_shape=(None, 3), seed=0)
        x = np.ones((2, 4, 3), np.float32)

        def use(net=net, x=x):
            net.params["1.bias"][...] = 1
            net.layers[1].grads["bias"][...] = 2
            return net.training_state, net.predictor, net.reading.tokens, net.forward(x[:, :1])

        found = at_once(*[use] * 6)
        assert len({id(state) for state, *_ in found}) == 1
        assert (net.parameters[-2:] == 1).all()
        assert (net.gradients[-2:] == 2).all()


def test_functions_of_several_threads():
    rng = np.random.default_rng(0)
    x, h = rng.standard_normal((40, 30)), rng.standard_normal((40, 20))
    w, u = rng.standard_normal((20, 30)), rng.standard_normal((20, 20))
    image, kernel = rng.standard_normal((3, 4, 15, 13)), rng.standard_normal((5, 4, 3, 3))
    calls = [
        lambda: functional.rnn_step(x, h, w, u),
        lambda: functional.dense(x, w),
        lambda: functional.cross_correlate2d(image, kernel),
        lambda: functional.im2col(image, 3),
        lambda: functional.max_pool2d(image, 2),
        lambda: functional.gelu(image),
    ]
    wanted = [call() for call in calls]

    def use(first):
        for i in range(60):
            k = (first + i) % len(calls)
            assert np.array_equal(calls[k](), wanted[k])

    at_once(*[lambda first=first: use(first) for first in range(6)])


def test_layers_of_the_articles_take_turns():
    """Samples have their zeros in different places, which each layer lists."""
    rng = np.random.default_rng(0)
    core, sizes = _core.load("float64"), (400, 300, 10)
    parameters = core.aligned_zeros(sum((n + 1) * m for n, m in pairwise(sizes)))
    parameters[...] = rng.standard_normal(parameters.shape)
    sigmoids = core.SigmoidLayers(sizes, parameters)
    x = rng.standard_normal((12, 400, 1)) * (rng.random((12, 400, 1)) < 0.5)
    label = np.zeros((10, 1))
    flat = core.aligned_zeros((30 + 20 + 2) * 20)
    flat[...] = rng.standard_normal(flat.shape)
    cell = core.RecurrentCell("rnn", "tanh", 30, 20, flat, core.aligned_zeros(flat.size))
    h = np.zeros((1, 20))

    def answers(k):
        found = sigmoids.forward(x[k]), sigmoids.learn(x[k], label, 0.0, True)
        return *found, *cell.step(x[k, :30, 0][None], h)[:2]

    wanted = [answers(k) for k in range(12)]

    def use(first):
        for i in range(300):
            k = (5 * i + first) % 12
            assert_same(wanted[k], answers(k))

    at_once(*[lambda first=first: use(first) for first in range(6)])


IMPORT = """
import sys, threading
barrier, failed = threading.Barrier(4), []

def work(dtype):
    barrier.wait()
    try:
        import fastdl
        fastdl.Sequential([fastdl.layers.Dense(3)], input_shape=2, dtype=dtype).predict([[1.0, 2.0]])
    except BaseException as error:
        failed.append(error)

threads = [threading.Thread(target=work, args=[dtype]) for dtype in ("float32", "float64", "float32", "float64")]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert not failed, failed
print(getattr(sys, "_is_gil_enabled", lambda: True)())
"""


def test_an_import_asks_for_no_lock_of_the_interpreter():
    assert run(IMPORT, PYTHONWARNINGS="error").split() == [str(HAS_LOCK)]
