"""Bounds for a websocket under uvicorn (RFC 6455): what one connection can make the server keep.

uvicorn parses all of a read at once, answers each ping at once and keeps each fragment of a message
as it came. A read of 256 KiB can hold forty thousand messages, or 256 MiB of them if compressed.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Any

from websockets.frames import Opcode

from pottle.servers.closes import ToldOfCloses
from pottle.servers.stalls import StallWatch

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveEvent
    from websockets.frames import Frame

    from pottle.servers.settings import ConnectionLimits

# Bytes that are parsed before it is looked whether the application has enough to do; and for how many
# seconds that goes on before others have a turn. Such a piece can hold 170 frames.
_PIECE = 1024
_TURN = 0.001
_PONG = bytes([0x80 | Opcode.PONG])  # how such a frame begins


class WebsocketProtocol(StallWatch, ToldOfCloses):
    """uvicorn's protocol, which parses when the application asks and keeps one pong at most."""

    def __init__(self, *args: Any, limits: ConnectionLimits, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._limits = limits
        # What has come in and was not parsed, because messages wait for the application.
        self._unparsed = memoryview(b"")
        self._turn: asyncio.Handle | None = None
        # The pong for the last ping, while the client takes nothing (section 5.5.3).
        self._pong = b""
        # The message that fragments are collected in (section 5.4).
        self._message = bytearray()

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.watch_writes(self._limits.send_time)

    def connection_lost(self, exc: Exception | None) -> None:
        self.stop_watching_writes()
        self._pong = b""
        super().connection_lost(exc)

    def is_reading_paused(self) -> bool:
        """Whether messages wait for the application."""
        return self.read_paused

    def running_scope(self) -> Any:
        """That of the handshake."""
        return self.scope

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._pong and not self.transport.is_closing():
            self.transport.write(self._pong)
        self._pong = b""

    # What comes in

    def data_received(self, data: bytes) -> None:
        if not self.handshake_initiated:
            self._begin(data)
        elif len(data) > _PIECE or self._unparsed or not self.queue.empty():
            self._unparsed = memoryview(bytes(self._unparsed) + data)
            self._parse()
        else:
            super().data_received(data)

    def _begin(self, head: bytes) -> None:
        """Start the handshake; *head* is all of the request.

        The library takes 128 headers, 8 KiB in a line and no body, and says nothing about others.
        """
        super().data_received(head)
        if not self.handshake_initiated and not self.transport.is_closing():
            self.transport.write(
                b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
            )
            self.transport.close()

    def _parse(self) -> None:
        """Parse what has come in until there is something for the application; then read no more.

        Where that takes long, since most of it is no message, others have their turn in between.
        """
        end = monotonic() + _TURN
        while self._unparsed and (self.close_sent or self.queue.empty()):
            piece, self._unparsed = self._unparsed[:_PIECE], self._unparsed[_PIECE:]
            super().data_received(bytes(piece))
            if self.conn.parser_exc is not None:
                self._unparsed = memoryview(b"")
            elif monotonic() >= end:
                break
        if self._unparsed:
            if not self.read_paused and not self.disconnected:
                self.read_paused = True
                self.transport.pause_reading()
            if self._turn is None and (self.close_sent or self.queue.empty()):
                self._turn = self.loop.call_soon(self._next_turn)

    def _next_turn(self) -> None:
        self._turn = None
        self._go_on()

    def _go_on(self) -> None:
        """Parse what was left, and read on if that was all."""
        if self._unparsed:
            self._parse()
        if self.read_paused and not self._unparsed and (self.close_sent or self.queue.empty()):
            self.read_paused = False
            if not self.disconnected:
                self.transport.resume_reading()

    async def receive(self) -> ASGIReceiveEvent:
        message = await self.queue.get()
        if self.queue.empty():
            if message["type"] == "websocket.disconnect" and self._unparsed:
                return await self._next_before(message)
            self._go_on()
        return message

    async def _next_before(self, disconnect: ASGIReceiveEvent) -> ASGIReceiveEvent:
        """The next of what had come in before *disconnect*, or that."""
        try:
            while self._unparsed and self.queue.empty():
                self._parse()
                await asyncio.sleep(0)
        finally:
            self.queue.put_nowait(disconnect)
        return self.queue.get_nowait()

    def handle_ping(self) -> None:
        frames = self.conn.data_to_send()
        if self._writing_paused:
            pongs = [frame for frame in frames if frame[:1] == _PONG]
            self._pong = pongs[-1] if pongs else self._pong
            frames = [frame for frame in frames if frame[:1] != _PONG]
        if not self.transport.is_closing():
            self.transport.write(b"".join(frames))

    def handle_cont(self, event: Frame) -> None:
        """Add a fragment to its message at once: kept one by one, empty ones would have no bound."""
        if not self._message:
            self._message += b"".join(self.frames)
            self.frames = []
        self._message += event.data
        if event.fin:
            self.frames, self._message = [bytes(self._message)], bytearray()
            self.send_receive_event_to_app()

    # The end

    def keepalive_timeout(self) -> None:
        """Break off a client that does not answer: it would not take a close frame either."""
        if self.read_paused and not self._writing_paused:
            # The answer may well have come in: it is the application that does not read.
            self.pong_timer = self.pending_ping_payload = None
            self.schedule_ping()
            return
        super().keepalive_timeout()
        if self._writing_paused:
            self.transport.abort()
