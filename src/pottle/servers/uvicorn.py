"""uvicorn, the default server: HTTP/1.1 and websockets."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, cast

import uvicorn

from pottle.ctx import clean_context
from pottle.servers.http_protocol import HttpProtocol
from pottle.servers.logs import access_logger
from pottle.servers.settings import ServerError

if TYPE_CHECKING:
    from collections.abc import Generator
    from contextvars import Context

    from pottle.servers.settings import ConnectionLimits, Settings
    from pottle.servers.shutdown import Serving, Shutdown
    from pottle.servers.sockets import Listening

#: uvicorn has a set of them itself.
TRACK_CALLS = False


class _Server(uvicorn.Server):
    """A uvicorn that leaves signals to us: its own handling ends the process by the signal."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


class RequestProtocol(HttpProtocol):
    """Gives each request context variables of its own, copied from those the server started with.

    Otherwise a request could see what the one before it on the same connection has set: on asyncio, a
    transport that resumes reading while a request is answered goes on in that request's context, and a
    pipelined request is started from within the one before it.
    """

    def __init__(self, *args: Any, variables: Context, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._variables = variables

    def data_received(self, data: bytes) -> None:
        self._variables.copy().run(super().data_received, data)

    def on_response_complete(self) -> None:
        self._variables.copy().run(super().on_response_complete)


_FALSE_ALARMS = (
    "ASGI callable returned without completing handshake.",
    "ASGI callable returned without completing response.",
    "Invalid UTF-8 sequence received from client.",
)


class _FalseAlarms(logging.Filter):
    """Keeps back what uvicorn takes for an error of the application, and what is none.

    It cancels calls when their time is over, and logs that. Of websockets that were refused by a
    response it says that they were not answered; Pottle answers all of them. Why an answer is not
    completed Pottle has said itself. And that the application
    does not start is said by whoever called `serve`.
    """

    def __init__(self, serving: Serving, shutdown: Shutdown) -> None:
        super().__init__()
        self._serving = serving
        self._requested = shutdown.requested

    def filter(self, record: logging.LogRecord) -> bool:
        if self._serving.failure is not None:
            return False
        if record.msg in _FALSE_ALARMS:
            return False
        error = record.exc_info[1] if record.exc_info else None
        return not (self._requested.is_set() and isinstance(error, asyncio.CancelledError))


def _websocket_protocol(limits: ConnectionLimits) -> object:
    """Ours, which needs the library websockets; without it whatever uvicorn finds."""
    if find_spec("websockets") is None:
        return "auto"
    from pottle.servers.websocket_protocol import WebsocketProtocol

    return partial(WebsocketProtocol, limits=limits)


async def serve(
    serving: Serving, settings: Settings, listening: Listening, shutdown: Shutdown
) -> None:
    """Serve until *shutdown* is requested and connections have drained."""
    if settings.access_log:
        access_logger("uvicorn.access")
    config = uvicorn.Config(
        cast(Any, serving),  # uvicorn spells the types of ASGI messages in its own classes
        interface="asgi3",
        lifespan="on",
        http=cast(
            Any,
            partial(RequestProtocol, limits=settings.limits, variables=clean_context()),
        ),
        ws=cast(Any, _websocket_protocol(settings.limits)),
        ws_max_size=settings.limits.message_size,
        timeout_keep_alive=cast(int, settings.limits.keep_alive),
        log_config=None,
        access_log=settings.access_log,
        ssl_certfile=settings.certfile,
        ssl_keyfile=settings.private_key,
        ssl_ca_certs=settings.ca_certs,
    )
    server = _Server(config)
    serving.calls = lambda: list(server.server_state.tasks)
    false_alarms = _FalseAlarms(serving, shutdown)
    logging.getLogger("uvicorn.error").addFilter(false_alarms)

    async def stop() -> None:
        await shutdown.requested.wait()
        await listening.stop()
        server.should_exit = True

    stopping = asyncio.ensure_future(stop())
    try:
        await server.serve(sockets=[listening.stream])
    except SystemExit as error:  # must not pass through a task: it would end the event loop
        raise ServerError(f"uvicorn could not start (exit code {error.code}).") from error
    finally:
        stopping.cancel()
        logging.getLogger("uvicorn.error").removeFilter(false_alarms)
