"""Quart's `typing`: its protocols, that is what a class must have that an application is given, and
the names for types that Pottle has no use for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Protocol, Self

from werkzeug.sansio.response import Response as SansIOResponse

from ...typing import Receive, Scope, Send

AppOrBlueprintKey = str | None
HeaderValue = str | list[str] | tuple[str, ...]
ResponseTypes = SansIOResponse
ShellContextProcessorCallable = Callable[[], dict[str, Any]]
TemplateFilterCallable = Callable[..., Any]
TemplateGlobalCallable = Callable[..., Any]
TemplateTestCallable = Callable[..., bool]


class ASGIHTTPProtocol(Protocol):
    """What may be ``app.asgi_http_class``."""

    def __init__(self, app: Any, scope: Scope) -> None: ...

    async def __call__(self, receive: Receive, send: Send) -> None: ...


class ASGIWebsocketProtocol(ASGIHTTPProtocol, Protocol):
    """What may be ``app.asgi_websocket_class``."""


class ASGILifespanProtocol(ASGIHTTPProtocol, Protocol):
    """What may be ``app.asgi_lifespan_class``."""


class Entered(Protocol):
    """What is used with ``async with``."""

    #: For pytest, which takes classes by such names for collections of tests.
    __test__: bool = False

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None: ...


class TestHTTPConnectionProtocol(Entered, Protocol):
    """What may be ``client.http_connection_class``."""

    push_promises: list[Any]

    def __init__(self, app: Any, scope: Scope, _preserve_context: bool = False) -> None: ...

    async def send(self, data: bytes) -> None: ...

    async def send_complete(self) -> None: ...

    async def receive(self) -> bytes: ...

    async def disconnect(self) -> None: ...

    async def as_response(self) -> Any: ...


class TestWebsocketConnectionProtocol(Entered, Protocol):
    """What may be ``client.websocket_connection_class``."""

    def __init__(self, app: Any, scope: Scope) -> None: ...

    async def receive(self) -> str | bytes: ...

    async def send(self, data: str | bytes) -> None: ...

    async def receive_json(self) -> Any: ...

    async def send_json(self, data: Any) -> None: ...

    async def close(self, code: int) -> None: ...

    async def disconnect(self) -> None: ...


class TestClientProtocol(Entered, Protocol):
    """What may be ``app.test_client_class``."""

    app: Any
    cookie_jar: Any
    http_connection_class: type[TestHTTPConnectionProtocol]
    push_promises: list[Any]
    websocket_connection_class: type[TestWebsocketConnectionProtocol]

    def __init__(self, app: Any, use_cookies: bool = True) -> None: ...

    async def open(self, path: str, **options: Any) -> Any: ...

    def request(self, path: str, **options: Any) -> TestHTTPConnectionProtocol: ...

    def websocket(self, path: str, **options: Any) -> TestWebsocketConnectionProtocol: ...

    async def delete(self, *args: Any, **kwargs: Any) -> Any: ...

    async def get(self, *args: Any, **kwargs: Any) -> Any: ...

    async def head(self, *args: Any, **kwargs: Any) -> Any: ...

    async def options(self, *args: Any, **kwargs: Any) -> Any: ...

    async def patch(self, *args: Any, **kwargs: Any) -> Any: ...

    async def post(self, *args: Any, **kwargs: Any) -> Any: ...

    async def put(self, *args: Any, **kwargs: Any) -> Any: ...

    async def trace(self, *args: Any, **kwargs: Any) -> Any: ...

    def set_cookie(self, server_name: str, key: str, value: str = "", **options: Any) -> None: ...

    def delete_cookie(self, server_name: str, key: str, **options: Any) -> None: ...

    def session_transaction(
        self, path: str = "/", **options: Any
    ) -> AbstractAsyncContextManager[Any]: ...


class TestAppProtocol(Entered, Protocol):
    """What may be ``app.test_app_class``."""

    def __init__(self, app: Any) -> None: ...

    def test_client(self) -> TestClientProtocol: ...

    async def startup(self) -> None: ...

    async def shutdown(self) -> None: ...
