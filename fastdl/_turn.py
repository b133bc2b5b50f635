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
    """Held by a call while it uses a network, or a layer that is used alone.

    Attributes
    ----------
    lock : context manager
        Re-entrant: a thread that holds it may take it again.
    trainer : int or None
        The thread that is in `fit`, which lets go of the lock between blocks of steps.
    running : bool
        Whether the core is at work. Only a signal's handler can find it True, as it runs on the thread with the lock.
    trained : int
        How often a block of training steps has begun or ended; a `backward` must not cross one.
    """

    __slots__ = ("__weakref__", "lock", "running", "trained", "trainer")

    def __init__(self) -> None:
        self.lock: Any = threading.RLock()
        self.trainer: int | None = None
        self.running: bool = False
        self.trained: int = 0
        _turns.add(weakref.ref(self, _turns.discard))

    @contextmanager
    def training(self) -> Iterator[None]:
        """Mark the network as being trained by this thread; the lock is held only to do so."""
        with self.lock:
            self.check_untrained()
            self.trainer = threading.get_ident()
        try:
            yield
        finally:
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
    """The lock of a network that a forked child has got in the middle of a step: entering it raises."""

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
        except RuntimeError:  # another thread has added one meanwhile
            continue


def _before_fork() -> None:
    """Wait for the other threads' steps to end, so that the child gets networks after whole steps."""
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
