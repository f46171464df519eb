"""The ledger, 22 to 31: answers, files, time, and what a request costs."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from io import BytesIO
from pathlib import Path
from types import FrameType
from typing import Any

from quart import Quart, Response, current_app, request, send_file, url_for
from wire import Wire, ask, on_quart

SIZE = 1_000_000


async def index() -> str:
    return "hello"


def app_with(view: Any = index, **config: Any) -> Quart:
    app = Quart(__name__)
    app.config.update(config)
    app.add_url_rule("/", "view", view, methods=["GET", "POST"])
    return app


@contextlib.contextmanager
def files(content: bytes = b"0123456789") -> Iterator[tuple[Quart, Path]]:
    """An application with one static file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.bin"
        path.write_bytes(content)
        yield Quart(__name__, static_folder=folder, static_url_path="/static"), path


async def ranged(value: str) -> Wire:
    with files() as (app, _):
        return await ask(app, "/static/file.bin", headers={"range": value})


async def check_22_the_last_bytes_can_be_asked_for() -> None:
    answer = await ranged("bytes=-3")
    assert (answer.status, answer.body) == (206, b"789"), answer.status
    assert answer.headers["content-range"] == "bytes 7-9/10", answer.headers


async def check_22_several_ranges_are_sent_as_multipart() -> None:
    answer = await ranged("bytes=0-1,8-9")
    assert answer.status == 206, answer.status
    assert answer.headers["content-type"].startswith("multipart/byteranges"), answer.headers
    assert b"bytes 0-1/10" in answer.body, answer.body
    assert b"bytes 8-9/10" in answer.body, answer.body


async def check_22_an_unknown_unit_is_ignored() -> None:
    answer = await ranged("pages=1-2")
    assert (answer.status, answer.body) == (200, b"0123456789"), answer.status


async def check_22_an_unsatisfiable_range_says_how_long_the_file_is() -> None:
    answer = await ranged("bytes=20-30")
    assert answer.status == 416, answer.status
    assert answer.headers.get("content-range") == "bytes */10", answer.headers


async def check_22_static_files_accept_ranges() -> None:
    with files() as (app, _):
        answer = await ask(app, "/static/file.bin")
    assert answer.headers.get("accept-ranges") == "bytes", answer.headers


@on_quart(error="AssertionError, TimeoutError", why="on 0.23 the connection stays open besides")
async def check_23_response_timeout_bounds_idleness_and_not_the_whole() -> None:
    async def view() -> Any:
        async def source() -> AsyncIterator[str]:
            for number in range(8):
                await asyncio.sleep(0.1)
                yield str(number)

        return source()

    answer = await ask(app_with(view, RESPONSE_TIMEOUT=0.5))
    assert answer.body == b"01234567", answer.body
    assert answer.complete, "the answer has no end"


async def check_23_body_timeout_bounds_idleness_and_not_the_whole() -> None:
    async def view() -> str:
        return str(len(await request.get_data()))

    app = app_with(view, BODY_TIMEOUT=0.5)

    async def slowly(scope: Any, receive: Any, send: Any) -> None:
        async def slow() -> Any:
            event = await receive()
            if event["type"] == "http.request":
                await asyncio.sleep(0.1)
            return event

        await app(scope, slow, send)

    answer = await ask(slowly, "/", [b"x"] * 8, method="POST")
    assert (answer.status, answer.body) == (200, b"8"), answer.status


async def check_24_a_file_is_left_to_a_server_that_offers_to_send_it() -> None:
    with files() as (app, path):
        answer = await ask(app, "/static/file.bin", extensions={"http.response.pathsend": {}})
        (sent,) = [message for message in answer.sent if "path" in message] or [None]
        assert sent is not None, answer.types
        assert Path(sent["path"]).samefile(path), sent


async def check_24_files_are_sent_in_large_pieces() -> None:
    with files(b"x" * SIZE) as (app, _):
        answer = await ask(app, "/static/file.bin")
    assert len(answer.body) == SIZE, len(answer.body)
    assert max(len(message.get("body", b"")) for message in answer.sent) >= 256 * 1024
    assert len(answer.sent) <= 8, f"{len(answer.sent)} messages"


async def sent(*args: Any, **options: Any) -> Wire:
    async def view() -> Any:
        return await send_file(*args, **options)

    return await ask(app_with(view))


async def check_25_send_file_takes_download_name() -> None:
    answer = await sent(
        BytesIO(b"text"), mimetype="text/plain", as_attachment=True, download_name="a.txt"
    )
    assert answer.headers.get("content-disposition") == "attachment; filename=a.txt", answer.status


async def check_25_send_file_takes_max_age() -> None:
    answer = await sent(BytesIO(b"text"), mimetype="text/plain", max_age=60)
    assert "max-age=60" in answer.headers.get("cache-control", ""), answer.status


async def check_25_send_file_takes_etag() -> None:
    answer = await sent(BytesIO(b"text"), mimetype="text/plain", etag="mark")
    assert answer.headers.get("etag") == '"mark"', answer.status


async def check_25_send_file_takes_a_file_object() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(b"text")
        file.seek(0)
        answer = await sent(file, mimetype="text/plain")
    assert (answer.status, answer.body) == (200, b"text"), answer.status


async def check_25_a_status_may_be_a_line() -> None:
    answer = await ask(app_with(lambda: ("made", "201 CREATED")))
    assert answer.status == 201, answer.status


async def check_25_json_of_another_content_type_is_415() -> None:
    async def view() -> Any:
        return {"got": await request.get_json()}

    answer = await ask(app_with(view), "/", [b"{}"], method="POST")
    assert answer.status == 415, (answer.status, answer.body)


async def check_25_there_is_ensure_sync() -> None:
    """A decorator written for Flask: what it wraps may be a coroutine function."""

    def shouting(function: Any) -> Any:
        @functools.wraps(function)
        def wrapper(**values: Any) -> str:
            return current_app.ensure_sync(function)(**values).upper()

        return wrapper

    answer = await ask(app_with(shouting(index)))
    assert (answer.status, answer.body) == (200, b"HELLO"), answer.status


async def check_25_there_is_call_on_close() -> None:
    seen: list[str] = []

    async def view() -> Any:
        response = Response("text")
        response.call_on_close(lambda: seen.append("closed"))
        return response

    answer = await ask(app_with(view))
    assert answer.body == b"text", answer.status
    assert seen == ["closed"], seen


async def check_25_the_client_takes_data_as_a_form() -> None:
    async def view() -> str:
        return (await request.form).get("name", "nothing")

    response = await app_with(view).test_client().post("/", data={"name": "value"})
    assert await response.get_data() == b"value", await response.get_data()


async def check_26_silent_get_json_is_silent() -> None:
    response = Response("no JSON", mimetype="application/json")
    try:
        found = await response.get_json(silent=True)
    except ValueError as error:
        raise AssertionError("it raised") from error
    assert found is None, found


async def check_26_get_json_raises_otherwise() -> None:
    response = Response("no JSON", mimetype="application/json")
    try:
        found = await response.get_json()
    except Exception:
        return
    raise AssertionError(f"it gave {found!r}")


async def check_27_an_async_url_defaults_function_is_not_ignored_silently() -> None:
    async def view() -> str:
        return url_for("view")

    app = app_with(view)

    async def defaults(endpoint: str, values: dict[str, Any]) -> None:
        values["language"] = "en"

    try:
        app.url_defaults(defaults)
    except RuntimeError:
        return  # refused
    answer = await ask(app)
    assert answer.status == 500 or b"language=en" in answer.body, answer.body


async def check_27_an_async_command_runs() -> None:
    app, seen = Quart(__name__), []

    @app.cli.command("hello")
    async def hello() -> None:
        seen.append(current_app.name)

    result = await asyncio.to_thread(app.test_cli_runner().invoke, args=["hello"])
    assert result.exit_code == 0, result.output
    assert seen, "it did not run"


async def check_27_an_async_iterable_is_streamed() -> None:
    class Source:
        def __aiter__(self) -> AsyncIterator[str]:
            return self._pieces()

        async def _pieces(self) -> AsyncIterator[str]:
            yield "piece"

    answer = await ask(app_with(lambda: Source()))
    assert (answer.status, answer.body) == (200, b"piece"), answer.status


async def check_28_a_mount_does_not_match_a_longer_name() -> None:
    app = app_with()
    answer = await ask(app, "/api/", root_path="/api")
    assert answer.status == 200, answer.status
    app.add_url_rule("/<path:rest>", "rest", lambda rest: rest)
    answer = await ask(app, "/apix/", root_path="/api")
    assert answer.status == 404, (answer.status, answer.body)


async def counted(app: Quart, *names: str) -> Counter[str]:
    """How often functions called *names* are called by the second request."""
    calls: Counter[str] = Counter()

    def look(frame: FrameType, event: str, argument: Any) -> None:
        name = argument.__name__ if event == "c_call" else frame.f_code.co_name
        if event in ("call", "c_call") and name in names:
            calls[name] += 1

    await ask(app)
    before = sys.getprofile()
    sys.setprofile(look)
    try:
        await ask(app)
    finally:
        sys.setprofile(before)
    return calls


async def check_29_a_request_costs_no_tasks() -> None:
    app, loop, made = app_with(), asyncio.get_running_loop(), []

    def factory(loop: Any, coroutine: Any, **options: Any) -> Any:
        made.append(coroutine.__qualname__)
        return asyncio.Task(coroutine, loop=loop, **options)

    loop.set_task_factory(factory)
    await ask(app)
    made.remove("Wire.call")  # the server's own
    assert not made, list(made)


async def check_29_hooks_are_not_inspected_for_each_request() -> None:
    app = app_with()

    async def hook(*args: Any) -> Any:
        return args[0] if args else None

    app.before_request(hook)
    app.after_request(hook)
    app.teardown_request(hook)
    calls = await counted(app, "iscoroutinefunction")
    assert not calls, calls


async def check_29_signals_without_receivers_are_not_sent() -> None:
    calls = await counted(app_with(), "send_async")
    assert not calls, calls


VALUE: ContextVar[str] = ContextVar("value", default="unset")


async def check_30_a_sync_hook_sets_a_variable_for_the_view() -> None:
    async def view() -> str:
        return VALUE.get()

    app = app_with(view)

    @app.before_request
    def hook() -> None:
        VALUE.set("from the hook")

    answer = await ask(app)
    assert answer.body == b"from the hook", answer.body


async def check_30_a_sync_view_sets_a_variable_for_a_hook() -> None:
    def view() -> str:
        VALUE.set("from the view")
        return "text"

    app = app_with(view)

    @app.after_request
    async def hook(response: Response) -> Response:
        response.headers["seen"] = VALUE.get()
        return response

    answer = await ask(app)
    assert answer.headers["seen"] == "from the view", answer.headers


async def check_31_a_sync_generator_keeps_its_context() -> None:
    def view() -> Any:
        VALUE.set("first")

        def source() -> Iterator[str]:
            yield VALUE.get() + ","
            VALUE.set("second")
            yield VALUE.get() + ","
            yield VALUE.get()

        return source()

    answer = await ask(app_with(view))
    assert answer.body == b"first,second,second", answer.body
