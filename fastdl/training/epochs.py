"""The epochs of a training, each with its callbacks and its validation."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from time import perf_counter
from typing import TYPE_CHECKING, Any

from .._threads import read_environment
from ..callbacks import Callback
from ..callbacks.keeping import go_on, states_for
from .history import History
from .machines import ALONE, Machines
from .state import TrainingState

if TYPE_CHECKING:
    from ..optimizers import Optimizer
    from ..sequential import Sequential


class _Before:
    """The state before a call of `fit`, which is restored if no step is taken.

    The parameters are not if there was nothing to do: `EarlyStopping` may have put back those of the best epoch.
    """

    def __init__(self, net: Sequential, optimizer: Optimizer) -> None:
        last, states = net.training_state, net.flat_states
        self._net, self._history, self._parameters = net, net.history, net.parameters.copy()
        self._state, self._epochs, self._kept = last, last.epochs, last.kept
        self._optimizer, self._lr = optimizer, optimizer.lr
        self._random, self._states = net.generator.bit_generator.state, None if states is None else states.copy()

    def restore(self, failed: bool) -> None:
        net, last = self._net, self._state
        with net.turn.lock:
            if failed:
                net.parameters[...] = self._parameters  # which a callback may have changed
                net.turn.count_change()
            net.history, net.training_state = self._history, last
            last.epochs, last.kept = self._epochs, self._kept
            net.generator.bit_generator.state, net.flat_states = self._random, self._states
            if self._optimizer.lr is not self._lr:  # a callback has set it
                self._optimizer.lr = self._lr


def run_epochs(
    net: Sequential,
    training: TrainingState,
    epochs: range,
    samples: int,
    watchers: list[Callback],
    train: Callable[[int], dict[str, float]],
    validate: Callable[[], dict[str, float]],
    machines: Machines = ALONE,
    **settings: Any,
) -> History:
    """Train and validate epoch after epoch, with callbacks, until the last epoch or until a callback ends it.

    The training state becomes the network's. Loggers read the settings.
    """
    read_environment()
    before, begun, steps = _Before(net, training.optimizer), [], training.steps
    history, failed = History(), True
    try:
        net.history = history
        net.training_state = training
        states = states_for(watchers, training.callbacks() if epochs.start > 1 else [])
        training.epochs, training.watchers, training.settings = epochs.start - 1, watchers, settings
        training.kept = []  # those of an earlier call say nothing of parameters that are trained without them
        for watcher, state in zip(watchers, states, strict=True):
            begun.append(watcher)
            watcher.on_fit_begin(net, epochs.stop - 1, samples)
            if state is not None:
                go_on(net, watcher, state)
        for epoch in epochs:
            start = perf_counter()
            for watcher in watchers:
                watcher.on_epoch_begin(net, epoch)
            logs: dict[str, Any] = {"epoch": epoch, **train(epoch)}
            seconds = logs.pop("seconds", perf_counter() - start)  # given if several epochs were taken together
            for watcher in watchers:
                watcher.on_epoch_trained(net, epoch)
            seconds = machines.seconds_of_epoch(seconds, net.parameters)
            logs.update(validate(), seconds=seconds)
            history.append(logs)
            training.epochs = epoch
            stops = [watcher.on_epoch_end(net, epoch, logs) for watcher in watchers]  # a list, so that all are called
            if machines.any(any(stops)):
                break
        failed = False
    except BaseException as error:
        training.error = error if training.error is None else training.error
        raise
    finally:  # all callbacks see the end, even if one of them raises
        with ExitStack() as ends:
            if training.steps == steps:
                ends.callback(before.restore, failed)
            ends.callback(training.rest)
            for watcher in reversed(begun):
                ends.callback(watcher.on_fit_end, net)
    machines.check_alike({"parameters in the end, which callbacks must change alike": net.parameters})
    return history
