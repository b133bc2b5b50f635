"""Live progress bars."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar

from .._extras import missing
from .base import Callback

if TYPE_CHECKING:
    from ..sequential import Sequential


def figure(value: Any, digits: int = 4) -> str:
    """Write a figure with a number of decimals; in short a large one, as of a training that diverges, and a small one.

    Anything else, which callbacks may add, is written as it is.
    """
    if not isinstance(value, Real):
        return str(value)
    small = 0 < abs(float(value)) < 10.0 ** (1 - digits)
    return f"{value:.{digits}f}" if value < 1e6 and not small else f"{value:.4g}"


def duration(seconds: float) -> str:
    """Write a time, of which an epoch of a small network is a small part of a second."""
    return f"{seconds:.2f} s" if seconds >= 0.1 else f"{1e3 * seconds:.3g} ms"


def told(logs: dict[str, Any]) -> str:
    """Write the figures of an epoch."""
    return ", ".join(f"{name} {figure(value)}" for name, value in logs.items() if name not in ("epoch", "seconds"))


class Progress(Callback):
    """A live bar for each epoch, in a terminal or a notebook, with the figures so far; drawn by tqdm.

    Parameters
    ----------
    unit : str
        The name of what is counted.
    per_sample : int
        How many of these a sample has.
    tell : callable
        Takes the figures, a dict, and returns the text beside the bar.

    Raises
    ------
    ImportError
        If tqdm is not installed.
    """

    writes: ClassVar[bool] = True

    def __init__(
        self, unit: str = "samples", *, per_sample: int = 1, tell: Callable[[dict[str, Any]], str] = told
    ) -> None:
        self.unit, self.per_sample, self.tell = unit, per_sample, tell
        self._bar: Any = None
        self._epochs, self._total = 0, 0
        tqdm_of("Progress")

    def on_fit_begin(self, net: Sequential, epochs: int, samples: int) -> None:
        """Note the length of the bars."""
        self._epochs, self._total = epochs, samples * self.per_sample

    def on_epoch_begin(self, net: Sequential, epoch: int) -> None:
        """Begin a bar."""
        # With a delay, however short, nothing is drawn before we can close the bar.
        self._bar = tqdm_of("Progress")(
            total=self._total or None,  # not known for an iterable of batches
            desc=f"epoch {epoch}/{self._epochs}",
            unit=f" {self.unit}",
            unit_scale=True,
            delay=1e-9,
        )

    def on_batch_block(self, net: Sequential, done: int, total: int, logs: dict[str, Any]) -> None:
        """Advance the bar."""
        self._bar.set_postfix_str(self.tell(logs), refresh=False)
        self._bar.update(done * self.per_sample - self._bar.n)

    def on_epoch_end(self, net: Sequential, epoch: int, logs: dict[str, Any]) -> None:
        """Show the figures, and end the bar."""
        self._bar.set_postfix_str(self.tell(logs))
        self._bar.close()

    def on_fit_end(self, net: Sequential) -> None:
        """End the bar's line, even if the training was interrupted."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def tqdm_of(user: str) -> Any:
    """Return tqdm's class of bars, or the error that names who needs it."""
    try:
        from tqdm.auto import tqdm
    except ImportError:
        raise missing(user, "tqdm", "progress") from None
    return tqdm
