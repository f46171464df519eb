"""Where synchronous code runs, and other small tools without a home of their own.

Synchronous functions run in a pool of threads of our own, sized by the application, and context
variables travel there *and back*: what a synchronous hook sets, the view sees.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from functools import partial, wraps
from opcode import opmap
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

from werkzeug.datastructures import Headers

P = ParamSpec("P")
T = TypeVar("T")

DEFAULT_THREADS = min(32, (os.cpu_count() or 1) + 4)
_END: Any = object()
_SEND = opmap.get("SEND")  # of CPython

_pool: ThreadPoolExecutor | None = None
_threads = DEFAULT_THREADS
#: In a thread of the pool: `loop` is the event loop that waits for it.
_waiting = threading.local()


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


def thread_pool() -> ThreadPoolExecutor:
    """The pool that synchronous code runs in, made when it is first needed."""
    global _pool
    if _pool is None:
        _pool = ThreadPoolExecutor(_threads, thread_name_prefix="pottle")
    return _pool


async def call_in_thread(func: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run ``func(*args, **kwargs)`` in the pool, with this task's context variables.

    Variables that *func* sets are set here afterwards. If the waiting task is cancelled it goes on
    waiting until *func* has ended, since a thread cannot be stopped and what it uses must not be
    cleaned up under it; then the cancellation goes on its way.
    """
    context = copy_context()
    call = partial(context.run, func, *args, **kwargs)
    loop = asyncio.get_running_loop()
    future = loop.run_in_executor(thread_pool(), _without_stop, loop, call)
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.shield(future)
        except asyncio.CancelledError as error:
            if future.cancelled():
                raise
            cancelled = error
        except BaseException:  # noqa: S110 - the result below raises it again
            pass
    _bring_back(context)
    if cancelled is not None:
        if not future.cancelled():
            future.exception()  # seen: asyncio must not report it as never retrieved
        raise cancelled
    outcome = future.result()
    if isinstance(outcome, _Stopped):
        raise outcome.error
    return cast("T", outcome)


class _Stopped:
    """A StopIteration on its way through a future, which refuses to hold one."""

    def __init__(self, error: StopIteration) -> None:
        self.error = error


def _without_stop(loop: asyncio.AbstractEventLoop, call: Callable[[], Any]) -> Any:
    _waiting.loop = loop
    try:
        return call()
    except StopIteration as error:
        return _Stopped(error)
    finally:
        del _waiting.loop


def _bring_back(context: Context) -> None:
    for variable, value in context.items():
        if variable.get(_END) is not value:
            variable.set(value)


if sys.version_info >= (3, 12):
    hands_on = inspect.markcoroutinefunction
else:

    def hands_on(
        func: Callable[[T, Any, Any, Any], Coroutine[Any, Any, None]],
    ) -> Callable[[T, Any, Any, Any], Coroutine[Any, Any, None]]:
        """Make an ASGI method that hands on a coroutine a coroutine function to whoever looks."""

        # The same arguments: servers try whether an application is a factory by calling it without.
        @wraps(func)
        async def await_it(self: T, scope: Any, receive: Any, send: Any) -> None:
            await func(self, scope, receive, send)

        return await_it


def is_async(func: Callable[..., Any]) -> bool:
    """Whether calling *func* gives a coroutine: through partials, and for callable objects too."""
    while isinstance(func, partial):
        func = func.func
    return inspect.iscoroutinefunction(func) or inspect.iscoroutinefunction(
        getattr(func, "__call__", None)  # noqa: B004 - not whether, but how it is called
    )


def may_suspend(func: Callable[..., Any]) -> bool:
    """Whether calling the coroutine function *func* may take more than one step.

    It cannot where no `await` is in its code. In doubt the answer is yes.
    """
    code = getattr(func, "__code__", None)
    # Every `await`, `async for` and `async with` sends to what it waits for. Other bytes that look
    # the same are data, and at worst put in doubt what was certain.
    if code is None or _SEND is None or not code.co_flags & inspect.CO_COROUTINE:
        return True
    return _SEND in code.co_code


def run_sync(func: Callable[P, T]) -> Callable[P, Any]:
    """Make *func* awaitable: each call runs in a thread of the pool, context variables and all.

    A generator function gives an async generator instead, iterated in threads within one context.
    Raises `RuntimeError` if *func* is a coroutine function already.
    """
    if is_async(func):
        raise RuntimeError(f"{func!r} is a coroutine function already: await it directly.")

    @wraps(func)
    async def in_thread(*args: P.args, **kwargs: P.kwargs) -> Any:
        result: Any = await call_in_thread(func, *args, **kwargs)
        if inspect.isgenerator(result):
            return run_sync_iterable(cast("Iterable[Any]", result))
        if inspect.iscoroutine(result):
            # A plain wrapper around a coroutine function: what it made still has to be awaited.
            return await result
        return result

    return in_thread


def async_to_sync(func: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Make the coroutine function *func* a plain one, for synchronous code.

    In synchronous code that Pottle runs it is run on the event loop, while the thread waits; context
    variables travel there and back. Where no loop runs it gets one of its own. On the thread of a
    running loop, which cannot wait for itself, a call raises `RuntimeError`.
    """

    async def result(*args: P.args, **kwargs: P.kwargs) -> tuple[T, Context]:
        return await func(*args, **kwargs), copy_context()

    @wraps(func)
    def waiting(*args: P.args, **kwargs: P.kwargs) -> T:
        loop = getattr(_waiting, "loop", None)
        if loop is not None:
            future = asyncio.run_coroutine_threadsafe(result(*args, **kwargs), loop)
            outcome, context = future.result()
        elif _is_loop_running():
            raise RuntimeError(
                f"{func!r} cannot be waited for on the thread of the event loop: await it instead."
            )
        else:
            outcome, context = asyncio.run(result(*args, **kwargs))
        _bring_back(context)
        return outcome

    return waiting


def _is_loop_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def run_sync_iterable(iterable: Iterable[T]) -> AsyncGenerator[T]:
    """Iterate *iterable* in threads, one step at a time, all steps in the caller's context."""
    iterator = iter(iterable)
    try:
        while (item := await call_in_thread(next, iterator, _END)) is not _END:
            yield item
    finally:
        close = getattr(iterator, "close", None)
        if close is not None:
            await call_in_thread(close)


#: What the names of environment variables begin with; of several, the first one that is set counts.
ENVIRONMENT_PREFIXES = ["POTTLE"]


def environment(name: str) -> str:
    """The environment variable ``POTTLE_`` *name*; empty where it is not set."""
    for prefix in ENVIRONMENT_PREFIXES:
        value = os.environ.get(f"{prefix}_{name}")
        if value:
            return value
    return ""


def file_path_to_path(*paths: str | os.PathLike[str]) -> Path:
    """Join *paths* to one `pathlib.Path`."""
    return Path(*paths)


def encode_headers(headers: Headers | Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """Headers as ASGI wants them: lower-case names, both parts as bytes.

    RFC 9110 section 5.5 leaves the meaning of other bytes than those of ASCII open; browsers take
    those in a `Location` or a file name for UTF-8.
    """
    return [(name.lower().encode(), value.encode()) for name, value in headers]


def checked_headers(pairs: list[tuple[str, str]]) -> Headers:
    """Headers of *pairs* that are known to have no line break in them. The list is used itself."""
    # PERF: going through `Headers.add` costs more than all the rest of making headers (bench: hooks).
    headers = Headers()
    headers._list = pairs  # pyright: ignore[reportPrivateUsage]  # the reason is given above
    return headers


def decode_headers(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Headers from an ASGI message, names in title case as Flask shows them."""
    # A server has checked what it read.
    return checked_headers(
        [(str(name, "latin-1").title(), str(value, "latin-1")) for name, value in headers]
    )


def find_header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str | None:
    """The first value of the header *name*, given in lower case as ASGI has them; None without."""
    for key, value in headers:
        if key == name:
            return str(value, "latin-1")
    return None


async def cancel_tasks(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel *tasks*, wait for all of them, and raise the first error one ended with."""
    pending = set(tasks)
    for task in pending:
        task.cancel()
    if pending:
        await asyncio.wait(pending)
    raise_task_exceptions(pending)


def raise_task_exceptions(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Raise the first error that one of the finished *tasks* ended with; a cancellation is none."""
    for task in tasks:
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error
