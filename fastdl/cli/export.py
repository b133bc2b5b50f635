"""``fastdl export``: a saved network for other programs."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .. import export, load
from .common import check_file, check_other
from .mistakes import Mistake, of_option, reading

if TYPE_CHECKING:
    from ..images.idx import Split
    from ..sequential import Sequential


class Format(NamedTuple):
    """The ending of a format's files, the function that writes them, and the options that only some formats have."""

    suffix: str
    write: Callable[[Sequential, argparse.Namespace], None]
    options: tuple[str, ...] = ()


def _to_c(net: Sequential, options: argparse.Namespace) -> None:
    if options.data is not None and options.weights != "int8":
        raise Mistake("--data is for --weights int8: with others nothing is lost")
    check_other("to", f"{options.to.removesuffix('.c')}.h", options.network)  # a header is written as well
    data = None if options.data is None else _test_images(net, options)
    weights = options.weights or "float"
    print(export.to_c(net, options.to, name=options.name, steps=options.steps, weights=weights, data=data))


def _test_images(net: Sequential, options: argparse.Namespace) -> Split:
    """Return the test images of MNIST or a folder, with the places of their labels among the network's."""
    from ..datasets import idx_folder, mnist
    from ..images.labels import labels_of
    from ..images.levels import in_range

    with of_option("--data"):
        labels = np.array(labels_of(net, options.network))
        _, (x, y) = idx_folder(options.data) if options.data else mnist()
    if x.shape[1:] != net.input_shape:
        raise Mistake(f"--data must hold images of shape {net.input_shape}; received {x.shape[1:]}")
    if len(unknown := np.setdiff1d(y, labels)):
        raise Mistake(f"--data must hold images of the network's labels; received {unknown[0]}")
    order = np.argsort(labels)
    return in_range(net, x), order[np.searchsorted(labels, y, sorter=order)]


FORMATS = {
    "onnx": Format(
        ".onnx", lambda net, options: export.to_onnx(net, options.to, with_lengths=bool(options.lengths)), ("lengths",)
    ),
    "safetensors": Format(".safetensors", lambda net, options: export.to_safetensors(net, options.to)),
    "c": Format(".c", _to_c, ("name", "steps", "weights", "data")),
}


def add_export(parser: argparse.ArgumentParser) -> None:
    """Add what ``export`` takes."""
    parser.description = "Write a saved network in a format that other programs read."
    parser.set_defaults(run=_export)
    parser.add_argument("network", metavar="FILE", help="a network saved by train --save")
    parser.add_argument("--to", metavar="FILE", required=True, help="where to write it")
    parser.add_argument("--format", choices=FORMATS, help="by default, that of the ending of --to")
    parser.add_argument(
        "--lengths", action="store_const", const=True, help="ONNX, for sequences: an input for their lengths too"
    )
    parser.add_argument("--name", help="C: the prefix of all names (the file's name)")
    parser.add_argument("--steps", type=int, help="C: the number of steps of a sequence, if the network leaves it open")
    parser.add_argument("--weights", choices=("float", "int8"), help="C: how weights are stored (float)")
    parser.add_argument(
        "--data", metavar="DIR", nargs="?", const="",
        help="C with int8: measure the lost accuracy on the test images of a folder of IDX files; without DIR, MNIST",
    )  # fmt: skip


def _export(options: argparse.Namespace) -> None:
    chosen = options.format or _told_by(options.to)
    for name in sorted({name for form in FORMATS.values() for name in form.options} - {*FORMATS[chosen].options}):
        if getattr(options, name) is not None:
            raise Mistake(f"--{name} is not for {chosen}")
    with reading("FILE"):
        net = load(options.network)
    check_file("to", options.to, options.network)
    try:
        FORMATS[chosen].write(net, options)
    except ValueError as error:
        argument, _, told = str(error).partition(" ")
        option = argument.removeprefix("with_")
        name = f"--{option}" if option in FORMATS[chosen].options else f"{options.network}: {argument}"
        raise Mistake(f"{name} {told}") from None
    print(f"{options.to}: {chosen}, {os.path.getsize(options.to):,} bytes")


def _told_by(path: str) -> str:
    for name, form in FORMATS.items():
        if path.endswith(form.suffix):
            return name
    endings = ", ".join(form.suffix for form in FORMATS.values())
    raise Mistake(f"--to must end in one of {endings}, or --format say what it is to be; received {path}")
