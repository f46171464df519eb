"""A real server with the application, in a thread with an event loop of its own.

The only module of `pottle.testing` that needs a server, and it imports it when one is started.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ..typing import ASGIApp, Event, Receive, Scope, Send
from .app import LifespanError

if TYPE_CHECKING:
    import uvicorn

START_TIMEOUT = 10
STOP_TIMEOUT = 10


class LiveServer:
    """Serves *app* on a free port of this machine, from `start` (or ``with``) to `stop`.

    *app* is a `Pottle`, or any ASGI application that knows the lifespan protocol.
    """

    def __init__(self, app: ASGIApp, host: str = "127.0.0.1", port: int = 0) -> None:
        self.app = app
        self.host = host
        #: The port, which is chosen at `start` if it was 0.
        self.port = port
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: uvicorn.Server | None = None
        self._settled = threading.Event()
        self._problem: str | None = None
        self._error: BaseException | None = None

    def url(self, path: str = "/") -> str:
        """The URL of *path*, with ``http``."""
        return f"http://{self.host}:{self.port}/{path.removeprefix('/')}"

    def ws_url(self, path: str = "/") -> str:
        """The URL of *path*, with ``ws``."""
        return "ws" + self.url(path).removeprefix("http")

    def start(self) -> Self:
        """Start the server; when this returns it accepts connections.

        Raises `LifespanError` if the application fails to start up, and `RuntimeError` if the
        server is running already.
        """
        if self._thread is not None:
            raise RuntimeError(f"The live server is running already, at {self.url()}.")
        self._settled.clear()
        self._problem = self._error = None
        self._server = self._make_server()
        listener = socket.create_server((self.host, self.port))
        self.port = listener.getsockname()[1]
        self._thread = threading.Thread(
            target=self._run, args=(listener,), name=f"pottle live server {self.port}", daemon=True
        )
        self._thread.start()
        if not self._settled.wait(START_TIMEOUT):
            self._error = TimeoutError(f"it was not up after {START_TIMEOUT} s")
        if self._has_failed():
            self._join()
            raise self._failure("did not start")
        return self

    def stop(self) -> None:
        """Stop the server, event streams and websockets included, and wait until it has ended.

        Raises `LifespanError` if the application fails to shut down. Does nothing if not running.
        """
        if self._thread is None:
            return
        begin_shutdown = getattr(self.app, "begin_shutdown", None)
        if begin_shutdown is not None and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(begin_shutdown)
        self._join()
        if self._has_failed():
            raise self._failure("did not stop cleanly")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.stop()

    def _has_failed(self) -> bool:
        return self._problem is not None or self._error is not None

    def _failure(self, what: str) -> LifespanError:
        error = LifespanError(f"The live server {what}: {self._problem or repr(self._error)}")
        error.__cause__ = self._error
        return error

    def _join(self) -> None:
        thread, self._thread = self._thread, None
        assert thread is not None
        assert self._server is not None
        self._server.should_exit = True
        thread.join(STOP_TIMEOUT)
        if thread.is_alive():
            self._server.force_exit = True
            self._error = TimeoutError(f"it was still running {STOP_TIMEOUT} s after its stop")

    def _make_server(self) -> uvicorn.Server:
        import uvicorn
        from uvicorn.config import WS_PROTOCOLS

        config = uvicorn.Config(
            self._watched_app,
            interface="asgi3",
            lifespan="on",
            # The older implementation warns, and in a test a warning may be an error.
            ws="websockets-sansio" if "websockets-sansio" in WS_PROTOCOLS else "auto",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=STOP_TIMEOUT // 2,
        )
        return uvicorn.Server(config)

    def _run(self, listener: socket.socket) -> None:
        try:
            asyncio.run(self._serve(listener))
        except BaseException as error:
            # The boundary of the thread: whoever started or stops the server raises it. The server
            # exits by SystemExit when the application has failed, which says less than its error.
            self._error = self._error or error
        finally:
            listener.close()
            self._settled.set()

    async def _serve(self, listener: socket.socket) -> None:
        assert self._server is not None
        self._loop = asyncio.get_running_loop()
        await self._server.serve(sockets=[listener])

    async def _watched_app(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self.app(scope, receive, send)
            return

        async def watched_send(event: Event) -> None:
            if event["type"].endswith(".failed"):
                self._problem = event.get("message") or event["type"]
            await send(event)
            if event["type"] == "lifespan.startup.complete":
                self._settled.set()

        try:
            await self.app(scope, receive, watched_send)
            if not self._settled.is_set() and self._problem is None:
                raise LifespanError("the application does not know the lifespan protocol")
        except BaseException as error:
            self._error = error
            raise
