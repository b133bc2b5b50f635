"""Ctrl-C while the command line still imports what it needs: it ends as plainly as later on."""

from __future__ import annotations

import os
import signal
import sys
import threading


def _watch() -> None:
    """Let Ctrl-C end the process without a traceback, if it runs the command line, until this takes over."""
    program = sys.orig_argv[-len(sys.argv) :][:1]  # by `python -m` it is the module's name
    is_ours = [os.path.splitext(os.path.basename(name))[0] for name in program] == ["fastdl"]
    alone = threading.current_thread() is threading.main_thread()
    if is_ours and alone and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def watch_no_more() -> None:
    """Let Ctrl-C raise KeyboardInterrupt again."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(*_: object) -> None:
    print("fastdl: interrupted", file=sys.stderr, flush=True)
    os._exit(130)  # an exception may become another one in what is imported, as it does in NumPy; nothing is open yet


_watch()
