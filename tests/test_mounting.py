"""Other applications below a prefix: who gets a request, what it sees, how it lives and fails."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import io
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Mount, Route, WebSocketRoute
from werkzeug.test import create_environ
from werkzeug.wrappers import Request as WSGIRequest
from werkzeug.wrappers import Response as WSGIResponse

from peer import Peer, call, calling, http_scope, piece
from pottle import Pottle, current_app, g, has_request_context, request, url_for, websocket
from pottle.active import current
from pottle.errors import SetupError
from pottle.testing import WebsocketResponseError
from pottle.testing.app import LifespanError
from pottle.threads import set_thread_limit

if TYPE_CHECKING:
    from collections.abc import Iterator

END = {"type": "http.request", "body": b"", "more_body": False}


def make_app(name: str = "outer", **config: Any) -> Pottle:
    app = Pottle(name, static_folder=None)
    app.config.update({"TESTING": True, **config})
    return app


def tell(name: str) -> Pottle:
    """An application that tells its name and what it sees of the request, whatever the path."""
    app = make_app(name)

    @app.get("/")
    @app.get("/<path:path>")
    async def whatever(path: str = "") -> dict[str, str]:
        return {"app": name, "root": request.root_path, "path": request.path}

    return app


async def text(app: Pottle, path: str, **options: Any) -> str:
    response = await app.test_client().get(path, **options)
    return str(await response.get_data(as_text=True))


async def json(app: Pottle, path: str, **options: Any) -> Any:
    return await (await app.test_client().get(path, **options)).get_json()


@WSGIRequest.application
def wsgi_tell(asked: WSGIRequest) -> WSGIResponse:
    return WSGIResponse(
        "|".join([asked.method, asked.root_path, asked.path, asked.query_string.decode()])
    )


class TestWho:
    @pytest.mark.parametrize("path", ["/api", "/api/", "/api/x", "/api/x/y"])
    async def test_takes_what_is_below_the_prefix(self, path: str) -> None:
        app = make_app()
        app.mount("/api", tell("inner"))
        inside = path.removeprefix("/api") or "/"
        assert await json(app, path) == {"app": "inner", "root": "/api", "path": inside}

    @pytest.mark.parametrize("path", ["/apix", "/ap", "/", "/x/api", "/API"])
    async def test_and_nothing_else(self, path: str) -> None:
        app = make_app()
        app.mount("/api", tell("inner"))
        assert (await app.test_client().get(path)).status_code == 404

    @pytest.mark.parametrize("reverse", [False, True])
    async def test_the_longest_prefix_counts(self, reverse: bool) -> None:
        app = make_app()
        prefixes = ["/a", "/a/b", "/a/b/c"]
        for prefix in reversed(prefixes) if reverse else prefixes:
            app.mount(prefix, tell(prefix))
        for path, expected in [
            ("/a/x", "/a"),
            ("/a/bx", "/a"),
            ("/a/b", "/a/b"),
            ("/a/b/c/d", "/a/b/c"),
        ]:
            assert (await json(app, path))["app"] == expected

    async def test_comes_before_routes(self) -> None:
        app = tell("outer")
        client = app.test_client()
        assert (await (await client.get("/api/x")).get_json())["app"] == "outer"
        app.mount("/api", tell("inner"))  # after the first request
        assert (await (await client.get("/api/x")).get_json())["app"] == "inner"
        assert (await (await client.get("/other")).get_json())["app"] == "outer"

    async def test_also_before_a_route_that_was_looked_up_before(self) -> None:
        app = make_app()
        app.get("/api")(lambda: "outer")
        assert await text(app, "/api") == "outer"
        app.mount("/api", wsgi_tell)
        assert await text(app, "/api") == "GET|/api|/|"
        assert await text(app, "/api") == "GET|/api|/|"

    @pytest.mark.parametrize("prefix", ["", "/", "//"])
    def test_the_root_is_for_the_fallback(self, prefix: str) -> None:
        with pytest.raises(SetupError, match=r"app\.fallback"):
            make_app().mount(prefix, tell("inner"))

    @pytest.mark.parametrize("prefix", ["api", "/a//b", "/<name>"])
    def test_the_prefix_is_a_path(self, prefix: str) -> None:
        with pytest.raises(SetupError, match="no path to mount something at"):
            make_app().mount(prefix, tell("inner"))

    def test_one_for_each_prefix(self) -> None:
        app = make_app()
        app.mount("/api", tell("inner"))
        with pytest.raises(SetupError, match="mounted at '/api' already"):
            app.mount("/api/", tell("other"))

    async def test_below_a_root_path(self) -> None:
        app = make_app()
        app.mount("/api", tell("inner"))
        found = await json(app, "/proxy/api/x", root_path="/proxy")
        assert found == {"app": "inner", "root": "/proxy/api", "path": "/x"}
        response = await app.test_client().get("/api/x", root_path="/proxy")
        assert response.status_code == 404

    async def test_mounted_in_what_is_mounted(self) -> None:
        app, middle = make_app(), make_app("middle")
        app.mount("/a", middle)
        middle.mount("/b", tell("inner"))
        middle.mount("/w", wsgi_tell)
        assert await json(app, "/a/b/c") == {"app": "inner", "root": "/a/b", "path": "/c"}
        assert await text(app, "/a/w/c?d=e") == "GET|/a/w|/c|d=e"

    async def test_with_hosts_of_its_own(self) -> None:
        app = Pottle("hosts", static_folder=None, host_matching=True)
        app.mount("/api", tell("inner"))
        assert (await json(app, "/api/x", headers={"Host": "any.example"}))["app"] == "inner"

    async def test_with_url_adapters_of_its_own(self) -> None:
        class Own(Pottle):
            def create_url_adapter(self, request: Any) -> Any:
                return super().create_url_adapter(request)

        app = Own("own", static_folder=None)
        app.mount("/api", tell("inner"))
        assert (await json(app, "/api/x"))["app"] == "inner"
        assert (await app.test_client().get("/x")).status_code == 404

    async def test_a_context_made_by_hand_matches_nothing_there(self) -> None:
        app = make_app()
        app.mount("/api", tell("inner"))
        async with app.test_request_context("/api/x"):
            assert getattr(request.routing_exception, "code", None) == 404


class TestWhatItSees:
    async def test_a_context_of_its_own_and_no_hooks_of_ours(self) -> None:
        app, inner, seen = make_app(), make_app("inner"), []
        app.before_request(lambda: seen.append("hook"))
        app.mount("/api", inner)

        @inner.get("/")
        async def index() -> str:
            g.name = "own"
            return f"{current_app.name} {g.name}"

        assert await text(app, "/api/") == "inner own"
        assert seen == []

    async def test_urls_with_its_prefix(self) -> None:
        app, inner = make_app(), make_app("inner")
        app.mount("/api", inner)

        @inner.get("/item/<int:number>")
        async def item(number: int) -> str:
            return url_for("item", number=number + 1)

        assert await text(app, "/api/item/1") == "/api/item/2"

    async def test_starlette(self) -> None:
        async def show(request: Any) -> JSONResponse:
            return JSONResponse(
                {
                    "url": str(request.url),
                    "built": str(request.url_for("show", name="b")),
                    "root": request.scope["root_path"],
                    "body": (await request.body()).decode(),
                }
            )

        inner = Starlette(
            routes=[
                Mount("/deep", routes=[Route("/{name}", show, name="show", methods=["POST"])]),
                Route("/{name}", show, name="show", methods=["POST"]),
            ]
        )
        app = make_app()
        app.mount("/api", inner)
        client = app.test_client()
        response = await client.post("/api/a", data=b"body")
        assert await response.get_json() == {
            "url": "http://localhost/api/a",
            "built": "http://localhost/api/deep/b",
            "root": "/api",
            "body": "body",
        }
        deep = await (await client.post("/api/deep/a")).get_json()
        assert deep["root"] == "/api/deep"

    async def test_the_path_stays_whole_and_the_root_path_grows(self) -> None:
        scopes: list[Any] = []

        async def raw(scope: Any, receive: Any, send: Any) -> None:
            scopes.append(scope)
            await PlainTextResponse("raw")(scope, receive, send)

        app = make_app()
        app.mount("/api", raw)
        given = http_scope("/base/api/x", root_path="/base", raw_path=b"/base/api/x")
        peer = await call(app, given, END)
        assert peer.status == 200
        assert scopes[0] == {**given, "root_path": "/base/api"}
        assert given["root_path"] == "/base"

    async def test_websockets(self) -> None:
        async def shout(ws: Any) -> None:
            await ws.accept()
            await ws.send_text((await ws.receive_text()).upper())
            await ws.close()

        app, inner = make_app(), make_app("inner")

        @inner.websocket("/echo")
        async def echo() -> None:
            await websocket.send(f"{websocket.root_path} {await websocket.receive()}")

        app.mount("/pottle", inner)
        app.mount("/starlette", Starlette(routes=[WebSocketRoute("/shout", shout)]))
        client = app.test_client()
        async with client.websocket("/pottle/echo") as connection:
            await connection.send("hi")
            assert await connection.receive() == "/pottle hi"
        async with client.websocket("/starlette/shout") as connection:
            await connection.send("hi")
            assert await connection.receive() == "HI"

    async def test_websockets_below_a_wsgi_application_are_ours(self) -> None:
        app = make_app()
        app.mount("/old", wsgi_tell)

        @app.websocket("/old/ws")
        async def ws() -> None:
            await websocket.send("ours")

        async with app.test_client().websocket("/old/ws") as connection:
            assert await connection.receive() == "ours"
        with pytest.raises(WebsocketResponseError) as refused:
            async with app.test_client().websocket("/old/other") as connection:
                await connection.receive()
        assert refused.value.response.status_code == 404


class TestErrors:
    async def test_pass_through(self) -> None:
        async def fails(scope: Any, receive: Any, send: Any) -> None:
            raise LookupError("inner")

        app = make_app(PROPAGATE_EXCEPTIONS=False)
        app.errorhandler(LookupError)(lambda error: "ours")
        app.mount("/api", fails)
        with pytest.raises(LookupError, match="inner"):
            await app.test_client().get("/api")

    async def test_of_an_application_that_answers_them(self) -> None:
        app, inner = make_app(), make_app("inner", PROPAGATE_EXCEPTIONS=False)
        app.mount("/api", inner)

        @inner.errorhandler(404)
        async def missing(error: Exception) -> tuple[str, int]:
            return "inner: not found", 404

        @inner.get("/fail")
        async def fail() -> str:
            raise LookupError

        assert await text(app, "/api/x") == "inner: not found"
        assert (await app.test_client().get("/api/fail")).status_code == 500

    async def test_of_a_wsgi_application(self) -> None:
        def fails(environ: Any, start_response: Any) -> Any:
            raise LookupError("inner")

        app = make_app(PROPAGATE_EXCEPTIONS=False)
        app.mount("/old", fails)
        with pytest.raises(LookupError, match="inner"):
            await app.test_client().get("/old")


def spelled_as_wsgi() -> list[Any]:
    class Instance:
        def __call__(self, environ: Any, start_response: Any) -> Any:
            return wsgi_tell(environ, start_response)

        def method(self, environ: Any, start_response: Any) -> Any:
            return wsgi_tell(environ, start_response)

    def with_option(option: str, environ: Any, start_response: Any) -> Any:
        return wsgi_tell(environ, start_response)

    return [
        lambda environ, start_response: wsgi_tell(environ, start_response),
        Instance(),
        Instance().method,
        functools.partial(with_option, "option"),
    ]


def spelled_as_asgi() -> list[Any]:
    inner = tell("inner")

    async def function(scope: Any, receive: Any, send: Any) -> None:
        await inner(scope, receive, send)

    async def with_option(option: str, scope: Any, receive: Any, send: Any) -> None:
        await inner(scope, receive, send)

    class Instance:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await inner(scope, receive, send)

    return [
        inner,
        inner.asgi_app,
        function,
        functools.partial(with_option, "option"),
        Instance(),
        lambda scope, receive, send: inner(scope, receive, send),
    ]


class TestWhichKind:
    @pytest.mark.parametrize("number", range(4))
    async def test_wsgi_is_seen(self, number: int) -> None:
        app = make_app()
        app.mount("/x", spelled_as_wsgi()[number])
        assert await text(app, "/x/y") == "GET|/x|/y|"

    @pytest.mark.parametrize("number", range(6))
    async def test_asgi_is_seen(self, number: int) -> None:
        app = make_app()
        app.mount("/x", spelled_as_asgi()[number])
        assert (await json(app, "/x/y"))["app"] == "inner"

    async def test_or_said(self) -> None:
        inner = tell("inner")
        app = make_app()
        app.mount("/wsgi", lambda environ, start, option=None: wsgi_tell(environ, start))
        app.mount("/said", lambda *args: wsgi_tell(*args), wsgi=True)
        app.mount("/asgi", lambda *args: inner(*args), wsgi=False)
        assert await text(app, "/wsgi/y") == "GET|/wsgi|/y|"
        assert await text(app, "/said/y") == "GET|/said|/y|"
        assert (await json(app, "/asgi/y"))["app"] == "inner"

    def test_what_cannot_be_called(self) -> None:
        with pytest.raises(SetupError, match="neither an ASGI nor a WSGI"):
            make_app().mount("/x", "module:app")

    def test_a_refused_application_leaves_nothing_behind(self) -> None:
        app = make_app()
        with pytest.raises(SetupError):
            app.mount("/x", "module:app")
        app.mount("/x", tell("inner"))


class Environments:
    """A WSGI application that keeps the environments and the bodies that it gets."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []
        self.bodies: list[Any] = []
        self.read: Any = lambda body: body.read()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        self.seen.append(environ)
        self.bodies.append(self.read(environ["wsgi.input"]))
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"done"]


class TestWSGI:
    """What a WSGI application is told, as PEP 3333 has it."""

    @pytest.fixture
    def two_threads(self) -> None:
        set_thread_limit(2)

    async def environ(self, scope: dict[str, Any], prefix: str = "/old") -> dict[str, Any]:
        app, old = make_app(), Environments()
        app.mount(prefix, old)
        peer = await call(app, scope, END)
        assert peer.status == 200
        return old.seen[0]

    @pytest.mark.parametrize(
        ("root", "path", "script", "info"),
        [
            ("", "/old", "/old", ""),
            ("", "/old/", "/old", "/"),
            ("", "/old/x", "/old", "/x"),
            ("/base", "/base/old/x", "/base/old", "/x"),
            ("/base/", "/base/old/x", "/base/old", "/x"),
            ("/r\u00e9", "/r\u00e9/old/\u00fc", "/r\xc3\xa9/old", "/\xc3\xbc"),
        ],
    )
    async def test_where_it_is_mounted(self, root: str, path: str, script: str, info: str) -> None:
        environ = await self.environ(http_scope(path, root_path=root))
        assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == (script, info)

    async def test_whatever_the_process_has_for_a_script_name(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SCRIPT_NAME", "/of/the/process")
        environ = await self.environ(http_scope("/old/x"))
        assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("/old", "/x")

    async def test_what_was_asked(self) -> None:
        scope = http_scope(
            "/old/x",
            method="PUT",
            scheme="https",
            query_string=b"a=1&b=\xff",
            server=("host", 8443),
            client=("10.0.0.1", 99),
            headers=[
                (b"host", b"example.org"),
                (b"content-type", b"text/plain"),
                (b"content-length", b"0"),
                (b"x-name", b"one"),
                (b"x-name", b"two"),
            ],
        )
        environ = await self.environ(scope)
        expected = {
            "REQUEST_METHOD": "PUT",
            "QUERY_STRING": "a=1&b=\xff",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "SERVER_NAME": "host",
            "SERVER_PORT": "8443",
            "REMOTE_ADDR": "10.0.0.1",
            "CONTENT_TYPE": "text/plain",
            "CONTENT_LENGTH": "0",
            "HTTP_HOST": "example.org",
            "HTTP_X_NAME": "one,two",
            "wsgi.url_scheme": "https",
            "wsgi.version": (1, 0),
            "wsgi.multithread": True,
        }
        assert {key: environ[key] for key in expected} == expected
        create_environ()  # what a WSGI server has to tell
        assert {"wsgi.errors", "wsgi.run_once", "wsgi.multiprocess"} <= set(environ)

    async def test_a_cookie_in_parts_is_one(self) -> None:
        headers = [(b"cookie", b"a=1"), (b"cookie", b"b=2")]
        environ = await self.environ(http_scope("/old", headers=headers))
        assert environ["HTTP_COOKIE"] == "a=1; b=2"

    async def test_a_header_does_not_pass_for_another(self) -> None:
        headers = [(b"x-user", b"ann"), (b"x_user", b"root"), (b"content_length", b"7")]
        environ = await self.environ(http_scope("/old", headers=headers))
        assert environ["HTTP_X_USER"] == "ann"
        assert "CONTENT_LENGTH" not in environ

    @pytest.mark.parametrize(
        ("read", "expected"),
        [
            (lambda body: body.read(), b"one\ntwo\nthree"),
            (lambda body: [body.read(2), body.read(100)], [b"on", b"e\ntwo\nthree"]),
            (lambda body: [body.readline(2), body.readline()], [b"on", b"e\n"]),
            (lambda body: body.readlines(), [b"one\n", b"two\n", b"three"]),
            (list, [b"one\n", b"two\n", b"three"]),
            (lambda body: [body.read(), body.read(5), body.readline()], [b"one\ntwo\nthree", b"", b""]),
            (lambda body: None, None),
        ],
    )  # fmt: skip
    async def test_the_body_is_a_file(self, read: Any, expected: Any) -> None:
        app, old = make_app(), Environments()
        old.read = read
        app.mount("/old", old)
        events = [piece(b"on"), piece(b""), piece(b"e\ntw"), piece(b"o\nthree"), END]
        peer = await call(app, http_scope("/old", method="POST"), *events)
        assert peer.status == 200
        assert old.bodies == [expected]

    async def test_runs_in_a_thread_of_our_pool(self) -> None:
        app, names = make_app(), []

        def old(environ: Any, start_response: Any) -> Iterator[bytes]:
            names.append(threading.current_thread().name)
            start_response("200 OK", [])
            yield b"x"

        app.mount("/old", old)
        assert await text(app, "/old") == "x"
        assert names[0].startswith("pottle")

    async def test_more_requests_than_threads(self, two_threads: None) -> None:
        app = make_app()
        app.mount("/old", wsgi_tell)
        answers = await asyncio.gather(*(text(app, f"/old/{number}") for number in range(20)))
        assert answers == [f"GET|/old|/{number}|" for number in range(20)]

    async def test_sees_no_context_of_ours(self) -> None:
        app, seen = make_app(), []

        def old(environ: Any, start_response: Any) -> list[bytes]:
            seen.append((has_request_context(), current.get(None)))
            start_response("200 OK", [])
            return []

        app.mount("/old", old)
        async with app.test_request_context("/"):
            assert (await app.test_client().get("/old")).status_code == 200
        assert seen == [(False, None)]

    async def test_the_head_may_change_until_the_first_piece(self) -> None:
        def old(environ: Any, start_response: Any) -> Iterator[bytes]:
            start_response("200 OK", [("X-First", "yes")])
            yield b""
            try:
                raise LookupError
            except LookupError:
                start_response("503 Unavailable", [("X-Second", "yes")], sys.exc_info())
            yield b"sorry"

        app = make_app()
        app.mount("/old", old)
        response = await app.test_client().get("/old")
        assert response.status_code == 503
        assert "X-First" not in response.headers
        assert await response.get_data() == b"sorry"

    async def test_and_not_afterwards(self) -> None:
        def old(environ: Any, start_response: Any) -> Iterator[bytes]:
            start_response("200 OK", [])
            yield b"begun"
            try:
                raise LookupError("too late")
            except LookupError:
                start_response("500 Failed", [], sys.exc_info())

        app = make_app()
        app.mount("/old", old)
        with pytest.raises(LookupError, match="too late"):
            await app.test_client().get("/old")

    @pytest.mark.parametrize("times", [0, 2])
    async def test_start_response_is_called_once(self, times: int) -> None:
        def old(environ: Any, start_response: Any) -> list[bytes]:
            for _ in range(times):
                start_response("200 OK", [])
            return [b"x"]

        app = make_app()
        app.mount("/old", old)
        with pytest.raises(RuntimeError, match=r"call.* (twice|start_response)"):
            await app.test_client().get("/old")

    async def test_write(self) -> None:
        def old(environ: Any, start_response: Any) -> list[bytes]:
            write = start_response("200 OK", [])
            write(b"one ")
            write(b"two ")
            return [b"three"]

        app = make_app()
        app.mount("/old", old)
        assert await text(app, "/old") == "one two three"

    async def test_head_has_no_body(self) -> None:
        def old(environ: Any, start_response: Any) -> list[bytes]:
            start_response("200 OK", [("Content-Length", "4")])
            return [b"body"]

        app = make_app()
        app.mount("/old", old)
        peer = await call(app, http_scope("/old", method="HEAD"), END)
        assert peer.status == 200
        assert b"".join(message.get("body", b"") for message in peer.sent[1:]) == b""
        assert (b"content-length", b"4") in peer.sent[0]["headers"]

    async def test_pieces_are_sent_as_they_come(self) -> None:
        go = threading.Event()

        def old(environ: Any, start_response: Any) -> Iterator[bytes]:
            start_response("200 OK", [])
            yield b"first"
            assert go.wait(5)
            yield b"second"

        app = make_app()
        app.mount("/old", old)
        async with app.test_client().request("/old") as connection:
            await connection.send_complete()
            assert await connection.receive() == b"first"
            go.set()
            assert await connection.receive() == b"second"

    async def test_the_body_is_read_while_the_answer_is_sent(self) -> None:
        def old(environ: Any, start_response: Any) -> Iterator[bytes]:
            start_response("200 OK", [])
            for line in environ["wsgi.input"]:
                yield line.upper()

        app = make_app()
        app.mount("/old", old)
        async with app.test_client().request("/old", method="POST") as connection:
            for word in (b"one\n", b"two\n"):
                # A line is handed on when it is there, not when the body is.
                await connection.send(word)
                assert await connection.receive() == word.upper()
            await connection.send_complete()


class TestLeaving:
    """A client that leaves: the thread comes to its end, and closes what it was iterating."""

    @pytest.fixture
    def closed(self) -> threading.Event:
        return threading.Event()

    def endless(self, closed: threading.Event) -> Any:
        def old(environ: Any, start_response: Any) -> Iterator[bytes]:
            start_response("200 OK", [])
            try:
                while True:
                    yield b"more"
            finally:
                closed.set()

        return old

    async def test_noticed_by_the_event(self, closed: threading.Event) -> None:
        app = make_app()
        app.mount("/old", self.endless(closed))
        async with calling(app, http_scope("/old"), END) as peer:
            await peer.until_sent(4)
            peer.put({"type": "http.disconnect"})
        assert closed.is_set()

    async def test_noticed_by_the_server_s_send(self, closed: threading.Event) -> None:
        app = make_app()
        app.mount("/old", self.endless(closed))
        async with calling(app, http_scope("/old"), END) as peer:
            await peer.until_sent(4)
            peer.broken = OSError("gone")
        assert closed.is_set()

    async def test_an_error_of_the_server_s_send_is_raised(self, closed: threading.Event) -> None:
        app = make_app()
        app.mount("/old", self.endless(closed))
        peer = Peer(END)
        peer.broken = LookupError("the server's own")
        with pytest.raises(LookupError, match="the server's own"):
            await app(http_scope("/old"), peer.receive, peer.send)
        assert closed.is_set()

    async def test_while_the_body_is_read(self) -> None:
        app, old = make_app(), Environments()
        failures: list[BaseException] = []
        begun = threading.Event()

        def read(body: io.BufferedReader) -> None:
            assert body.read1() == b"half"
            begun.set()
            try:
                body.read()
            except OSError as error:
                failures.append(error)
                raise

        old.read = read
        app.mount("/old", old)
        async with calling(app, http_scope("/old", method="POST"), piece(b"half")) as peer:
            await asyncio.to_thread(begun.wait, 5)
            peer.put({"type": "http.disconnect"})
        assert "left before its request was complete" in str(failures[0])
        assert peer.sent == []

    @pytest.mark.parametrize("reading", [False, True])
    async def test_a_cancelled_call_ends_its_thread(
        self, reading: bool, closed: threading.Event
    ) -> None:
        app = make_app()
        begun = threading.Event()

        def reads(environ: Any, start_response: Any) -> list[bytes]:
            environ["wsgi.input"].read1()
            begun.set()
            try:
                environ["wsgi.input"].read()
            finally:
                closed.set()
            return []

        app.mount("/old", reads if reading else self.endless(closed))
        peer = Peer(piece(b"half") if reading else END)
        call = asyncio.create_task(app(http_scope("/old"), peer.receive, peer.send))
        if reading:
            await asyncio.to_thread(begun.wait, 5)
        else:
            await peer.until_sent(4)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert closed.is_set()

    async def test_who_sends_nothing_for_too_long(self) -> None:
        app, old = make_app(BODY_TIMEOUT=0.1), Environments()
        app.mount("/old", old)
        with pytest.raises(TimeoutError):
            await call(app, http_scope("/old", method="POST"), piece(b"half"))

    async def test_who_takes_nothing_for_too_long(self, closed: threading.Event) -> None:
        app = make_app(RESPONSE_TIMEOUT=0.1)
        app.mount("/old", self.endless(closed))
        peer = Peer(END)

        async def send(message: Any) -> None:
            await asyncio.Event().wait()

        await app(http_scope("/old"), peer.receive, send)
        assert closed.is_set()


class TestLifespan:
    def starlette(self, seen: list[str], name: str, **state: Any) -> Starlette:
        @contextlib.asynccontextmanager
        async def lifespan(app: Any) -> Any:
            seen.append(f"start {name}")
            yield state
            seen.append(f"stop {name}")

        async def show(request: Any) -> JSONResponse:
            return JSONResponse({key: getattr(request.state, key) for key in state})

        return Starlette(routes=[Route("/", show)], lifespan=lifespan)

    def pottle(self, seen: list[str], name: str) -> Pottle:
        app = make_app(name)
        app.before_serving(lambda: seen.append(f"start {name}"))
        app.after_serving(lambda: seen.append(f"stop {name}"))
        return app

    async def test_with_ours_and_in_reverse(self) -> None:
        seen: list[str] = []
        app = self.pottle(seen, "ours")
        app.mount("/a", self.starlette(seen, "first"))
        app.mount("/a/b", self.pottle(seen, "second"))
        app.mount("/w", wsgi_tell)
        app.fallback(self.starlette(seen, "third"))
        app.mount("/longest/of/all", self.starlette(seen, "fourth"))
        names = ["ours", "first", "second", "third", "fourth"]
        for _ in range(2):
            seen.clear()
            async with app.test_app():
                assert seen == [f"start {name}" for name in names]
                seen.clear()
            assert seen == [f"stop {name}" for name in reversed(names)]

    async def test_once_though_mounted_twice(self) -> None:
        seen: list[str] = []
        app, inner = make_app(), self.starlette(seen, "inner", database="db")
        app.mount("/a", inner)
        app.mount("/b", inner)
        async with app.test_app() as serving:
            client = serving.test_client()
            for path in ("/a/", "/b/"):
                assert await (await client.get(path)).get_json() == {"database": "db"}
        assert seen == ["start inner", "stop inner"]

    async def test_each_has_a_state_of_its_own(self) -> None:
        seen: list[str] = []
        app = make_app()
        app.mount("/a", self.starlette(seen, "a", client="of a"))
        app.mount("/b", self.starlette(seen, "b", client="of b"))

        @app.before_serving
        async def prepare() -> None:
            app.state["client"] = "ours"

        @app.get("/")
        async def show() -> Any:
            return {"client": request.scope["state"]["client"]}

        async with app.test_app() as serving:
            client = serving.test_client()
            for path, expected in (("/a/", "of a"), ("/b/", "of b"), ("/", "ours")):
                assert await (await client.get(path)).get_json() == {"client": expected}

    async def test_without_one(self) -> None:
        async def http_only(scope: Any, receive: Any, send: Any) -> None:
            assert scope["type"] == "http"
            await PlainTextResponse("served")(scope, receive, send)

        app = make_app()
        app.mount("/raw", http_only)
        async with app.test_app() as serving:
            response = await serving.test_client().get("/raw")
            assert await response.get_data() == b"served"

    async def test_one_that_does_not_end(self) -> None:
        seen: list[str] = []

        async def goes_on(scope: Any, receive: Any, send: Any) -> None:
            try:
                while True:
                    phase = (await receive())["type"]
                    seen.append(phase)
                    await send({"type": f"{phase}.complete"})
            finally:
                seen.append("ended")

        app = make_app()
        app.mount("/a", goes_on)
        async with app.test_app():
            assert seen == ["lifespan.startup"]
        assert seen == ["lifespan.startup", "lifespan.shutdown", "ended"]

    async def test_a_start_up_that_fails(self) -> None:
        @contextlib.asynccontextmanager
        async def fails(app: Any) -> Any:
            raise LookupError("no database")
            yield

        seen: list[str] = []
        app = self.pottle(seen, "ours")
        app.mount("/a", self.starlette(seen, "first"))
        app.mount("/b", Starlette(lifespan=fails))
        app.mount("/c", self.starlette(seen, "never"))
        with pytest.raises(
            LifespanError, match=r"(?s)mounted at '/b' failed at startup.*no database"
        ):
            await app.test_app().startup()
        assert seen == ["start ours", "start first", "stop first", "stop ours"]

    async def test_one_that_raises_without_a_word(self) -> None:
        async def fails(scope: Any, receive: Any, send: Any) -> None:
            await receive()
            raise LookupError("no database")

        app = make_app()
        app.mount("/a", fails)
        with pytest.raises(LifespanError, match="LookupError: no database"):
            await app.test_app().startup()

    async def test_one_that_ends_without_a_word(self) -> None:
        async def ends(scope: Any, receive: Any, send: Any) -> None:
            await receive()

        app = make_app()
        app.mount("/a", ends)
        with pytest.raises(LifespanError, match="without an answer to startup"):
            await app.test_app().startup()

    async def test_a_shutdown_that_fails_stops_no_other(self) -> None:
        seen: list[str] = []

        @contextlib.asynccontextmanager
        async def fails(app: Any) -> Any:
            yield
            raise LookupError("still busy")

        app = self.pottle(seen, "ours")
        app.mount("/a", self.starlette(seen, "first"))
        app.mount("/b", Starlette(lifespan=fails))
        serving = app.test_app()
        await serving.startup()
        with pytest.raises(LifespanError, match="still busy"):
            await serving.shutdown()
        assert seen == ["start ours", "start first", "stop first", "stop ours"]

    async def test_a_cancelled_start_up_is_undone(self) -> None:
        seen: list[str] = []
        reached = asyncio.Event()

        @contextlib.asynccontextmanager
        async def waits(app: Any) -> Any:
            reached.set()
            try:
                await asyncio.Event().wait()
            finally:
                seen.append("cancelled")
            yield

        app = make_app()
        app.mount("/a", self.starlette(seen, "first"))
        app.mount("/b", Starlette(lifespan=waits))
        starting = asyncio.create_task(app.startup())
        await reached.wait()
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        assert seen == ["start first", "cancelled", "stop first"]

    async def test_what_is_open_ends_when_the_shutdown_begins(self) -> None:
        app, inner = make_app(), make_app("inner")
        app.mount("/api", inner)

        @inner.sse("/events")
        async def events() -> Any:
            yield {"number": 1}
            await asyncio.Event().wait()

        async with app.test_client().sse("/api/events") as stream:
            assert (await anext(stream)).json() == {"number": 1}
            app.begin_shutdown()
            assert [event async for event in stream] == []
        assert inner.shutdown_event.is_set()
