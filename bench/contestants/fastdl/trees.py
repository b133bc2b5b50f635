"""A recursive network."""

import fastdl
from bench import trees as sentiment
from bench.contestants import Task
from fastdl import Sequential, layers
from fastdl.optimizers import SGD, Adam

from .digits import EPOCHS


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


WORKS = {"trees": trees, "trees_by_node": trees}
