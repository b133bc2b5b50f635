"""Prefetching: the next item is made while the last one is used."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from copy import deepcopy
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Any

_PATIENCE = 0.05  # seconds after which a thread checks whether it is still needed


def prefetched(items: Iterable[Any]) -> Generator[Any]:
    """Yield copies of items; a thread makes each of them while the one before it is used.

    They are copies because an iterable may write each batch into the same array.
    """
    made: Queue[tuple[Any, BaseException | None]] = Queue(1)
    unwanted = Event()
    nothing = object()

    def give(item: Any, error: BaseException | None = None) -> None:
        while not unwanted.is_set():
            try:
                made.put((item, error), timeout=_PATIENCE)
                return
            except Full:
                pass

    def make() -> None:
        try:
            iterator = iter(items)
            for item in iterator:
                give(deepcopy(item))
                if unwanted.is_set():
                    break
            if isinstance(iterator, Generator):
                iterator.close()
            give(nothing)
        except BaseException as error:  # raised where the next item is requested
            give(nothing, error)

    thread = Thread(target=make, name="fastdl batches", daemon=True)
    thread.start()
    try:
        while True:
            try:
                item, error = made.get(timeout=_PATIENCE)  # Ctrl-C has its turn between two of these
            except Empty:
                continue
            if error is not None:
                raise error
            if item is nothing:
                return
            yield item
    finally:
        unwanted.set()
        thread.join(1.0)  # no longer: it may wait for something that never comes
