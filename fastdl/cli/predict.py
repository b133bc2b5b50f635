"""``fastdl predict``: a saved network's predictions."""

from __future__ import annotations

import argparse
from typing import Any

from .. import load
from . import images, sentiment
from .common import Mistake, reading


def add_predict(commands: Any) -> None:
    """Add ``predict``."""
    predict = commands.add_parser(
        "predict",
        help="classify images or sentences with a saved network",
        description="Classify image files, or sentences, with the sentiment of each node of their trees.",
    )
    predict.set_defaults(run=_predict)
    predict.add_argument("network", metavar="FILE", help="a network saved by train --save")
    predict.add_argument(
        "inputs",
        metavar="INPUT",
        nargs="+",
        help="image files (PNG, JPEG, PGM), light on dark as in MNIST; or sentences, or files with one on each line",
    )
    predict.add_argument("--invert", action="store_true", help="the images are dark on light")
    predict.add_argument("--trees", action="store_true", help="the inputs are bracketed trees, or files of them")
    predict.add_argument("--parser", metavar="FILE", help="a parser saved by train parser --save, for plain sentences")
    predict.add_argument("--picture", metavar="FILE", help="where to draw the first tree, as .svg or .png")


def _predict(options: argparse.Namespace) -> None:
    with reading("FILE"):
        net = load(options.network)
    for option, of_trees in (("invert", False), ("trees", True), ("parser", True), ("picture", True)):
        if getattr(options, option) not in (None, False) and net.is_of_trees != of_trees:
            raise Mistake(
                f"--{option} is for networks of {'trees' if of_trees else 'images'}; {options.network} is none"
            )
    if net.is_of_trees:
        sentiment.predict(net, options)
    else:
        images.predict(net, options)
