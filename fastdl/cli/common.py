"""The common code of the commands: options, mistakes, progress bars and logs."""

from __future__ import annotations

import argparse
import math
import os
import re
import sys
from collections.abc import Sequence
from typing import Any

from .. import set_num_threads
from .._extras import missing
from .._files import check_writable
from .._limits import MOST_NUMBERS
from .._validation.values import as_int, as_number
from ..callbacks import Callback, JSONLogger, ModelCheckpoint, PrintEpochs, Progress
from ..callbacks.progress import figure
from .mistakes import Mistake

# Variables in which Open MPI's mpiexec, and others, give the number of processes they have started.
_SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE")
_LEAST_RATE = 1e-37  # a float32 holds hardly any smaller number, and 0 would train nothing
_SHOWN = 20  # unknown tokens


def number(text: str) -> float:
    """Read a number; what is too near to 0 is refused, as 0 may mean something else."""
    value = float(text)
    if value == 0 and re.search("[1-9]", text.lower().partition("e")[0]):
        raise argparse.ArgumentTypeError(f"must be 0, or a number that a float holds; received {text}")
    return value


def as_rate(value: Any, name: str) -> float:
    """Check a learning rate."""
    return as_number(value, name, low=_LEAST_RATE)


def add_common(parser: argparse.ArgumentParser, *, epochs: int | None, batch_size: int, lr: float) -> None:
    """Add the options of all trainings."""
    parser.add_argument("--epochs", type=int, default=epochs, help="how often to go through the samples")
    parser.add_argument("--batch-size", type=int, default=batch_size, help="samples in each step")
    parser.add_argument("--lr", type=number, default=lr, help="the highest learning rate")
    parser.add_argument("--seed", type=int, default=0, help="the same seed trains the same network again")
    parser.add_argument("--threads", type=int, help="the largest number of threads (all processors)")
    parser.add_argument("--save", metavar="FILE", help="where to save the trained network (.npz), after each epoch")
    parser.add_argument("--log", metavar="FILE", help="where to write a line of JSON for each epoch")


def check_common(options: argparse.Namespace, *whole: str) -> None:
    """Check these, and further options that are whole numbers from 1 on, and set the number of threads."""
    check_whole(options, "epochs", "batch-size", "threads", *whole)
    check_whole(options, "seed", least=0, most=math.inf)
    as_rate(options.lr, "--lr")
    if options.threads is not None:
        set_num_threads(options.threads)


def check_whole(options: argparse.Namespace, *names: str, least: int = 1, most: float = MOST_NUMBERS) -> None:
    """Check options that are whole numbers, if given."""
    for name in names:
        value = getattr(options, name.replace("-", "_"))
        if value is not None:
            as_int(value, f"--{name}", least=least, most=most)


def check_other(name: str, path: str | None, *read: str | None) -> None:
    """Check that a file to write is not one of those to read, which would be lost."""
    if path is not None and os.path.realpath(path) in {os.path.realpath(one) for one in read if one is not None}:
        raise Mistake(f"--{name} must be another file than those that are read; received {path}")


def check_file(name: str, path: str | None, *read: str | None) -> None:
    """Check that the file of an option, if given, can be written, and is not one of those to read."""
    check_other(name, path, *read)
    if path is not None:
        try:
            check_writable(path)
        except (OSError, ValueError) as error:
            raise Mistake(f"--{name} must name a file that can be written; {error}") from None


def check_outputs(options: argparse.Namespace, *read: str | None) -> None:
    """Check before the training that --save and --log can be written, and are not files to read."""
    check_file("save", options.save, *read)
    check_other("log", options.log, *read)
    if None not in (options.save, options.log) and os.path.realpath(options.save) == os.path.realpath(options.log):
        raise Mistake(f"--save and --log must name two files; received {options.save} for both")
    if options.log is not None:
        try:
            if os.path.isfile(options.log):
                open(options.log, "a").close()
            elif not os.path.exists(options.log):
                check_writable(options.log)  # leaves no empty log behind
        except (OSError, ValueError) as error:
            raise Mistake(f"--log must name what can be written to; {error}") from None


def communicator_for(options: argparse.Namespace) -> Any:
    """Return the communicator of the processes that mpiexec has started; only the first prints and writes.

    None if there is only one.
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


def tell_unknown(what: str, path: str, tokens: Sequence[str]) -> None:
    """Print to stderr the tokens that the network of a file does not know, if any."""
    if tokens:
        more = f" and {len(tokens) - _SHOWN:,} more" if len(tokens) > _SHOWN else ""
        told = ", ".join(map(repr, tokens[:_SHOWN]))
        print(f"fastdl: {what} that {path} does not know: {told}{more}", file=sys.stderr)


def bars(unit: str, measured: str = "test {val_accuracy:.2%}", per_sample: int = 1) -> list[Callback]:
    """Return a live bar on a terminal, if tqdm is installed; at the end of an epoch it shows the figures."""

    def tell(logs: dict[str, Any]) -> str:
        shown = f"loss {figure(logs['loss'])}, accuracy {logs['accuracy']:.2%}"
        return f"{shown}, {measured.format(**logs)}" if "seconds" in logs else shown

    try:
        return [Progress(unit, per_sample=per_sample, tell=tell)] if sys.stderr.isatty() and sys.stdout.isatty() else []
    except ImportError:
        return []


def watching(unit: str, log: str | None, measured: str = "test {val_accuracy:.2%}") -> list[Callback]:
    """Return the bars, or a line for each epoch, and the log."""
    return [*(bars(unit, measured) or [PrintEpochs()]), *logging(log)]


def logging(path: str | None) -> list[Callback]:
    """Return the log of --log, if any."""
    return [] if path is None else [Log(path)]


class Log(JSONLogger):
    """A log with a line of JSON for each epoch."""

    argument = "--log"


def saving(path: str | None, monitor: str | None = None) -> list[Callback]:
    """Save the network after each epoch, or after each that is the best so far, however the training ends."""
    if path is None:
        return []
    return [ModelCheckpoint(path.replace("{", "{{").replace("}", "}}"), monitor=monitor, training=False)]
