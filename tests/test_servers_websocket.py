"""Clients that leave, answers that break off and close codes, over real servers.

The application notes when a `finally` has run by a clock that all processes share, and another
request fetches that time, so nothing here waits by guessing.
"""

from __future__ import annotations

import socket
import struct
import time
from typing import TYPE_CHECKING

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from processes import POTTLE, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from processes import Served

SERVERS = ("uvicorn", "hypercorn", "granian")
#: Seconds within which the clean-up of what a client has left has to have run.
PROMISE = 1.0

APP = """\
import asyncio
import time
from collections import defaultdict

from pottle import Pottle, Response, abort, request, websocket

app = Pottle(__name__)
begun = defaultdict(asyncio.Event)
ended = defaultdict(asyncio.Event)
notes = defaultdict(list)


class noted:
    def __init__(self, name):
        self.name = name

    def __enter__(self):
        begun[self.name].set()

    def __exit__(self, kind, error, traceback):
        notes[self.name] += [time.monotonic(), kind.__name__ if kind else None]
        app_loop.call_soon_threadsafe(ended[self.name].set)


@app.before_serving
async def remember():
    global app_loop
    app_loop = asyncio.get_running_loop()


@app.get("/begun/<name>")
async def is_begun(name):
    async with asyncio.timeout(3):
        await begun[name].wait()
    return ""


@app.get("/ended/<name>")
async def is_ended(name):
    async with asyncio.timeout(3):
        await ended[name].wait()
    return notes[name]


@app.get("/view/<id>")
async def view(id):
    with noted("view-" + id):
        await asyncio.sleep(100)


@app.post("/posted/<id>")
async def posted(id):
    await request.get_data()
    with noted("posted-" + id):
        await asyncio.sleep(100)


@app.post("/body/<id>")
async def body(id):
    with noted("body-" + id):
        await request.get_data()


@app.post("/impatient")
async def impatient():
    request.body.timeout = 0.2
    return await request.get_data()


async def chunks(name, pause):
    with noted(name):
        yield "first"
        while True:
            await asyncio.sleep(pause)
            yield "more"


def sync_chunks(name):
    with noted(name):
        yield "first"
        while True:
            time.sleep(0.05)
            yield "more"


@app.get("/stream/<id>")
async def stream(id):
    return chunks("stream-" + id, 0.05)


@app.get("/silent/<id>")
async def silent(id):
    return chunks("silent-" + id, 100)


@app.get("/threaded/<id>")
async def threaded(id):
    return sync_chunks("threaded-" + id)


@app.get("/synchronous/<id>")
def synchronous(id):
    return sync_chunks("synchronous-" + id)


@app.get("/generator/<id>")
async def generator(id):
    with noted("generator-" + id):
        yield "first"
        await asyncio.sleep(100)


@app.sse("/events/<id>")
async def events(id):
    with noted("events-" + id):
        yield "first"
        await asyncio.sleep(100)


@app.websocket("/waiting/<id>")
async def waiting(id):
    await websocket.send("first")
    with noted("waiting-" + id):
        await asyncio.sleep(100)


@app.websocket("/receiving/<id>")
async def receiving(id):
    await websocket.send("first")
    with noted("receiving-" + id):
        while True:
            await websocket.receive()


@app.websocket("/tasks/<id>")
async def tasks(id):
    async def read():
        while True:
            await websocket.receive()

    await websocket.send("first")
    with noted("tasks-" + id):
        async with asyncio.TaskGroup() as group:
            group.create_task(read())
            group.create_task(asyncio.sleep(100))


@app.websocket("/iterating/<id>")
async def iterating(id):
    await websocket.send("first")
    with noted("iterating-" + id):
        try:
            async for message in websocket:
                notes["iterating-" + id].append(message)
        finally:
            notes["iterating-" + id] += [websocket.close_code, websocket.close_reason]


@app.get("/half/<kind>")
async def half(kind):
    async def broken():
        yield "half"
        raise RuntimeError("as it should")

    headers = {"Content-Length": "8"} if kind == "length" else {}
    return Response(broken(), headers=headers)


@app.websocket("/close/<how>")
async def close(how):
    if how == "reject":
        abort(403, "not you")
    if how == "silent":
        return
    await websocket.accept(headers={"X-Extra": "1"}, subprotocol="b")
    await websocket.send(b"")
    if how == "fail":
        raise RuntimeError("as it should")
    if how == "abort":
        abort(403)
    if how == "own":
        await websocket.close(4000, "enough")
"""


@pytest.fixture(scope="module", params=SERVERS)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp("leaving")
    (folder / "leaving.py").write_text(APP)
    command = (*POTTLE, "--app", "leaving", "serve", "--server", request.param, "--port", "0")
    with served(*command, cwd=folder) as process:
        yield process.ready()


def name_of(server: Served) -> str:
    return next(name for name in SERVERS if name in server.output[0])


def when_ended(server: Served, name: str) -> tuple[float, str | None]:
    *_, moment, error = httpx.get(f"{server.url}/ended/{name}", timeout=15).json()
    return moment, error


def request_of(path: str, body: bytes | None = None, length: int = 0) -> bytes:
    lines = [f"{'GET' if body is None else 'POST'} {path} HTTP/1.1", "Host: localhost"]
    if body is not None:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def read_until(client: socket.socket, text: bytes) -> None:
    received = b""
    while text not in received:
        piece = client.recv(4096)
        assert piece, received
        received += piece


def reset(client: socket.socket) -> None:
    """Have the next close break the connection instead of ending it."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize(
    ("name", "body", "length"),
    [
        ("view", None, 0),
        ("posted", b"whole body", 10),
        ("body", b"half", 8),
    ],
)
def test_a_client_that_leaves_a_suspended_view(
    server: Served, name: str, body: bytes | None, length: int, how: str
) -> None:
    with socket.create_connection(("127.0.0.1", server.port), 10) as client:
        client.sendall(request_of(f"/{name}/{how}", body, length))
        httpx.get(f"{server.url}/begun/{name}-{how}", timeout=15).raise_for_status()
        if how == "reset":
            reset(client)
        left = time.monotonic()
    moment, error = when_ended(server, f"{name}-{how}")
    assert error == "RequestCancelled"
    assert moment - left < PROMISE


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize(
    "name", ["stream", "silent", "threaded", "synchronous", "generator", "events"]
)
def test_a_client_that_leaves_a_stream(server: Served, name: str, how: str) -> None:
    with socket.create_connection(("127.0.0.1", server.port), 10) as client:
        client.sendall(request_of(f"/{name}/{how}"))
        read_until(client, b"first")
        if how == "reset":
            reset(client)
        left = time.monotonic()
    moment, error = when_ended(server, f"{name}-{how}")
    assert error in {"RequestCancelled", "GeneratorExit"}
    assert moment - left < PROMISE


@pytest.mark.parametrize("how", ["handshake", "close", "reset"])
@pytest.mark.parametrize("name", ["waiting", "receiving", "tasks"])
def test_a_client_that_leaves_a_websocket(server: Served, name: str, how: str) -> None:
    with connect(f"ws://127.0.0.1:{server.port}/{name}/{how}") as client:
        assert client.recv() == "first"
        httpx.get(f"{server.url}/begun/{name}-{how}", timeout=15).raise_for_status()
        left = time.monotonic()
        if how == "handshake":
            client.close(4000, "enough")
        else:
            if how == "reset":
                reset(client.socket)
            client.socket.shutdown(socket.SHUT_RDWR)
            client.socket.close()
    moment, error = when_ended(server, f"{name}-{how}")
    assert error == "WebsocketCancelled"
    assert moment - left < PROMISE


def test_what_was_sent_before_the_close_is_received(server: Served) -> None:
    with connect(f"ws://127.0.0.1:{server.port}/iterating/x") as client:
        assert client.recv() == "first"
        for number in range(20):
            client.send(str(number))
        client.close(1000, "done")
    *messages, code, reason, _, error = httpx.get(f"{server.url}/ended/iterating-x").json()
    assert messages == [str(number) for number in range(20)]
    # Hypercorn tells neither code nor reason of the client, granian no reason.
    assert (code, reason) == {
        "uvicorn": (1000, "done"),
        "hypercorn": (1006, ""),
        "granian": (1000, ""),
    }[name_of(server)]
    assert error is None


def test_a_client_that_does_not_go_on_with_its_body_is_a_408(server: Served) -> None:
    with socket.create_connection(("127.0.0.1", server.port), 10) as client:
        client.sendall(request_of("/impatient", b"half", 8))
        read_until(client, b" 408 ")


@pytest.mark.parametrize("kind", ["chunked", "length"])
def test_an_error_in_the_middle_of_an_answer_breaks_it_off(server: Served, kind: str) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"{server.url}/half/{kind}", timeout=10)
    line = server.line(f"Exception on request GET /half/{kind}")
    assert "as it should" in server.line("RuntimeError")
    assert line.count("half") == 1


@pytest.mark.parametrize(
    ("how", "code", "reason"),
    [("return", 1000, ""), ("fail", 1011, ""), ("abort", 1008, ""), ("own", 4000, "enough")],
)
def test_close_codes(server: Served, how: str, code: int, reason: str) -> None:
    url = f"ws://127.0.0.1:{server.port}/close/{how}"
    with connect(url, subprotocols=["a", "b"]) as client:  # type: ignore[list-item]
        assert client.subprotocol == "b"
        assert client.response is not None
        if name_of(server) != "granian":  # which drops the headers of an accept
            assert client.response.headers["X-Extra"] == "1"
        assert client.recv() == b""
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=5)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (code, reason)


def test_rejection(server: Served) -> None:
    url = f"ws://127.0.0.1:{server.port}/close"
    with pytest.raises(InvalidStatus) as refused, connect(f"{url}/reject"):
        pass
    assert refused.value.response.status_code == 403
    assert b"not you" in (refused.value.response.body or b"")
    with pytest.raises(InvalidStatus) as refused, connect(f"{url}/silent"):
        pass
    assert refused.value.response.status_code == 403
