"""Hypercorn: HTTP/2 and HTTP/3 (RFC 9113, RFC 9114), websockets over both."""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import contextmanager
from contextvars import Context
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, cast

from h11 import Connection as H11Connection
from hypercorn import asyncio as hypercorn_asyncio
from hypercorn import protocol as hypercorn_protocol
from hypercorn.asyncio import run as hypercorn_run
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.config import Config
from hypercorn.events import Closed, RawData
from hypercorn.protocol import h2, h11
from hypercorn.protocol.events import StreamClosed
from hypercorn.protocol.h2 import H2Protocol
from hypercorn.protocol.http_stream import HTTPStream
from hypercorn.protocol.ws_stream import WSStream

from pottle.engine.inbox import LEFT
from pottle.servers.logs import access_logger
from pottle.servers.stalls import has_hung_up

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from pottle.servers.settings import Settings
    from pottle.servers.shutdown import Serving, Shutdown
    from pottle.servers.sockets import Listening

#: Its graceful timeout does nothing on Python 3.12 and newer (hypercorn issue 308).
TRACK_CALLS = True


#: Seconds in which an exchange gives up by itself, and says so.
_LATER = 0.5
# Bytes of frames that are handled before it is looked whether others should have a turn, and after how many
# seconds they have it.
_PIECE = 1024
_TURN = 0.001
_PREFACE = b"PRI * HTTP/2.0"  # RFC 9113 section 3.4

_log = logging.getLogger("hypercorn.error")


class BoundedTCPServer(TCPServer):
    """Hypercorn's connection, aborted where its client takes nothing for ``config.send_time`` seconds.

    Hypercorn itself waits for as long as the client pleases, to send and, once the connection is
    closed, to get rid of what was not sent. And while a client has sent another request than the one that
    is answered, it does not notice that it leaves. What it makes of a read of 64 KiB, which can hold a thousand
    requests of HTTP/2 that are reset at once, it does in one go.
    """

    async def _read_data(self) -> None:
        self.protocol.handle = partial(self._handle, self.protocol.handle)  # type: ignore[method-assign]
        reading = asyncio.current_task()
        send_time: float | None = cast(Any, self.config).send_time
        assert reading is not None
        if send_time is None:
            await super()._read_data()
            return
        left = False
        later: asyncio.TimerHandle

        def look() -> None:
            nonlocal left, later
            if left:
                reading.cancel()
            else:
                left = has_hung_up(self.writer.transport)
                later = self.loop.call_later(send_time / 2, look, context=Context())

        later = self.loop.call_later(send_time / 2, look, context=Context())
        try:
            await super()._read_data()
        except asyncio.CancelledError:
            if not left or reading.uncancel() > 0:
                raise
            await self.protocol.handle(Closed())
        finally:
            later.cancel()

    async def _handle(self, handle: Callable[[Any], Awaitable[None]], event: Any) -> None:
        """Have *event* handled, in pieces where it brings frames; between them others have their turn."""
        if not isinstance(event, RawData) or not self._brings_frames(event.data):
            await handle(event)
            return
        end = monotonic() + _TURN
        for start in range(0, len(event.data), _PIECE):
            try:
                await handle(RawData(event.data[start : start + _PIECE]))
            except OSError:
                raise
            except Exception as error:
                # Hypercorn's own mistakes about what a client may do: frames for a stream that has ended, or
                # more streams than it keeps.
                _log.warning("A connection was broken off: %s: %s", type(error).__name__, error)
                self.writer.transport.abort()
                await handle(Closed())
                return
            if monotonic() >= end:
                await asyncio.sleep(0)
                end = monotonic() + _TURN

    def _brings_frames(self, data: bytes) -> bool:
        """Whether *data* is HTTP/2 or of a websocket, and no requests and bodies of HTTP/1.1."""
        protocol: Any = self.protocol.protocol
        return not isinstance(protocol.connection, H11Connection) or data.startswith(_PREFACE)

    async def protocol_send(self, event: Any) -> None:
        with self._aborted_when_stalled():
            await super().protocol_send(event)

    async def _close(self) -> None:
        with self._aborted_when_stalled():
            await super()._close()

    @contextmanager
    def _aborted_when_stalled(self) -> Generator[None]:
        send_time: float | None = cast(Any, self.config).send_time
        if send_time is None:
            yield
            return
        stalled = self.loop.call_later(
            send_time + _LATER, self.writer.transport.abort, context=Context()
        )
        try:
            yield
        finally:
            stalled.cancel()


class ReleasedH2Protocol(H2Protocol):
    """Hypercorn's HTTP/2 connection, which lets go of those who wait for a window that its client has left shut."""

    async def handle(self, event: Any) -> None:
        await super().handle(event)
        if isinstance(event, Closed):
            for buffer in list(self.stream_buffers.values()):
                await buffer.close()


class ToldHTTPStream(HTTPStream):
    """Hypercorn's request, whose end is told even if more of its body has come than anybody has read."""

    async def handle(self, event: Any) -> None:
        # Not there before the application has been started.
        put: Any = getattr(self, "app_put", None)
        if isinstance(event, StreamClosed) and put is not None and not self.closed:
            unread: asyncio.Queue[Any] = put.__self__
            if unread.full():
                cast(Any, self.scope)[LEFT] = True
                while not unread.empty():
                    unread.get_nowait()
        await super().handle(event)


class ToldWebsocketStream(WSStream):
    """Hypercorn's websocket, whose application is told when a client sends before it was accepted.

    Hypercorn refuses that by 400, and from then on says nothing to the application that it has started.
    """

    async def handle(self, event: Any) -> None:
        before = self.closed
        await super().handle(event)
        refused = self.closed and not before and not isinstance(event, StreamClosed)
        tell: Any = cast(Any, self).app_put  # None before the application has been started
        if refused and tell is not None:
            await tell({"type": "websocket.disconnect", "code": 1006})
            await self.send(StreamClosed(stream_id=self.stream_id))


async def serve(
    serving: Serving, settings: Settings, listening: Listening, shutdown: Shutdown
) -> None:
    """Serve until *shutdown* is requested and connections have drained."""
    config = Config()
    cast(Any, config).send_time = settings.limits.send_time
    config.websocket_max_message_size = settings.limits.message_size
    hypercorn_run.TCPServer = BoundedTCPServer  # type: ignore[attr-defined]  # it has no setting for its class
    for protocol in (h11, h2):
        cast(Any, protocol).WSStream = ToldWebsocketStream
        cast(Any, protocol).HTTPStream = ToldHTTPStream
    cast(Any, hypercorn_protocol).H2Protocol = ReleasedH2Protocol
    config.bind = [f"fd://{os.dup(listening.stream.fileno())}"]  # Hypercorn closes its own
    if listening.datagram is not None:
        config.quic_bind = [f"fd://{os.dup(listening.datagram.fileno())}"]
    config.certfile = settings.certfile
    config.keyfile = settings.private_key
    config.ca_certs = settings.ca_certs
    if settings.http2 is False:
        config.alpn_protocols = ["http/1.1"]
    config.errorlog = logging.getLogger("hypercorn.error")
    if settings.access_log:
        config.accesslog = access_logger("hypercorn.access")
        config.access_log_format = '%(h)s - "%(m)s %(Uq)s HTTP/%(H)s" %(s)s'
    config.graceful_timeout = shutdown.times.total  # where it works, ours is to come first
    # No websocket pings: their task outlives the connection and holds the exit up (0.18).
    # Hypercorn spells the types of ASGI messages in its own classes.
    run: Any = cast(Any, hypercorn_asyncio).serve

    async def stopped() -> None:
        await shutdown.requested.wait()
        await listening.stop()

    await run(serving, config, shutdown_trigger=stopped, mode="asgi")
