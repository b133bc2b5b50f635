"""`EarlyStopping`: when it ends a training, and the parameters it goes back to."""

import numpy as np
import pytest
from watched import run

from fastdl import Sequential, callbacks, layers, optimizers


def test_early_stopping(rng):
    x, y = rng.standard_normal((64, 5)), rng.integers(0, 3, 64)  # noise: it can be learned by heart alone
    net = Sequential([layers.Dense(64, "relu"), layers.Dense(3)], input_shape=5, seed=0)
    seen = []

    class Watch(callbacks.Callback):
        def on_epoch_end(self, net, epoch, logs):
            seen.append((logs["val_loss"], net.parameters.copy()))

    stopping = callbacks.EarlyStopping(patience=2)
    history = net.fit(
        x,
        y,
        epochs=200,
        validation_split=0.5,
        optimizer=optimizers.Adam(0.02),
        verbose=0,
        callbacks=[stopping, Watch()],
    ).history
    losses = history["val_loss"]
    assert len(losses) == len(seen) < 200
    assert stopping.best_epoch == len(losses) - 2 == int(np.argmin(losses)) + 1
    assert stopping.best == min(losses)
    assert (net.parameters == seen[stopping.best_epoch - 1][1]).all()
    # What is not a loss is to be high.
    stopping = callbacks.EarlyStopping("accuracy", patience=1)
    history = net.fit(x, y, epochs=5, verbose=0, callbacks=[stopping]).history
    assert stopping.best == max(history["accuracy"])
    # Callbacks see the end in their order: those after it the parameters that it went back to.
    ends = []

    class End(callbacks.Callback):
        def on_fit_end(self, net):
            ends.append((self, net.parameters.copy()))

    one, other, stopping = End(), End(), callbacks.EarlyStopping("loss", mode="max")
    net.fit(x, y, epochs=2, optimizer=optimizers.SGD(0.1), verbose=0, callbacks=[one, stopping, other])
    assert [end[0] for end in ends] == [one, other]
    assert (ends[0][1] != ends[1][1]).any()
    assert (ends[1][1] == net.parameters).all()
    # NaN is no better than anything.
    for values, best in (([np.nan, 0.5, 0.4, 0.3], 4), ([0.5, np.nan, 0.4], 3), ([np.nan, np.nan], 1)):
        stopping = callbacks.EarlyStopping(patience=9)
        stopping.on_fit_begin(net, 9, 1)
        for epoch, value in enumerate(values, 1):
            stopping.on_epoch_end(net, epoch, {"val_loss": value})
        assert stopping.best_epoch == best
    # Another callback may add the figure, or not.
    with pytest.raises(ValueError, match="monitor must be one of epoch, loss, accuracy, seconds; received 'val_loss'"):
        net.fit(x, y, verbose=0, callbacks=[End(), callbacks.EarlyStopping()])
    with pytest.raises(ValueError, match="patience must be at least 1; received 0"):
        callbacks.EarlyStopping(patience=0)


@pytest.mark.parametrize(
    ("monitor", "mode", "values", "best"),
    [
        ("val_mae", "min", [3, 2, 4], 2),
        ("val_r2", "max", [3, 2, 4], 3),
        ("val_f1", None, [3, 2, 4], 3),
        ("loss", None, [3, 2, 4], 2),
        ("accuracy", "min", [3, 2, 4], 2),
        ("loss", None, [2, 2, 2], 1),  # as good is no better
        ("accuracy", None, [2, 2, 2], 1),
    ],
)
def test_whether_a_figure_is_to_be_low(monitor, mode, values, best, rng):
    class Added(callbacks.Callback):
        def on_epoch_end(self, net, epoch, logs):
            logs[monitor] = values[epoch - 1]

    stopping = callbacks.EarlyStopping(monitor, mode=mode)
    net = Sequential([layers.Dense(3)], input_shape=4, seed=0)
    net.fit(rng.standard_normal((8, 4)), np.arange(8) % 3, epochs=3, callbacks=[Added(), stopping], verbose=0)
    assert stopping.best_epoch == best


def test_modes():
    for monitor, mode in (("val_mae", None), ("val_my_figure", None), ("val_neg_log_loss", None), ("val_loss", "low")):
        with pytest.raises(ValueError, match=f"mode of monitor '{monitor}' must be one of min, max"):
            callbacks.EarlyStopping(monitor, mode=mode)
    with pytest.raises(TypeError, match="monitor must be the name of a figure; received 7"):
        callbacks.EarlyStopping(7)


@pytest.mark.parametrize(
    ("options", "values", "end", "best"),
    [
        ({"patience": 2}, [5, 4, 5, 4, 3], 4, 2),  # as good is no better
        ({"patience": 2}, [5, 4, 5, 3, 3, 3], 6, 4),
        ({"patience": 1, "min_delta": 0.5}, [5, 4, 3.6, 1], 3, 2),
        ({"patience": 1, "min_delta": 0.25}, [5, 4, 3.6, 3.5], 4, 3),
        ({"patience": 2, "baseline": 3}, [5, 4, 2], 2, 2),  # better, but than the baseline
        ({"patience": 3, "baseline": 3}, [5, 4, 2, 3, 3, 3], 6, 3),
        ({"patience": 1, "start_from_epoch": 3}, [1, 2, 5, 4, 4], 5, 4),
        ({"patience": 1, "start_from_epoch": 9}, [1, 2, 5, 4, 4], 5, 5),  # no epoch counts: nothing to go back to
        ({"patience": 2, "mode": "max"}, [5, 4, 6, 6, 6], 5, 3),
        ({"patience": 2, "mode": "max", "baseline": 7}, [5, 6, 8], 2, 2),
    ],
)
def test_when_it_ends_and_what_is_best(options, values, end, best):
    stopping = callbacks.EarlyStopping(**options)
    rates, parameters = run(stopping, values)
    assert (len(rates), parameters) == (end, best)
    if options.get("start_from_epoch") != 9:
        assert (stopping.best_epoch, stopping.best) == (best, values[best - 1])
