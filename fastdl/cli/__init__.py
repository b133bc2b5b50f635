"""The command line: ``fastdl train``, ``predict``, ``sample``, ``parse``, ``export``, ``serve`` and ``sweep``."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

from .._version import __version__
from ..training.machines import OtherRankError
from .mistakes import Mistake


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and give its exit code: 0, 2 after a user's mistake, 130 after Ctrl-C, 143 after SIGTERM."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # as in a service that is started with it closed
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
    options = _parser().parse_args(arguments)
    try:
        with _ending_as_after_ctrl_c(signal.SIGTERM):
            code = _run(options)
    except Exception:
        traceback.print_exc()
        _end_others(1)
        raise
    _end_others(code)
    return code


def _end_others(code: int) -> None:
    """End the other processes that mpiexec has started, which may be waiting for this one."""
    started = sys.modules.get("mpi4py.MPI")
    if code and started is not None and started.COMM_WORLD.Get_size() > 1:
        sys.stderr.flush()
        started.COMM_WORLD.Abort(code)


def _run(options: argparse.Namespace) -> int:
    if isinstance(sys.stdout, io.TextIOWrapper):  # not all can write drawn trees, as in ASCII
        sys.stdout.reconfigure(errors="replace")
    try:
        options.run(options)
    except BrokenPipeError:  # as in `| head`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (Mistake, ValueError, OSError, ImportError, OtherRankError) as error:
        print(f"fastdl: {error}", file=sys.stderr)
        return 2
    except (MemoryError, OverflowError) as error:
        print(f"fastdl: what was asked for is too large: {str(error) or 'there is no memory for it'}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as error:
        # On a terminal the cursor may be after half a progress bar, which the message replaces.
        what = "terminated" if isinstance(error, _Terminated) else "interrupted"
        print(("\r\033[K" if sys.stderr.isatty() else "") + f"fastdl: {what}", file=sys.stderr)
        return 143 if isinstance(error, _Terminated) else 130
    return 0


class _Terminated(KeyboardInterrupt):
    """Raised by SIGTERM, for instance when a batch system's time is over."""


@contextlib.contextmanager
def _ending_as_after_ctrl_c(number: signal.Signals) -> Iterator[None]:
    """Let a signal raise an exception meanwhile, unless it has another handler."""

    def handle(*_: object) -> None:
        raise _Terminated

    if threading.current_thread() is not threading.main_thread() or signal.getsignal(number) != signal.SIG_DFL:
        yield
        return
    signal.signal(number, handle)
    try:
        yield
    finally:
        signal.signal(number, signal.SIG_DFL)


class _Command(argparse.ArgumentParser):
    """The options of a command; its module, and what that needs, is loaded where the command is given."""

    def __init__(self, *, module: str = "", adds: str = "", **settings: Any) -> None:
        super().__init__(**settings)
        self._module, self._adds = module, adds

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if self._module:
            getattr(import_module(self._module, __name__), self._adds)(self)
        return super().parse_known_args(args, namespace)


def _parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="fastdl", description="Train small neural networks on an ordinary CPU, fast.")
    top.add_argument("--version", action="version", version=f"fastdl {__version__}")
    commands = top.add_subparsers(required=True, metavar="COMMAND", parser_class=_Command)
    train = commands.add_parser("train", help="train a network")
    networks = train.add_subparsers(required=True, metavar="NETWORK")
    for name, module, told in (
        ("lenet5", ".images", "LeNet-5 for images"),
        ("mlp", ".images", "article 3's 784-300-10 for images"),
        ("lm", ".text", "a language model, trained on text"),
        ("sentiment", ".sentiment", "a classifier of the nodes of parse trees"),
        ("parser", ".parser", "a parser, trained on a treebank"),
    ):
        networks.add_parser(name, help=told, module=module, adds="add_train").set_defaults(network=name)
    for name, module, told in (
        ("predict", ".predict", "classify images or sentences with a saved network"),
        ("sample", ".text", "write text with a language model"),
        ("parse", ".parser", "parse sentences with a saved parser"),
        ("export", ".export", "write a saved network for other programs"),
        ("serve", ".serve", "a web page to draw or type on, with a network's answers"),
        ("sweep", ".sweep", "train a network for each of many settings, to find the best"),
    ):
        commands.add_parser(name, help=told, module=module, adds=f"add_{name}")
    return top
