"""Waiting for what a server has begun, step by step: so that it can be given up, or bounded.

An awaitable is an iterator: each step gives what it waits for, which the event loop has to see, and
the last one ends with the result. Who takes the first step by hand knows at no cost whether there is
anything to wait for.
"""

from __future__ import annotations

import asyncio
import types
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import asynccontextmanager
from contextvars import Context
from typing import Any


class Shielded:
    """Stands for *future* in a task that waits for it: cancelling the task leaves the future alone.

    As `asyncio.shield`, without another turn of the event loop. It is a future in the way of
    `asyncio.isfuture`, which is all that a task asks for.
    """

    __slots__ = ("_asyncio_future_blocking", "_callback", "_context", "_future")

    def __init__(self, future: Any) -> None:
        self._future = future
        future._asyncio_future_blocking = False  # a task does so when it begins to wait
        self._asyncio_future_blocking = True
        self._callback: Callable[[Any], object] | None = None
        self._context: Context | None = None

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """The event loop of the future."""
        loop: asyncio.AbstractEventLoop = self._future.get_loop()
        return loop

    def done(self) -> bool:
        """Whether the future has a result."""
        return bool(self._future.done())

    def add_done_callback(
        self, callback: Callable[[Any], object], *, context: Context | None = None
    ) -> None:
        """Wake the task by *callback* when the future is done."""
        self._callback, self._context = callback, context
        self._future.add_done_callback(callback, context=context)

    def remove_done_callback(self, callback: Callable[[Any], object]) -> int:
        """Do not wake the task; gives how many callbacks that were."""
        self._callback = None
        return int(self._future.remove_done_callback(callback))

    def cancel(self, msg: Any = None) -> bool:
        """Wake the task with a cancellation, in place of what the future brings."""
        callback = self._callback
        if callback is None or self._future.done():
            return False
        self.remove_done_callback(callback)
        cancelled: asyncio.Future[None] = self.get_loop().create_future()
        cancelled.cancel(msg)
        cancelled.add_done_callback(callback, context=self._context)
        return True


@asynccontextmanager
async def time_limit(seconds: float | None) -> AsyncGenerator[asyncio.Timeout]:
    """As `asyncio.timeout`, but out of the context of whoever waits.

    An event loop keeps a timer that was cancelled until its time has come, and a timer its context.
    """
    async with asyncio.timeout(None) as limit:
        if seconds is not None:
            Context().run(limit.reschedule, asyncio.get_running_loop().time() + seconds)
        yield limit


def _cancel(iterator: Iterator[Any], waiting: Any, error: BaseException) -> Any:
    """Raise *error* in an awaitable that waits for *waiting*; gives what it waits for then."""
    throw = getattr(iterator, "throw", None)
    if throw is None:  # of a compiled server
        waiting.cancel()
        raise error
    return throw(error)


@types.coroutine
def go_on(iterator: Iterator[Any], waiting: Any) -> Generator[Any, Any, Any]:
    """The rest of an awaitable whose first step has given *waiting*."""
    try:
        while True:
            try:
                yield waiting
            except BaseException as error:
                waiting = _cancel(iterator, waiting, error)
            else:
                waiting = next(iterator)
    except StopIteration as done:
        return done.value


@types.coroutine
def go_on_to_the_end(
    iterator: Iterator[Any], waiting: Any, deadline: float | None
) -> Generator[Any, Any, Any]:
    """As `go_on`, but who is cancelled waits on, until *deadline* at most, and is cancelled then.

    *deadline* is in the time of the event loop; None stands for never.
    """
    loop = asyncio.get_running_loop()
    cancelled: asyncio.CancelledError | None = None
    try:
        while True:
            try:
                yield None if waiting is None else Shielded(waiting)
            except asyncio.CancelledError as error:
                if deadline is not None and loop.time() >= deadline:
                    waiting = _cancel(iterator, waiting, error)
                    continue
                cancelled = error
                if waiting is not None:
                    continue
            waiting = next(iterator)
    except StopIteration as done:
        if cancelled is not None:
            raise cancelled from None
        return done.value
