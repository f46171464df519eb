"""A WSGI application called for an ASGI request: in a thread of our pool, streaming both ways.

PEP 3333, by a2wsgi. Here stands what that leaves open: a client that leaves ends the call, in time and
with nothing left hanging; the body is read as a file; the head of the answer waits for its first piece.
"""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Callable, Generator
from concurrent.futures import CancelledError, Future
from typing import Any

from a2wsgi.wsgi import WSGIResponder

from ..ctx import clean_context
from ..engine.drive import drive
from ..engine.inbox import Inbox
from ..errors import ClientDisconnected
from ..threads import thread_pool
from ..typing import Event, Receive, Scope, Send
from ..utils import find_header
from ..waiting import time_limit

#: Pieces of an answer that wait to be sent before the thread has to.
AHEAD = 4
#: Bytes of a request body that are read at once.
CHUNK = 64 * 1024


class WSGIGuest:
    """The WSGI application *app* as an ASGI application, by the time-outs of *host*, ours."""

    def __init__(self, host: Any, app: Any) -> None:
        self.host = host
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        inbox = Inbox(receive, interrupt=True)
        call = WSGICall(self.app, self.host.plan, scope, inbox, send)
        try:
            await drive(call.run(), inbox)
        except ClientDisconnected:
            return  # nobody is there to be answered
        finally:
            inbox.stop()


class _Responder(WSGIResponder):
    """That of a2wsgi; while its thread waits for somebody to take an answer, another one may work."""

    def send(self, message: Any) -> None:
        with thread_pool().aside():
            super().send(message)


class WSGICall:
    """One call of *app*, in a thread; the event loop receives and sends for it."""

    def __init__(self, app: Any, plan: Any, scope: Scope, inbox: Inbox, send: Send) -> None:
        self.app = app
        self.plan = plan
        self.scope = scope
        self.inbox = inbox
        self.loop = asyncio.get_running_loop()
        #: Whether nobody is there any more to be answered: then the thread is to come to an end.
        self.over = False
        self._server_send = send
        self._failure: Exception | None = None
        #: What the thread waits for while it reads.
        self._receiving: Future[Event] | None = None

    # On the event loop.

    async def run(self) -> None:
        """Call the application and wait for its end, which nothing spares us: it is a thread."""
        executor: Any = thread_pool()  # which is none of the class that a2wsgi names
        responder = _Responder(self._wsgi, executor, AHEAD)
        call = responder(_plain(self.scope), self._unused, self._send)
        task = self.loop.create_task(call, context=clean_context())
        cancelled: asyncio.CancelledError | None = None
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError as error:
                cancelled = error
                self.over = True
                if self._receiving is not None:
                    self._receiving.cancel()
        failure = task.exception() or self._failure
        if failure is not None and not (self.over and isinstance(failure, OSError)):
            raise failure
        if cancelled is not None:
            raise cancelled

    async def _unused(self) -> Any:
        """Stands where a2wsgi reads: the body is `_Body`, and the inbox sees the client leave."""
        raise NotImplementedError

    async def _send(self, event: Any) -> None:
        """Send *event*, or drop it: whoever sends must never be left waiting for somebody to take it."""
        if self.over:
            return
        if self.scope["method"] == "HEAD" and event.get("body"):
            event = {**event, "body": b""}
        try:
            async with time_limit(self.plan.response_timeout):
                await self._server_send(event)
        except OSError:  # the client is gone, says the server, or has taken nothing for too long
            self.over = True
        except Exception as error:
            self._failure = error
            self.over = True

    # In the thread.

    def receive(self) -> Event:
        """The next event. Raises `OSError` if the client is gone or sends nothing for too long."""
        receiving = self._receiving = asyncio.run_coroutine_threadsafe(
            self._next_event(), self.loop
        )
        if self.over:
            receiving.cancel()
        try:
            with thread_pool().aside():
                event = receiving.result()
        except CancelledError:
            event = {"type": "http.disconnect"}
        if event["type"] != "http.request":
            raise ConnectionResetError("The client left before its request was complete.")
        return event

    async def _next_event(self) -> Event:
        return await self.inbox.receive(self.plan.body_timeout)

    def _wsgi(self, environ: Any, start_response: Any) -> Generator[bytes]:
        """The application, as a2wsgi is to call it: it ends when there is nobody to answer."""
        if self.over:
            return
        head = _Head(start_response)
        environ.update(_environ(self.scope))
        environ["wsgi.input"] = io.BufferedReader(_Body(self.receive), CHUNK)
        pieces = self.app(environ, head)
        try:
            for piece in pieces:
                if self.over:
                    return
                if piece:
                    head.send()
                    yield piece
            head.send()
        finally:
            close = getattr(pieces, "close", None)
            if close is not None:
                close()


class _Head:
    """The `start_response` of one call.

    The head goes out with the first piece, as PEP 3333 has it: until then the application may replace
    it, when an error comes up.
    """

    def __init__(self, start_response: Callable[..., Any]) -> None:
        self._start = start_response
        self._given: tuple[str, list[tuple[str, str]]] | None = None
        self._write: Any = None

    def __call__(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        if self._write is not None and exc_info:
            raise exc_info[1].with_traceback(exc_info[2])
        if self._given is not None and not exc_info:
            raise RuntimeError("start_response() was called twice, and not because of an error.")
        # Servers take a status without its reason; a2wsgi does not.
        self._given = status if " " in status else f"{status} ", list(headers)
        return self.write

    def write(self, piece: bytes) -> None:
        """Send *piece* at once, as applications do that are older than WSGI."""
        self.send()
        self._write(piece)

    def send(self) -> None:
        """Send the head, if that has not been done."""
        if self._write is None:
            if self._given is None:
                raise RuntimeError("The WSGI application did not call start_response().")
            self._write = self._start(*self._given)


class _Body(io.RawIOBase):
    """The body of the request as a raw stream, which holds no more than one event of it."""

    def __init__(self, receive: Callable[[], Event]) -> None:
        self._receive = receive
        self._left = memoryview(b"")
        self._complete = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left and not self._complete:
            event = self._receive()
            self._left = memoryview(event.get("body") or b"")
            self._complete = not event.get("more_body", False)
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count


def _plain(scope: Scope) -> Any:
    """*scope*, with what a2wsgi would trip over put right.

    The parts of a cookie are joined as RFC 9113 section 8.2.3 has it, and a name with an underscore is
    left out: in the environment it would pass for the one with a hyphen, which a proxy has checked.
    """
    headers = [
        (name, value)
        for name, value in scope["headers"]
        if b"_" not in name and name.lower() != b"cookie"
    ]
    cookies = [value for name, value in scope["headers"] if name.lower() == b"cookie"]
    if cookies:
        headers.append((b"cookie", b"; ".join(cookies)))
    return {**scope, "headers": headers, "query_string": b""}


def _environ(scope: Scope) -> dict[str, Any]:
    """What in the environment has to be other than a2wsgi has it."""
    root = (scope.get("root_path") or "").rstrip("/")
    environ: dict[str, Any] = {
        "SCRIPT_NAME": root.encode().decode("latin-1"),
        "PATH_INFO": scope["path"][len(root) :].encode().decode("latin-1"),
        "QUERY_STRING": (scope.get("query_string") or b"").decode("latin-1"),
        "asgi.scope": scope,
        "wsgi.errors": sys.stderr,
    }
    if find_header(scope["headers"], b"content-length") is None:
        # Werkzeug's word for: reading ends where the body does. Otherwise it counts, and so knows of a
        # client that left that it was no error.
        environ["wsgi.input_terminated"] = True
    return environ
