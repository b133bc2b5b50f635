"""``fastdl predict``: a saved network's predictions."""

from __future__ import annotations

import argparse

from .. import load
from .mistakes import Mistake, reading


def add_predict(parser: argparse.ArgumentParser) -> None:
    """Add what ``predict`` takes."""
    parser.description = "Classify image files, or sentences, with the sentiment of each node of their trees."
    parser.set_defaults(run=_predict)
    parser.add_argument("network", metavar="FILE", help="a network saved by train --save")
    parser.add_argument(
        "inputs",
        metavar="INPUT",
        nargs="+",
        help="image files (PNG, JPEG, PGM), light on dark as in MNIST; or sentences, or files with one on each line",
    )
    parser.add_argument("--invert", action="store_true", help="the images are dark on light")
    parser.add_argument("--trees", action="store_true", help="the inputs are bracketed trees, or files of them")
    parser.add_argument("--parser", metavar="FILE", help="a parser saved by train parser --save, for plain sentences")
    parser.add_argument("--picture", metavar="FILE", help="where to draw the first tree, as .svg or .png")


def _predict(options: argparse.Namespace) -> None:
    with reading("FILE"):
        net = load(options.network)
    for option, of_trees in (("invert", False), ("trees", True), ("parser", True), ("picture", True)):
        if getattr(options, option) not in (None, False) and net.is_of_trees != of_trees:
            raise Mistake(
                f"--{option} is for networks of {'trees' if of_trees else 'images'}; {options.network} is none"
            )
    if net.is_of_trees:
        from .sentiment import predict
    else:
        from .images import predict
    predict(net, options)
