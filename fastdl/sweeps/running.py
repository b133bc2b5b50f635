"""The trials of a sweep, side by side."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from numbers import Real
from typing import TYPE_CHECKING, Any

from .._files import check_writable
from .._types import ArrayLike
from .._validation.values import check_is
from ..callbacks import Callback, EarlyStopping
from ..callbacks.monitor import Monitor
from ..many import fit_many
from ..recipes import Recipe
from ..training.divergence import DivergenceError
from .trials import Record, Settings, Trial, fingerprint, key_of, plain

if TYPE_CHECKING:
    from ..sequential import Sequential


def grid(**axes: Iterable[Any]) -> list[Settings]:
    """Return all combinations of settings, the last axis changing first.

    Parameters
    ----------
    **axes : iterable
        The values of each setting.
    """
    for name, axis in axes.items():
        if not isinstance(axis, Iterable):
            raise TypeError(f"{name} must be a list of values; received {axis!r}")
    values = [list(axis) for axis in axes.values()]
    return [dict(zip(axes, chosen, strict=True)) for chosen in itertools.product(*values)]


def sweep(
    make: Callable[..., Recipe],
    settings: Iterable[Mapping[str, Any]],
    x: ArrayLike | Iterable[tuple[Any, ...]],
    y: ArrayLike | None,
    *,
    monitor: str = "val_accuracy",
    record: str | os.PathLike[str] | None = None,
    record_data: Mapping[str, Any] | None = None,
    save: str | os.PathLike[str] | None = None,
    finished: Callable[[Sequential], Mapping[str, float]] | None = None,
    verbose: int | str = 1,
    **common: Any,
) -> list[Trial]:
    """Train a network for each of some settings, side by side (`fit_many`).

    Parameters
    ----------
    make : callable
        Takes the settings as keywords, and returns a `Recipe`: a new network and the arguments of its `fit`, callbacks
        among them.
    settings : iterable of mapping
        The settings of each trial, such as `grid` gives: numbers, strings and sequences of these.
    x, y, **common
        Common arguments of `fit`, as for `fit_many`: ``callbacks`` is a function that takes a trial's number and
        returns a list of new ones, used if ``make`` gives none.
    monitor : str
        The figure that decides which trial is best: that of its last epoch, or of the epoch that `EarlyStopping`
        restored.
    record : path-like, optional
        A file of JSON lines, one for each finished trial. A sweep that names it again takes these trials from it, and
        trains those that are missing or failed. It belongs to these arrays, to plain arguments, and to the settings of
        losses and optimizers; it cannot know functions, nor what ``make`` does: use another file when these change.
    record_data : mapping, optional
        Further plain data that must be the same for a record to be continued.
    save : path-like, optional
        Where to save the best network, whenever a trial is better than all before. If there is no such file, the best
        one of a record is trained again.
    finished : callable, optional
        Takes the network of a finished trial, and returns further figures.
    verbose : {0, 1, "bar"}
        As for `fit_many`.

    Returns
    -------
    list of Trial
        In the order of the settings.

    Raises
    ------
    OSError
        If a trial or its network cannot be written. That ends the others, which a later sweep trains again.
    ValueError
        If settings occur twice, the figure will not exist, or the record belongs to another sweep.
    """
    wanted = [_as_settings(one) for one in settings]
    keys = [key_of(one) for one in wanted]
    if twice := [one for k, one in enumerate(wanted) if keys[k] in keys[:k]]:
        raise ValueError(f"settings must be different; received {twice[0]} twice")
    watch = Monitor(monitor)
    if save is not None:
        check_writable(save)
    callbacks = common.pop("callbacks", lambda number: [])
    shared = {} if record is None else {**fingerprint({"x": x, "y": y, **common}), **(record_data or {})}
    with closing(Record(record, shared)) as kept:
        if save is None or os.path.exists(save):
            _remember(watch, kept.trials.values())
        else:
            _forget_the_best(Monitor(monitor), kept.trials, keys)
        ends = _Ends(kept, watch, save, finished)
        numbers = [k for k, key in enumerate(keys) if key not in kept.trials]
        missing = [wanted[k] for k in numbers]
        made = [make(**one) for one in missing]
        for recipe in made:
            check_is(recipe, "what make gives", Recipe)
        each = []
        for k, recipe in zip(numbers, made, strict=True):
            own = recipe.arguments["callbacks"] if "callbacks" in recipe.arguments else callbacks(k)
            each.append({**recipe.arguments, "callbacks": [*own, _End(ends, wanted[k])]})
        try:
            found = fit_many([recipe.net for recipe in made], x, y, each=each, verbose=verbose, **common)
        except _WritesNoMore as end:
            raise OSError(f"record and save must name what can be written to; {end.__cause__}") from end.__cause__
        for one, fitted in zip(missing, found, strict=True):
            if fitted.error is not None:
                kept.trials[key_of(one)] = Trial(one, None, _fault(fitted.error))
    return [kept.trials[key] for key in keys]


def _fault(error: Exception) -> str:
    """Return what went wrong, without the advice for a training alone: a sweep tries other settings anyhow."""
    return error.fault if isinstance(error, DivergenceError) else str(error)


def _as_settings(given: Any) -> Settings:
    """Check settings, and convert them to what JSON would give back."""
    check_is(given, "settings", Mapping)
    settings = {name: plain(value) for name, value in given.items()}
    try:
        key_of(settings)
    except TypeError:
        raise TypeError(f"settings must hold numbers, strings and sequences of these; received {given!r}") from None
    return settings


def _remember(watch: Monitor, trials: Iterable[Trial]) -> Trial | None:
    """Pass the trials so far to a monitor, and give the best one."""
    best = None
    for trial in trials:
        if trial.figures is not None and watch.figure in trial.figures and watch.see(1, trial.figures):
            best = trial
    return best


def _forget_the_best(watch: Monitor, trials: dict[str, Trial], keys: list[str]) -> None:
    """Remove the best trial from those done, so that it is trained again, as its network was not saved."""
    best = _remember(watch, [trials[key] for key in keys if key in trials])
    if best is not None:
        del trials[key_of(best.settings)]


class _WritesNoMore(BaseException):
    """Ends all trials, because results cannot be written."""


class _Ends:
    """Handles the end of each trial, one at a time, whichever thread trained it."""

    def __init__(
        self,
        record: Record,
        watch: Monitor,
        save: str | os.PathLike[str] | None,
        finished: Callable[[Sequential], Mapping[str, float]] | None,
    ) -> None:
        self._record, self._watch, self._save, self._finished = record, watch, save, finished
        self._lock = threading.Lock()

    def reads(self) -> dict[str, str]:
        """Return the figure that must exist, unless it may come at the end of a training."""
        return {self._watch.figure: "monitor"} if self._finished is None else {}

    def see(self, net: Sequential, settings: Settings, figures: dict[str, float]) -> None:
        """Record a trial, and save its network if it is the best."""
        if self._finished is not None:
            figures = {**figures, **_numbers(self._finished(net))}
        with self._lock:
            try:
                if self._watch.see(1, figures) and self._save is not None:
                    net.save(self._save)
                self._record.add(Trial(settings, figures))
            except OSError as error:
                raise _WritesNoMore from error


def _numbers(given: Any) -> dict[str, float]:
    """Check further figures."""
    try:
        return {name: float(value) for name, value in given.items()}
    except (AttributeError, TypeError, ValueError):
        raise TypeError(f"finished must give numbers by their names; gave {given!r}") from None


class _End(Callback):
    """Reports the end of a trial, with the figures of its last epoch, or of the epoch that early stopping restored."""

    def __init__(self, ends: _Ends, settings: Settings) -> None:
        self._ends, self._settings = ends, settings
        self._epochs: dict[int, dict[str, float]] = {}

    def reads(self) -> dict[str, str]:
        return self._ends.reads()

    def on_epoch_end(self, net: Sequential, epoch: int, logs: dict[str, Any]) -> None:
        figures = {name: value for name, value in logs.items() if name != "epoch"}
        self._epochs[epoch] = {name: float(value) for name, value in figures.items() if isinstance(value, Real)}

    def on_fit_end(self, net: Sequential) -> None:
        training = net.training_state
        if training.error is not None:
            return
        stopping = [one.best_epoch for one in training.watchers if isinstance(one, EarlyStopping)]
        best = next((epoch for epoch in reversed(stopping) if epoch in self._epochs), max(self._epochs))
        seconds = sum(figures["seconds"] for figures in self._epochs.values())
        self._ends.see(net, self._settings, {**self._epochs[best], "seconds": seconds})
