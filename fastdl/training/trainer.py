"""The training loop: what `Sequential.fit` does between checks and the compiled engine."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from .._types import Array
from .._validation.values import as_flag, as_int, as_number
from ..callbacks import Callback, PrintEpochs
from ..callbacks.checks import as_callbacks
from ..callbacks.keeping import go_on, states_for
from ..layers import Activation, Conv1D, Conv2D, Dense, Dropout, Flatten
from ..losses import Loss
from ..losses.choice import AnyLoss, chosen
from ..metrics.choice import as_metrics
from ..optimizers import Optimizer
from .examples import Examples, examples_of
from .history import History
from .running import measure
from .stepping import take_pass
from .steps import Steps

if TYPE_CHECKING:
    from ..sequential import Sequential


def _check_logits(net: Sequential, loss: Loss) -> None:
    """Warn where a loss would take for logits what an activation gave."""
    layers = [layer for layer in net.layers if not isinstance(layer, (Dropout, Flatten))]
    last = layers[-1] if layers else None
    name = (
        last.name
        if isinstance(last, Activation)
        else last.activation
        if isinstance(last, (Conv1D, Conv2D, Dense))
        else None
    )
    left_out = {loss.leaves_out} if last is net.layers[-1] else set()
    if name in {"relu", "sigmoid", "softmax", "tanh"} - left_out:
        warnings.warn(
            f"{loss.name} takes the outputs of {last!r} for logits, and puts a {loss.leaves_out} after its {name}: "
            f"leave the {name} out",
            stacklevel=4,
        )


def run_epochs(
    net: Sequential,
    epochs: range,
    samples: int,
    watchers: list[Callback],
    train: Callable[[int], dict[str, float]],
    validate: Callable[[], dict[str, float]],
) -> History:
    """Train and validate epoch after epoch, with callbacks around, until the last or until one of them ends it."""
    net.history = history = History()
    training, begun = net.training_state, []
    states = states_for(watchers, training.callbacks() if epochs.start > 1 else [])
    training.epochs, training.watchers = epochs.start - 1, watchers
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
            seconds = perf_counter() - start
            logs.update(validate(), seconds=seconds)
            history.append(logs)
            training.epochs = epoch
            if any([watcher.on_epoch_end(net, epoch, logs) for watcher in watchers]):  # all of them see it
                break
    finally:  # whatever ended it, and whatever one of them raises, all of them see its end
        with ExitStack() as ends:
            ends.callback(training.rest)
            for watcher in reversed(begun):
                ends.callback(watcher.on_fit_end, net)
    return history


class Trainer:
    """A call of `Sequential.fit` or `train_on_batch`, which leaves the network as it was until all is checked."""

    def __init__(self, net: Sequential, loss: AnyLoss | None, optimizer: Optimizer | None) -> None:
        self.net = net
        self.loss = chosen(loss, net.training_state.loss)
        self.state = net.training_state.following(self.loss, optimizer, net.parameters.size, net.dtype)
        if self.loss.leaves_out != "identity":
            _check_logits(net, self.loss)

    def _begin(self) -> None:
        if self.net.training_state is not self.state:
            self.net.training_state = self.state

    def _rates(self, samples: int, batch: int) -> Array:
        """Give the learning rates of the next pass over the samples."""
        return self.state.rates(-(-samples // min(batch, samples)))

    def fit(
        self,
        x: Any,
        y: Any,
        epochs: int,
        initial_epoch: int,
        batch_size: int,
        validation_data: Any,
        validation_split: float,
        shuffle: bool,
        sample_weight: Any,
        class_weight: Any,
        lengths: Any,
        trees: Any,
        metrics: Any,
        callbacks: Iterable[Callback],
        verbose: int,
    ) -> History:
        """Do what `Sequential.fit` says."""
        net = self.net
        epochs, batch_size = as_int(epochs, "epochs"), as_int(batch_size, "batch_size", most=np.inf)
        if as_int(initial_epoch, "initial_epoch", least=0) >= epochs:
            raise ValueError(f"initial_epoch must be below epochs, {epochs}; received {initial_epoch}")
        if not isinstance(verbose, int) or verbose not in (0, 1):
            raise ValueError(f"verbose must be 0 or 1; received {verbose!r}")
        shuffle, measures = as_flag(shuffle, "shuffle"), as_metrics(metrics)
        data = examples_of(net, x, y, lengths, trees, sample_weight, self.loss)
        data, held_out = self._parted(data, validation_data, validation_split, trees is not None)
        for part in (data, held_out) if held_out else (data,):
            if not part.counts():
                raise ValueError("validation_split must leave labels on both sides; received none that counts on one")
            self._check_order(len(part), min(batch_size, len(part)), shuffle)
        if class_weight is not None:
            data = data.weighted_by_class(class_weight, self.loss, net.output_shape[-1])
        data.check_weights()
        figures, held = list(data.figures(0.0, 0.0)), []
        if held_out is not None:
            held_out.check_metrics(measures, self.loss, net.output_shape[-1])
            held = [f"val_{name}" for name in {**held_out.figures(0.0, 0.0), **measures}]
        elif measures:
            raise ValueError(
                f"metrics are of validation data, which validation_data or validation_split must give; "
                f"received {', '.join(measures)} and neither"
            )
        watchers = as_callbacks(callbacks, [*figures, *held], [PrintEpochs()] if verbose else [])
        self._rates(len(data), batch_size)
        self._begin()

        def train(epoch: int) -> dict[str, float]:
            with net.turn.lock:
                rates = self._rates(len(data), batch_size)
                order = net.generator.permutation(len(data)) if shuffle else np.arange(len(data))
                net.reset_state()
            return self._epoch(data, order, batch_size, rates, epoch, watchers)

        def validate() -> dict[str, float]:
            if held_out is None:
                return {}
            size = min(batch_size, len(held_out)) if net.stateful else None
            measured = measure(net, held_out, self.loss, measures, size)
            return {f"val_{name}": value for name, value in measured.items()}

        return run_epochs(net, range(initial_epoch + 1, epochs + 1), len(data), watchers, train, validate)

    def _parted(
        self, data: Examples, validation_data: Any, validation_split: float, of_trees: bool
    ) -> tuple[Examples, Examples | None]:
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
            return data.part(0, len(data) - split), data.part(len(data) - split, len(data))
        if validation_data is None:
            return data, None
        if not isinstance(validation_data, (tuple, list)) or len(validation_data) not in (2, 3, 4):
            size = f" of {len(validation_data)}" if isinstance(validation_data, (tuple, list)) else ""
            raise ValueError(
                f"validation_data must be (x, y), (x, y, lengths) or (x, y, trees), and a sample_weight after it; "
                f"received {type(validation_data).__name__}{size}"
            )
        x, y, third, weights = (*validation_data, None, None)[:4]
        lengths, trees = (None, third) if of_trees else (third, None)
        return data, examples_of(self.net, x, y, lengths, trees, weights, self.loss, "validation ")

    def train_on_batch(self, x: Any, y: Any, sample_weight: Any, lengths: Any, trees: Any) -> dict[str, float]:
        """Do what `Sequential.train_on_batch` says."""
        data = examples_of(self.net, x, y, lengths, trees, sample_weight, self.loss)
        data.check_weights()
        samples = len(data)
        rates = self._rates(samples, samples)
        self.net.states_for(samples)
        self._begin()
        return self._epoch(data, np.arange(samples), samples, rates, 1, [])

    def _check_order(self, samples: int, batch: int, shuffle: bool) -> None:
        if not self.net.stateful:
            return
        if shuffle:
            raise ValueError("shuffle must be False for stateful layers: a batch goes on from the one before")
        if samples % batch:
            raise ValueError(f"batch_size must divide the {samples} samples, for stateful layers; received {batch}")

    def _epoch(
        self, data: Examples, order: Array, batch: int, rates: Array, epoch: int, watchers: list[Callback]
    ) -> dict[str, float]:
        """Go through the samples once, in blocks of steps, and give the figures."""
        net, state, samples = self.net, self.state, len(order)
        batch = min(batch, samples)
        with net.turn.lock:
            seed = net.draw()
            plan = net.plan_for(data.samples.shape)
            states = net.states_for(batch)
        steps = Steps(net, plan, state, self.loss, data, order, batch, seed, states)
        return take_pass(
            net, state, steps.fused if self.loss.is_fused else steps.own, rates, samples=samples, batch=batch,
            figures=data.figures, epoch=epoch, watchers=watchers, states=states,
        )  # fmt: skip
