"""Both ends of one ASGI call: the application in a task, and the test that talks with it.

    TestConnection            one call of the application: events in, messages out
    ├── TestHTTPConnection    a request and its answer, as streams
    └── TestWebsocketConnection

All state is plain data, and one bell is rung at each change of it; whoever waits, waits for a fact.
Nothing waits for something that cannot come any more: when the application has ended, every
waiter is told. The application is held to the protocol as a server would hold it.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self

from werkzeug.datastructures import Headers

from ..typing import Event, Scope
from ..utils import decode_headers

if TYPE_CHECKING:
    from ..app import Pottle
    from ..wrappers import Response


class WebsocketResponseError(Exception):
    """The application answered the handshake of a websocket with an HTTP `response`."""

    def __init__(self, response: Response) -> None:
        super().__init__(response)
        self.response = response


class WebsocketClosed(Exception):  # noqa: N818 - named for what happened, it need not be an error
    """The websocket is closed, nothing more can be received. `code` and `reason` say why.

    `code` is 1006 where the connection ended without a close (RFC 6455 section 7.4.1).
    """

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        return f"the websocket was closed with {self.code}" + (self.reason and f": {self.reason}")


class IncompleteResponseError(Exception):
    """The application ended, or was disconnected, before its response was complete."""


class _ClientGoneError(OSError):
    """What `send` raises once the client has left (ASGI 2.4, "Disconnected client")."""


class TestConnection(ABC):
    """One call of the application for *scope*, in a task with a copy of the test's context.

    On entering, the application has run up to where it first waits for something. On leaving it has
    ended: it gets `timeout` seconds for that, then it is cancelled and `TimeoutError` is raised.
    What it raised is raised in the test, unless the test has an error of its own.
    """

    __test__ = False

    timeout: float = 6
    #: How many messages the application may send before it has to wait for the test to read them.
    send_ahead: int = 64
    #: Called with the headers of the answer as soon as they are there.
    on_headers: Callable[[Headers], None] | None = None

    def __init__(self, app: Pottle, scope: Scope, _preserve_context: bool = False) -> None:
        self.app = app
        self.scope = scope
        self.headers: Headers | None = None
        self.status_code: int | None = None
        self.response_data = bytearray()
        self._events: deque[Event] = deque()
        self._unread: deque[Any] = deque()
        self._left = False
        self._complete = False
        self._raised: BaseException | None = None
        self._task: asyncio.Task[None] | None = None
        self._waiters: set[asyncio.Future[None]] = set()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._call(), name=f"application for {self._what}")
        self._task.add_done_callback(lambda _: self._ring())
        await asyncio.sleep(0)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        late = None
        try:
            if exc_value is None:
                late = await self._finish()
            self._leave()
            if not await self._until(lambda: self._has_ended, self.timeout):
                late = f"had not ended {self.timeout:g} s after the client left, and was cancelled"
        finally:
            await self._end()
        failure = self._failure
        if failure is not None and failure is not self._raised:
            if exc_value is None or isinstance(exc_value, _CONSEQUENCES):
                raise failure
            exc_value.add_note(f"The application failed too ({self._what}): {failure!r}")
        if late is not None:
            late = f"The application {late} ({self._what})."
            if exc_value is None:
                raise TimeoutError(late)
            exc_value.add_note(late)

    async def _call(self) -> None:
        try:
            await self.app(self.scope, self._asgi_receive, self._asgi_send)
        except asyncio.CancelledError:
            if self._left:
                raise
        if not self._complete and not self._left and (error := self._shortfall()) is not None:
            raise error

    async def disconnect(self) -> None:
        """Break the connection, as a client does that is gone without a word."""
        self._leave()

    # What the two kinds differ in.

    async def _finish(self) -> str | None:
        """What is to be waited for on leaving; what is late, if anything is."""
        return None

    def _shortfall(self) -> Exception | None:
        """The error that it is if the application ends now, of itself."""
        return None

    def _leave(self) -> None:
        """The client is gone; does nothing the second time."""
        self._left = True
        self._ring()

    @abstractmethod
    def _gone_event(self) -> Event:
        """What the application receives once nothing else can come."""

    @abstractmethod
    def _take(self, message: Event) -> None:
        """Take in one message of the application."""

    # The application's side.

    async def _asgi_receive(self) -> Event:
        await self._until(lambda: self._events or self._left or self._complete)
        if self._events and not self._complete:
            return self._events.popleft()
        return self._gone_event()

    async def _asgi_send(self, message: Event) -> None:
        if self._left:
            raise _ClientGoneError(f"{message['type']!r} was sent to nobody ({self._what}).")
        if self._complete:
            raise self._misuse(message, "the answer was complete already")
        self._take(message)
        self._ring()
        await self._until(lambda: len(self._unread) < self.send_ahead or self._left)

    def _misuse(self, message: Event, why: str) -> RuntimeError:
        return RuntimeError(f"The application sent {message['type']!r} but {why} ({self._what}).")

    def _take_headers(self, message: Event) -> Headers:
        headers = decode_headers(message.get("headers", ()))
        if self.on_headers is not None:
            self.on_headers(headers)
        return headers

    # The test's side.

    @property
    def _what(self) -> str:
        return f"{self.scope.get('method', 'WEBSOCKET')} {self.scope['path']}"

    @property
    def _has_ended(self) -> bool:
        return self._task is not None and self._task.done()

    @property
    def _failure(self) -> BaseException | None:
        """What the application raised, if it has ended so; not that its client had gone."""
        if self._task is None or not self._task.done() or self._task.cancelled():
            return None
        failure = self._task.exception()
        return None if isinstance(failure, _ClientGoneError) else failure

    def _raise_failure(self) -> None:
        if (failure := self._failure) is not None:
            self._raised = failure
            raise failure

    def _make_response(self) -> Response:
        response: Response = self.app.response_class(bytes(self.response_data), self.status_code)
        response.headers = Headers(self.headers)
        return response

    def _ring(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def _until(self, fact: Callable[[], object], timeout: float | None = None) -> bool:
        """Wait until *fact* holds; False if it did not within *timeout* seconds."""
        try:
            async with asyncio.timeout(timeout):
                while not fact():
                    waiter = asyncio.get_running_loop().create_future()
                    self._waiters.add(waiter)
                    try:
                        await waiter
                    finally:
                        self._waiters.discard(waiter)
        except TimeoutError:
            return bool(fact())
        return True

    async def _end(self) -> None:
        if self._task is not None and not self._task.done():
            self._left = True
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=self.timeout)
            if self._task.done() and not self._task.cancelled():
                self._task.exception()  # seen: asyncio must not report it as never retrieved


class TestHTTPConnection(TestConnection):
    """A request whose body and whose answer are streams.

    `status_code` and `headers` are None until the application has begun to answer. Leaving the
    block without `disconnect` says that the body is complete and waits for the whole answer, for at
    most `timeout` seconds.
    """

    def __init__(self, app: Pottle, scope: Scope, _preserve_context: bool = False) -> None:
        super().__init__(app, scope, _preserve_context)
        self.push_promises: list[tuple[str, Headers]] = []
        self._body_sent = False

    async def send(self, data: bytes) -> None:
        """Send a piece of the body."""
        self._events.append({"type": "http.request", "body": data, "more_body": True})
        self._ring()

    async def send_complete(self) -> None:
        """Say that the body is complete."""
        self._body_sent = True
        self._events.append({"type": "http.request", "body": b"", "more_body": False})
        self._ring()

    async def receive(self) -> bytes:
        """The next piece of the answer's body; ``b""`` once it is complete or the client has left.

        Raises what the application raised, and `IncompleteResponseError` if it just stopped.
        """
        await self._until(lambda: self._unread or self._is_over)
        if self._unread:
            piece: bytes = self._unread.popleft()
            self._ring()
            return piece
        if not self._complete:
            self._raise_failure()
        return b""

    async def as_response(self) -> Response:
        """Wait for the rest of the answer and return all of it, pieces received before included.

        After `disconnect` the answer is what had come until then. Raises as `receive` does.
        """
        while await self.receive():
            pass
        if self.status_code is None:
            raise IncompleteResponseError(
                f"There was no answer before the client left ({self._what})."
            )
        return self._make_response()

    @property
    def _is_over(self) -> bool:
        return self._complete or self._left or self._has_ended

    def _shortfall(self) -> Exception | None:
        where = "without an answer" if self.status_code is None else "within the answer"
        return IncompleteResponseError(f"The application ended {where} ({self._what}).")

    async def _finish(self) -> str | None:
        if self._left:
            return None
        if not self._body_sent:
            await self.send_complete()
        if not await self._until(self._drain, self.timeout):
            return f"was still answering after {self.timeout:g} s: `disconnect()` leaves before the end"
        return None

    def _drain(self) -> bool:
        if self._unread:
            self._unread.clear()
            self._ring()
        return self._is_over

    def _gone_event(self) -> Event:
        return {"type": "http.disconnect"}

    def _take(self, message: Event) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            if self.status_code is not None:
                raise self._misuse(message, "had begun to answer before")
            self.status_code = message["status"]
            self.headers = self._take_headers(message)
        elif kind == "http.response.body":
            if self.status_code is None:
                raise self._misuse(message, "had not begun to answer")
            body = bytes(message.get("body", b""))
            self.response_data += body
            if body:
                self._unread.append(body)
            self._complete = not message.get("more_body", False)
        elif kind == "http.response.push" and kind in self.scope["extensions"]:
            self.push_promises.append((message["path"], decode_headers(message["headers"])))
        else:
            raise self._misuse(message, "a request has no such message")


class TestWebsocketConnection(TestConnection):
    """A websocket, seen by its client."""

    def __init__(self, app: Pottle, scope: Scope, _preserve_context: bool = False) -> None:
        super().__init__(app, scope, _preserve_context)
        self.accepted = False
        self.accept_headers: Headers | None = None
        self.subprotocol: str | None = None
        #: Code and reason of the close that came first, of either side; None while it is open.
        self.close_code: int | None = None
        self.close_reason: str = ""
        self._refusal: WebsocketResponseError | None = None
        self._events.append({"type": "websocket.connect"})

    async def wait_accepted(self) -> Self:
        """Wait until the application has accepted; raises as `receive` does if it will not."""
        await self._until(lambda: self.accepted or self._is_over)
        if not self.accepted:
            self._raise_closed()
        return self

    async def send(self, data: str | bytes) -> None:
        """Send a message, text or binary. Once the websocket is closed it is lost."""
        key = "text" if isinstance(data, str) else "bytes"
        self._events.append({"type": "websocket.receive", key: data})
        self._ring()

    async def send_json(self, data: Any) -> None:
        """Send *data* as JSON in a text message."""
        await self.send(self.app.json.dumps(data))

    async def receive(self) -> str | bytes:
        """The next message of the application.

        Raises `WebsocketClosed` when none can come any more, `WebsocketResponseError` if the
        handshake was refused, and what the application raised.
        """
        await self._until(lambda: self._unread or self._is_over)
        if not self._unread:
            self._raise_closed()
        message: str | bytes = self._unread.popleft()
        self._ring()
        return message

    async def receive_json(self) -> Any:
        """The value in the next message, which is JSON."""
        return self.app.json.loads(await self.receive())

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the websocket. What the application has sent before can still be received."""
        self._close(code, reason)
        self._left = True
        self._ring()

    async def disconnect(self) -> None:
        """Lose the connection without a close: the application sees code 1006."""
        await self.close(1006)

    @property
    def _is_over(self) -> bool:
        return self._complete or self._left or self._has_ended

    @property
    def _failure(self) -> BaseException | None:
        return super()._failure or self._refusal

    def _raise_closed(self) -> NoReturn:
        self._raise_failure()
        raise WebsocketClosed(self.close_code or 1006, self.close_reason)

    def _close(self, code: int, reason: str) -> None:
        if self.close_code is None:
            self.close_code, self.close_reason = code, reason

    def _leave(self) -> None:
        self._close(1000, "")
        super()._leave()

    def _gone_event(self) -> Event:
        return {
            "type": "websocket.disconnect",
            "code": self.close_code or 1006,
            "reason": self.close_reason,
        }

    def _take(self, message: Event) -> None:
        kind = message["type"]
        if kind == "websocket.send":
            self._take_message(message)
        elif kind == "websocket.close":
            self._close(message.get("code") or 1000, message.get("reason") or "")
            self._complete = True
            if not self.accepted:  # ASGI: a close before the accept is answered with a 403
                self.status_code = 403
                self._refusal = WebsocketResponseError(self._make_response())
        elif self.accepted:
            raise self._misuse(message, "the websocket is accepted already")
        elif kind == "websocket.accept":
            self.accepted = True
            self.subprotocol = message.get("subprotocol")
            self.accept_headers = self._take_headers(message)
        elif kind == "websocket.http.response.start":
            self.status_code = message["status"]
            self.headers = self._take_headers(message)
        elif kind == "websocket.http.response.body" and self.status_code is not None:
            self.response_data += message.get("body", b"")
            if not message.get("more_body", False):
                self._complete = True
                self._refusal = WebsocketResponseError(self._make_response())
        else:
            raise self._misuse(message, "that has no place here")

    def _take_message(self, message: Event) -> None:
        if not self.accepted:
            raise self._misuse(message, "the websocket is not accepted yet")
        text, data = message.get("text"), message.get("bytes")
        if text is not None and data is None:
            self._unread.append(text)
        elif data is not None and text is None:
            self._unread.append(bytes(data))
        else:
            raise self._misuse(message, "a message is either 'text' or 'bytes'")


#: Errors that the failure of the application brings about in the test: it is raised in their place.
_CONSEQUENCES = (WebsocketClosed, WebsocketResponseError, IncompleteResponseError)
