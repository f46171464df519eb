"""The life of an application: start-up, background tasks, shutdown; undone whole, and repeatable."""

from __future__ import annotations

import asyncio
import threading

import pytest

from pottle import Pottle, current_app, g, has_request_context, request, websocket
from pottle.errors import SetupError
from pottle.signals import got_serving_exception
from pottle.testing import WebsocketClosed
from pottle.testing.app import LifespanError
from pottle.threads import thread_pool


def make_app(**config) -> Pottle:
    app = Pottle(__name__)
    app.config.update({"TESTING": True, **config})
    return app


@pytest.fixture(params=["async", "sync"])
def spelled(request):
    """Turns a plain function into a serving function or task, or leaves it as it is."""

    def spell(func):
        if request.param == "sync":
            return func

        async def function(*args, **kwargs):
            await asyncio.sleep(0)
            return func(*args, **kwargs)

        return function

    return spell


def around(seen, name, error_before=None, error_after=None):
    async def generator():
        seen.append(f"start {name}")
        if error_before is not None:
            raise error_before
        yield
        seen.append(f"stop {name}")
        if error_after is not None:
            raise error_after

    return generator


class TestOrder:
    async def test_start_up_and_back(self, spelled):
        app, seen = make_app(), []
        for name in "12":
            app.before_serving(spelled(lambda name=name: seen.append(f"before {name}")))
            app.while_serving(around(seen, name))
            app.after_serving(spelled(lambda name=name: seen.append(f"after {name}")))
        async with app.test_app():
            assert seen == ["before 1", "before 2", "start 1", "start 2"]
            seen.clear()
        assert seen == ["stop 2", "stop 1", "after 2", "after 1"]

    async def test_plain_generators_run_in_threads(self):
        app, seen = make_app(), []

        @app.while_serving
        def generator():
            seen.append(threading.current_thread() is threading.main_thread())
            yield
            seen.append(current_app.name)

        async with app.test_app():
            pass
        assert seen == [False, __name__]

    async def test_in_an_app_context(self, spelled):
        app, seen = make_app(), []

        def before():
            g.x = 1
            seen.append((current_app.name, has_request_context()))

        app.before_serving(spelled(before))
        app.before_serving(spelled(lambda: seen.append(g.x)))
        app.after_serving(spelled(lambda: seen.append(g.get("x"))))
        async with app.test_app():
            pass
        assert seen == [(__name__, False), 1, None]

    async def test_decorators_return_the_function(self):
        app = make_app()

        async def function():
            yield

        assert app.before_serving(function) is function
        assert app.while_serving(function) is function
        assert app.after_serving(function) is function
        assert app.before_serving_funcs == app.while_serving_funcs == [function]

    async def test_again_and_again(self):
        app, seen = make_app(), []
        app.before_serving(lambda: seen.append("before"))
        app.while_serving(around(seen, "1"))
        app.after_serving(lambda: seen.append("after"))
        for _ in range(3):
            async with app.test_app():
                assert not app.shutdown_event.is_set()
            assert app.shutdown_event.is_set()
        assert seen == ["before", "start 1", "stop 1", "after"] * 3

    async def test_shutdown_alone_is_harmless(self):
        app, seen = make_app(), []
        app.while_serving(around(seen, "1"))
        app.after_serving(lambda: seen.append("after"))
        await app.shutdown()
        assert seen == ["after"]


class TestFailures:
    @pytest.mark.parametrize("how", ["startup", "lifespan"])
    async def test_a_failing_start_up_is_undone_and_can_be_tried_again(self, how):
        app, seen = make_app(), []
        errors = [LookupError("no database")]

        @app.while_serving
        async def database():
            seen.append("connect")
            if errors:
                raise errors.pop()
            yield
            seen.append("disconnect")

        app.while_serving_funcs.insert(0, around(seen, "1"))
        app.while_serving(around(seen, "2"))
        app.after_serving(lambda: seen.append("after"))
        if how == "startup":
            with pytest.raises(LookupError, match="no database"):
                await app.startup()
        else:
            with pytest.raises(LifespanError, match="LookupError: no database"):
                async with app.test_app():
                    raise AssertionError
        assert seen == ["start 1", "connect", "stop 1", "after"]
        seen.clear()
        async with app.test_app():
            assert seen == ["start 1", "connect", "start 2"]
        assert seen[3:] == ["stop 2", "disconnect", "stop 1", "after"]

    async def test_a_failing_start_up_function(self, spelled):
        app, seen = make_app(), []

        def fail():
            raise LookupError("before")

        app.before_serving(spelled(fail))
        app.while_serving(around(seen, "never"))
        app.after_serving(spelled(lambda: seen.append("after")))
        with pytest.raises(LookupError, match="before"):
            await app.startup()
        assert seen == ["after"]

    async def test_what_fails_while_a_start_up_is_undone_is_logged(self, caplog):
        app, seen = make_app(), []
        app.while_serving(around(seen, "1", error_after=LookupError("undoing")))
        app.while_serving(around(seen, "2", error_before=LookupError("starting")))
        app.after_serving(lambda: seen.append("after"))
        with pytest.raises(LookupError, match="starting"):
            await app.startup()
        assert seen == ["start 1", "start 2", "stop 1", "after"]
        assert "Clean-up after the failed start-up failed too" in caplog.text
        assert "undoing" in caplog.text

    async def test_all_of_the_shutdown_runs_though_parts_fail(self):
        app, seen = make_app(), []

        def fail():
            seen.append("fail")
            raise LookupError("after")

        app.while_serving(around(seen, "1"))
        app.while_serving(around(seen, "2", error_after=KeyError("stop")))
        app.after_serving(lambda: seen.append("after"))
        app.after_serving(fail)
        await app.startup()
        seen.clear()
        with pytest.raises(ExceptionGroup, match="Errors at shutdown") as info:
            await app.shutdown()
        assert seen == ["stop 2", "stop 1", "fail", "after"]
        assert [type(error) for error in info.value.exceptions] == [KeyError, LookupError]

    async def test_a_failing_shutdown_is_told_to_the_server(self):
        app = make_app()
        app.while_serving(around([], "1", error_after=LookupError("stop")))
        with pytest.raises(LifespanError, match="shutdown: LookupError: stop"):
            async with app.test_app():
                pass

    @pytest.mark.parametrize("error", [LookupError("x"), asyncio.CancelledError()])
    async def test_the_signal(self, error):
        app, seen = make_app(), []

        async def receive(sender, exception):
            seen.append(exception)

        app.while_serving(around([], "1", error_before=error))
        with got_serving_exception.connected_to(receive):
            with pytest.raises(type(error)):
                await app.startup()
        assert seen == [error]

    async def test_a_cancelled_start_up_is_undone(self):
        app, seen = make_app(), []
        arrived = asyncio.Event()
        app.while_serving(around(seen, "1"))

        @app.while_serving
        async def waits():
            arrived.set()
            await asyncio.Event().wait()
            yield

        task = asyncio.create_task(app.startup())
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert seen == ["start 1", "stop 1"]

    @pytest.mark.parametrize("kind", ["coroutine", "plain", "none", "none plain"])
    async def test_while_serving_needs_one_yield(self, kind):
        app = make_app()

        async def coroutine():
            raise AssertionError("never awaited")

        def plain():
            return 1

        async def none():
            for item in ():
                yield item

        def none_plain():
            yield from ()

        functions = {
            "coroutine": coroutine,
            "plain": plain,
            "none": none,
            "none plain": none_plain,
        }
        app.while_serving(functions[kind])
        with pytest.raises(SetupError, match=f"one yield, which '{kind.replace(' ', '_')}' is not"):
            await app.startup()

    async def test_and_no_more_than_one(self):
        app, seen = make_app(), []

        @app.while_serving
        async def twice():
            try:
                yield
                yield
            finally:
                seen.append("closed")

        await app.startup()
        with pytest.raises(SetupError, match="may yield only once"):
            await app.shutdown()
        assert seen == ["closed"]


class TestBackgroundTasks:
    async def test_run_while_requests_go_on(self, spelled):
        app, seen = make_app(), []
        done = asyncio.Event()
        loop = asyncio.get_running_loop()

        def work(*args, **kwargs):
            seen.append((args, kwargs, current_app.name, has_request_context(), g.get("x")))
            loop.call_soon_threadsafe(done.set)

        @app.route("/")
        async def index():
            g.x = "of the request"
            app.add_background_task(spelled(work), 1, a=2)
            return "index"

        async with app.test_app() as test_app:
            response = await test_app.test_client().get("/")
            assert await response.get_data() == b"index"
            await done.wait()
        assert seen == [((1,), {"a": 2}, __name__, False, None)]
        assert app.background_tasks == set()

    async def test_outside_of_a_context(self):
        app, seen = make_app(), []

        async def work():
            seen.append(current_app.name)

        app.add_background_task(work)
        assert len(app.background_tasks) == 1
        await app.shutdown()
        assert seen == [__name__]

    async def test_errors_are_logged_and_do_not_end_the_application(self, spelled, caplog):
        app = make_app()

        def work():
            raise LookupError("in the background")

        async with app.test_app():
            app.add_background_task(spelled(work))
        assert "Exception in the application" in caplog.text
        assert "in the background" in caplog.text

    async def test_the_handler_may_be_overridden(self):
        seen = []

        class Own(Pottle):
            async def handle_background_exception(self, ctx, error):
                seen.append((ctx.app is self, error.args))

        app = Own(__name__)

        async def work():
            raise LookupError("x")

        async with app.test_app():
            app.add_background_task(work)
        assert seen == [(True, ("x",))]

    async def test_shutdown_waits_for_them(self):
        app, seen = make_app(), []
        app.after_serving(lambda: seen.append("after"))

        async def work():
            await app.shutdown_event.wait()
            for _ in range(5):
                await asyncio.sleep(0)
            seen.append("work")

        async with app.test_app():
            app.add_background_task(work)
        assert seen == ["work", "after"]

    async def test_and_for_those_that_they_add(self):
        app, seen = make_app(), []

        async def second():
            await asyncio.sleep(0)
            seen.append("second")

        async def first():
            await app.shutdown_event.wait()
            app.add_background_task(second)
            seen.append("first")

        async with app.test_app():
            app.add_background_task(first)
        assert seen == ["first", "second"]

    async def test_shutdown_cancels_them_when_the_time_is_over(self):
        app, seen = make_app(BACKGROUND_TASK_SHUTDOWN_TIMEOUT=0.01), []
        app.after_serving(lambda: seen.append("after"))
        started = asyncio.Event()

        async def work():
            try:
                started.set()
                await asyncio.Event().wait()
            finally:
                seen.append("cancelled")

        async with app.test_app():
            app.add_background_task(work)
            await started.wait()
        assert seen == ["cancelled", "after"]

    async def test_a_cancellation_does_not_break_the_shutdown(self):
        app, seen = make_app(), []
        app.after_serving(lambda: seen.append("after"))

        async def work():
            raise asyncio.CancelledError

        async with app.test_app():
            app.add_background_task(work)
        assert seen == ["after"]

    async def test_a_done_task_that_nobody_took_out_is_not_waited_for(self):
        app = make_app()
        async with app.test_app():
            task = asyncio.create_task(asyncio.sleep(0))
            app.background_tasks.add(task)  # as extensions do, with no callback that discards it
            await task
            async with asyncio.timeout(1):
                await app.shutdown()
        assert task in app.background_tasks

    async def test_a_task_may_shut_the_application_down(self):
        app, seen = make_app(), []
        app.after_serving(lambda: seen.append("after"))

        async def work():
            await app.shutdown()
            seen.append("shut down")

        await app.startup()
        app.add_background_task(work)
        (task,) = app.background_tasks
        await task
        assert seen == ["after", "shut down"]


class TestShutdownEvent:
    async def test_is_of_the_class_of_the_application(self):
        class Own(asyncio.Event):
            pass

        app = make_app()
        app.event_class = Own
        async with app.test_app():
            assert type(app.shutdown_event) is Own

    async def test_begin_shutdown_sets_it_before_anything_is_undone(self):
        app, seen = make_app(), []
        app.while_serving(around(seen, "1"))
        async with app.test_app():
            app.begin_shutdown()
            app.begin_shutdown()
            assert app.shutdown_event.is_set()
            assert seen == ["start 1"]

    async def test_begin_shutdown_ends_what_is_open(self):
        app = make_app()
        seen = []

        @app.sse("/events")
        async def events():
            try:
                yield "one"
                await asyncio.Event().wait()
            finally:
                seen.append("stream ended")

        @app.websocket("/ws")
        async def ws():
            await websocket.send("one")
            try:
                await websocket.receive()
            finally:
                seen.append("websocket ended")

        async with app.test_app() as test_app:
            client = test_app.test_client()
            async with client.sse("/events") as stream, client.websocket("/ws") as peer:
                assert (await anext(aiter(stream))).data == "one"
                assert await peer.receive() == "one"
                assert len(app.live_exchanges) == 2
                app.begin_shutdown()
                assert [event async for event in stream] == []
                with pytest.raises(WebsocketClosed) as info:
                    await peer.receive()
                assert info.value.code == 1012
        assert sorted(seen) == ["stream ended", "websocket ended"]
        assert app.live_exchanges == set()

    async def test_views_may_look_at_it(self):
        app = make_app()

        @app.route("/")
        async def index():
            return str(current_app.shutdown_event.is_set())

        async with app.test_app() as test_app:
            client = test_app.test_client()
            assert await (await client.get("/")).get_data() == b"False"
            app.begin_shutdown()
            assert await (await client.get("/")).get_data() == b"True"


class TestLifespan:
    async def test_state_reaches_requests_and_websockets(self):
        app = make_app()

        @app.while_serving
        async def database():
            app.state["database"] = "connected"
            yield

        @app.route("/")
        async def index():
            return request.scope["state"]["database"]

        @app.websocket("/ws")
        async def ws():
            await websocket.send(websocket.scope["state"]["database"])

        async with app.test_app() as test_app:
            client = test_app.test_client()
            assert await (await client.get("/")).get_data() == b"connected"
            async with client.websocket("/ws") as peer:
                assert await peer.receive() == "connected"

    async def test_without_state(self):
        app = make_app()
        sent = []
        events = iter(
            [{"type": "lifespan.startup"}, {"type": "other"}, {"type": "lifespan.shutdown"}]
        )

        async def receive():
            return next(events)

        async def send(message):
            sent.append(message["type"])

        await app({"type": "lifespan"}, receive, send)
        assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
        assert app.state == {}


class TestThreads:
    async def test_the_limit_is_taken_at_start_up(self):
        app = make_app(THREADS=1)
        running, most = [], []

        @app.route("/")
        def index():
            running.append(1)
            most.append(len(running))
            running.pop()
            return ""

        async with app.test_app() as test_app:
            client = test_app.test_client()
            await asyncio.gather(*(client.get("/") for _ in range(8)))
            assert thread_pool().limit == 1
        assert max(most) == 1

    async def test_none_leaves_it(self):
        before = thread_pool()
        async with make_app(THREADS=None).test_app():
            assert thread_pool() is before

    async def test_there_must_be_one(self):
        with pytest.raises(LifespanError, match=r"At least one thread is needed.*not 0"):
            async with make_app(THREADS=0).test_app():
                pass
