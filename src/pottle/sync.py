"""Where synchronous code runs, and how it waits for asynchronous code.

Synchronous functions run in a pool of threads (`threads`), sized by the application, and context
variables travel there *and back*: what a synchronous hook sets, the view sees. Code that runs there is
in a *world*, by which it can wait for the event loop. The Flask bridge adds a world of another kind.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator, Iterable
from concurrent.futures import CancelledError as ThreadCancelledError
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import Context, copy_context
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast, overload

from .active import current
from .threads import Call, ThreadPool, thread_pool
from .utils import is_async, mark_coroutine_function

P = ParamSpec("P")
T = TypeVar("T")
AsyncFunc = Callable[..., Coroutine[Any, Any, Any]]

_END: Any = object()


# Worlds.


class World:
    """Where synchronous code runs, and what it waits by."""

    #: Code of the application is running, to which a step of the engine has to look like a plain
    #: call; otherwise the engine itself is.
    plain = False
    #: What the engine calls here of synchronous code, it calls right here.
    direct = True

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Have the event loop run *coroutine*, and give its result when it has one."""
        raise NotImplementedError

    def call(self, func: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call *func*, which is code of the application."""
        before, self.plain = self.plain, True
        try:
            return func(*args, **kwargs)
        finally:
            self.plain = before

    def step(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run *coroutine*, a step of the engine, to its end.

        It never has to wait itself: what it calls is called right here, or waited for (`in_world`).
        """
        before, self.plain = self.plain, False
        try:
            coroutine.send(None)
        except StopIteration as done:
            return cast("T", done.value)
        finally:
            self.plain = before
        coroutine.close()
        raise RuntimeError(
            f"{coroutine!r} had to wait for the event loop in the middle of synchronous code. Use"
            " app.ensure_sync(), which waits for a coroutine function in any synchronous code."
        )


class Thread(World):
    """A thread of *pool*, working for *loop*."""

    def __init__(self, loop: asyncio.AbstractEventLoop, pool: ThreadPool) -> None:
        self.loop = loop
        self.pool = pool
        #: What the thread waits for, if it does.
        self.waiting: Future[Any] | None = None

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        future = asyncio.run_coroutine_threadsafe(_for_thread(coroutine), self.loop)
        self.waiting = future
        try:
            with self.pool.aside():
                outcome, context = future.result()
        except ThreadCancelledError:
            raise asyncio.CancelledError("What was waited for has been cancelled.") from None
        finally:
            self.waiting = None
        _bring_back(context)
        return outcome


class Here(World):
    """A thread in which no event loop runs: one is made for what there is to wait for."""

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        if is_loop_running():
            name = getattr(coroutine, "__qualname__", repr(coroutine))
            coroutine.close()
            raise RuntimeError(
                f"{name!r} cannot be waited for on the thread of the event loop: await it instead."
            )
        outcome, context = asyncio.run(_with_context(coroutine))
        _bring_back(context)
        return outcome


class _Worlds(threading.local):
    current: World | None = None


_worlds = _Worlds()
#: Finds worlds of other kinds.
finders: list[Callable[[], World | None]] = []


def find_world() -> World | None:
    """The world that this code runs in; None on an event loop, and where nothing was set going."""
    for find in finders:
        world = find()
        if world is not None:
            return world
    return _worlds.current


@contextmanager
def working_for(loop: asyncio.AbstractEventLoop) -> Generator[None]:
    """Let code in this thread of the pool, started by another library, wait for *loop*."""
    before, _worlds.current = _worlds.current, Thread(loop, thread_pool())
    _worlds.current.plain = True
    try:
        yield
    finally:
        _worlds.current = before


def in_world(func: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Any]:
    """The coroutine function *func* for a step of the engine that may run in a world: it waits there."""

    @wraps(func)
    async def awaited(*args: Any, **kwargs: Any) -> Any:
        world = find_world()
        if world is None or not world.direct:
            return await func(*args, **kwargs)
        return world.wait(func(*args, **kwargs))

    return awaited


def run_step(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run *coroutine*, a step of the engine, from synchronous code, wherever that runs."""
    world = find_world()
    if world is not None:
        return world.step(coroutine)
    world = _worlds.current = Here()
    try:
        return world.step(coroutine)
    finally:
        _worlds.current = None


def waiting(asynchronous: Callable[..., AsyncFunc]) -> Callable[..., AsyncFunc]:
    """*asynchronous* for endpoints whose whole exchange runs in a world of synchronous code."""

    def make(func: Callable[..., Any]) -> AsyncFunc:
        return in_world(func) if is_async(func) else asynchronous(func)

    return make


def overriding(func: Callable[..., Any], asynchronous: Callable[..., AsyncFunc]) -> AsyncFunc:
    """*func*, which takes the place of a step of the engine, as one that is given the context first.

    A plain function may be spelled without it, as in Flask.
    """
    step = asynchronous(func) if is_async(func) else run_sync(func)
    if is_async(func) or _takes_context(func):
        return step

    async def without_context(context: Any, *args: Any, **kwargs: Any) -> Any:
        return await step(*args, **kwargs)

    return without_context


def _takes_context(func: Callable[..., Any]) -> bool:
    """Whether the plain override *func* is spelled with the context in front: by that name."""
    try:
        parameters = list(inspect.signature(func).parameters)
    except (TypeError, ValueError):
        return False
    return bool(parameters) and parameters[0] in {"ctx", "context", "_ctx"}


def plain_in_world(
    method: Callable[P, Coroutine[Any, Any, T]],
) -> Callable[P, Coroutine[Any, Any, T]]:
    """Let synchronous code that Pottle runs call a coroutine function as a plain one."""

    @wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> Any:
        coroutine = method(*args, **kwargs)
        world = find_world()
        return coroutine if world is None or not world.plain else world.step(coroutine)

    return mark_coroutine_function(call)


async def _with_context(coroutine: Coroutine[Any, Any, T]) -> tuple[T, Context]:
    return await coroutine, copy_context()


async def _for_thread(coroutine: Coroutine[Any, Any, T]) -> tuple[T, Context]:
    """As `_with_context`, for a thread that waits: meanwhile its exchange can be cancelled."""
    inbox = _inbox_to_watch()
    if inbox is None:
        return await _with_context(coroutine)
    inbox.interrupt = True
    if inbox.sweep is None:
        inbox.enter_sweep()
    try:
        return await _with_context(coroutine)
    finally:
        inbox.interrupt = False


def _inbox_to_watch() -> Any:
    """That of the current exchange, if it is not watched only because its code is in a thread."""
    context = current.get(None)
    route = getattr(context, "route", None)
    inbox: Any = getattr(context, "inbox", None)
    if inbox is None or route is None or inbox.interrupt or not route.interrupts_waiting:
        return None
    return inbox


def _bring_back(context: Context) -> None:
    for variable, value in context.items():
        if variable.get(_END) is not value:
            variable.set(value)


def is_loop_running() -> bool:
    """Whether an event loop runs in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


# Threads.


async def call_in_thread(func: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run ``func(*args, **kwargs)`` in the pool, with this task's context variables.

    Variables that *func* sets are set here afterwards. If the waiting task is cancelled it goes on
    waiting until *func* has ended, since a thread cannot be stopped and what it uses must not be
    cleaned up under it; then the cancellation goes on its way.
    """
    world = find_world()
    if world is not None and world.direct:
        return world.call(func, *args, **kwargs)
    result: T = await _in_thread(lambda world: world.call(func, *args, **kwargs))
    return result


async def step_in_thread(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run *coroutine*, a step of the engine, in the pool, as `call_in_thread` runs a function."""
    world = find_world()
    if world is not None and world.direct:
        return await coroutine
    result: T = await _in_thread(lambda world: world.step(coroutine))
    return result


async def _in_thread(work: Callable[[World], Any]) -> Any:
    context = copy_context()
    loop = asyncio.get_running_loop()
    pool = thread_pool()
    world = Thread(loop, pool)
    call = pool.submit(_work, work, world, context)
    if call.queued:
        _watch_until_begun(call)
    future = asyncio.wrap_future(call, loop=loop)
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.shield(future)
        except asyncio.CancelledError as error:
            if future.cancelled() or call.cancel():
                raise  # it had not begun
            if world.waiting is not None:
                world.waiting.cancel()
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
    return outcome


def _watch_until_begun(call: Call[Any]) -> None:
    """Have the exchange that *call* waits for its turn in end when its client leaves before.

    Otherwise it could not be cancelled. Those who have left must not stand in line before others.
    """
    inbox = _inbox_to_watch()
    if inbox is None:
        return
    inbox.interrupt = True
    if inbox.sweep is None:
        inbox.enter_sweep()
    loop = asyncio.get_running_loop()
    call.begins = lambda: loop.call_soon_threadsafe(setattr, inbox, "interrupt", False)


class _Stopped:
    """A StopIteration on its way through a future, which refuses to hold one."""

    def __init__(self, error: StopIteration) -> None:
        self.error = error


def _work(work: Callable[[World], Any], world: World, context: Context) -> Any:
    _worlds.current = world
    try:
        return context.run(work, world)
    except StopIteration as error:
        return _Stopped(error)
    finally:
        _worlds.current = None


@overload
def run_sync(
    func: Callable[P, Generator[T, Any, Any]],
) -> Callable[P, Coroutine[Any, Any, AsyncGenerator[T]]]: ...


@overload
def run_sync(func: Callable[P, T]) -> Callable[P, Coroutine[Any, Any, T]]: ...


def run_sync(func: Callable[P, Any]) -> Callable[P, Any]:
    """Make *func* awaitable: each call runs in a thread of the pool, context variables and all.

    A generator function gives an async generator instead, iterated in threads within one context.
    Raises `RuntimeError` if *func* is a coroutine function already.
    """
    if is_async(func):
        raise RuntimeError(f"{func!r} is a coroutine function already: await it directly.")

    @wraps(func)
    async def in_thread(*args: P.args, **kwargs: P.kwargs) -> Any:
        result: Any = await call_in_thread(func, *args, **kwargs)
        world = find_world()
        if world is not None and world.direct:
            return world.wait(result) if inspect.iscoroutine(result) else result
        if inspect.iscoroutine(result):
            # A plain wrapper around a coroutine function: what it made still has to be awaited.
            return await result
        if inspect.isgenerator(result):
            return run_sync_iterable(cast("Iterable[Any]", result))
        return result

    return in_thread


def async_to_sync(func: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Make the coroutine function *func* a plain one, for synchronous code.

    In synchronous code that Pottle runs it is run on the event loop, while the thread waits; context
    variables travel there and back. Where no loop runs it gets one of its own. On the thread of a
    running loop, which cannot wait for itself, a call raises `RuntimeError`.
    """

    @wraps(func)
    def waiting(*args: P.args, **kwargs: P.kwargs) -> T:
        return (find_world() or Here()).wait(func(*args, **kwargs))

    return waiting


def await_sync(awaitable: Awaitable[T]) -> T:
    """Wait for *awaitable* in synchronous code, and give its result.

    In synchronous code that Pottle runs it is awaited on the event loop; where no loop runs it gets one
    of its own. On the thread of a running loop, which cannot wait for itself, `RuntimeError`.
    """
    world = find_world() or Here()
    return world.wait(_awaiting(awaitable))


async def _awaiting(awaitable: Awaitable[T]) -> T:
    return await awaitable


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
