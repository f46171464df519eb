"""A client is heard although nobody reads what it says: messages are read ahead, within bounds."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from websockets.asyncio.client import connect

from peer import calling, http_scope, piece, websocket_scope
from pottle import Pottle, request, websocket
from pottle.errors import ClientDisconnected, WebsocketDisconnect
from serving import SERVERS, connected, serving

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

PATIENCE = 10
#: Seconds in which the watch over a view has had many turns.
A_WHILE = 0.4

CONNECT = {"type": "websocket.connect"}

UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def text(data: str) -> dict[str, Any]:
    return {"type": "websocket.receive", "text": data}


def leaving(code: int = 1001, reason: str = "bye") -> dict[str, Any]:
    return {"type": "websocket.disconnect", "code": code, "reason": reason}


async def only_sleeps() -> None:
    await websocket.accept()
    await asyncio.sleep(PATIENCE)


async def only_sends() -> None:
    while True:
        await websocket.send("tick")
        await asyncio.sleep(0.01)


async def sends_in_a_group() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(only_sends())


HANDLERS = [only_sleeps, only_sends, sends_in_a_group]


class Ends:
    """An application with one websocket, and how its handler has ended."""

    def __init__(self, handler: Callable[[], Awaitable[None]], **config: Any) -> None:
        self.app = Pottle(__name__, static_folder=None)
        self.app.config.update(config)
        self.error: BaseException | None = None
        self.ended = asyncio.Event()

        @self.app.websocket("/ws")
        async def ws() -> None:
            await handler()

        @self.app.teardown_websocket
        async def tear_down(error: BaseException | None) -> None:
            self.error = error
            self.ended.set()

    async def wait(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self.ended.wait()

    @property
    def code(self) -> tuple[int, str]:
        assert isinstance(self.error, WebsocketDisconnect), repr(self.error)
        return self.error.code, self.error.reason


#: What the servers tell of a close frame with 4001 and "bye": Granian no reason, Hypercorn no code.
TOLD = {"uvicorn": (4001, "bye"), "hypercorn": (1006, ""), "granian": (4001, "")}


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("handler", HANDLERS, ids=lambda handler: handler.__name__)
async def test_a_client_that_says_something_and_closes(
    server: str, handler: Callable[[], Awaitable[None]], caplog: pytest.LogCaptureFixture
) -> None:
    ends = Ends(handler)
    async with serving(ends.app, server) as port:
        client = await connect(f"ws://127.0.0.1:{port}/ws")
        await client.send("hello")
        await client.close(4001, "bye")
        await ends.wait()
    assert ends.code == TOLD[server]
    assert not caplog.records


@pytest.mark.parametrize("server", SERVERS)
async def test_a_client_that_says_something_and_breaks_off(
    server: str, caplog: pytest.LogCaptureFixture
) -> None:
    ends = Ends(only_sends)
    async with serving(ends.app, server) as port:
        client = await connect(f"ws://127.0.0.1:{port}/ws")
        await client.send("hello")
        assert await client.recv() == "tick"
        client.transport.abort()
        await ends.wait()
    assert ends.code[0] in (1005, 1006)
    assert not caplog.records


@pytest.mark.parametrize("server", SERVERS)
async def test_a_client_that_leaves_before_the_accept(
    server: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The opening event has no content, and so takes nobody's place."""
    begun = asyncio.Event()

    async def thinks_for_long() -> None:
        begun.set()
        await asyncio.sleep(PATIENCE)

    async def accepts_in_time() -> None:
        begun.set()
        await left.wait()
        await websocket.accept()
        await asyncio.sleep(PATIENCE)

    # Granian looks at the connection when it is accepted, and not before.
    left = asyncio.Event()
    ends = Ends(accepts_in_time if server == "granian" else thinks_for_long)
    async with serving(ends.app, server) as port, connected(port) as client:
        await client.send(UPGRADE)
        await begun.wait()
        client.writer.transport.abort()
        left.set()
        await ends.wait()
    assert isinstance(ends.error, WebsocketDisconnect)
    assert not caplog.records


async def test_a_leaving_before_the_accept_by_hand() -> None:
    async def thinks_for_long() -> None:
        await asyncio.sleep(PATIENCE)

    ends = Ends(thinks_for_long)
    async with calling(ends.app, websocket_scope("/ws"), CONNECT, leaving(1006, "")):
        await ends.wait()
    assert ends.code == (1006, "")


@pytest.mark.parametrize("server", SERVERS)
async def test_pings_are_answered_although_messages_are_unread(server: str) -> None:
    """What waits behind a message is seen, too, and be it a ping."""
    ends = Ends(only_sleeps)
    async with serving(ends.app, server) as port:
        async with connect(f"ws://127.0.0.1:{port}/ws") as client:
            for number in range(10):
                await client.send(f"hello {number}")
            async with asyncio.timeout(PATIENCE):
                await (await client.ping())
        await ends.wait()


# Bounds.


@pytest.mark.parametrize(("count", "config"), [(16, {}), (3, {"READ_AHEAD_MESSAGES": 3})])
async def test_messages_are_bounded_by_count(count: int, config: dict[str, Any]) -> None:
    received: list[Any] = []

    async def sleeps_first() -> None:
        await websocket.accept()
        await asyncio.sleep(A_WHILE)
        assert peer.asked <= 1 + count
        while len(received) < 100:
            received.append(await websocket.receive())
        await websocket.receive()

    ends = Ends(sleeps_first, **config)
    events = [text(str(number)) for number in range(100)]
    async with calling(ends.app, websocket_scope("/ws"), CONNECT, *events, leaving()) as peer:
        await ends.wait()
    assert received == [str(number) for number in range(100)]
    assert ends.code == (1001, "bye")


@pytest.mark.parametrize(
    ("size", "most", "config"),
    [(30_000, 3, {}), (2_000_000, 1, {}), (1000, 5, {"READ_AHEAD_SIZE": 5000})],
)
async def test_messages_are_bounded_by_size(size: int, most: int, config: dict[str, Any]) -> None:
    asked = 0

    async def sleeps_first() -> None:
        nonlocal asked
        await websocket.accept()
        await asyncio.sleep(A_WHILE)
        asked = peer.asked
        for _ in range(15):
            assert len(await websocket.receive()) == size
        await websocket.receive()

    ends = Ends(sleeps_first, **config)
    events = [text("x" * size) for _ in range(15)]
    async with calling(ends.app, websocket_scope("/ws"), CONNECT, *events, leaving()) as peer:
        await ends.wait()
    assert asked == 1 + most
    assert ends.code == (1001, "bye")


async def test_a_body_is_bounded_and_stays_in_order() -> None:
    """A view that waits for something else before it reads its body."""
    app = Pottle(__name__, static_folder=None)
    body = [piece(b"%09d" % number * 1000) for number in range(100)]

    @app.post("/")
    async def view() -> bytes:
        await asyncio.sleep(A_WHILE)
        assert peer.asked <= 1 + 64 * 1024 // 9000
        return await request.get_data()

    async with calling(app, http_scope(method="POST"), *body, piece(b"", False)) as peer:
        pass
    assert peer.body == b"".join(event["body"] for event in body)


async def test_events_without_content_take_no_place() -> None:
    """Hypercorn has empty pieces of a body that goes on."""
    app = Pottle(__name__, static_folder=None)
    errors: list[BaseException | None] = []

    @app.post("/")
    async def view() -> str:
        await asyncio.sleep(PATIENCE)
        return "done"

    @app.teardown_request
    async def tear_down(error: BaseException | None) -> None:
        errors.append(error)

    nothing = [piece(b"") for _ in range(50)]
    async with calling(app, http_scope(method="POST"), *nothing, {"type": "http.disconnect"}):
        pass
    assert isinstance(errors[0], ClientDisconnected)


# Not by Hypercorn, whose own tasks outlive a connection that is broken off in the middle of this.
@pytest.mark.parametrize("server", ["uvicorn", "granian"])
async def test_a_sender_is_held_back(server: str) -> None:
    """Somebody who sends without end to a handler that does not read comes to a halt."""
    release = asyncio.Event()

    async def does_not_read() -> None:
        await websocket.accept()
        await release.wait()

    ends = Ends(does_not_read)
    async with serving(ends.app, server) as port:
        client = await connect(f"ws://127.0.0.1:{port}/ws", compression=None)
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < 400:  # 400 MB
                async with asyncio.timeout(0.5):
                    await client.send(b"x" * 1_000_000)
                sent += 1
        release.set()
        client.transport.abort()
        await ends.wait()


# What comes first.


async def test_a_handler_that_reads_slowly_has_all_messages_first() -> None:
    received: list[Any] = []

    async def reads_slowly() -> None:
        await websocket.accept()
        while True:
            received.append(await websocket.receive())
            await asyncio.sleep(0.06)

    ends = Ends(reads_slowly)
    events = [text(str(number)) for number in range(10)]
    async with calling(ends.app, websocket_scope("/ws"), CONNECT, *events, leaving()):
        await ends.wait()
    assert received == [str(number) for number in range(10)]
    assert ends.code == (1001, "bye")


@pytest.mark.parametrize("server", SERVERS)
async def test_a_slow_reader_over_the_wire(server: str) -> None:
    received: list[Any] = []

    async def reads_slowly() -> None:
        await websocket.accept()
        while True:
            received.append(await websocket.receive())
            await asyncio.sleep(0.06)

    ends = Ends(reads_slowly)
    async with serving(ends.app, server) as port:
        async with connect(f"ws://127.0.0.1:{port}/ws") as client:
            for number in range(10):
                await client.send(str(number))
        await ends.wait()
    assert received == [str(number) for number in range(10)]


async def test_a_reader_that_stops_reading_is_interrupted_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Unread messages hold the interruption back for a time, not for ever."""
    monkeypatch.setattr("pottle.engine.inbox.UNREAD_WAIT", A_WHILE)

    async def reads_once() -> None:
        await websocket.accept()
        await websocket.receive()
        await asyncio.sleep(PATIENCE)

    ends = Ends(reads_once)
    events = [text(str(number)) for number in range(3)]
    async with calling(ends.app, websocket_scope("/ws"), CONNECT, *events, leaving()):
        await ends.wait()
    assert ends.code == (1001, "bye")


# After a send that failed.


@pytest.mark.parametrize("unread", [0, 1, 5])
async def test_a_send_that_fails_tells_the_code_of_the_close_frame(unread: int) -> None:
    """ASGI 2.4: a server may say in `send` that the client is gone, but not why."""
    caught: list[tuple[int, str]] = []
    received: list[Any] = []

    async def sends_and_reads() -> None:
        await websocket.accept()
        peer.put(*(text(str(number)) for number in range(unread)), leaving(4002, "enough"))
        peer.broken = OSError("gone")
        try:
            await websocket.send("news")
        except WebsocketDisconnect as error:
            caught.append((error.code, error.reason))
        try:
            while True:
                received.append(await websocket.receive())
        except WebsocketDisconnect as error:
            caught.append((error.code, error.reason))
            raise

    ends = Ends(sends_and_reads)
    async with calling(ends.app, websocket_scope("/ws"), CONNECT) as peer:
        await ends.wait()
    assert caught == [(4002, "enough")] * 2
    assert received == [str(number) for number in range(unread)]
    assert ends.code == (4002, "enough")


async def test_a_send_that_fails_without_a_close_frame() -> None:
    async def sends() -> None:
        await websocket.accept()
        peer.broken = OSError("gone")
        await websocket.send("news")

    ends = Ends(sends)
    async with calling(ends.app, websocket_scope("/ws"), CONNECT) as peer:
        await ends.wait()
    assert ends.code == (1006, "gone")


@pytest.mark.parametrize("server", SERVERS)
async def test_a_sender_that_never_waits_learns_the_code(
    server: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def sends_without_end() -> None:
        while True:
            await websocket.send("tick")

    ends = Ends(sends_without_end)
    async with serving(ends.app, server) as port:
        client = await connect(f"ws://127.0.0.1:{port}/ws", max_queue=None)
        await client.send("hello")
        await client.recv()
        await client.close(4001, "bye")
        await ends.wait()
    assert ends.code == TOLD[server]
    assert not caplog.records


async def test_a_server_that_closes_by_itself_is_a_disconnect(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A client that does not answer pings."""
    monkeypatch.setattr(
        uvicorn, "Config", partial(uvicorn.Config, ws_ping_interval=0.1, ws_ping_timeout=0.1)
    )
    ends = Ends(only_sends)
    async with serving(ends.app) as port, connected(port) as client:
        await client.send(UPGRADE)
        await ends.wait()
    assert isinstance(ends.error, WebsocketDisconnect)
    assert ends.error.code in (1006, 1011)
    assert not caplog.records


@pytest.mark.parametrize("server", SERVERS)
async def test_more_unread_messages_than_are_kept_do_not_hide_a_leaving(
    server: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """From a handler that has never received: what comes is dropped after a while."""
    monkeypatch.setattr("pottle.engine.inbox.UNREAD_WAIT", 0.1)
    app, ended = Pottle(__name__, static_folder=None), asyncio.Event()

    @app.websocket("/")
    async def handler() -> None:
        try:
            while True:
                await websocket.send("tick")
                await asyncio.sleep(0.01)
        finally:
            ended.set()

    async with serving(app, server) as port:
        async with connect(f"ws://127.0.0.1:{port}/") as peer:
            for number in range(60):
                await peer.send(str(number))
            peer.transport.abort()
        async with asyncio.timeout(PATIENCE):
            await ended.wait()
    assert all("were dropped" in record.getMessage() for record in caplog.records)
