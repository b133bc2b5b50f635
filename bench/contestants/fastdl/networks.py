"""Networks of current kinds, ours."""

import fastdl
from bench import networks
from bench.contestants import Task
from fastdl import Sequential, layers
from fastdl.optimizers import SGD, Adam


def _layer(part, in_time):
    kind, *settings = part
    if kind == "conv":
        filters, size, stride, groups = settings
        make = layers.Conv1D if in_time else layers.Conv2D
        return make(filters, size, stride=stride, padding=size // 2, groups=groups)
    if kind == "add":
        through, around = ([_layer(inner, in_time) for inner in way] for way in settings)
        return layers.Parallel([through, around], "sum") if around else layers.Residual(through)
    return {
        "norm": layers.BatchNorm,
        "layer_norm": layers.LayerNorm,
        "attention": lambda heads: layers.SelfAttention(heads, causal=True),
        "tokens": layers.Embedding,
        "places": lambda steps, _: layers.PositionalEmbedding(steps),
        "dense": layers.Dense,
        "relu": lambda: layers.Activation("relu"),
        "gelu": lambda: layers.Activation("gelu"),
        "mean": layers.GlobalMeanPool,
    }[kind](*settings)


def _network(name):
    case = networks.CASES[name]
    made = [_layer(part, len(case.shape) == 2) for part in case.parts]
    net = Sequential(made, input_shape=case.shape, seed=0)
    for values, given in zip(net.params.values(), networks.start(name), strict=True):
        values[...] = given
    return net


def _training(name):
    def prepare(threads):
        fastdl.set_num_threads(threads)
        case, (x, y) = networks.CASES[name], networks.data(name)
        loss, few = "cross_entropy" if case.labelled else "squared_error", slice(networks.CHECKED_BATCH)
        net = _network(name)
        for _ in range(networks.CHECKED_STEPS):
            net.train_on_batch(x[few], y[few], loss=loss, optimizer=SGD(networks.CHECKED_RATE, momentum=0.0))
        check = net.predict(x[few])
        net = _network(name)
        optimizer = Adam(networks.ADAM_RATE) if case.adam else SGD(networks.RATE, momentum=networks.MOMENTUM)

        def run():
            fastdl.set_num_threads(threads)
            net.fit(x, y, batch_size=case.batch, loss=loss, optimizer=optimizer, verbose=0)

        return Task(check, run, len(x))

    return prepare


def _predict(name):
    def prepare(threads):
        fastdl.set_num_threads(threads)
        net, x = _network(name), networks.data(name)[0][:1].copy()
        return Task.of_calls(net.predict(x), lambda: net.predict(x), networks.CALLS[name])

    return prepare


WORKS = {
    **{f"{name}_training": _training(name) for name in networks.CASES},
    **{f"{name}_predict": _predict(name) for name in networks.CASES},
}
