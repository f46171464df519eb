"""The helpers that views call, through an application."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from werkzeug.exceptions import NotFound
from werkzeug.routing import BuildError

from pottle import Blueprint, Pottle, g, request, session
from pottle.errors import ContextError, SetupError
from pottle.helpers import (
    Done,
    abort,
    build_url,
    find_package,
    flash,
    get_debug_flag,
    get_flashed_messages,
    get_load_dotenv,
    get_root_path,
    locked_cached_property,
    make_push_promise,
    make_response,
    redirect,
    stream_with_context,
    url_for,
)
from pottle.signals import message_flashed
from pottle.wrappers import Response


@pytest.fixture
def app() -> Pottle:
    app = Pottle(__name__)
    app.secret_key = "a key"
    app.testing = True

    @app.get("/")
    async def index() -> str:
        return "index"

    @app.route("/item/<int:number>", methods=["GET"])
    async def item(number: int) -> str:
        return str(number)

    @app.route("/<app>/<endpoint_name>")
    async def awkward(app: str, endpoint_name: str) -> str:
        return app

    @app.websocket("/socket")
    async def socket() -> None:
        return None

    admin = Blueprint("admin", __name__, url_prefix="/admin")

    @admin.get("/home")
    async def home() -> str:
        return url_for(".home") + " " + url_for("index")

    @admin.websocket("/talk")
    async def talk() -> None:
        from pottle import websocket

        await websocket.accept()
        await websocket.send(url_for(".home"))

    app.register_blueprint(admin)
    return app


# Answers


async def test_make_response_awaited_or_not(app: Pottle) -> None:
    async with app.test_request_context("/"):
        plain = make_response("text", 201, {"X-Own": "1"})
        awaited = await make_response("text", 201, {"X-Own": "1"})
        for response in (plain, awaited):
            assert isinstance(response, Response)
            assert response.status_code == 201
            assert response.headers["X-Own"] == "1"
            assert await response.get_data() == b"text"


async def test_make_response_of_one_thing_and_of_nothing(app: Pottle) -> None:
    async with app.test_request_context("/"):
        assert (await make_response({"a": 1})).mimetype == "application/json"
        empty = await make_response()
        assert (empty.status_code, await empty.get_data()) == (200, b"")


def test_make_response_needs_a_context() -> None:
    with pytest.raises(ContextError):
        make_response("text")


async def test_redirect_asks_the_app(app: Pottle) -> None:
    class Elsewhere(Pottle):
        def redirect(self, location: str, code: int = 302) -> Any:
            return super().redirect(f"/elsewhere{location}", code)

    async with Elsewhere(__name__).app_context():
        response = redirect("/x", 307)
    assert response.status_code == 307
    assert response.headers["Location"] == "/elsewhere/x"


async def test_redirect_without_an_app() -> None:
    response = redirect("/x")
    assert isinstance(response, Response)
    assert response.status_code == 302
    assert response.headers["Location"] == "/x"
    assert b"/x" in await response.get_data()


async def test_abort_asks_the_app(app: Pottle) -> None:
    class Teapot(NotFound):
        code = 499

    app.aborter.mapping[499] = Teapot
    async with app.app_context():
        with pytest.raises(Teapot):
            abort(499)
    with pytest.raises(LookupError):
        abort(499)
    with pytest.raises(NotFound, match="nothing here"):
        abort(404, "nothing here")


async def test_abort_with_a_response(app: Pottle) -> None:
    @app.get("/gone")
    async def gone() -> None:
        abort(await make_response("gone", 410))

    response = await app.test_client().get("/gone")
    assert response.status_code == 410
    assert await response.get_data(as_text=True) == "gone"


async def test_push_promises_reach_the_client(app: Pottle) -> None:
    @app.get("/push")
    async def push() -> str:
        await make_push_promise("/style.css")
        return "pushed"

    client = app.test_client()
    await client.get("/push", http_version="2")
    assert [path for path, _ in client.push_promises] == ["/style.css"]


# URLs


async def test_urls_within_a_request(app: Pottle) -> None:
    async with app.test_request_context("/"):
        assert url_for("index") == "/"
        assert url_for("item", number=3, q="a b", more=[1, 2]) == "/item/3?q=a+b&more=1&more=2"
        assert url_for("index", _external=True) == "http://localhost/"
        assert url_for("index", _scheme="https") == "https://localhost/"
        assert url_for("index", _anchor="a b/ü#") == "/#a%20b/%C3%BC#"
        assert url_for(".index") == "/"
        assert url_for("item", number=3, _method="GET") == "/item/3"


async def test_values_may_have_any_name(app: Pottle) -> None:
    async with app.test_request_context("/"):
        assert app.url_for("awkward", app="x", endpoint_name="y") == "/x/y"
        assert url_for("awkward", app="x", endpoint_name="y", self="z") == "/x/y?self=z"


async def test_urls_relative_to_the_blueprint(app: Pottle) -> None:
    response = await app.test_client().get("/admin/home")
    assert await response.get_data(as_text=True) == "/admin/home /"


async def test_urls_relative_to_the_blueprint_of_a_websocket(app: Pottle) -> None:
    async with app.test_client().websocket("/admin/talk") as websocket:
        assert await websocket.receive() == "/admin/home"


async def test_urls_of_websockets_have_their_scheme(app: Pottle) -> None:
    async with app.test_request_context("/"):
        assert url_for("socket") == "ws://localhost/socket"
        assert url_for("socket", _scheme="https") == "wss://localhost/socket"
    async with app.test_request_context("/", scheme="https"):
        assert url_for("socket") == "wss://localhost/socket"


async def test_urls_outside_of_a_request(app: Pottle) -> None:
    app.config["SERVER_NAME"] = "example.com"
    app.config["PREFERRED_URL_SCHEME"] = "https"
    async with app.app_context():
        assert url_for("item", number=1) == "https://example.com/item/1"
        assert url_for("index", _external=False) == "/"
    assert app.url_for("index") == "https://example.com/"
    assert build_url(app, "index", {}, "top") == "https://example.com/#top"


async def test_urls_outside_of_a_request_without_a_name(app: Pottle) -> None:
    async with app.app_context():
        with pytest.raises(ContextError, match="'SERVER_NAME'"):
            url_for("index")
    with pytest.raises(RuntimeError, match="'SERVER_NAME'"):
        app.url_for("index")
    with pytest.raises(ContextError):
        url_for("index")


async def test_a_scheme_needs_a_host(app: Pottle) -> None:
    async with app.test_request_context("/"):
        with pytest.raises(ValueError, match="_external"):
            url_for("index", _scheme="https", _external=False)


async def test_url_defaults_are_injected(app: Pottle) -> None:
    @app.url_defaults
    def number(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "item":
            values.setdefault("number", 7)

    async with app.test_request_context("/"):
        assert url_for("item") == "/item/7"
        assert url_for("item", number=1) == "/item/1"


async def test_a_url_that_cannot_be_built(app: Pottle) -> None:
    async with app.test_request_context("/"):
        with pytest.raises(BuildError):
            url_for("nowhere")

    seen: list[Any] = []

    def handler(error: Exception, endpoint: str, values: dict[str, Any]) -> str:
        seen.append((endpoint, values))
        return "/handled"

    app.url_build_error_handlers.append(handler)
    async with app.test_request_context("/"):
        assert url_for("nowhere", a=1, _anchor="x") == "/handled"
    assert seen == [
        (
            "nowhere",
            {"a": 1, "_anchor": "x", "_method": None, "_scheme": None, "_external": False},
        )
    ]


# Flashed messages


async def test_flash_awaited_or_not(app: Pottle) -> None:
    async with app.test_request_context("/"):
        flash("plain")
        assert await flash("awaited", "error") is None
        assert get_flashed_messages() == ["plain", "awaited"]
        assert get_flashed_messages(with_categories=True) == [
            ("message", "plain"),
            ("error", "awaited"),
        ]
        assert get_flashed_messages(category_filter=["error"]) == ["awaited"]
        assert get_flashed_messages(True, ("none",)) == []


async def test_flashed_messages_come_with_the_next_request_and_only_then(app: Pottle) -> None:
    @app.post("/flash")
    async def flashing() -> str:
        await flash("hello", "greeting")
        return ""

    @app.get("/flashed")
    async def flashed() -> list[Any]:
        return get_flashed_messages(with_categories=True)

    client = app.test_client()
    await client.post("/flash")
    assert await (await client.get("/flashed")).get_json() == [["greeting", "hello"]]
    assert await (await client.get("/flashed")).get_json() == []


async def test_looking_for_messages_does_not_change_the_session(app: Pottle) -> None:
    async with app.test_request_context("/"):
        assert get_flashed_messages() == []
        assert not session.modified


async def test_flashed_messages_in_a_websocket(app: Pottle) -> None:
    @app.post("/flash")
    async def flashing() -> str:
        flash("hello")
        return ""

    @app.websocket("/flashed")
    async def flashed() -> None:
        from pottle import websocket

        await websocket.send_json(get_flashed_messages())

    client = app.test_client()
    await client.post("/flash")
    async with client.websocket("/flashed") as websocket:
        assert await websocket.receive_json() == ["hello"]


async def test_flashing_tells_its_receivers(app: Pottle) -> None:
    seen: list[Any] = []

    def plain(sender: Any, message: str, category: str) -> None:
        seen.append(("plain", sender, message, category))

    async def waiting(sender: Any, message: str, category: str) -> None:
        await asyncio.sleep(0)
        seen.append(("async", sender, message, category))

    with message_flashed.connected_to(plain), message_flashed.connected_to(waiting):
        async with app.test_request_context("/"):
            done = flash("hello", "greeting")
            assert seen == [("plain", app, "hello", "greeting")]
            await done
    assert seen[1:] == [("async", app, "hello", "greeting")]


async def test_flash_needs_a_session(app: Pottle) -> None:
    app.secret_key = None
    async with app.test_request_context("/"):
        with pytest.raises(RuntimeError, match="secret"):
            flash("hello")
        assert get_flashed_messages() == []
    async with app.app_context():
        with pytest.raises(ContextError):
            flash("hello")


async def test_done_is_done() -> None:
    assert await Done() is None


# Streams


async def test_streams_run_in_the_context_of_the_call(app: Pottle) -> None:
    async def later() -> Any:
        g.count += 1
        yield request.path
        g.count += 1
        yield str(g.count)

    def now() -> Any:
        g.count += 1
        yield request.path
        g.count += 1
        yield str(g.count)

    streams: list[Any] = []
    async with app.test_request_context("/here") as context:
        g.count = 0
        streams.append(stream_with_context(later()))  # an async generator
        streams.append(stream_with_context(later)())  # a function that returns one
        streams.append(stream_with_context(now()))  # a generator
        streams.append(stream_with_context(now)())
        kept = context.g
    for number, stream in enumerate(streams):
        if hasattr(stream, "__anext__"):
            items = [item async for item in stream]
        else:
            items = list(stream)
        assert items == ["/here", str(number * 2 + 2)]
    assert kept.count == 8
    with pytest.raises(ContextError):
        _ = request.path


async def test_a_coroutine_function_that_returns_a_stream(app: Pottle) -> None:
    async def pieces() -> Any:
        yield request.path

    @stream_with_context
    async def prepare(suffix: str) -> Any:
        """Prepare."""
        return pieces()

    assert prepare.__name__ == "prepare"
    async with app.test_request_context("/here"):
        stream = await prepare("x")
    assert [item async for item in stream] == ["/here"]


async def test_a_stream_from_another_thread(app: Pottle) -> None:
    def pieces() -> Any:
        yield request.path
        yield threading.current_thread().name

    async with app.test_request_context("/here"):
        stream = stream_with_context(pieces())
    with ThreadPoolExecutor(1, thread_name_prefix="elsewhere") as pool:
        path, thread = pool.submit(list, stream).result()
    assert path == "/here"
    assert thread.startswith("elsewhere")


async def test_closing_a_stream_closes_its_generator_in_the_context(app: Pottle) -> None:
    closed: list[str] = []

    async def later() -> Any:
        try:
            yield 1
        finally:
            closed.append(request.path)

    def now() -> Any:
        try:
            yield 1
        finally:
            closed.append(request.path)

    async with app.test_request_context("/here"):
        streaming, walking = stream_with_context(later()), stream_with_context(now())
    assert await anext(streaming) == 1
    await streaming.aclose()
    assert next(walking) == 1
    walking.close()
    assert closed == ["/here", "/here"]


async def test_iterators_without_close_can_be_streamed(app: Pottle) -> None:
    class Once:
        done = False

        def __aiter__(self) -> Once:
            return self

        async def __anext__(self) -> str:
            if self.done:
                raise StopAsyncIteration
            self.done = True
            return request.path

    async with app.test_request_context("/here"):
        stream, walk = stream_with_context(Once()), stream_with_context(iter([1, 2]))
    assert [item async for item in stream] == ["/here"]
    assert list(walk) == [1, 2]


async def test_streams_need_a_context() -> None:
    def now() -> Any:
        yield 1

    for source in (now(), stream_with_context(now)):
        with pytest.raises(ContextError, match="stream_with_context"):
            source() if callable(source) else stream_with_context(source)


@pytest.mark.parametrize("kind", ["async", "sync", "function"])
async def test_a_streamed_answer_keeps_one_context_with_one_teardown(
    app: Pottle, kind: str
) -> None:
    torn_down: list[str] = []

    @app.teardown_request
    async def teardown(exc: BaseException | None) -> None:
        torn_down.append(g.word)

    async def later() -> Any:
        for _ in range(2):
            assert torn_down == []
            yield f"{g.word} {session['user']} {request.path};"

    def now() -> Any:
        for _ in range(2):
            assert torn_down == []
            yield f"{g.word} {session['user']} {request.path};"

    @app.get("/stream")
    async def stream() -> Any:
        g.word = "same"
        session["user"] = "ada"
        sources = {"async": later(), "sync": now()}
        source = sources.get(kind)
        return stream_with_context(later)() if source is None else stream_with_context(source)

    response = await app.test_client().get("/stream")
    assert await response.get_data(as_text=True) == "same ada /stream;" * 2
    assert torn_down == ["same"]


# Environment variables and folders


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, False), ("", False), ("0", False), ("False", False), ("no", False), ("1", True)],
)
def test_debug_flag(monkeypatch: Any, value: str | None, expected: bool) -> None:
    monkeypatch.delenv("POTTLE_DEBUG", raising=False)
    if value is not None:
        monkeypatch.setenv("POTTLE_DEBUG", value)
    assert get_debug_flag() is expected


@pytest.mark.parametrize(
    ("value", "default", "expected"),
    [
        (None, True, True),
        (None, False, False),
        ("", True, True),
        ("1", True, False),
        ("no", False, True),
    ],
)
def test_load_dotenv(monkeypatch: Any, value: str | None, default: bool, expected: bool) -> None:
    monkeypatch.delenv("POTTLE_SKIP_DOTENV", raising=False)
    if value is not None:
        monkeypatch.setenv("POTTLE_SKIP_DOTENV", value)
    assert get_load_dotenv(default) is expected


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: Any) -> Any:
    """A folder on the import path; what was imported from it is forgotten afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def write_package(folder: Path, name: str) -> Path:
    package = folder / name
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "module.py").write_text("")
    return package


def test_root_path(folder: Path) -> None:
    package = write_package(folder, "some_package")
    (folder / "single_module.py").write_text("")
    assert get_root_path("some_package") == str(package)
    assert get_root_path("some_package.module") == str(package)
    assert get_root_path("single_module") == str(folder)
    assert "single_module" not in sys.modules  # found without running it
    assert get_root_path(__name__) == os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - told in other words
    assert get_root_path("no_such_module") == str(Path.cwd())
    assert get_root_path("no_such_package.module") == str(Path.cwd())


def test_root_path_of_a_namespace_package(folder: Path) -> None:
    (folder / "just_a_folder").mkdir()
    with pytest.raises(SetupError, match="namespace package"):
        get_root_path("just_a_folder")


def test_root_path_of_a_module_without_a_file(monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "interactive", types.ModuleType("interactive"))
    assert get_root_path("interactive") == str(Path.cwd())


def test_find_package(folder: Path, monkeypatch: Any) -> None:
    write_package(folder, "own_package")
    (folder / "own_module.py").write_text("")
    folder = folder.resolve()
    assert find_package("own_package.module") == (None, folder)
    assert find_package("own_module") == (None, folder)
    assert find_package("__main__")[1] is not None
    assert find_package("no_such_package") == (None, Path.cwd())
    assert find_package("sys") == (None, Path.cwd())


def test_find_an_installed_package() -> None:
    prefix, folder = find_package("werkzeug")
    assert prefix == Path(sys.prefix).resolve()
    assert (folder / "werkzeug").is_dir()


@pytest.mark.parametrize(
    ("site_packages", "prefix"),
    [("lib/python3.11/site-packages", "."), ("Lib/site-packages", "."), ("x/site-packages", "..")],
)
def test_find_a_package_installed_elsewhere(
    tmp_path: Path, monkeypatch: Any, site_packages: str, prefix: str
) -> None:
    folder = tmp_path / site_packages
    write_package(folder, "package_elsewhere")
    monkeypatch.syspath_prepend(folder)
    expected = (tmp_path / prefix).resolve(), folder.resolve()
    assert find_package("package_elsewhere") == expected


def test_a_locked_property_runs_once() -> None:
    entered = threading.Barrier(4)

    class Thing:
        runs = 0

        @locked_cached_property
        def value(self) -> int:
            """The value."""
            self.runs += 1
            return self.runs

    thing = Thing()

    def read(_: int) -> int:
        entered.wait()
        return thing.value

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(read, range(4))) == [1, 1, 1, 1]
    assert thing.runs == 1
    assert Thing.value.__doc__ == "The value."
