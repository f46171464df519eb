"""What a request knows without its body: read lazily from the scope, right for every server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.datastructures import Headers
from werkzeug.exceptions import NotFound

from peer import Peer, call, calling, http_scope, piece
from pottle import Blueprint, Pottle, request
from pottle.errors import ClientDisconnected, ContextError
from pottle.testing import WebsocketResponseError
from pottle.wrappers import Request

if TYPE_CHECKING:
    from collections.abc import Callable

SENT = {
    "Accept": "text/html;q=0.5, application/json",
    "Accept-Encoding": "gzip, br;q=0.1",
    "Accept-Language": "de, en;q=0.3",
    "Authorization": "Basic dTpw",
    "Cache-Control": "max-age=3, no-cache",
    "Cookie": 'k=v; l="a b"',
    "If-Modified-Since": "Sat, 01 Jan 2022 00:00:00 GMT",
    "If-None-Match": '"x", W/"y"',
    "Last-Event-ID": "17",
    "Origin": "http://o",
    "Range": "bytes=0-4,7-",
    "Referer": "http://r/",
    "User-Agent": "U/1",
    "X-Forwarded-For": "1.2.3.4, 5.6.7.8",
}


async def facts(
    path: str, what: Callable[[Request], Any], *, rule: str = "/", **options: Any
) -> Any:
    """What a view at *rule* sees of the request for *path*."""
    app = Pottle(__name__)
    seen = []

    @app.route(rule, methods=["GET", "POST"])
    async def view(**values: Any) -> str:
        seen.append(what(request))
        return ""

    answer = await app.test_client().open(path, **options)
    assert answer.status_code == 200
    return seen[0]


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (lambda r: r.accept_mimetypes.best, "application/json"),
        (lambda r: r.accept_mimetypes["text/html"], 0.5),
        (lambda r: r.accept_encodings.best, "gzip"),
        (lambda r: list(r.accept_languages.values()), ["de", "en"]),
        (lambda r: (r.authorization.username, r.authorization.password), ("u", "p")),
        (lambda r: (r.cache_control.max_age, bool(r.cache_control.no_cache)), (3, True)),
        (lambda r: r.cookies.to_dict(), {"k": "v", "l": "a b"}),
        (lambda r: r.if_modified_since.year, 2022),
        (lambda r: r.if_none_match.contains_weak("y"), True),
        (lambda r: r.last_event_id, "17"),
        (lambda r: r.origin, "http://o"),
        (lambda r: (r.range.units, r.range.ranges), ("bytes", [(0, 5), (7, None)])),
        (lambda r: r.referrer, "http://r/"),
        (lambda r: r.user_agent.string, "U/1"),
        (lambda r: list(r.access_route), ["1.2.3.4", "5.6.7.8"]),
        (lambda r: r.remote_addr, "<local>"),
        (lambda r: r.headers["ACCEPT-LANGUAGE"], "de, en;q=0.3"),
        (lambda r: r.headers.get("X-None"), None),
        (lambda r: r.http_version, "1.1"),
        (lambda r: r.method, "GET"),
        (lambda r: repr(r), "<Request GET '/'>"),
    ],
)
async def test_headers_and_what_is_in_them(what: Callable[[Request], Any], expected: Any) -> None:
    assert await facts("/", what, headers=SENT) == expected


async def test_what_was_not_sent() -> None:
    def look(r: Request) -> Any:
        return (
            r.last_event_id,
            r.authorization,
            r.range,
            r.content_type,
            r.content_length,
            r.mimetype,
            r.is_json,
            list(r.args),
            list(r.access_route),
        )

    expected = (None, None, None, None, None, "", False, [], ["<local>"])
    assert await facts("/", look) == expected


async def test_query_arguments() -> None:
    def look(r: Request) -> Any:
        return r.args.getlist("a"), r.args["b"], r.args["c"], r.query_string

    seen = await facts("/?a=1&a=2&b=%C3%A9&c", look)
    assert seen == (["1", "2"], "é", "", b"a=1&a=2&b=%C3%A9&c")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("path", "/v/a b/é"),
        ("full_path", "/v/a b/é?q=1%202"),
        ("url", "https://ex.org:8443/api/v/a%20b/é?q=1%202"),
        ("base_url", "https://ex.org:8443/api/v/a%20b/é"),
        ("root_url", "https://ex.org:8443/api/"),
        ("url_root", "https://ex.org:8443/api/"),
        ("host", "ex.org:8443"),
        ("host_url", "https://ex.org:8443/"),
        ("root_path", "/api"),
        ("script_root", "/api"),
        ("scheme", "https"),
        ("is_secure", True),
        ("view_args", {"path": "a b/é"}),
        ("server", ("ex.org", 8443)),
    ],
)
async def test_urls(name: str, expected: Any) -> None:
    seen = await facts(
        "/api/v/a%20b/%C3%A9?q=1%202",
        lambda r: getattr(r, name),
        rule="/v/<path:path>",
        root_path="/api",
        scheme="https",
        headers={"Host": "ex.org:8443"},
    )
    assert seen == expected


async def test_the_default_port_is_not_part_of_the_host() -> None:
    seen = await facts("/", lambda r: (r.host, r.url), headers={"Host": "ex.org:80"})
    assert seen == ("ex.org", "http://ex.org/")


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("application/json", (True, "application/json", {})),
        (
            "application/vnd.x+json; charset=utf-8",
            (True, "application/vnd.x+json", {"charset": "utf-8"}),
        ),
        ("TEXT/Plain", (False, "text/plain", {})),
        ("application/jsonx", (False, "application/jsonx", {})),
    ],
)
async def test_content_type(content_type: str, expected: Any) -> None:
    def look(r: Request) -> Any:
        return r.is_json, r.mimetype, r.mimetype_params

    assert await facts("/", look, headers={"Content-Type": content_type}) == expected


# Where it matched


async def test_endpoint_and_blueprints() -> None:
    app = Pottle(__name__)
    outer = Blueprint("outer", __name__, url_prefix="/outer")
    inner = Blueprint("inner", __name__, url_prefix="/inner")

    async def show(**values: Any) -> dict[str, Any]:
        return {
            "endpoint": request.endpoint,
            "blueprint": request.blueprint,
            "blueprints": request.blueprints,
            "rule": request.url_rule.rule if request.url_rule else None,
            "view_args": request.view_args,
        }

    @app.errorhandler(404)
    async def missing(error: NotFound) -> tuple[dict[str, Any], int]:
        assert request.routing_exception is error
        return await show(), 404

    app.add_url_rule("/here", "here", show)
    inner.add_url_rule("/<int:number>", "there", show)
    outer.register_blueprint(inner)
    app.register_blueprint(outer)
    client = app.test_client()

    assert await (await client.get("/here")).get_json() == {
        "endpoint": "here",
        "blueprint": None,
        "blueprints": [],
        "rule": "/here",
        "view_args": {},
    }
    assert await (await client.get("/outer/inner/3")).get_json() == {
        "endpoint": "outer.inner.there",
        "blueprint": "outer.inner",
        "blueprints": ["outer.inner", "outer"],
        "rule": "/outer/inner/<int:number>",
        "view_args": {"number": 3},
    }
    assert await (await client.get("/nowhere")).get_json() == {
        "endpoint": None,
        "blueprint": None,
        "blueprints": [],
        "rule": None,
        "view_args": None,
    }


# Mounting, ledger 28


@pytest.mark.parametrize("root_path", ["/api", "/api/"])
@pytest.mark.parametrize(
    ("path", "status", "seen"),
    [
        ("/api/", 200, b"/ /api"),
        ("/api", 200, b"/ /api"),
        ("/api/x", 200, b"/x /api"),
        ("/apix", 404, None),
        ("/apix/x", 404, None),
        ("/x", 404, None),
        ("/", 404, None),
        ("/api/api", 404, None),
    ],
)
async def test_mounted_at_a_root_path(
    root_path: str, path: str, status: int, seen: bytes | None
) -> None:
    app = Pottle(__name__)

    async def show() -> str:
        return f"{request.path} {request.script_root}"

    app.add_url_rule("/", "root", show)
    app.add_url_rule("/x", "x", show)
    # Compiled before without a root path: what the plan has learned must not leak.
    for warm in ("/", "/x", "/x"):
        assert (await app.test_client().get(warm)).status_code == 200

    answer = await call(app, http_scope(path, root_path=root_path), piece(b"", False))
    assert answer.status == status
    if seen is not None:
        assert answer.body == seen


# Hosts, ledger 5


async def test_an_untrusted_host_is_a_400() -> None:
    app = Pottle(__name__)
    app.config["TRUSTED_HOSTS"] = ["example.org", ".example.com"]

    @app.get("/")
    async def index() -> str:
        return request.host

    @app.websocket("/ws")
    async def ws() -> None:
        raise AssertionError("must not be called")

    @app.errorhandler(400)
    async def bad(error: Exception) -> tuple[str, int]:
        return "not from there", 400

    async def ask(host: str) -> tuple[int, bytes]:
        answer = await app.test_client().get("/", headers={"Host": host})
        return answer.status_code, await answer.get_data()

    assert await ask("example.org") == (200, b"example.org")
    assert await ask("a.example.com:8000") == (200, b"a.example.com:8000")
    assert await ask("evil.org") == (400, b"not from there")
    assert await ask("evil.org") == (400, b"not from there")
    assert await ask("example.org.evil.org") == (400, b"not from there")
    without = http_scope(headers=[], server=("10.0.0.1", 8000))
    assert (await call(app, without, piece(b"", False))).status == 400

    with pytest.raises(WebsocketResponseError) as refused:
        async with app.test_client().websocket("/ws", headers={"Host": "evil.org"}) as peer:
            await peer.receive()
    assert refused.value.response.status_code == 400


async def test_trusted_hosts_may_change_and_may_be_a_requests_own() -> None:
    app = Pottle(__name__)

    @app.get("/")
    async def index() -> str:
        return request.host

    client = app.test_client()
    elsewhere = {"Host": "evil.org"}
    assert (await client.get("/", headers=elsewhere)).status_code == 200
    app.config["TRUSTED_HOSTS"] = ["example.org"]
    assert (await client.get("/", headers=elsewhere)).status_code == 400
    app.config["TRUSTED_HOSTS"] = None
    assert (await client.get("/", headers=elsewhere)).status_code == 200

    @app.get("/own")
    async def own() -> str:
        request.trusted_hosts = ["example.org"]
        return request.host

    assert (await client.get("/own", headers=elsewhere)).status_code == 400


@pytest.mark.parametrize("host", ["localhost", "other.org", "example.org:99"])
async def test_another_host_than_server_name_is_served(host: str) -> None:
    app = Pottle(__name__)
    app.config["SERVER_NAME"] = "example.org"

    @app.get("/")
    async def index() -> str:
        return request.host

    answer = await app.test_client().get("/", headers={"Host": host})
    assert (answer.status_code, await answer.get_data()) == (200, host.encode())


# Servers


def show_connection(app: Pottle) -> None:
    @app.get("/")
    async def index() -> dict[str, Any]:
        return {
            "url": request.url,
            "server": request.server,
            "client": request.remote_addr,
            "route": list(request.access_route),
            "version": request.http_version,
            "root": request.script_root,
        }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {},
            {"url": "http://localhost/", "server": None, "client": "<local>", "route": ["<local>"]},
        ),
        (  # granian
            {"server": ("10.0.0.1", "8000"), "client": ("1.2.3.4", "5"), "headers": []},
            {"url": "http://10.0.0.1:8000/", "server": ["10.0.0.1", 8000], "client": "1.2.3.4"},
        ),
        (
            {"server": ("10.0.0.1", 443), "scheme": "https", "headers": []},
            {"url": "https://10.0.0.1/", "server": ["10.0.0.1", 443]},
        ),
        (  # a Unix socket
            {"server": ("/run/socket", None), "client": None, "root_path": None},
            {
                "url": "http://localhost/",
                "server": ["/run/socket", None],
                "client": "<local>",
                "root": "",
            },
        ),
        (
            {"http_version": "1.0", "headers": [], "server": ("ex.org", 80)},
            {"version": "1.0", "url": "http://ex.org/"},
        ),
        ({"http_version": "2", "scheme": "https"}, {"version": "2", "url": "https://localhost/"}),
    ],
    ids=["least", "granian", "https", "unix", "http/1.0", "http/2"],
)
async def test_scopes_of_servers(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    app = Pottle(__name__)
    show_connection(app)
    answer = await call(app, http_scope(**changes), piece(b"", False))
    seen = app.json.loads(answer.body)
    assert {key: seen[key] for key in expected} == expected


async def test_a_scope_without_http_version() -> None:
    app = Pottle(__name__)
    show_connection(app)
    scope = http_scope()
    del scope["http_version"], scope["query_string"]
    assert app.json.loads((await call(app, scope)).body)["version"] == "1.1"


async def test_an_unknown_scope() -> None:
    with pytest.raises(ContextError, match="not 'carrier pigeon'"):
        await call(Pottle(__name__), {"type": "carrier pigeon"})


# Made by hand


def make_request(scope: dict[str, Any], **options: Any) -> Request:
    return Request(
        "POST",
        "https",
        "/path",
        b"a=1",
        Headers({"Host": "ex.org"}),
        "/root",
        "2",
        scope,
        **options,
    )


async def test_a_request_from_single_facts() -> None:
    scope = {"type": "http", "client": ("1.2.3.4", 5), "server": ("5.6.7.8", "9")}
    made = make_request(scope)
    assert made.url == "https://ex.org/root/path?a=1"
    assert (made.remote_addr, made.server) == ("1.2.3.4", ("5.6.7.8", 9))
    assert (made.method, made.http_version, made.scope) == ("POST", "2", scope)
    assert (made.endpoint, made.blueprint, made.view_args) == (None, None, None)
    assert await made.get_data() == b""
    assert await made.body == b""
    assert made.max_content_length is None  # no limit of its own, no application
    assert make_request({}, max_content_length=3).max_content_length == 3
    assert make_request({}, body_timeout=4).body.timeout == 4
    await made.close()
    await made.send_push_promise("/nowhere")  # there is no server
    with pytest.raises(ContextError, match="nobody can leave it"):
        await made.disconnected()


async def test_a_request_class_with_an_initialiser_of_its_own() -> None:
    class Own(Request):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.given = sorted(kwargs)

    app = Pottle(__name__)
    app.request_class = Own
    app.config["MAX_CONTENT_LENGTH"] = 5

    @app.post("/<name>")
    async def index(name: str) -> Any:
        assert isinstance(request._get_current_object(), Own)
        return {
            "given": request.given,
            "url": request.url,
            "args": request.view_args,
            "body": await request.get_data(as_text=True),
        }

    answer = await app.test_client().post("/x?y=z", data="12345")
    assert await answer.get_json() == {
        "given": ["body_timeout", "max_content_length", "send_push_promise"],
        "url": "http://localhost/x?y=z",
        "args": {"name": "x"},
        "body": "12345",
    }
    assert (await app.test_client().post("/x", data="123456")).status_code == 413


def test_the_facts_of_a_class_are_descriptors() -> None:
    assert type(Request.__dict__.get("body")).__name__ == "LazyFact"
    assert Request.body is Request.__dict__["body"]  # type: ignore[comparison-overlap]


# Server push


async def test_push_promises() -> None:
    app = Pottle(__name__)

    @app.get("/")
    async def index() -> str:
        await request.send_push_promise("/style.css")
        return ""

    client = app.test_client()
    headers = {"User-Agent": "U", "Accept-Language": "de", "Cookie": "a=b"}
    await client.get("/", http_version="2", headers=headers)
    ((path, pushed),) = client.push_promises
    assert path == "/style.css"
    assert {name.lower(): value for name, value in pushed} == {
        "user-agent": "U",
        "accept-language": "de",
    }

    answer = await client.get("/", http_version="1.1")
    assert answer.status_code == 200
    assert client.push_promises == []


async def test_a_request_class_may_be_given_the_push() -> None:
    pushed: list[Any] = []

    async def push(path: str, headers: Headers) -> None:
        pushed.append((path, dict(headers)))

    made = make_request({}, send_push_promise=push)
    made.headers = Headers({"Accept": "text/css", "X-Other": "x"})
    await made.send_push_promise("/a")
    assert pushed == [("/a", {"Accept": "text/css"})]


# The client leaves


async def test_disconnected_waits_for_the_client_to_leave() -> None:
    app = Pottle(__name__)
    told = asyncio.Event()

    @app.post("/", cancel_on_disconnect=False)
    async def index() -> str:
        assert await request.get_data() == b"body"
        await request.disconnected()
        await request.disconnected()  # and it stays so
        told.set()
        return ""

    async with calling(app, http_scope(method="POST"), piece(b"body", False)) as peer:
        await asyncio.sleep(0)
        assert not told.is_set()
        peer.put({"type": "http.disconnect"})
    assert told.is_set()
    assert peer.asked == 2


async def test_disconnected_leaves_the_body_to_its_reader() -> None:
    app = Pottle(__name__)
    seen: list[bytes] = []

    @app.post("/", cancel_on_disconnect=False)
    async def index() -> str:
        leaving = asyncio.create_task(request.disconnected())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        seen.append(await request.get_data())
        await leaving
        seen.append(b"left")
        return ""

    events = [piece(b"ab"), piece(b"cd", False), {"type": "http.disconnect"}]
    async with calling(app, http_scope(method="POST"), *events):
        pass
    assert seen == [b"abcd", b"left"]


async def test_a_suspended_view_is_cancelled_when_the_client_leaves() -> None:
    app = Pottle(__name__)
    seen: list[Any] = []

    @app.get("/")
    async def index() -> str:
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError as error:
            seen.append(error)
            raise
        finally:
            seen.append("finally")
        return ""

    async with calling(app, http_scope(), piece(b"", False)) as peer:
        peer.put({"type": "http.disconnect"})
    assert isinstance(seen[0], ClientDisconnected)
    assert seen[1:] == ["finally"]
    assert peer.sent == []


async def test_a_view_that_would_rather_not_be_cancelled_is_not() -> None:
    app = Pottle(__name__)
    go_on = asyncio.Event()

    @app.get("/", cancel_on_disconnect=False)
    async def index() -> str:
        await go_on.wait()
        return "done"

    async with calling(app, http_scope(), piece(b"", False)) as peer:
        peer.put({"type": "http.disconnect"})
        await asyncio.sleep(0.2)  # twice as long as it takes the watch to begin
        go_on.set()
    assert peer.asked == 0
    assert peer.body == b"done"


async def test_a_time_out_of_the_view_is_its_own_affair() -> None:
    app = Pottle(__name__)

    @app.get("/")
    async def index() -> str:
        try:
            async with asyncio.timeout(0.15):  # longer than it takes the watch to begin
                await asyncio.sleep(100)
        except TimeoutError:
            return "timed out"
        return ""

    async with calling(app, http_scope(), piece(b"", False)) as peer:
        pass
    assert peer.body == b"timed out"


async def test_a_group_of_tasks_is_cancelled_as_a_whole() -> None:
    app = Pottle(__name__)
    ended: list[str] = []

    async def work(name: str) -> None:
        try:
            await asyncio.sleep(100)
        finally:
            ended.append(name)

    @app.get("/")
    async def index() -> str:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(work("a"))
                group.create_task(work("b"))
        finally:
            ended.append("view")
        return ""

    async with calling(app, http_scope(), piece(b"", False), {"type": "http.disconnect"}):
        pass
    assert sorted(ended[:2]) == ["a", "b"]
    assert ended[2:] == ["view"]


async def test_a_cancellation_by_the_server_is_not_a_leaving() -> None:
    app = Pottle(__name__)
    seen: list[type[BaseException]] = []

    @app.get("/")
    async def index() -> str:
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError as error:
            seen.append(type(error))
            raise
        return ""

    peer = Peer(piece(b"", False))
    task = asyncio.create_task(app(http_scope(), peer.receive, peer.send))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == [asyncio.CancelledError]
