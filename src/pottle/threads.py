"""The pool of threads for synchronous code: so many work at once, and who waits steps aside.

A thread that waits for the event loop does not count as working. Otherwise all threads could be waiting
for something that itself waits for a thread.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from functools import partial
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

DEFAULT_THREADS = min(32, (os.cpu_count() or 1) + 4)

#: What the names of the threads begin with.
POOL = "pottle_"

_pool: ThreadPool | None = None
_threads = DEFAULT_THREADS


class Call(Future[T]):
    """A call in the pool, and the future of its result."""

    #: Whether it has to wait for its turn, and what is to be called when that comes.
    queued = False
    begins: Callable[[], object] | None = None

    def __init__(self, function: Callable[[], T]) -> None:
        super().__init__()
        self._function: Callable[[], T] | None = function
        self._outcome: Callable[[], None] | None = None

    def run(self) -> None:
        """Call, unless it was cancelled meanwhile. Nobody is told of the result yet."""
        function, self._function = self._function, None
        if function is None or not self.set_running_or_notify_cancel():
            return
        try:
            if self.begins is not None:
                self.begins()
            self._outcome = partial(self.set_result, function())
        except BaseException as error:
            self._outcome = partial(self.set_exception, error)

    def tell(self) -> None:
        """Tell whoever waits what came of it."""
        outcome, self._outcome = self._outcome, None
        if outcome is not None:
            outcome()


class _Worker:
    """One thread, which does the calls that it is handed, one after the other."""

    def __init__(self, pool: ThreadPool, number: int) -> None:
        self._pool = pool
        self._handed: SimpleQueue[Call[Any] | None] = SimpleQueue()
        # A daemon: while it has nothing to do it must not hold up the end of the process.
        Thread(target=self._run, name=f"{POOL}{number}", daemon=True).start()

    def hand(self, call: Call[Any] | None) -> None:
        """Have *call* done; None ends the thread."""
        self._handed.put(call)

    def _run(self) -> None:
        while (call := self._handed.get()) is not None:
            while call is not None:
                call = self._do(call)

    def _do(self, call: Call[Any]) -> Call[Any] | None:
        """Do *call*, and give the one to do next.

        The thread is free before anybody learns of the result, so that what follows runs in it again.
        """
        call.run()
        following = self._pool.take(self)
        call.tell()
        return following


class ThreadPool(Executor):
    """At most *limit* calls work at once; the others wait their turn.

    The thread that became free last is used first, so that calls which follow one another run in one.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._lock = Lock()
        self._free: list[_Worker] = []
        self._made = 0
        self._working = 0
        self._queue: deque[Call[Any]] = deque()
        self._closed = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Call[T]:
        """Call *fn* in a thread; gives the future of its result."""
        call = Call(partial(fn, *args, **kwargs))
        with self._lock:
            if self._working >= self.limit:
                call.queued = True
                self._queue.append(call)
                return call
            worker = self._worker()
            if worker is None:
                if not self._working:
                    raise RuntimeError(
                        "No thread can be started for synchronous code: the system allows no more of them"
                        " (`ulimit -u`, TasksMax of systemd, or pids.max of a container)."
                    )
                call.queued = True
                self._queue.append(call)
                return call
            self._working += 1
        worker.hand(call)
        return call

    def _worker(self) -> _Worker | None:
        """A thread that has nothing to do, None if the system has no more; the lock is held."""
        if self._free:
            return self._free.pop()
        try:
            worker = _Worker(self, self._made + 1)
        except RuntimeError:
            return None
        self._made += 1
        return worker

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the threads; what was submitted is still done."""
        with self._lock:
            self._closed = True
            free, self._free = self._free, []
        for worker in free:
            worker.hand(None)

    @contextmanager
    def aside(self) -> Generator[None]:
        """Let another call work while the one in this thread waits."""
        with self._lock:
            call = self._next()
            worker = None if call is None else self._worker()
            if call is not None and worker is None:
                # It stays at the head of the queue until a thread is free.
                self._queue.appendleft(call)
                self._working -= 1
        if worker is not None:
            worker.hand(call)
        try:
            yield
        finally:
            with self._lock:
                self._working += 1  # one too many at worst, until a call ends

    def take(self, worker: _Worker) -> Call[Any] | None:
        """What *worker* is to do next; None: nothing, it is free."""
        with self._lock:
            call = self._next()
            if call is None:
                if self._closed or len(self._free) >= self.limit:  # others stood aside for a while
                    worker.hand(None)
                else:
                    self._free.append(worker)
            return call

    def _next(self) -> Call[Any] | None:
        """What waits to be done in the place of a call that works no longer; the lock is held."""
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
