"""The number of threads that the core uses, and its configuration."""

from __future__ import annotations

import os
from functools import cache

from . import _core
from ._crew import in_crew
from ._limits import MOST_THREADS
from ._processors import usable_processors
from ._validation.values import as_int
from ._version import __version__

_threads = 0  # set by set_num_threads; 0 if it was not called
_read: tuple[str, str] | None = None  # the environment's variables when they were last read


def set_num_threads(n: int) -> None:
    """Use at most ``n`` threads from now on, and never more than 64. Results do not depend on it."""
    global _threads
    _threads = min(as_int(n, "n"), MOST_THREADS)


def get_num_threads() -> int:
    """Return the largest number of threads that will be used.

    It is what `set_num_threads` set, or else FASTDL_NUM_THREADS, or else the number of processors that affinity and
    control groups (containers) allow, or OMP_NUM_THREADS if that is less: so joblib, Dask and Ray tell their workers
    how many threads to use. The environment is read once in each process, and again when a training begins after it has
    changed, as Ray's does from one task of a worker to the next. In a thread that trains one of many networks
    (`fastdl.fit_many`) it is 1.
    """
    return 1 if in_crew() else _threads or _default()


def read_environment() -> None:
    """Read the environment again if it has changed."""
    if _environment() != _read:
        _default.cache_clear()


def _environment() -> tuple[str, str]:
    return os.environ.get("FASTDL_NUM_THREADS", ""), os.environ.get("OMP_NUM_THREADS", "")


@cache
def _default() -> int:
    global _read
    _read = wanted, teams = _environment()
    if wanted:  # a shell unsets a variable by making it empty
        n = _positive(wanted)
        if n is None:
            raise ValueError(f"FASTDL_NUM_THREADS must be a positive integer; received {wanted!r}")
        return min(n, MOST_THREADS)
    # OpenMP's list begins with the outermost teams. Invalid text is ignored here, as OpenMP itself reports it.
    openmp = _positive(teams.partition(",")[0])
    processors = usable_processors()
    return min(processors, openmp or processors)


def _positive(text: str) -> int | None:
    try:
        n = int(text)
    except ValueError:
        return None
    return n if n > 0 else None


if hasattr(os, "register_at_fork"):  # a child may be given an environment and processors of its own
    os.register_at_fork(after_in_child=_default.cache_clear)


def show_config() -> None:
    """Print the version, the instruction set bound, and the number of threads."""
    config = _core.load("float32").config()
    print(f"fastdl {__version__}")
    print(f"instruction set: {_core.isa} ({config['lanes']} float32 lanes)")
    print(f"threads: {get_num_threads() if config['threads'] else 'built without'}")
