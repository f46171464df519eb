"""The wrapper for the development server, and the response it shows: see `page` for what is on it.

An exception that nobody handled is told once: to the client by the page, to the developer by the log.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from ..utils import encode_headers, printable
from ..wrappers import Response
from .page import render_page, render_text

if TYPE_CHECKING:
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
    """The page about *error*, as a response with status 500: everything in it is escaped."""
    return _page(error)


def _page(error: BaseException, *, where: str = "", html: bool = True) -> Response:
    try:
        text = render_page(error, where) if html else render_text(error)
    except Exception:  # boundary: an error so strange must still be told
        text, html = render_text(error), False
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
            self._log(scope, error)
            await _show(scope, send, error)

    def _log(self, scope: Scope, error: BaseException) -> None:
        logger = getattr(self.app, "logger", None) or logging.getLogger("pottle.error")
        logger.error("Exception on %s", _where(scope), exc_info=error)


def _where(scope: Scope) -> str:
    return printable(f"{scope.get('method', 'WEBSOCKET')} {scope['path']}")


async def _show(scope: Scope, send: Send, error: BaseException) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1011, "reason": "Internal Server Error"})
        return
    response = _page(error, where=_where(scope), html=_names_html(scope))
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
    accept = parse_accept_header(value.decode("latin-1"), MIMEAccept)
    return any(mimetype.lower() in _HTML and quality > 0 for mimetype, quality in accept)
