"""A call of `Sequential.fit` or `train_on_batch`: all arguments are checked before the network changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .._validation.values import as_flag, as_int, as_number
from ..callbacks import Callback
from ..callbacks.checks import as_callbacks
from ..layers.chains import check_called
from ..losses.choice import AnyLoss, chosen
from ..losses.custom import Custom
from ..metrics.choice import as_metrics
from ..optimizers import Optimizer
from .agreement import agree
from .batches import Batches
from .epochs import run_epochs
from .evaluation import check_continues
from .examples import Examples, examples_of
from .history import History
from .machines import ALONE, Machines
from .mixup import mixable
from .passes import Passes
from .sanity_checks import warn_of_logits, warn_of_single_samples
from .stepping import means
from .steps import step_on
from .stream import Stream, are_batches, check_unused, examples_in
from .validation import Validation, held_out, split

if TYPE_CHECKING:
    from ..sequential import Sequential


def check_verbose(verbose: Any) -> None:
    """Check that `verbose` names a way to show a training."""
    if not isinstance(verbose, (int, str)) or verbose not in (0, 1, "bar"):
        raise ValueError(f"verbose must be 0, 1 or 'bar'; received {verbose!r}")


def _shown(verbose: Any) -> list[Callback]:
    """Return the callback that shows the training, if any."""
    check_verbose(verbose)
    if not verbose:
        return []
    from .. import callbacks

    return [callbacks.Progress() if verbose == "bar" else callbacks.PrintEpochs()]


class Training(NamedTuple):
    """A call of `Sequential.fit` whose arguments have been checked.

    Attributes
    ----------
    work : float
        The multiply-adds of the forward passes over all samples and epochs; infinite if their number is not known.
    run : callable
        Trains, and returns the history.
    """

    work: float
    run: Callable[[], History]


class Trainer:
    """A call of `Sequential.fit` or `train_on_batch`, which changes the network only once all arguments are checked."""

    def __init__(
        self, net: Sequential, loss: AnyLoss | None, optimizer: Optimizer | None, machines: Machines = ALONE
    ) -> None:
        check_called(net, "the network", ("forward", "backward", "step"), "training")
        self.net, self.machines, last = net, machines, net.training_state
        self.loss = chosen(loss, last.loss)
        self.state = last.following(self.loss, optimizer, net)
        if self.loss.leaves_out != "identity" or isinstance(self.loss, Custom):
            warn_of_logits(net, self.loss)

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
        """Check the arguments of `Sequential.fit`."""
        net = self.net
        epochs = as_int(epochs, "epochs")
        if as_int(initial_epoch, "initial_epoch", least=0) > epochs:
            raise ValueError(f"initial_epoch must be at most epochs, {epochs}; received {initial_epoch}")
        left = epochs - initial_epoch
        shown = _shown(verbose)
        metrics, of_batches = as_metrics(metrics), are_batches(x, y)
        if of_batches:
            check_unused(
                batch_size=batch_size, validation_split=validation_split or None, shuffle=shuffle,
                sample_weight=sample_weight, mixup=mixup or None, lengths=lengths, trees=trees,
            )  # fmt: skip
        batch_size = as_int(64 if batch_size is None else batch_size, "batch_size", most=np.inf)
        shuffle = as_flag(not of_batches if shuffle is None else shuffle, "shuffle")
        passes: Batches | Passes
        if of_batches:
            stream = Stream(x, "x", partial(self._batch, class_weight), times=left)
            held = held_out(net, validation_data, self.loss, left)
            passes = Batches(net, self.state, self.loss, stream, self.machines)
        else:
            data = examples_of(net, x, y, lengths, trees, sample_weight, self.loss)
            data, held = self._parted(data, validation_data, validation_split, left)
            data = self._weighted(data, class_weight)
            passes = self._passes(data, batch_size, shuffle, mixup, held is not None)
        validation = Validation(net, self.loss, held, metrics, batch_size, self.machines)
        validation.check(shuffle)
        watchers = self.machines.callers(as_callbacks(callbacks, [*passes.figures, *validation.figures], shown))

        def train(epoch: int) -> dict[str, float]:
            return passes.take(epoch, epochs, watchers)

        def run() -> History:
            agree(
                self.machines, net, self.state, self.loss, passes.data, held, batch_size,
                {"epochs": (initial_epoch, epochs), "shuffle": shuffle, "mixup": mixup, "metrics": list(metrics)},
            )  # fmt: skip
            return run_epochs(
                net, self.state, range(initial_epoch + 1, epochs + 1), passes.samples, watchers, train,
                validation.measure, self.machines,
                loss=self.loss.function if isinstance(self.loss, Custom) else self.loss,
                batch_size=None if of_batches else batch_size,
            )  # fmt: skip

        return Training(left * passes.work, run)

    def _parted(
        self, data: Examples, validation_data: Any, validation_split: float, left: int
    ) -> tuple[Examples, Examples | Stream[Examples] | None]:
        """Return the samples to train on, and those to validate on ``left`` times, if any."""
        if not as_number(validation_split, "validation_split", high=1.0):
            return data, held_out(self.net, validation_data, self.loss, left)
        if validation_data is not None:
            raise ValueError("validation_split must be 0 with validation_data; received both")
        return split(data, validation_split, self.loss)

    def _passes(self, data: Examples, batch_size: int, shuffle: bool, mixup: float, watched: bool) -> Passes:
        """Check that the network can be trained on these samples, in batches of this size."""
        net, batch = self.net, min(batch_size, len(data))
        check_continues(net, len(data), batch, shuffle)
        data.check_weights()
        if as_number(mixup, "mixup"):
            data = mixable(net, data)
        passes = Passes(net, self.state, self.loss, data, batch, shuffle, mixup, watched, self.machines)
        if batch == 1:
            warn_of_single_samples(net)
        self.state.rates(passes.steps)
        return passes

    def _batch(self, class_weight: Any, given: Any, name: str, prefix: str) -> Examples:
        """Check one of the batches that x gives."""
        return self._weighted(examples_in(self.net, given, name, prefix, self.loss), class_weight)

    def _weighted(self, data: Examples, class_weight: Any) -> Examples:
        if class_weight is None:
            return data
        return data.weighted_by_class(class_weight, self.loss, self.net.output_shape[-1])

    def train_on_batch(self, x: Any, y: Any, sample_weight: Any, lengths: Any, trees: Any) -> dict[str, float]:
        """Take one step on one batch."""
        net, state = self.net, self.state
        data = examples_of(net, x, y, lengths, trees, sample_weight, self.loss)
        data.check_weights()
        rate, states = state.next_rate(), net.states_for(data.samples.count)
        return data.figures(*means(*step_on(net, state, self.loss, data, net.draw(), rate, states)))
