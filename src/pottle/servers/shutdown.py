"""The end of a server: one way for all servers, so that none of them can spoil it.

Servers send the lifespan's shutdown only after connections have drained, and an open event stream
never drains by itself. So the application is told first (`begin_shutdown`), then the server drains
for as long as the grace period allows, then what is still at work is cancelled. Nothing is waited for
without an end: what ignores its cancellation is named, and left behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

from pottle.lifespan import Times
from pottle.servers.logs import say
from pottle.stacks import busy_threads, places_of_tasks
from pottle.threads import POOL

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterable

    from pottle.app import Pottle
    from pottle.servers.watchdog import Watchdog
    from pottle.typing import ASGIApp, Event, Receive, Scope, Send

#: What asks for the end. SIGHUP comes when a terminal is closed; nothing here is read anew by it.
SIGNALS = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    if hasattr(signal, name)
]

#: Seconds that websockets get to send their close frames, where the server would break them off.
CLOSE_WAIT = 1.0

#: Seconds between looks at what is being waited for, and how many are named at most.
_LOOK_EVERY = 1.0
_NAMED = 5

_FAILURES = {
    "lifespan.startup.failed": "failed to start",
    "lifespan.shutdown.failed": "failed to shut down",
}


class Shutdown:
    """Whether this process is to end: asked for once, on the thread of the event loop.

    ``requested`` is set when the server must stop accepting, ``forced`` when whoever asked will not
    wait for requests any longer (a second Ctrl+C). A *watchdog* is given where the process may be
    ended by force.
    """

    def __init__(self, app: Pottle, serving: Serving, watchdog: Watchdog | None = None) -> None:
        self._app = app
        self._serving = serving
        self._watchdog = watchdog
        self._heard = 0
        self.times = Times.of(app.config)
        self.requested = asyncio.Event()
        self.forced = asyncio.Event()

    @property
    def may_be_killed(self) -> bool:
        """Whether the process is ours, so that it is ended by force if need be."""
        return self._watchdog is not None

    def request(self) -> None:
        """Tell the application, then the server. Asking again changes nothing."""
        if not self.requested.is_set():
            self.requested.set()
            if self._watchdog is not None:
                self._watchdog.end_within(self.times.total)
            if self._serving.started:
                self._app.begin_shutdown()

    def force(self) -> None:
        """End the time of the requests."""
        self.forced.set()
        self.request()
        if self._watchdog is not None:
            self._watchdog.end_within(self.times.background + self.times.cleanup)

    def hear(self, number: int) -> Callable[[], None] | None:
        """What to do on the event loop about a signal; None where nobody waits for the loop any more.

        Called in the middle of anything, also where the loop is held up: sets attributes only, and
        calls what a signal may call.
        """
        if self._heard and number != signal.SIGINT:
            return self.request
        self._heard += 1
        if self._heard == 1:
            if self._watchdog is not None:
                self._watchdog.end_within(self.times.total)
            return self.request
        if self._heard == 2:
            return self.force
        if self._watchdog is not None:
            self._watchdog.end_now()
        return None


@contextlib.contextmanager
def signals_handled(shutdown: Shutdown) -> Generator[None]:
    """Let the signals of this process ask for *shutdown*; nothing outside of the main thread.

    The handlers that stood there before are put back at the end, and get the third Ctrl+C where no
    watchdog does. A SIGHUP that is ignored (`nohup`) stays so.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()

    def handle(number: int, frame: object) -> None:
        todo = shutdown.hear(number)
        if todo is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(todo)
        elif not shutdown.may_be_killed:
            signal.signal(number, before[number])
            signal.raise_signal(number)

    # Not `loop.add_signal_handler`: it cannot say which handler stood there before.
    before = handled(handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def handled(handle: Callable[[int, object], None]) -> dict[int, Any]:
    """Have *handle* called for signals that ask for the end; which handlers stood there before."""
    before: dict[int, Any] = {}
    for number in SIGNALS:
        if signal.getsignal(number) is signal.SIG_IGN and number not in (
            signal.SIGINT,
            signal.SIGTERM,
        ):
            continue
        before[number] = signal.signal(number, handle)
    return before


class Serving:
    """The ASGI application as a server sees it: knows its lifespan, and the calls in progress.

    *announce* is called when the application has started; ``drained`` is set when the server has
    drained, and says so; ``failure`` says how the application failed to start or to shut down.
    *track* keeps the calls in progress, for a server that does not; one that does sets ``calls``.
    """

    def __init__(self, asgi: ASGIApp, announce: Callable[[], None], *, track: bool) -> None:
        self._asgi = asgi
        self._announce = announce
        self._calls: dict[asyncio.Task[Any], str] = {}  # and the kind of each
        self._call = self._tracked if track else asgi
        self._cancelled = False
        self._lifespan_task: asyncio.Task[Any] | None = None
        #: The tasks of the calls in progress.
        self.calls: Callable[[], Iterable[asyncio.Task[Any]]] = lambda: list(self._calls)
        self.started = False
        self.drained = asyncio.Event()
        self.failure: str | None = None
        self._cut_off = asyncio.Event()
        #: Set when the lifespan has ended.
        self.ended = asyncio.Event()

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

        self._lifespan_task = asyncio.current_task()
        try:
            await self._asgi(scope, receive_noting, send_noting)
        finally:
            self.ended.set()

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

    def cut_off(self) -> None:
        """Let the application shut down although the server ended without telling it."""
        self._cut_off.set()

    async def websockets_closed(self) -> None:
        """Wait until no call for a websocket is in progress; `CLOSE_WAIT` seconds at most."""
        if tasks := [task for task, kind in self._calls.items() if kind == "websocket"]:
            await asyncio.wait(tasks, timeout=CLOSE_WAIT)

    def cancel_calls(self) -> None:
        """Cancel every call in progress."""
        self._cancelled = True
        for task in list(self.calls()):
            task.cancel()

    def at_work(self, background: Iterable[asyncio.Task[Any]]) -> list[str]:
        """Where the code of the application is that is being waited for."""
        if not self.drained.is_set() and not self._cut_off.is_set():
            tasks = list(self.calls())
        elif not (tasks := [task for task in background if not task.done()]):
            tasks = [self._lifespan_task] if self._lifespan_task is not None else []
        return places_of_tasks(tasks) + busy_threads(POOL)


async def _awaited(receive: Receive) -> Event:
    return await receive()


class Ending:
    """From the request for the end to the end: *server* drains, *app* shuts down, within its time.

    ``overdue`` says what did not end in its time.
    """

    def __init__(self, app: Pottle, shutdown: Shutdown, serving: Serving) -> None:
        self._app = app
        self._lifespan = app._lifespan  # pyright: ignore[reportPrivateUsage] # its other half
        self._shutdown = shutdown
        self._serving = serving
        self._times = shutdown.times
        self._overdue: list[str] = []
        self._left: list[asyncio.Task[Any]] = []

    @property
    def overdue(self) -> list[str]:
        return self._overdue + self._lifespan.overdue

    async def serve(self, server: Coroutine[Any, Any, None]) -> None:
        """Run *server* until it ends, for the time of a shutdown at most once that is requested.

        If it does not end after its calls were cancelled, it is cancelled itself. Cancelling this
        coroutine asks for the shutdown and waits for it.
        """
        task: asyncio.Task[Any] = asyncio.ensure_future(server)
        try:
            async with _waiting(self._shutdown.requested) as requested:
                await asyncio.wait({task, requested}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._shutdown.request()
            await self._end(task)
            raise
        if await self._end(task) and not task.cancelled():
            task.result()

    async def _end(self, task: asyncio.Task[Any]) -> bool:
        """Whether the server has ended by itself."""
        telling = asyncio.ensure_future(self._tell())
        end = time.monotonic() + self._times.total
        try:
            by_itself = await self._drain(task)
            if self._serving.started:
                self._serving.cut_off()
                left = max(end - time.monotonic(), self._times.patience)
                events = (self._serving.ended, self._lifespan.finished)
                await _first_of(events, left)
            if not task.done():
                await asyncio.wait({task}, timeout=self._times.patience)
            if not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=self._times.patience)
        finally:
            telling.cancel()
        return by_itself and task.done()

    async def _drain(self, task: asyncio.Task[Any]) -> bool:
        """Let calls end, cancel them when their time is over; whether the server got to the end of it."""
        serving = self._serving
        async with _waiting(serving.drained) as drained, _waiting(self._shutdown.forced) as forced:
            first = asyncio.FIRST_COMPLETED
            await asyncio.wait(
                {task, drained, forced}, timeout=self._times.requests, return_when=first
            )
            serving.cancel_calls()
            if not drained.done():
                patience = self._times.patience
                await asyncio.wait({task, drained}, timeout=patience, return_when=first)
            self._leave_behind()
            if not drained.done() and not task.done():
                task.cancel()
                return False
        return True

    def _leave_behind(self) -> None:
        self._left = [task for task in self._serving.calls() if not task.done()]
        for place in places_of_tasks(self._left) + (busy_threads(POOL) if self._left else []):
            sentence = f"{place} did not end when it was cancelled at shutdown, and is left behind."
            self._overdue.append(sentence)
            self._app.logger.error(sentence)

    async def _tell(self) -> None:
        """Say what is being waited for, when it changes."""
        said: list[str] = []
        begun = time.monotonic()
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            places = self._serving.at_work(self._app.background_tasks)
            if places and places != said:
                said = places
                more = f" and {len(places) - _NAMED} more" if len(places) > _NAMED else ""
                left = max(begun + self._times.total - time.monotonic(), 0)
                say(
                    f" * Waiting for {'; '.join(places[:_NAMED])}{more}; for {left:.0f} s at most."
                    " Ctrl+C again cancels requests, a third one ends everything at once."
                )

    async def stragglers_ended(self) -> None:
        """Wait until what was left behind has ended; has no end but that of the watchdog."""
        if self._left:
            await asyncio.wait(self._left)
        while busy_threads(POOL):  # noqa: ASYNC110 - a thread has nothing to wait for
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def _waiting(event: asyncio.Event) -> AsyncGenerator[asyncio.Future[Any]]:
    waiting: asyncio.Future[Any] = asyncio.ensure_future(event.wait())
    try:
        yield waiting
    finally:
        waiting.cancel()


async def _first_of(events: Iterable[asyncio.Event], timeout: float) -> None:
    """Wait until one of *events* is set; *timeout* seconds at most."""
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for future in waiting:
            future.cancel()
