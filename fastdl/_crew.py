"""Threads side by side, each of which does whole jobs, alone in the core; and what ends them all."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from queue import SimpleQueue
from typing import Any, NamedTuple

Job = Callable[[Callable[[Any], None]], None]


class Ended(BaseException):
    """What ends a job for which nobody waits any more: no error of its own."""


class _Crew:
    def __init__(self) -> None:
        self.outer = _here.crew  # of the thread that waits for this one
        self.ended = False


class _Here(threading.local):
    crew: _Crew | None = None


class _Left(NamedTuple):
    """The last report of a thread."""

    error: BaseException | None


_here = _Here()


def in_crew() -> bool:
    """Tell whether this thread is one of several side by side."""
    return _here.crew is not None


def check_ended() -> None:
    """Raise `Ended` in a thread whose job is to end: it is asked between steps, and ten times a second within one."""
    crew = _here.crew
    while crew is not None:
        if crew.ended:
            raise Ended
        crew = crew.outer


def side_by_side(jobs: Iterable[Job], workers: int) -> Generator[Any]:
    """Do jobs in their order, so many at a time, and give what they report, as it comes.

    Each is called with a function that reports. What one of them raises is raised here. Whatever ends this, as Ctrl-C
    does, ends them all, and waits until they have come to their end: so it must be closed.
    """
    crew, waiting, reports, threads = _Crew(), deque(jobs), SimpleQueue[Any](), list[threading.Thread]()

    def work() -> None:
        _here.crew = crew
        try:
            while waiting and not crew.ended:
                try:
                    job = waiting.popleft()
                except IndexError:  # another thread has taken the last one meanwhile
                    break
                job(reports.put)
        except BaseException as error:
            reports.put(_Left(error))
        else:
            reports.put(_Left(None))

    try:
        for _ in range(workers):
            thread = threading.Thread(target=work, name="fastdl crew", daemon=True)
            thread.start()
            threads.append(thread)
        at_work = workers
        while at_work:
            report = reports.get()
            if not isinstance(report, _Left):
                yield report
            elif report.error is not None:
                raise report.error
            else:
                at_work -= 1
    finally:
        crew.ended = True
        for thread in threads:
            thread.join()
