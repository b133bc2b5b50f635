"""A small training for the tests of callbacks, and callbacks that observe or interrupt it."""

import numpy as np

from fastdl import Sequential, callbacks, layers, optimizers

EPOCHS, HALF = 8, 4


def network(**options):
    """Return a network that overfits noise: on other data it gets better, then worse."""
    return Sequential(
        [layers.Dense(16, "tanh"), layers.Dropout(0.1), layers.Dense(3)], input_shape=5, **{"seed": 0, **options}
    )


def data(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((40, 5))
    return x, (x[:, :3] + rng.standard_normal((40, 3))).argmax(axis=1)


def fit(net, watchers, *, rate=0.02, validation=True, **options):
    x, y = data()
    held_out = {"validation_data": data(1)} if validation else {}
    options = {"epochs": EPOCHS, "optimizer": optimizers.SGD(rate, momentum=0.9), **held_out, **options}
    return net.fit(x, y, batch_size=8, callbacks=watchers, verbose=0, **options)


class Alarm(Exception):
    pass


class Ends(callbacks.Callback):
    """Raises an error in an epoch."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_batch_block(self, net, done, total, logs):
        if logs["epoch"] == self.epoch:
            raise Alarm


class Adds(callbacks.Callback):
    """Adds a figure."""

    def on_epoch_end(self, net, epoch, logs):
        logs["twice"] = 2 * logs["loss"]


class Last(callbacks.Callback):
    """Is called last in an epoch, and keeps what a function returns."""

    place = 9

    def __init__(self, told):
        self.told, self.kept = told, {}

    def on_epoch_end(self, net, epoch, logs):
        self.kept[epoch] = self.told(net, epoch)


def figures(history):
    return {name: values for name, values in history.history.items() if name != "seconds"}


def run(callback, values, net=None, name="val_loss"):
    """Pass these figures to a callback; return the rate after each epoch, and the epoch of the final parameters."""
    net, rates = net or network(), []
    net.training_state.optimizer = optimizers.SGD(0.1)
    callback.on_fit_begin(net, len(values), 1)
    for epoch, value in enumerate(values, 1):
        callback.on_epoch_begin(net, epoch)
        net.parameters[...] = epoch
        ends = callback.on_epoch_end(net, epoch, {"epoch": epoch, name: value})
        rates.append(net.training_state.optimizer.lr)
        if ends:
            break
    callback.on_fit_end(net)
    return rates, int(net.parameters[0])
