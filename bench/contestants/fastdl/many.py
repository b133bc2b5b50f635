"""Many networks at once, ours: side by side, and one after another."""

import numpy as np

import fastdl
from bench import many
from bench.contestants import Task
from fastdl import Sequential, layers
from fastdl.optimizers import SGD, Adam


def _networks(name):
    sizes, found = many.CASES[name].sizes, []
    for k in range(many.NETWORKS):
        hidden = [layers.Dense(units, "relu") for units in sizes[1:-1]]
        net = Sequential([*hidden, layers.Dense(sizes[-1])], input_shape=sizes[0], seed=k)
        for values, given in zip(net.params.values(), many.start(name), strict=True):
            values[...] = given[k]
        found.append(net)
    return found


def _in_turn(nets, x, y, **arguments):
    for net in nets:
        net.fit(x, y, **arguments)


def _training(name, fit):
    def prepare(threads):
        fastdl.set_num_threads(threads)
        case, (x, y) = many.CASES[name], many.data(name)
        loss, few = "cross_entropy" if case.labelled else "squared_error", slice(many.CHECKED_BATCH)
        nets = _networks(name)
        descent = SGD(many.CHECKED_RATE, momentum=0.0)
        fit(nets, x[few], y[few], epochs=many.CHECKED_STEPS, loss=loss, optimizer=descent, verbose=0)
        check = [net.predict(x[few]) for net in nets]
        nets = _networks(name)
        arguments = {"batch_size": case.batch, "loss": loss, "optimizer": Adam(many.ADAM_RATE), "verbose": 0}
        fit(nets, x, y, **arguments)

        def run():
            fastdl.set_num_threads(threads)
            fit(nets, x, y, epochs=case.epochs, **arguments)

        return Task(np.array(check), run, case.steps)

    return prepare


WORKS = {
    **{name: _training(name, fastdl.fit_many) for name in many.CASES},
    **{f"{name}_in_turn": _training(name, _in_turn) for name in many.CASES},
}
