"""The training loop: what `Sequential.fit` does between checks and the compiled engine."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _core
from ._threads import get_num_threads
from ._validation import Array, as_array, as_int, as_number
from .callbacks import Callback, PrintEpochs
from .history import History
from .optimizers import Optimizer

if TYPE_CHECKING:
    from .model import Sequential

_BLOCK_SECONDS = 0.1  # of steps in one call of the engine: then callbacks, progress bars and Ctrl-C have their turn


class Trainer:
    """A network together with its loss, its optimizer and that optimizer's state."""

    def __init__(self, net: Sequential, loss: str, optimizer: Optimizer) -> None:
        self.net, self.loss, self.optimizer = net, loss, optimizer
        self._state = _core.load(net.dtype).aligned_zeros(2 * net.parameters.size)
        self._steps = 0

    def fit(
        self,
        x: Any,
        y: Any,
        epochs: int,
        batch_size: int,
        validation_data: Any,
        validation_split: float,
        shuffle: bool,
        sample_weight: Any,
        class_weight: Any,
        callbacks: Iterable[Callback],
        verbose: int,
    ) -> History:
        """Do what `Sequential.fit` says."""
        net = self.net
        epochs, batch_size = as_int(epochs, "epochs"), as_int(batch_size, "batch_size")
        if verbose not in (0, 1):
            raise ValueError(f"verbose must be 0 or 1; received {verbose!r}")
        x, y = net._checked_pair(x, y, self.loss, "x", "y")
        weights = self._weights(y, sample_weight, class_weight)
        held_out = int(len(x) * as_number(validation_split, "validation_split", high=1.0))
        if held_out:
            if validation_data is not None:
                raise ValueError("validation_split must be 0 with validation_data; received both")
            if held_out == len(x):
                raise ValueError(f"validation_split must leave samples to train on; received {validation_split}")
            validation_data = x[-held_out:], y[-held_out:]
            x, y = x[:-held_out], y[:-held_out]
            weights = None if weights is None else weights[:-held_out]
        elif validation_data is not None:
            if not isinstance(validation_data, (tuple, list)) or len(validation_data) != 2:
                raise ValueError(f"validation_data must be (x, y); received {type(validation_data).__name__}")
            validation_data = net._checked_pair(
                validation_data[0], validation_data[1], self.loss, "validation x", "validation y"
            )
        watchers = [*callbacks, *([PrintEpochs()] if verbose else [])]
        history = History()
        for watcher in watchers:
            watcher.on_fit_begin(net, epochs, len(x))
        for epoch in range(1, epochs + 1):
            start = perf_counter()
            for watcher in watchers:
                watcher.on_epoch_begin(net, epoch)
            order = net._rng.permutation(len(x)) if shuffle else np.arange(len(x))
            logs: dict[str, Any] = {"epoch": epoch, **self._epoch(x, y, weights, order, batch_size, epoch, watchers)}
            logs["seconds"] = perf_counter() - start
            if validation_data is not None:
                seconds = logs.pop("seconds")
                measured = net._measure(validation_data[0], validation_data[1], self.loss)
                logs.update({f"val_{name}": value for name, value in measured.items()}, seconds=seconds)
            history.append(logs)
            if not np.isfinite(logs["loss"]):
                warnings.warn(
                    "the loss is no longer finite: a lower learning rate may help", RuntimeWarning, stacklevel=3
                )
            for watcher in watchers:
                watcher.on_epoch_end(net, epoch, logs)
        for watcher in watchers:
            watcher.on_fit_end(net)
        return history

    def train_on_batch(self, x: Any, y: Any, sample_weight: Any) -> dict[str, float]:
        """Do what `Sequential.train_on_batch` says."""
        x, y = self.net._checked_pair(x, y, self.loss, "x", "y")
        return self._epoch(x, y, self._weights(y, sample_weight, None), np.arange(len(x)), len(x), 1, [])

    def _epoch(
        self, x: Array, y: Array, weights: Array | None, order: Array, batch: int, epoch: int, watchers: list[Callback]
    ) -> dict[str, float]:
        """Go through the samples once, in blocks of steps, and give the figures."""
        net, samples = self.net, len(x)
        batch = min(batch, samples)
        steps = -(-samples // batch)
        rates = self.optimizer.rates(self._steps, steps)
        seed = int(net._rng.integers(1 << 63))
        records = np.zeros((steps, 2))
        done, block = 0, 1
        figures: dict[str, float] = {}
        while done < steps:
            end = min(steps, done + block)
            start = perf_counter()
            records[done:end] = net._plan.train(
                x.reshape(-1), y, weights, order, batch, done * batch, rates[done:end], self._steps, self.loss,
                self.optimizer._core(), self._state, seed, get_num_threads(),
            )  # fmt: skip
            block = max(1, int((end - done) * min(8.0, _BLOCK_SECONDS / max(perf_counter() - start, 1e-9))))
            self._steps += end - done
            done = end
            seen = min(done * batch, samples)
            loss, hits = records[:done].sum(axis=0) / seen if watchers or done == steps else (0.0, 0.0)
            figures = net._figures(float(loss), float(hits))
            for watcher in watchers:
                watcher.on_batch_block(net, seen, samples, {"epoch": epoch, **figures})
        return figures

    def _weights(self, y: Array, sample_weight: Any, class_weight: Any) -> Array | None:
        """Give a weight for each sample, or None where all are 1."""
        weights = None
        if sample_weight is not None:
            weights = as_array(sample_weight, "sample_weight", self.net.dtype)
            if weights.shape != (len(y),):
                raise ValueError(f"sample_weight must have shape ({len(y)},); received {weights.shape}")
            if weights.min() < 0:
                raise ValueError(f"sample_weight must not be below 0; received {weights.min()}")
        if class_weight is not None:
            if y.dtype != np.int64:
                raise ValueError("class_weight must come with integer labels; received other targets")
            of_class = self._class_weights(class_weight)[y]
            weights = of_class if weights is None else weights * of_class
        return weights

    def _class_weights(self, class_weight: Any) -> Array:
        classes = self.net.output_shape[0]
        if isinstance(class_weight, Mapping):
            table = np.ones(classes)
            for label, weight in class_weight.items():
                if as_int(label, "class_weight", least=0) >= classes:
                    raise ValueError(f"class_weight must name labels from 0 to {classes - 1}; received {label}")
                table[label] = as_number(weight, "class_weight")
            class_weight = table
        table = as_array(class_weight, "class_weight", self.net.dtype)
        if table.shape != (classes,) or table.min() < 0:
            raise ValueError(f"class_weight must hold {classes} weights, none below 0; received {table}")
        return table
