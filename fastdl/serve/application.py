"""The page's files and its network's answers, for any ASGI server."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Collection
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from functools import partial
from importlib.resources import files
from typing import Any

from .._extras import missing
from .._threads import get_num_threads
from .guard import Guard
from .shown import Shown

try:
    from starlette.applications import Starlette
    from starlette.requests import ClientDisconnect, Request
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route
except ImportError:
    raise missing("the page", "starlette and uvicorn", "serve") from None

_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_PATIENCE = 10.0  # seconds for a request to arrive


class _Answers:
    """A pool of threads that answer requests, each with its own copy of the network, so that none waits for another."""

    def __init__(self, shown: Shown) -> None:
        self._shown, self._own = shown, threading.local()
        self._copying = threading.Lock()
        self.threads = ThreadPoolExecutor(get_num_threads(), "fastdl-serve")

    def __call__(self, asked: bytes) -> dict[str, Any]:
        if not hasattr(self._own, "shown"):
            with self._copying:
                self._own.shown = deepcopy(self._shown)
        answer: dict[str, Any] = self._own.shown.answer(asked)
        return answer


def application(shown: Shown, hosts: Collection[str] | None = None) -> Guard:
    """Make an ASGI application that serves the page of a network.

    Parameters
    ----------
    shown : Shown
    hosts : collection of str, optional
        The host names under which browsers may request it; any by default.
    """
    answers, about = _Answers(shown), shown.about()

    async def answer(request: Request) -> Response:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != shown.takes:
            return _error(415, f"what is asked must be {shown.takes}; received {kind or 'no type'}")
        try:
            asked = await asyncio.wait_for(_body(request, shown.most), _PATIENCE)
            loop = asyncio.get_running_loop()
            return JSONResponse(await loop.run_in_executor(answers.threads, answers, asked))
        except asyncio.TimeoutError:
            return _error(408, f"what is asked must arrive within {_PATIENCE:g} seconds")
        except OverflowError:
            return _error(413, f"what is asked must have {shown.most} bytes at the most")
        except ValueError as error:
            return _error(400, str(error))
        except ClientDisconnect:
            return _error(400, "whoever asked has left")

    @contextlib.asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        yield
        answers.threads.shutdown(cancel_futures=True)

    async def tell(_: Request) -> Response:
        return JSONResponse(about)

    routes = [Route("/about", tell), Route("/answer", answer, methods=["POST"])]
    for file in files(__package__).joinpath("page").iterdir():
        path = "/" if file.name == "page.html" else f"/{file.name}"
        routes.append(Route(path, partial(_file, file.read_bytes(), _TYPES[file.name.rpartition(".")[2]])))
    return Guard(Starlette(routes=routes, lifespan=lifespan), hosts)


async def _file(content: bytes, kind: str, _: Request) -> Response:
    return Response(content, media_type=kind)


async def _body(request: Request, most: int) -> bytes:
    """Read the whole body of a request, or raise OverflowError as soon as it is too long."""
    if int(request.headers.get("content-length", 0)) > most:
        raise OverflowError
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most:
            raise OverflowError
    return bytes(body)


def _error(status: int, why: str) -> Response:
    return JSONResponse({"error": why}, status)
