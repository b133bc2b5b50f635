"""Protection of the page against other sites: checks of requests, and security headers."""

from __future__ import annotations

from collections.abc import Collection, MutableMapping
from typing import Any

_HEADERS = {
    # No scripts, styles or pictures from elsewhere, and no page around ours.
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-cache",
}
_ADDED = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]

Message = MutableMapping[str, Any]


class Guard:
    """Refuses other host names and other sites' pages, and adds security headers to all answers.

    Another site may let one of its own names point to this machine, so that its page could send requests like ours (DNS
    rebinding). Therefore the host name in a request must be one of ``hosts``.

    Parameters
    ----------
    application : callable
        An ASGI application.
    hosts : collection of str, or None
        The host names that are allowed; None for any.
    """

    def __init__(self, application: Any, hosts: Collection[str] | None) -> None:
        self.application, self.hosts = application, hosts

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer, or refuse."""
        if scope["type"] != "http":  # the server's start and stop
            await self.application(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_ADDED]
            await send(message)

        headers = dict(scope["headers"])
        if self.hosts is not None and _name(headers.get(b"host", b"")) not in self.hosts:
            await _refuse(send_guarded, 400, b"the name of the host is none of this server's")
        elif headers.get(b"sec-fetch-site", b"none") not in (b"none", b"same-origin") and scope["method"] != "GET":
            await _refuse(send_guarded, 403, b"pages of other sites may not ask")
        else:
            await self.application(scope, receive, send_guarded)


def _name(host: bytes) -> str:
    """Return the name of a host without its port."""
    text = host.decode("latin-1").lower()
    return text[: text.rindex("]") + 1] if text.startswith("[") and "]" in text else text.partition(":")[0]


async def _refuse(send: Any, status: int, why: bytes) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(why)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": why})
