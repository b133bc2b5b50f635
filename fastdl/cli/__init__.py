"""The command line: ``fastdl train``, ``predict``, ``sample``, ``parse``, ``export``, ``serve`` and ``sweep``."""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
import threading
import traceback
from collections.abc import Sequence

from .._version import __version__
from ..training.machines import OtherRankError
from . import export, images, parser, predict, sentiment, serve, sweep, text
from .common import Mistake, end_others


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and give its exit code: 0, 2 after a user's mistake, 130 after Ctrl-C, 143 after SIGTERM."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # as in a service that is started with it closed
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
    options = _parser().parse_args(arguments)
    try:
        code = _run(options)
    except Exception:
        traceback.print_exc()
        end_others(1)
        raise
    end_others(code)
    return code


def _run(options: argparse.Namespace) -> int:
    if isinstance(sys.stdout, io.TextIOWrapper):  # not all can write drawn trees, as in ASCII
        sys.stdout.reconfigure(errors="replace")
    _end_as_after_ctrl_c(signal.SIGTERM)
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


def _end_as_after_ctrl_c(number: signal.Signals) -> None:
    """Let a signal raise an exception, unless it has another handler."""

    def handle(*_: object) -> None:
        raise _Terminated

    if threading.current_thread() is threading.main_thread() and signal.getsignal(number) == signal.SIG_DFL:
        signal.signal(number, handle)


def _parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="fastdl", description="Train small neural networks on an ordinary CPU, fast.")
    top.add_argument("--version", action="version", version=f"fastdl {__version__}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    train = commands.add_parser("train", help="train a network")
    networks = train.add_subparsers(required=True, metavar="NETWORK")
    images.add_train(networks)
    text.add_train(networks)
    sentiment.add_train(networks)
    parser.add_train(networks)
    predict.add_predict(commands)
    text.add_sample(commands)
    parser.add_parse(commands)
    export.add_export(commands)
    serve.add_serve(commands)
    sweep.add_sweep(commands)
    return top
