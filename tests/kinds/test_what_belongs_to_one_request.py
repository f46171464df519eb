"""What belongs to one request is nobody else's: no context, `g`, session or variable is inherited."""

from __future__ import annotations

import asyncio
import gc
import weakref
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from websockets.asyncio.client import connect

from pottle import (
    Pottle,
    current_app,
    g,
    has_app_context,
    has_request_context,
    request,
    session,
    websocket,
)
from pottle.active import current
from processes import POTTLE, served
from serving import SERVERS, connected, request_bytes, serving

if TYPE_CHECKING:
    from pathlib import Path

tenant: ContextVar[str] = ContextVar("tenant", default="none")

BODY = b"x" * 1_500_000


def make_app() -> Pottle:
    """Its view at / says who was there already, and what was left in the variable."""
    app = Pottle(__name__, static_folder=None)
    app.secret_key = "a key of more than sixteen bytes"

    @app.route("/", methods=["GET", "POST"])
    async def view() -> list[str]:
        found = [g.get("user", "none"), tenant.get()]
        g.user = request.args["user"]
        tenant.set(request.args["user"])
        await request.get_data()
        await asyncio.sleep(0.01)
        return found

    return app


NOTHING = b'["none","none"]'


@pytest.mark.parametrize("server", SERVERS)
async def test_pipelined_requests(server: str) -> None:
    async with serving(make_app(), server) as port, connected(port) as client:
        users = ("ann", "bob", "cid")
        await client.send(b"".join(request_bytes(f"/?user={user}") for user in users))
        found = [b"".join((await client.answer()).split()) for _ in users]
    assert found == [NOTHING] * 3


@pytest.mark.parametrize("server", SERVERS)
async def test_requests_after_uploads_on_one_connection(server: str) -> None:
    app = make_app()
    app.config["MAX_CONTENT_LENGTH"] = None
    async with serving(app, server) as port, connected(port) as client:
        found = []
        for user in ("ann", "bob", "cid"):
            await client.send(request_bytes(f"/?user={user}", BODY, "POST"))
            found.append(b"".join((await client.answer()).split()))
    assert found == [NOTHING] * 3


@pytest.mark.parametrize("server", SERVERS)
async def test_a_server_that_is_started_in_a_context(server: str) -> None:
    app = make_app()
    async with app.app_context():
        g.user = "starter"
        async with serving(app, server) as port, connected(port) as client:
            for user in ("ann", "bob"):
                await client.send(request_bytes(f"/?user={user}"))
                assert b"".join((await client.answer()).split()) == NOTHING
        assert g.user == "starter"


@pytest.mark.parametrize("command", ["serve", "run"])
def test_under_the_commands(tmp_path: Path, command: str) -> None:
    """In a process of its own, on the event loop that is used there."""
    (tmp_path / "shop.py").write_text(
        """
import asyncio
from contextvars import ContextVar
from pottle import Pottle, g, request
app = Pottle(__name__)
tenant = ContextVar("tenant", default="none")
@app.route("/", methods=["GET", "POST"])
async def view():
    found = [g.get("user", "none"), tenant.get()]
    g.user = request.args["user"]
    tenant.set(g.user)
    await request.get_data()
    await asyncio.sleep(.01)
    return found
"""
    )

    async def ask(port: int) -> list[bytes]:
        async with connected(port) as client:
            await client.send(
                b"".join(request_bytes(f"/?user={user}", BODY, "POST") for user in ("ann", "bob"))
            )
            return [b"".join((await client.answer()).split()) for _ in range(2)]

    with served(*POTTLE, "--app", "shop", command, "--port", "0", cwd=tmp_path) as server:
        assert asyncio.run(ask(server.ready().port)) == [NOTHING] * 2
        server.stop()


async def test_a_request_within_a_request() -> None:
    """Of the same application, by the test client or in the same task."""
    app, torn_down = make_app(), []

    @app.teardown_appcontext
    async def note(error: BaseException | None) -> None:
        torn_down.append(g.get("user"))

    @app.get("/outer")
    async def outer() -> dict[str, Any]:
        g.user = "outer"
        inner = await app.test_client().get("/?user=inner")
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            same_task = await client.get("/?user=same")
        assert torn_down == ["inner", "same"]
        return {
            "inner": (await inner.get_json())[0],
            "same": same_task.json()[0],
            "outer": g.user,
            "path": request.path,
        }

    response = await app.test_client().get("/outer")
    found = await response.get_json()
    assert found == {"inner": "none", "same": "none", "outer": "outer", "path": "/outer"}
    assert torn_down == ["inner", "same", "outer"]


async def test_a_websocket_and_an_event_stream() -> None:
    app = make_app()

    @app.websocket("/ws")
    async def ws() -> None:
        await websocket.send_json([g.get("user"), tenant.get()])
        g.user = "ws"
        tenant.set("ws")
        await websocket.receive()

    @app.sse("/events")
    async def events() -> Any:
        yield [g.get("user"), tenant.get()]
        g.user = "events"
        tenant.set("events")

    async with app.app_context():
        g.user = "outer"
        async with serving(app) as port:
            for _ in range(2):
                async with connect(f"ws://127.0.0.1:{port}/ws") as peer:
                    assert await peer.recv() == '[null, "none"]'
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
                for _ in range(2):
                    answer = await client.get("/events")
                    assert 'data: [null, "none"]' in answer.text


async def test_a_background_task_has_no_request() -> None:
    app, seen = make_app(), []

    async def work() -> None:
        seen.append((has_request_context(), current_app.name, g.get("user"), tenant.get()))

    @app.get("/start")
    async def start() -> str:
        g.user = "ann"
        tenant.set("ann")
        app.add_background_task(work)
        return "started"

    async with app.test_app() as running:
        await running.test_client().get("/start")
    # The variables of the application travel along, as in every task; what is the request's does not.
    assert seen == [(False, app.name, None, "ann")]


async def test_a_mounted_application_sees_no_context_of_ours() -> None:
    app, inner, seen = make_app(), Pottle("inner"), []

    async def plain(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            return
        seen.append(current.get(None))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def wsgi(environ: Any, start_response: Any) -> list[bytes]:
        seen.append(current.get(None))
        start_response("200 OK", [])
        return [b""]

    @inner.get("/")
    async def inner_view() -> str:
        seen.append(g.get("user"))
        return current_app.name

    app.mount("/plain", plain)
    app.mount("/wsgi", wsgi)
    app.mount("/inner", inner)

    @app.get("/outer")
    async def outer() -> str:
        g.user = "outer"
        for path in ("/wsgi/", "/inner/"):
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                assert (await client.get(path)).status_code == 200
        return "done"

    async with serving(app) as port, httpx.AsyncClient() as client:
        for path in ("/plain/", "/wsgi/", "/inner/"):
            assert (await client.get(f"http://127.0.0.1:{port}{path}")).status_code == 200
    assert seen == [None, None, None]
    seen.clear()
    await app.test_client().get("/outer")
    assert seen == [None, None]


async def test_a_session_is_not_inherited() -> None:
    app = make_app()

    @app.get("/session")
    async def of_session() -> list[Any]:
        found = session.get("user")
        session["user"] = request.args["user"]
        return [found]

    async with app.test_request_context("/?user=outer"):
        session["user"] = "outer"
        client = app.test_client(use_cookies=False)
        response = await client.get("/session?user=ann")
        assert await response.get_json() == [None]
        assert session["user"] == "outer"


async def test_plain_views_in_threads() -> None:
    app, found = make_app(), []

    @app.get("/plain")
    def plain() -> str:
        found.append((g.get("user"), tenant.get()))
        g.user = request.args["user"]
        tenant.set(request.args["user"])
        return "plain"

    async with serving(app) as port, connected(port) as client:
        for user in ("ann", "bob", "cid"):
            await client.send(request_bytes(f"/plain?user={user}"))
            await client.answer()
    assert found == [(None, "none")] * 3


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("kind", ["request", "upload", "stream", "plain"])
async def test_an_ended_context_cannot_be_reached(server: str, kind: str) -> None:
    """While its connection is still open, and after the next request on it."""
    app = Pottle(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = None
    contexts: list[weakref.ref[Any]] = []

    def note() -> None:
        contexts.append(weakref.ref(current.get()))
        contexts.append(weakref.ref(g._get_current_object()))

    @app.get("/request")
    async def slow() -> str:
        note()
        await asyncio.sleep(0.12)  # long enough to be watched over
        return "x" * 100_000

    @app.post("/upload")
    async def upload() -> str:
        note()
        return str(len(await request.get_data()))

    @app.get("/plain")
    def plain() -> str:
        note()
        return "plain"

    @app.get("/stream")
    async def stream() -> Any:
        async def pieces() -> Any:
            note()
            for _ in range(10):
                yield b"x" * 10_000

        return pieces(), {"Content-Length": "100000"}

    async with serving(app, server) as port, connected(port) as client:
        for count in (1, 2, 3):
            body, method = (BODY, "POST") if kind == "upload" else (b"", "GET")
            await client.send(request_bytes(f"/{kind}", body, method))
            assert await client.answer()
            async with asyncio.timeout(5):
                while any(context() is not None for context in contexts):
                    await asyncio.sleep(0.01)
                    gc.collect()
            assert len(contexts) == 2 * count


async def test_the_timer_of_a_loop_keeps_nobody() -> None:
    """Whoever is the first to wait starts it, and it goes on for others."""
    app = Pottle(__name__, static_folder=None)
    contexts: list[weakref.ref[Any]] = []

    @app.get("/<int:seconds>")
    async def view(seconds: int) -> str:
        contexts.append(weakref.ref(current.get()))
        await asyncio.sleep(0.05 if not seconds else seconds)
        return "done"

    async with serving(app) as port, httpx.AsyncClient() as client:
        waiting = asyncio.create_task(client.get(f"http://127.0.0.1:{port}/0"))
        while not contexts:
            await asyncio.sleep(0.001)
        other = asyncio.create_task(client.get(f"http://127.0.0.1:{port}/1"))
        await waiting
        async with asyncio.timeout(5):
            while contexts[0]() is not None:
                await asyncio.sleep(0.01)
                gc.collect()
        assert not other.done()
        await other


async def test_nothing_of_ours_is_current_while_a_server_goes_on() -> None:
    """A server that starts its next request from within `send`, as uvicorn does."""
    app, seen = make_app(), []

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body"):
            seen.append(has_app_context())

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    @app.get("/bare")
    async def bare() -> str:
        return "bare"

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/bare",
        "query_string": b"user=ann",
        "headers": [],
    }
    await app(scope, receive, send)
    await app({**scope, "path": "/"}, receive, send)
    await app({**scope, "path": "/missing"}, receive, send)
    assert seen == [False] * 3
