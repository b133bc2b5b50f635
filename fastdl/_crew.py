"""Threads that run jobs side by side, each on one thread of the core; stopping one stops them all."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from queue import SimpleQueue
from typing import Any, NamedTuple

from ._warning import start_from, users_line

Job = Callable[[Callable[[Any], None]], None]


class Ended(BaseException):
    """Raised in a job whose result is no longer wanted; not an error."""


class _Crew:
    def __init__(self) -> None:
        self.outer = _here.crew  # the crew of the thread that waits for this one, if it belongs to one
        self.ended = False


class _Here(threading.local):
    crew: _Crew | None = None


class _Left(NamedTuple):
    """A thread's last report: no jobs are left, or it has raised an error."""

    error: BaseException | None


_here = _Here()


def in_crew() -> bool:
    """Return whether this thread belongs to a crew."""
    return _here.crew is not None


def check_ended() -> None:
    """Raise `Ended` if this thread's job is to stop. Called between steps, and ten times a second within one."""
    crew = _here.crew
    while crew is not None:
        if crew.ended:
            raise Ended
        crew = crew.outer


def side_by_side(jobs: Iterable[Job], workers: int) -> Generator[Any]:
    """Start jobs in order, at most ``workers`` at a time, and yield their reports as they come.

    Each job is called with a function that reports. An exception in one of them is raised here. When the generator
    ends, by Ctrl-C too, all jobs are stopped and waited for, so it must be closed.
    """
    crew, waiting, reports, threads = _Crew(), deque(jobs), SimpleQueue[Any](), list[threading.Thread]()
    line = users_line()

    def work() -> None:
        _here.crew = crew
        start_from(line)
        try:
            while waiting and not crew.ended:
                try:
                    job = waiting.popleft()
                except IndexError:  # another thread has taken the last one
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
