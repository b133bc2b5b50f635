"""A server for the page on this machine."""

from __future__ import annotations

import socket
from collections.abc import Callable

from .._extras import missing
from .._validation.values import as_int
from ..sequential import Sequential
from .shown import shown

_WAITING = 1024  # the backlog of connections
_LOCAL = {"127.0.0.1", "localhost", "[::1]"}
_EVERYWHERE = {"0.0.0.0", "::"}


def serve(
    net: Sequential,
    *,
    parser: Sequential | None = None,
    host: str = "127.0.0.1",
    port: int = 8000,
    ready: Callable[[str], object] = print,
) -> None:
    """Serve a web page to draw or type on, which shows a network's answers, until Ctrl-C.

    Parameters
    ----------
    net : Sequential
        For drawings, a classifier of images (C, H, W) with 1 or 3 channels. For texts, a language model such as
        ``fastdl train lm`` saves. For sentences, a classifier of the nodes of trees, or a parser.
    parser : Sequential, optional
        A parser for the trees of sentences, such as ``fastdl train parser`` saves; without one, trees branch to the
        right.
    host, port : str, int
        Where to listen; by default only to this machine. Port 0 means any free one.
    ready : callable
        Called with the page's address once it can be opened.

    Raises
    ------
    ImportError
        Without starlette and uvicorn, which the extra ``serve`` brings.
    OSError
        If it cannot listen there, for instance because another program does.
    ValueError
        If the network is of another kind, or the host is none.

    Notes
    -----
    Those who can reach the page can get the network's answers, and nothing more: nothing is written, and nothing is
    loaded from elsewhere.
    """
    try:
        import uvicorn

        from .application import application
    except ImportError:
        raise missing("the page", "starlette and uvicorn", "serve") from None
    page = shown(net, parser)
    as_int(port, "port", least=0, most=65535)
    try:
        if not host.encode("idna"):  # it would mean every address
            raise ValueError
    except ValueError:
        raise ValueError(f"host must be an address or a name, such as 127.0.0.1; received {host!r}") from None
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=_WAITING)
    except OSError as error:
        raise OSError(f"host and port must be where nobody listens yet; {host}:{port}: {error.strerror}") from None
    # Otherwise an answer may wait 40 ms and more for an acknowledgement; asyncio does this only for its own sockets.
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
