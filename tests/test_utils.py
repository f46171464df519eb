"""Running synchronous code: in threads, with the context variables, however it ends."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar
from functools import partial, wraps
from pathlib import Path

import pytest
from werkzeug.datastructures import Headers

from pottle import Pottle
from pottle.sync import async_to_sync, call_in_thread, run_sync, run_sync_iterable
from pottle.threads import DEFAULT_THREADS, set_thread_limit, thread_pool
from pottle.utils import (
    cancel_tasks,
    decode_headers,
    encode_headers,
    file_path_to_path,
    is_async,
    may_suspend,
    raise_task_exceptions,
)

colour: ContextVar[str] = ContextVar("colour", default="unset")


async def coroutine_function():
    return "async"


class Asynchronous:
    async def __call__(self):
        return "async"


class Synchronous:
    def __call__(self):
        return "sync"


class TestIsAsync:
    @pytest.mark.parametrize(
        ("func", "expected"),
        [
            (coroutine_function, True),
            (partial(coroutine_function), True),
            (partial(partial(coroutine_function)), True),
            (Asynchronous(), True),
            (partial(Asynchronous()), True),
            (Asynchronous().__call__, True),
            (Synchronous(), False),
            (partial(Synchronous()), False),
            (lambda: coroutine_function(), False),
            (print, False),
            (Synchronous, False),
        ],
    )
    def test_is_known_before_the_call(self, func, expected):
        assert is_async(func) is expected


class TestCallInThread:
    async def test_arguments_and_result(self):
        assert await call_in_thread(lambda a, *, b: a + b, 1, b=2) == 3
        name = await call_in_thread(lambda: threading.current_thread().name)
        assert name.startswith("pottle")

    async def test_variables_go_there_and_come_back(self):
        colour.set("red")

        def paint():
            seen = colour.get()
            colour.set("blue")
            return seen

        assert await call_in_thread(paint) == "red"
        assert colour.get() == "blue"

    async def test_variables_come_back_from_a_failure_too(self):
        def paint():
            colour.set("green")
            raise LookupError

        with pytest.raises(LookupError):
            await call_in_thread(paint)
        assert colour.get() == "green"

    @pytest.mark.parametrize("error", [LookupError("x"), KeyboardInterrupt(), SystemExit(3)])
    async def test_errors_of_any_kind(self, error):
        def fail():
            raise error

        with pytest.raises(type(error)) as info:
            await call_in_thread(fail)
        assert info.value is error

    async def test_stop_iteration(self):
        with pytest.raises(RuntimeError, match="StopIteration"):
            await call_in_thread(next, iter(()))

    @pytest.mark.parametrize("fails", [False, True])
    async def test_a_cancellation_waits_for_the_thread(self, fails):
        """Nothing that a thread uses may be cleaned up under it."""
        seen, go, started = [], threading.Event(), threading.Event()

        def work():
            started.set()
            assert go.wait(5)
            seen.append("work")
            if fails:
                raise LookupError("nobody waits for this any more")

        async def view():
            try:
                await call_in_thread(work)
            finally:
                seen.append("clean-up")

        task = asyncio.create_task(view())
        while not started.is_set():
            await asyncio.sleep(0)
        for _ in range(3):  # however often
            task.cancel()
            await asyncio.sleep(0)
        assert seen == []
        go.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert seen == ["work", "clean-up"]


class TestAsyncToSync:
    async def test_runs_on_the_loop_that_waits_for_the_thread(self):
        loops = [asyncio.get_running_loop()]

        async def work(a, *, b):
            loops.append(asyncio.get_running_loop())
            await asyncio.sleep(0)
            return a + b

        assert await call_in_thread(async_to_sync(work), 1, b=2) == 3
        assert loops[0] is loops[1]

    async def test_context_variables_travel_there_and_back(self):
        async def repaint():
            seen = colour.get()
            colour.set("green")
            return seen

        def work():
            colour.set("red")
            return async_to_sync(repaint)(), colour.get()

        assert await call_in_thread(work) == ("red", "green")

    async def test_errors_come_through(self):
        async def fail():
            raise ValueError("in the coroutine")

        with pytest.raises(ValueError, match="in the coroutine"):
            await call_in_thread(async_to_sync(fail))

    def test_makes_a_loop_where_none_runs(self):
        assert async_to_sync(coroutine_function)() == "async"

    async def test_refuses_to_block_the_loop(self):
        with pytest.raises(RuntimeError, match="cannot be waited for on the thread of the event"):
            async_to_sync(coroutine_function)()

    def test_a_thread_of_the_pool_is_tied_to_a_loop_for_one_call_only(self):
        asyncio.run(call_in_thread(lambda: None))
        assert thread_pool().submit(async_to_sync(coroutine_function)).result() == "async"

    async def test_keeps_what_the_function_is_called(self):
        assert async_to_sync(coroutine_function).__name__ == "coroutine_function"

    async def test_ensure_sync_leaves_plain_functions_alone(self):
        app = Pottle(__name__)
        assert app.ensure_sync(print) is print
        assert await call_in_thread(app.ensure_sync(Asynchronous())) == "async"


class TestRunSync:
    async def test_keeps_what_the_function_is_called(self):
        def named():
            """Its docstring."""

        wrapped = run_sync(named)
        assert (wrapped.__name__, wrapped.__doc__) == ("named", "Its docstring.")
        assert is_async(wrapped)

    async def test_refuses_coroutine_functions(self):
        with pytest.raises(RuntimeError, match="is a coroutine function already: await it"):
            run_sync(coroutine_function)

    async def test_awaits_what_a_wrapper_gives(self):
        @wraps(coroutine_function)
        def wrapper():
            return coroutine_function()

        assert await run_sync(wrapper)() == "async"

    async def test_iterates_generators_in_threads(self):
        threads = set()

        def generate():
            for number in range(3):
                threads.add(threading.current_thread().name)
                yield number

        generator = await run_sync(generate)()
        assert [number async for number in generator] == [0, 1, 2]
        assert threading.current_thread().name not in threads


class TestRunSyncIterable:
    async def test_of_anything_iterable(self):
        assert [item async for item in run_sync_iterable([1, 2])] == [1, 2]
        assert [item async for item in run_sync_iterable("")] == []

    async def test_one_context_throughout(self):
        def generate():
            colour.set("red")
            yield colour.get()
            colour.set("blue")
            yield colour.get()

        assert [item async for item in run_sync_iterable(generate())] == ["red", "blue"]
        assert colour.get() == "blue"

    async def test_is_closed_when_it_is_left(self):
        seen = []

        def generate():
            try:
                yield 1
                yield 2
            finally:
                seen.append(threading.current_thread().name)

        iterable = run_sync_iterable(generate())
        assert await anext(iterable) == 1
        await iterable.aclose()
        assert len(seen) == 1
        assert seen[0].startswith("pottle")

    async def test_an_error_of_the_generator(self):
        def generate():
            yield 1
            raise LookupError

        iterable = run_sync_iterable(generate())
        assert await anext(iterable) == 1
        with pytest.raises(LookupError):
            await anext(iterable)


class TestThreadLimit:
    async def test_a_new_limit_is_a_new_pool(self):
        before = thread_pool()
        set_thread_limit(DEFAULT_THREADS)
        assert thread_pool() is before
        set_thread_limit(3)
        assert thread_pool() is not before
        assert thread_pool().limit == 3
        assert await call_in_thread(lambda: "runs") == "runs"
        set_thread_limit(2)
        set_thread_limit(4)  # of a pool that was never made
        assert thread_pool().limit == 4

    async def test_what_runs_in_the_old_pool_ends_there(self):
        go = threading.Event()
        task = asyncio.create_task(call_in_thread(go.wait, 5))
        await asyncio.sleep(0)
        set_thread_limit(3)
        go.set()
        assert await task is True

    @pytest.mark.parametrize("threads", [0, -1])
    def test_needs_one(self, threads):
        with pytest.raises(ValueError, match=f"At least one thread is needed.*not {threads}"):
            set_thread_limit(threads)


class TestTasks:
    async def test_cancel_tasks(self):
        async def wait():
            await asyncio.Event().wait()

        async def fail():
            try:
                await asyncio.Event().wait()
            finally:
                raise LookupError("at its end")

        await cancel_tasks([])
        waiting = [asyncio.create_task(wait()) for _ in range(2)]
        await asyncio.sleep(0)
        await cancel_tasks(waiting)
        assert all(task.cancelled() for task in waiting)
        failing = asyncio.create_task(fail())
        await asyncio.sleep(0)
        with pytest.raises(LookupError, match="at its end"):
            await cancel_tasks([failing])

    async def test_raise_task_exceptions(self):
        async def answer(value):
            if isinstance(value, BaseException):
                raise value
            return value

        tasks = [asyncio.create_task(answer(value)) for value in (1, LookupError("x"))]
        await asyncio.wait(tasks)
        raise_task_exceptions(tasks[:1])
        with pytest.raises(LookupError, match="x"):
            raise_task_exceptions(tasks)


def test_headers():
    pairs = [("Content-Type", "text/plain"), ("X-A", "ä")]
    encoded = [(b"content-type", b"text/plain"), (b"x-a", b"\xc3\xa4")]
    assert encode_headers(pairs) == encode_headers(Headers(pairs)) == encoded
    assert list(decode_headers([encoded[0], (b"x-a", b"\xe4")])) == pairs


def test_paths():
    assert file_path_to_path("a", Path("b"), "c") == Path("a/b/c")


class TestMaySuspend:
    def test_a_coroutine_function_without_await_cannot(self):
        async def view(number):
            if number > 3:
                raise ValueError(number)
            return {str(item): [item] for item in range(number)}

        assert not may_suspend(view)

    def test_everything_that_waits_may(self):
        async def by_await(other):
            return await other

        async def by_for(other):
            return [item async for item in other]

        async def by_loop(other):
            async for _ in other:
                pass

        async def by_with(other):
            async with other:
                pass

        for func in (by_await, by_for, by_loop, by_with):
            assert may_suspend(func)

    def test_in_doubt(self):
        class View:
            async def __call__(self):
                return ""

        @wraps(View)
        async def generator():
            yield 1

        for func in (View(), generator, partial(print), print):
            assert may_suspend(func)
