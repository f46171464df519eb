"""A client that takes nothing is given up: every send that blocks has an end, and so has its exchange."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from peer import Peer, http_scope, websocket_scope
from pottle import Pottle, request, websocket
from pottle.errors import ClientDisconnected
from serving import SERVERS, connected, request_bytes, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from pottle import Websocket

PATIENCE = 10
TIMEOUT = 0.4
LARGE = b"x" * 5_000_000

UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)

CONNECT = {"type": "websocket.connect"}
END_OF_BODY = {"type": "http.request", "body": b"", "more_body": False}

#: The paths at which much is sent, and whether it ever ends.
KINDS = ["async", "plain", "hook", "bytes", "stream", "generator", "events", "websocket"]


class Sending:
    """An application that sends much in every way, and notes how its exchanges have ended."""

    def __init__(self, timeout: float | None = TIMEOUT) -> None:
        self.app = app = Pottle(__name__, static_folder=None)
        app.config["RESPONSE_TIMEOUT"] = timeout
        self.torn_down: list[tuple[str, BaseException | None]] = []
        self.closed: list[str] = []
        self.peers: list[Websocket] = []

        @app.get("/async")
        async def view() -> bytes:
            return LARGE

        @app.get("/plain")
        def plain() -> bytes:
            return LARGE

        @app.get("/bytes")
        async def text() -> str:
            return LARGE.decode()

        @app.get("/hook")
        async def small() -> str:
            return "small"

        @app.after_request
        async def enlarge(response: Any) -> Any:
            if request.path == "/hook":
                response.set_data(LARGE)
            return response

        @app.get("/stream")
        async def stream() -> Any:
            async def pieces() -> AsyncIterator[bytes]:
                try:
                    while True:
                        yield b"x" * 60_000
                finally:
                    self.closed.append("stream")

            return pieces()

        @app.get("/generator")
        def generator() -> Iterator[bytes]:
            try:
                while True:
                    yield b"x" * 60_000
            finally:
                self.closed.append("generator")

        @app.sse("/events")
        async def events() -> AsyncIterator[str]:
            try:
                while True:
                    yield "x" * 60_000
            finally:
                self.closed.append("events")

        @app.websocket("/websocket")
        async def send() -> None:
            try:
                while True:
                    await websocket.send("x" * 60_000)
            finally:
                self.closed.append("websocket")

        @app.websocket("/join")
        async def join() -> None:
            await websocket.accept()
            self.peers.append(websocket._get_current_object())
            await websocket.receive()

        @app.post("/news")
        async def news() -> dict[str, int]:
            """Sends much to everybody, whoever takes it."""
            failed = 0
            for peer in self.peers:
                try:
                    for _ in range(200):
                        await peer.send("x" * 100_000)
                except Exception:
                    failed += 1
            return {"failed": failed}

        @app.get("/alive")
        async def alive() -> str:
            return "alive"

        @app.teardown_request
        @app.teardown_websocket
        async def tear_down(error: BaseException | None) -> None:
            self.torn_down.append(("", error))


@contextmanager
def silent(port: int, path: str) -> Iterator[socket.socket]:
    """A client that asks and never reads."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", port))
    extra = UPGRADE if path in {"/websocket", "/join"} else ""
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n{extra}\r\n".encode())
    try:
        yield client
    finally:
        client.close()


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def given_up(path: str, limit: float = TIMEOUT) -> str:
    method = "websocket" if path in {"/websocket", "/join"} else "GET"
    return (
        f"The client of {method} '{path}' took nothing for {limit:g} seconds (RESPONSE_TIMEOUT)"
        " and was given up."
    )


class Full(Peer):
    """A server whose `send` blocks for ever after so many messages."""

    def __init__(self, count: int, *events: dict[str, Any]) -> None:
        super().__init__(*events)
        self.count = count
        self.unblocked = asyncio.Event()

    async def send(self, message: dict[str, Any]) -> None:
        if len(self.sent) >= self.count:
            await self.unblocked.wait()
        await super().send(message)


@pytest.mark.parametrize("hooked", [False, True], ids=["bare", "hooked"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, 2])
async def test_an_exchange_whose_send_blocks_ends(
    kind: str, count: int, hooked: bool, caplog: pytest.LogCaptureFixture
) -> None:
    sending = Sending(0.1)
    if not hooked:
        sending.app.teardown_request_funcs.clear()
        sending.app.teardown_websocket_funcs.clear()
        if kind != "hook":
            sending.app.after_request_funcs.clear()
    is_websocket = kind == "websocket"
    peer = Full(count, CONNECT if is_websocket else END_OF_BODY)
    scope = websocket_scope if is_websocket else http_scope
    async with asyncio.timeout(PATIENCE):
        await sending.app(scope(f"/{kind}"), peer.receive, peer.send)
    assert warnings(caplog) == [given_up(f"/{kind}", 0.1)]
    assert caplog.records[0].levelname == "WARNING"
    assert len(peer.sent) == count
    assert sending.closed == (
        [kind] if kind in {"stream", "generator", "events", "websocket"} else []
    )
    if hooked and sending.closed:
        ((_, error),) = sending.torn_down
        assert isinstance(error, ClientDisconnected)


@pytest.mark.parametrize("server", SERVERS)
async def test_clients_that_never_read(server: str, caplog: pytest.LogCaptureFixture) -> None:
    """All at once: each exchange ends, its source is closed, and it is told of once."""
    sending = Sending()
    sources = {"stream", "generator", "events", "websocket"}
    async with serving(sending.app, server) as port:
        with (
            silent(port, "/async"),
            silent(port, "/plain"),
            silent(port, "/hook"),
            silent(port, "/stream"),
            silent(port, "/generator"),
            silent(port, "/events"),
            silent(port, "/websocket"),
        ):
            async with asyncio.timeout(PATIENCE):
                while len(sending.torn_down) < 7 or set(sending.closed) < sources:
                    await asyncio.sleep(0.02)
            await asyncio.sleep(2 * TIMEOUT)  # the buffered ones are torn down before they are sent
            async with httpx.AsyncClient() as control:
                answer = await control.get(f"http://127.0.0.1:{port}/alive")
                assert answer.text == "alive"
    expected = ["async", "plain", "hook", "stream", "generator", "events", "websocket"]
    if server == "uvicorn":  # its connections may be aborted before the exchange gives them up
        assert set(warnings(caplog)) <= {given_up(f"/{kind}") for kind in expected}
    else:
        assert sorted(warnings(caplog)) == sorted(given_up(f"/{kind}") for kind in expected)
    assert sorted(sending.closed) == sorted(sources)
    left = [error for _, error in sending.torn_down if isinstance(error, ClientDisconnected)]
    assert len(left) == len(sources)


@pytest.mark.parametrize("server", SERVERS)
async def test_a_broadcast_to_a_peer_that_takes_nothing(
    server: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The view that sends gets an ordinary exception after the time-out, and goes on."""
    sending = Sending()
    async with serving(sending.app, server) as port:
        with silent(port, "/join"):
            async with asyncio.timeout(PATIENCE), connected(port) as client:
                while not sending.peers:
                    await asyncio.sleep(0.01)
                await client.send(request_bytes("/news", method="POST"))
                assert (await client.answer()).split() == [b'{"failed":1}']
                while len(sending.torn_down) < 2:
                    await asyncio.sleep(0.01)
    if server == "uvicorn":  # as above
        assert set(warnings(caplog)) <= {given_up("/join")}
    else:
        assert warnings(caplog) == [given_up("/join")]
    assert any(isinstance(error, ClientDisconnected) for _, error in sending.torn_down)


@pytest.mark.parametrize("kind", ["async", "stream", "websocket"])
async def test_the_connection_of_a_client_that_never_reads_is_aborted(kind: str) -> None:
    """On uvicorn: it is not closed behind what was not sent, which would never happen."""
    sending = Sending()
    async with serving(sending.app) as port:
        with silent(port, f"/{kind}") as client:
            address = client.getsockname()
            async with asyncio.timeout(PATIENCE):
                while not has_connection_to(address):
                    await asyncio.sleep(0.01)
                while has_connection_to(address):
                    await asyncio.sleep(0.01)
            received = 0  # what the system had taken from us already, and no more
            with suppress(ConnectionError):
                while data := client.recv(1 << 20):
                    received += len(data)
            assert received < len(LARGE)


def has_connection_to(address: Any) -> bool:
    """Whether this process has a socket that is connected to *address*."""
    for entry in Path("/proc/self/fd").iterdir():
        try:
            if not str(entry.readlink()).startswith("socket:"):
                continue
            with socket.socket(fileno=os.dup(int(entry.name))) as ours:
                if ours.getpeername() == address:
                    return True
        except OSError:
            continue
    return False


@pytest.mark.parametrize("server", SERVERS)
async def test_a_slow_but_steady_reader_gets_everything(
    server: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It takes many times as long as the time-out."""
    sending = Sending(0.6)
    received = 0
    async with serving(sending.app, server) as port:
        with silent(port, "/async") as client:
            client.setblocking(False)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 150_000)
            loop = asyncio.get_running_loop()
            begun = loop.time()
            async with asyncio.timeout(PATIENCE):
                while received < len(LARGE):
                    data = await loop.sock_recv(client, 100_000)
                    assert data, f"cut off after {received} bytes"
                    received += len(data)
                    await asyncio.sleep(0.03)
            assert loop.time() - begun > 2 * 0.6
    assert not caplog.records


async def test_a_source_may_be_silent_for_longer(caplog: pytest.LogCaptureFixture) -> None:
    """The time-out is for the client, and the client waits, too."""
    app = Pottle(__name__, static_folder=None)
    app.config["RESPONSE_TIMEOUT"] = 0.05

    @app.get("/")
    async def view() -> Any:
        async def pieces() -> AsyncIterator[str]:
            yield "first"
            await asyncio.sleep(0.3)
            yield "second"

        return pieces()

    async with serving(app) as port, httpx.AsyncClient() as client:
        assert (await client.get(f"http://127.0.0.1:{port}/")).text == "firstsecond"
    assert not caplog.records


async def test_no_time_out_at_all(caplog: pytest.LogCaptureFixture) -> None:
    sending = Sending(None)
    peer = Full(1, END_OF_BODY)
    task = asyncio.create_task(sending.app(http_scope("/async"), peer.receive, peer.send))
    await asyncio.wait({task}, timeout=0.3)
    assert not task.done()
    peer.unblocked.set()
    await task
    assert peer.body == LARGE
    assert not caplog.records
