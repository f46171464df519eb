"""Bounds for an HTTP/1.1 connection under uvicorn, whose fast parser has none.

At any time a connection is in one of four states, and each has its end:

- *answering*: a request is with the application. How long that takes is the application's; what the
  client may send meanwhile is bounded by size.
- *in a head*: bytes of the next request have come in, blank lines before it included.
- *in a body* whose request has been answered: nobody reads the rest.
- *idle*: nothing has come in since the last request. uvicorn's keep-alive timer runs.

A connection is never in the second, third or fourth state without a timer, and what one byte stops is
started again before the event loop goes on.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from pottle.servers.stalls import StallWatch

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

    from pottle.servers.settings import ConnectionLimits

# Bytes that any chunk may have around its content: its size and two line breaks.
_CHUNK_FRAMING = 16


class _RefusedError(Exception):
    """Stops the parser; the reason is with the connection."""


class HttpProtocol(StallWatch, HttpToolsProtocol):
    """uvicorn's protocol within *limits*.

    What is too much or too slow is answered with 431 (RFC 6585 section 5), 429 or 408: after the
    answers that stand before it, and never into one that has begun.
    """

    def __init__(self, *args: Any, limits: ConnectionLimits, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._limits = limits
        self._timer: asyncio.TimerHandle | None = None
        # Bytes that are no content: of a head, or of chunk lines and trailers in a body.
        self._size = 0
        self._in_body = False
        # Whether the read at hand has brought the end of a head or of a message.
        self._advanced = False
        # The request that is with the application; those behind it are in uvicorn's pipeline.
        self._running: RequestResponseCycle | None = None
        self._refused: bytes | None = None
        self._upgraded = False

    # The connection

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._timer = self.loop.call_later(self._limits.head_time, self._give_up)
        self.watch_writes(self._limits.send_time)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self.stop_watching_writes()
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        running = self._running
        if running is not None and running is not self.cycle:  # uvicorn tells only the last one
            running.disconnected = True
            running.message_event.set()

    def is_reading_paused(self) -> bool:
        """Whether a body, or requests behind the one that is answered, wait for the application."""
        return self.flow.read_paused

    def running_scope(self) -> Any:
        """That of the request that is with the application, or of the last one."""
        return (self._running or self.cycle).scope

    def data_received(self, data: bytes) -> None:
        if self._is_over():
            return
        self._advanced = False
        super().data_received(data)
        if self._is_over():
            return
        self._size = 0 if self._advanced else max(0, self._size + len(data))
        if self._size > self._limits.head_size:
            self._refuse(b"431 Request Header Fields Too Large")
        else:
            self._set_timer()

    def _is_over(self) -> bool:
        """Whether nothing that comes in matters here any more."""
        return self._refused is not None or self._upgraded

    def handle_websocket_upgrade(self) -> None:
        if self._is_answering():  # the connection cannot be another's yet
            self._refuse(b"400 Bad Request")
            return
        self._upgraded = True
        self._stop_timer()
        self.stop_watching_writes()
        super().handle_websocket_upgrade()

    # What the parser found

    def on_headers_complete(self) -> None:
        if len(self.headers) > self._limits.headers:
            self._refuse(b"431 Request Header Fields Too Large")
            raise _RefusedError
        if len(self.pipeline) >= self._limits.pipelined:
            self._refuse(b"429 Too Many Requests")
            raise _RefusedError
        super().on_headers_complete()
        self._in_body = self._advanced = True
        # Trailers come the same way, and must not become headers of the request (RFC 9110 6.5.1).
        parser: Any = self.parser  # None once the connection is lost
        self.headers = self.headers.copy() if parser.should_upgrade() else []

    def on_chunk_header(self) -> None:
        """Called by the parser after the line with the size of a chunk."""
        self._size -= _CHUNK_FRAMING

    def on_body(self, body: bytes) -> None:
        self._size -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_body = False
        self._advanced = True

    # Requests in their order

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing() or self._is_answering():
            return
        if self._refused is not None:
            self._close_with(self._refused)
        else:
            self._set_timer()

    def _is_answering(self) -> bool:
        return self._running is not None and not self._running.response_complete

    # Timers

    def _set_timer(self) -> None:
        """Run the timer of the state that the connection is in, and no other."""
        if self._is_answering():
            self._stop_timer()
        elif self._in_body or self._size:
            self._unset_keepalive_if_required()
            if self._timer is None:
                self._timer = self.loop.call_later(self._limits.head_time, self._give_up)
        else:
            self._stop_timer()
            if self.timeout_keep_alive_task is None:
                self.timeout_keep_alive_task = self.loop.call_later(
                    self.timeout_keep_alive, self.timeout_keep_alive_handler
                )

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        if self._size:
            self._refuse(b"408 Request Timeout")
        else:  # browsers connect in advance, and are not asked what they waited for
            self.transport.close()

    # Refusals

    def send_400_response(self, msg: str) -> None:
        self._refuse(b"400 Bad Request")

    def _refuse(self, status: bytes) -> None:
        """Take no more of what the client sends; answer *status* when it is its turn, and close."""
        if self._refused is not None or self.transport.is_closing():
            return
        self._refused = status
        self._stop_timer()
        last: Any = self.cycle  # None before the first request
        if self._in_body and last is not None and last.response_started:
            self.transport.close()  # nothing can be said any more
        elif self._is_answering() and not (self._in_body and last is self._running):
            if self._in_body:
                self.pipeline.popleft()  # the request whose body this is; it has not begun
        else:
            if self._running is not None:
                self._running.disconnected = True
                self._running.message_event.set()
            self._close_with(status)

    def _close_with(self, status: bytes) -> None:
        self.transport.write(
            b"HTTP/1.1 %s\r\nconnection: close\r\ncontent-length: 0\r\n\r\n" % status
        )
        self.transport.close()
