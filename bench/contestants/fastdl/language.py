"""A language model."""

import fastdl
from bench import sequences
from bench.contestants import Task
from fastdl import models
from fastdl.optimizers import SGD, Adam


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


WORKS = {"language": language}
