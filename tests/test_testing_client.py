"""The test client, through applications."""

from __future__ import annotations

import asyncio
import io
from datetime import timedelta

import pytest
from werkzeug.datastructures import Authorization, FileStorage, Headers, MultiDict
from werkzeug.test import ClientRedirectError

from pottle import Pottle, Response, flash, g, redirect, request, session, url_for
from pottle.active import current
from pottle.testing import (
    LifespanError,
    PottleClient,
    make_test_body_with_headers,
    make_test_headers_path_and_query_string,
    make_test_request,
    make_test_scope,
    no_op_push,
    sentinel,
)


@pytest.fixture
def app():
    app = Pottle(__name__)
    app.secret_key = "secret"
    app.testing = True

    @app.route("/echo", methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
    @app.route("/echo/<path:rest>")
    async def echo(rest=""):
        return {
            "method": request.method,
            "url": request.url,
            "path": request.path,
            "rest": rest,
            "query": request.query_string.decode(),
            "headers": dict(request.headers),
            "body": (await request.get_data(cache=True)).decode("latin-1"),
            "remote": request.remote_addr,
            "version": request.http_version,
        }

    @app.post("/form")
    async def form():
        files = await request.files
        return {
            "form": (await request.form).to_dict(flat=False),
            "files": [
                [key, file.filename, file.mimetype, file.read().decode()]
                for key, file in files.items(multi=True)
            ],
        }

    @app.get("/cookie/<name>/<value>")
    async def set_cookie(name, value):
        response = Response("")
        response.set_cookie(name, value, **request.args)
        return response

    @app.get("/cookies")
    async def cookies():
        return dict(request.cookies)

    return app


@pytest.fixture
def client(app):
    return app.test_client()


async def echoed(response):
    assert response.status_code == 200
    return await response.get_json()


# The request


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "options", "trace"])
async def test_methods(client, method):
    assert (await echoed(await getattr(client, method)("/echo")))["method"] == method.upper()


async def test_head(client):
    response = await client.head("/echo")
    assert response.status_code == 200
    assert await response.get_data() == b""
    assert int(response.headers["Content-Length"]) > 0


async def test_the_response_is_of_the_application(app, client):
    class Own(Response):
        pass

    app.response_class = Own
    response = await client.get("/echo?a=b")
    assert isinstance(response, Own)
    assert response.history == ()
    assert response.url == "http://localhost/echo?a=b"
    assert response.content_type == "application/json"


async def test_headers_come_as_they_were_sent(app, client):
    @app.get("/bare")
    async def bare():
        response = Response(b"")
        del response.headers["Content-Type"]
        response.headers.extend([("X-A", "1"), ("X-A", "2")])
        return response

    response = await client.get("/bare")
    assert "Content-Type" not in response.headers
    assert response.headers.getlist("X-A") == ["1", "2"]


async def test_defaults(client):
    seen = await echoed(await client.get("/echo"))
    assert seen["headers"] == {"Host": "localhost", "User-Agent": "Pottle"}
    assert seen["url"] == "http://localhost/echo"
    assert seen["remote"] == "<local>"
    assert seen["version"] == "1.1"


async def test_paths_are_decoded_once(client):
    seen = await echoed(await client.get("/echo/a%20b%2520c/ü?q=%20x&y=ü z#part"))
    assert seen["rest"] == "a b%20c/ü"
    assert seen["query"] == "q=%20x&y=%C3%BC%20z"


@pytest.mark.parametrize("path", ["/a%2Fb/%C3%BC", "/a%2Fb/ü"])
async def test_the_raw_path_is_that_of_the_request_line(client, path):
    connection = client.request(path + "?x=1")
    assert connection.scope["raw_path"] == b"/a%2Fb/%C3%BC"
    assert connection.scope["path"] == "/a/b/ü"


@pytest.mark.parametrize(
    ("query_string", "query"),
    [
        ({"a": "1", "b": ["x", "y"]}, "a=1&b=x&b=y"),
        (MultiDict([("a", "1"), ("a", "2")]), "a=1&a=2"),
        ([("a", "ü &")], "a=%C3%BC+%26"),
        ("a=1%20", "a=1%20"),
        ({}, ""),
    ],
)
async def test_query_string(client, query_string, query):
    assert (await echoed(await client.get("/echo", query_string=query_string)))["query"] == query


async def test_a_query_string_twice_is_refused(client):
    with pytest.raises(ValueError, match="twice"):
        await client.get("/echo?a=1", query_string={"b": "2"})


@pytest.mark.parametrize("data", ["text", b"text", bytearray(b"text"), io.BytesIO(b"text")])
async def test_raw_data(client, data):
    seen = await echoed(await client.post("/echo", data=data))
    assert seen["body"] == "text"
    assert seen["headers"]["Content-Length"] == "4"
    assert "Content-Type" not in seen["headers"]


async def test_a_stream_that_cannot_go_back(client):
    class Pipe:
        def read(self):
            return b"text"

    assert (await echoed(await client.post("/echo", data=Pipe())))["body"] == "text"


async def test_data_of_no_use_is_refused(client):
    with pytest.raises(TypeError, match="'json'"):
        await client.post("/echo", data=7)


async def test_json(app, client):
    @app.post("/json")
    async def take_json():
        return {"got": await request.get_json()}

    assert await (await client.post("/json", json={"a": [1]})).get_json() == {"got": {"a": [1]}}
    assert await (await client.post("/json", json=None)).get_json() == {"got": None}
    seen = await echoed(
        await client.post("/echo", json=1, headers={"content-type": "application/x+json"})
    )
    assert seen["headers"]["Content-Type"] == "application/x+json"


async def test_content_type(client):
    seen = await echoed(await client.post("/echo", data="a,b", content_type="text/csv"))
    assert seen["headers"]["Content-Type"] == "text/csv"


@pytest.mark.parametrize("name", ["data", "form"])
async def test_forms(client, name):
    form = {"a": "1", "b": ["x", "ü"], "n": 7}
    seen = await echoed(await client.post("/form", **{name: form}))
    assert seen == {"form": {"a": ["1"], "b": ["x", "ü"], "n": ["7"]}, "files": []}
    form = MultiDict([("a", "1"), ("a", "2")])
    assert (await echoed(await client.post("/form", **{name: form})))["form"] == {"a": ["1", "2"]}


async def test_an_empty_mapping_is_no_body(client):
    seen = await echoed(await client.post("/echo", data={}))
    assert seen["body"] == ""
    assert "Content-Type" not in seen["headers"]


async def test_files(client):
    data = {
        "a": "1",
        "plain": (io.BytesIO(b"one"), "one.txt"),
        "typed": (io.BytesIO(b"two"), "two.txt", "text/x-two"),
        "several": [(io.BytesIO(b"3"), "3.txt"), FileStorage(io.BytesIO(b"4"), "4.txt")],
        "nameless": io.BytesIO(b"five"),
    }
    expected = [
        ["plain", "one.txt", "text/plain", "one"],
        ["typed", "two.txt", "text/x-two", "two"],
        ["several", "3.txt", "text/plain", "3"],
    ]
    for _ in range(2):
        seen = await echoed(await client.post("/form", data=data))
        assert seen["form"] == {"a": ["1"]}
        assert seen["files"][:3] == expected, "open files can be sent again"
        assert [file[3] for file in seen["files"][3:]] == ["4", "five"]
    storage = FileStorage(io.BytesIO(b"one"), "one.txt", content_type="text/plain")
    seen = await echoed(await client.post("/form", form={"a": "1"}, files={"plain": storage}))
    assert seen == {"form": {"a": ["1"]}, "files": expected[:1]}


@pytest.mark.parametrize(
    "arguments",
    [
        {"json": 1, "data": ""},
        {"json": 1, "form": {}},
        {"data": "", "form": {}},
        {"data": "", "files": {}},
        {"json": 1, "files": {}},
    ],
)
async def test_a_request_has_one_body(client, arguments):
    with pytest.raises(ValueError, match="one body"):
        await client.post("/echo", **arguments)


@pytest.mark.parametrize("auth", [("me", "pw"), Authorization("bearer", token="t")])
async def test_auth(client, auth):
    seen = await echoed(await client.get("/echo", auth=auth))
    expected = "Basic bWU6cHc=" if isinstance(auth, tuple) else "Bearer t"
    assert seen["headers"]["Authorization"] == expected


async def test_hosts(app, client):
    assert (await echoed(await client.get("/echo", subdomain="x")))["url"] == (
        "http://x.localhost/echo"
    )
    app.config["SERVER_NAME"] = "example.com:5000"
    assert (await echoed(await client.get("/echo")))["url"] == "http://example.com:5000/echo"
    connection = client.request("/", scheme="https", headers={"Host": "other.com"})
    assert connection.scope["server"] == ("other.com", 443)
    assert client.request("/").scope["server"] == ("example.com", 5000)


async def test_absolute_urls(client):
    seen = await echoed(await client.get("https://me@example.com:8443/echo?a=1"))
    assert seen["url"] == "https://example.com:8443/echo?a=1"
    assert (await echoed(await client.get("echo")))["path"] == "/echo"
    assert (await client.get("http://localhost")).status_code == 404


async def test_base_url(client):
    response = await client.get("/echo", base_url="https://example.com/api/")
    assert (await echoed(response))["url"] == "https://example.com/api/echo"
    assert (await echoed(response))["path"] == "/echo"
    with pytest.raises(ValueError, match="whole URL"):
        await client.get("http://localhost/echo", base_url="http://localhost")


async def test_root_path(client):
    seen = await echoed(await client.get("/api/echo", root_path="/api"))
    assert seen["path"] == "/echo"


async def test_scope_base_lies_over_the_scope(client):
    client.scope_base["client"] = ("10.0.0.1", 1)
    assert (await echoed(await client.get("/echo")))["remote"] == "10.0.0.1"
    base = {"client": ("10.0.0.2", 1)}
    assert (await echoed(await client.get("/echo", scope_base=base)))["remote"] == "10.0.0.2"


async def test_arguments_are_left_alone(client):
    headers = Headers({"X-A": "1"})
    await client.get("/cookie/a/1")
    await client.post("/echo", headers=headers, json=1)
    assert headers == Headers({"X-A": "1"})


async def test_options_for_the_whole_server(client):
    assert client.request("*", method="OPTIONS").scope["path"] == "*"


async def test_http_2(client):
    seen = await echoed(await client.get("/echo", http_version="2"))
    assert seen["version"] == "2"


# Redirects


@pytest.fixture
def hops(app):
    @app.route("/hop/<int:status>", methods=["GET", "POST", "HEAD"])
    async def hop(status):
        target = request.args.get("to", "/echo?hopped=1")
        return "", status, {"Location": target}

    @app.route("/round")
    async def around():
        return redirect("/round")

    return app


@pytest.mark.parametrize(
    ("status", "method"), [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")]
)
async def test_redirects_and_methods(hops, client, status, method):
    response = await client.post(f"/hop/{status}", json={"a": 1}, follow_redirects=True)
    seen = await echoed(response)
    assert seen["method"] == method
    assert seen["query"] == "hopped=1"
    assert seen["body"] == ('{"a": 1}' if method == "POST" else "")
    assert ("Content-Type" in seen["headers"]) is (method == "POST")
    (first,) = response.history
    assert first.status_code == status
    assert first.history == ()
    assert response.url == "http://localhost/echo?hopped=1"


async def test_a_head_request_stays_one(hops, client):
    response = await client.head("/hop/302", follow_redirects=True)
    assert response.status_code == 200
    assert await response.get_data() == b""


async def test_open_files_are_sent_again(hops, client):
    data = {"f": (io.BytesIO(b"one"), "one.txt")}
    response = await client.post(
        "/hop/307", data=data, query_string={"to": "/form"}, follow_redirects=True
    )
    assert (await echoed(response))["files"] == [["f", "one.txt", "text/plain", "one"]]


@pytest.mark.parametrize(
    ("start", "to", "url"),
    [
        ("/hop/302", "/echo#part", "http://localhost/echo"),
        ("/hop/302", "../echo", "http://localhost/echo"),
        ("/hop/302", "https://localhost/echo", "https://localhost/echo"),
        ("/hop/302", "//localhost/echo", "http://localhost/echo"),
        ("/hop/302", "http://x.localhost/echo", "http://x.localhost/echo"),
        ("http://x.localhost/hop/302", "http://localhost/echo", "http://localhost/echo"),
        ("http://other.com/hop/302", "/echo", "http://other.com/echo"),
    ],
)
async def test_where_redirects_lead(hops, client, start, to, url):
    response = await client.get(start, query_string={"to": to}, follow_redirects=True)
    assert (await echoed(response))["url"] == url
    assert response.url == url


@pytest.mark.parametrize("to", ["http://example.com/", "http://notlocalhost/", "mailto:x@y"])
async def test_a_redirect_out_of_the_application(hops, client, to):
    with pytest.raises(ClientRedirectError, match="does not serve"):
        await client.get("/hop/302", query_string={"to": to}, follow_redirects=True)
    response = await client.get("/hop/302", query_string={"to": to})
    assert response.location == to


async def test_a_redirect_within_the_server_name(hops, client):
    hops.config["SERVER_NAME"] = "example.com"
    to = "http://sub.example.com/echo"
    response = await client.get(
        "/hop/302", query_string={"to": to}, auth=("me", "pw"), follow_redirects=True
    )
    seen = await echoed(response)
    assert seen["headers"]["Host"] == "sub.example.com"
    assert "Authorization" not in seen["headers"], "credentials stay with their host"


async def test_redirects_in_a_circle(hops, client):
    with pytest.raises(ClientRedirectError, match="20 redirects"):
        await client.get("/round", follow_redirects=True)


@pytest.mark.parametrize("status", [300, 304, 305])
async def test_what_is_no_redirect(hops, client, status):
    response = await client.get(f"/hop/{status}", follow_redirects=True)
    assert response.status_code == status


async def test_a_redirect_without_location(app, client):
    @app.get("/nowhere")
    async def nowhere():
        return "", 302

    assert (await client.get("/nowhere", follow_redirects=True)).status_code == 302


async def test_cookies_are_carried_through_redirects(app, client):
    @app.get("/login")
    async def login():
        response = redirect("/cookies")
        response.set_cookie("a", "1")
        return response

    response = await client.get("/login", follow_redirects=True)
    assert await response.get_json() == {"a": "1"}


# Cookies


async def cookies_at(client, url="/cookies", **kwargs):
    return await (await client.get(url, **kwargs)).get_json()


async def test_cookies_are_kept(client):
    await client.get("/cookie/a/1")
    await client.get("/cookie/b/x%20y")
    assert await cookies_at(client) == {"a": "1", "b": "x y"}
    assert await cookies_at(client, "http://other.com/cookies") == {}
    assert [cookie.key for cookie in client.cookie_jar] == ["a", "b"]


async def test_cookies_by_path(client):
    await client.get("/cookie/a/1?path=/cookies")
    await client.get("/cookie/b/1?path=/cook")
    assert await cookies_at(client) == {"a": "1"}


async def test_cookies_of_the_test_win(client):
    await client.get("/cookie/a/1")
    await client.get("/cookie/b/1")
    assert await cookies_at(client, headers={"Cookie": "a=2; c=3"}) == {
        "a": "2",
        "b": "1",
        "c": "3",
    }


async def test_cookies_of_streams_are_kept(client):
    async with client.request("/cookie/a/1"):
        pass
    assert await cookies_at(client) == {"a": "1"}


async def test_set_cookie_as_in_quart(client):
    client.set_cookie("localhost", "a", "1 2", max_age=timedelta(hours=1), httponly=True)
    client.set_cookie("localhost", "e", "")
    client.set_cookie("www.example.com", "b", value="2", domain="example.com", secure=True)
    assert await cookies_at(client) == {"a": "1 2", "e": ""}
    assert await cookies_at(client, "http://x.example.com/cookies") == {}
    assert await cookies_at(client, "https://x.example.com/cookies") == {"b": "2"}
    client.delete_cookie("localhost", "a")
    client.delete_cookie("www.example.com", "b", domain="example.com")
    assert [cookie.key for cookie in client.cookie_jar] == ["e"]


async def test_set_cookie_without_a_server_name(client):
    client.set_cookie(None, "a", "1", domain=None)
    assert await cookies_at(client) == {"a": "1"}
    client.delete_cookie(None, "a")
    assert await cookies_at(client) == {}


async def test_set_cookie_as_in_flask(app, client):
    client.set_cookie("a", "1")
    client.set_cookie("b", value="2", domain="example.com")
    client.set_cookie("c")
    client.set_cookie("d", "4", path="/elsewhere")
    assert await cookies_at(client) == {"a": "1", "c": ""}
    assert await cookies_at(client, "http://example.com/cookies") == {"b": "2"}
    assert client.get_cookie("a").value == "1"
    assert client.get_cookie("b", domain="example.com").decoded_value == "2"
    assert client.get_cookie("d", path="/elsewhere").path == "/elsewhere"
    assert client.get_cookie("b") is None
    client.delete_cookie("a")
    client.delete_cookie("b", domain="example.com")
    client.delete_cookie("d", path="/elsewhere")
    assert [cookie.key for cookie in client.cookie_jar] == ["c"]


async def test_without_cookies(app):
    client = app.test_client(use_cookies=False)
    await client.get("/cookie/a/1")
    assert await cookies_at(client) == {}
    assert await cookies_at(client, headers={"Cookie": "a=2"}) == {"a": "2"}
    with pytest.raises(RuntimeError, match="use_cookies"):
        client.set_cookie("a", "1")
    with pytest.raises(RuntimeError, match="use_cookies"):
        async with client.session_transaction():
            pass


# Sessions and contexts


@pytest.fixture
def counting(app):
    @app.get("/count")
    async def count():
        session["count"] = session.get("count", 0) + 1
        g.seen = session["count"]
        return str(g.seen)

    return app


async def test_session_transaction(counting, client):
    async with client.session_transaction() as stored:
        stored["count"] = 5
        assert current.get(None) is None
    assert await (await client.get("/count")).get_data() == b"6"
    async with client.session_transaction() as stored:
        assert stored["count"] == 6
        del stored["count"]
    assert await (await client.get("/count")).get_data() == b"1"


@pytest.mark.parametrize(
    "config",
    [
        {"SESSION_COOKIE_SECURE": True},
        {"SESSION_COOKIE_DOMAIN": "example.com", "SERVER_NAME": "example.com"},
        {"SESSION_COOKIE_PATH": "/count"},
    ],
)
async def test_session_transaction_with_cookie_settings(counting, client, config):
    counting.config.update(config)
    async with client.session_transaction("/count") as stored:
        stored["count"] = 5
    assert await (await client.get("/count")).get_data() == b"6"


async def test_a_session_transaction_that_fails_changes_nothing(counting, client):
    with pytest.raises(KeyError):
        async with client.session_transaction() as stored:
            stored["count"] = 5
            raise KeyError
    assert await (await client.get("/count")).get_data() == b"1"


async def test_session_transaction_without_secret_key(app, client):
    app.secret_key = None
    with pytest.raises(RuntimeError, match="secret_key"):
        async with client.session_transaction():
            pass


async def test_session_transaction_with_a_null_session(app, client):
    class Interface(type(app.session_interface)):
        def open_session(self, app, request):
            return self.make_null_session(app)

    app.session_interface = Interface()
    async with client.session_transaction() as stored:
        with pytest.raises(RuntimeError):
            stored["a"] = 1
    assert len(client.cookie_jar) == 0


async def test_flashes_are_seen_in_the_session(app, client):
    @app.get("/flash")
    async def flashing():
        await flash("hello")
        return ""

    await client.get("/flash")
    async with client.session_transaction() as stored:
        assert stored["_flashes"] == [("message", "hello")]


async def test_the_context_is_kept_within_a_block(counting, client):
    async with client:
        await client.get("/count?x=1")
        assert request.args["x"] == "1"
        assert session["count"] == 1
        assert g.seen == 1
        await client.get("/count?x=2")
        assert request.args["x"] == "2"
        assert session["count"] == 2
        assert url_for("count") == "/count"
        async with client.session_transaction() as stored:
            assert stored["count"] == 2
        with pytest.raises(RuntimeError, match="nested"):
            async with client:
                pass
    assert not request
    assert current.get(None) is None
    await client.get("/count")
    assert not request


async def test_a_kept_context_is_not_seen_by_the_next_request(counting, client):
    @counting.get("/clean")
    async def clean():
        return str("seen" in g)

    async with client:
        await client.get("/count")
        assert await (await client.get("/clean")).get_data() == b"False"
        await client.get("/count")
        async with client.request("/clean") as connection:
            assert await connection.receive() == b"False"


async def test_the_context_of_the_last_redirect_is_kept(hops, client):
    async with client:
        await client.get("/hop/302", follow_redirects=True)
        assert request.path == "/echo"


async def test_the_context_is_kept_when_the_request_fails(app, client):
    @app.get("/fail")
    async def fail():
        g.seen = 1
        raise ZeroDivisionError

    async with client:
        with pytest.raises(ZeroDivisionError):
            await client.get("/fail")
        assert g.seen == 1
        assert request.path == "/fail"


async def test_a_context_kept_by_another_task_is_let_go(counting, client):
    async with client:
        await asyncio.create_task(client.get("/count"))
        assert not request
        await client.get("/count")
        assert session["count"] == 2
    assert not request


async def test_requests_do_not_leak_their_context(counting, client):
    await client.get("/count")
    assert current.get(None) is None
    async with counting.app_context():
        g.mine = 1
        await client.get("/count")
        assert g.mine == 1
        assert not request


# Errors


async def test_unhandled_errors_are_raised_in_the_test(app, client):
    @app.get("/fail")
    async def fail():
        raise ZeroDivisionError("oops")

    with pytest.raises(ZeroDivisionError, match="oops"):
        await client.get("/fail")
    app.config["PROPAGATE_EXCEPTIONS"] = False
    assert (await client.get("/fail")).status_code == 500


async def test_the_client_class_can_be_replaced(app):
    class Client(PottleClient):
        async def _make_request(self, path, method, headers, *rest):
            headers = Headers(headers)
            headers["X-Own"] = "1"
            return await super()._make_request(path, method, headers, *rest)

    app.test_client_class = Client
    seen = await echoed(await app.test_client().get("/echo"))
    assert seen["headers"]["X-Own"] == "1"


# Streams, event streams


async def test_streaming_through_an_application(app, client):
    @app.post("/double")
    async def double():
        async def generate():
            async for chunk in request.body:
                yield chunk * 2

        return generate()

    async with client.request("/double", method="POST") as connection:
        await connection.send(b"a")
        assert await connection.receive() == b"aa"
        await connection.send(b"b")
        assert await connection.receive() == b"bb"
        assert connection.status_code == 200
        assert connection.headers["Content-Type"].startswith("text/html")


async def test_leaving_a_stream_ends_the_application(app, client):
    ended = False

    @app.get("/stream")
    async def stream():
        async def generate():
            nonlocal ended
            try:
                while True:
                    yield b"x"
                    await asyncio.sleep(0)
            finally:
                ended = True

        return generate()

    async with client.request("/stream") as connection:
        assert await connection.receive() == b"x"
        await connection.disconnect()
    assert ended


async def test_sse(app, client):
    ended = False

    @app.get("/events")
    async def events():
        async def generate():
            nonlocal ended
            try:
                count = int(request.headers.get("Last-Event-ID", 0))
                while True:
                    count += 1
                    yield f"id: {count}\nevent: tick\ndata: {{}}\n\n"
                    await asyncio.sleep(0)
            finally:
                ended = True

        return Response(generate(), content_type="text/event-stream")

    async with client.sse("/events", headers={"Last-Event-ID": "6"}) as stream:
        event = await stream.receive()
        assert (event.id, event.event, event.json()) == ("7", "tick", {})
        async for event in stream:
            assert event.id == "8"
            break
    assert ended


# The application around


async def test_test_app(app):
    steps = []

    @app.before_serving
    async def begin():
        steps.append("begin")

    @app.after_serving
    async def end():
        steps.append("end")

    async with app.test_app() as test_app:
        response = await test_app.test_client().get("/echo")
        assert response.status_code == 200
        assert steps == ["begin"]
    assert steps == ["begin", "end"]


async def test_a_start_up_that_fails(app):
    @app.before_serving
    async def begin():
        raise ZeroDivisionError("no database")

    with pytest.raises((LifespanError, ZeroDivisionError), match="no database"):
        async with app.test_app():
            pass


async def test_a_start_up_that_hangs(app):
    ended = False

    @app.before_serving
    async def begin():
        nonlocal ended
        try:
            await asyncio.Event().wait()
        finally:
            ended = True

    with pytest.raises(TimeoutError, match=r"startup in 0\.01 s"):
        async with app.test_app(startup_timeout=0.01):
            pass
    assert ended


def test_cli_runner(app):
    import click

    @app.cli.command("hello")
    @click.argument("name")
    def hello(name):
        click.echo(f"hello {name}")

    runner = app.test_cli_runner()
    result = runner.invoke(args=["hello", "you"])
    assert result.output == "hello you\n"

    @click.command()
    @click.pass_obj
    def own(info):
        click.echo(info.load_app() is app)

    assert runner.invoke(own).output == "True\n"
    assert runner.invoke(own, obj=None).exit_code == 1


# Requests without a server


async def test_test_request_context(app):
    async with app.test_request_context(
        "/echo?a=1", method="POST", json={"b": 2}, headers={"X-A": "1"}, auth=("me", "pw")
    ):
        assert request.method == "POST"
        assert request.args["a"] == "1"
        assert await request.get_json() == {"b": 2}
        assert request.headers["X-A"] == "1"
        assert request.authorization.username == "me"
        assert request.url == "http://localhost/echo?a=1"
        assert request.content_length == 8
    async with app.test_request_context("/form", method="POST", data={"a": "1"}):
        assert (await request.form)["a"] == "1"
    async with app.test_request_context("/", data="a,b", content_type="text/csv"):
        assert request.mimetype == "text/csv"
        assert await request.get_data() == b"a,b"
    async with app.test_request_context("/echo", base_url="https://example.com/api"):
        assert request.url == "https://example.com/api/echo"
        assert request.path == "/echo"
        assert request.scope["raw_path"] == b"/api/echo"


async def test_make_test_request_for_a_websocket(app):
    websocket = make_test_request(app, "/ws?a=1", websocket=True, subprotocols=["x", "y"])
    assert websocket.scheme == "ws"
    assert websocket.args["a"] == "1"
    assert websocket.requested_subprotocols == ["x", "y"]
    with pytest.raises(RuntimeError, match="no client"):
        await websocket.receive()


def test_make_test_headers_path_and_query_string(app):
    headers, path, query = make_test_headers_path_and_query_string(app, "/a%20b?c=d")
    assert headers == Headers({"User-Agent": "Pottle", "Host": "localhost"})
    assert path == "/a b"
    assert query == b"c=d"
    given = Headers({"Host": "x", "User-Agent": "y"})
    headers, _, query = make_test_headers_path_and_query_string(app, "/", given, {"a": "b"})
    assert headers == given
    assert headers is not given
    assert query == b"a=b"


async def test_make_test_body_with_headers():
    assert make_test_body_with_headers() == (b"", Headers())
    assert make_test_body_with_headers(json=sentinel, data="a") == (b"a", Headers())
    body, headers = make_test_body_with_headers(json={"a": 1})
    assert body == b'{"a": 1}'
    assert headers == Headers({"Content-Type": "application/json"})
    body, _ = make_test_body_with_headers(files=[("a", (io.StringIO("ü"), "a.txt"))])
    assert "ü".encode() in body
    for plain in (b"plain", (b"plain", "a.txt")):
        body, _ = make_test_body_with_headers(files={"a": plain})
        assert b"\r\n\r\nplain\r\n" in body
    assert await no_op_push("/", Headers()) is None


def test_make_test_scope():
    scope = make_test_scope(
        "http", "/a b", "GET", Headers({"X-A": "1"}), b"q=1", "http", "", "1.1", {"extra": 1}
    )
    assert scope["headers"] == [(b"x-a", b"1")]
    assert scope["raw_path"] == b"/a%20b"
    assert scope["server"] == ("localhost", 80)
    assert scope["asgi"] == {"version": "3.0", "spec_version": "2.4"}
    assert scope["extra"] == 1
    assert scope["extensions"] == {}
