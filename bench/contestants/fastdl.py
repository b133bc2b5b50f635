"""Ours, through the interface that users have."""

from importlib import import_module

import numpy as np
import reference

import fastdl
from bench import article_classes, article_data, convolution, dense, digits, functions, sequences
from bench import trees as sentiment
from bench.contestants import Task
from bench.contestants.fastdl_many import WORKS as MANY
from bench.contestants.fastdl_networks import WORKS
from bench.row import digest, together
from fastdl import Sequential, functional, layers, models
from fastdl.compat import bp, cnn
from fastdl.compat.lstm import LstmLayer
from fastdl.optimizers import SGD, Adam

VERSION = fastdl.__version__
EPOCHS = 3  # of one `fit`, which first looks through the data for NaN: once a call, not once an epoch


def _load(net, start):
    with_parameters = [layer for layer in net.layers if layer.params]
    for layer, (weight, bias) in zip(with_parameters, start, strict=True):
        layer.params["weight"][...] = weight
        layer.params["bias"][...] = bias
    return net


def _training(make, x, y, recipe, loss, samples, threads, epochs=1):
    fastdl.set_num_threads(threads)
    net, batch = make(), recipe.batch
    optimizer = SGD(recipe.rate, momentum=recipe.momentum)
    steps = digits.CHECKED_STEPS * batch
    net.fit(x[:steps], y[:steps], batch_size=batch, optimizer=optimizer, loss=loss, shuffle=False, verbose=0)
    check = net.predict(x[:64])
    net = make()
    x, y = x[:samples], y[:samples]

    def run():
        fastdl.set_num_threads(threads)
        net.fit(x, y, epochs=epochs, batch_size=batch, optimizer=optimizer, loss=loss, verbose=0)

    return Task(check, run, epochs * samples / 60_000, lambda: net.predict(x[: digits.LEARNED]))


def _lenet():
    return _load(models.lenet5(seed=0), digits.lenet_start())


def _mlp():
    return _load(models.mlp(input_shape=(1, 28, 28), seed=0), digits.mlp_start())


def lenet_64(threads):
    return _training(_lenet, *digits.mnist(), digits.LENET_64, "cross_entropy", 60_000, threads, EPOCHS)


lenet_64_one_thread = lenet_64


def lenet_100(threads):
    return _training(_lenet, *digits.mnist(), digits.LENET_100, "cross_entropy", 60_000, threads, EPOCHS)


def lenet_1(threads):
    return _training(_lenet, *digits.mnist(), digits.LENET_1, "cross_entropy", 20_000, threads)


def mlp_128(threads):
    return _training(
        _mlp, digits.mnist()[0], digits.mlp_targets(), digits.MLP_128, "squared_error", 60_000, threads, EPOCHS
    )


def mlp_1(threads):
    return _training(_mlp, digits.mnist()[0], digits.mlp_targets(), digits.MLP_1, "squared_error", 60_000, threads)


def convolution_lenet(threads):
    core, draw = fastdl._core.load("float32"), np.random.default_rng(0).standard_normal
    x, weight, y = (core.aligned_zeros(n) for n in (14 * 14 * 6, 5 * 5 * 6 * 16 + 16, 10 * 10 * 16))
    x[:], weight[:-16] = draw(x.size), draw(weight.size - 16)

    def calls(repeats):
        return core.convolution_probe((14, 14, 6), (5, 5, 16), x, weight, y, repeats)

    calls(1)
    image, filters, seen = x.reshape(14, 14, 6), weight[:-16].reshape(5, 5, 6, 16), y.reshape(10, 10, 16)
    expected = reference.cross_correlate2d(
        image.transpose(2, 0, 1)[None].astype(float), filters.transpose(3, 2, 0, 1).astype(float), 0.0, (1, 1), (0, 0)
    )
    np.testing.assert_allclose(seen.transpose(2, 0, 1)[None], expected, atol=1e-4)
    return Task(np.zeros(0), lambda: calls(50_000), 50_000)


def _predict(samples):
    def prepare(threads):
        fastdl.set_num_threads(threads)
        net, x = _lenet(), digits.mnist()[0][:samples].copy()
        calls = max(10, 20_000 // samples)

        def run():
            fastdl.set_num_threads(threads)
            for _ in range(calls):
                net.predict(x)

        return Task(net.predict(x), run, calls)

    return prepare


predict_1, predict_64, predict_1000 = map(_predict, (1, 64, 1000))


def _small():
    parts = [layers.Dense(64, "relu"), layers.Dense(64, "relu"), layers.Dense(1)]
    return Sequential(parts, input_shape=20, seed=0)


def _call(once, calls, threads):
    """Nothing but calls, of work so small that they decide."""
    fastdl.set_num_threads(threads)

    def run():
        for _ in range(calls):
            once()

    return Task(np.zeros(0), run, calls)


def predict_overhead(threads):
    net, x = Sequential([layers.Dense(1)], input_shape=1), np.ones((1, 1), "float32")
    return _call(lambda: net.predict(x), 10_000, threads)


def predictor_overhead(threads):
    net, x = Sequential([layers.Dense(1)], input_shape=1), np.ones((1, 1), "float32")
    predict = net.predictor(1)
    return _call(lambda: predict(x), 10_000, threads)


def small_predict(threads):
    net, x = _small(), np.ones((1, 20), "float32")
    return _call(lambda: net.predict(x), 10_000, threads)


def small_predictor(threads):
    net, x = _small(), np.ones((1, 20), "float32")
    predict = net.predictor(1)
    return _call(lambda: predict(x), 10_000, threads)


def small_build(threads):
    return _call(_small, 1000, threads)


def _small_data(samples):
    # A loss that cannot be learned, at a rate that hardly moves: moments that vanish would be slow denormal numbers.
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal((samples, n)).astype("float32") for n in (20, 1))
    return x, y, {"loss": "squared_error", "optimizer": Adam(1e-6)}


def small_on_batch(threads):
    net, (x, y, how) = _small(), _small_data(32)
    return _call(lambda: net.train_on_batch(x, y, **how), 2000, threads)


def small_step(threads):
    steps, net, (x, y, how) = 1000, _small(), _small_data(32_000)
    task = _call(lambda: net.fit(x, y, batch_size=32, verbose=0, **how), 1, threads)
    return task._replace(share=steps)


def _layer(layer, shape, data, threads, calls=5):
    fastdl.set_num_threads(threads)
    x, weight, dy = data
    layer.build(shape, seed=0)
    layer.params["weight"][...] = weight
    layer.params["bias"][...] = 0

    def once():
        fastdl.set_num_threads(threads)
        return layer.forward(x), layer.backward(dy), layer.grads["weight"]

    def run():
        for _ in range(calls):
            once()

    return Task(digest(*once()), run, calls)


def _channels_last(x):
    """Lay images out in memory as PyTorch's are in this work."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def convolution_64(threads):
    x, weight, dy = convolution.data()
    data = _channels_last(x), weight, _channels_last(dy)
    return _layer(layers.Conv2D(64, 3, padding=1), (64, 32, 32), data, threads)


def _dense(name):
    _, inputs, outputs, _ = dense.CASES[name]
    return lambda threads: _layer(layers.Dense(outputs), inputs, dense.data(name), threads, dense.calls(name))


globals().update({name: _dense(name) for name in dense.CASES})


def _recurrent(cell, batch, inputs, units):
    def prepare(threads):
        fastdl.set_num_threads(threads)
        x, dy, weights = sequences.data(cell, batch, inputs, units)
        layer = {"rnn": layers.RNN, "lstm": layers.LSTM, "gru": layers.GRU}[cell](units, return_sequences=True)
        layer.build((sequences.STEPS, inputs))
        for name, values in weights.items():
            layer.params[name][...] = values
        calls = 100 if batch == 1 else 10

        def run():
            fastdl.set_num_threads(threads)
            for _ in range(calls):
                layer.forward(x)
                layer.backward(dy)

        return Task(sequences.digest(layer.forward(x), layer.backward(dy), layer.grads), run, calls)

    return prepare


globals().update({name: _recurrent(*case) for name, case in sequences.CASES.items()})


def _function(name, function, *options):
    def prepare(threads):
        fastdl.set_num_threads(threads)
        arrays = functions.data(name)

        def run():
            fastdl.set_num_threads(threads)
            for _ in range(functions.CALLS):
                function(*arrays, *options)

        return Task(functions.digest(function(*arrays, *options)), run, functions.CALLS)

    return prepare


im2col = _function("im2col", functional.im2col, 5)
max_pool2d = _function("max_pool2d", functional.max_pool2d, 2)
mean_pool2d = _function("mean_pool2d", functional.mean_pool2d, 2)
expand_sensitivity_map = _function("expand_sensitivity_map", functional.expand_sensitivity_map, 2)
globals().update({n: _function(n, getattr(functional, f"{cell}_step")) for n, (cell, _) in functions.STEPS.items()})


def _language_model(dropout):
    start = sequences.language_start()
    net = models.language_model(
        len(sequences.vocabulary()), units=sequences.UNITS, dim=sequences.DIM, dropout=dropout, seed=0
    )
    names = ("embedding", "weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight", "bias")
    for values, name in zip(net.params.values(), names, strict=True):
        values[...] = start[name]
    return net


def language(threads):
    fastdl.set_num_threads(threads)
    x, y = sequences.windows()
    net, steps = _language_model(0.0), sequences.CHECKED_STEPS * sequences.STREAMS
    arguments = {"batch_size": sequences.STREAMS, "shuffle": False, "verbose": 0}
    net.fit(x[:steps], y[:steps], optimizer=SGD(sequences.CHECKED_RATE, clip_norm=sequences.CLIP), **arguments)
    net.reset_state()
    check = net.predict(x[:4])
    net, timed = _language_model(sequences.DROPOUT), sequences.TIMED_STEPS * sequences.STREAMS
    optimizer = Adam(sequences.RATE, clip_norm=sequences.CLIP)

    def run():
        fastdl.set_num_threads(threads)
        net.fit(x[:timed], y[:timed], optimizer=optimizer, **arguments)

    return Task(check, run, timed * sequences.WINDOW)


def _recursive():
    start = sentiment.start()
    net = Sequential(
        [
            layers.Embedding(len(start["embedding"]), sentiment.UNITS),
            layers.Recursive(sentiment.UNITS, return_nodes=True),
            layers.Dense(sentiment.CLASSES),
        ],
        input_shape=(None,),
        seed=0,
    )
    for values, given in zip(net.params.values(), start.values(), strict=True):
        values[...] = given
    return net


def trees(threads):
    fastdl.set_num_threads(threads)
    x, whole = sentiment.tokens(), sentiment.trees()
    first, checked = whole[: sentiment.CHECKED_STEPS * sentiment.BATCH], whole[: sentiment.CHECKED_TREES]
    net, optimizer = _recursive(), SGD(sentiment.CHECKED_RATE, momentum=0.0)
    arguments = {"batch_size": sentiment.BATCH, "shuffle": False, "verbose": 0}
    net.fit(x[: len(first.words)], first.labels, trees=first, optimizer=optimizer, **arguments)
    check = net.predict(x[: len(checked.words)], trees=checked)
    net, adam = _recursive(), Adam(sentiment.RATE)

    def run():
        fastdl.set_num_threads(threads)
        net.fit(x, whole.labels, trees=whole, epochs=EPOCHS, optimizer=adam, **arguments)

    return Task(check, run, EPOCHS)


trees_by_node = trees


def article_network(threads):
    fastdl.set_num_threads(threads)
    net = bp.Network([784, 300, 10])
    net.parameters = together(*(np.vstack([w.T, b]) for w, b in digits.mlp_start()))
    x, targets = digits.mnist()[0].reshape(-1, 784).astype(float), digits.mlp_targets().astype(float)
    net.train(targets[: digits.CHECKED_STEPS], x[: digits.CHECKED_STEPS], digits.MLP_1.rate, 1)
    check = np.array([net.predict(sample) for sample in x[:20]])
    return Task(check, lambda: net.train(targets, x, digits.MLP_1.rate, 1), 1, lambda: _predictions(net, x))


def _predictions(net, x):
    return np.array([net.predict(sample) for sample in x[: digits.LEARNED]])


def article_convolution(threads):
    fastdl.set_num_threads(threads)
    x, weight, bias, sensitivity = article_data.convolution_data()
    layer = cnn.ConvLayer(14, 14, 6, 5, 5, 16, 0, 1, cnn.ReluActivator(), 0.1)
    identity = cnn.IdentityActivator()
    for one, values, number in zip(layer.filters, weight, bias, strict=True):
        one.weights, one.bias = values, number

    def once():
        layer.forward(x)
        layer.backward(x, sensitivity, identity)

    def check():
        once()
        return together(layer.output_array, layer.delta_array, [one.weights_grad for one in layer.filters])

    return Task.of_calls(check(), once, 500)


def article_pooling(threads):
    fastdl.set_num_threads(threads)
    x, sensitivity = article_data.pooling_data()
    layer = cnn.MaxPoolingLayer(28, 28, 6, 2, 2, 2)

    def once():
        layer.forward(x)
        layer.backward(x, sensitivity)

    def check():
        once()
        return together(layer.output_array, layer.delta_array)

    return Task.of_calls(check(), once, 1000)


def article_lstm(threads):
    fastdl.set_num_threads(threads)
    state, inputs, biases, xs, dh = article_data.lstm_data()
    layer, identity = LstmLayer(128, 128, 0.1), cnn.IdentityActivator()
    for k in "fioc":
        setattr(layer, f"W{k}h", state[k])
        setattr(layer, f"W{k}x", inputs[k])
        setattr(layer, f"b{k}", biases[k])

    def once():
        layer.reset_state()
        for x in xs:
            layer.forward(x)
        layer.backward(xs[-1], dh, identity)

    def check():
        once()
        gradients = (getattr(layer, f"{a}{k}{b}_grad") for k in "fioc" for a, b in (("W", "h"), ("W", "x"), ("b", "")))
        return together(layer.h_list[-1], *gradients)

    return Task.of_calls(check(), once, 20)


def _article_class(prepare):
    def task(threads):
        fastdl.set_num_threads(threads)
        return Task.of_calls(*prepare(lambda module: import_module(f"fastdl.compat.{module}")))

    return task


globals().update({name: _article_class(prepare) for name, prepare in article_classes.WORKS.items()})


globals().update(WORKS | MANY)


def peak(threads):
    """GFLOP/s of nothing but fused multiply-adds."""
    return fastdl._core.load("float32").fma_peak(threads, 0.2)
