"""Several worker processes on the same sockets, kept alive by one parent.

The parent binds the sockets and never loads the application. Each worker holds one end of a pipe:
it says through it that it serves, and ends when it is told to or the other end is closed, so no worker
outlives the parent. Only if the very first worker fails to start, the whole fails; later none of them
takes another down: who ends is replaced, the more slowly the more often it happens.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any

from pottle.lifespan import Times
from pottle.servers import sockets
from pottle.servers.closing import let_nobody_in
from pottle.servers.logs import say
from pottle.servers.runner import run_loop, serve_on
from pottle.servers.settings import ServerError, Settings
from pottle.servers.shutdown import handled
from pottle.servers.watchdog import EXIT_INTERRUPTED, EXIT_OVERDUE, watched

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

    from pottle.app import Pottle
    from pottle.servers.shutdown import Shutdown
    from pottle.servers.sockets import Listening
    from pottle.servers.watchdog import Watchdog

Load = Callable[[], "Pottle"]

#: Seconds until the next try, twice as many for each end within so many seconds, and the most of them.
RETRY = 0.5
RETRY_WITHIN = 60.0
RETRY_MOST = 30.0

#: Seconds after which a worker that ends regularly is taken for one that somebody told to.
SETTLED = 5.0

#: Seconds beyond the time of its shutdown before a worker is killed.
KILL_WAIT = 5.0

#: What a worker is told: to end, and not to wait for requests any longer.
_END, _HURRY = "end", "hurry"

#: The name of the thread in which a worker waits for its parent.
WATCHER = "pottle-parent"


@dataclass
class _Worker:
    process: SpawnProcess
    pipe: Connection
    time: float | None = None  # seconds that its shutdown takes at most, once it has loaded
    served: float | None = None  # since when it has served

    def tell(self, order: str) -> None:
        with contextlib.suppress(OSError):  # it has ended
            self.pipe.send(order)


class Supervisor:
    """Starts the workers, replaces those that end, and ends them all."""

    def __init__(self, load: Load, settings: Settings) -> None:
        self._load = load
        self._settings = settings
        self._context = multiprocessing.get_context("spawn")
        self._listening: Listening | None = None
        self._workers: list[_Worker] = []
        self._ends: deque[float] = deque(maxlen=100)
        self._retries: list[float] = []  # when workers are to be started
        self._signals: deque[int] = deque()
        self._proven = False
        self._announced = False

    def run(self) -> None:
        """Serve until a signal; `ServerError` if the first worker cannot be started.

        Ends the program, with its exit code, if workers had to be ended by force.
        """
        self._settings, self._listening = sockets.claim(self._settings)
        wake, waker = socket.socketpair()
        waker.setblocking(False)
        before = handled(self._on_signal(waker))
        try:
            self._start_worker()
            while not self._signals:
                self._look_after(wait(self._watched(wake), self._until_retry()))
        finally:
            code = self._stop_workers(wake)
            for number, handler in before.items():
                signal.signal(number, handler)
            wake.close()
            waker.close()
        if code:
            sys.exit(code)

    def _on_signal(self, waker: socket.socket) -> Callable[[int, object], None]:
        def handle(number: int, frame: object) -> None:
            self._signals.append(number)
            with contextlib.suppress(BlockingIOError):  # full: it has been woken already
                waker.send(b"!")

        return handle

    def _watched(self, wake: socket.socket) -> list[Any]:
        """Where something can happen: a signal, a worker that speaks, a worker that ends."""
        starting = [worker.pipe for worker in self._workers if worker.served is None]
        return [wake, *starting, *(worker.process.sentinel for worker in self._workers)]

    def _until_retry(self) -> float | None:
        return max(min(self._retries) - time.monotonic(), 0) if self._retries else None

    def _look_after(self, ready: list[Any]) -> None:
        for worker in list(self._workers):
            if worker.served is None and worker.pipe in ready:
                self._listen_to(worker)
            if worker.process.sentinel in ready:
                self._note_end(worker)
        now = time.monotonic()
        due = [when for when in self._retries if when <= now]
        self._retries = [when for when in self._retries if when > now]
        for _ in due:
            self._start_worker()
        if self._proven:
            while len(self._workers) + len(self._retries) < self._settings.workers:
                self._start_worker()
        if not self._announced and all(worker.served is not None for worker in self._workers):
            self._announced = True
            say(
                f" * Running on {self._settings.url(self._settings.port)} with"
                f" {self._settings.server}, {len(self._workers)} workers (press Ctrl+C to stop)"
            )

    def _listen_to(self, worker: _Worker) -> None:
        """Take what *worker* says: first how long its shutdown takes, then that it serves."""
        with contextlib.suppress(EOFError, OSError):  # it died: seen by its sentinel
            said = worker.pipe.recv()
            if worker.time is None:
                worker.time = said
            else:
                worker.served = time.monotonic()
                # The application can be loaded and started.
                self._proven = True

    def _start_worker(self) -> None:
        ours, theirs = self._context.Pipe()
        shared = self._listening and replace(self._listening, shared=True)
        process = self._context.Process(
            target=work, args=(self._load, self._settings, shared, theirs)
        )
        process.start()
        theirs.close()
        self._workers.append(_Worker(process, ours))

    def _note_end(self, worker: _Worker) -> None:
        worker.process.join()
        self._workers.remove(worker)
        worker.pipe.close()
        code = worker.process.exitcode
        if not self._proven:
            raise ServerError(f"A worker failed to start (exit code {code}).")
        now = time.monotonic()
        if worker.served is None:
            what = f"failed to start (exit code {code})"
        elif code == 0 and now - worker.served > SETTLED:
            say(f" * Worker {worker.process.pid} ended as it was told to. Starting another.")
            self._retries.append(now)
            return
        else:
            what = f"ended with exit code {code}"
        pause = self._pause(now)
        when = f" in {pause:g} seconds" if pause else ""
        say(
            f" * Worker {worker.process.pid} {what}; {len(self._workers)} others go on."
            f" Starting another{when}."
        )
        self._retries.append(now + pause)

    def _pause(self, now: float) -> float:
        """How long to wait before the next try: not at all after the first end in a while."""
        recent = sum(1 for when in self._ends if now - when < RETRY_WITHIN)
        self._ends.append(now)
        return min(RETRY * 2.0 ** (recent - 1), RETRY_MOST) if recent else 0

    def _stop_workers(self, wake: socket.socket) -> int:
        """Stop listening, and have the workers end; kill who does not. Gives the exit code."""
        if self._listening is not None:
            if not self._listening.shared:
                let_nobody_in(self._listening.stream)
            self._listening.close()
        sockets.forget(self._settings)
        for worker in self._workers:
            worker.tell(_END)
            if worker.time is None:  # it loads the application, and does not listen yet
                worker.process.terminate()
        times = [worker.time for worker in self._workers if worker.time is not None]
        deadline = time.monotonic() + max(times, default=0) + KILL_WAIT
        code = 0
        while self._workers and (left := deadline - time.monotonic()) > 0:
            ready = wait([wake, *(worker.process.sentinel for worker in self._workers)], left)
            if wake in ready:
                wake.recv(100)
                if self._insist():
                    code = EXIT_INTERRUPTED
                    break
            for worker in [each for each in self._workers if each.process.sentinel in ready]:
                worker.process.join()
                self._workers.remove(worker)
                if worker.process.exitcode == EXIT_OVERDUE:
                    code = EXIT_OVERDUE
        for worker in self._workers:
            say(f" * Worker {worker.process.pid} does not end: killed.")
            worker.process.kill()
            worker.process.join()
            code = code or EXIT_OVERDUE
        return code

    def _insist(self) -> bool:
        """Pass a second Ctrl+C on; whether there was a third, after which nothing is waited for."""
        times = 1 + sum(1 for number in list(self._signals)[1:] if number == signal.SIGINT)
        if times == 2:
            for worker in self._workers:
                worker.tell(_HURRY)
        return times > 2


def work(load: Load, settings: Settings, listening: Listening | None, pipe: Connection) -> None:
    """What a worker process does: load the application and serve until it is told to end."""
    app = load()
    app.debug = False
    if settings.grace is not None:
        app.config["SHUTDOWN_TIMEOUT"] = settings.grace
    with watched(to_the_end=True) as watchdog:
        run_loop(_work(app, settings, listening, pipe, watchdog))


async def _work(
    app: Pottle,
    settings: Settings,
    listening: Listening | None,
    pipe: Connection,
    watchdog: Watchdog | None,
) -> None:
    def say_to_parent(said: object) -> None:
        with contextlib.suppress(BrokenPipeError):  # the parent is ending, and so does this process
            pipe.send(said)

    say_to_parent(Times.of(app.config).total)
    await serve_on(
        app,
        settings,
        listening,
        announce=partial(say_to_parent, True),
        begin=partial(follow, pipe),
        watchdog=watchdog,
    )


def follow(pipe: Connection, shutdown: Shutdown) -> None:
    """Do what the parent says through *pipe*, until it has closed its end or is gone."""
    loop = asyncio.get_running_loop()

    def listen() -> None:
        order: object = ""
        while order is not None:
            try:
                order = pipe.recv()
            except (EOFError, OSError):
                order = None
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(shutdown.force if order == _HURRY else shutdown.request)

    # A thread, because not every event loop can watch a pipe on every system.
    threading.Thread(target=listen, name=WATCHER, daemon=True).start()
