"""Granian: the HTTP part is compiled; HTTP/2, websockets over HTTP/1.1.

Run embedded, in the event loop of this process, because its own worker processes do not tell the
application of a signal before connections have drained. It binds its own sockets.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.log import LogLevels
from granian.server.embed import Server

from pottle.servers.closing import all_accepted, let_nobody_in, listeners_on
from pottle.servers.logs import access_logger

if TYPE_CHECKING:
    from pottle.servers.settings import Settings
    from pottle.servers.shutdown import Serving, Shutdown

#: It waits without limit for the calls in progress.
TRACK_CALLS = True

# Without `incremental` the handlers that the application has configured would be closed.
_LOGGING: dict[str, Any] = {"version": 1, "incremental": True, "handlers": {}, "loggers": {}}


async def serve(serving: Serving, settings: Settings, listening: None, shutdown: Shutdown) -> None:
    """Serve until *shutdown* is requested and connections have drained."""
    if settings.access_log:
        access_logger("granian.access")
    server = Server(
        serving,
        address=settings.host or "0.0.0.0",  # noqa: S104 - an empty host means every interface
        port=settings.port,
        uds=Path(settings.uds) if settings.uds is not None else None,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1 if settings.http2 is False else HTTPModes.auto,
        log_level=LogLevels.error,
        log_dictconfig={**_LOGGING, "loggers": {}},
        log_access=settings.access_log,
        log_access_format='%(addr)s - "%(method)s %(path)s %(protocol)s" %(status)d',
        ssl_cert=_path(settings.certfile),
        ssl_key=_path(settings.private_key),
        ssl_ca=_path(settings.ca_certs),
        ssl_protocol_min=SSLProtocols.tls12,
    )

    async def stop() -> None:
        await shutdown.requested.wait()
        if settings.uds is None:
            await _stop_listening(settings.port)
        await serving.websockets_closed()  # Granian would break them off, without a close frame
        server.stop()  # type: ignore[no-untyped-call] # Granian has no annotations there

    stopping = asyncio.ensure_future(stop())
    try:
        await server.serve()
    finally:
        stopping.cancel()


async def _stop_listening(port: int) -> None:
    """As `Listening.stop`, for the sockets that Granian has opened; each process has its own."""
    listeners = listeners_on(port)
    for listener in listeners:
        let_nobody_in(listener)
    await all_accepted(listeners)
    for listener in listeners:
        listener.close()


def _path(path: str | None) -> Path | None:
    return Path(path) if path is not None else None
