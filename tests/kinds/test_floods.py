"""A flood of the smallest frames: the server works on it bit by bit, and others have their turns."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection

from peer import PATIENCE, calling, websocket_scope
from pottle import Pottle, request, websocket
from serving import connected, request_bytes, serving

if TYPE_CHECKING:
    from collections.abc import Callable

CONNECT = {"type": "websocket.connect"}
LEAVING = {"type": "websocket.disconnect", "code": 1001}
UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
#: Messages after which others have had a turn at the latest.
MOST = 128 + 8
#: Seconds of work without a turn for others. This flood once took twice as long in one go.
LONGEST = 0.08
#: The same for HTTP/2 under Hypercorn, where a request costs more; this flood once took 1 s in one go.
LONGEST_OF_HTTP2 = 0.3


def frame(first: int, payload: bytes = b"") -> bytes:
    return bytes([first, 0x80 | len(payload)]) + b"\0\0\0\0" + payload


MESSAGE, FRAGMENT, LAST, BEGIN = frame(0x81), frame(0x00), frame(0x80), frame(0x01)
PING, PONG = frame(0x89), frame(0x8A)


async def longest_work(until: asyncio.Event) -> float:
    """Seconds of CPU between two turns of this task, at most."""
    longest, before = 0.0, time.process_time()
    while not until.is_set():
        await asyncio.sleep(0)
        longest = max(longest, (now := time.process_time()) - before)
        before = now
    return longest


async def iterates() -> None:
    async for message in websocket:
        if message == "end":
            break


async def two_tasks() -> None:
    async def tick() -> None:
        while True:
            await asyncio.sleep(0.01)

    async with asyncio.TaskGroup() as group:
        ticking = group.create_task(tick())
        await iterates()
        ticking.cancel()


@pytest.mark.parametrize("handler", [iterates, two_tasks], ids=lambda handler: handler.__name__)
@pytest.mark.parametrize(
    ("before", "flood", "after"),
    [
        pytest.param(BEGIN, FRAGMENT, LAST, id="fragments"),
        pytest.param(b"", PONG, b"", id="pongs"),
        pytest.param(b"", PING, b"", id="pings"),
        pytest.param(b"", MESSAGE, b"", id="messages"),
    ],
)
async def test_a_flood_of_frames_leaves_others_their_turns(
    handler: Callable[[], Any], before: bytes, flood: bytes, after: bytes
) -> None:
    app, done = Pottle(__name__, static_folder=None), asyncio.Event()

    @app.websocket("/ws")
    async def ws() -> None:
        await websocket.accept()
        await handler()
        done.set()

    async with serving(app) as port, connected(port) as client:
        await client.send(UPGRADE)
        async with asyncio.timeout(PATIENCE * 3):
            await client.reader.readuntil(b"\r\n\r\n")
            working = asyncio.create_task(longest_work(done))
            answers = asyncio.create_task(client.reader.read())
            await client.send(before + flood * 30_000 + after + frame(0x81, b"end"))
            assert await working < LONGEST
            answers.cancel()


async def test_others_have_turns_while_a_handler_receives() -> None:
    app = Pottle(__name__, static_folder=None)
    count = longest = 0

    @app.websocket("/")
    async def receive() -> None:
        nonlocal count
        async for _ in websocket:
            count += 1

    async def watch() -> None:
        nonlocal longest
        while count < 20_000:
            seen = count
            await asyncio.sleep(0)
            longest = max(longest, count - seen)

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0)
    messages = [{"type": "websocket.receive", "text": ""}] * 20_000
    async with calling(app, websocket_scope(), CONNECT, *messages, LEAVING):
        await watching
    assert count == 20_000
    assert longest <= MOST


async def test_empty_messages_are_counted_when_they_are_read_ahead() -> None:
    app, seen = Pottle(__name__, static_folder=None), asyncio.Event()
    asked = 0

    @app.websocket("/")
    async def sleeps() -> None:
        nonlocal asked
        await websocket.accept()
        while peer.asked < 1 + 16:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        asked = peer.asked
        seen.set()

    messages = [{"type": "websocket.receive", "text": ""}] * 1000
    async with calling(app, websocket_scope(), CONNECT, *messages, LEAVING) as peer:
        async with asyncio.timeout(PATIENCE):
            await seen.wait()
    assert asked == 1 + 16


def http2_flood(requests: int) -> bytes:
    """A connection of HTTP/2 on which *requests* are sent and each is reset at once."""
    client = H2Connection(H2Configuration(client_side=True))
    client.initiate_connection()
    head = [(":method", "GET"), (":path", "/"), (":scheme", "http"), (":authority", "x")]
    for _ in range(requests):
        stream = client.get_next_available_stream_id()
        client.send_headers(stream, head, end_stream=True)
        client.reset_stream(stream)
    return client.data_to_send()


async def test_requests_of_http2_that_are_reset_at_once() -> None:
    app, done = Pottle(__name__, static_folder=None), asyncio.Event()

    @app.get("/")
    async def view() -> str:
        return "answered"

    async with serving(app, "hypercorn") as port, connected(port) as client:
        flood = http2_flood(900)  # fewer than Hypercorn takes on one connection
        working = asyncio.create_task(longest_work(done))
        await client.send(flood)
        async with connected(port) as other:
            await other.send(request_bytes("/"))
            assert await other.answer() == b"answered"
        # The answer to a ping says that all before it was handled.
        ping = H2Connection(H2Configuration(client_side=True))
        ping.ping(b"the end.")
        await client.send(ping.data_to_send())
        async with asyncio.timeout(PATIENCE * 3):
            await client.reader.readuntil(b"the end.")
        done.set()
        assert await working < LONGEST_OF_HTTP2


async def test_frames_that_hypercorn_does_not_understand_end_their_connection_in_one_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = Pottle(__name__, static_folder=None)

    @app.get("/")
    async def view() -> str:
        return "answered"

    peer = H2Connection(H2Configuration(client_side=True))
    peer.initiate_connection()
    for stream in range(1, 2 * 1100, 2):  # more than it keeps
        peer.prioritize(stream, weight=1)
    async with serving(app, "hypercorn") as port:
        async with connected(port) as client:
            client.writer.write(peer.data_to_send())
            with suppress(ConnectionError):
                await client.end()
        async with connected(port) as other:
            await other.send(request_bytes("/"))
            assert await other.answer() == b"answered"
    told = [record for record in caplog.records if record.name == "hypercorn.error"]
    assert [record.getMessage().split(":")[:2] for record in told] == [
        ["A connection was broken off", " TooManyStreamsError"]
    ]
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize("debug", [False, True])
async def test_an_accept_header_of_blanks(debug: bool) -> None:
    """Werkzeug's pattern takes six seconds for it."""
    app = Pottle(__name__, static_folder=None)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.debug = debug

    @app.get("/")
    async def view() -> list[str]:
        accepted = list(request.accept_mimetypes.values())
        if debug:
            raise ValueError("seen by the debug page, which asks whether it may be HTML")
        return accepted

    client, headers = app.test_client(), {"Accept": "text/plain ;" + " " * 60_000 + "q=0.5, a/b"}
    before = time.process_time()
    response = await client.get("/", headers=headers)
    assert time.process_time() - before < 1
    assert response.status_code == (500 if debug else 200)
    if not debug:
        assert await response.get_json() == ["a/b", "text/plain"]
