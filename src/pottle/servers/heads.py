"""Bounds for the head of a request under uvicorn, whose fast parser has none.

Without them a connection that is opened and left alone stays for ever, and one whose headers never end
takes the memory of the worker. They hold for HTTP/1.1 and for the handshake of websockets.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: Most bytes of a request line and headers, not counting the read that brought the end of them.
LARGEST_HEAD = 64 * 1024
#: Seconds that a client has for them, from the connection or from their first byte on.
SLOWEST_HEAD = 30.0


class BoundedHeads(HttpToolsProtocol):
    """uvicorn's protocol, which answers 431 (RFC 6585 section 5) or 408 where a head has no end."""

    _waiting: asyncio.TimerHandle | None = None
    _size = 0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._waiting = self.loop.call_later(SLOWEST_HEAD, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._settle()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # The method is noted when the head is complete, and is not there while one is coming in.
        scope: Any = self.scope  # None before the first request
        if scope is not None and "method" in scope and not self._is_answered(scope):
            if self._waiting is not None:
                self._settle()
            return
        self._size += len(data)
        if self._size > LARGEST_HEAD:
            self._refuse(b"431 Request Header Fields Too Large")
        elif self._waiting is None:
            self._waiting = self.loop.call_later(SLOWEST_HEAD, self._give_up)

    def _is_answered(self, scope: Any) -> bool:
        """Whether all was said about *scope*, so that what comes now stands before another head.

        Blank lines may; uvicorn has stopped its own timer for them. A body may go on after its answer.
        """
        cycle: Any = self.cycle  # None before the first request, another's for a websocket
        if cycle is None or cycle.scope is not scope:
            return False
        return bool(cycle.response_complete and not cycle.more_body)

    def _settle(self) -> None:
        self._size = 0
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _give_up(self) -> None:
        self._waiting = None
        if self._size:
            self._refuse(b"408 Request Timeout")
        else:  # browsers connect in advance, and are not asked what they waited for
            self.transport.close()

    def _refuse(self, status: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(
                b"HTTP/1.1 %s\r\nconnection: close\r\ncontent-length: 0\r\n\r\n" % status
            )
            self.transport.close()
