"""Whose turn it is with a network, where several threads use it, and what becomes of it in a forked child."""

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
    """What a call holds while it uses a network, or a layer that is used alone.

    Attributes
    ----------
    lock : context manager
        Re-entrant: a thread that holds it may take it again.
    trainer : int or None
        The thread that is in `fit`, which lets go of the lock between blocks of steps.
    running : bool
        Whether the core is at work. Only the handler of a signal, on the thread that holds the lock, can find it so.
    trained : int
        How often a block of steps has begun or ended: no `backward` goes across that.
    """

    __slots__ = ("__weakref__", "lock", "running", "trained", "trainer")

    def __init__(self) -> None:
        self.lock: Any = threading.RLock()
        self.trainer: int | None = None
        self.running: bool = False
        self.trained: int = 0
        _turns.add(self)

    @contextmanager
    def training(self) -> Iterator[None]:
        """Be the one call that trains, for as long as it takes."""
        with self.lock:
            self.check_untrained()
            self.trainer = threading.get_ident()
        try:
            yield
        finally:
            self.trainer = None

    def check_untrained(self) -> None:
        """Raise where a call of `fit` has not come to its end."""
        if self.trainer is not None:
            raise RuntimeError(
                "the network is being trained by a call of fit, in another thread or around this callback: wait for "
                "its end, or train a copy"
            )


_turns: weakref.WeakSet[Turn] = weakref.WeakSet()
_forking = threading.Lock()
_held: list[Turn] = []


class _Lost:
    """The lock of a network of which a forked child has half a step."""

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
            return list(_turns)
        except RuntimeError:  # another thread has made one meanwhile
            continue


def _before_fork() -> None:
    """Wait until no other thread is in the middle of a step, so that the child gets whole ones."""
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
