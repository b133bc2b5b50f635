"""Numbers of every kind that an array can hold: taken as they are, or refused."""

import copy
import datetime
import decimal
import fractions
import pickle

import numpy as np
import pytest

import fastdl
from fastdl import (
    Sequential,
    _core,
    functional,
    layers,
    losses,
    models,
    optimizers,
    recipes,
    schedules,
    trees,
)
from fastdl.datasets import Vocabulary
from fastdl.text import sampling
from fastdl.trees import parsing

X = np.random.default_rng(0).standard_normal((6, 4))
Y = np.array([0, 1, 2, 0, 1, 2])


@pytest.mark.parametrize("dtype", [">f8", "<f8", np.longdouble])
def test_doubles_of_every_byte_order_stay_doubles(dtype):
    x, w = X.astype(dtype), X[:3].astype(dtype)
    h = X[:, :3].astype(dtype)
    for given, doubles in (
        (functional.dense(x, w), functional.dense(X, X[:3])),
        (functional.sigmoid(x), functional.sigmoid(X)),
        (functional.activation_backward(x, x, "tanh"), functional.activation_backward(X, X, "tanh")),
        (functional.max_pool2d(x[None, None], 2), functional.max_pool2d(X[None, None], 2)),
        (functional.rnn_step(x, h, w, w[:, :3]), functional.rnn_step(X, X[:, :3], X[:3], X[:3, :3])),
        (losses.cross_entropy_backward(x, Y), losses.cross_entropy_backward(X, Y)),
        (losses.squared_error(x, x + 1), losses.squared_error(X, X + 1)),
    ):
        assert np.asarray(given).dtype == "=f8"
        assert np.array_equal(given, doubles)


def test_steps_of_any_byte_order():
    param, velocity = X.astype(">f8"), np.zeros((6, 4), ">f8")
    other, moved = X.copy(), np.zeros((6, 4))
    functional.sgd_step(param, X, velocity, lr=0.1, momentum=0.9)
    functional.sgd_step(other, X, moved, lr=0.1, momentum=0.9)
    assert param.dtype == ">f8"
    assert (param == other).all()
    assert (velocity == moved).all()


def test_masked_arrays():
    net = Sequential([layers.Dense(3)], input_shape=4, seed=0)
    whole = np.ma.masked_array(X)
    assert (net.predict(whole) == net.predict(X)).all()
    some = np.ma.masked_array(X, mask=np.eye(6, 4, dtype=bool))
    labels = np.ma.masked_array(Y, mask=Y == 1)
    weights = np.ma.masked_array(np.ones(6), mask=Y == 1)
    for name, call in (
        ("x", lambda: net.predict(some)),
        ("x", lambda: net.predict(list(some))),
        ("x", lambda: net.forward(some)),
        ("x", lambda: functional.relu(some)),
        ("logits", lambda: losses.cross_entropy(some, Y % 4)),
        ("y", lambda: net.evaluate(X, labels)),
        ("y", lambda: net.fit(X, labels, verbose=0)),
        ("sample_weight", lambda: net.fit(X, Y, sample_weight=weights, verbose=0)),
        ("parameters", lambda: setattr(net, "parameters", np.ma.masked_array(np.ones(15), mask=np.arange(15) == 1))),
    ):
        with pytest.raises(ValueError, match=f"^{name} must have no masked numbers; received some"):
            call()


def squared_error(y, target):
    """A function of a user's own, of the same name as ours."""
    return np.full(len(y), 7.0), np.zeros(y.shape)


@pytest.mark.parametrize("loss", ["squared error", 7, losses.Huber, ("huber", 1.0)])
def test_what_is_no_loss(loss):
    net = Sequential([layers.Dense(4)], input_shape=4)
    for call in (net.fit, net.train_on_batch, net.evaluate):
        with pytest.raises(ValueError, match=r"loss must be one of cross_entropy, .*, one of fastdl"):
            call(X, X, loss=loss)


def test_losses_by_their_functions():
    net = Sequential([layers.Dense(4)], input_shape=4)
    assert net.evaluate(X, X, loss=losses.squared_error) == net.evaluate(X, X, loss="squared_error")
    assert net.evaluate(X, X, loss=squared_error)["loss"] == 7


@pytest.mark.parametrize("rise", [0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("steps", [1, 2, 3, 10])
def test_one_cycle_keeps_its_last_rate(steps, rise):
    rate = schedules.one_cycle(1.0, steps, rise=rise)
    rates = [rate(i) for i in range(steps)]
    assert {rate(i) for i in range(steps - 1, steps + 9)} == {rates[-1]}
    top = int(np.argmax(rates))
    assert (np.diff(rates[: top + 1]) > 0).all()
    assert (np.diff(rates[top:]) < 0).all()
    if rise * steps < steps - 1:
        assert rates[-1] == pytest.approx(1e-4)
    else:
        assert top == steps - 1


def test_forward_draws_from_the_seed():
    def outputs(net):
        return [net.forward(X, training=True) for _ in range(2)]

    def network(seed):
        return Sequential([layers.Dense(30), layers.Dropout(0.5)], input_shape=4, seed=seed)

    for make in (network, lambda seed: layers.Dropout(0.5).build(4, seed=seed)):
        one, other, third = outputs(make(1)), outputs(make(1)), outputs(make(2))
        assert (one[0] == other[0]).all()
        assert (one[1] == other[1]).all()
        assert ((one[0] == 0) != (one[1] == 0)).any()
        assert ((one[0] == 0) != (third[0] == 0)).any()
    net = network(1)
    net.forward(X, training=True)
    for copied in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert (copied.forward(X, training=True) == outputs(network(1))[1]).all()
    layer = network(1).layers[1]
    first = layer.forward(np.ones((6, 30)), training=True)
    assert (first == network(1).layers[1].forward(np.ones((6, 30)), training=True)).all()
    assert (first != network(2).layers[1].forward(np.ones((6, 30)), training=True)).any()
    alone = layers.Dropout(0.5).build(4, seed=1)
    again = copy.deepcopy(alone)
    assert (alone.forward(X, training=True) == again.forward(X, training=True)).all()


@pytest.mark.parametrize("seed", [-1, 1.5, "1", [1, 2]])
def test_seeds(seed):
    for call in (
        lambda: Sequential([layers.Dense(2)], input_shape=4, seed=seed),
        lambda: layers.Dense(2).build(4, seed=seed),
    ):
        with pytest.raises((TypeError, ValueError), match="seed must be"):
            call()


def test_settings_are_plain_numbers():
    assert optimizers.Adam(np.float32(0.5), betas=[0.5, 0.75]).get_config()["lr"] == 0.5
    for wrong in ({"nesterov": "no", "momentum": 0.9}, {"lr": "0.1"}, {"lr": 10**400}, {"momentum": True}):
        with pytest.raises((TypeError, ValueError), match=f"{next(iter(wrong))} must be"):
            optimizers.SGD(**wrong)


def frame(pandas, **columns):
    return pandas.DataFrame(columns)


def test_data_frames():
    pandas = pytest.importorskip("pandas")
    numbers = {
        "a": pandas.array([1, 2, 3], "Int64"),
        "b": pandas.array([True, False, True], "boolean"),
        "c": pandas.array([0.5, 1.5, 2.5], "Float32"),
        "d": pandas.Categorical([7, 8, 7]),
        "e": pandas.arrays.SparseArray([0.0, 0.0, 1.5]),
        "f": [True, False, False],
        "g": np.array([1, 2.5, True], object),
    }
    expected = np.column_stack([np.asarray(list(values), float) for values in numbers.values()])
    net = Sequential([layers.Dense(3)], input_shape=7, seed=0)
    x = frame(pandas, **numbers)
    assert (net.predict(x) == net.predict(expected)).all()
    for label in numbers:
        column = x[[label]]
        alone = Sequential([layers.Dense(3)], input_shape=1, seed=0)
        assert (alone.predict(column) == alone.predict(expected[:, [list(numbers).index(label)]])).all()
    y = pandas.Series([0, 2, 1], dtype="Int64", index=[5, 3, 4])
    assert net.evaluate(x, y) == net.evaluate(expected, [0, 2, 1])
    weights = pandas.Series([1, 2, 3], dtype="Float64")
    one, other = (Sequential([layers.Dense(3)], input_shape=7, seed=0) for _ in range(2))
    one.fit(x, y, sample_weight=weights, verbose=0)
    other.fit(expected, [0, 2, 1], sample_weight=[1, 2, 3], verbose=0)
    assert (one.parameters == other.parameters).all()


def test_columns_that_are_no_numbers():
    pandas = pytest.importorskip("pandas")
    net = Sequential([layers.Dense(3)], input_shape=2)
    for strangers, message in (
        (["Oslo", "Rome"], "column 'city' of others, such as 'Oslo'"),
        (pandas.Categorical(["Oslo", "Rome"]), "column 'city' of others, such as 'Oslo'"),
        (pandas.array([1, None], "Int64"), "column 'city' of others, such as <NA>"),
        (pandas.array([True, None], "boolean"), "column 'city' of others, such as <NA>"),
        (["1", "2"], "column 'city' of others, such as '1'"),
        (pandas.to_datetime(["2024-01-01", "2024-01-02"]), "column 'city' of others, such as Timestamp"),
        ([1.0, None], "finite in float32; received NaN or infinity in column 'city'"),
    ):
        with pytest.raises((TypeError, ValueError), match=f"x must be .*{message}"):
            net.predict(frame(pandas, size=[1.0, 2.0], city=strangers))
    with pytest.raises(
        TypeError, match=r"y must be an array of real numbers; received dtype (object|str), such as 'b'"
    ):
        net.fit(np.ones((2, 2)), pandas.Series(["b", "a"]))
    with pytest.raises(TypeError, match="column 'b' of others, such as 'c'"):
        net.predict(pandas.DataFrame({"b": ["c", "d"], "e": ["f", "g"]}))


def test_numbers_that_numpy_has_no_type_for():
    """As databases give decimals, in whatever holds them."""
    net = Sequential([layers.Dense(3)], input_shape=2, seed=0)
    decimals = [[decimal.Decimal(text) for text in row] for row in (["1.5", "2"], ["-0.25", "1e3"])]
    expected = net.predict([[1.5, 2], [-0.25, 1000]])
    mixed = [[decimal.Decimal("1.5"), 2], [-0.25, fractions.Fraction(1000)]]
    for x in (decimals, np.array(decimals, object), mixed):
        assert (net.predict(x) == expected).all()
    assert (net.predict([[1 << 70, 1]]) == net.predict([[2.0**70, 1]])).all()
    for bad in ("NaN", "1e400"):
        with pytest.raises(ValueError, match="x must be finite in float32; received NaN or infinity"):
            net.predict([[decimal.Decimal(bad), 1]])
    for bad in (None, "1", 1j):
        with pytest.raises(
            TypeError, match=r"x must be an array of real numbers; received dtype .* such as (None|'1'|1j)"
        ):
            net.predict([[decimal.Decimal(1), bad]])


@pytest.mark.parametrize(("library", "kind"), [("pandas", "DataFrame"), ("polars", "DataFrame"), ("pyarrow", "table")])
def test_decimals_of_tables(library, kind):
    """To train, as estimators take them."""
    table = getattr(pytest.importorskip(library), kind)(
        {"a": list(map(decimal.Decimal, ("1.5", "-0.25"))), "b": [1, 2]}
    )
    net = Sequential([layers.Dense(1)], input_shape=2, seed=0)
    assert (net.predict(table) == net.predict([[1.5, 1], [-0.25, 2]])).all()
    net.fit(table, table["a"], loss="squared_error", verbose=0)
    pytest.importorskip("sklearn")
    fastdl.estimators.NetRegressor(epochs=1).fit(table, table["a"])


def test_dates_among_numbers_of_other_libraries():
    """Which NumPy would make days since 1970 of."""
    polars = pytest.importorskip("polars")
    net = Sequential([layers.Dense(3)], input_shape=2)
    days = [datetime.date(2024, 1, 1), datetime.date(2024, 1, 2)]
    for when in (days, [datetime.timedelta(1), datetime.timedelta(2)], [datetime.time(1), datetime.time(2)]):
        with pytest.raises(TypeError, match=r"x must be an array of real numbers; received column 'day' of [DT]"):
            net.predict(polars.DataFrame({"size": [1.0, 2.0], "day": when}))
    with pytest.raises(TypeError, match="received a LazyFrame: collect makes a DataFrame"):
        net.predict(polars.DataFrame({"size": [1.0, 2.0], "age": [3, 4]}).lazy())
    with pytest.raises(TypeError, match=r"received column 'both' of Struct"):
        net.predict(polars.DataFrame({"size": [1.0, 2.0], "both": [{"p": 1}, {"p": 2}]}))
    pyarrow = pytest.importorskip("pyarrow")
    assert net.predict(pyarrow.table({"size": [1.0, 2.0], "age": [3, 4]})).shape == (2, 3)
    with pytest.raises(TypeError, match="x must be an array of real numbers; received column 'city' of others, such"):
        net.predict(pyarrow.table({"size": [1.0, 2.0], "city": ["Oslo", "Rome"]}))
    with pytest.raises(TypeError, match="x must be an array of real numbers; "):
        net.predict(pyarrow.table({"size": [1.0, 2.0], "day": days}))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (None, "dtype object, a NoneType"),
        (object(), "dtype object, a object"),
        ("text", "dtype <U4, a str"),
        ([[1, None]], "dtype object, such as None"),
        ([[10**400, 1]], "dtype object, such as 100000000"),
        ([["a", 1]], "dtype <U21, such as 'a'"),
        ([[1j, 1]], r"dtype complex128, such as 1j"),
        (np.array([[1, 2], [3]], dtype=object), r"dtype object, such as \[1, 2\]"),
        ({"a": 1}, "dtype object, a dict"),
    ],
)
def test_what_is_no_number(x, message):
    net = Sequential([layers.Dense(3)], input_shape=2)
    with pytest.raises(TypeError, match=f"x must be an array of real numbers; received {message}"):
        net.predict(x)


def test_sparse_matrices():
    class Sparse:
        def toarray(self):
            raise AssertionError

    with pytest.raises(TypeError, match="received dtype object, a Sparse: toarray makes it dense"):
        functional.relu(Sparse())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: Sequential(layers.Dense(3), input_shape=2),
            r"layers must be a list of layers; received Dense\(units=3",
        ),
        (
            lambda: Sequential([layers.Flatten], input_shape=2),
            "layers must hold layers; received .*, a class: make one",
        ),
        (lambda: Sequential([print], input_shape=2), "layers must hold layers; received <built-in"),
        (lambda: network().fit(X, Y, optimizer=optimizers.Adam), "optimizer must be .*, a class: make one of it"),
        (lambda: network().fit(X, Y, optimizer="adam"), "optimizer must be one of fastdl.optimizers; received 'adam'"),
        (lambda: network().fit(X, Y, shuffle="no"), "shuffle must be True or False; received 'no'"),
        (lambda: network().forward(X, training="no"), "training must be True or False; received 'no'"),
        (lambda: layers.GRU(3, return_sequences=1), "return_sequences must be True or False; received 1"),
        (lambda: layers.LSTM(3, stateful="no"), "stateful must be True or False; received 'no'"),
        (lambda: layers.GRU(3, reset_after=None), "reset_after must be True or False; received None"),
        (lambda: layers.Recursive(3, return_nodes="x"), "return_nodes must be True or False; received 'x'"),
        (lambda: network().save("net.npz", training=1), "training must be True or False; received 1"),
        (lambda: Vocabulary("ab"), "tokens must be a list of strings; received 'ab'"),
        (lambda: Vocabulary(["a"], words="no"), "words must be True or False; received 'no'"),
        (lambda: sampling.sample("net.npz", Vocabulary(["a", "b"])), "net must be Sequential; received str"),
        (lambda: sampling.sample(network(), ["a", "b"]), "vocabulary must be Vocabulary; received list"),
        (lambda: parsing.parse(None, Vocabulary(["a"]), []), "net must be Sequential; received NoneType"),
        (lambda: parsing.parse(models.tree_parser(1), ["a"], []), "vocabulary must be Vocabulary; received list"),
        (lambda: parsing.bracket_f1("a", "b"), "found must be Trees; received str"),
        (lambda: trees.Trees([0, 1], [-1], "a"), "words must be a list of strings; received 'a'"),
        (lambda: trees.Trees([0, 1], [-1], ["a"], [0], [1]), r"names must be strings; received \[1\]"),
        (lambda: models.mlp(None), "sizes must hold at least 2 numbers; received None"),
        (lambda: models.lenet5(classes="ten"), "classes must be an integer; received 'ten'"),
        (lambda: models.language_model(9, dropout="x"), "dropout must be a number; received 'x'"),
        (lambda: models.tree_classifier(9, 2, word_dropout=None), "word_dropout must be a number; received None"),
        (lambda: models.tree_parser(9, units=1.5), "units must be an integer; received 1.5"),
        (lambda: recipes.lenet5("all"), "samples must be an integer; received 'all'"),
        (lambda: recipes.mlp(9, epochs=1.5), "epochs must be an integer; received 1.5"),
        (lambda: recipes.tree_classifier(9, 9, 2, batch_size=None), "batch_size must be an integer; received None"),
        (lambda: functional.adam_step(None, X, X, X, step=1), "param must be a float32 or float64 array"),
    ],
)
def test_messages(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()


def network():
    return Sequential([layers.Dense(3)], input_shape=4, seed=0)


def test_shapes_are_told_as_python_does():
    with pytest.raises(ValueError, match=r"y must have shape \(N, 3\) or integer labels \(N,\); received \(6, 1\)"):
        network().fit(X, Y[:, None])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_which_arrays_are_read_where_they_lie(dtype, rng):
    is_ready, x = _core.load(dtype).is_ready, rng.standard_normal((4, 6)).astype(dtype)
    for ready in (x, x[1:3], x[0], np.array(1, dtype), np.zeros(1 << 16, dtype)):
        assert is_ready(ready)
    unaligned = np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(dtype).reshape(x.shape)
    other = "float64" if dtype == "float32" else "float32"
    others = [
        x.tolist(), 1.0, None, x.T, x[:, ::2], x[::-1], unaligned, x.astype(other), x.astype(int), x[:0],
        x.astype(x.dtype.newbyteorder()), np.ma.masked_array(x), np.zeros((1 << 16) + 1, dtype),
    ]  # fmt: skip
    for bad in (np.nan, np.inf, -np.inf):
        for place in (0, 13, 23):
            others.append(x.copy())
            others[-1].flat[place] = bad
    for given in others:
        assert not is_ready(given)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_labels_and_ones_among_zeros_are_told(dtype, rng):
    core, labels = _core.load(dtype), rng.integers(0, 5, (3, 7))
    assert core.are_labels(labels, 5)
    assert core.are_labels(labels[:0], 5)
    for bad in (-1, 5, 1 << 62, -(1 << 63)):
        for place in (0, 11, 20):
            others = labels.copy()
            others.flat[place] = bad
            assert not core.are_labels(others, 5)
    rows = np.eye(5, dtype=dtype)[labels]
    for ready in (rows, rows[0], rows[0, 0]):
        assert core.are_zeros_and_ones(ready, True)
        assert core.are_within(ready, 0, 1)
        assert not core.are_within(ready, 0, 0.5)
        assert not core.are_within(ready, 0.5, 1)
    for place in (0, 52, 104):
        others = rows.copy()
        others.flat[place] = 1 - rows.flat[place]
        assert core.are_zeros_and_ones(others)
        assert not core.are_zeros_and_ones(others, True)
        for bad in (0.5, 2, -1, np.nan):
            others.flat[place] = bad
            assert not core.are_zeros_and_ones(others)
            assert not core.are_zeros_and_ones(others, True)
            assert core.are_within(others, 0, 1) == (bad == 0.5)
    assert not core.are_zeros_and_ones(np.array([[1, 1, -1]], dtype), True)
