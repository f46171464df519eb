"""``app.wsgi_app = Middleware(app.wsgi_app)``: WSGI middleware, written for Flask, around Pottle.

Once ``wsgi_app`` has been replaced, HTTP requests take the way through it: in a thread, where the
innermost application hands them back to the event loop. Websockets and the lifespan pass it by.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from ...mounting.wsgi import WSGIGuest
from ...sync import working_for
from ...typing import Receive, Scope, Send
from .wsgi import call_wsgi

#: In the scope of a request on its way through the chain: the event loop that it came from.
LOOP = "pottle.loop"


def wsgi_app(app: Any) -> Callable[..., Any]:
    """*app* as a WSGI application, with the middleware that it was given."""
    chain = app.asgi_app
    return chain.wsgi_app if isinstance(chain, Chain) else partial(call_wsgi, app)


def replace_wsgi_app(app: Any, replacement: Callable[..., Any]) -> None:
    """Have the HTTP requests of *app* go through the WSGI application *replacement*."""
    chain = app.asgi_app
    if isinstance(chain, Chain):
        chain.wsgi_app = replacement
    else:
        app.asgi_app = Chain(app, replacement, chain)


class Chain:
    """The ASGI application of *app* with *wsgi_app* for HTTP in front, and *asgi_app* for all else."""

    def __init__(
        self, app: Any, wsgi_app: Callable[..., Any], asgi_app: Callable[..., Any]
    ) -> None:
        self.wsgi_app = wsgi_app
        self.asgi_app = asgi_app
        self._guest = WSGIGuest(app, self._call)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.asgi_app(scope, receive, send)
            return
        await self._guest({**scope, LOOP: asyncio.get_running_loop()}, receive, send)

    def _call(self, environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        with working_for(environ["asgi.scope"][LOOP]):
            pieces = self.wsgi_app(environ, start_response)
            try:
                yield from pieces
            finally:
                getattr(pieces, "close", bool)()
