"""``fastdl export``: a saved network for other programs."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import load
from ..export import to_c, to_onnx, to_safetensors
from .common import Mistake, reading

if TYPE_CHECKING:
    from ..sequential import Sequential


class Format(NamedTuple):
    """What a file's name ends with, and what writes it as the options say."""

    suffix: str
    write: Callable[[Sequential, argparse.Namespace], None]


def _to_c(net: Sequential, options: argparse.Namespace) -> None:
    print(to_c(net, options.to, steps=options.steps, weights=options.weights))


FORMATS = {
    "onnx": Format(".onnx", lambda net, options: to_onnx(net, options.to, lengths=options.lengths)),
    "safetensors": Format(".safetensors", lambda net, options: to_safetensors(net, options.to)),
    "c": Format(".c", _to_c),
}


def add_export(commands: Any) -> None:
    """Add ``export``."""
    parser = commands.add_parser(
        "export",
        help="write a saved network for other programs",
        description="Write a saved network in a format that other programs read.",
    )
    parser.set_defaults(run=_export)
    parser.add_argument("network", metavar="FILE", help="what train --save wrote")
    parser.add_argument("--to", metavar="FILE", required=True, help="where to write it")
    parser.add_argument("--format", choices=FORMATS, help="told from the ending of --to where not given")
    parser.add_argument("--lengths", action="store_true", help="ONNX of sequences: also an input of their lengths")
    parser.add_argument("--steps", type=int, help="C: of a sequence, where the network leaves it open")
    parser.add_argument(
        "--weights", choices=("float", "int8"), default="float", help="C: how they are kept (%(default)s)"
    )


def _export(options: argparse.Namespace) -> None:
    chosen = options.format or _told_by(options.to)
    with reading("FILE"):
        net = load(options.network)
    FORMATS[chosen].write(net, options)
    print(f"{options.to}: {chosen}, {os.path.getsize(options.to):,} bytes")


def _told_by(path: str) -> str:
    for name, form in FORMATS.items():
        if path.endswith(form.suffix):
            return name
    endings = ", ".join(form.suffix for form in FORMATS.values())
    raise Mistake(f"--to must end in one of {endings}, or --format say what it is to be; received {path}")
