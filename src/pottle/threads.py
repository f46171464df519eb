"""The pool of threads for synchronous code: so many work at once, and who waits steps aside.

A thread that waits for the event loop does not count as working. Otherwise all threads could be waiting
for something that itself waits for a thread.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

DEFAULT_THREADS = min(32, (os.cpu_count() or 1) + 4)
#: More threads than are ever needed; they are only made when all others are busy.
_MOST = 10_000

#: What the names of the threads begin with.
POOL = "pottle_"

_pool: ThreadPool | None = None
_threads = DEFAULT_THREADS


class ThreadPool(Executor):
    """At most *limit* calls work at once; the others wait their turn."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._threads = ThreadPoolExecutor(_MOST, thread_name_prefix=POOL.rstrip("_"))
        self._lock = Lock()
        self._working = 0
        self._queue: deque[Callable[[], None]] = deque()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Call *fn* in a thread; gives the future of its result."""
        future: Future[T] = Future()

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        with self._lock:
            if self._working >= self.limit:
                self._queue.append(work)
                return future
            self._working += 1
        self._threads.submit(self._work, work)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Make no new threads; what was submitted is still done."""
        self._threads.shutdown(wait=wait, cancel_futures=cancel_futures)

    @contextmanager
    def aside(self) -> Generator[None]:
        """Let another call work while the one in this thread waits."""
        waiting = self._next()
        if waiting is not None:
            self._threads.submit(self._work, waiting)
        try:
            yield
        finally:
            with self._lock:
                self._working += 1  # one too many at worst, until a call ends

    def _work(self, work: Callable[[], None]) -> None:
        following: Callable[[], None] | None = work
        while following is not None:
            following()
            following = self._next()

    def _next(self) -> Callable[[], None] | None:
        """What waits to be done in the place of a call that works no longer."""
        with self._lock:
            if self._queue and self._working <= self.limit:
                return self._queue.popleft()
            self._working -= 1
            return None


def set_thread_limit(threads: int) -> None:
    """Let at most *threads* synchronous calls run at once in this process (at least 1)."""
    global _pool, _threads
    if threads < 1:
        raise ValueError(f"At least one thread is needed to run synchronous code, not {threads}.")
    if threads != _threads:
        _threads = threads
        if _pool is not None:
            _pool.shutdown(wait=False)
            _pool = None


def thread_pool() -> ThreadPool:
    """The pool that synchronous code runs in, made when it is first needed."""
    global _pool
    if _pool is None:
        _pool = ThreadPool(_threads)
    return _pool
