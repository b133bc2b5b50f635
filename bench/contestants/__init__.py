"""One module a contestant, with a function for each work that it can do: ``work(threads)`` gives a `Task`."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Task(NamedTuple):
    """Work that is ready to be timed: nothing of its preparation is left to do.

    ``check`` is what is compared with the reference (see `bench.row`), ``run`` does the work once, ``share`` is how
    much of the unit that is. After a training ``outputs`` gives what the network trained by ``run`` makes of the first
    images: one that has died, whose zeros can be skipped, would be timed for nothing.
    """

    check: np.ndarray
    run: Callable[[], None]
    share: float
    outputs: Callable[[], np.ndarray] | None = None

    @classmethod
    def of_calls(cls, check: np.ndarray, once: Callable[[], object], calls: int) -> Task:
        """Make one of so many calls, whose unit is one."""

        def run() -> None:
            for _ in range(calls):
                once()

        return cls(check, run, calls)
