"""Run a command inside the application's context: plain functions and coroutine functions alike.

One event loop serves the whole command, but it only runs while something is awaited: a plain
command may start an event loop of its own.
"""

from __future__ import annotations

import asyncio
import inspect
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pottle.cli.info import ScriptInfo

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from pottle.app import Pottle

T = TypeVar("T")


class AppRunner:
    """A context manager: an event loop, with the context of *app* pushed for all that runs in it."""

    def __init__(self, app: Pottle) -> None:
        self.app = app
        self._loop = asyncio.Runner()
        self._context = copy_context()
        self._app_context = app.app_context()

    def __enter__(self) -> AppRunner:
        self._context.run(_inside.set, self)
        self.finish(self._app_context.__aenter__())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        with self._loop:
            self.finish(self._app_context.__aexit__(kind, error, tb))

    def call(self, func: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Call *func* in the context, and await what it returns if that can be awaited."""
        return self.finish(self._context.run(func, *args, **kwargs))

    def finish(self, result: Any) -> Any:
        """Await *result* in the context if it can be awaited; else it is the result already."""
        if not inspect.isawaitable(result):
            return result
        # A context that we are in cannot be entered once more: a copy shares what is in it.
        nested = _inside.get(None) is self
        return self._loop.run(_awaited(result), context=copy_context() if nested else self._context)


_inside: ContextVar[AppRunner] = ContextVar("pottle.cli.runner")


async def _awaited(awaitable: Awaitable[T]) -> T:
    return await awaitable


def with_appcontext(func: Callable[..., Any] | None = None) -> Any:
    """Decorate a click callback, which may be a coroutine function, to run in the app's context.

    `app.cli.command()` does so by itself; this is for commands made with click alone. A command
    that is invoked by another one runs in the context that is there.
    """
    if func is None:
        return with_appcontext
    inner = func

    @click.pass_context
    def in_context(ctx: click.Context, /, *args: Any, **kwargs: Any) -> Any:
        app = ctx.ensure_object(ScriptInfo).load_app()
        running = _inside.get(None)
        if running is not None and running.app is app:
            result = ctx.invoke(inner, *args, **kwargs)
            return result if _loop_runs() else running.finish(result)

        def run() -> Any:
            with ctx.scope(cleanup=False), AppRunner(app) as runner:
                return runner.call(ctx.invoke, inner, *args, **kwargs)

        return outside_of_loop(run)

    return update_wrapper(in_context, inner)


def run_coroutine_command(func: Callable[..., Any]) -> Callable[..., Any]:
    """Make a coroutine function one that click can call: it runs in an event loop of its own."""

    def run(*args: Any, **kwargs: Any) -> Any:
        return outside_of_loop(lambda: asyncio.run(func(*args, **kwargs)))

    return update_wrapper(run, func)


def outside_of_loop(call: Callable[[], T]) -> T:
    """Call *call* where no event loop runs: in a thread if one does here (in an async test, say)."""
    if not _loop_runs():
        return call()
    with ThreadPoolExecutor(1, thread_name_prefix="pottle-cli") as pool:
        return pool.submit(copy_context().run, call).result()


def _loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
