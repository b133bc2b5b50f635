"""``fastdl serve``: a page on which one draws or types, and sees what a saved network says."""

from __future__ import annotations

import argparse
import contextlib
import webbrowser
from typing import Any

from .. import load
from .common import Mistake, check_whole, reading


def add_serve(commands: Any) -> None:
    """Add ``serve``."""
    parser = commands.add_parser(
        "serve",
        help="a page on which one draws or types, and sees what a network says",
        description="Serve a page on this machine on which one draws a digit, or types a text or a sentence, according "
        "to what the network is, and sees what it says of it.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.set_defaults(run=_serve)
    parser.add_argument("network", metavar="FILE", help="what train --save wrote")
    parser.add_argument("--parser", metavar="FILE", help="what train parser --save wrote, for sentences")
    parser.add_argument("--host", default="127.0.0.1", help="where to listen; 0.0.0.0 lets other machines ask too")
    parser.add_argument("--port", type=int, default=8000, help="0 for any that is free")
    parser.add_argument("--open", action="store_true", help="open the page in a browser")


def _serve(options: argparse.Namespace) -> None:
    from ..serve import serve
    from ..serve.shown import shown

    check_whole(options, "port", least=0, most=65535)
    with reading("FILE"):
        net = load(options.network)
    with reading("--parser"):
        parser = None if options.parser is None else load(options.parser)
    try:
        shown(net, parser, options.network)
    except ValueError as error:
        raise Mistake(str(error)) from None

    def ready(address: str) -> None:
        print(f"{address}  (Ctrl-C ends it)", flush=True)
        if options.open:
            webbrowser.open(address)

    with contextlib.suppress(KeyboardInterrupt):
        serve(net, parser=parser, host=options.host, port=options.port, ready=ready)
