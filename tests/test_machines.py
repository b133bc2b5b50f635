"""Training shared by several ranks: what one process gets, in whatever way a batch is shared out."""

import numpy as np
import pytest
from ranks import World

import fastdl
from fastdl import Sequential, callbacks, layers, losses, models, optimizers
from fastdl.datasets import Trees, Vocabulary
from fastdl.training.divergence import DivergenceError
from fastdl.training.machines import OtherRankError

RNG = np.random.default_rng(0)
X, LABELS = RNG.normal(size=(45, 6)), RNG.integers(0, 3, 45)
IMAGES = RNG.integers(0, 256, (21, 1, 8, 8)).astype(np.uint8)
TOKENS, NEXT = RNG.integers(0, 5, (24, 7)), RNG.integers(0, 5, (24, 7))
LENGTHS = RNG.integers(1, 8, 24)
TREES = Trees.parse(
    "(1 (0 a) (2 (1 b) (0 c)))\n(2 (1 (0 a) (0 c)) (1 b))\n(0 (2 c) (1 a))\n(1 (2 (0 b) (1 b)) (0 a))\n" * 5
)
WORDS = TREES.encode(Vocabulary.of_words(["a", "b", "c"]))


def dense(*within, **arguments):
    made = [layers.Dense(8), *within, layers.Dense(3)]
    return Sequential(made, input_shape=6, dtype="float64", seed=1, **arguments)


def sequences(*within, **arguments):
    return Sequential([layers.Embedding(5, 4), *within], input_shape=(7,), dtype="float64", seed=1, **arguments)


def recursive(*within):
    made = [layers.Embedding(4, 5), layers.Recursive(5, return_nodes=True), *within, layers.Dense(3)]
    return Sequential(made, input_shape=(None,), dtype="float64", seed=1)


def frozen():
    net = dense(layers.BatchNorm(), layers.Dense(5, activation="tanh"))
    net.layers[1].trainable = net.layers[2].trainable = False
    return net


def images():
    made = [
        layers.RandomShift(1), layers.RandomFlip(), layers.Conv2D(4, 3), layers.BatchNorm(), layers.Activation("relu"),
        layers.MaxPool2D(2), layers.Flatten(), layers.Dense(3),
    ]  # fmt: skip
    return Sequential(made, input_shape=(1, 8, 8), dtype="float64", seed=1)


def own(outputs, targets):
    difference = outputs - np.eye(outputs.shape[1])[targets]
    return (difference**2).sum(axis=1), 2 * difference


def batches(rows=16):
    return ((X[i : i + rows], LABELS[i : i + rows]) for i in range(0, len(X), rows))


class Loader:
    def __iter__(self):
        return batches()


TOLERANCE = 1e-8
SGD, ADAM = optimizers.SGD(0.05), optimizers.Adam(1e-2, clip_norm=0.5, weight_decay=1e-3, decay_biases=False)
OF_X = {"x": X, "y": LABELS, "batch_size": 16, "optimizer": ADAM}
OF_TOKENS = {"x": TOKENS, "y": NEXT, "batch_size": 9, "optimizer": ADAM}

CASES = {
    "dense": (dense, OF_X | {"validation_split": 0.3, "metrics": ["f1"]}),
    "normalized": (lambda: dense(layers.BatchNorm(), layers.Dropout(0.3), layers.BatchNorm()), OF_X),
    "weights": (
        dense,
        OF_X | {"sample_weight": RNG.normal(size=45), "class_weight": {1: 3.0}, "validation_split": 0.2},
    ),
    "one by one": (lambda: dense(layers.Activation("tanh")), OF_X | {"batch_size": 1, "optimizer": SGD}),
    "fewer than ranks": (lambda: dense(layers.BatchNorm()), OF_X | {"batch_size": 2, "optimizer": SGD}),
    "frozen": (frozen, OF_X),
    "average": (dense, OF_X | {"callbacks": lambda: [callbacks.EMA(0.9)], "validation_split": 0.3}),
    "batches": (lambda: dense(layers.BatchNorm()), {"x": Loader(), "optimizer": ADAM}),
    "mixed": (dense, OF_X | {"mixup": 0.4}),
    "own loss": (lambda: dense(layers.BatchNorm(), layers.Dropout(0.2)), OF_X | {"loss": own}),
    "own loss, weights": (dense, OF_X | {"loss": own, "sample_weight": RNG.normal(size=45), "batch_size": 2}),
    "images": (images, {"x": IMAGES, "y": LABELS[:21], "batch_size": 8, "optimizer": ADAM}),
    "lengths": (
        lambda: sequences(layers.LSTM(5, return_sequences=True), layers.BatchNorm(), layers.Dense(5)),
        OF_TOKENS | {"lengths": LENGTHS},
    ),
    "ignored": (
        lambda: sequences(layers.GRU(5, return_sequences=True), layers.Dense(5)),
        OF_TOKENS | {"loss": losses.CrossEntropy(ignore_label=2), "batch_size": 2},
    ),
    "own loss, lengths": (
        lambda: sequences(layers.RNN(5, return_sequences=True), layers.Dense(5)),
        OF_TOKENS | {"lengths": LENGTHS, "loss": own, "batch_size": 4},
    ),
    "stateful": (
        lambda: sequences(layers.LSTM(5, return_sequences=True, stateful=True), layers.Dropout(0.2), layers.Dense(5)),
        OF_TOKENS | {"shuffle": False, "batch_size": 8},
    ),
    "own loss, stateful": (
        lambda: sequences(layers.GRU(5, return_sequences=True, stateful=True), layers.Dense(5)),
        OF_TOKENS | {"shuffle": False, "batch_size": 4, "loss": own},
    ),
    "transformer": (
        lambda: models.transformer(5, 7, units=8, layers=1, dropout=0.1, seed=1, dtype="float64"),
        OF_TOKENS | {"batch_size": 10},
    ),
    "trees": (recursive, {"x": WORDS, "y": TREES.labels, "trees": TREES, "batch_size": 6, "optimizer": ADAM}),
    "own loss, trees": (recursive, {"x": WORDS, "y": TREES.labels, "trees": TREES, "batch_size": 2, "loss": own}),
}


def fitted(make, arguments, communicator=None, epochs=3):
    """Return the network, and the figures of its training but for the seconds."""
    arguments = dict(arguments)
    if "callbacks" in arguments:
        arguments["callbacks"] = arguments["callbacks"]()
    net = make()
    history = net.fit(**arguments, epochs=epochs, verbose=0, communicator=communicator).history
    assert len(history.pop("seconds")) == epochs
    return net, history


@pytest.mark.parametrize("name", CASES)
def test_ranks_train_as_one_process_does(name):
    make, arguments = CASES[name]
    one, figures = fitted(make, arguments)
    for count in (2, 3):
        first, *others = World(count).run(lambda rank, communicator: fitted(make, arguments, communicator))
        if isinstance(first, BaseException):
            raise first
        again = World(count).run(lambda rank, communicator: fitted(make, arguments, communicator))[0]
        for net, found in (*others, again):
            assert np.array_equal(net.parameters, first[0].parameters)
            assert found == first[1]
            if net.flat_states is not None:
                assert np.array_equal(net.flat_states, first[0].flat_states)
        assert abs(first[0].parameters - one.parameters).max() < TOLERANCE
        assert np.allclose(first[0].training_state.moments, one.training_state.moments, rtol=0, atol=TOLERANCE)
        assert first[1].keys() == figures.keys()
        for figure, values in figures.items():
            assert first[1][figure] == pytest.approx(values, abs=TOLERANCE)
        if one.flat_states is not None:
            assert abs(first[0].flat_states - one.flat_states).max() < TOLERANCE


def messages(communicators):
    return [f"{type(error).__name__}: {error}" for error in communicators]


def ends(count, *fits):
    """Return what each rank raises of fits(rank) with a communicator, and the world that they were in."""
    world = World(count)
    found = world.run(lambda rank, communicator: fits[min(rank, len(fits) - 1)](communicator))
    assert all(isinstance(error, BaseException) for error in found), found
    return found, world


def test_one_message_a_step():
    world = World(2)
    world.run(lambda rank, communicator: fitted(frozen, OF_X, communicator, epochs=2))
    net, sums = frozen(), [size for kind, size in world.calls if kind == "sum"]
    trained = sum(array.size for layer in (net.layers[0], net.layers[3]) for array in layer.params.values())
    assert sums == [trained + 2 * 9] * 2 * 3


def test_a_process_alone_has_nobody_to_ask():
    world = World(1)
    (net, _) = world.run(lambda rank, communicator: fitted(dense, OF_X, communicator))[0]
    assert world.calls == []
    assert np.array_equal(net.parameters, fitted(dense, OF_X)[0].parameters)


OTHER = {
    "x, y or weights": {"x": X + 1},
    "epochs": {"epochs": 5},
    "batch_size": {"batch_size": 15},
    "shuffle": {"shuffle": False},
    "loss": {"loss": losses.CrossEntropy(label_smoothing=0.1)},
    "optimizer": {"optimizer": optimizers.Adam(2e-2, clip_norm=0.5)},
    "validation data": {"validation_data": (X, LABELS)},
    "network": {"make": lambda: dense(layers.Activation("relu"))},
    "parameters (a seed gives the same), moments, steps or random numbers": {"make": lambda: fitted(dense, OF_X)[0]},
}


@pytest.mark.parametrize("what", OTHER)
def test_what_ranks_must_have_in_common(what):
    other = {"make": dense, "epochs": 3, **OF_X, "verbose": 0, **OTHER[what]}
    nets = []

    def fit(communicator):
        arguments = dict(other) if communicator.rank == 1 else {"make": dense, "epochs": 3, **OF_X, "verbose": 0}
        nets.append(net := arguments.pop("make")())
        before = net.parameters.copy()
        try:
            net.fit(**arguments, communicator=communicator)
        finally:
            assert np.array_equal(net.parameters, before)

    found, world = ends(3, fit)
    assert len(set(messages(found))) == 1
    assert "rank 1" in str(found[0])
    assert what in str(found[0])
    assert isinstance(found[0], ValueError)
    assert not world.aborted


class At(callbacks.Callback):
    """Does something at the end of an epoch."""

    def __init__(self, epoch, what):
        self.epoch, self.what, self.seen = epoch, what, []

    def on_epoch_end(self, net, epoch, logs):
        self.seen.append(dict(logs))
        return self.what(net) if epoch == self.epoch else None


def fails(net):
    raise ZeroDivisionError("on purpose")


def test_an_error_on_one_rank_ends_all():
    done = []

    def fit(communicator):
        callback = At(2, fails if communicator.rank == 1 else lambda net: None)
        net = dense()
        try:
            net.fit(**OF_X, epochs=9, verbose=0, callbacks=[callback], communicator=communicator)
        finally:
            done.append((net.training_state.steps, len(net.history.history["loss"])))

    found, world = ends(3, fit)
    assert messages(found) == [
        quoted := "OtherRankError: rank 1 has ended the training: ZeroDivisionError: on purpose",
        "ZeroDivisionError: on purpose",
        quoted,
    ]
    assert done == [(6, 2)] * 3
    assert not world.aborted


def test_an_argument_that_one_rank_refuses():
    def fit(communicator):
        return dense().fit(**OF_X, epochs=-communicator.rank, verbose=0, communicator=communicator)

    found, _ = ends(2, fit)
    assert "epochs must be" in str(found[1])
    assert "epochs must be" in str(found[0])


@pytest.mark.parametrize("within", [(), (layers.BatchNorm,)])
def test_an_error_in_a_loss_on_one_rank(within):
    def fit(communicator):
        def loss(outputs, targets):
            if communicator.rank == 1 and net.training_state.steps == 4:
                raise ZeroDivisionError("on purpose")
            return own(outputs, targets)

        net = dense(*[layer() for layer in within])
        try:
            net.fit(**OF_X, loss=loss, epochs=9, verbose=0, communicator=communicator)
        finally:
            ended.append((net.training_state.steps, net.parameters.tobytes()))

    ended = []
    found, world = ends(2, fit)
    assert [type(error) for error in found] == [OtherRankError, ZeroDivisionError]
    assert ended[0] == ended[1]
    assert ended[0][0] == 4
    assert not world.aborted


def test_a_divergence_is_everywhere():
    nets = [dense() for _ in range(2)]

    def fit(communicator):
        nets[communicator.rank].fit(
            X, np.eye(3)[LABELS], epochs=30, batch_size=16, optimizer=optimizers.SGD(1e3), loss="squared_error",
            verbose=0, communicator=communicator,
        )  # fmt: skip

    found, world = ends(2, fit)
    assert [type(error) for error in found] == [DivergenceError] * 2
    assert np.isfinite(nets[0].parameters).all()
    assert np.array_equal(nets[0].parameters, nets[1].parameters)
    assert nets[0].training_state.steps == nets[1].training_state.steps
    assert not world.aborted


def test_what_breaks_in_the_middle_of_a_step_ends_all_processes(capsys):
    class Broken:
        def __init__(self, communicator):
            self.calls = 0
            for name in ("Get_rank", "Get_size", "Allgather", "Abort"):
                setattr(self, name, getattr(communicator, name))
            self.all_reduce, self.rank = communicator.Allreduce, communicator.rank

        def Allreduce(self, sent, received):
            self.calls += 1
            if self.rank == 1 and self.calls == 5:
                raise OSError("no network")
            self.all_reduce(sent, received)

    found, world = ends(2, lambda communicator: fitted(dense, OF_X, Broken(communicator)))
    assert world.aborted
    assert str(found[1]) == "no network"
    assert "no network" in capsys.readouterr().err


def test_callbacks_see_the_same_and_stop_together(tmp_path, capsys):
    seen = {}

    def fit(rank, communicator):
        watching = At(2, lambda net: communicator.rank == 1)  # one of them wants to stop
        seen[communicator.rank] = watching
        path = tmp_path / f"{communicator.rank}.npz"
        writing = [callbacks.ModelCheckpoint(path), callbacks.CSVLogger(tmp_path / f"{communicator.rank}.csv")]
        net = dense()
        net.fit(**OF_X, epochs=9, validation_split=0.3, callbacks=[watching, *writing], communicator=communicator)
        return net

    nets = World(2).run(fit)
    assert seen[0].seen == seen[1].seen
    assert len(seen[0].seen) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.csv", "0.npz"]
    assert capsys.readouterr().out.count("epoch") == 2
    assert np.array_equal(fastdl.load(tmp_path / "0.npz").parameters, nets[1].parameters)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda net: setattr(net.training_state.optimizer, "lr", 0.5), "learning rates"),
        (lambda net: net.parameters.__setitem__(0, 7.0), "parameters"),
    ],
)
def test_a_callback_that_changes_one_rank_alone(change, what):
    def fit(communicator):
        callback = At(2, change if communicator.rank == 1 else lambda net: None)
        dense().fit(
            **OF_X | {"optimizer": optimizers.Adam(1e-2)},
            epochs=9,
            verbose=0,
            callbacks=[callback],
            communicator=communicator,
        )

    found, _ = ends(2, fit)
    assert len(set(messages(found))) == 1
    assert f"the same {what}" in str(found[0])


def test_a_callback_of_one_rank_that_changes_parameters_in_the_end():
    class Later(callbacks.Callback):
        def on_fit_end(self, net):
            net.parameters[0] = 7.0

    def fit(communicator):
        watchers = [Later()] if communicator.rank == 1 else []
        dense().fit(**OF_X, epochs=2, verbose=0, callbacks=watchers, communicator=communicator)

    found, _ = ends(2, fit)
    assert len(set(messages(found))) == 1
    assert "the same parameters in the end" in str(found[0])


@pytest.mark.parametrize("counts", [(2, 3), (3, 1), (1, 2)])
def test_a_training_goes_on_with_another_number(counts, tmp_path):
    make, arguments = CASES["normalized"]

    def fit(communicator):
        net = make()
        saving = callbacks.ModelCheckpoint(tmp_path / "net.npz")
        stopping = callbacks.EarlyStopping("loss", patience=5)
        net.fit(**arguments, epochs=2, verbose=0, callbacks=[saving, stopping], communicator=communicator)

    def go_on(communicator):
        net = fastdl.load(tmp_path / "net.npz")
        stopping = callbacks.EarlyStopping("loss", patience=5)
        net.fit(**arguments, epochs=4, initial_epoch=2, verbose=0, callbacks=[stopping], communicator=communicator)
        return net

    World(counts[0]).run(lambda rank, communicator: fit(communicator))
    first, *others = World(counts[1]).run(lambda rank, communicator: go_on(communicator))
    stopping = [callbacks.EarlyStopping("loss", patience=5)]
    whole, _ = fitted(make, {**arguments, "callbacks": lambda: stopping}, epochs=4)
    assert abs(first.parameters - whole.parameters).max() < TOLERANCE
    assert all(np.array_equal(net.parameters, first.parameters) for net in others)


def test_batches_that_differ():
    def fit(communicator):
        rows = 16 if communicator.rank == 0 else 15
        dense().fit(batches(rows), verbose=0, communicator=communicator)

    found, _ = ends(2, fit)
    assert messages(found) == ["ValueError: all ranks must have the same batches; rank 1 has another than rank 0"] * 2

    def fit_fewer(communicator):
        given = list(batches())[: 2 + communicator.rank]
        dense().fit((batch for batch in given), verbose=0, communicator=communicator)

    found, _ = ends(2, fit_fewer)
    assert messages(found) == ["ValueError: all ranks must have the same batches; rank 1 has another than rank 0"] * 2


def test_what_cannot_be_shared_out():
    found, _ = ends(
        2, lambda communicator: fitted(lambda: recursive(layers.Dropout(0.1)), CASES["trees"][1], communicator)
    )
    assert "communicator must be None for trees that go through dropout" in str(found[1])
    of_two = OF_X | {"loss": own, "batch_size": 2}
    found, _ = ends(3, lambda communicator: fitted(lambda: dense(layers.BatchNorm()), of_two, communicator))
    assert "batch_size must leave a sample at least for each of the 3 ranks" in str(found[2])
    with pytest.raises(TypeError, match="communicator must have Get_rank, Get_size, Allreduce, Allgather"):
        dense().fit(X, LABELS, communicator="all")
    with pytest.raises(ValueError, match="communicator must be None side by side with others"):
        fastdl.fit_many([dense()], x=X, y=LABELS, communicator=World(2))
