"""WSGI in front of Pottle: a call of a WSGI server or of Flask's test client becomes an exchange.

PEP 3333. The application stays the asynchronous one; here is only the translation of the environment
and of the messages. Which event loop works for the caller is the business of `loops`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import BytesIO
from typing import Any, NoReturn

from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.wsgi import get_input_stream

from ...errors import RequestCancelled
from ...protocols import asgi
from ...sync import call_in_thread, is_loop_running
from ...typing import Event, Scope
from ...wrappers import Request
from .loops import Caller, Own, find_caller
from .request import ENVIRON, PRESERVE

#: Most bytes of a body that are read at once.
CHUNK = 64 * 1024


def call_wsgi(
    app: Any, environ: dict[str, Any], start_response: Callable[..., Any]
) -> Iterator[bytes]:
    """Have *app* answer the WSGI request *environ*; gives the pieces of the body as they are made."""
    caller = find_caller()
    call = WSGICall(app, environ, has_own_loop=isinstance(caller, Own))
    caller.wait(call.begin())
    if call.status is None:
        raise ConnectionError("The application broke its answer off before it had begun.")
    start_response(call.status, call.headers)
    return Pieces(call, caller)


class WSGICall:
    """One call: the exchange that answers it, in a task, and what of the answer is there already."""

    def __init__(self, app: Any, environ: dict[str, Any], *, has_own_loop: bool) -> None:
        self.status: str | None = None
        self.headers: list[tuple[str, str]] = []
        self._scope = scope_of(environ)
        work = asgi.http(app.plan, self._scope, self._receive, self._send)
        bridge = app.plan.bridge
        self._work = bridge.for_the_caller(work) if has_own_loop and bridge is not None else work
        self._source = EnvironSource(environ)
        self._ended = False
        # Flask's test client keeps the context in a `with` statement, and the exchange has to be at its
        # end by then.
        self._is_kept = PRESERVE in environ
        #: The pieces that wait to be taken: one, so that a stream is made no faster than it is read.
        self._pieces: asyncio.Queue[bytes] = asyncio.Queue(0 if self._is_kept else 1)
        self._streams = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Start the exchange; returns when the answer is whole, or when the first of its pieces is there.

        Raises what the application let through, as it does in tests.
        """
        self._task = asyncio.create_task(self._work)
        streams = asyncio.create_task(self._streams.wait())
        try:
            await asyncio.wait((self._task, streams), return_when=asyncio.FIRST_COMPLETED)
        finally:
            streams.cancel()
        if self._task.done():
            self._task.result()

    async def next(self) -> bytes:
        """The next piece; empty at the end."""
        assert self._task is not None
        if self._pieces.empty() and not self._task.done():
            piece = asyncio.create_task(self._pieces.get())
            await asyncio.wait((self._task, piece), return_when=asyncio.FIRST_COMPLETED)
            if piece.done():
                return piece.result()
            piece.cancel()
        if not self._pieces.empty():
            return self._pieces.get_nowait()
        self._task.result()
        return b""

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to be done."""
        return self._task is None or self._task.done()

    async def end(self) -> None:
        """Give the answer up, if it is not complete: for the application, the client has left."""
        assert self._task is not None
        if not self._task.done():
            self._task.cancel()
            await asyncio.wait((self._task,))

    async def _receive(self) -> Event:
        if self._ended:
            await asyncio.get_running_loop().create_future()  # WSGI does not tell of a leaving
        event = await self._source.receive()
        self._ended = not event.get("more_body", False)
        return event

    async def _send(self, event: Event) -> None:
        if event["type"] == "http.response.start":
            self.status = _status_line(event["status"])
            self.headers = [
                (str(name, "latin-1").title(), str(value, "latin-1"))
                for name, value in event["headers"]
            ]
        elif event["type"] == "http.response.body":
            if event.get("more_body") and not self._is_kept:
                self._streams.set()
            if event.get("body"):
                await self._pieces.put(event["body"])


class Pieces(Iterator[bytes]):
    """The body of an answer, for a WSGI server to iterate and to close."""

    def __init__(self, call: WSGICall, caller: Caller) -> None:
        self._call = call
        self._caller = caller

    def __next__(self) -> bytes:
        piece = self._caller.wait(self._call.next())
        if not piece:
            raise StopIteration
        return piece

    def close(self) -> None:
        """Called by the server at the end, and when the client leaves before."""
        if not self._call.is_over:
            self._caller.wait(self._call.end())

    def __del__(self) -> None:
        with suppress(Exception):  # of a test that has not looked at the whole of a stream
            self.close()


def _status_line(status: int) -> str:
    return f"{status} {HTTP_STATUS_CODES.get(status, 'UNKNOWN').upper()}"


class EnvironSource:
    """Events of a request whose body stands in the WSGI environment."""

    def __init__(self, environ: dict[str, Any]) -> None:
        self._stream = get_input_stream(environ)
        self._in_memory = isinstance(environ.get("wsgi.input"), BytesIO)

    async def receive(self, timeout: float | None = None) -> Event:
        """The next piece of the body. (A file has no *timeout*.)"""
        if self._in_memory or not is_loop_running():
            body: bytes = self._stream.read(CHUNK)
        else:
            body = await call_in_thread(self._stream.read, CHUNK)
        return {"type": "http.request", "body": body, "more_body": bool(body)}

    async def raise_disconnect(self, reason: str = "", code: int | None = None) -> NoReturn:
        raise RequestCancelled(reason)


def scope_of(environ: dict[str, Any]) -> Scope:
    """The ASGI scope of a WSGI request."""
    headers = [
        (name[5:].replace("_", "-").lower().encode("latin-1"), str(value).encode("latin-1"))
        for name, value in environ.items()
        if name.startswith("HTTP_")
    ]
    headers.extend(
        (name.replace("_", "-").lower().encode(), str(environ[name]).encode("latin-1"))
        for name in ("CONTENT_TYPE", "CONTENT_LENGTH")
        if environ.get(name)
    )
    root = _from_wsgi(environ.get("SCRIPT_NAME", "")).rstrip("/")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": environ.get("SERVER_PROTOCOL", "HTTP/1.1").removeprefix("HTTP/"),
        "method": environ["REQUEST_METHOD"],
        "scheme": environ["wsgi.url_scheme"],
        "path": root + (_from_wsgi(environ.get("PATH_INFO", "")) or "/"),
        "root_path": root,
        "query_string": environ.get("QUERY_STRING", "").encode("latin-1"),
        "headers": headers,
        "client": (environ.get("REMOTE_ADDR"), int(environ.get("REMOTE_PORT") or 0)),
        "server": (environ["SERVER_NAME"], int(environ.get("SERVER_PORT") or 80)),
        "extensions": {},
        **_state_of(environ.get("asgi.scope", {})),
        ENVIRON: environ,
    }


def _state_of(scope: Scope) -> Scope:
    """What the lifespan has left in the *scope* that an environment was made of, if it was."""
    return {"state": scope["state"]} if "state" in scope else {}


def _from_wsgi(text: str) -> str:
    return text.encode("latin-1").decode("utf-8", "replace")


def request_from(app: Any, environ: dict[str, Any]) -> Request:
    """A request of ours for *environ*, that no server stands behind."""
    request: Any = Request.__new__(Request)
    request.scope = scope_of(environ)
    request._inbox = EnvironSource(environ)
    request._plan = app.plan
    return request  # type: ignore[no-any-return]  # untyped for what is set on it
