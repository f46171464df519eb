"""The websocket of the test client, through applications."""

from __future__ import annotations

import asyncio

import pytest

from pottle import Pottle, Response, abort, session, websocket
from pottle.testing import WebsocketClosed, WebsocketResponseError


@pytest.fixture
def app():
    app = Pottle(__name__)
    app.secret_key = "secret"
    app.testing = True

    @app.websocket("/echo")
    async def echo():
        while True:
            await websocket.send(await websocket.receive())

    return app


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.mark.parametrize("message", ["text", "", b"bytes", b""])
async def test_echo(client, message):
    async with client.websocket("/echo") as ws:
        assert ws.accepted
        await ws.send(message)
        assert await ws.receive() == message


async def test_json(client):
    async with client.websocket("/echo") as ws:
        await ws.send_json({"a": [1, None]})
        assert await ws.receive_json() == {"a": [1, None]}


async def test_what_was_asked_for(app, client):
    @app.websocket("/facts/<name>")
    async def facts(name):
        await websocket.accept(subprotocol="b", headers={"X-A": "1"})
        await websocket.send_json(
            {
                "name": name,
                "url": websocket.url,
                "subprotocols": websocket.requested_subprotocols,
                "header": websocket.headers["X-B"],
                "user": websocket.authorization.username,
            }
        )

    async with client.websocket(
        "/facts/ü",
        query_string={"q": "1"},
        headers={"X-B": "2"},
        subprotocols=["a", "b"],
        subdomain="x",
        auth=("me", "pw"),
        scheme="wss",
    ) as ws:
        assert await ws.receive_json() == {
            "name": "ü",
            "url": "wss://x.localhost/facts/ü?q=1",
            "subprotocols": ["a", "b"],
            "header": "2",
            "user": "me",
        }
        assert ws.subprotocol == "b"
        assert ws.accept_headers["X-A"] == "1"


@pytest.mark.parametrize("url", ["http://localhost/echo", "ws://localhost/echo"])
async def test_absolute_urls(client, url):
    async with client.websocket(url) as ws:
        assert ws.scope["scheme"] == "ws"
        await ws.send("x")
        assert await ws.receive() == "x"


async def test_base_url(client):
    async with client.websocket("/echo", base_url="https://localhost/api") as ws:
        assert ws.scope["scheme"] == "wss"
        await ws.send("x")
        assert await ws.receive() == "x"


async def test_the_application_closes(app, client):
    @app.websocket("/close")
    async def close():
        await websocket.send("last")
        await websocket.close(4000, "enough")

    async with client.websocket("/close") as ws:
        assert await ws.receive() == "last"
        with pytest.raises(WebsocketClosed, match="4000: enough"):
            await ws.receive()
    assert (ws.close_code, ws.close_reason) == (4000, "enough")


async def test_the_handler_returns(app, client):
    @app.websocket("/once")
    async def once():
        await websocket.send("x")

    async with client.websocket("/once") as ws:
        assert await ws.receive() == "x"
        with pytest.raises(WebsocketClosed) as caught:
            await ws.receive()
        assert caught.value.code == 1000


@pytest.mark.parametrize(
    ("leave", "code", "reason"),
    [
        (lambda ws: ws.close(4002, "bye"), 4002, "bye"),
        (lambda ws: ws.disconnect(), 1006, ""),
        (lambda ws: asyncio.sleep(0), 1000, ""),
    ],
)
async def test_the_client_leaves(app, client, leave, code, reason):
    seen = []

    @app.websocket("/listen")
    async def listen():
        try:
            while True:
                seen.append(await websocket.receive())
        except asyncio.CancelledError as error:
            seen.append((error.code, error.reason))
            raise

    async with client.websocket("/listen") as ws:
        await ws.send("x")
        await leave(ws)
    assert seen == ["x", (code, reason)]


async def test_a_handler_that_waits_for_something_else_is_ended(app, client):
    ended = False

    @app.websocket("/wait")
    async def wait():
        nonlocal ended
        await websocket.accept()
        try:
            await asyncio.Event().wait()
        finally:
            ended = True

    async with client.websocket("/wait") as ws:
        assert ws.accepted
    assert ended


async def test_waiting_for_the_accept(app, client):
    release = asyncio.Event()

    @app.websocket("/late")
    async def late():
        await release.wait()
        await websocket.accept()

    async with client.websocket("/late") as ws:
        assert not ws.accepted
        release.set()
        await ws.wait_accepted()
        assert ws.accepted


@pytest.mark.parametrize("path", ["/refused", "/aborted", "/nowhere"])
async def test_a_refused_handshake(app, client, path):
    @app.websocket("/refused")
    async def refused():
        return Response("no entry", 403, {"X-Why": "no"})

    @app.websocket("/aborted")
    async def aborted():
        abort(401)

    async with client.websocket(path) as ws:
        with pytest.raises(WebsocketResponseError) as caught:
            await ws.receive()
    status = {"/refused": 403, "/aborted": 401, "/nowhere": 404}[path]
    assert caught.value.response.status_code == status
    if path == "/refused":
        assert caught.value.response.headers["X-Why"] == "no"
        assert await caught.value.response.get_data() == b"no entry"
    with pytest.raises(WebsocketResponseError):
        async with client.websocket(path) as ws:
            await ws.wait_accepted()


async def test_a_refusal_is_not_overlooked(app, client):
    @app.websocket("/refused")
    async def refused():
        return "no entry", 403

    with pytest.raises(WebsocketResponseError):
        async with client.websocket("/refused"):
            pass


async def test_an_error_is_raised_in_the_test(app, client):
    @app.websocket("/fail")
    async def fail():
        await websocket.receive()
        raise ZeroDivisionError("oops")

    with pytest.raises(ZeroDivisionError, match="oops"):
        async with client.websocket("/fail") as ws:
            await ws.send("x")
            await ws.receive()
    app.config["PROPAGATE_EXCEPTIONS"] = False
    async with client.websocket("/fail") as ws:
        await ws.send("x")
        with pytest.raises(WebsocketClosed) as caught:
            await ws.receive()
        assert caught.value.code == 1011


async def test_cookies_and_the_session(app, client):
    @app.websocket("/session")
    async def handler():
        await websocket.send_json({**session, **websocket.cookies})

    client.set_cookie("a", "1")
    async with client.session_transaction() as stored:
        stored["user"] = "me"
    async with client.websocket("/session") as ws:
        seen = await ws.receive_json()
    assert seen["user"] == "me"
    assert seen["a"] == "1"


async def test_cookies_of_the_accept_are_kept(app, client):
    @app.websocket("/cookie")
    async def handler():
        await websocket.accept(headers={"Set-Cookie": "a=1; Path=/"})

    async with client.websocket("/cookie"):
        pass
    assert client.get_cookie("a").value == "1"


async def test_several_at_once(client):
    async with client.websocket("/echo") as one, client.websocket("/echo") as two:
        await one.send("1")
        await two.send("2")
        assert await two.receive() == "2"
        assert await one.receive() == "1"
    before = asyncio.all_tasks()
    assert len(before) == 1, "no task is left behind"
