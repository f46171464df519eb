"""The wrapper for the development server, and the response it shows: see `page` for what is on it.

An exception that nobody handled is told once: to the client by the page, to the developer by the log.
The page is for whoever sits at this machine, and for the hosts that the application trusts by name.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import InternalServerError
from werkzeug.sansio.utils import host_is_trusted

from ..active import current
from ..utils import encode_headers, is_loopback, printable
from ..wrappers import Response
from ..wrappers.base import parse_accept
from .page import render_page, render_text
from .secrets import Secrets

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from ..typing import ASGIApp, Event, Receive, Scope, Send

#: Nothing may be loaded, run or kept, whatever a message or a value tried to put into the page.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_BEGINNINGS = (
    "http.response.start",
    "websocket.accept",
    "websocket.close",
    "websocket.http.response.start",
)
_HTML = ("text/html", "application/xhtml+xml", "text/*")


async def traceback_response(error: BaseException) -> Response:
    """The page about *error*, as a response with status 500: everything in it is escaped.

    Secrets of the current request and its application are masked.
    """
    context = current.get(None)
    connection = context.connection if context is not None else None
    return _page(
        error,
        Secrets(
            connection.scope if connection is not None else None,
            context.app.config if context is not None else None,
        ),
    )


def _page(
    error: BaseException, secrets: Secrets, *, where: str = "", html: bool = True
) -> Response:
    try:
        text = render_page(error, where, secrets) if html else render_text(error, secrets)
    except Exception:  # boundary: an error so strange must still be told
        text, html = render_text(error, secrets), False
    # What cannot be encoded (a lone surrogate) must not hide the error.
    data = text.encode("utf-8", "backslashreplace")
    mimetype = "text/html" if html else "text/plain"
    return Response(data, 500, _HEADERS, content_type=f"{mimetype}; charset=utf-8")


class DebugMiddleware:
    """Shows what comes out of the ASGI application *app* instead of letting the server hide it.

    An exception before the answer has begun is logged and becomes the page (plain text for a client
    that does not name HTML in its Accept header); before a websocket is accepted it is logged and
    the websocket is rejected. Later exceptions, and all else, pass through as if this were not here.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def __getattr__(self, name: str) -> Any:
        if name == "app":  # not set yet: a copy is being made
            raise AttributeError(name)
        return getattr(self.app, name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        begun = False

        async def noticing(event: Event) -> None:
            nonlocal begun
            begun = begun or event["type"] in _BEGINNINGS
            await send(event)

        try:
            await self.app(scope, receive, noticing)
        except Exception as error:  # boundary: whatever the application let out
            if begun:
                raise
            config: Mapping[str, Any] = getattr(self.app, "config", {})
            visible = is_for_developer(scope, config.get("TRUSTED_HOSTS") or ())
            self._log(scope, error, visible)
            await _answer(scope, send, error, config, visible)

    def _log(self, scope: Scope, error: BaseException, visible: bool) -> None:
        logger = getattr(self.app, "logger", None) or logging.getLogger("pottle.error")
        hint = "" if visible else _HINT
        logger.error("Exception on %s%s", _where(scope), hint, exc_info=error)


_HINT = (
    " (its debug page was not shown: it is for requests from this machine to localhost, or to a host"
    " that TRUSTED_HOSTS names)"
)


def is_for_developer(scope: Scope, trusted_hosts: Collection[str]) -> bool:
    """Whether a request may see the debug page: it comes from this machine, or names a trusted host.

    The host counts in any case, or a site whose name was made to point here could read the page in
    its visitor's browser (DNS rebinding).
    """
    hosts = [value for name, value in scope["headers"] if name.lower() == b"host"]
    host = hosts[0].decode("latin-1") if hosts else "localhost"  # no browser leaves it out
    if len(hosts) > 1:
        return False
    if trusted_hosts and host_is_trusted(host, trusted_hosts):
        return True
    client = scope.get("client")  # None with a Unix socket
    return is_loopback(_name(host)) and (not client or is_loopback(client[0]))


def _name(host: str) -> str:
    """*host* without its port."""
    name, colon, port = host.rpartition(":")
    return name.strip("[]") if colon and port.isdigit() else host.strip("[]")


def _where(scope: Scope) -> str:
    return printable(f"{scope.get('method', 'WEBSOCKET')} {scope['path']}")


async def _answer(
    scope: Scope, send: Send, error: BaseException, config: Mapping[str, Any], visible: bool
) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1011, "reason": "Internal Server Error"})
        return
    if visible:
        secrets = Secrets(scope, config)
        response = _page(error, secrets, where=_where(scope), html=_names_html(scope))
    else:
        body = InternalServerError().get_body()
        response = Response(body, 500, _HEADERS, content_type="text/html; charset=utf-8")
    await send(
        {
            "type": "http.response.start",
            "status": response.status_code,
            "headers": encode_headers(response.headers),
        }
    )
    await send({"type": "http.response.body", "body": await response.get_data(as_text=False)})


def _names_html(scope: Scope) -> bool:
    value = b",".join(value for name, value in scope["headers"] if name.lower() == b"accept")
    accept = parse_accept(value.decode("latin-1"))
    return any(mimetype.lower() in _HTML and quality > 0 for mimetype, quality in accept)
