"""Calls an application directly, with no server: one exchange over ASGI, WSGI or RSGI.

A caller makes everything that a server would have made (the scope, the two callables) before the clock
starts, and new for each call; what is timed is the application alone. Receiving gives what is already
there, and sending keeps nothing: the limit of what a server could do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from io import BytesIO, StringIO
from time import perf_counter
from typing import Any

from bench.application import HEADERS

#: Makes all that the server gives to one exchange; what it is depends on the protocol.
Maker = Callable[[], Any]


@dataclass(frozen=True)
class Call:
    """One request, in no protocol's words."""

    method: str
    path: str
    query: str = ""
    body: bytes = b""
    content_type: str = ""
    cookie: str = ""

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The usual headers, with those of the body and with the session's cookie among the cookies."""
        headers = dict(HEADERS)
        if self.cookie:
            headers["cookie"] += "; " + self.cookie
        if self.body:
            headers["content-type"] = self.content_type
            headers["content-length"] = str(len(self.body))
        return list(headers.items())


@dataclass(frozen=True)
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def cookie(self) -> str:
        """The first cookie that is set, as a client sends it back."""
        for name, value in self.headers:
            if name.lower() == "set-cookie":
                return value.partition(";")[0]
        return ""


DISCONNECT = {"type": "http.disconnect"}


class Exchange:
    """The two callables of one exchange over ASGI.

    `receive` gives the body, and then waits as for a client who stays; it tells of the end once the answer
    is complete, which some applications wait for.
    """

    __slots__ = ("ended", "message", "waiting")

    def __init__(self, body: bytes) -> None:
        self.message: dict[str, Any] | None = {
            "type": "http.request",
            "body": body,
            "more_body": False,
        }
        self.ended = False
        self.waiting: asyncio.Future[None] | None = None

    async def receive(self) -> dict[str, Any]:
        message = self.message
        if message is not None:
            self.message = None
            return message
        if not self.ended:
            self.waiting = asyncio.get_running_loop().create_future()
            await self.waiting
        return DISCONNECT

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self.ended = True
            if self.waiting is not None and not self.waiting.done():
                self.waiting.set_result(None)


class AsgiCaller:
    """Calls an ASGI application, after its start-up."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self._lifespan: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()

    async def start(self) -> None:
        started = asyncio.Event()
        events = iter(["startup", "shutdown"])

        async def receive() -> dict[str, str]:
            event = next(events)
            if event == "shutdown":
                await self._ended.wait()
            return {"type": f"lifespan.{event}"}

        async def send(message: dict[str, Any]) -> None:
            started.set()

        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
        self._lifespan = asyncio.ensure_future(self.app(scope, receive, send))
        waiting = asyncio.ensure_future(started.wait())
        await asyncio.wait([self._lifespan, waiting], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()

    async def stop(self) -> None:
        self._ended.set()
        if self._lifespan is not None:
            await asyncio.wait([self._lifespan], timeout=5)

    def maker(self, call: Call) -> Maker:
        """What makes the scope of *call*, as uvicorn makes it, and the two callables."""
        headers = [(name.encode(), value.encode()) for name, value in call.headers]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "server": ("127.0.0.1", 8000),
            "client": ("127.0.0.1", 50000),
            "scheme": "http",
            "root_path": "",
            "method": call.method,
            "path": call.path,
            "raw_path": call.path.encode(),
            "query_string": call.query.encode(),
        }
        body = call.body

        def make() -> tuple[Any, ...]:
            exchange = Exchange(body)
            return {**scope, "headers": list(headers), "state": {}}, exchange.receive, exchange.send

        return make

    async def answer(self, call: Call) -> Answer:
        messages: list[dict[str, Any]] = []
        scope, receive, send = self.maker(call)()

        async def kept(message: dict[str, Any]) -> None:
            messages.append(message)
            await send(message)

        await self.app(scope, receive, kept)
        start, *pieces = [one for one in messages if one["type"].startswith("http.response.")]
        headers = [(name.decode(), value.decode()) for name, value in start["headers"]]
        return Answer(start["status"], headers, b"".join(one.get("body", b"") for one in pieces))

    async def time(self, makers: list[Maker]) -> float:
        app = self.app
        made = [make() for make in makers]
        start = perf_counter()
        for scope, receive, send in made:
            await app(scope, receive, send)
        return perf_counter() - start


class WsgiCaller:
    """Calls a WSGI application."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def maker(self, call: Call) -> Maker:
        """What makes the environment of *call*, as a server for WSGI makes it."""
        headers = {"HTTP_" + n.upper().replace("-", "_"): value for n, value in call.headers}
        for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            if value := headers.pop("HTTP_" + name, None):
                headers[name] = value
        environ = {
            "REQUEST_METHOD": call.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": call.path,
            "QUERY_STRING": call.query,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "8000",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.errors": StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            **headers,
        }
        return lambda: {**environ, "wsgi.input": BytesIO(call.body)}

    async def answer(self, call: Call) -> Answer:
        started: list[Any] = []
        pieces = self.app(self.maker(call)(), lambda *arguments: started.extend(arguments))
        body = b"".join(pieces)
        if hasattr(pieces, "close"):
            pieces.close()
        return Answer(int(started[0].split()[0]), started[1], body)

    async def time(self, makers: list[Maker]) -> float:
        app = self.app
        made = [make() for make in makers]
        start = perf_counter()
        for environ in made:
            pieces = app(environ, start_response)
            for _ in pieces:
                pass
            if hasattr(pieces, "close"):
                pieces.close()
        return perf_counter() - start


def start_response(status: str, headers: Any, exc_info: Any = None) -> Callable[[bytes], None]:
    return lambda piece: None


class RsgiScope:
    """What granian gives an RSGI application, in plain Python."""

    __slots__ = (
        *("proto", "rsgi_version", "http_version", "server", "client", "scheme", "method"),
        *("path", "query_string", "authority", "headers"),
    )

    def __init__(self, call: Call, headers: RsgiHeaders) -> None:
        self.proto = "http"
        self.rsgi_version = "1.5"
        self.http_version = "1.1"
        self.server = "127.0.0.1:8000"
        self.client = "127.0.0.1:50000"
        self.scheme = "http"
        self.method = call.method
        self.path = call.path
        self.query_string = call.query
        self.authority = None
        self.headers = headers


class RsgiHeaders(dict[str, str]):
    """The headers as a mapping that has `get_all` too."""

    def get_all(self, name: str) -> list[str]:
        return [self[name]] if name in self else []


class RsgiProtocol:
    """The other half of an exchange over RSGI: the body in, the answer out."""

    __slots__ = ("body", "headers", "pieces", "status")

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.pieces: list[bytes] = []

    async def __call__(self) -> bytes:
        return self.body

    async def client_disconnect(self) -> None:
        await asyncio.get_running_loop().create_future()

    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.status, self.headers = status, headers

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        if self.status:
            return  # as granian does: Emmett55 answers once more after a stream
        self.status, self.headers = status, headers
        self.pieces.append(body)

    def response_str(self, status: int, headers: list[tuple[str, str]], body: str) -> None:
        self.response_bytes(status, headers, body.encode())

    def response_stream(self, status: int, headers: list[tuple[str, str]]) -> RsgiProtocol:
        self.status, self.headers = status, headers
        return self

    async def send_bytes(self, piece: bytes) -> None:
        self.pieces.append(piece)

    async def send_str(self, piece: str) -> None:
        self.pieces.append(piece.encode())


class RsgiCaller:
    """Calls an RSGI application, with a scope and a protocol in plain Python in place of granian's."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def start(self) -> None:
        if start := getattr(self.app, "__rsgi_init__", None):
            start(asyncio.get_running_loop())

    async def stop(self) -> None: ...

    def maker(self, call: Call) -> Maker:
        headers = RsgiHeaders(call.headers)
        return lambda: (RsgiScope(call, headers), RsgiProtocol(call.body))

    async def answer(self, call: Call) -> Answer:
        scope, protocol = self.maker(call)()
        await self.app.__rsgi__(scope, protocol)
        return Answer(protocol.status, protocol.headers, b"".join(protocol.pieces))

    async def time(self, makers: list[Maker]) -> float:
        serve: Callable[..., Awaitable[None]] = self.app.__rsgi__
        made = [make() for make in makers]
        start = perf_counter()
        for scope, protocol in made:
            await serve(scope, protocol)
        return perf_counter() - start


Caller = AsgiCaller | WsgiCaller | RsgiCaller
CALLERS: dict[str, type[Caller]] = {
    "flask": WsgiCaller,
    "emmett55": RsgiCaller,
    "bare_rsgi": RsgiCaller,
}


def caller(peer: str, app: Any) -> Caller:
    return CALLERS.get(peer, AsgiCaller)(app)
