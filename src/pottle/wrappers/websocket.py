"""The websocket: a small state machine over the events of ASGI.

    CONNECTING --accept--> OPEN --close--> CLOSED
        |                    |
        +------reject--------+--the peer leaves--> GONE

`receive` and `send` accept by themselves where nobody did. Both may be used from different tasks.
Messages are pulled. While the handler waits for something else, a few are read ahead, within the bounds
of the inbox; what comes behind those stays with the server, so that its sender is slowed down.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from enum import Enum
from types import FrameType
from typing import Any, NoReturn, Protocol, cast
from weakref import WeakMethod

from werkzeug.datastructures import Headers

from ..awaitables import AWAIT, get_frame, is_awaited, is_ours, must_await, watch
from ..errors import WebsocketCancelled, WebsocketDisconnect, WebsocketStateError
from ..signals import websocket_received, websocket_sent
from ..turns import turns
from ..typing import Event, Headerish, Scope, Send
from ..utils import decode_headers, encode_headers, scalar_text
from ..waiting import go_on
from .base import BaseRequestWebsocket, fact
from .body import Source


class State(Enum):
    """Where a websocket stands; see the picture at the top of this module."""

    CONNECTING = "not accepted yet"
    OPEN = "open"
    CLOSED = "closed by the application"
    GONE = "closed by the peer"


# PERF: a global is found sooner than the member of a class (bench: websockets).
_OPEN = State.OPEN


class Inbox(Source, Protocol):
    """What a websocket needs of `pottle.engine.inbox.Inbox`, whose methods these are."""

    gone: Event | None
    interrupt: bool

    def is_elsewhere(self) -> bool: ...
    def end_receiving(self) -> None: ...
    def until_sent(
        self, sending: Any, timeout: float | None, *, whole: bool = False
    ) -> Awaitable[None]: ...
    async def until_taken(
        self, sending: Iterator[Any], waiting: Any, timeout: float | None
    ) -> None: ...


class Websocket(BaseRequestWebsocket):
    """A websocket connection: what was asked for, and the messages in both directions."""

    state: State = State.CONNECTING
    #: Code and reason of the close frame, ours or the peer's; None while it is open.
    close_code: int | None = None
    close_reason: str = ""

    _inbox: Inbox
    _send: Send
    _greeted: bool = False
    #: Seconds in which the peer has to take something of what is sent.
    _send_timeout: float | None = None
    #: Where in its code a handler was seen to await the message that it asks the proxy for.
    _asked_at: int | None = None
    #: Held by whoever waits for the opening event.
    _greeting: asyncio.Lock | None = None
    #: What is to be done before it is accepted, if anything; see `_before_accept`.
    _preparation: _Preparation | None = None

    method = "GET"
    scheme: str = fact(lambda self: self.scope.get("scheme", "ws"))

    def __init__(
        self,
        path: str,
        query_string: bytes,
        scheme: str,
        headers: Headers,
        root_path: str,
        http_version: str,
        subprotocols: list[str],
        send: Callable[..., Awaitable[None]],
        accept: Callable[..., Awaitable[None]],
        close: Callable[..., Awaitable[None]],
        scope: Scope,
        *,
        receive: Callable[[], Awaitable[str | bytes]] | None = None,
    ) -> None:
        super().__init__("GET", scheme, path, query_string, headers, root_path, http_version, scope)
        self.requested_subprotocols = subprotocols
        callables = _Callables(receive, send, accept, close)
        self._inbox = callables
        self._send = callables.send

    requested_subprotocols: list[str] = fact(lambda self: list(self.scope.get("subprotocols", ())))

    async def accept(
        self, headers: Headerish | None = None, subprotocol: str | None = None
    ) -> None:
        """Accept the connection, with extra *headers* and the *subprotocol* chosen.

        Accepting twice is no error; the second call does nothing. Raises `WebsocketStateError` once
        the websocket is closed and `WebsocketDisconnect` when the client has left meanwhile.
        """
        if self.state is State.CONNECTING:
            await self.greet()
        if self.state is State.OPEN:  # perhaps just now, by another task
            return
        if self.state is not State.CONNECTING:
            await self._refuse("accept")
        extra = Headers(headers)
        if self._preparation is not None:
            await self._prepare(self._preparation, extra)
            if self.state is not State.CONNECTING:  # another task has accepted, or closed it
                await self.accept()
                return
        message: Event = {
            "type": "websocket.accept",
            "subprotocol": subprotocol,
            "headers": encode_headers(extra),
        }
        self.state = State.OPEN
        try:
            # As a whole: half a handshake would be the end of the connection.
            await self._inbox.until_sent(self._send(message), self._send_timeout, whole=True)
        except OSError as error:
            await self._leave(error)

    def _before_accept(self, prepare: WeakMethod[Callable[[], Awaitable[list[str]]]]) -> None:
        """Call *prepare* once before the websocket is accepted, with the cookies that it gives.

        It is held weakly, since its owner has this websocket.
        """
        if self.state is State.CONNECTING:
            self._preparation = _Preparation(prepare)

    async def _prepare(self, preparation: _Preparation, headers: Headers) -> None:
        async with preparation.lock:  # two tasks may be about to accept
            prepare = preparation.prepare()
            if self.state is State.CONNECTING and prepare is not None:
                for cookie in await prepare():
                    headers.add("Set-Cookie", cookie)
        self._preparation = None

    def receive(self) -> Coroutine[Any, Any, str | bytes]:
        """The next message: text as `str`, binary as `bytes`. To be awaited.

        Accepts first if needed. Raises `WebsocketDisconnect` once the peer has closed and every
        message sent before that was received.
        """
        # PERF: a handler asks by the proxy, and mostly in one place, which is looked at once: saves
        # half of a message's cost (bench: websockets).
        asked_at = self._asked_at
        if asked_at is not None:
            handler = get_frame(2)
            at = handler.f_lasti
            if at == asked_at or handler.f_code.co_code.startswith(AWAIT, at + 2):
                return self._next_message(WebsocketDisconnect)
        return self._watched(self._next_message(WebsocketDisconnect), get_frame(1))

    def _watched(
        self, coroutine: Coroutine[Any, Any, str | bytes], frame: FrameType
    ) -> Coroutine[Any, Any, str | bytes]:
        """*coroutine*, or what stands for it if *frame* does not await it; see `awaitables`."""
        if is_awaited(frame):
            return coroutine
        behind = frame.f_back
        if is_ours(frame) and behind is not None and is_awaited(behind):  # by the proxy
            self._asked_at = behind.f_lasti
            return coroutine
        return watch(coroutine, frame, "websocket.receive()", "message")

    async def _next_message(self, at_end: type[BaseException]) -> str | bytes:
        """The next message; once the peer has left, what is raised is *at_end*."""
        # PERF: for `receive` and `async for` alike, so that an idle websocket keeps one frame less.
        try:
            if self.state is not _OPEN:
                if self.state is State.GONE and at_end is StopAsyncIteration:
                    await asyncio.sleep(0)  # as in `_refuse`
                    raise at_end
                await self._open_for("receive")
            event = await self._inbox.receive()
            if event["type"] != "websocket.receive":
                self._note_leaving(event)
                if at_end is StopAsyncIteration:
                    raise at_end
                await self._inbox.raise_disconnect(self.close_reason, self.close_code)
        except WebsocketDisconnect:
            if at_end is StopAsyncIteration:
                raise at_end from None
            raise
        data: Any = event.get("text")
        if data is None:
            data = event["bytes"]
        if websocket_received.receivers:
            await websocket_received.send_async(data, _sync_wrapper=_as_async)
        return data  # type: ignore[no-any-return]  # an ASGI event is untyped

    async def send(self, data: str | bytes) -> None:
        """Send *data* as one message: `str` as text, `bytes` as binary.

        Accepts first if needed. Raises `WebsocketDisconnect` once it is known that the peer has left,
        and when it takes nothing for ``RESPONSE_TIMEOUT``; what it has sent before can still be
        received. To whoever sends from outside of the handler of this websocket it is a
        `PeerDisconnected`, an ordinary exception.
        """
        if self.state is not _OPEN:
            await self._open_for("send")
        message: Event
        if isinstance(data, str):
            if not data.isascii():
                data = scalar_text(data)
            message = {"type": "websocket.send", "text": data}
        else:
            message = {"type": "websocket.send", "bytes": _as_bytes(data)}
        inbox = self._inbox
        if inbox.gone is not None:
            await self._leave()
        turns.sent += 1
        if not turns.sent & 7:
            await turns.give()
        try:
            # PERF: `inbox.until_sent`, written out: mostly there is nothing to wait for (bench: echo).
            sending = self._send(message).__await__()
            waiting = next(sending)
        except StopIteration:
            pass
        except OSError as error:
            await self._leave(error)
        else:
            await self._wait_until_sent(sending, waiting)
        if websocket_sent.receivers:
            await websocket_sent.send_async(data, _sync_wrapper=_as_async)

    async def _wait_until_sent(self, sending: Iterator[Any], waiting: Any) -> None:
        try:
            await self._inbox.until_taken(sending, waiting, self._send_timeout)
        except OSError as error:
            await self._leave(error)

    @must_await("websocket.receive_json()", "data")
    async def receive_json(self) -> Any:
        """The next message parsed as JSON. Raises `ValueError` where it is none."""
        return self.json_module.loads(await self.receive())

    async def send_json(self, *args: Any, **kwargs: Any) -> None:
        """Send one value, several (as a list), or keyword arguments (as an object) as JSON text."""
        if args and kwargs:
            raise TypeError("send_json takes either values or keyword arguments, not both.")
        value = kwargs if not args else args[0] if len(args) == 1 else list(args)
        await self.send(self.json_module.dumps(value))

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close with *code* (RFC 6455 section 7.4) and *reason* (at most 123 bytes of UTF-8).

        Before `accept` this rejects the connection, which the client sees as status 403. Raises
        `WebsocketStateError` if the application has closed it already; a peer that is gone is no
        error.
        """
        if self.state is State.CLOSED:
            raise self._wrong_state("close")
        if self.state is State.GONE:
            return
        try:
            await self.greet()
        except WebsocketDisconnect:
            return
        self.state = State.CLOSED
        self.close_code, self.close_reason = code, reason
        self._inbox.interrupt = False  # that the client closes as well is no leaving
        self._inbox.end_receiving()
        closing = self._send({"type": "websocket.close", "code": code, "reason": reason})
        try:
            await self._inbox.until_sent(closing, self._send_timeout)
        except OSError:
            self.state = State.GONE

    def __aiter__(self) -> Websocket:
        return self

    def __anext__(self) -> Coroutine[Any, Any, str | bytes]:
        # However the peer left: servers do not agree on which code says that all was well
        # (Hypercorn knows none but 1006). Who must know looks at `close_code`.
        if type(self).receive is not Websocket.receive:
            return self._next_received()
        return self._next_message(StopAsyncIteration)

    async def _next_received(self) -> str | bytes:
        """The next message by way of a `receive` that a subclass has of its own."""
        try:
            return await self.receive()
        except WebsocketDisconnect:
            raise StopAsyncIteration from None

    async def greet(self) -> None:
        """Take the server's opening event, which has to come before any answer of ours."""
        if self._greeted or self.state is not State.CONNECTING:
            return
        if self._greeting is None:
            self._greeting = asyncio.Lock()
        async with self._greeting:  # one task may be about to send and another to receive
            if not self._greeted:
                event = await self._inbox.receive()
                self._greeted = True
                if event["type"] != "websocket.connect":
                    self._note_leaving(event)
                    await self._inbox.raise_disconnect()
        self._greeting = None  # of no use any more, and 10,000 are a lot

    async def _open_for(self, action: str) -> None:
        if self.state is not State.CONNECTING:
            await self._refuse(action)
        await self.accept()

    async def _refuse(self, action: str) -> NoReturn:
        """Raise why *action* is not possible: the peer has left, or we have closed."""
        if self.state is State.GONE or self._inbox.is_elsewhere():
            # For somebody who sends to many, one that we have closed is gone like any other.
            await self._inbox.raise_disconnect(self.close_reason, self.close_code)
        await asyncio.sleep(0)  # whoever ignores it and tries again must not keep others waiting
        raise self._wrong_state(action)

    async def _leave(self, error: OSError | None = None) -> NoReturn:
        """Raise the peer's leaving, which *error* of the server (ASGI 2.4) says, or which is known."""
        try:
            await self._inbox.raise_disconnect("" if error is None else str(error))
        except WebsocketDisconnect as left:
            # Not yet gone for `receive`: what the peer has sent before can still be had.
            self.close_code, self.close_reason = left.code, left.reason
            raise

    def _note_leaving(self, event: Event) -> None:
        if self.state is not State.CLOSED:
            self.state = State.GONE
            self.close_code = event.get("code") or 1005
            self.close_reason = event.get("reason") or ""

    def _wrong_state(self, action: str) -> WebsocketStateError:
        return WebsocketStateError(
            f"Cannot {action}: this websocket is {self.state.value}"
            + (f" with code {self.close_code}" if self.close_code else "")
            + ". Leave the handler instead of using it further."
        )


class _Preparation:
    """What is done before a websocket is accepted, by one task at a time."""

    def __init__(self, prepare: WeakMethod[Callable[[], Awaitable[list[str]]]]) -> None:
        self.prepare = prepare
        self.lock = asyncio.Lock()


class _Callables:
    """The inbox and the send function of a websocket that was made from single callables."""

    def __init__(
        self,
        receive: Callable[[], Awaitable[str | bytes]] | None,
        send: Callable[..., Awaitable[None]],
        accept: Callable[..., Awaitable[None]],
        close: Callable[..., Awaitable[None]],
    ) -> None:
        self._greeted = False
        self.gone: Event | None = None
        self.interrupt = False
        self._receive, self._send, self._accept, self._close = receive, send, accept, close

    def until_sent(
        self, sending: Any, timeout: float | None, *, whole: bool = False
    ) -> Awaitable[None]:
        return sending  # type: ignore[no-any-return]  # an awaitable of the callables

    async def until_taken(
        self, sending: Iterator[Any], waiting: Any, timeout: float | None
    ) -> None:
        await go_on(sending, waiting)

    def is_elsewhere(self) -> bool:
        return False

    def end_receiving(self) -> None: ...

    async def raise_disconnect(self, reason: str = "", code: int | None = None) -> NoReturn:
        raise WebsocketCancelled(code or 1006, reason)

    async def receive(self, timeout: float | None = None) -> Event:
        if not self._greeted:
            self._greeted = True
            return {"type": "websocket.connect"}
        if self._receive is None:
            raise WebsocketStateError(
                "This websocket was made without a receive function, so there is nothing to "
                "receive from. Use app.test_client().websocket(...) for a connection."
            )
        data = await self._receive()
        return {
            "type": "websocket.receive",
            "text" if isinstance(data, str) else "bytes": data,
        }

    async def send(self, message: Event) -> None:
        kind = message["type"]
        if kind == "websocket.accept":
            headers = Headers(decode_headers(message["headers"]))
            await self._accept(headers, message["subprotocol"])
        elif kind == "websocket.close":
            await self._close(message["code"], message["reason"])
        else:
            await self._send(message.get("text", message.get("bytes")))


def _as_bytes(data: Any) -> bytes:
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(cast(bytes, data))
    raise TypeError(
        f"A websocket sends str (as text) or bytes (as binary), not {type(data).__name__}. "
        "Use send_json for other values."
    )


def _as_async(receiver: Callable[..., Any]) -> Callable[..., Coroutine[Any, Any, Any]]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        return receiver(*args, **kwargs)

    return call
