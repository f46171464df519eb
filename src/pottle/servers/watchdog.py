"""The end of a process that does not end by itself: a thread that nothing in the process can hold up.

Python waits at its exit for every thread of a pool and for every task of its event loop. So where the
process is ours (`pottle run`, `pottle serve`, `app.run()`), a deadline begins with the signal; when it is
over, what still runs is named, logs and output are flushed, and the process is left without waiting.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import signal
import sys
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, NoReturn

from pottle.servers.logs import say
from pottle.stacks import busy_threads, place_of_thread, places_of_tasks
from pottle.threads import POOL

if TYPE_CHECKING:
    from collections.abc import Generator

#: The exit code when something did not end in its time: that of an internal error in sysexits.h.
EXIT_OVERDUE = 70

#: The exit code after the third Ctrl+C: 128 plus the number of SIGINT, as shells have it.
EXIT_INTERRUPTED = 128 + signal.SIGINT

#: Seconds for functions of `atexit`, handlers of logs and output, which can hang as well.
_FLUSH_WAIT = 1.0


class Watchdog:
    """Ends this process when the time that it was given is over."""

    def __init__(self) -> None:
        # Its `put` may interrupt itself, so signal handlers can use it.
        self._deadlines: SimpleQueue[tuple[float, int] | None] = SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.armed = False
        #: What is undone when the process goes on: the handlers of signals.
        self.exits = ExitStack()

    def start(self) -> None:
        """Begin to watch; there is no deadline yet."""
        threading.Thread(target=self._watch, name="pottle-watchdog", daemon=True).start()

    def attach(self) -> None:
        """Name the tasks of the running event loop, should they not end."""
        self._loop = asyncio.get_running_loop()

    def end_within(self, seconds: float) -> None:
        """Let the process end in *seconds* at the latest. Of several deadlines the first one holds."""
        self.armed = True
        self._deadlines.put((time.monotonic() + seconds, EXIT_OVERDUE))

    def end_now(self) -> None:
        """Let the process end without waiting for anything: whoever asked has asked three times."""
        self._deadlines.put((0.0, EXIT_INTERRUPTED))

    def stop(self) -> None:
        """Forget the deadline: the process is somebody else's again."""
        self._deadlines.put(None)

    def _watch(self) -> None:
        deadline: float | None = None
        code = EXIT_OVERDUE
        while True:
            left = None if deadline is None else max(deadline - time.monotonic(), 0)
            try:
                order = self._deadlines.get(timeout=left)
            except Empty:
                self._end(code)
            if order is None:
                return
            if deadline is None or order[0] < deadline:
                deadline, code = order

    def _end(self, code: int) -> NoReturn:
        try:
            if code == EXIT_OVERDUE:
                say(" * The time for the shutdown is over. Still at work:")
                nothing = ["something that has no code of the application"]
                for line in self._still_at_work() or nothing:
                    say(f"   - {line}")
        finally:  # whatever naming them has come upon
            leave(code)

    def _still_at_work(self) -> list[str]:
        found: list[str] = []
        if place := place_of_thread(threading.main_thread(), behind=asyncio.runners.__file__):
            found.append(f"the main thread: {place}")
        if self._loop is not None:
            # Another thread may be changing them: then it is enough to name the threads.
            with suppress(RuntimeError):
                found += places_of_tasks(asyncio.all_tasks(self._loop))
        return found + busy_threads() + busy_threads(POOL)


def leave(code: int) -> NoReturn:
    """End the process with *code* at once, whatever runs in it; logs and output are flushed first."""
    say(f" * Ended with exit code {code}.")
    flushing = threading.Thread(target=_flush, daemon=True)
    flushing.start()
    flushing.join(_FLUSH_WAIT)
    os._exit(code)


def _flush() -> None:
    # Those of `logging` and of tools that measure are among them. Not those that wait for threads.
    atexit._run_exitfuncs()  # pyright: ignore[reportPrivateUsage] # as multiprocessing does it
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()


@contextmanager
def watched(*, to_the_end: bool) -> Generator[Watchdog | None]:
    """Watch over a server, and over the end of the process behind it if *to_the_end*.

    Otherwise the process goes on, as soon as the pool of threads is at rest. Gives None outside of the
    main thread, where no signal comes and the process is somebody else's.
    """
    if threading.current_thread() is not threading.main_thread():
        yield None
        return
    watchdog = Watchdog()
    watchdog.start()
    try:
        yield watchdog
    finally:
        if not (to_the_end and watchdog.armed):
            while watchdog.armed and busy_threads(POOL):
                time.sleep(0.02)
            watchdog.stop()
            watchdog.exits.close()
