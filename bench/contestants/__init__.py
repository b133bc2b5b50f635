"""One module or package for each contestant, with its ``VERSION`` and its ``WORKS``.

``WORKS`` has a function for each work that the contestant can do, by name; called with the number of threads, it gives
a `Task`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Task(NamedTuple):
    """Work that is ready to be timed: all of its preparation is done.

    ``check`` is what is compared with the reference (see `bench.row`); ``run`` does the work once, and ``share`` is how
    much of the unit that is. After a training, ``outputs`` gives the outputs of the network trained by ``run`` for the
    first images: if it has died, its zeros may have been skipped, and the time means nothing.
    """

    check: np.ndarray
    run: Callable[[], None]
    share: float
    outputs: Callable[[], np.ndarray] | None = None

    @classmethod
    def of_calls(cls, check: np.ndarray, once: Callable[[], object], calls: int) -> Task:
        """Make one of so many calls, of which one is the unit."""

        def run() -> None:
            for _ in range(calls):
                once()

        return cls(check, run, calls)
