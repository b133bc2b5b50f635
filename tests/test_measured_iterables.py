"""Iterables of batches for validation_data, evaluate and predict: as the same in arrays."""

import threading

import numpy as np
import pytest
from ranks import World

import fastdl
from fastdl import Sequential, callbacks, fit_many, layers, losses, optimizers
from fastdl.trees import Trees

CLASSES = 3
SIZES = (1, 7, 3, 16, 23)  # of batches
N = sum(SIZES)


class Loader:
    """Batches of arrays, of odd sizes, as often as it is asked; a batch may be something else than a tuple."""

    def __init__(self, *arrays, sizes=SIZES, kind=tuple):
        self.arrays, self.sizes, self.kind, self.times = arrays, sizes, kind, 0

    def __iter__(self):
        self.times += 1
        end = 0
        for size in self.sizes:
            begin, end = end, end + size
            yield self.kind(None if a is None else a[begin:end] for a in self.arrays)


def only(arrays):
    """Return the one that there is."""
    (x,) = arrays
    return x


class Tensor:
    """What NumPy makes an array of, as another library has it."""

    def __init__(self, array):
        self.array, self.ndim = array, array.ndim

    def __array__(self, dtype=None, copy=None):
        return self.array


def vectors(**arguments):
    return Sequential(
        [layers.Dense(8, "tanh"), layers.Dropout(0.3), layers.Dense(CLASSES)], input_shape=5, seed=0, **arguments
    )


def heads():
    """Two of them: classes, and a number."""
    return Sequential(
        [layers.Dense(8, "tanh"), layers.Parallel([[layers.Dense(CLASSES)], [layers.Dense(1)]])], input_shape=5, seed=0
    )


def of_both(outputs, targets):
    """A loss of one's own, of both heads."""
    values, gradient = losses.CrossEntropy()(outputs[:, :CLASSES], targets[:, 0].astype(int))
    error = outputs[:, CLASSES] - targets[:, 1]
    return values + error**2, np.column_stack([gradient, 2 * error])


def spread(targets, outputs):
    """A metric of one's own, that needs all."""
    return float(np.median(outputs[:, -1]) - np.median(targets))


def images():
    made = [layers.Conv2D(4, 3), layers.BatchNorm(), layers.GlobalMeanPool(), layers.Dense(CLASSES)]
    return Sequential(made, input_shape=(2, 6, 6), seed=0)


def steps():
    made = [layers.GRU(5, return_sequences=True), layers.Dense(CLASSES)]
    return Sequential(made, input_shape=(6, 4), seed=0)


def numbers():
    return Sequential([layers.Dense(2)], input_shape=5, seed=0)


RNG = np.random.default_rng(0)
X, LABELS = RNG.standard_normal((N, 5)).astype("float32"), RNG.integers(0, CLASSES, N)
LENGTHS, WEIGHTS = RNG.integers(1, 7, N), RNG.normal(size=N)
SEQUENCES, OF_STEPS = RNG.standard_normal((N, 6, 4)), RNG.integers(0, CLASSES, (N, 6))
ONE_HOT_AT_FIRST = RNG.standard_normal((N, 2))
ONE_HOT_AT_FIRST[0] = 0, 1

CASES = {
    "vectors": (vectors, (X, LABELS), {"metrics": ["f1", "auc", "top_2", spread]}),
    "distributions": (vectors, (X, np.eye(CLASSES)[LABELS]), {"metrics": ["balanced_accuracy"]}),
    "weights": (vectors, (X, LABELS, None, WEIGHTS), {}),
    "wide": (lambda: vectors(dtype="float64"), (X, LABELS), {"metrics": ["auc"]}),
    "bytes": (images, (RNG.integers(0, 256, (N, 2, 6, 6)).astype(np.uint8), LABELS), {"metrics": ["f1"]}),
    "lengths": (steps, (SEQUENCES, OF_STEPS, LENGTHS), {"metrics": ["f1"]}),
    "lengths and weights": (steps, (SEQUENCES, OF_STEPS, LENGTHS, WEIGHTS), {}),
    "ignored": (vectors, (X, LABELS), {"loss": losses.CrossEntropy(ignore_label=1)}),
    "numbers": (numbers, (X, ONE_HOT_AT_FIRST), {"loss": "squared_error", "metrics": ["r2", spread]}),
    "own loss, two heads": (
        heads,
        (X, np.column_stack([LABELS, X[:, 0]])),
        {"loss": of_both, "metrics": [spread]},
    ),
}
CASES["ignored"][1][1][0:1] = 0  # a batch of one, which must count


def same(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-6, abs=1e-9), name


@pytest.mark.parametrize("case", CASES)
def test_evaluate_as_on_arrays(case):
    make, (x, y, *rest), options = CASES[case]
    net = make()
    third, weights = (*rest, None, None)[:2]
    expected = net.evaluate(x, y, lengths=third, sample_weight=weights, **options)
    same(net.evaluate(Loader(x, y, *rest), **options), expected)
    same(net.evaluate(iter(Loader(x, y, *rest)), **options), expected)
    same(net.evaluate(list(Loader(x, y, *rest)), **options), expected)
    same(net.evaluate(list(Loader(x, y, *rest, kind=list)), **options), expected)


@pytest.mark.parametrize("case", CASES)
def test_predict_as_on_arrays(case):
    make, (x, y, *rest), _ = CASES[case]
    net = make()
    expected = net.predict(x, lengths=rest[0] if rest else None)
    for batches in (Loader(x, y, *rest), list(Loader(x, y, *rest)), tuple(Loader(x, None, *rest, kind=list))):
        found = net.predict(batches)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
        assert found.dtype == expected.dtype
    if not rest:
        for batches in (
            Loader(x),
            Loader(x, kind=only),
            list(Loader(x, kind=only)),
            [Tensor(batch) for batch in Loader(x, kind=only)],
            map(np.asarray, Loader(x, kind=only)),
        ):
            np.testing.assert_allclose(net.predict(batches), expected, rtol=1e-5, atol=1e-6)


def test_lists_of_samples_are_arrays():
    net, expected = vectors(), vectors().predict(X)
    for x in (X.tolist(), list(X), tuple(map(tuple, X.tolist())), memoryview(X), [list(row) for row in X]):
        assert np.array_equal(net.predict(x), expected)
    net, expected = steps(), steps().predict(SEQUENCES)
    assert np.array_equal(net.predict([list(sequence) for sequence in SEQUENCES]), expected)
    assert np.array_equal(net.predict([tuple(sequence) for sequence in SEQUENCES]), expected)


@pytest.mark.parametrize("case", CASES)
def test_validation_as_on_arrays(case):
    make, data, options = CASES[case]
    x, y, *rest = data
    options = {"epochs": 3, "batch_size": 16, "optimizer": optimizers.Adam(0.01), "verbose": 0, **options}
    third, weights = (*rest, None, None)[:2]
    one, other = make(), make()
    expected = one.fit(x, y, lengths=third, sample_weight=weights, validation_data=data, **options).history
    batches = Loader(*data)
    found = other.fit(x, y, lengths=third, sample_weight=weights, validation_data=batches, **options).history
    assert (one.parameters == other.parameters).all()
    assert batches.times == 3
    assert found.keys() == expected.keys()
    for name in found.keys() - {"seconds"}:
        assert found[name] == pytest.approx(expected[name], rel=1e-6, abs=1e-9)


def test_trees():
    trees = Trees.parse("(1 (1 a) (0 b))\n(0 c)\n(1 (0 a) (1 (0 b) (1 c)))\n(0 (1 b) (1 a))")
    tokens = RNG.integers(0, 4, len(trees.words))
    parts = [trees[:1], trees[1:]]
    split = len(parts[0].words)
    batches = [(tokens[:split], parts[0].labels, parts[0]), (tokens[split:], parts[1].labels, parts[1])]
    made = [layers.Embedding(4, 3), layers.Recursive(3, return_nodes=True), layers.Dense(2)]
    net = Sequential(made, input_shape=(None,), seed=0)
    same(net.evaluate(batches, metrics=["f1"]), net.evaluate(tokens, trees.labels, trees=trees, metrics=["f1"]))
    assert np.array_equal(net.predict(batches), net.predict(tokens, trees=trees))
    assert np.array_equal(net.predict((x, None, part) for x, _, part in batches), net.predict(tokens, trees=trees))
    history = net.fit(tokens, trees.labels, trees=trees, epochs=2, validation_data=batches, verbose=0).history
    same({"loss": history["val_loss"][-1]}, {"loss": net.evaluate(batches)["loss"]})


def stateful():
    made = [layers.LSTM(5, stateful=True), layers.Dense(CLASSES)]
    return Sequential(made, input_shape=(None, 4), seed=0)


def test_stateful_layers_go_on_from_batch_to_batch():
    net, sizes = stateful(), (8,) * 4
    x, y = SEQUENCES[:32], LABELS[:32]
    same(net.evaluate(Loader(x, y, sizes=sizes)), net.evaluate(x, y, batch_size=8))
    assert net.state is None
    found = net.predict(Loader(x, sizes=sizes))
    one = stateful()
    assert np.array_equal(found, np.concatenate([one.predict(x[i : i + 8]) for i in range(0, 32, 8)]))
    assert np.array_equal(net.flat_states, one.flat_states)
    with pytest.raises(
        ValueError, match="batches must all have as many samples, for stateful layers; received 8, then 3"
    ):
        net.evaluate(Loader(x, y, sizes=(8, 3)))
    with pytest.raises(ValueError, match="x must have the 8 samples that the states are of"):
        net.predict(Loader(x, sizes=(8, 3)))
    assert np.array_equal(net.flat_states, one.flat_states)


def test_callbacks_watch_it(tmp_path):
    def fitted(validation):
        net = vectors()
        watchers = [
            callbacks.EarlyStopping("val_loss", patience=3),
            callbacks.ReduceLROnPlateau("val_accuracy", patience=1),
            callbacks.ModelCheckpoint(tmp_path / "best.npz", monitor="val_f1", mode="max"),
            callbacks.CSVLogger(tmp_path / "log.csv"),
            callbacks.TensorBoard(tmp_path / "boards"),
            callbacks.EMA(0.9),
        ]
        history = net.fit(
            X, LABELS, epochs=40, batch_size=16, optimizer=optimizers.Adam(0.05), validation_data=validation,
            metrics=["f1"], callbacks=watchers, verbose=0,
        )  # fmt: skip
        return net, history.history, (tmp_path / "log.csv").read_text()

    other = RNG.permutation(LABELS)
    one, expected, table = fitted((X, other))
    net, history, log = fitted(Loader(X, other))
    assert len(history["val_loss"]) == len(expected["val_loss"]) < 40
    assert (net.parameters == one.parameters).all()
    assert [line.split(",")[:2] for line in log.split()] == [line.split(",")[:2] for line in table.split()]
    assert log.count("\n") == len(history["val_loss"]) + 1
    assert net.evaluate(Loader(X, other))["loss"] == pytest.approx(min(history["val_loss"]))


def test_a_figure_that_batches_do_not_have():
    with pytest.raises(ValueError, match=r"monitor must be one of .*; received 'val_accuracy'"):
        numbers().fit(
            X, X[:, :2], loss="squared_error", epochs=2, validation_data=Loader(X, X[:, :2]), verbose=0,
            callbacks=[callbacks.EarlyStopping("val_accuracy")],
        )  # fmt: skip
    with pytest.raises(ValueError, match="monitor must be one of loss, accuracy, val_loss, val_accuracy; received"):
        vectors().fit(
            X, LABELS, validation_data=Loader(X, LABELS), callbacks=[callbacks.EarlyStopping("val_f1")], verbose=0
        )


def test_an_iterator_goes_once():
    net = vectors()
    before = net.parameters.copy()
    for batches in (iter(Loader(X, LABELS)), zip([X], [LABELS], strict=True), iter([(X, LABELS)])):
        with pytest.raises(ValueError, match="validation_data must give its batches anew in each of 2 epochs"):
            net.fit(X, LABELS, epochs=2, validation_data=batches, verbose=0)
    assert (net.parameters == before).all()
    assert net.history is None
    net.fit(X, LABELS, epochs=3, initial_epoch=2, validation_data=iter(Loader(X, LABELS)), verbose=0)

    class Once:
        def __init__(self):
            self.batches = iter([(X, LABELS)])

        def __iter__(self):
            return self

        def __next__(self):
            return next(self.batches)

    with pytest.raises(ValueError, match="validation_data must give at least one batch each time; it gave none: an it"):
        net.fit(X, LABELS, epochs=2, validation_data=Once(), verbose=0)
    assert net.training_state.epochs == 1
    with pytest.raises(TypeError, match="validation_data must not be an iterator"):
        fit_many([net], X, LABELS, validation_data=iter(Loader(X, LABELS)), verbose=0)


def alive():
    return [thread for thread in threading.enumerate() if thread.name == "fastdl batches"]


NAN = np.where(np.arange(5) == 2, np.nan, X)
FAULTS = {
    "none": (lambda: iter([]), "must give at least one batch each time; it gave none: an iterator"),
    "none at all": (lambda: Loader(X, LABELS, sizes=()), "must give at least one batch each time; it gave none$"),
    "a set": (lambda: {3}, r"batch 1 must be \(x, y\), .*; received int"),
    "x alone": (lambda: Loader(X, kind=only), r"batch 1 must be \(x, y\), .* received ndarray"),
    "too much": (lambda: iter([(X, LABELS, None, None, 5)]), r"batch 1 must be \(x, y\), .* received tuple of 5"),
    "another shape": (lambda: [(X, LABELS), (X[:, 1:], LABELS)], r"batch 2's x must have shape \(N, 5\); received"),
    "fewer": (lambda: [(X, LABELS[1:])], "batch 1's y must have as many rows as the outputs, 50; received"),
    "labels": (lambda: iter([(X, LABELS), (X, LABELS + 9)]), "batch 2's y must hold labels from 0 to 2"),
    "nan": (lambda: iter([(X, LABELS), (NAN, LABELS)]), "batch 2's x must be finite in float32"),
    "lengths": (lambda: [(X, LABELS, WEIGHTS)], r"batch 1's lengths must be None .*\(weights come after"),
    "weights": (lambda: [(X, LABELS, None, WEIGHTS[1:])], r"batch 1's sample_weight must have shape \(50,\)"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_evaluate_and_validation_refuse(fault):
    make, message = FAULTS[fault]
    net = vectors()
    with pytest.raises(ValueError, match=f"^(x )?{message}"):
        net.evaluate(make())
    ends = []

    class Sees(callbacks.Callback):
        def on_fit_end(self, net):
            ends.append(net.training_state.error)

    expected, once = vectors(), {"batch_size": 16, "optimizer": optimizers.Adam(0.01), "verbose": 0}
    expected.fit(X, LABELS, **once)
    with pytest.raises(ValueError, match=f"^(validation_data|validation) {message}") as raised:
        net.fit(X, LABELS, validation_data=make(), callbacks=[Sees()], **once)
    assert ends == [raised.value]
    assert net.history.history == {}
    assert (net.parameters == expected.parameters).all()  # after the epoch
    assert not alive()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: iter([]), "x must give at least one batch each time; it gave none: an iterator"),
        (lambda: iter([()]), r"batch 1 must be x, or a tuple as fit takes it, such as \(x, y\); received tuple of 0"),
        (lambda: iter([X, X[:, 1:]]), r"batch 2's x must have shape \(N, 5\); received \(50, 4\)"),
        (lambda: iter(X), r"batch 1's x must have shape \(N, 5\); received \(5,\)"),
        (lambda: [X, NAN], "batch 2's x must be finite in float32"),
        (lambda: [(X, LABELS, LENGTHS)], "batch 1's lengths must be None for samples without steps"),
    ],
)
def test_what_predict_refuses(make, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        vectors().predict(make())
    assert not alive()


def test_outputs_that_are_no_array():
    made = [layers.GRU(5, return_sequences=True), layers.Dense(CLASSES)]
    net = Sequential(made, input_shape=(None, 4), seed=0)
    with pytest.raises(ValueError, match=r"x must give batches whose outputs have one shape.*\(6, 3\) and \(4, 3\)"):
        net.predict(iter([SEQUENCES, SEQUENCES[:, :4]]))
    found = net.evaluate([(SEQUENCES, OF_STEPS), (SEQUENCES[:, :4], OF_STEPS[:, :4])], metrics=["f1"])
    steps = np.concatenate([np.full(N, 6), np.full(N, 4)])
    both = np.concatenate([SEQUENCES, SEQUENCES]), np.concatenate([OF_STEPS, OF_STEPS])
    same(found, net.evaluate(*both, lengths=steps, metrics=["f1"]))


def test_arguments_of_arrays_are_refused():
    net = vectors()
    for name in ("sample_weight", "lengths", "trees", "batch_size"):
        with pytest.raises(ValueError, match=f"{name} must not be given where x is an iterable of batches; received 3"):
            net.evaluate(Loader(X, LABELS), **{name: 3})
    for name in ("lengths", "trees"):
        with pytest.raises(ValueError, match=f"{name} must not be given where x is an iterable of batches; received 3"):
            net.predict(Loader(X), **{name: 3})
    with pytest.raises(RuntimeError, match="Sequential must be built before use"):
        Sequential([layers.Dense(3)]).predict(Loader(X))


def test_targets_of_two_kinds():
    batches = [(X, LABELS), (X, np.eye(CLASSES)[LABELS] * 0.9 + 0.1 / CLASSES)]
    assert vectors().evaluate(batches)["loss"] > 0
    with pytest.raises(ValueError, match="metrics must compare targets of one kind; received batches of labels and"):
        vectors().evaluate(batches, metrics=["accuracy"])


def test_whatever_it_raises_comes_through():
    def broken():
        yield X, LABELS
        raise OSError("the disk is gone")

    net = vectors()
    for call in (net.evaluate, net.predict, lambda given: net.fit(X, LABELS, validation_data=given, verbose=0)):
        with pytest.raises(OSError, match="the disk is gone"):
            call(broken())
    assert not alive()
    net = stateful()
    net.predict(SEQUENCES[:8])
    before = net.flat_states.copy()

    def lost():
        yield SEQUENCES[:8]
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        net.predict(lost())
    assert np.array_equal(net.flat_states, before)


def test_a_metric_that_raises_ends_the_making():
    closed = threading.Event()

    def endless():
        try:
            while True:
                yield X, LABELS
        finally:
            closed.set()

    def wrong(outputs, targets):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        vectors().evaluate(endless(), loss=wrong)
    assert closed.wait(5)
    assert not alive()


def test_memory_is_that_of_a_batch():
    """An array that is filled anew for each batch is all the input that there ever is."""
    x, y = np.empty((64, 5), "float32"), np.zeros(64, int)

    def reused():
        for k in range(50):
            x[...], y[...] = k / 50, k % CLASSES
            yield x, y

    whole = np.repeat(np.arange(50, dtype="float32") / 50, 64)[:, None] * np.ones(5, "float32")
    labels = np.repeat(np.arange(50) % CLASSES, 64)
    net = vectors()
    same(net.evaluate(reused()), net.evaluate(whole, labels))
    assert np.array_equal(net.predict(reused()), net.predict(whole))


def test_the_network_may_be_used_meanwhile():
    """By what makes the batches, for one."""
    net = vectors()

    def hard():
        for batch in Loader(X, LABELS):
            net.predict(batch[0])
            yield batch

    same(net.evaluate(hard()), net.evaluate(X, LABELS))
    net.fit(X, LABELS, validation_data=hard(), verbose=0)


# Ranks.
def ranks(function, count=2):
    return World(count).run(lambda rank, communicator: function(rank, communicator))


@pytest.mark.parametrize("options", [{}, {"metrics": ["f1"]}])
@pytest.mark.parametrize("count", [2, 3])
def test_ranks_share_each_batch(count, options):
    def fitted(rank, communicator, validation=None):
        net = vectors(dtype="float64")
        history = net.fit(
            X, LABELS, epochs=2, batch_size=16, validation_data=validation or Loader(X, LABELS), verbose=0,
            communicator=communicator, **options,
        ).history  # fmt: skip
        del history["seconds"]
        return history

    found = ranks(fitted, count)
    expected = fitted(0, None, (X, LABELS))
    for history in found:
        assert history == found[0]
        assert history.keys() == expected.keys()
        for name, values in expected.items():
            assert history[name] == pytest.approx(values, abs=1e-8)


def told(errors):
    return [f"{type(error).__name__}: {error}" for error in errors]


def test_ranks_must_have_the_same_batches():
    def fitted(give):
        return lambda rank, communicator: vectors().fit(
            X, LABELS, epochs=2, validation_data=give(rank), verbose=0, communicator=communicator
        )

    same_batches = "ValueError: all ranks must have the same validation batches; rank 1 has another than rank 0"
    assert told(ranks(fitted(lambda rank: Loader(X + rank, LABELS)))) == [same_batches] * 2
    assert told(ranks(fitted(lambda rank: Loader(X, LABELS, sizes=(8,) * (3 + rank))))) == [same_batches] * 2
    one, other = told(ranks(fitted(lambda rank: Loader(X, LABELS) if rank else (X, LABELS))))
    assert one == other
    assert "all ranks must have the same validation data" in one
    assert told(ranks(fitted(lambda rank: Loader(X, LABELS) if rank else None))) == [one] * 2


def test_an_error_on_one_rank_ends_all():
    def batches(rank):
        yield X, LABELS
        if rank:
            raise OSError("the disk is gone")
        yield X, LABELS

    here, there = told(
        ranks(lambda rank, one: vectors().fit(X, LABELS, validation_data=batches(rank), verbose=0, communicator=one))
    )
    assert here == "OtherRankError: rank 1 has ended the training: OSError: the disk is gone"
    assert there == "OSError: the disk is gone"


def test_loaded_networks_too(tmp_path):
    net = vectors()
    net.save(tmp_path / "net.npz")
    assert np.array_equal(fastdl.load(tmp_path / "net.npz").predict(Loader(X)), net.predict(Loader(X)))
