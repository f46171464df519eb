"""The life of an application between start-up and shutdown: hooks around serving, background tasks.

What was started is undone in reverse order, completely, also when the start-up failed half-way; and
then it can be started again. Nothing at shutdown is waited for without an end.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from .cleanup import CleanUp, Step
from .ctx import clean_context
from .errors import ErrorCollector, SetupError
from .signals import got_serving_exception
from .stacks import busy_threads, place_of_task
from .sync import run_sync_iterable
from .threads import POOL, set_thread_limit
from .utils import raise_task_exceptions


@dataclass(frozen=True)
class Times:
    """How many seconds a shutdown takes at most, part by part."""

    requests: float
    background: float
    cleanup: float

    @classmethod
    def of(cls, config: Any) -> Times:
        return cls(
            config["SHUTDOWN_TIMEOUT"],
            config["BACKGROUND_TASK_SHUTDOWN_TIMEOUT"],
            config["SHUTDOWN_CLEANUP_TIMEOUT"],
        )

    @property
    def patience(self) -> float:
        """How long what was cancelled may take to end; the clean-up is five of these."""
        return self.cleanup / 5

    @property
    def total(self) -> float:
        return self.requests + self.background + self.cleanup


class Lifespan:
    """Starts and stops one application, again and again if need be."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.background_tasks: set[asyncio.Task[Any]] = set()
        #: What did not end in its time, in sentences.
        self.overdue: list[str] = []
        #: Set when all of the last shutdown has run, even if part of it was left behind.
        self.finished = asyncio.Event()
        self._generators: list[tuple[AsyncGenerator[Any], Callable[..., Any]]] = []
        self._begun: float | None = None

    async def start(self) -> None:
        """Run all that has to run before the first request; undo it again if one of it fails."""
        app = self.app
        app.shutdown_event = app.event_class()
        self.overdue.clear()
        self.finished = asyncio.Event()
        self._begun = None
        if app.config["THREADS"] is not None:
            set_thread_limit(app.config["THREADS"])
        try:
            async with app.app_context():
                for function in list(app.before_serving_funcs):
                    await app.ensure_async(function)()
                for function in list(app.while_serving_funcs):
                    self._generators.append((await _begin(function), function))
            if app.mounts is not None:
                await app.mounts.start()
        except BaseException as error:
            await self._tell(error)
            errors = ErrorCollector("Errors while a failed start-up was undone")
            times = Times.of(app.config)
            await self._undo(errors, time.monotonic() + times.cleanup, times.patience)
            for other in errors.errors:
                app.logger.error("Clean-up after the failed start-up failed too.", exc_info=other)
            raise

    def begin_shutdown(self) -> None:
        """Say that the server is about to stop: nothing long-lived may begin or go on."""
        app = self.app
        if self._begun is None:
            self._begun = time.monotonic()
        if not app.shutdown_event.is_set():
            app.shutdown_event.set()
            for exchange in list(app.live_exchanges):
                exchange.end()
            if app.mounts is not None:
                app.mounts.begin_shutdown()

    async def stop(self) -> None:
        """Let background tasks finish within their grace period and undo the start-up.

        Everything runs, whatever one part raises and whether it ends; the errors are raised at the
        end. All of it, from `begin_shutdown` on, takes no longer than the three time-outs of the
        configuration together, and the clean-up has what is left of them.
        """
        self.begin_shutdown()
        times = Times.of(self.app.config)
        errors = ErrorCollector("Errors at shutdown")
        least = time.monotonic() + times.background + 2 * times.patience
        end = max((self._begun or 0) + times.total - times.patience, least)
        with errors:
            await self._finish_tasks(times)
        await self._undo(errors, end, times.patience)
        try:
            errors.raise_collected()
        except Exception as error:
            await self._tell(error)
            raise

    async def _undo(self, errors: ErrorCollector, end: float, patience: float) -> None:
        app = self.app
        steps: list[Step] = []
        if app.mounts is not None:
            steps.append((partial(app.mounts.stop, errors), app.mounts.stop))
        while self._generators:
            generator, function = self._generators.pop()
            steps.append((partial(_finish, generator), function))
        functions = reversed(list(app.after_serving_funcs))
        steps.extend((app.ensure_async(function), function) for function in functions)
        cleanup = CleanUp(steps, end, patience, errors, self._report, self.finished)
        with errors:
            async with app.app_context():
                await cleanup.run()

    def _report(self, sentence: str) -> None:
        self.overdue.append(sentence)
        self.app.logger.error(sentence)

    async def _finish_tasks(self, times: Times) -> None:
        """Wait for the tasks, and for those that they add, until the grace period is over."""
        try:
            async with asyncio.timeout(times.background):
                while tasks := self._other_tasks():
                    await asyncio.wait(tasks)
        except TimeoutError:
            if not (tasks := self._other_tasks()):
                return
            for task in tasks:
                task.cancel()
            done, stuck = await asyncio.wait(tasks, timeout=times.patience)
            for task in stuck:
                place = place_of_task(task) or next(iter(busy_threads(POOL)), task.get_name())
                self._report(
                    "A background task did not end when it was cancelled at shutdown, and is left"
                    f" behind. It is at {place}."
                )
            raise_task_exceptions(done)
            if stuck:
                raise TimeoutError(self.overdue[-1]) from None

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
