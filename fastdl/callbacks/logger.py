"""Logger: the base of callbacks that write the figures of a training to files or to other programs."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from .._settings import Settings
from .base import Callback

if TYPE_CHECKING:
    from ..sequential import Sequential


class Run(NamedTuple):
    """What a logger knows about a training before its first epoch.

    Attributes
    ----------
    first : int
        The first epoch that it will see, counted from 1; a later one if a training continues (``initial_epoch``).
    epochs : int
        The last one, if nothing ends the training before.
    settings : dict
        Numbers and strings: `loss`, `optimizer`, `batch_size`, `samples`, `seed`, `dtype` and `parameters`, and their
        own settings, such as `optimizer.lr`.
    """

    first: int
    epochs: int
    settings: dict[str, Any]


class Logger(Callback):
    """A callback that writes the figures of each epoch somewhere. A subclass overrides `begin`, `write` and `end`.

    If it can no longer write (`OSError`), all other callbacks, checkpoints among them, still see the end of the epoch;
    then the training ends with an OSError that names the argument.

    Attributes
    ----------
    argument : str
        The name of the argument that says where it writes, for errors.
    """

    argument: ClassVar[str] = "path"
    writes: ClassVar[bool] = True
    _run: Run | None = None
    _is_open = False
    _rate = 0.0
    _failure: OSError | None = None

    def begin(self, run: Run) -> None:
        """Before the first epoch's first step, once all callbacks are ready. What it opens, `end` closes."""

    def write(self, epoch: int, figures: dict[str, Any]) -> None:
        """After an epoch, counted from 1: its figures, among them `lr`, the learning rate of its last step."""

    def end(self, error: BaseException | None) -> None:
        """After the last epoch, or after what ended the training before it. Not called if `begin` failed."""

    def on_fit_begin(self, net: Sequential, epochs: int, samples: int) -> None:
        """Note the settings of the training."""
        training = net.training_state
        told = {
            "samples": samples or None,
            "seed": net.initial_seed,
            "dtype": net.dtype,
            "parameters": net.parameters.size,
        }
        settings = plain({**training.settings, "optimizer": training.optimizer, **told})
        self._run, self._failure = Run(training.epochs + 1, epochs, settings), None

    def on_epoch_begin(self, net: Sequential, epoch: int) -> None:
        """Begin, before the first epoch."""
        if self._is_open:
            return
        assert self._run is not None
        try:
            self.begin(self._run)
        except OSError as error:
            raise self._named(error) from error
        self._is_open = True

    def on_epoch_trained(self, net: Sequential, epoch: int) -> None:
        """Note the rate, before others set the next epoch's."""
        state = net.training_state
        self._rate = float(state.optimizer.rates(max(state.steps - 1, 0), 1)[0])

    def on_epoch_end(self, net: Sequential, epoch: int, logs: dict[str, Any]) -> bool:
        """Write the figures; if that fails, end the training."""
        figures = {name: value for name, value in logs.items() if name != "epoch"}
        try:
            self.write(epoch, {**figures, "lr": self._rate})
        except OSError as error:
            self._fail(net, error)
        return self._failure is not None

    def on_fit_end(self, net: Sequential) -> None:
        """End, and raise the error of a failure."""
        if self._is_open:
            self._is_open = False
            try:
                self.end(net.training_state.error)
            except OSError as error:
                self._fail(net, error)
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _fail(self, net: Sequential, error: OSError) -> None:
        """Keep an error to be raised at the end, unless there was an earlier one, here or elsewhere."""
        if net.training_state.error is None:
            self._failure = net.training_state.error = self._named(error)

    def _named(self, error: OSError) -> OSError:
        named = OSError(f"{self.argument} must name what can be written to; {error}")
        named.errno, named.__cause__ = error.errno, error
        return named


def numbers(figures: dict[str, Any]) -> dict[str, float]:
    """Return the figures that are numbers, NumPy's too: callbacks may add others."""
    found = {}
    for name, value in figures.items():
        with suppress(TypeError, ValueError):
            found[name] = float(value)
    return found


def plain(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings, and their own settings, as numbers and strings; those that are None are left out."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Settings):
            kind, *inner = Settings.get_config(value).items()
            found[name] = getattr(value, "name", kind[1])
            found.update(plain({f"{name}.{inside}": given for inside, given in inner}))
        elif value is not None:
            said = str(value) if isinstance(value, tuple) else getattr(value, "__name__", type(value).__name__)
            found[name] = value if isinstance(value, (bool, int, float, str)) else said
    return found
