"""What the commands share: options, mistakes, progress bars and logs."""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from .. import set_num_threads
from .._extras import missing
from .._files import check_writable
from .._limits import MOST_NUMBERS
from .._validation.values import as_int, as_number
from ..callbacks import Callback, JSONLogger, ModelCheckpoint, PrintEpochs, Progress
from ..callbacks.progress import figure

# Which the mpiexec of Open MPI, and those of others, tell of how many processes they have started.
_SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE")


class Mistake(Exception):
    """Something the user can put right, told in one line."""


def add_common(parser: argparse.ArgumentParser, *, epochs: int | None, batch_size: int, lr: float) -> None:
    """Add the options that every training has."""
    parser.add_argument("--epochs", type=int, default=epochs)
    parser.add_argument("--batch-size", type=int, default=batch_size)
    parser.add_argument("--lr", type=float, default=lr, help="the highest learning rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, help="at the most; all there are by default")
    parser.add_argument("--save", metavar="FILE", help="where to write the trained network (.npz), after each epoch")
    parser.add_argument("--log", metavar="FILE", help="where to write a JSON object a line for each epoch")


def check_common(options: argparse.Namespace, *whole: str) -> None:
    """Check those, and further options that are whole numbers from 1 on, and set the threads."""
    check_whole(options, "epochs", "batch-size", "threads", *whole)
    check_whole(options, "seed", least=0, most=math.inf)
    as_number(options.lr, "--lr")
    if options.threads is not None:
        set_num_threads(options.threads)


def check_whole(options: argparse.Namespace, *names: str, least: int = 1, most: float = MOST_NUMBERS) -> None:
    """Check options that are whole numbers, where they are given."""
    for name in names:
        value = getattr(options, name.replace("-", "_"))
        if value is not None:
            as_int(value, f"--{name}", least=least, most=most)


def check_other(name: str, path: str | None, *read: str | None) -> None:
    """Check that what is written is none of the files that are read, which would be lost."""
    if path is not None and os.path.realpath(path) in {os.path.realpath(one) for one in read if one is not None}:
        raise Mistake(f"--{name} must be another file than those that are read; received {path}")


def check_file(name: str, path: str | None, *read: str | None) -> None:
    """Find out whether what an option names, if anything, can be written, and is none of the files that are read."""
    check_other(name, path, *read)
    if path is not None:
        try:
            check_writable(path)
        except (OSError, ValueError) as error:
            raise Mistake(f"--{name} must name a file that can be written; {error}") from None


def check_outputs(options: argparse.Namespace, *read: str | None) -> None:
    """Find out before the training rather than after it whether --save and --log can be written, over nothing read."""
    check_file("save", options.save, *read)
    check_other("log", options.log, *read)
    if None not in (options.save, options.log) and os.path.realpath(options.save) == os.path.realpath(options.log):
        raise Mistake(f"--save and --log must name two files; received {options.save} for both")
    if options.log is not None:
        try:
            if os.path.isfile(options.log):
                open(options.log, "a").close()
            elif not os.path.exists(options.log):
                check_writable(options.log)  # which leaves no empty log behind
        except (OSError, ValueError) as error:
            raise Mistake(f"--log must name what can be written to; {error}") from None


def communicator_for(options: argparse.Namespace) -> Any:
    """Give that of the processes that mpiexec has started together, the first of which alone prints and writes.

    None where there is one alone.
    """
    if not any(os.environ.get(name, "1") not in ("", "1") for name in _SIZES):
        return None
    try:
        from mpi4py import MPI
    except ImportError:
        raise missing("mpiexec", "mpi4py", "mpi") from None
    if MPI.COMM_WORLD.Get_rank() > 0:
        options.save = options.log = None
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    return MPI.COMM_WORLD


def end_others(code: int) -> None:
    """End the processes that mpiexec has started with this one, which may be waiting for it."""
    started = sys.modules.get("mpi4py.MPI")
    if code and started is not None and started.COMM_WORLD.Get_size() > 1:
        sys.stderr.flush()
        started.COMM_WORLD.Abort(code)


@contextlib.contextmanager
def reading(option: str) -> Iterator[None]:
    """Name the option whose file cannot be read."""
    try:
        yield
    except OSError as error:
        raise Mistake(f"{option} must name what can be read; {error}") from None


@contextlib.contextmanager
def of_option(option: str) -> Iterator[None]:
    """Name the option, beside what is wrong with its value."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise Mistake(f"{option}: {error}") from None


def tell_unknown(what: str, path: str, tokens: Sequence[str], most: int = 20) -> None:
    """Tell on stderr which tokens the network of a file does not know, if any."""
    if tokens:
        more = f" and {len(tokens) - most:,} more" if len(tokens) > most else ""
        print(f"fastdl: {what} that {path} does not know: {', '.join(map(repr, tokens[:most]))}{more}", file=sys.stderr)


def bars(unit: str, measured: str = "test {val_accuracy:.2%}", each: int = 1) -> list[Callback]:
    """Give a live bar on a terminal, where tqdm is there to draw it; at an epoch's end it tells what was measured."""

    def tell(logs: dict[str, Any]) -> str:
        shown = f"loss {figure(logs['loss'])}, accuracy {logs['accuracy']:.2%}"
        return f"{shown}, {measured.format(**logs)}" if "seconds" in logs else shown

    try:
        return [Progress(unit, each=each, tell=tell)] if sys.stderr.isatty() and sys.stdout.isatty() else []
    except ImportError:
        return []


def watching(unit: str, log: str | None, measured: str = "test {val_accuracy:.2%}") -> list[Callback]:
    """Give bars, or else a line for each epoch, and the log."""
    return [*(bars(unit, measured) or [PrintEpochs()]), *logging(log)]


def logging(path: str | None) -> list[Callback]:
    """Write what --log names, if anything."""
    return [] if path is None else [Log(path)]


class Log(JSONLogger):
    """A JSON object a line for each epoch."""

    argument = "--log"


def saving(path: str | None, monitor: str | None = None) -> list[Callback]:
    """Write the network after each epoch, or each that is the best so far, so that no end of a training loses it."""
    if path is None:
        return []
    return [ModelCheckpoint(path.replace("{", "{{").replace("}", "}}"), monitor=monitor, training=False)]
