"""Hypercorn: HTTP/2 and HTTP/3 (RFC 9113, RFC 9114), websockets over both."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any, cast

from hypercorn import asyncio as hypercorn_asyncio
from hypercorn.config import Config

from pottle.servers.logs import access_logger

if TYPE_CHECKING:
    from pottle.servers.settings import Settings
    from pottle.servers.shutdown import Serving, Shutdown
    from pottle.servers.sockets import Listening

#: Its graceful timeout does nothing on Python 3.12 and newer (hypercorn issue 308).
TRACK_CALLS = True


async def serve(
    serving: Serving, settings: Settings, listening: Listening, shutdown: Shutdown
) -> None:
    """Serve until *shutdown* is requested and connections have drained."""
    config = Config()
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
