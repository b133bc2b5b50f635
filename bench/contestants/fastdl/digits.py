"""LeNet-5 and the MLP on MNIST, trained and predicting."""

import fastdl
from bench import digits
from bench.contestants import Task
from fastdl import models
from fastdl.optimizers import SGD

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
    return _load(
        models.mlp(activation="sigmoid", output="sigmoid", input_shape=(1, 28, 28), seed=0), digits.mlp_start()
    )


def lenet_64(threads):
    return _training(_lenet, *digits.mnist(), digits.LENET_64, "cross_entropy", 60_000, threads, EPOCHS)


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


def predictor_1(threads):
    fastdl.set_num_threads(threads)
    net, x, calls = _lenet(), digits.mnist()[0][:1].copy(), 20_000
    predict = net.predictor(1)

    def run():
        fastdl.set_num_threads(threads)
        for _ in range(calls):
            predict(x)

    return Task(predict(x).copy(), run, calls)


WORKS = {
    "lenet_64": lenet_64,
    "lenet_64_one_thread": lenet_64,
    "lenet_100": lenet_100,
    "lenet_1": lenet_1,
    "mlp_128": mlp_128,
    "mlp_1": mlp_1,
    **{f"predict_{samples}": _predict(samples) for samples in (1, 64, 1000)},
    "predictor_1": predictor_1,
}
