"""A server of the page on this machine."""

from __future__ import annotations

import socket
from collections.abc import Callable

from .._extras import missing
from .._validation.values import as_int
from ..sequential import Sequential
from .shown import shown

_WAITING = 1024  # connections that nobody has looked at yet
_LOCAL = {"127.0.0.1", "localhost", "[::1]"}
_EVERYWHERE = {"", "0.0.0.0", "::"}


def serve(
    net: Sequential,
    *,
    parser: Sequential | None = None,
    host: str = "127.0.0.1",
    port: int = 8000,
    ready: Callable[[str], object] = print,
) -> None:
    """Serve a page on which one draws or types, and sees what a network says of it, until Ctrl-C.

    Parameters
    ----------
    net : Sequential
        One of images (C, H, W), C being 1 or 3, that gives a number for each label: one draws. A language model, as
        ``fastdl train lm`` makes it: one types a text. One that labels trees, or a parser: one types a sentence.
    parser : Sequential, optional
        What makes trees of sentences, as ``fastdl train parser`` makes it; else they branch to the right.
    host, port : str, int
        Where to listen. By default nobody but this machine can ask. Port 0 is any that is free.
    ready : callable
        Is called with the page's address once it can be opened.

    Raises
    ------
    ImportError
        Without starlette and uvicorn, which the extra ``serve`` brings.
    OSError
        If nobody can listen there, as where another program does.
    ValueError
        If the network is one of something else.

    Notes
    -----
    Whoever can reach the page can ask the network, and no more: nothing is written, nothing is loaded from elsewhere.
    """
    try:
        import uvicorn

        from .application import application
    except ImportError:
        raise missing("the page", "starlette and uvicorn", "serve") from None
    page = shown(net, parser)
    as_int(port, "port", least=0, most=65535)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=_WAITING)
    except OSError as error:
        raise OSError(f"host and port must be where nobody listens yet; {host}:{port}: {error.strerror}") from None
    # Or an answer may wait for the browser's leave, 40 ms and more: asyncio would see to it of other sockets.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with listening:
        name = f"[{host}]" if ":" in host else host
        hosts = None if host in _EVERYWHERE else {*_LOCAL, name.lower()}
        config = uvicorn.Config(
            application(page, hosts), access_log=False, log_level="warning", server_header=False, ws="none",
            timeout_graceful_shutdown=2,
        )  # fmt: skip
        ready(f"http://{name}:{listening.getsockname()[1]}/")
        uvicorn.Server(config).run(sockets=[listening])
