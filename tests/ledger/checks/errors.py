"""The ledger, 7 to 14: errors, and what is left to clean up after them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

from quart import (
    Blueprint,
    Quart,
    abort,
    g,
    got_request_exception,
    stream_with_context,
    websocket,
)
from quart.ctx import after_this_websocket
from wire import Records, ask, connect, dial, live, on_quart, pieces


async def fail() -> str:
    raise ValueError("it broke")


async def index() -> str:
    return "hello"


def app_with(view: Any = index) -> Quart:
    app = Quart(__name__)
    app.add_url_rule("/", "view", view)
    return app


async def check_07_teardown_request_gets_the_error() -> None:
    app, seen = app_with(fail), []
    app.teardown_request(lambda exc: seen.append(type(exc)))
    await ask(app)
    assert seen == [ValueError], seen


async def check_07_teardown_appcontext_gets_the_error() -> None:
    app, seen = app_with(fail), []
    app.teardown_appcontext(lambda exc: seen.append(type(exc)))
    await ask(app)
    assert seen == [ValueError], seen


async def check_07_teardown_websocket_gets_the_error() -> None:
    app, seen = Quart(__name__), []
    app.add_websocket("/", "view", fail)
    app.teardown_websocket(lambda exc: seen.append(type(exc)))
    async with dial(app) as wire:
        await asyncio.wait({wire.task})
    assert seen == [ValueError], seen


async def check_08_teardown_appcontext_runs_in_reverse_order() -> None:
    app, seen = app_with(), []
    app.teardown_appcontext(lambda exc: seen.append("first"))
    app.teardown_appcontext(lambda exc: seen.append("second"))
    await ask(app)
    assert seen == ["second", "first"], seen


@on_quart(fails_on=("0.21",))
async def check_08_a_failing_teardown_does_not_stop_the_others() -> None:
    app, seen = app_with(), []
    app.teardown_request(lambda exc: seen.append("request"))
    app.teardown_appcontext(lambda exc: seen.append("context"))

    @app.teardown_request
    async def broken(exc: BaseException | None) -> None:
        raise RuntimeError("broken")

    await ask(app)
    assert seen == ["request", "context"], seen


@on_quart(fails_on=("0.21",))
async def check_08_errors_of_teardown_functions_are_collected() -> None:
    app = app_with()

    def broken(exc: BaseException | None) -> None:
        raise RuntimeError("one of two")

    app.teardown_appcontext(broken)
    app.teardown_appcontext(lambda exc: broken(exc))
    try:
        async with app.app_context():
            pass
    except BaseException as error:
        told = _leaves(error)
    assert told == ["one of two"] * 2, told


def _leaves(error: BaseException) -> list[str]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for part in error.exceptions for leaf in _leaves(part)]
    return [str(error)]


@on_quart(fails_on=("0.21",))
async def check_08_teardown_websocket_of_a_blueprint_runs() -> None:
    seen: list[str] = []
    blueprint = Blueprint("chat", __name__)
    blueprint.teardown_websocket(lambda exc: seen.append("blueprint"))

    @blueprint.websocket("/")
    async def view() -> None:
        await websocket.accept()

    app = Quart(__name__)
    app.register_blueprint(blueprint)
    async with dial(app) as wire:
        await asyncio.wait({wire.task})
    assert seen == ["blueprint"], seen


def streaming(make: Any, seen: list[Any]) -> Quart:
    """An application that streams what *make()* gives, with a value in `g`."""

    async def view() -> Any:
        g.value = "kept"
        return make()

    app = app_with(view)
    app.teardown_request(lambda exc: seen.append("teardown"))
    return app


async def check_09_stream_with_context_keeps_g() -> None:
    async def source() -> AsyncIterator[str]:
        yield g.get("value", "nothing")

    answer = await ask(streaming(lambda: stream_with_context(source)(), []))
    assert answer.body == b"kept", answer.body


async def check_09_a_streamed_request_is_torn_down_once() -> None:
    async def source() -> AsyncIterator[str]:
        yield "piece"

    seen: list[Any] = []
    answer = await ask(streaming(lambda: stream_with_context(source)(), seen))
    assert answer.body == b"piece", answer.body
    assert seen == ["teardown"], seen


async def check_09_teardown_runs_after_the_stream() -> None:
    seen: list[Any] = []

    async def source() -> AsyncIterator[str]:
        yield "piece"
        seen.append("end of the stream")

    await ask(streaming(lambda: stream_with_context(source)(), seen))
    assert seen == ["end of the stream", "teardown"], seen


async def check_09_stream_with_context_takes_a_generator_object() -> None:
    async def source() -> AsyncIterator[str]:
        yield "piece"

    answer = await ask(streaming(lambda: stream_with_context(source()), []))
    assert answer.body == b"piece", (answer.status, answer.error)


def breaking(error: type[Exception]) -> Quart:
    async def source() -> AsyncIterator[str]:
        yield "a piece"
        raise error("in the middle")

    return app_with(lambda: source())


async def check_10_an_error_in_the_middle_of_a_stream_is_logged_once() -> None:
    app = breaking(ValueError)
    records = Records(app)
    await ask(app)
    assert len(records.messages) == 1, records.messages


async def check_10_an_error_in_the_middle_of_a_stream_sends_the_signal() -> None:
    app, seen = breaking(ValueError), []

    def receiver(sender: Any, exception: BaseException, **_: Any) -> None:
        seen.append(type(exception))

    with got_request_exception.connected_to(receiver, app):
        await ask(app)
    assert seen == [ValueError], seen


@on_quart(fails_on=("0.23",), error="TimeoutError", why="the connection stays open, without an end")
async def check_10_a_timeout_error_in_a_stream_does_not_look_like_its_end() -> None:
    answer = await ask(breaking(TimeoutError))
    assert b"a piece" in answer.body, answer.body
    assert not answer.complete or answer.error, "the body ends as if it were complete"


@on_quart(error="AssertionError, TimeoutError", why="on 0.23 the connection stays open besides")
async def check_10_a_timeout_error_in_a_stream_is_logged() -> None:
    app = breaking(TimeoutError)
    records = Records(app)
    answer = await ask(app)
    assert records.messages or answer.error, "nobody hears of it"


async def closed_when_the_client_leaves(make: Any, closed: asyncio.Event) -> None:
    """Leave after the third piece; the application may keep nothing of the stream, but its view does."""
    kept: list[Any] = []

    async def view() -> Any:
        kept.append(make())
        return kept[0]

    async with connect(app_with(view), "/", pieces([])) as wire:
        await wire.until(lambda: wire.types.count("http.response.body") >= 3)
        wire.leave()
        await asyncio.wait({asyncio.create_task(closed.wait())}, timeout=1)
    assert closed.is_set(), "the generator was not closed within a second"


@on_quart(fails_on=(), why="one that is waiting is cancelled there, too, and closes itself")
async def check_11_an_async_generator_is_closed_when_the_client_leaves() -> None:
    closed = asyncio.Event()

    async def source() -> AsyncIterator[str]:
        try:
            while True:
                yield "piece"
                await asyncio.sleep(0.01)
        finally:
            closed.set()

    await closed_when_the_client_leaves(source, closed)


async def check_11_a_sync_generator_is_closed_when_the_client_leaves() -> None:
    closed, loop = asyncio.Event(), asyncio.get_running_loop()

    def source() -> Iterator[str]:
        try:
            while True:
                yield "piece"
        finally:
            loop.call_soon_threadsafe(closed.set)

    await closed_when_the_client_leaves(source, closed)


async def shut_down(app: Quart) -> list[str]:
    """Start and stop; what the application said to the server."""
    async with live(app) as wire:
        await wire.until(lambda: wire.types)
        wire.put({"type": "lifespan.shutdown"})
        await asyncio.wait({wire.task}, timeout=1)
    return wire.types


def app_with_a_cancelled_task(seen: list[str]) -> Quart:
    app = Quart(__name__)

    async def cancelled() -> None:
        await app.shutdown_event.wait()
        raise asyncio.CancelledError

    @app.before_serving
    async def begin() -> None:
        app.add_background_task(cancelled)

    @app.after_serving
    async def end() -> None:
        seen.append("after_serving")

    return app


async def check_12_after_serving_runs_though_a_background_task_was_cancelled() -> None:
    seen: list[str] = []
    await shut_down(app_with_a_cancelled_task(seen))
    assert seen == ["after_serving"], seen


async def check_12_shutdown_completes_though_a_background_task_was_cancelled() -> None:
    said = await shut_down(app_with_a_cancelled_task([]))
    assert said == ["lifespan.startup.complete", "lifespan.shutdown.complete"], said


def app_with_a_failing_start(seen: list[str], failures: int) -> Quart:
    """Two resources, then something that fails *failures* times."""
    app = Quart(__name__)
    left = list(range(failures))

    def resource(name: str) -> Any:
        async def opened() -> AsyncIterator[None]:
            seen.append(f"open {name}")
            try:
                yield
            finally:
                seen.append(f"close {name}")

        return opened

    async def broken() -> AsyncIterator[None]:
        if left:
            left.pop()
            raise ValueError("cannot start")
        yield

    for function in (resource("a"), resource("b"), broken):
        app.while_serving(function)
    return app


async def check_12_a_failing_start_up_undoes_what_had_started() -> None:
    seen: list[str] = []
    app = app_with_a_failing_start(seen, 1)
    async with live(app) as wire:
        await wire.until(lambda: wire.types)
        assert wire.types == ["lifespan.startup.failed"], wire.types
        assert seen == ["open a", "open b", "close b", "close a"], list(seen)


async def check_12_an_application_can_start_after_a_failing_start_up() -> None:
    app = app_with_a_failing_start([], 1)
    async with live(app) as wire:
        await wire.until(lambda: wire.types)
    said = await shut_down(app)
    assert said == ["lifespan.startup.complete", "lifespan.shutdown.complete"], said


async def check_12_an_application_can_start_a_second_time() -> None:
    app = app_with_a_failing_start([], 0)
    for _ in range(2):
        said = await shut_down(app)
        assert said == ["lifespan.startup.complete", "lifespan.shutdown.complete"], said


async def check_13_after_this_websocket_runs_when_the_client_leaves() -> None:
    app, seen = Quart(__name__), []

    @app.websocket("/")
    async def view() -> None:
        @after_this_websocket
        async def after(response: Any) -> Any:
            seen.append("after")
            return response

        await websocket.accept()
        await websocket.receive()

    async with dial(app) as wire:
        await wire.until(lambda: wire.types)
        wire.leave(code=1001)
        await asyncio.wait({wire.task}, timeout=1)
    assert seen == ["after"], seen


def app_with_after_request(view: Any, seen: list[bool]) -> Quart:
    app = app_with(view)

    @app.after_request
    async def after(response: Any) -> Any:
        seen.append(isinstance(response, app.response_class))
        return response

    return app


async def check_14_after_request_gets_our_response_for_an_error() -> None:
    seen: list[bool] = []
    await ask(app_with_after_request(lambda: abort(404), seen))
    assert seen == [True], "it is a response of werkzeug's"


async def check_14_after_request_gets_our_response_for_a_redirect_of_the_routing() -> None:
    seen: list[bool] = []
    app = app_with_after_request(index, seen)
    app.add_url_rule("/folder/", "folder", index)
    answer = await ask(app, "/folder")
    assert answer.status == 308, answer.status
    assert seen == [True], "it is a response of werkzeug's"
