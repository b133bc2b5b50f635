"""Networks for tables: robust scaling, periodic embeddings, categories, and the recipe that trains them."""

import numpy as np
import pytest
from conftest import close

import fastdl
from fastdl import Sequential, layers, models, optimizers, recipes
from fastdl.datasets import Trees
from fastdl.layers.container import walk


def table(rng, samples=200):
    """Columns of very different scales, one of which is mostly zero, one constant."""
    outliers = np.where(rng.random(samples) < 0.05, 1e4, rng.standard_normal(samples))
    seldom = np.where(rng.random(samples) < 0.1, rng.uniform(0, 8, samples), 0)
    return np.column_stack([rng.lognormal(9, 1, samples), outliers, seldom, np.full(samples, 7.0)])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_robust_scaling_takes_its_constants_of_data(rng, dtype):
    x = table(rng)
    layer = layers.RobustScaling().build(4, dtype=dtype)
    assert (layer.buffers["center"] == 0).all()
    assert (layer.buffers["scale"] == 1).all()
    layer.adapt(x)
    close(layer.buffers["center"], np.median(x, axis=0), dtype)
    low, high = np.quantile(x, 0.25, axis=0), np.quantile(x, 0.75, axis=0)
    assert high[2] == 0  # so that half of the range stands for it
    close(layer.buffers["scale"], [1 / (high[0] - low[0]), 1 / (high[1] - low[1]), 2 / x[:, 2].max(), 0], dtype)
    y = layer.forward(x)
    assert np.abs(y).max() <= 3
    assert (y[:, 3] == 0).all()
    assert np.abs(np.median(y, axis=0)).max() < 1e-6
    # The order of numbers stays.
    assert (np.diff(y[np.argsort(x[:, 0]), 0]) >= 0).all()


def test_numbers_that_are_very_far_come_near():
    layer = layers.RobustScaling(2).build(3)
    x = np.array([[3e38, -3e38, 0.0]])
    assert layer.forward(x).tolist() == [[2, -2, 0]]
    assert layer.backward(np.ones((1, 3)))[0].tolist() == [0, 0, 1]
    layer.adapt(np.array([[0, 0, 1e-45], [1e-40, 1, 0], [3e38, 0, 0]]))
    assert np.isfinite(layer.buffers["scale"]).all()
    assert np.isfinite(layer.forward(x)).all()


def test_scaling_over_time_is_of_all_steps(rng):
    x = rng.standard_normal((30, 5, 2)) * [1, 100]
    layer = layers.RobustScaling().build((None, 2), dtype="float64")
    layer.adapt(x)
    close(layer.buffers["center"], np.median(x.reshape(-1, 2), axis=0), "float64")


def test_steps_that_do_not_count_have_no_part_in_the_constants(rng):
    x, lengths = rng.standard_normal((30, 5, 2)) * [1, 100], rng.integers(1, 6, 30)
    counts = np.arange(5) < lengths[:, None]
    cells = [layers.RobustScaling(), layers.Dense(3), layers.RobustScaling(), layers.GRU(4), layers.RobustScaling()]
    net = Sequential(cells, input_shape=(None, 2), dtype="float64", seed=0)
    for beyond in (0.0, 1e3, np.nan):
        padded = np.where(counts[:, :, None], x, beyond)
        layer = layers.RobustScaling().build((None, 2), dtype="float64")
        layer.adapt(padded, lengths=lengths)
        close(layer.buffers["center"], np.median(x[counts], axis=0), "float64")
        net.adapt(padded, lengths=lengths)
        close(net.buffers["0.center"], np.median(x[counts], axis=0), "float64")
        close(net.buffers["2.center"], np.median(net.activations(x, 1)[counts], axis=0), "float64")
        close(net.buffers["4.center"], np.median(net.activations(x, 3, lengths=lengths), axis=0), "float64")


def test_an_adapting_that_fails_in_a_layer_leaves_those_before_it(rng):
    made = [layers.Parallel([[layers.RobustScaling()], [layers.Dense(3), layers.RobustScaling()]])]
    net, x = Sequential(made, input_shape=4, seed=0), rng.standard_normal((9, 4))
    net.params["0.1.0.weight"], x[0] = np.ones((3, 4)), 3e38  # whose sums are too large
    before = net.parameters.copy()
    with pytest.raises(ValueError, match="x must be finite"):
        net.adapt(x)
    assert (net.parameters == before).all()


@pytest.mark.parametrize("of_nodes", [False, True])
def test_scalings_of_trees_adapt_to_the_nodes_that_they_read(of_nodes, rng):
    """Before the recursive layer these are leaves, whatever the rows of other nodes are."""
    trees = Trees.parse("(0 (0 a) (0 (0 b) (0 c))) (0 (0 a) (0 b)) (0 a)")
    leaves = np.array([word is not None for word in trees.words])
    x = rng.standard_normal((len(leaves), 4))
    found = set()
    for beyond in (0.0, 1e3):
        given = np.where(leaves[:, None], x, beyond)
        net = Sequential(
            [
                layers.RobustScaling(), layers.Dense(5, "tanh"), layers.RobustScaling(),
                layers.Recursive(5, return_nodes=of_nodes), layers.RobustScaling(),
            ],
            input_shape=(None, 4), dtype="float64", seed=0,
        ).adapt(given, trees=trees)  # fmt: skip
        close(net.buffers["0.center"], np.median(x[leaves], axis=0), "float64")
        close(net.buffers["2.center"], np.median(net.activations(given, 1, trees=trees)[leaves], axis=0), "float64")
        close(net.buffers["4.center"], np.median(net.activations(given, 3, trees=trees), axis=0), "float64")
        found.add(net.parameters.tobytes())
    assert len(found) == 1
    with pytest.raises(ValueError, match="trees must be given"):
        net.adapt(x)


def test_training_leaves_the_constants(rng):
    x, y = table(rng), rng.integers(0, 2, 200)
    net = Sequential([layers.RobustScaling(), layers.PeriodicEmbedding(4), layers.Dense(2)], input_shape=4, seed=0)
    assert net.adapt(x) is net
    before = {name: values.copy() for name, values in {**net.buffers, **net.params}.items()}
    net.fit(x, y, optimizer=optimizers.AdamW(0.01, weight_decay=0.5), epochs=2, verbose=0)
    assert all((net.buffers[name] == before[name]).all() for name in net.buffers)
    assert all((net.params[name] != before[name]).any() for name in net.params)
    assert set(net.buffers) == {"0.center", "0.scale"}


def test_each_scaling_within_a_network_adapts_to_what_it_reads(rng):
    x = table(rng)
    net = Sequential(
        [
            layers.Parallel(
                [[layers.Select([1, 0]), layers.RobustScaling()], [Sequential([layers.RobustScaling(9.0)])]]
            ),
            layers.Rescaling(10.0, 5.0),
            layers.RobustScaling(),
        ],
        input_shape=4,
        dtype="float64",
    ).adapt(x)
    close(net.buffers["0.0.1.center"], np.median(x[:, [1, 0]], axis=0), "float64")
    close(net.buffers["0.1.0.0.center"], np.median(x, axis=0), "float64")
    close(net.buffers["2.center"], np.median(net.activations(x, 1), axis=0), "float64")


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: layers.RobustScaling(0), ValueError, r"limit must be a finite number from 0.01 to 1\S*; received 0"),
        (lambda: layers.RobustScaling("far"), TypeError, "limit must be a number"),
        (lambda: layers.RobustScaling().build((3, 4, 4)), ValueError, r"must read \(F,\) or \(T, F\)"),
        (lambda: layers.RobustScaling().adapt([[1.0]]), RuntimeError, "must be built before use"),
        (lambda: layers.RobustScaling().build(2).adapt([[1.0]]), ValueError, r"shape \(N, 2\); received \(1, 1\)"),
        (lambda: layers.RobustScaling().build(1).adapt([[np.nan]]), ValueError, "x must be finite"),
        (lambda: layers.RobustScaling().build(1).adapt(np.empty((0, 1))), ValueError, "x must not be empty"),
        (lambda: layers.RobustScaling().build(1).adapt([[1.0]], lengths=[1]), ValueError, "lengths must be None"),
        (
            lambda: layers.RobustScaling().build((3, 1)).adapt(np.zeros((1, 3, 1)), lengths=[4]),
            ValueError,
            "lengths must be from 1 to 3; received 4 to 4",
        ),
        (lambda: layers.PeriodicEmbedding(0), ValueError, "frequencies must be at least 1; received 0"),
        (lambda: layers.PeriodicEmbedding(2, -1), ValueError, "stddev must be a finite number from 0"),
        (lambda: layers.PeriodicEmbedding(2).build((None,)), ValueError, "must have a number of features"),
    ],
)
def test_bad_arguments_of_layers(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_waves_of_numbers(rng):
    layer = layers.PeriodicEmbedding(3, stddev=0.5).build(4, dtype="float64", seed=0)
    weight, bias = layer.params["weight"], layer.params["bias"]
    assert weight.shape == bias.shape == (4, 3)
    assert (np.abs(bias) <= 0.5).all()
    x = rng.standard_normal((7, 4))
    for f in range(4):
        for k in range(3):
            wave = np.cos(2 * np.pi * (weight[f, k] * x[:, f] + bias[f, k]))
            close(layer.forward(x)[:, 3 * f + k], wave, "float64")
    many = layers.PeriodicEmbedding(500, stddev=0.5).build(4, seed=0).params["weight"]
    assert abs(many.std() - 0.5) < 0.05


def test_periodic_numbers_are_learned_by_waves(rng):
    x = rng.uniform(-3, 3, (600, 1))
    y = np.sin(6 * x)
    losses = []
    for waves in ([], [layers.PeriodicEmbedding(8, stddev=0.5)]):
        net = Sequential([*waves, layers.Dense(32, "relu"), layers.Dense(1)], input_shape=1, seed=0)
        net.fit(x, y, loss="squared_error", optimizer=optimizers.Adam(0.01), epochs=30, verbose=0)
        losses.append(net.evaluate(x, y, loss="squared_error")["loss"])
    assert losses[1] < losses[0] / 5


def test_the_network_for_tables():
    net = models.tabular(7, 3, categories={6: 40, 1: 4, 2: 1}, units=16, blocks=2, frequencies=5, seed=0)
    assert (net.input_shape, net.output_shape) == ((7,), (3,))
    vectors = {layer.vocabulary: layer for _, layer in walk(net) if type(layer) is layers.Embedding}
    assert {count: layer.dim for count, layer in vectors.items()} == {40: 8, 4: 2, 1: 1}
    for layer in vectors.values():
        assert not layer.params["weight"][0].any()  # what is unknown says nothing
        assert layer.params["weight"][1:].all()
    assert net.layers[0].output_shape == (8 + 2 + 1 + 4 * 6,)
    assert sum(isinstance(layer, layers.Residual) for layer in net.layers) == 2
    x = np.array([[0.5, 3, 0, 1, 2, 3, 39]])
    assert np.isfinite(net.predict(x)).all()
    with pytest.raises(ValueError, match="token"):
        net.predict(np.array([[0.5, 4, 0, 1, 2, 3, 39]]))
    assert models.tabular(2, 1, categories={0: 3, 1: 5}, blocks=0, dtype="float64").predict([[2, 4]]).shape == (1, 1)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"features": 0}, ValueError, "features must be at least 1"),
        ({"outputs": 0}, ValueError, "outputs must be at least 1"),
        ({"categories": [1]}, TypeError, r"categories must be a mapping of columns.*received \[1\]"),
        ({"categories": {4: 3}}, ValueError, "columns of categories must be at most 3; received 4"),
        ({"categories": {"city": 3}}, TypeError, "columns of categories must be an integer"),
        ({"categories": {1: 0}}, ValueError, r"categories\[1\] must be at least 1; received 0"),
        ({"units": 0}, ValueError, "units must be at least 1"),
        ({"blocks": -1}, ValueError, "blocks must be at least 0"),
        ({"frequencies": 0}, ValueError, "frequencies must be at least 1"),
        ({"dropout": 1}, ValueError, "dropout must be a finite number from 0.0 to 0.999; received 1"),
    ],
)
def test_bad_arguments_of_the_network(arguments, error, message):
    with pytest.raises(error, match=message):
        models.tabular(**{"features": 4, "outputs": 2} | arguments)


@pytest.mark.parametrize("regression", [False, True])
def test_the_recipe_learns_numbers_and_categories(rng, regression, tmp_path):
    numbers, kind = table(rng, 1500), rng.integers(1, 6, 1500)
    effect = rng.standard_normal(6)
    score = np.log(numbers[:, 0]) - 9 + effect[kind]
    x, y = np.column_stack([numbers, kind]), (score - score.mean()) / score.std()
    if not regression:
        y = (y > 0).astype(int)
    found = []
    for _ in range(2):
        net, arguments = recipes.tabular(
            1000, 5, 1 if regression else 2, categories={4: 6}, regression=regression, seed=0
        )
        net.adapt(x[:1000]).fit(x[:1000], y[:1000, None] if regression else y[:1000], verbose=0, **arguments)
        found.append(net.predict(x[1000:]))
        fastdl.set_num_threads(1)
    fastdl.set_num_threads(2)
    assert (found[0] == found[1]).all()
    right = 1 - np.var(found[0][:, 0] - y[1000:]) if regression else (found[0].argmax(axis=1) == y[1000:]).mean()
    assert right > (0.95 if regression else 0.93)
    net.save(tmp_path / "table.npz")
    assert (fastdl.load(tmp_path / "table.npz").predict(x[1000:]) == found[0]).all()


def test_arguments_of_the_recipe():
    arguments = recipes.tabular(100, 4, 2).arguments
    assert (arguments["batch_size"], arguments["epochs"]) == (16, 20)
    assert arguments["optimizer"].rates(0, 141)[[0, 14, 140]] == pytest.approx([0.005 / 14, 0.005, 0])
    assert (arguments["optimizer"].weight_decay, arguments["optimizer"].decay_biases) == (0.1, False)
    arguments = recipes.tabular(5000, 4, 2).arguments
    assert (arguments["batch_size"], arguments["epochs"]) == (64, 20)
    assert arguments["loss"].label_smoothing == 0.05
    arguments = recipes.tabular(300, 4, 1, regression=True).arguments
    assert (arguments["batch_size"], arguments["epochs"]) == (37, 20)
    assert arguments["loss"].name == "squared_error"
    net, arguments = recipes.tabular(100, 4, 2, units=8, blocks=3, epochs=7, batch_size=32, lr=0.01, categories={0: 3})
    assert (arguments["batch_size"], arguments["epochs"]) == (32, 7)
    assert max(arguments["optimizer"].rates(0, 49)) == 0.01
    assert net.layers[1].units == 8
    assert len(net.layers) == 2 + 3 + 2
