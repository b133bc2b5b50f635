"""Processes, on one machine or many, that train one network together, and the messages between them."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from .. import _core
from .._types import Array
from .examples import Examples

if TYPE_CHECKING:
    from typing_extensions import Self

    from ..callbacks import Callback

    Called = TypeVar("Called", bound=Callback)

_NUMBERS, _TEXT = 16, 256  # the numbers in a message, and the bytes of an error's text
_CALLED = ("Get_rank", "Get_size", "Allreduce", "Allgather")


class OtherRankError(RuntimeError):
    """Another rank has ended the training."""


class Machines:
    """The processes that train one network together, each with its share of every batch; or a single one.

    Between steps all of them exchange messages at the same places of the same program. An error between steps is passed
    on with the next message and ends all: that process with its own error, the others with an OtherRankError that
    quotes it. A process that must leave in the middle of a step, while the others may wait for it, aborts them all.

    Parameters
    ----------
    communicator : object, optional
        With mpi4py's methods `Get_rank`, `Get_size`, `Allreduce`, `Allgather` and, optionally, `Abort`.
    dtype : str
        The dtype of the network.

    Attributes
    ----------
    rank, count : int
        The number of this process, and the number of all.
    core : Ranks or None
        The core's side of the communication; None if there is only one process.
    """

    def __init__(self, communicator: Any = None, dtype: str = "float32") -> None:
        self.rank, self.count, self.core = 0, 1, None
        if communicator is None:
            return
        for name in _CALLED:
            if not callable(getattr(communicator, name, None)):
                raise TypeError(f"communicator must have {', '.join(_CALLED)}, as mpi4py's; received {communicator!r}")
        core = _core.load(dtype)
        ranks = core.Ranks(communicator, 1 + _NUMBERS + _TEXT // 8)
        if ranks.count > 1:
            self.rank, self.count, self.core = ranks.rank, ranks.count, ranks
        self._communicator, self._elsewhere = communicator, core.EndedElsewhere

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Tell the others whether this process ended with an error, and learn whether they did."""
        if self.core is None:
            return
        try:
            theirs = isinstance(error, self._elsewhere)
            if not (self.core.over or self.core.lost):
                self._exchange((), None if theirs else error)
            if not self.core.lost and (error is None or theirs):
                self._raise_theirs()
        except BaseException as raised:
            error = raised
            raise
        finally:
            if self.core.lost:
                from traceback import print_exception

                print_exception(error)
                sys.stderr.flush()
                if hasattr(self._communicator, "Abort"):
                    self._communicator.Abort(1)

    def _exchange(self, numbers: Sequence[float], ending: BaseException | None = None) -> None:
        """Send numbers, or the error that ends this process, to all; ``core.rows`` then has those of all."""
        assert self.core
        row = self.core.row
        row[:] = 0
        row[1 : 1 + len(numbers)] = numbers
        if ending is not None:
            row[0] = 1
            text = f"{type(ending).__name__}: {ending}".encode()[:_TEXT]
            row[1 + _NUMBERS :].view(np.uint8)[: len(text)] = np.frombuffer(text, np.uint8)
        self.core.tell()

    def _raise_theirs(self) -> None:
        """If another process has ended, raise an error that quotes the first one's."""
        assert self.core
        for rank, row in enumerate(self.core.rows):
            if row[0]:
                text = row[1 + _NUMBERS :].tobytes().rstrip(b"\0").decode(errors="ignore")
                raise OtherRankError(f"rank {rank} has ended the training: {text}") from None

    def tell(self, *numbers: float) -> Array:
        """Exchange numbers, and give those of all processes, (count, n)."""
        if self.core is None:
            return np.array([numbers])
        self._exchange(numbers)
        self._raise_theirs()
        told: Array = self.core.rows[:, 1 : 1 + len(numbers)].copy()
        return told

    def first(self, number: float) -> float:
        """Return the first process's number."""
        return number if self.core is None else float(self.tell(number)[0, 0])

    def sum(self, *numbers: float) -> list[float]:
        """Return sums over all processes."""
        found: list[float] = self.tell(*numbers).sum(axis=0).tolist()
        return found

    def any(self, flag: bool) -> bool:
        """Return whether it is true in any process."""
        return flag if self.core is None else bool(self.tell(flag).any())

    def check_alike(self, things: Mapping[str, Any]) -> None:
        """Raise a ValueError, in all processes, unless each of these things is the same in all.

        They are strings, numbers, arrays or sequences of these, under the names that the error gives.
        """
        if self.core is None:
            return
        told = self.tell(*map(_digest, things.values()))
        for rank in range(1, self.count):
            others = [name for name, same in zip(things, told[rank] == told[0], strict=True) if not same]
            if others:
                self._disagree(rank, ", ".join(others))

    def _disagree(self, rank: int, what: str) -> None:
        """Raise the error, which all processes raise."""
        assert self.core
        self.core.over = True
        raise ValueError(f"all ranks must have the same {what}; rank {rank} has another than rank 0")

    def _check_same(self, told: Array, what: str) -> None:
        """Check that a number is the same in all."""
        for rank in np.flatnonzero(told != told[0])[:1]:
            self._disagree(int(rank), what)

    def share(self, samples: int) -> tuple[int, int]:
        """Return this process's share of a batch of this size: the first sample, and the one after the last."""
        return (0, samples) if self.core is None else self.core.share(samples)

    def callers(self, watchers: list[Called]) -> list[Called]:
        """Return the callbacks to call in this process: only the first one calls those that write or print."""
        return [watcher for watcher in watchers if self.rank == 0 or not watcher.writes]

    def seconds_of_epoch(self, seconds: float, parameters: Array) -> float:
        """Return the first process's seconds, after checking that all still have the same parameters."""
        if self.core is None:
            return seconds
        told = self.tell(seconds, _digest(parameters))
        self._check_same(told[:, 1], "parameters after an epoch, which callbacks must change alike")
        return float(told[0, 0])

    def agree_on_steps(self, count: int, rates: Array, data: Examples | None = None) -> int:
        """Return how many steps all take, as the first decides, after checking that rates and data are the same."""
        if self.core is None:
            return count
        told = self.tell(count, _digest(rates), _digest(content_of(data)))
        self._check_same(told[:, 2], "batches")  # first, as a process without a further batch sends no rates
        self._check_same(told[:, 1], "learning rates, which callbacks must change alike")
        return int(told[0, 0])

    def check_end(self) -> None:
        """Check that no process has a further batch."""
        if self.core is not None:
            self._check_same(self.tell(0, 0, -1)[:, 2], "batches")

    def meet(self, plan: Any, loss: float, hits: float, error: BaseException | None) -> tuple[float, float]:
        """Add up the gradients, losses and hits of a step over all processes, unless one has an error."""
        record = np.array([loss, hits])
        if plan.meet(self.core, record, error is not None):
            raise error or self._elsewhere()
        return float(record[0]), float(record[1])


ALONE = Machines()


def _update(digest: Any, thing: Any) -> None:
    """Add the content of a thing to a digest."""
    if isinstance(thing, np.ndarray):
        digest.update(f"{thing.dtype} {thing.shape}".encode())
        rows = max(1, (1 << 24) // max(1, thing[:1].nbytes)) if thing.ndim else 1
        for start in range(0, len(thing) if thing.ndim else 0, rows):  # part by part, as it may be mapped from a file
            digest.update(np.ascontiguousarray(thing[start : start + rows]))
    elif isinstance(thing, (list, tuple)):
        for part in thing:
            _update(digest, part)
            digest.update(b";")
    else:
        digest.update(repr(thing).encode())


def _digest(thing: Any) -> float:
    """Return a digest as a number, which differs for different things."""
    import hashlib  # loading it takes longer than the rest of this function

    digest = hashlib.blake2b(digest_size=6)  # fits into a double's 53 bits
    _update(digest, thing)
    return float(int.from_bytes(digest.digest(), "big"))


def content_of(data: Examples | None) -> list[Any]:
    """Return all arrays of examples, to be compared among processes."""
    if data is None:
        return []
    samples, mask = data.samples, None if data.mask is ... else data.mask
    trees = [getattr(samples, name, None) for name in ("start", "children")]
    return [samples.x, samples.lengths, *trees, data.targets, mask, data.weights]
