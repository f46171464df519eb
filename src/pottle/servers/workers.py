"""Several worker processes on the same sockets, kept alive by one parent.

The parent binds the sockets and never loads the application. Each worker holds one end of a pipe:
it says through it that it serves, and ends when the other end is closed, so no worker outlives the
parent. A worker that fails before it serves ends the whole; one that dies later is replaced.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any

from pottle.servers import sockets
from pottle.servers.logs import say
from pottle.servers.runner import run_loop, serve_on
from pottle.servers.settings import ServerError, Settings
from pottle.servers.shutdown import handled

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

    from pottle.app import Pottle
    from pottle.servers.sockets import Listening

Load = Callable[[], "Pottle"]

#: So many workers may die within so many seconds before the parent gives up.
DEATHS = 5
DEATHS_WITHIN = 60.0

#: Seconds beyond the grace period, for the application's own shutdown, before a worker is killed.
KILL_WAIT = 30.0

#: The name of the thread in which a worker waits for its parent.
WATCHER = "pottle-parent"


@dataclass
class _Worker:
    process: SpawnProcess
    pipe: Connection
    grace: float | None = None  # seconds, once the worker serves


class Supervisor:
    """Starts the workers, replaces the dead ones, and ends them all."""

    def __init__(self, load: Load, settings: Settings) -> None:
        self._load = load
        self._settings = settings
        self._context = multiprocessing.get_context("spawn")
        self._listening: Listening | None = None
        self._workers: list[_Worker] = []
        self._deaths: deque[float] = deque(maxlen=DEATHS)
        self._announced = False

    def run(self) -> None:
        """Serve until a signal; `ServerError` if the workers cannot be kept running."""
        self._settings, self._listening = sockets.claim(self._settings)
        wake, waker = socket.socketpair()
        waker.setblocking(False)
        before = handled(_waking(waker))
        try:
            self._start_worker()
            while wake not in (ready := wait(self._watched(wake))):
                self._look_after(ready)
        finally:
            self._stop_workers()
            if self._listening is not None:
                self._listening.close()
            sockets.forget(self._settings)
            for number, handler in before.items():
                signal.signal(number, handler)
            wake.close()
            waker.close()

    def _watched(self, wake: socket.socket) -> list[Any]:
        """Where something can happen: a signal, a worker that speaks, a worker that ends."""
        starting = [worker.pipe for worker in self._workers if worker.grace is None]
        return [wake, *starting, *(worker.process.sentinel for worker in self._workers)]

    def _look_after(self, ready: list[Any]) -> None:
        for worker in list(self._workers):
            if worker.grace is None and worker.pipe in ready:
                with contextlib.suppress(EOFError, OSError):  # it died: seen by its sentinel
                    worker.grace = worker.pipe.recv()
            if worker.process.sentinel in ready:
                self._replace(worker)
        if self._workers[0].grace is not None:
            # The first one has shown that the application can be loaded and started.
            while len(self._workers) < self._settings.workers:
                self._start_worker()
        if not self._announced and all(worker.grace is not None for worker in self._workers):
            self._announced = True
            say(
                f" * Running on {self._settings.url(self._settings.port)} with"
                f" {self._settings.server}, {len(self._workers)} workers (press Ctrl+C to stop)"
            )

    def _start_worker(self) -> None:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=work, args=(self._load, self._settings, self._listening, theirs)
        )
        process.start()
        theirs.close()
        self._workers.append(_Worker(process, ours))

    def _replace(self, worker: _Worker) -> None:
        worker.process.join()
        self._workers.remove(worker)
        worker.pipe.close()
        code = worker.process.exitcode
        if worker.grace is None:
            raise ServerError(f"A worker failed to start (exit code {code}).")
        now = time.monotonic()
        if len(self._deaths) == DEATHS and now - self._deaths[0] < DEATHS_WITHIN:
            raise ServerError(
                f"Workers die one after the other (the last one's exit code: {code})."
            )
        self._deaths.append(now)
        say(f" * Worker {worker.process.pid} ended with exit code {code}. Starting another.")
        self._start_worker()

    def _stop_workers(self) -> None:
        """Close the pipes, which each worker takes as the request to end; kill who does not."""
        for worker in self._workers:
            worker.pipe.close()
        grace = max((worker.grace or 0 for worker in self._workers), default=0)
        deadline = time.monotonic() + grace + KILL_WAIT
        for worker in self._workers:
            worker.process.join(max(deadline - time.monotonic(), 0))
            if worker.process.is_alive():
                say(f" * Worker {worker.process.pid} does not end: killed.")
                worker.process.kill()
                worker.process.join()


def _waking(waker: socket.socket) -> Callable[[int, object], None]:
    def handle(number: int, frame: object) -> None:
        with contextlib.suppress(BlockingIOError):  # full: it has been woken already
            waker.send(b"!")

    return handle


def work(load: Load, settings: Settings, listening: Listening | None, pipe: Connection) -> None:
    """What a worker process does: load the application and serve until it is told to end."""
    app = load()
    app.debug = False
    run_loop(_work(app, settings, listening, pipe))


async def _work(
    app: Pottle, settings: Settings, listening: Listening | None, pipe: Connection
) -> None:
    grace = settings.grace if settings.grace is not None else app.config["SHUTDOWN_TIMEOUT"]

    def announce() -> None:
        with contextlib.suppress(BrokenPipeError):  # the parent is ending, and so does this process
            pipe.send(grace)

    await serve_on(
        app,
        settings,
        listening,
        announce=announce,
        trigger=_closed(pipe),
        signals=True,
    )


def _closed(pipe: Connection) -> asyncio.Future[None]:
    """Done when the parent has closed its end of *pipe*, or is gone."""
    loop = asyncio.get_running_loop()
    closed: asyncio.Future[None] = loop.create_future()

    def finish() -> None:
        if not closed.done():
            closed.set_result(None)

    def watch() -> None:
        with contextlib.suppress(OSError):
            pipe.poll(None)
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(finish)

    # A thread, because not every event loop can watch a pipe on every system.
    threading.Thread(target=watch, name=WATCHER, daemon=True).start()
    return closed
