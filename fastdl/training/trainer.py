"""The training loop: what `Sequential.fit` does between checks and the compiled engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .._threads import read_environment
from .._validation.values import as_flag, as_int, as_number
from ..callbacks import Callback
from ..callbacks.checks import as_callbacks
from ..callbacks.keeping import go_on, states_for
from ..layers.container import check_called
from ..losses.choice import AnyLoss, chosen
from ..losses.own import Own
from ..metrics.choice import Metrics, as_metrics
from ..optimizers import Optimizer
from .agreement import agree
from .batches import Batches
from .doubts import warn_of_logits, warn_of_single_samples, warn_of_unknown_labels
from .examples import Examples, examples_of, figures_of
from .history import History
from .machines import ALONE, Machines
from .mixing import mixable
from .passes import Passes
from .running import measure
from .state import TrainingState
from .stepping import means
from .steps import step_on
from .stream import Stream, are_batches, check_unused, examples_in

if TYPE_CHECKING:
    from ..sequential import Sequential


class _Before:
    """The state before a call of `fit`, restored where a callback or the user's loss refuses it first."""

    def __init__(self, net: Sequential) -> None:
        last = net.training_state
        self._net, self._history, self._parameters = net, net.history, net.parameters.copy()
        self._state, self._epochs, self._kept = last, last.epochs, last.kept

    def put_back(self) -> None:
        net, last = self._net, self._state
        with net.turn.lock:
            net.parameters[...] = self._parameters  # of which early stopping, for one, may have found better ones
            net.history, net.training_state = self._history, last
            last.epochs, last.kept = self._epochs, self._kept


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
    """Train and validate epoch after epoch, with callbacks around, until the last or until one of them ends it.

    The state, with which the training begins, is the network's from now on. The settings are what logs tell of it.
    """
    read_environment()
    before, begun, steps = _Before(net), [], training.steps
    net.history = history = History()
    net.training_state = training
    states = states_for(watchers, training.callbacks() if epochs.start > 1 else [])
    training.epochs, training.watchers, training.settings = epochs.start - 1, watchers, settings
    try:
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
            seconds = logs.pop("seconds", perf_counter() - start)  # its share, where it was taken with others
            for watcher in watchers:
                watcher.on_epoch_trained(net, epoch)
            seconds = machines.seconds_of_epoch(seconds, net.parameters)
            logs.update(validate(), seconds=seconds)
            history.append(logs)
            training.epochs = epoch
            stops = [watcher.on_epoch_end(net, epoch, logs) for watcher in watchers]  # all of them see it
            if machines.any(any(stops)):
                break
    except BaseException as error:
        training.error = error if training.error is None else training.error
        raise
    finally:  # whatever ended it, and whatever one of them raises, all of them see its end
        with ExitStack() as ends:
            if training.steps == steps:
                ends.callback(before.put_back)
            ends.callback(training.rest)
            for watcher in reversed(begun):
                ends.callback(watcher.on_fit_end, net)
    machines.check_alike({"parameters in the end, which callbacks must change alike": net.parameters})
    return history


def check_verbose(verbose: Any) -> None:
    """Check how it is to be shown how a training goes."""
    if not isinstance(verbose, (int, str)) or verbose not in (0, 1, "bar"):
        raise ValueError(f"verbose must be 0, 1 or 'bar'; received {verbose!r}")


def _shown(verbose: Any) -> list[Callback]:
    """Give what shows how it goes."""
    check_verbose(verbose)
    if not verbose:
        return []
    from .. import callbacks

    return [callbacks.Progress() if verbose == "bar" else callbacks.PrintEpochs()]


class Training(NamedTuple):
    """A call of `Sequential.fit` all of whose arguments are checked.

    Attributes
    ----------
    work : float
        The multiply-adds of a pass forward over all of its samples and epochs; infinite where it is not known how many.
    run : callable
    """

    work: float
    run: Callable[[], History]


class Trainer:
    """A call of `Sequential.fit` or `train_on_batch`, which leaves the network as it was until all is checked."""

    def __init__(
        self, net: Sequential, loss: AnyLoss | None, optimizer: Optimizer | None, machines: Machines = ALONE
    ) -> None:
        check_called(net, "the network", ("forward", "backward", "step"), "training")
        self.net, self.machines, last = net, machines, net.training_state
        self.loss = chosen(loss, last.loss)
        self.state = last.following(self.loss, optimizer, net)
        if self.loss.leaves_out != "identity":
            warn_of_logits(net, self.loss)

    def _begin(self) -> None:
        if self.net.training_state is not self.state:
            self.net.training_state = self.state

    def training(
        self,
        x: Any,
        y: Any,
        epochs: int,
        initial_epoch: int,
        batch_size: int | None,
        validation_data: Any,
        validation_split: float,
        shuffle: bool | None,
        sample_weight: Any,
        class_weight: Any,
        mixup: float,
        lengths: Any,
        trees: Any,
        metrics: Any,
        callbacks: Iterable[Callback],
        verbose: int | str,
    ) -> Training:
        """Check what `Sequential.fit` is given, and give what does what it says."""
        net = self.net
        epochs = as_int(epochs, "epochs")
        if as_int(initial_epoch, "initial_epoch", least=0) > epochs:
            raise ValueError(f"initial_epoch must be at most epochs, {epochs}; received {initial_epoch}")
        shown = _shown(verbose)
        measures, of_batches = as_metrics(metrics), are_batches(x, y)
        if of_batches:
            check_unused(
                batch_size=batch_size, validation_split=validation_split or None, shuffle=shuffle,
                sample_weight=sample_weight, mixup=mixup or None, lengths=lengths, trees=trees,
            )  # fmt: skip
        batch_size = as_int(64 if batch_size is None else batch_size, "batch_size", most=np.inf)
        shuffle = as_flag(True if shuffle is None else shuffle, "shuffle")
        passes: Batches | Passes
        if of_batches:
            stream = Stream(x, "x", partial(self._checked, class_weight), times=epochs - initial_epoch)
            passes = Batches(net, self.state, self.loss, stream, self.machines)
            held_out = self._held_out(validation_data, epochs - initial_epoch)
        else:
            data = examples_of(net, x, y, lengths, trees, sample_weight, self.loss)
            data, held_out = self._parted(data, validation_data, validation_split, epochs - initial_epoch)
            batch = min(batch_size, len(data))
            self._check_order(len(data), batch, shuffle)
            data = self._weighted(data, class_weight)
            if as_number(mixup, "mixup"):
                data = mixable(net, data)
            watched = held_out is not None
            passes = Passes(net, self.state, self.loss, data, batch, shuffle, mixup, watched, self.machines)
            if batch == 1:
                warn_of_single_samples(net)
            self.state.rates(passes.steps)
        held = self._held_figures(held_out, batch_size, shuffle and not of_batches, measures)
        watchers = self.machines.callers(as_callbacks(callbacks, [*passes.figures, *held], shown))

        def train(epoch: int) -> dict[str, float]:
            return passes.take(epoch, epochs, watchers)

        def validate() -> dict[str, float]:
            if held_out is None:
                return {}
            size = batch_size if isinstance(held_out, Stream) else min(batch_size, len(held_out))
            measured = measure(net, held_out, self.loss, measures, size, self.machines)
            return {f"val_{name}": value for name, value in measured.items()}

        def run() -> History:
            agree(
                self.machines, net, self.state, self.loss, None if of_batches else data, held_out, batch_size,
                {"epochs": (initial_epoch, epochs), "shuffle": shuffle, "mixup": mixup, "metrics": list(measures)},
            )  # fmt: skip
            return run_epochs(
                net, self.state, range(initial_epoch + 1, epochs + 1), passes.samples, watchers, train, validate,
                self.machines,
                loss=self.loss.function if isinstance(self.loss, Own) else self.loss,
                batch_size=None if of_batches else batch_size,
            )  # fmt: skip

        return Training((epochs - initial_epoch) * passes.work, run)

    def _held_figures(
        self, held_out: Examples | Stream[Examples] | None, batch_size: int, shuffle: bool, measures: Metrics
    ) -> list[str]:
        """Check what is to be validated on, and name what will be measured, or may be."""
        if held_out is None:
            if measures:
                raise ValueError(
                    f"metrics are of validation data, which validation_data or validation_split must give; "
                    f"received {', '.join(measures)} and neither"
                )
            return []
        if isinstance(held_out, Stream):
            return [f"val_{name}" for name in {**figures_of(True, 0.0, 0.0), **measures}]
        if not held_out.counts():
            raise ValueError("validation_split must leave labels on both sides; received none that counts on one")
        self._check_order(len(held_out), min(batch_size, len(held_out)), shuffle)
        held_out.check_metrics(measures, self.loss, self.net.output_shape[-1])
        return [f"val_{name}" for name in {**held_out.figures(0.0, 0.0), **measures}]

    def _weighted(self, data: Examples, class_weight: Any) -> Examples:
        """Check that there is something to learn from, and weight it by its labels."""
        if not data.counts():
            raise ValueError("validation_split must leave labels on both sides; received none that counts on one")
        if class_weight is not None:
            data = data.weighted_by_class(class_weight, self.loss, self.net.output_shape[-1])
        data.check_weights()
        return data

    def _parted(
        self, data: Examples, validation_data: Any, validation_split: float, times: int
    ) -> tuple[Examples, Examples | Stream[Examples] | None]:
        """Give what to train on, and what to validate on."""
        if as_number(validation_split, "validation_split", high=1.0):
            if validation_data is not None:
                raise ValueError("validation_split must be 0 with validation_data; received both")
            split = int(len(data) * validation_split)
            if split in (0, len(data)):
                raise ValueError(
                    f"validation_split must leave samples to train on, and some to validate on; received "
                    f"{validation_split} of {len(data)}"
                )
            kept, held_out = data.part(0, len(data) - split), data.part(len(data) - split, len(data))
            warn_of_unknown_labels(kept, held_out, self.loss)
            return kept, held_out
        return data, self._held_out(validation_data, times)

    def _held_out(self, validation_data: Any, times: int) -> Examples | Stream[Examples] | None:
        """Give what to validate on so many times, of what was given for it: a tuple is (x, y), whatever these are."""
        if validation_data is None:
            return None
        if not isinstance(validation_data, tuple) and are_batches(validation_data):
            return Stream(validation_data, "validation_data", partial(self._checked, None), "validation ", times)
        return self._checked(None, validation_data, "validation_data", "validation ")

    def _checked(self, class_weight: Any, given: Any, name: str, prefix: str) -> Examples:
        """Give what a tuple holds, checked."""
        data = examples_in(self.net, given, name, prefix, self.loss)
        if class_weight is None:
            return data
        return data.weighted_by_class(class_weight, self.loss, self.net.output_shape[-1])

    def train_on_batch(self, x: Any, y: Any, sample_weight: Any, lengths: Any, trees: Any) -> dict[str, float]:
        """Do what `Sequential.train_on_batch` says."""
        data = examples_of(self.net, x, y, lengths, trees, sample_weight, self.loss)
        data.check_weights()
        rates, states = self.state.rates(1), self.net.states_for(data.samples.count)
        last, steps = self.net.training_state, self.state.steps
        self._begin()
        try:
            sums = step_on(self.net, self.state, self.loss, data, self.net.draw(), rates, states)
        except BaseException:
            if self.state.steps == steps:  # none was taken
                self.net.training_state = last
            raise
        return data.figures(*means(sums))

    def _check_order(self, samples: int, batch: int, shuffle: bool) -> None:
        if not self.net.stateful:
            return
        if shuffle:
            raise ValueError("shuffle must be False for stateful layers: a batch goes on from the one before")
        if samples % batch:
            raise ValueError(f"batch_size must divide the {samples} samples, for stateful layers; received {batch}")
