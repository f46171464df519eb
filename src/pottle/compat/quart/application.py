"""What the classes of Pottle get beside their own attributes when they stand for Quart's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from ...app import Pottle
from ...ctx import AppContext
from ...errors import ContextError
from ...protocols import asgi
from ...scaffold import Scaffold
from ...templating import Environment
from ...testing import PottleClient, PottleCliRunner, TestApp
from ...typing import Receive, Scope, Send
from ...utils import ENVIRONMENT_PREFIXES
from ...wrappers import Request, Websocket
from .asgi import ASGIHTTPConnection, ASGILifespan, ASGIWebsocketConnection
from .contexts import ContextNames
from .shapes import speak_both
from .websocket import WebsocketNames


def stand_in() -> None:
    """Give the classes of Pottle what they lack of Quart's. Doing it twice is no harm."""
    if hasattr(Pottle, "asgi_http_class"):
        return
    for cls, names in (
        (AppContext, ContextNames),
        (Pottle, ApplicationNames),
        (Request, RequestNames),
        (Scaffold, ScaffoldNames),
        (Websocket, WebsocketNames),
    ):
        for name, value in vars(names).items():
            if name == "__init__" or not name.startswith("__"):
                setattr(cls, name, value)
    ENVIRONMENT_PREFIXES.append("QUART")
    speak_both(Pottle)
    Pottle.seal()


class WhileServing(list[Any]):
    """The generators around serving, as Quart keeps them; one that is appended is taken over."""

    def __init__(self, functions: list[Callable[[], Any]]) -> None:
        super().__init__(functions)
        self._functions = functions

    def append(self, generator: Any) -> None:
        """Run *generator* to its yield at start-up and to its end at shutdown."""
        super().append(generator)
        self._functions.append(lambda: generator)

    def extend(self, generators: Iterable[Any]) -> None:
        for generator in generators:
            self.append(generator)


class ScaffoldNames:
    """For `Scaffold`."""

    def _check_setup_finished(self: Any, f_name: str) -> None:
        """Raise where a registration by the method *f_name* would come too late."""
        self._check_setup()


class ApplicationNames:
    """For `Pottle`."""

    asgi_http_class: Any = ASGIHTTPConnection
    asgi_lifespan_class: Any = ASGILifespan
    asgi_websocket_class: Any = ASGIWebsocketConnection
    jinja_environment: Any = Environment
    test_app_class: Any = TestApp
    test_cli_runner_class: Any = PottleCliRunner
    test_client_class: Any = PottleClient
    _got_first_request = False

    @property
    def while_serving_gens(self: Any) -> WhileServing:
        """The generators around serving; see `while_serving`."""
        return WhileServing(self.while_serving_funcs)

    async def asgi_app(self: Any, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application itself; replace it to put middleware around:
        ``app.asgi_app = Middleware(app.asgi_app)``."""
        kind = scope["type"]
        # PERF: the class is only made where it does more than Pottle's own function.
        if kind == "http":
            if self.asgi_http_class is ASGIHTTPConnection:
                await asgi.http(self._plan or self.plan, scope, receive, send)
            else:
                await self.asgi_http_class(self, scope)(receive, send)
        elif kind == "websocket":
            if self.asgi_websocket_class is ASGIWebsocketConnection:
                await asgi.websocket(self._plan or self.plan, scope, receive, send)
            else:
                await self.asgi_websocket_class(self, scope)(receive, send)
        elif kind == "lifespan":
            await self.asgi_lifespan_class(self, scope)(receive, send)
        else:
            raise ContextError(f"Pottle speaks http, websocket and lifespan, not {kind!r}.")


class RequestNames:
    """For `Request`."""

    lock_class = asyncio.Lock
