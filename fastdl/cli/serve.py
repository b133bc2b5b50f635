"""``fastdl serve``: a web page to draw or type on, with a saved network's answers."""

from __future__ import annotations

import argparse
import contextlib

from .. import load
from .common import check_whole
from .mistakes import Mistake, reading


def add_serve(parser: argparse.ArgumentParser) -> None:
    """Add what ``serve`` takes."""
    parser.description = (
        "Serve a web page on this machine to draw a digit, or to type a text or a sentence, as the network takes it, "
        "and to see its answers."
    )
    parser.formatter_class = argparse.ArgumentDefaultsHelpFormatter
    parser.set_defaults(run=_serve)
    parser.add_argument("network", metavar="FILE", help="a network saved by train --save")
    parser.add_argument("--parser", metavar="FILE", help="a parser saved by train parser --save, for sentences")
    parser.add_argument("--host", default="127.0.0.1", help="where to listen; 0.0.0.0 admits other machines too")
    parser.add_argument("--port", type=int, default=8000, help="0 for any free port")
    parser.add_argument("--open", action="store_true", help="open the page in a browser")


def _serve(options: argparse.Namespace) -> None:
    from ..serve import serve
    from ..serve.shown import shown

    check_whole(options, "port", least=0, most=65535)
    with reading("FILE"):
        net = load(options.network)
    with reading("--parser"):
        parser = None if options.parser is None else load(options.parser)
    if parser is not None and not net.is_of_trees:
        raise Mistake(f"--parser is for networks of trees; {options.network} is none")
    try:
        shown(net, None, options.network)
        shown(net, parser, options.parser)  # the network being right, what is wrong is the parser
    except ValueError as error:
        raise Mistake(str(error)) from None

    def ready(address: str) -> None:
        print(f"{address}  (Ctrl-C ends it)", flush=True)
        if options.open:
            import webbrowser

            webbrowser.open(address)

    with contextlib.suppress(KeyboardInterrupt):
        serve(net, parser=parser, host=options.host, port=options.port, ready=ready)
