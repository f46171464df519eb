"""The end of a server process: one way for all servers, so that none of them can spoil it.

Servers send the lifespan's shutdown only after connections have drained, and an open event stream
never drains by itself. So the application is told first (`begin_shutdown`), then the server drains
for as long as the grace period allows, then what is still at work is cancelled.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator

    from pottle.app import Pottle
    from pottle.typing import ASGIApp, Event, Receive, Scope, Send

SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name)
]

#: Seconds that a server gets to notice that everything it waited for was cancelled.
LAST_WAIT = 1.0

_FAILURES = {
    "lifespan.startup.failed": "failed to start",
    "lifespan.shutdown.failed": "failed to shut down",
}


class Shutdown:
    """Whether this process is to end: asked for once, on the thread of the event loop.

    ``requested`` is set when the server must stop accepting, ``forced`` when whoever asked will
    not wait any longer (a second Ctrl+C).
    """

    def __init__(self, app: Pottle, serving: Serving) -> None:
        self._app = app
        self._serving = serving
        self.requested = asyncio.Event()
        self.forced = asyncio.Event()

    def request(self) -> None:
        """Tell the application, then the server. Asking again changes nothing."""
        if not self.requested.is_set():
            self.requested.set()
            if self._serving.started:
                self._app.begin_shutdown()

    def on_signal(self, number: int) -> None:
        """SIGTERM and the first SIGINT ask, a second SIGINT insists."""
        if number == signal.SIGINT and self.requested.is_set():
            self.forced.set()
        self.request()


@contextlib.contextmanager
def signals_handled(shutdown: Shutdown) -> Generator[None]:
    """Let the signals of this process ask for *shutdown*; nothing outside of the main thread.

    The handlers that stood there before are put back at the end.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()

    def handle(number: int, frame: object) -> None:
        loop.call_soon_threadsafe(shutdown.on_signal, number)

    # Not `loop.add_signal_handler`: it cannot say which handler stood there before.
    before = {number: signal.signal(number, handle) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Serving:
    """The ASGI application as a server sees it: knows its lifespan, and the calls in progress.

    *announce* is called when the application has started; ``drained`` is set when the server has
    drained, and says so; ``failure`` says how the application failed to start or to shut down. *track* keeps the calls in progress, for a server that cannot cancel them.
    """

    def __init__(self, asgi: ASGIApp, announce: Callable[[], None], *, track: bool) -> None:
        self._asgi = asgi
        self._announce = announce
        self._calls: dict[asyncio.Task[Any], str] = {}  # and the kind of each
        self._call = self._tracked if track else asgi
        self._cancelled = False
        self.started = False
        self.drained = asyncio.Event()
        self.failure: str | None = None
        self._cut_off = asyncio.Event()
        self._ended = asyncio.Event()

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Any:
        # PERF: no coroutine of its own around each request, only around the lifespan.
        if scope["type"] == "lifespan":
            return self._lifespan(scope, receive, send)
        return self._call(scope, receive, send)

    async def _tracked(self, scope: Scope, receive: Receive, send: Send) -> None:
        task: Any = asyncio.current_task()
        self._calls[task] = scope["type"]
        try:
            await self._asgi(scope, receive, send)
        except asyncio.CancelledError:
            # The server would report it as an error of the application, with a traceback.
            if not self._cancelled:
                raise
        finally:
            del self._calls[task]

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def receive_noting() -> Event:
            event = await self._unless_cut_off(receive)
            if event["type"] == "lifespan.shutdown":
                self.drained.set()
            return event

        async def send_noting(event: Event) -> None:
            kind = event["type"]
            if kind in _FAILURES:
                self.failure = f"{_FAILURES[kind]}: {event.get('message', '')}"
            await send(event)
            if kind == "lifespan.startup.complete":
                self.started = True
                # Granian begins to listen when this turn of the loop is over.
                asyncio.get_running_loop().call_soon(self._announce)

        try:
            await self._asgi(scope, receive_noting, send_noting)
        finally:
            self._ended.set()

    async def _unless_cut_off(self, receive: Receive) -> Event:
        """What the server says, or the shutdown if it will not say anything any more."""
        saying: asyncio.Future[Event] = asyncio.ensure_future(_awaited(receive))
        cut_off: asyncio.Future[Any] = asyncio.ensure_future(self._cut_off.wait())
        try:
            await asyncio.wait({saying, cut_off}, return_when=asyncio.FIRST_COMPLETED)
            return saying.result() if saying.done() else {"type": "lifespan.shutdown"}
        finally:
            saying.cancel()
            cut_off.cancel()

    async def finish(self) -> None:
        """Let the application shut down although the server ended without telling it."""
        if self.started:
            self._cut_off.set()
            await self._ended.wait()

    async def websockets_closed(self) -> None:
        """Wait until no call for a websocket is in progress; `LAST_WAIT` seconds at most."""
        if tasks := [task for task, kind in self._calls.items() if kind == "websocket"]:
            await asyncio.wait(tasks, timeout=LAST_WAIT)

    def cancel_calls(self) -> None:
        """Cancel every call in progress."""
        self._cancelled = True
        for task in self._calls:
            task.cancel()


async def _awaited(receive: Receive) -> Event:
    return await receive()


async def serve_until(
    shutdown: Shutdown, server: Coroutine[Any, Any, None], serving: Serving, grace: float
) -> None:
    """Run *server* until it ends; once shutdown is requested, let it take *grace* seconds at most.

    What the application does in its own lifespan shutdown is not bounded here. If the server still
    does not end after its calls were cancelled, it is cancelled itself. Cancelling this coroutine
    asks for the shutdown and waits for it.
    """
    task: asyncio.Future[Any] = asyncio.ensure_future(server)
    helpers: list[asyncio.Future[Any]] = [
        asyncio.ensure_future(event.wait()) for event in (shutdown.requested, serving.drained)
    ]
    requested, drained = helpers
    try:
        try:
            await asyncio.wait({task, requested}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            shutdown.request()
            await _drain(shutdown, task, drained, serving, grace)
            raise
        await _drain(shutdown, task, drained, serving, grace)
    finally:
        for helper in helpers:
            helper.cancel()
    if not task.cancelled():
        task.result()


async def _drain(
    shutdown: Shutdown,
    task: asyncio.Future[Any],
    drained: asyncio.Future[Any],
    serving: Serving,
    grace: float,
) -> None:
    forced: asyncio.Future[Any] = asyncio.ensure_future(shutdown.forced.wait())
    try:
        await asyncio.wait(
            {task, drained, forced}, timeout=grace, return_when=asyncio.FIRST_COMPLETED
        )
        serving.cancel_calls()
        if not drained.done():
            await asyncio.wait(
                {task, drained}, timeout=LAST_WAIT, return_when=asyncio.FIRST_COMPLETED
            )
        if not drained.done():
            task.cancel()
        await asyncio.wait({task, forced}, return_when=asyncio.FIRST_COMPLETED)
        task.cancel()
        await asyncio.wait({task})
    finally:
        forced.cancel()
