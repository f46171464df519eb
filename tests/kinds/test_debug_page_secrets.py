"""The debug page shows no secret, however it is kept, and only to whoever sits at the machine."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from werkzeug.datastructures import Headers, MultiDict

from peer import PATIENCE, Peer, call, http_scope
from pottle import Pottle, g, request
from pottle.debug import DebugMiddleware, traceback_response
from processes import POTTLE, served

# Made at run time: the page shows these lines, too.
SECRET = "-".join(["hunter", "2", "swordfish"])
LONG = "eyJ" + "".join(f"part{number}" for number in range(300))
KEY = "-".join(["key", "of", "the", "application"])
BASIC = base64.b64encode(f"ada:{SECRET}".encode()).decode()


@dataclass
class Login:
    name: str
    password: str


def fail(inside: object) -> None:
    raise ValueError("it broke")


def broken(value: Any) -> Pottle:
    """An application whose view fails with *value*, or what it gives, among its local variables."""
    app = Pottle(__name__)
    app.debug = True
    app.config["SECRET_KEY"] = KEY
    app.config["SECRET_KEY_FALLBACKS"] = [KEY[::-1]]
    app.config["DATABASE_URL"] = f"postgresql://ada:{SECRET}@db/shop"

    @app.route("/", methods=["GET", "POST"])
    async def view() -> str:
        held = value() if callable(value) else value
        inside = [{"deep": (held,)}]
        fail(inside)
        return "not here"

    return app


HEADERS = [
    (b"cookie", f"session={SECRET}; theme=dark".encode()),
    (b"authorization", f"Bearer {SECRET}".encode()),
    (b"proxy-authorization", f"Basic {BASIC}".encode()),
    (b"x-api-key", SECRET.encode()),
    (b"x-auth-token", LONG.encode()),
]


async def page(app: Any, **changes: Any) -> Peer:
    headers = [(b"host", b"localhost:5000"), (b"accept", b"text/html"), *changes.pop("headers", ())]
    changes.setdefault("client", ("127.0.0.1", 1234))
    return await call(DebugMiddleware(app), http_scope(headers=headers, **changes))


def assert_hidden(body: bytes, *texts: str) -> None:
    for text in (SECRET, LONG, LONG[:40], LONG[-40:], KEY, BASIC, *texts):
        assert text.encode() not in body


# What the request carries: whatever the view does with it.


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(lambda: request.scope, id="the scope"),
        pytest.param(lambda: request.scope["headers"], id="pairs of bytes"),
        pytest.param(lambda: dict(request.scope["headers"]), id="keys of bytes"),
        pytest.param(lambda: request.headers, id="headers"),
        pytest.param(lambda: dict(request.headers), id="keys of text"),
        pytest.param(lambda: [*request.headers.items()], id="pairs of text"),
        pytest.param(lambda: [list(pair) for pair in request.headers], id="lists of two"),
        pytest.param(lambda: request.cookies, id="cookies"),
        pytest.param(lambda: request.authorization, id="authorization"),
        pytest.param(lambda: [*request.cookies.values()], id="values only"),
        pytest.param(lambda: repr(request.scope), id="a repr"),
        pytest.param(lambda: f"x{request.headers['Cookie']}" * 20, id="many in one text"),
        pytest.param(lambda: request.headers["X-Auth-Token"], id="a long one, cut"),
        pytest.param(lambda: request.headers["Authorization"].encode(), id="bytes"),
        pytest.param(lambda: {request.headers["X-Api-Key"]}, id="a set"),
        pytest.param(lambda: vars(request), id="attributes"),
        pytest.param(lambda: request.args, id="arguments"),
        pytest.param(lambda: request.query_string, id="the query"),
        pytest.param(lambda: parse_qs(request.query_string.decode()), id="a parsed query"),
        pytest.param(lambda: request.url, id="the URL"),
        pytest.param(lambda: (request, g, broken), id="objects"),
        pytest.param(lambda: request.app if hasattr(request, "app") else KEY, id="the key"),
    ],
)
@pytest.mark.parametrize("accept", [b"text/html", b"application/json"])
async def test_what_the_request_carries_is_hidden(value: Any, accept: bytes) -> None:
    answer = await page(
        broken(value), headers=HEADERS, query_string=f"q=1&access_token={SECRET}".encode()
    )
    assert answer.status == 500
    assert b"it broke" in answer.body
    assert_hidden(answer.body)


async def test_an_error_that_quotes_a_secret_of_the_request() -> None:
    app = broken(None)

    @app.get("/quote")
    async def quote() -> str:
        error = KeyError(request.headers["Cookie"])
        error.add_note(f"with {request.headers['Authorization']}")
        raise error from ValueError(f"no user for {request.cookies['session']}")

    for accept in (b"text/html", b"text/plain"):
        answer = await page(app, path="/quote", headers=[(b"accept", accept), *HEADERS])
        assert b"no user for ******" in answer.body
        assert_hidden(answer.body)


async def test_the_response_for_an_error_hides_them_too() -> None:
    app = broken(None)

    async def show(error: Exception) -> Any:
        return await traceback_response(error)

    app.register_error_handler(ValueError, show)
    app.debug = False

    @app.get("/quote")
    async def quote() -> str:
        raise ValueError(f"{request.headers['Cookie']} {app.secret_key}")

    answer = await call(app, http_scope("/quote", headers=HEADERS))
    assert_hidden(answer.body)


# What has the name of a secret, wherever it comes from.


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({"Set-Cookie": SECRET}, id="dict"),
        pytest.param({b"set-cookie": SECRET.encode()}, id="keys of bytes"),
        pytest.param([("X-CSRF-Token", SECRET)], id="pair"),
        pytest.param([[b"X-Api-Key", SECRET.encode()]], id="list of two"),
        pytest.param({"a": [{"b": ({"password": SECRET},)}]}, id="nested"),
        pytest.param(Headers({"Authorization": SECRET}), id="headers"),
        pytest.param(MultiDict({"passwd": SECRET}), id="multidict"),
        pytest.param(Login("ada", SECRET), id="dataclass"),
        pytest.param([Login("ada", SECRET)], id="dataclasses"),
        pytest.param(httpx.Headers({"X-Api-Key": SECRET}), id="other headers"),
        pytest.param(f"name=ada&password={SECRET}", id="form"),
        pytest.param(f'{{"name": "ada", "password": "{SECRET}"}}'.encode(), id="JSON"),
        pytest.param(f"postgresql://ada:{SECRET}@db/shop", id="URL"),
        pytest.param(lambda: broken(None).config, id="configuration"),
        pytest.param(lambda: dict(broken(None).config), id="configuration as a dict"),
        pytest.param(lambda: repr(broken(None).config), id="repr of the configuration"),
    ],
)
async def test_what_is_called_a_secret_is_hidden(value: Any) -> None:
    answer = await page(broken(value))
    assert b"it broke" in answer.body
    assert b"******" in answer.body
    assert_hidden(answer.body, KEY[::-1])


async def test_the_rest_is_shown() -> None:
    answer = await page(broken(lambda: [request.headers, {"name": "ada"}]), headers=HEADERS)
    text = answer.body.decode()
    assert "held = value() if callable(value) else value" in text
    assert "localhost:5000" in text
    assert "&#39;ada&#39;" in text


# Who sees it.


@pytest.mark.parametrize(
    ("peer", "host", "trusted", "shown"),
    [
        ("127.0.0.1", "localhost:5000", None, True),
        ("127.0.0.1", "127.0.0.1:5000", None, True),
        ("127.8.0.1", "shop.localhost", None, True),
        ("::1", "[::1]:5000", None, True),
        ("::ffff:127.0.0.1", "LOCALHOST", None, True),
        (None, "localhost", None, True),  # a Unix socket
        ("127.0.0.1", "evil.example", None, False),  # a name that was made to point here
        ("127.0.0.1", "localhost.evil.example", None, False),
        ("127.0.0.1", "127.0.0.1.evil.example", None, False),
        ("127.0.0.1", "evil.example:127", None, False),
        ("127.0.0.1", "", None, False),
        ("192.168.0.7", "localhost:5000", None, False),
        ("192.168.0.7", "192.168.0.1:5000", None, False),
        ("192.168.0.7", "dev.example:5000", ["dev.example"], True),
        ("192.168.0.7", "a.dev.example", [".dev.example"], True),
        ("192.168.0.7", "evil.example", ["dev.example"], False),
        ("::ffff:192.168.0.7", "localhost", None, False),
    ],
)
async def test_who_sees_the_page(
    peer: str | None, host: str, trusted: list[str] | None, shown: bool, caplog: Any
) -> None:
    async def fails(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("it broke")

    class App:
        config = {"TRUSTED_HOSTS": trusted}
        __call__ = staticmethod(fails)

    scope = http_scope(
        headers=[(b"host", host.encode()), (b"accept", b"text/html")],
        client=None if peer is None else (peer, 1234),
    )
    answer = await call(DebugMiddleware(App()), scope)
    assert answer.status == 500
    assert (b"it broke" in answer.body) is shown
    assert (b"Internal Server Error" in answer.body) is not shown
    assert ("TRUSTED_HOSTS" in caplog.text) is not shown


async def test_two_hosts_are_no_developer() -> None:
    answer = await page(broken(None), headers=[(b"host", b"localhost")])
    assert b"it broke" not in answer.body


APP = """
from pottle import Pottle
app = Pottle(__name__)

@app.get("/")
async def index():
    raise ValueError("it broke")
"""


@pytest.mark.parametrize(
    ("host", "options", "warned"),
    [
        ("127.0.0.1", ["--debug"], False),
        ("localhost", ["--debug"], False),
        ("0.0.0.0", ["--debug"], True),
        ("0.0.0.0", ["--debugger"], True),
        ("0.0.0.0", [], False),
    ],
)
def test_debug_mode_for_others_is_warned_of(
    host: str, options: list[str], warned: bool, tmp_path: Path
) -> None:
    (tmp_path / "app.py").write_text(APP)
    command = (*POTTLE, "run", "--no-reload", "--host", host, "--port", "0", *options)
    with served(*command, cwd=tmp_path) as process, httpx.Client(trust_env=False) as client:
        port = process.ready().port
        headers = {"Accept": "text/html", "Host": "localhost"}
        answer = client.get(f"http://127.0.0.1:{port}", headers=headers, timeout=PATIENCE)
        assert ("it broke" in answer.text) is ("--debug" in options)
        answer = client.get(
            f"http://127.0.0.1:{port}", headers={"Host": "x.example"}, timeout=PATIENCE
        )
        assert "it broke" not in answer.text
        process.stop()
        assert ("WARNING: debug mode" in process.text) is warned
