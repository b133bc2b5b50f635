"""The lock of a network that several threads use, and what happens to it when the process forks."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

_PATIENCE = 5.0  # seconds that a fork waits for the calls of other threads


class Turn:
    """The lock that a call holds while it uses a network, or a layer that is used alone.

    Attributes
    ----------
    lock : context manager
        Re-entrant.
    trainer : int or None
        The thread that is in `fit`, which releases the lock between blocks of steps.
    running : bool
        Whether the core is running. Only a signal handler can see True, as it runs in the thread that holds the lock.
    changes : int
        How often blocks of training steps have begun or ended, or parameters were set; a `backward` checks that this
        has not happened since its `forward`, as it would mix what was kept of the old ones with the new ones.
    """

    __slots__ = ("__weakref__", "changes", "lock", "running", "trainer")

    def __init__(self) -> None:
        self.lock: Any = threading.RLock()
        self.trainer: int | None = None
        self.running: bool = False
        self.changes: int = 0
        _turns.add(weakref.ref(self, _turns.discard))

    def __reduce__(self) -> tuple[type[Turn], tuple[()]]:  # what is copied has a turn of its own
        return Turn, ()

    def count_change(self) -> None:
        """Count that parameters or buffers were set."""
        with self.lock:
            self.changes += 1

    @contextmanager
    def training(self) -> Iterator[None]:
        """Mark the network as being trained by this thread; the lock is held only to do so."""
        marked = False
        try:
            with self.lock:
                self.check_untrained()
                marked = True  # first, as Ctrl-C may come before anything that follows
                self.trainer = threading.get_ident()
            yield
        finally:
            if marked:
                self.trainer = None

    def check_untrained(self) -> None:
        """Raise if a call of `fit` is still running."""
        if self.trainer is not None:
            raise RuntimeError(
                "the network is being trained by a call of fit, in another thread or around this callback: wait for "
                "its end, or train a copy"
            )


_turns: set[weakref.ref[Turn]] = set()
_forking = threading.Lock()
_held: list[Turn] = []


class _Lost:
    """The lock of a network that was in the middle of a step when the process was forked: entering it raises."""

    def __enter__(self) -> None:
        raise RuntimeError(
            "this network was in use by another thread when the process was forked, and may hold half a step: "
            "load it, or make it again"
        )

    def __exit__(self, *_: object) -> None:
        pass

    def acquire(self, *_: object, **__: object) -> bool:
        return False


def _all() -> list[Turn]:
    while True:
        try:
            return [turn for one in list(_turns) if (turn := one()) is not None]
        except RuntimeError:  # another thread has changed the set
            continue


def _before_fork() -> None:
    """Wait until other threads have ended their steps, so that the child gets networks after whole steps."""
    _forking.acquire()
    end = monotonic() + _PATIENCE
    for turn in _all():
        if turn.lock.acquire(timeout=max(0.0, end - monotonic())):
            _held.append(turn)


def _after_fork_in_parent() -> None:
    while _held:
        _held.pop().lock.release()
    _forking.release()


def _after_fork_in_child() -> None:
    _after_fork_in_parent()
    for turn in _all():
        if turn.trainer != threading.get_ident():
            turn.trainer = None
        if turn.lock.acquire(blocking=False):
            turn.lock.release()
        else:
            turn.lock = _Lost()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
