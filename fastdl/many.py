"""Many networks trained side by side, each as if alone."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from copy import copy
from math import inf
from typing import Any, NamedTuple

from ._crew import Job, side_by_side
from ._hints.arguments import check_keywords
from ._threads import get_num_threads
from ._types import ArrayLike
from ._validation.values import as_list, check_is
from .callbacks import Callback
from .callbacks.checks import check_files_differ
from .callbacks.progress import told, tqdm_of
from .optimizers import Optimizer
from .sequential import Sequential
from .training.history import History
from .training.trainer import Trainer, check_verbose

_DEFAULTS = {name: parameter.default for name, parameter in inspect.signature(Sequential.fit).parameters.items()}
del _DEFAULTS["self"]


class Fitted(NamedTuple):
    """The result of training one of many networks.

    Attributes
    ----------
    net : Sequential
    history : History or None
        The figures of the epochs that it finished, however it ended; None if it did not begin.
    error : Exception or None
        The error that its `fit` raised, if any.
    """

    net: Sequential
    history: History | None
    error: Exception | None


def fit_many(
    nets: Iterable[Sequential],
    x: ArrayLike | Iterable[tuple[Any, ...]] | None = None,
    y: ArrayLike | None = None,
    *,
    each: Iterable[Mapping[str, Any]] | None = None,
    verbose: int | str = 1,
    **common: Any,
) -> list[Fitted]:
    """Train many networks side by side, each in its own thread, `get_num_threads` of them at a time.

    Each ends to the bit, and with the history, as if its own `fit` had trained it alone. If one fails, because it
    diverges or a callback raises, the others continue.

    Parameters
    ----------
    nets : iterable of Sequential
        Networks of any kinds, all different objects.
    x, y, **common
        Arguments of `Sequential.fit` for all networks. They all read the same arrays. Each gets its own copy of the
        optimizer, since callbacks may set its rate. As callbacks have a state, ``callbacks`` is a function here: it
        takes the network's number, counted from 0, and returns a list of new ones.
    each : iterable of mappings, one for each network, optional
        Arguments of `Sequential.fit` for one network in place of the common ones, x and y among them:
        ``[{"epochs": 3}, {"optimizer": Adam(1e-2)}]``. Here callbacks are a list, as for `fit`.
    verbose : {0, 1, "bar"}
        Whether to print a line when a network is finished, or to show a live bar over the epochs of all, for which tqdm
        must be installed.

    Returns
    -------
    list of Fitted
        In the order of the networks.

    Raises
    ------
    TypeError, ValueError
        If `fit` would raise it for one of them, before any is trained; or if a network or a callback occurs twice, or
        callbacks of two networks write to the same file.

    Notes
    -----
    Ctrl-C, or anything else that a signal handler raises, stops them all, each after a whole step, as it stops `fit`.
    So does anything that a callback raises other than an `Exception`, such as `SystemExit`.

    Callbacks, and your own losses and metrics, are called in the thread that trains their network, where
    `get_num_threads` gives 1: whatever networks share must be safe to use from several threads.

    Networks with the most work begin first, so that none is left running alone for long.
    """
    calls = _calls(as_list(nets, "nets", "networks"), {"x": x, "y": y, **common}, each)
    check_verbose(verbose)
    work = [call.check() for call in calls]
    _check_apart([call.net for call in calls])
    first = sorted(range(len(calls)), key=lambda number: -work[number])
    show = _Bar(calls) if verbose == "bar" else _Lines() if verbose else _Nothing()
    jobs = [calls[number].job(show.counts_epochs) for number in first]
    found: dict[int, Fitted] = {}
    with closing(show), closing(side_by_side(jobs, min(get_num_threads(), len(jobs)))) as reports:
        for number, fitted in reports:
            if fitted is not None:
                found[number] = fitted
            show.see(number, fitted)
    return [found[number] for number in range(len(calls))]


def _calls(nets: list[Sequential], common: dict[str, Any], each: Any) -> list[_Call]:
    """Check the networks and their arguments, before `fit`'s own checks."""
    own = [{}] * len(nets) if each is None else as_list(each, "each", "mappings")
    if len(own) != len(nets):
        raise ValueError(f"each must hold a mapping for each of the {len(nets)} networks; received {len(own)}")
    make = common.pop("callbacks", None)
    if make is not None and not callable(make):
        raise TypeError(
            f"callbacks must be a function that makes a list for the network of each number, such as "
            f"lambda i: [EarlyStopping()], as they have a state; received {make!r}"
        )
    for name in ("x", "validation_data"):
        if isinstance(given := common.get(name), Iterator):
            raise TypeError(f"{name} must not be an iterator, which goes once through its batches; received {given!r}")
    common, calls = _kept(common), list[_Call]()
    for number, (net, differs) in enumerate(zip(nets, own, strict=True)):
        check_is(net, f"nets[{number}]", Sequential)
        if not isinstance(differs, Mapping) or "verbose" in differs:
            raise TypeError(
                f"each must hold mappings of arguments of fit, but verbose, which is of all networks; "
                f"received {differs!r}"
            )
        made = {} if make is None or "callbacks" in differs else {"callbacks": make(number)}
        calls.append(_Call(number, net, {**common, **_kept({**made, **differs}), "verbose": 0}))
    _check_different("nets", nets)
    _check_different("callbacks", [callback for call in calls for callback in call.callbacks])
    check_files_differ([call.callbacks for call in calls], "nets")
    return calls


def _kept(arguments: dict[str, Any]) -> dict[str, Any]:
    """Convert iterators to lists, as they are read for the checks and again for the training."""
    return {
        name: list(value) if name in ("metrics", "callbacks") and isinstance(value, Iterator) else value
        for name, value in arguments.items()
    }


def _check_different(name: str, given: list[Any]) -> None:
    seen: set[int] = set()
    for one in given:
        if id(one) in seen:
            raise ValueError(f"{name} must be different ones; received {one!r} twice")
        seen.add(id(one))


def _check_apart(nets: Iterable[Sequential]) -> None:
    """Check that no two are parts of one network, which one call at a time trains, with random numbers of its own."""
    numbers: dict[int, int] = {}
    for number, net in enumerate(nets):
        if (other := numbers.setdefault(id(net.turn), number)) != number:
            raise ValueError(
                f"nets must not be parts of one network; nets[{other}] and nets[{number}] are: train copies"
            )


class _Call:
    """A call of `fit` to come."""

    def __init__(self, number: int, net: Sequential, arguments: dict[str, Any]) -> None:
        self.number, self.net, self.arguments = number, net, arguments
        try:
            check_keywords(net.fit, arguments)
            inspect.signature(net.fit).bind(**arguments)
        except TypeError as error:
            raise TypeError(f"nets[{number}]: {error}") from None
        if isinstance(optimizer := arguments.get("optimizer"), Optimizer):
            arguments["optimizer"] = copy(optimizer)

    @property
    def callbacks(self) -> list[Any]:
        """The callbacks that it is given, unchecked."""
        given = self.arguments.get("callbacks")
        return list(given) if isinstance(given, Iterable) else []

    @property
    def epochs(self) -> int:
        """The number of epochs to come, at most."""
        whole = _DEFAULTS | self.arguments
        epochs: int = whole["epochs"] - whole["initial_epoch"]
        return epochs

    def check(self) -> float:
        """Check all arguments, and give the amount of work; infinite if it is not known."""
        if type(self.net).fit is not Sequential.fit:
            return inf
        rest = _DEFAULTS | self.arguments
        try:
            if (communicator := rest.pop("communicator")) is not None:
                raise ValueError(f"communicator must be None side by side with others; received {communicator!r}")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # `fit` itself will warn
                return Trainer(self.net, rest.pop("loss"), rest.pop("optimizer")).training(**rest).work
        except (TypeError, ValueError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"nets[{self.number}]: {error}") from error

    def job(self, counts_epochs: bool) -> Job:
        """Return the job. It reports its number with its result and, if asked to, with None after each epoch."""

        def fit(report: Callable[[Any], None]) -> None:
            arguments, before, history, error = self.arguments, self.net.history, None, None
            if counts_epochs:
                counter = _EpochCounter(lambda: report((self.number, None)))
                arguments = {**arguments, "callbacks": [*self.callbacks, counter]}
            state = self.net.training_state
            state.optimizer = copy(state.optimizer)  # several networks may have been trained with the same one
            try:
                history = self.net.fit(**arguments)
            except Exception as raised:
                error = raised
                history = None if self.net.history is before else self.net.history
            report((self.number, Fitted(self.net, history, error)))

        return fit


class _EpochCounter(Callback):
    """Reports the end of each epoch."""

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell = tell

    def on_epoch_end(self, net: Sequential, epoch: int, logs: dict[str, Any]) -> None:
        self._tell()


class _Nothing:
    """The base of progress displays, which shows nothing."""

    counts_epochs = False

    def see(self, number: int, fitted: Fitted | None) -> None:
        """Show the end of an epoch of this network, or of its training."""

    def close(self) -> None:
        """Finish, however the training ends."""


class _Lines(_Nothing):
    """A line for each network."""

    def see(self, number: int, fitted: Fitted | None) -> None:
        if fitted is None:
            return
        figures = fitted.history.history if fitted.history is not None else {}
        seconds = figures.get("seconds", [])
        said = f"{type(fitted.error).__name__}: {fitted.error}" if fitted.error else told(_last(figures))
        print(f"nets[{number}]  {len(seconds)} epochs, {sum(seconds):.2f} s  {said}", flush=True)


class _Bar(_Nothing):
    """A bar over the epochs of all."""

    counts_epochs = True

    def __init__(self, calls: list[_Call]) -> None:
        self._left = {call.number: call.epochs for call in calls}
        self._bar = tqdm_of("a bar")(total=sum(self._left.values()), unit=" epochs", delay=1e-9)
        self._failed = 0

    def see(self, number: int, fitted: Fitted | None) -> None:
        done = 1 if fitted is None else self._left[number]  # no further epochs come
        self._left[number] -= done
        if fitted is not None and fitted.error is not None:
            self._failed += 1
            self._bar.set_postfix_str(f"{self._failed} failed", refresh=False)
        self._bar.update(done)

    def close(self) -> None:
        self._bar.close()


def _last(figures: dict[str, list[float]]) -> dict[str, float]:
    return {name: values[-1] for name, values in figures.items()}
