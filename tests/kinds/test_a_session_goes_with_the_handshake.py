"""What a websocket changes in the session before it is accepted is kept, and its cookie is set.

Kind: a change that is made in time and announced too late. Test client, hand-made peer and servers.
"""

from __future__ import annotations

import asyncio
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from websockets.sync.client import connect

from peer import call, calling, websocket_scope
from pottle import Pottle, session, websocket
from pottle.sessions import MemoryStore, ServerSideSessionInterface
from processes import POTTLE, served

if TYPE_CHECKING:
    from pathlib import Path

CONNECT = {"type": "websocket.connect"}


def make_app(kind: str) -> Pottle:
    app = Pottle(__name__)
    app.secret_key = "a secret of the tests"
    if kind == "server":
        ServerSideSessionInterface(MemoryStore()).init_app(app)

    @app.get("/")
    async def show():
        return dict(session)

    @app.get("/set/<name>/<value>")
    async def set_item(name, value):
        session[name] = value
        return ""

    return app


def cookies_of(peer: Any) -> list[str]:
    accepted = peer.sent[0]
    assert accepted["type"] == "websocket.accept"
    return [value.decode() for name, value in accepted["headers"] if name == b"set-cookie"]


@pytest.mark.parametrize("kind", ["cookie", "server"])
class TestEitherKind:
    @pytest.mark.parametrize("implicit", [False, True])
    @pytest.mark.parametrize("known", [False, True])
    async def test_a_change_before_accept_is_kept(self, kind, known, implicit, caplog):
        app = make_app(kind)

        @app.websocket("/ws")
        async def ws():
            session["user"] = "ann"
            if not implicit:
                await websocket.accept(headers={"X-Own": "1"})
            await websocket.send("hello")

        client = app.test_client()
        if known:
            await client.get("/set/language/de")
        async with client.websocket("/ws") as connection:
            assert await connection.receive() == "hello"
            assert connection.accept_headers.get("X-Own") == (None if implicit else "1")
        expected = {"user": "ann", "language": "de"} if known else {"user": "ann"}
        assert await (await client.get("/")).get_json() == expected
        assert caplog.messages == []

    async def test_a_change_in_a_before_hook_is_kept(self, kind):
        app = make_app(kind)

        @app.before_websocket
        async def begin():
            session["seen"] = True

        @app.websocket("/ws")
        async def ws():
            await websocket.send("hello")

        client = app.test_client()
        async with client.websocket("/ws") as connection:
            await connection.receive()
        assert await (await client.get("/")).get_json() == {"seen": True}

    async def test_clearing_before_accept_deletes_the_cookie(self, kind):
        app = make_app(kind)

        @app.websocket("/ws")
        async def ws():
            session.clear()
            await websocket.send("bye")

        client = app.test_client()
        await client.get("/set/user/ann")
        async with client.websocket("/ws") as connection:
            await connection.receive()
        assert client.get_cookie("session") is None
        assert await (await client.get("/")).get_json() == {}

    async def test_one_that_only_reads_or_touches_nothing_sets_no_cookie(self, kind):
        app = make_app(kind)

        @app.websocket("/<what>")
        async def ws(what):
            if what == "read":
                assert "user" not in session
            await websocket.accept()

        for path in "/read", "/nothing":
            assert cookies_of(await call(app, websocket_scope(path), CONNECT)) == []

    async def test_two_tasks_that_accept_at_once_send_one_accept_with_the_cookie(self, kind):
        app = make_app(kind)

        @app.websocket("/ws")
        async def ws():
            session["user"] = "ann"
            await asyncio.gather(*(websocket.send(str(number)) for number in range(3)))

        peer = await call(app, websocket_scope("/ws"), CONNECT)
        assert len(cookies_of(peer)) == 1
        assert [message["type"] for message in peer.sent[1:-1]] == ["websocket.send"] * 3

    async def test_a_change_after_accept_causes_the_advice(self, kind, caplog):
        app = make_app(kind)

        @app.websocket("/ws")
        async def ws():
            session["before"] = 1
            await websocket.accept()
            session["after"] = 2

        client = app.test_client()
        async with client.websocket("/ws") as connection:
            await connection.wait_accepted()
        items = await (await client.get("/")).get_json()
        if kind == "cookie":
            assert items == {"before": 1}
            (message,) = caplog.messages
            assert "Modify it before accept()" in message
        else:
            assert items == {"before": 1, "after": 2}
            assert caplog.messages == []

    async def test_nothing_holds_the_exchange_when_it_is_over(self, kind):
        import gc
        import weakref

        app = make_app(kind)
        seen: list[Any] = []

        @app.websocket("/ws")
        async def ws():
            session["user"] = "ann"
            seen.append(weakref.ref(websocket._get_current_object()))
            await websocket.close()

        gc.disable()
        try:
            await call(app, websocket_scope("/ws"), CONNECT)
            assert seen[0]() is None
        finally:
            gc.enable()


async def test_a_renewed_id_goes_with_the_handshake():
    app = make_app("server")

    @app.websocket("/ws")
    async def ws():
        session["user"] = "ann"
        session.regenerate()
        await websocket.accept()

    client = app.test_client()
    await client.get("/set/cart/full")
    before = client.get_cookie("session").value
    async with client.websocket("/ws") as connection:
        await connection.wait_accepted()
    assert client.get_cookie("session").value != before
    assert await (await client.get("/")).get_json() == {"user": "ann", "cart": "full"}
    client.set_cookie("localhost", "session", before)
    assert await (await client.get("/")).get_json() == {}


async def test_what_another_task_changes_during_the_handshake_is_kept():
    begun, go_on = asyncio.Event(), asyncio.Event()

    class Slow(MemoryStore):
        async def set(self, id, record, ttl):
            begun.set()
            await go_on.wait()
            await super().set(id, record, ttl)

    app = make_app("server")
    ServerSideSessionInterface(store := Slow()).init_app(app)

    @app.websocket("/ws")
    async def ws():
        session["first"] = 1
        accepting = asyncio.create_task(websocket.accept())
        await begun.wait()
        session["second"] = 2
        go_on.set()
        await accepting

    async with calling(app, websocket_scope("/ws"), CONNECT) as peer:
        await peer.until_sent(1)
    id = SimpleCookie(cookies_of(peer)[0])["session"].value
    assert await store.get(id) == b'{"first":1,"second":2}'


APP = """\
from pottle import Pottle, session, websocket
from pottle.sessions import MemoryStore, ServerSideSessionInterface

app = Pottle(__name__)
app.secret_key = "a secret of the tests"
if {on_the_server}:
    ServerSideSessionInterface(MemoryStore()).init_app(app)


@app.get("/")
async def show():
    return dict(session)


@app.websocket("/ws")
async def ws():
    session["user"] = "ann"
    await websocket.send("hello")
"""


@pytest.mark.parametrize("on_the_server", [False, True], ids=["cookie", "server"])
@pytest.mark.parametrize("server", ["uvicorn", "hypercorn"])  # Granian sends no headers of accept
def test_a_real_server_sends_the_cookie(tmp_path: Path, server: str, on_the_server: bool) -> None:
    (tmp_path / "shop.py").write_text(APP.format(on_the_server=on_the_server))
    command = (*POTTLE, "--app", "shop", "serve", "--server", server, "--port", "0")
    with served(*command, cwd=tmp_path) as process:
        process.ready()
        with connect(f"ws://127.0.0.1:{process.port}/ws") as connection:
            assert connection.recv() == "hello"
            assert connection.response is not None
            cookie = SimpleCookie(connection.response.headers["Set-Cookie"])["session"].value
        response = httpx.get(process.url, headers={"Cookie": f"session={cookie}"})
        assert response.json() == {"user": "ann"}
