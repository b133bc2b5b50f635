"""Validation after each epoch of `fit`: its samples and its figures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from ..losses import Loss
from ..metrics.choice import Metrics
from .evaluation import check_continues, measure
from .examples import Examples, figures_of
from .machines import Machines
from .sanity_checks import warn_of_unknown_labels
from .stream import Stream, are_batches, examples_in

if TYPE_CHECKING:
    from ..sequential import Sequential


def held_out(net: Sequential, given: Any, loss: Loss, times: int) -> Examples | Stream[Examples] | None:
    """Check `validation_data`, which is measured this many times; a tuple is never an iterable of batches."""
    if given is None:
        return None
    check = partial(examples_in, net, loss=loss)
    if not isinstance(given, tuple) and are_batches(given):
        return Stream(given, "validation_data", check, "validation ", times)
    return check(given, "validation_data", "validation ", of_many=False)


def split(data: Examples, fraction: float, loss: Loss) -> tuple[Examples, Examples]:
    """Split samples into those to train on, and a fraction at the end to validate on."""
    first = len(data) - int(len(data) * fraction)
    if first in (0, len(data)):
        raise ValueError(
            f"validation_split must leave samples to train on, and some to validate on; received "
            f"{fraction} of {len(data)}"
        )
    kept, held = data.part(0, first), data.part(first, len(data))
    if not (kept.counts() and held.counts()):
        raise ValueError("validation_split must leave labels on both sides; received none that counts on one")
    warn_of_unknown_labels(kept, held, loss)
    return kept, held


@dataclass(eq=False, repr=False)
class Validation:
    """The validation of a call of `fit`.

    Attributes
    ----------
    data : Examples, Stream or None
        The samples, batches of them, or None without validation.
    batch_size : int
        The number of samples in a batch, for stateful layers.
    """

    net: Sequential
    loss: Loss
    data: Examples | Stream[Examples] | None
    metrics: Metrics
    batch_size: int
    machines: Machines

    def check(self, shuffle: bool) -> None:
        """Check that stateful layers and metrics can process the samples."""
        data, metrics = self.data, self.metrics
        if data is None and metrics:
            raise ValueError(
                f"metrics are of validation data, which validation_data or validation_split must give; "
                f"received {', '.join(metrics)} and neither"
            )
        if isinstance(data, Examples):
            check_continues(self.net, len(data), self._size(data), shuffle)
            data.check_metrics(metrics, self.loss, self.net.output_shape[-1])

    @property
    def figures(self) -> list[str]:
        """The names of what `measure` may give; for batches, accuracy depends on the targets of all."""
        if self.data is None:
            return []
        classes = True if isinstance(self.data, Stream) else self.data.classes
        return [f"val_{name}" for name in {**figures_of(classes, 0.0, 0.0), **self.metrics}]

    def measure(self) -> dict[str, float]:
        """Measure the network as it is now."""
        if self.data is None:
            return {}
        found = measure(self.net, self.data, self.loss, self.metrics, self._size(self.data), self.machines)
        return {f"val_{name}": value for name, value in found.items()}

    def _size(self, data: Examples | Stream[Examples]) -> int:
        return self.batch_size if isinstance(data, Stream) else min(self.batch_size, len(data))
