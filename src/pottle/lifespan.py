"""The life of an application between start-up and shutdown: hooks around serving, background tasks.

What was started is undone in reverse order, completely, also when the start-up failed half-way; and
then it can be started again.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import Any, cast

from .ctx import clean_context
from .errors import ErrorCollector, SetupError
from .signals import got_serving_exception
from .sync import run_sync_iterable
from .threads import set_thread_limit
from .utils import cancel_tasks


class Lifespan:
    """Starts and stops one application, again and again if need be."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.background_tasks: set[asyncio.Task[Any]] = set()
        self._generators: list[AsyncGenerator[Any]] = []

    async def start(self) -> None:
        """Run all that has to run before the first request; undo it again if one of it fails."""
        app = self.app
        app.shutdown_event = app.event_class()
        if app.config["THREADS"] is not None:
            set_thread_limit(app.config["THREADS"])
        try:
            async with app.app_context():
                for function in list(app.before_serving_funcs):
                    await app.ensure_async(function)()
                for function in list(app.while_serving_funcs):
                    self._generators.append(await _begin(function))
            if app.mounts is not None:
                await app.mounts.start()
        except BaseException as error:
            await self._tell(error)
            errors = ErrorCollector("Errors while a failed start-up was undone")
            await self._undo(errors)
            for other in errors.errors:
                app.logger.error("Clean-up after the failed start-up failed too.", exc_info=other)
            raise

    def begin_shutdown(self) -> None:
        """Say that the server is about to stop: nothing long-lived may begin or go on."""
        app = self.app
        if not app.shutdown_event.is_set():
            app.shutdown_event.set()
            for exchange in list(app.live_exchanges):
                exchange.end()
            if app.mounts is not None:
                app.mounts.begin_shutdown()

    async def stop(self) -> None:
        """Let background tasks finish within their grace period and undo the start-up.

        Everything runs, whatever one part raises; the errors are raised at the end.
        """
        self.begin_shutdown()
        errors = ErrorCollector("Errors at shutdown")
        with errors:
            await self._finish_tasks()
        await self._undo(errors)
        try:
            errors.raise_collected()
        except Exception as error:
            await self._tell(error)
            raise

    async def _undo(self, errors: ErrorCollector) -> None:
        app = self.app
        if app.mounts is not None:
            await app.mounts.stop(errors)
        with errors:
            async with app.app_context():
                while self._generators:
                    generator = self._generators.pop()
                    with errors:
                        await _finish(generator)
                for function in reversed(list(app.after_serving_funcs)):
                    with errors:
                        await app.ensure_async(function)()

    async def _finish_tasks(self) -> None:
        """Wait for the tasks, and for those that they add, until the grace period is over."""
        try:
            async with asyncio.timeout(self.app.config["BACKGROUND_TASK_SHUTDOWN_TIMEOUT"]):
                while tasks := self._other_tasks():
                    await asyncio.wait(tasks)
        except TimeoutError:
            await cancel_tasks(self._other_tasks())

    def _other_tasks(self) -> set[asyncio.Task[Any]]:
        """Those still to be waited for; done ones stay in the set if an extension put them there."""
        running = {task for task in self.background_tasks if not task.done()}
        return running - {asyncio.current_task()}

    async def _tell(self, error: BaseException) -> None:
        if got_serving_exception.receivers:
            app = self.app
            await got_serving_exception.send_async(
                app, _sync_wrapper=app.ensure_async, exception=error
            )

    def add_background_task(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> asyncio.Task[None]:
        """Run *func* in a task of its own, in an app context; shutdown waits for it."""
        task = asyncio.get_running_loop().create_task(
            self._run(func, args, kwargs), context=clean_context()
        )
        self.background_tasks.add(task)
        task.add_done_callback(self.background_tasks.discard)
        return task

    async def _run(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        app = self.app
        async with app.app_context() as context:
            try:
                await app.ensure_async(func)(*args, **kwargs)
            except Exception as error:
                await app.handle_background_exception(context, error)


async def _begin(function: Callable[..., Any]) -> AsyncGenerator[Any]:
    """Run the generator *function* to its yield."""
    made: Any = function()
    if inspect.isgenerator(made):
        made = run_sync_iterable(cast("Iterable[Any]", made))
    if isinstance(made, AsyncGenerator):
        generator = cast("AsyncGenerator[Any]", made)
        async for _ in generator:  # only as far as the yield
            return generator
    elif inspect.iscoroutine(made):
        made.close()
    raise SetupError(
        f"while_serving needs a generator function with one yield, which "
        f"{getattr(function, '__name__', function)!r} is not: what stands before the yield "
        "runs at start-up, what stands behind it at shutdown."
    )


async def _finish(generator: AsyncGenerator[Any]) -> None:
    try:
        await anext(generator)
    except StopAsyncIteration:
        return
    await generator.aclose()
    raise SetupError("A while_serving function may yield only once; this one yielded again.")
