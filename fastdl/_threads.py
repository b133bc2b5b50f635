"""How many threads the core uses, and what it was bound to."""

from __future__ import annotations

import os

from . import _core
from ._validation import as_int

_threads = 0


def set_num_threads(n: int) -> None:
    """Use at most ``n`` threads from now on. Results do not depend on it."""
    global _threads
    _threads = as_int(n, "n")


def get_num_threads() -> int:
    """Give the number of threads in use at the most: as set, or FASTDL_NUM_THREADS, or the processors we may use."""
    if not _threads:
        wanted = os.environ.get("FASTDL_NUM_THREADS")
        if wanted is not None:
            try:
                set_num_threads(int(wanted))
            except ValueError:
                raise ValueError(f"FASTDL_NUM_THREADS must be a positive integer; received {wanted!r}") from None
        elif hasattr(os, "sched_getaffinity"):
            set_num_threads(len(os.sched_getaffinity(0)))
        else:
            set_num_threads(os.cpu_count() or 1)
    return _threads


def show_config() -> None:
    """Print the version, the instruction set bound, and the number of threads."""
    from . import __version__

    config = _core.load("float32").config()
    print(f"fastdl {__version__}")
    print(f"instruction set: {_core.isa} ({config['lanes']} float32 lanes)")
    print(f"threads: {get_num_threads() if config['threads'] else 'built without'}")
