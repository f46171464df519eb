"""An old application behind ours: which requests it gets, and what a Flask application shares with us."""

from __future__ import annotations

import http.client
import logging
import socket
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import flask
import flask.globals
import httpx
import pytest
from flask.sessions import SecureCookieSessionInterface
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from werkzeug.exceptions import NotFound
from werkzeug.routing import BuildError
from werkzeug.wrappers import Request as WSGIRequest
from werkzeug.wrappers import Response as WSGIResponse

from pottle import (
    Blueprint,
    Pottle,
    flash,
    g,
    get_flashed_messages,
    render_template_string,
    session,
    url_for,
    websocket,
)
from pottle.active import current
from pottle.errors import SetupError
from pottle.testing import WebsocketResponseError
from processes import POTTLE, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def make_apps(
    ours: dict[str, Any] | None = None, theirs: dict[str, Any] | None = None, **options: Any
) -> tuple[Pottle, flask.Flask]:
    """A new application and an old one behind it."""
    app = Pottle("new", static_folder=None, **options)
    old = flask.Flask("old", static_folder=None)
    app.config.update({"FLASK_BRIDGE": True, "TESTING": True, "SECRET_KEY": "key", **(ours or {})})
    old.config.update(theirs or {})
    app.fallback(old)
    return app, old


async def text(app: Pottle, path: str, **options: Any) -> str:
    response = await app.test_client().get(path, **options)
    return str(await response.get_data(as_text=True))


@WSGIRequest.application
def wsgi_tell(asked: WSGIRequest) -> WSGIResponse:
    return WSGIResponse(f"{asked.method} {asked.root_path}|{asked.path}")


class TestWho:
    async def test_gets_what_no_route_matches(self) -> None:
        app = Pottle("new", static_folder=None)
        app.get("/new/<name>")(lambda name: f"new {name}")
        app.fallback(wsgi_tell)
        assert await text(app, "/new/x") == "new x"
        assert await text(app, "/old/x") == "GET |/old/x"
        assert await text(app, "/base/old/x", root_path="/base") == "GET /base|/old/x"

    async def test_after_the_first_request(self) -> None:
        app = Pottle("new", static_folder=None)
        assert (await app.test_client().get("/old")).status_code == 404
        app.fallback(wsgi_tell)
        assert await text(app, "/old") == "GET |/old"
        app.get("/old")(lambda: "moved")
        assert await text(app, "/old") == "moved"

    async def test_behind_what_is_mounted(self) -> None:
        app, inner = Pottle("new", static_folder=None), Pottle("inner", static_folder=None)
        app.fallback(wsgi_tell)
        app.mount("/api", inner)
        assert (await app.test_client().get("/api/x")).status_code == 404
        assert await text(app, "/apix") == "GET |/apix"

    async def test_not_a_404_of_a_view(self) -> None:
        app = Pottle("new", static_folder=None)
        app.fallback(wsgi_tell)

        @app.get("/item/<int:number>")
        async def item(number: int) -> str:
            raise NotFound

        assert (await app.test_client().get("/item/1")).status_code == 404
        assert await text(app, "/item/x") == "GET |/item/x"

    async def test_not_a_redirect_to_a_slash(self) -> None:
        app = Pottle("new", static_folder=None)
        app.fallback(wsgi_tell)
        app.get("/items/")(lambda: "items")
        assert (await app.test_client().get("/items")).status_code == 308

    async def test_not_another_method_for_any_wsgi_application(self) -> None:
        app = Pottle("new", static_folder=None)
        app.fallback(wsgi_tell)
        app.get("/items")(lambda: "items")
        assert (await app.test_client().post("/items")).status_code == 405

    async def test_another_method_that_the_old_flask_application_has(self) -> None:
        app, old = make_apps()
        app.get("/items")(lambda: "ours")
        old.post("/items")(lambda: "theirs")
        client = app.test_client()
        assert await text(app, "/items") == "ours"
        response = await client.post("/items")
        assert await response.get_data() == b"theirs"
        assert (await client.put("/items")).status_code == 405
        assert "GET" in (await client.put("/items")).headers["Allow"]

    async def test_not_outside_of_the_root_path(self) -> None:
        app = Pottle("new", static_folder=None)
        app.fallback(wsgi_tell)
        response = await app.test_client().get("/old", root_path="/base")
        assert response.status_code == 404

    async def test_with_url_adapters_of_our_own(self) -> None:
        class Own(Pottle):
            def create_url_adapter(self, request: Any) -> Any:
                return super().create_url_adapter(request)

        app, old = Own("new", static_folder=None), flask.Flask("old", static_folder=None)
        app.get("/items")(lambda: "ours")
        old.post("/items")(lambda: "theirs")
        app.fallback(old)
        assert await (await app.test_client().post("/items")).get_data() == b"theirs"
        assert (await app.test_client().get("/nowhere")).status_code == 404

    async def test_an_asgi_application(self) -> None:
        async def shout(ws: Any) -> None:
            await ws.accept()
            await ws.send_text(ws.url.path)
            await ws.close()

        app, seen = Pottle("new", static_folder=None), []
        inner = Pottle("inner", static_folder=None)
        inner.before_serving(lambda: seen.append("started"))
        inner.get("/old")(lambda: "of the inner one")
        inner.mount("/ws", Starlette(routes=[WebSocketRoute("/", shout)]))
        app.fallback(inner)

        @app.websocket("/ours")
        async def ours() -> None:
            await websocket.send("ours")

        async with app.test_app() as serving:
            client = serving.test_client()
            assert await (await client.get("/old")).get_data() == b"of the inner one"
            for path, expected in (("/ours", "ours"), ("/ws/", "/ws/")):
                async with client.websocket(path) as connection:
                    assert await connection.receive() == expected
        assert seen == ["started"]

    async def test_websockets_are_ours_where_it_has_none(self) -> None:
        app, _ = make_apps()
        with pytest.raises(WebsocketResponseError) as refused:
            async with app.test_client().websocket("/ws") as connection:
                await connection.receive()
        assert refused.value.response.status_code == 404

    def test_only_one(self) -> None:
        app = Pottle("new", static_folder=None)
        app.fallback(wsgi_tell)
        with pytest.raises(SetupError, match=r"falls back to .* already"):
            app.fallback(wsgi_tell)


class TestOldApplication:
    """The old application is what it was: its contexts, hooks, errors and clean-up."""

    async def test_its_contexts_are_its_own(self) -> None:
        app, old = make_apps()
        seen: list[Any] = []
        app.before_request(lambda: seen.append("our hook"))
        old.before_request(lambda: seen.append("their hook"))

        @old.get("/old")
        def view() -> str:
            seen.append(type(flask.globals._cv_app.get()).__module__)
            seen.append(type(flask.request._get_current_object()).__module__)  # type: ignore[attr-defined]
            seen.append(flask.current_app._get_current_object() is old)  # type: ignore[attr-defined]
            seen.append(current.get(None))
            flask.g.name = "theirs"
            return flask.g.name

        expected = ["their hook", "flask.ctx", "flask.wrappers", True, None]
        assert await text(app, "/old") == "theirs"
        assert seen == expected
        seen.clear()
        async with app.test_request_context("/within"):
            g.name = "ours"
            assert flask.g.name == "ours"
            assert await text(app, "/old") == "theirs"
            assert g.name == "ours"
        assert seen == expected

    async def test_teardown_functions_run(self) -> None:
        app, old = make_apps()
        seen: list[Any] = []
        old.teardown_request(lambda error: seen.append(("request", error)))
        old.teardown_appcontext(lambda error: seen.append(("app", error)))
        old.get("/old")(lambda: "old")
        assert await text(app, "/old") == "old"
        assert seen == [("request", None), ("app", None)]

    async def test_its_own_404(self) -> None:
        app, old = make_apps()
        app.errorhandler(404)(lambda error: ("our 404", 404))
        old.errorhandler(404)(lambda error: ("their 404", 404))
        assert await text(app, "/nowhere") == "their 404"

    async def test_its_own_500(self, caplog: pytest.LogCaptureFixture) -> None:
        app, old = make_apps({"TESTING": False})

        @old.get("/fail")
        def fail() -> str:
            raise LookupError("theirs")

        old.errorhandler(500)(lambda error: (f"their 500: {error.original_exception}", 500))
        with caplog.at_level(logging.ERROR):
            response = await app.test_client().get("/fail")
        assert response.status_code == 500
        assert await response.get_data() == b"their 500: theirs"
        assert [record.name for record in caplog.records] == ["old"]

    async def test_what_it_does_not_answer_is_raised(self) -> None:
        app, old = make_apps(theirs={"TESTING": True})

        @old.get("/fail")
        def fail() -> str:
            raise LookupError("theirs")

        with pytest.raises(LookupError, match="theirs"):
            await app.test_client().get("/fail")

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    async def test_head(self, method: str) -> None:
        app, old = make_apps()
        old.get("/old")(lambda: "old")
        response = await app.test_client().open("/old", method=method)
        assert response.headers["Content-Length"] == "3"
        assert await response.get_data() == (b"old" if method == "GET" else b"")

    async def test_forms_and_files(self) -> None:
        app, old = make_apps()

        @old.post("/form")
        def form() -> Any:
            return {"name": flask.request.form["name"], "json": flask.request.is_json}

        response = await app.test_client().post("/form", form={"name": "ann"})
        assert await response.get_json() == {"name": "ann", "json": False}

    async def test_a_body_of_unknown_length(self) -> None:
        app, old = make_apps()
        old.post("/body")(lambda: flask.request.get_data())
        async with app.test_client().request("/body", method="POST") as connection:
            await connection.send(b"one ")
            await connection.send(b"two")
            await connection.send_complete()
            assert await connection.receive() == b"one two"

    async def test_a_stream_with_its_context(self) -> None:
        app, old = make_apps()
        seen: list[str] = []
        old.teardown_request(lambda error: seen.append("torn down"))

        @old.get("/stream")
        def stream() -> Any:
            def pieces() -> Iterator[str]:
                for number in range(3):
                    yield f"{flask.request.path} {number} "
                seen.append("done")

            return flask.Response(flask.stream_with_context(pieces()))

        assert await text(app, "/stream") == "/stream 0 /stream 1 /stream 2 "
        assert seen[-2:] == ["done", "torn down"]


class TestStaticFiles:
    def test_of_two_folders_at_one_path(self, tmp_path: Path) -> None:
        app = Pottle("new", root_path=str(tmp_path / "new"))
        old = flask.Flask("old", root_path=str(tmp_path / "old"))
        with pytest.raises(SetupError, match="static_folder=None, or another static_url_path"):
            app.fallback(old)

    async def test_of_one_folder(self, tmp_path: Path) -> None:
        (tmp_path / "static").mkdir()
        (tmp_path / "static/style.css").write_text("body {}")
        app = Pottle("new", root_path=str(tmp_path))
        app.fallback(flask.Flask("old", root_path=str(tmp_path)))
        response = await app.test_client().get("/static/style.css")
        assert await response.get_data() == b"body {}"


class TestSession:
    def apps(self) -> tuple[Pottle, flask.Flask]:
        app, old = make_apps()

        @app.get("/new/set/<value>")
        async def set_new(value: str) -> str:
            session["value"] = (value, 1)
            await flash(f"from new: {value}", "info")
            return "set"

        @app.get("/new/get")
        async def get_new() -> Any:
            value = session.get("value")
            return {
                "value": value,
                "tuple": isinstance(value, tuple),
                "flashed": get_flashed_messages(with_categories=True),
            }

        @old.get("/old/set/<value>")
        def set_old(value: str) -> str:
            flask.session["value"] = (value, 2)
            flask.flash(f"from old: {value}", "info")
            return "set"

        @old.get("/old/get")
        def get_old() -> Any:
            value = flask.session.get("value")
            return {
                "value": value,
                "tuple": isinstance(value, tuple),
                "flashed": flask.get_flashed_messages(with_categories=True),
            }

        @old.get("/old/clear")
        def clear() -> str:
            flask.session.clear()
            return "cleared"

        return app, old

    @pytest.mark.parametrize("writer", ["old", "new"])
    @pytest.mark.parametrize("reader", ["old", "new"])
    async def test_written_on_one_side_and_read_on_the_other(
        self, writer: str, reader: str
    ) -> None:
        app, _ = self.apps()
        client = app.test_client()
        await client.get(f"/{writer}/set/ann")
        found = await (await client.get(f"/{reader}/get")).get_json()
        assert found == {
            "value": ["ann", 1 if writer == "new" else 2],
            "tuple": True,
            "flashed": [["info", f"from {writer}: ann"]],
        }
        # A message is shown once, on whichever side.
        for side in ("old", "new"):
            assert (await (await client.get(f"/{side}/get")).get_json())["flashed"] == []

    async def test_there_is_one_cookie(self) -> None:
        app, _ = self.apps()
        client = app.test_client()
        for path in ("/new/set/a", "/old/set/b", "/new/set/c"):
            await client.get(path)
        assert client.cookie_jar is not None
        assert [cookie.name for cookie in client.cookie_jar] == ["session"]
        assert (await (await client.get("/old/get")).get_json())["value"] == ["c", 1]
        await client.get("/old/clear")
        assert list(client.cookie_jar) == []

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("SECRET_KEY", "other"),
            ("SECRET_KEY", b"bytes"),
            ("SECRET_KEY_FALLBACKS", ["older"]),
            ("SESSION_COOKIE_NAME", "other"),
            ("SESSION_COOKIE_DOMAIN", "example.org"),
            ("SESSION_COOKIE_PATH", "/path"),
            ("SESSION_COOKIE_SAMESITE", "Lax"),
            ("SESSION_COOKIE_SECURE", True),
            ("SESSION_COOKIE_HTTPONLY", False),
            ("SESSION_COOKIE_PARTITIONED", True),
            ("PERMANENT_SESSION_LIFETIME", timedelta(hours=1)),
            ("PERMANENT_SESSION_LIFETIME", 3600),
        ],
    )
    def test_what_is_set_on_one_side_holds_for_both(self, key: str, value: Any) -> None:
        ours, theirs = make_apps({"SECRET_KEY": None, key: value})
        assert (ours.config[key], theirs.config[key]) == (value, value)
        ours, theirs = make_apps({"SECRET_KEY": None}, {key: value})
        assert (ours.config[key], theirs.config[key]) == (value, value)

    @pytest.mark.parametrize(
        ("key", "ours", "theirs"),
        [
            ("SECRET_KEY", "one", "two"),
            ("SECRET_KEY_FALLBACKS", ["one"], ["two"]),
            ("SESSION_COOKIE_NAME", "one", "two"),
            ("SESSION_COOKIE_DOMAIN", "one.example", "two.example"),
            ("SESSION_COOKIE_PATH", "/one", "/two"),
            ("SESSION_COOKIE_SAMESITE", "Lax", "Strict"),
            ("PERMANENT_SESSION_LIFETIME", 60, timedelta(minutes=2)),
        ],
    )
    def test_a_contradiction_is_told(self, key: str, ours: Any, theirs: Any) -> None:
        with pytest.raises(SetupError, match=rf"in {key}\. .*old\.wsgi_app"):
            make_apps({key: ours}, {key: theirs})

    def test_all_contradictions_are_told(self) -> None:
        with pytest.raises(SetupError, match=r"in SECRET_KEY, SESSION_COOKIE_NAME\."):
            make_apps(
                {"SECRET_KEY": "one", "SESSION_COOKIE_NAME": "one"},
                {"SECRET_KEY": "two", "SESSION_COOKIE_NAME": "two"},
            )

    def test_paths_by_the_application_root(self) -> None:
        with pytest.raises(SetupError, match=r"SESSION_COOKIE_PATH \(or APPLICATION_ROOT\)"):
            make_apps(theirs={"APPLICATION_ROOT": "/old"})
        ours, theirs = make_apps(
            {"SESSION_COOKIE_PATH": "/"}, {"APPLICATION_ROOT": "/old", "SESSION_COOKIE_PATH": "/"}
        )
        assert ours.config["SESSION_COOKIE_PATH"] == theirs.config["SESSION_COOKIE_PATH"] == "/"

    @pytest.mark.parametrize(
        ("ours", "theirs"),
        [("key", b"key"), (["a"], ("a",)), (None, []), (timedelta(minutes=1), 60)],
    )
    def test_what_means_the_same_is_no_contradiction(self, ours: Any, theirs: Any) -> None:
        key = "SECRET_KEY"
        if not isinstance(ours, str):
            lifetime = isinstance(ours, timedelta)
            key = "PERMANENT_SESSION_LIFETIME" if lifetime else "SECRET_KEY_FALLBACKS"
        app, old = make_apps({key: ours}, {key: theirs})
        assert (app.config[key], old.config[key]) == (ours, theirs)

    async def test_configured_after_the_fallback(self) -> None:
        app, old = make_apps({"SECRET_KEY": None})
        app.secret_key = "later"
        async with app.test_app():
            assert old.secret_key == "later"
        app.secret_key = "later still"
        async with app.test_app():
            assert old.secret_key == "later still"
        app.secret_key, old.secret_key = "one", "two"
        with pytest.raises(Exception, match="contradict each other in SECRET_KEY"):
            await app.startup()

    def test_sessions_kept_in_different_ways(self) -> None:
        class Other(SecureCookieSessionInterface):
            salt = "other"

        app, old = Pottle("new", static_folder=None), flask.Flask("old", static_folder=None)
        old.session_interface = Other()
        with pytest.raises(SetupError, match=r"Set app\.session_interface"):
            app.fallback(old)
        app.session_interface = old.session_interface  # type: ignore[assignment]
        app.fallback(old)
        assert app.mounts is not None

    async def test_apart(self) -> None:
        app, old = Pottle("new", static_folder=None), flask.Flask("old", static_folder=None)
        app.secret_key, old.secret_key = "one", "two"
        app.fallback(old.wsgi_app)
        old.get("/old")(lambda: "old")
        assert await text(app, "/old") == "old"
        assert old.url_build_error_handlers == []


class TestURLs:
    def apps(self, **config: Any) -> tuple[Pottle, flask.Flask]:
        app, old = make_apps({"TESTING": True, **config}, config)

        @app.get("/new/<int:number>")
        async def moved(number: int) -> str:
            return f"{number}"

        blueprint = Blueprint("area", "area", url_prefix="/area")
        blueprint.get("/moved", endpoint="moved")(lambda: url_for(".still"))
        app.register_blueprint(blueprint)

        @old.get("/old/<name>")
        def still(name: str) -> str:
            return name

        theirs = flask.Blueprint("area", "area", url_prefix="/area")
        theirs.get("/still", endpoint="still")(lambda: flask.url_for(".moved"))
        old.register_blueprint(theirs)
        return app, old

    BUILT = (
        ({"name": "a b"}, "/old/a%20b"),
        ({"name": "a", "q": "1"}, "/old/a?q=1"),
        ({"name": "a", "_anchor": "an chor"}, "/old/a#an%20chor"),
        ({"name": "a", "_external": True}, "http://localhost/old/a"),
        ({"name": "a", "_external": True, "_scheme": "https"}, "https://localhost/old/a"),
        ({"name": "a", "_method": "GET"}, "/old/a"),
    )

    @pytest.mark.parametrize(("values", "expected"), BUILT)
    async def test_from_ours(self, values: dict[str, Any], expected: str) -> None:
        app, _ = self.apps()
        async with app.test_request_context("/"):
            assert url_for("still", **values) == expected
            assert url_for("moved", number=1) == "/new/1"

    @pytest.mark.parametrize(("values", "expected"), BUILT)
    def test_from_theirs(self, values: dict[str, Any], expected: str) -> None:
        _, old = self.apps()
        values = {**values, "number": 7}
        values.pop("name")
        expected = expected.replace("/old/a%20b", "/new/7").replace("/old/a", "/new/7")
        with old.test_request_context("/"):
            assert flask.url_for("moved", **values) == expected
            assert flask.url_for("still", name="a") == "/old/a"

    async def test_while_served_below_a_root_path(self) -> None:
        app, old = self.apps()
        app.get("/from/new")(lambda: url_for("still", name="a"))
        old.get("/from/old")(lambda: flask.url_for("moved", number=1))
        for path, expected in (("/from/new", "/base/old/a"), ("/from/old", "/base/new/1")):
            assert await text(app, f"/base{path}", root_path="/base") == expected

    async def test_in_templates(self) -> None:
        app, old = self.apps()

        @app.get("/from/new")
        async def new() -> str:
            return await render_template_string("{{ url_for('still', name='a') }}")

        @old.get("/from/old")
        def theirs() -> str:
            return flask.render_template_string("{{ url_for('moved', number=1) }}")

        assert await text(app, "/from/new") == "/old/a"
        assert await text(app, "/from/old") == "/new/1"

    async def test_within_blueprints(self) -> None:
        app, _ = self.apps()
        assert await text(app, "/area/moved") == "/area/still"
        assert await text(app, "/area/still") == "/area/moved"

    @pytest.mark.parametrize("whose", ["both", "ours", "theirs"])
    async def test_outside_of_a_request(self, whose: str) -> None:
        app, old = self.apps()
        if whose != "theirs":
            app.config["SERVER_NAME"] = "example.org"
        if whose != "ours":
            old.config["SERVER_NAME"] = "example.org"
        if whose != "theirs":
            async with app.app_context():
                assert url_for("still", name="a") == "http://example.org/old/a"
        if whose != "ours":
            with old.app_context():
                assert flask.url_for("moved", number=1) == "http://example.org/new/1"

    async def test_from_a_websocket(self) -> None:
        app, _ = self.apps()

        @app.websocket("/ws")
        async def ws() -> None:
            await websocket.send(url_for("still", name="a"))
            await websocket.send(url_for("still", name="a", _external=True))

        async with app.test_client().websocket("/ws") as connection:
            assert await connection.receive() == "/old/a"
            assert await connection.receive() == "http://localhost/old/a"

    async def test_url_defaults_of_whose_endpoint_it_is(self) -> None:
        app, old = self.apps()
        app.url_defaults(lambda endpoint, values: values.setdefault("of", "new"))
        old.url_defaults(lambda endpoint, values: values.setdefault("by", "old"))
        async with app.test_request_context("/"):
            assert "by=old" in url_for("still", name="a")
        with old.test_request_context("/"):
            assert "of=new" in flask.url_for("moved", number=1)

    async def test_of_neither(self) -> None:
        app, old = self.apps()
        async with app.test_request_context("/"):
            with pytest.raises(BuildError) as raised:
                url_for("nowhere")
        said = str(raised.value)
        assert "'nowhere'" in said
        assert "<Pottle 'new'>" in said
        assert "<Flask 'old'>" in said
        with old.test_request_context("/"):
            with pytest.raises(BuildError) as raised:
                flask.url_for("nowhere")
        said = str(raised.value)
        assert "<Pottle 'new'>" in said
        assert "<Flask 'old'>" in said

    async def test_with_values_that_do_not_fit(self) -> None:
        app, old = self.apps()
        async with app.test_request_context("/"):
            with pytest.raises(BuildError, match="specify values"):
                url_for("still")
            with pytest.raises(BuildError, match="specify values"):
                url_for("moved")
        with old.test_request_context("/"):
            with pytest.raises(BuildError, match="specify values"):
                flask.url_for("moved")
            with pytest.raises(BuildError, match="specify values"):
                flask.url_for("still")

    async def test_other_handlers_are_asked_too(self) -> None:
        app, old = self.apps()
        app.url_build_error_handlers.append(lambda error, endpoint, values: f"/ours/{endpoint}")
        old.url_build_error_handlers.append(lambda error, endpoint, values: f"/theirs/{endpoint}")
        async with app.test_request_context("/"):
            assert url_for("nowhere") == "/ours/nowhere"
        with old.test_request_context("/"):
            assert flask.url_for("nowhere") == "/theirs/nowhere"


BOTH = """\

import threading
import flask

from pottle import Pottle, session

app = Pottle(__name__)
app.secret_key = "key"
old = flask.Flask(__name__)
app.fallback(old)
go = threading.Event()


@app.get("/name")
async def name():
    return session.get("name", "nobody")


@old.get("/login/<name>")
def login(name):
    flask.session["name"] = name
    return "welcome"


def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


@old.get("/peak")
def show_peak():
    return str(peak())


@old.post("/upload")
def upload():
    size = 0
    while piece := flask.request.stream.read(1 << 16):
        size += len(piece)
    return str(size)


@old.get("/download/<int:megabytes>")
def download(megabytes):
    def pieces():
        for _ in range(megabytes):
            yield b"x" * (1 << 20)
    return pieces()


@old.get("/slow")
def slow():
    def pieces():
        yield "first"
        go.wait(20)
        yield "second"
    return pieces()


@old.get("/go")
def let_go():
    go.set()
    return "gone"


@old.get("/endless")
def endless():
    def pieces():
        try:
            while True:
                yield "more " * 1000
        finally:
            print("closed", flush=True)
    return flask.Response(flask.stream_with_context(pieces()))


@old.post("/half")
def half():
    try:
        flask.request.get_data()
    except Exception as error:
        print("broken", type(error).__name__, flush=True)
        raise
    return "whole"


@old.teardown_request
def torn_down(error):
    print("torn down", flask.request.path, flush=True)


@old.get("/threads")
def threads():
    return str(sum(each.name.startswith("pottle") for each in threading.enumerate()))
"""


class TestOnAServer:
    @pytest.fixture(params=["uvicorn", "hypercorn", "granian"])
    def server(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
        (tmp_path / "both.py").write_text(BOTH)
        command = (*POTTLE, "--app", "both", "serve", "--server", request.param, "--port", "0")
        with served(*command, cwd=tmp_path, env={"POTTLE_FLASK_BRIDGE": ""}) as server:
            yield server.ready()
            assert server.stop() == 0
            assert "Traceback" not in server.text

    def test_one_session(self, server: Any) -> None:
        with httpx.Client(base_url=server.url) as client:
            assert client.get("/name").text == "nobody"
            assert client.get("/login/ann").text == "welcome"
            assert client.get("/name").text == "ann"
            assert client.get("/nowhere").status_code == 404

    def test_streams_in_flat_memory(self, server: Any) -> None:
        size = 64 << 20

        def pieces() -> Iterator[bytes]:
            for _ in range(64):
                yield b"x" * (1 << 20)

        with httpx.Client(base_url=server.url, timeout=30) as client:
            client.get("/threads")
            before = int(client.get("/peak").text)
            assert client.post("/upload", content=pieces()).text == str(size)
            with client.stream("GET", "/download/64") as response:
                assert sum(map(len, response.iter_bytes())) == size
            grown = int(client.get("/peak").text) - before
        assert grown < 24 * 1024, f"{grown} KiB"

    def test_what_is_there_is_sent(self, server: Any) -> None:
        with httpx.Client(base_url=server.url, timeout=10) as client:
            with client.stream("GET", "/slow") as response:
                pieces = response.iter_text()
                assert next(pieces) == "first"
                assert httpx.get(f"{server.url}/go").text == "gone"
                assert "".join(pieces) == "second"

    def test_a_client_that_leaves_an_endless_answer(self, server: Any) -> None:
        for _ in range(3):
            with httpx.stream("GET", f"{server.url}/endless") as response:
                next(response.iter_bytes())
            server.line("closed")
            server.line("torn down /endless")
        assert int(httpx.get(f"{server.url}/threads").text) >= 1

    def test_a_client_that_leaves_in_its_body(self, server: Any) -> None:
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(
                b"POST /half HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf"
            )
        server.line("broken ClientDisconnected")
        server.line("torn down /half")

    def test_head(self, server: Any) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        try:
            for method, body in (("HEAD", b""), ("GET", b"nobody"), ("HEAD", b"")):
                connection.request(method, "/name")
                assert connection.getresponse().read() == body
                connection.request(method, "/login/x")
                assert connection.getresponse().read() == (b"welcome" if body else b"")
        finally:
            connection.close()
