"""Who gives up waiting for a message or a piece of a body loses none: it is there for the next reader."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from websockets.asyncio.client import connect

from peer import Peer, calling, http_scope, piece, websocket_scope
from pottle import Pottle, request, websocket
from serving import SERVERS, connected, serving

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

PATIENCE = 20
COUNT = 400
#: Shorter than what a client takes for a message now and then, and longer now and then.
BRIEFLY = 0.004

CONNECT = {"type": "websocket.connect"}


async def with_wait_for() -> str | bytes:
    return await asyncio.wait_for(websocket.receive(), BRIEFLY)


async def with_timeout() -> str | bytes:
    async with asyncio.timeout(BRIEFLY):
        return await websocket.receive()


async def in_a_cancelled_task() -> str | bytes:
    """As a child that a task group or a program gives up."""
    task = asyncio.ensure_future(websocket.receive())
    await asyncio.wait({task}, timeout=BRIEFLY)
    if not task.done():
        task.cancel()
        await asyncio.wait({task})
    if task.cancelled():
        raise TimeoutError
    return task.result()


async def as_the_next_of_an_iterator() -> str | bytes:
    return await asyncio.wait_for(anext(aiter(websocket)), BRIEFLY)


async def in_turns_with_something_else() -> str | bytes:
    """As where a handler waits for a message or for news, whichever is first."""
    receiving = asyncio.ensure_future(websocket.receive())
    news = asyncio.ensure_future(asyncio.sleep(BRIEFLY))
    await asyncio.wait({receiving, news}, return_when=asyncio.FIRST_COMPLETED)
    for task in (receiving, news):
        task.cancel()
    await asyncio.wait({receiving, news})
    if receiving.cancelled():
        raise TimeoutError
    return receiving.result()


WAYS = [
    with_wait_for,
    with_timeout,
    in_a_cancelled_task,
    as_the_next_of_an_iterator,
    in_turns_with_something_else,
]


class Receiver:
    """An application whose handler receives numbers in one of the ways, however often it gives up."""

    def __init__(self, receive: Callable[[], Awaitable[str | bytes]], count: int = COUNT) -> None:
        self.app = Pottle(__name__, static_folder=None)
        self.received: list[str | bytes] = []
        self.given_up, self.count = 0, count

        @self.app.websocket("/")
        async def ws() -> None:
            await websocket.accept()
            while len(self.received) < self.count:
                try:
                    self.received.append(await receive())
                except TimeoutError:
                    self.given_up += 1
            await websocket.send("all")


NUMBERS = [str(number) for number in range(COUNT)]


def pauses() -> list[float]:
    """Seconds before each message: about as long as a reader waits, and none within a burst."""
    return [0 if number % 4 else BRIEFLY * (number % 5) for number in range(COUNT)]


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("receive", WAYS, ids=lambda way: way.__name__)
async def test_messages_over_the_wire(
    server: str, receive: Callable[[], Awaitable[str | bytes]]
) -> None:
    receiver = Receiver(receive)
    async with serving(receiver.app, server) as port:
        async with connect(f"ws://127.0.0.1:{port}/") as client, asyncio.timeout(PATIENCE):
            for number, pause in zip(NUMBERS, pauses(), strict=True):
                await asyncio.sleep(pause)
                await client.send(number)
            assert await client.recv() == "all"
    assert receiver.received == NUMBERS
    assert receiver.given_up


@pytest.mark.parametrize("receive", WAYS, ids=lambda way: way.__name__)
async def test_messages_of_a_test_client(receive: Callable[[], Awaitable[str | bytes]]) -> None:
    receiver = Receiver(receive)
    async with receiver.app.test_client().websocket("/") as client:
        for number, pause in zip(NUMBERS, pauses(), strict=True):
            await asyncio.sleep(pause)
            await client.send(number)
        assert await client.receive() == "all"
    assert receiver.received == NUMBERS
    assert receiver.given_up


class Lossy(Peer):
    """A compiled server: its `receive` gives a future, which loses the message when it is cancelled."""

    def receive(self) -> Any:
        return Compiled(asyncio.ensure_future(self._receive_late()))

    async def _receive_late(self) -> dict[str, Any]:
        event = await super().receive()
        await asyncio.sleep(BRIEFLY * 1.5)
        return event


class Compiled:
    """An awaitable without `throw`, as Granian's are."""

    def __init__(self, future: asyncio.Future[Any]) -> None:
        self.steps = future.__await__()

    def __await__(self) -> Compiled:
        return self

    def __next__(self) -> Any:
        return next(self.steps)


@pytest.mark.parametrize("receive", WAYS, ids=lambda way: way.__name__)
async def test_messages_of_a_server_that_would_lose_them(
    receive: Callable[[], Awaitable[str | bytes]],
) -> None:
    receiver = Receiver(receive, 50)
    events = [{"type": "websocket.receive", "text": number} for number in NUMBERS[:50]]
    peer = Lossy(CONNECT, *events, {"type": "websocket.disconnect", "code": 1000})
    async with asyncio.timeout(PATIENCE):
        await receiver.app(websocket_scope(), peer.receive, peer.send)
    assert receiver.received == NUMBERS[:50]
    assert receiver.given_up


async def test_two_readers_of_whom_one_gives_up() -> None:
    app = Pottle(__name__, static_folder=None)
    received: list[str | bytes] = []

    async def read() -> None:
        received.append(await websocket.receive())

    @app.websocket("/")
    async def ws() -> None:
        await websocket.accept()
        first, second = asyncio.create_task(read()), asyncio.create_task(read())
        await asyncio.sleep(BRIEFLY)
        first.cancel()
        await asyncio.wait({first})
        peer.put({"type": "websocket.receive", "text": "one"})
        await second
        peer.put({"type": "websocket.receive", "text": "two"})
        await read()

    async with calling(app, websocket_scope(), CONNECT) as peer:
        pass
    assert received == ["one", "two"]


async def test_a_reader_that_gives_up_while_the_message_is_there() -> None:
    """It has arrived, but the reader is cancelled in the same turn of the event loop."""
    app = Pottle(__name__, static_folder=None)
    received: list[str | bytes] = []

    @app.websocket("/")
    async def ws() -> None:
        await websocket.accept()
        for number in range(10):
            reader = asyncio.ensure_future(websocket.receive())
            await asyncio.sleep(BRIEFLY)
            peer.put({"type": "websocket.receive", "text": str(number)})
            for _ in range(number % 4):
                await asyncio.sleep(0)
            reader.cancel()
            await asyncio.wait({reader})
            received.append(await websocket.receive() if reader.cancelled() else reader.result())

    async with calling(app, websocket_scope(), CONNECT) as peer:
        pass
    assert received == [str(number) for number in range(10)]


# The handshake, which the first of them sends.


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("receive", WAYS, ids=lambda way: way.__name__)
async def test_a_handshake_over_the_wire(
    server: str, receive: Callable[[], Awaitable[str | bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = Pottle(__name__, static_folder=None)
    monkeypatch.setitem(globals(), "BRIEFLY", 0.0001)

    @app.websocket("/")
    async def echo() -> None:
        while True:
            try:
                message = await receive()
            except TimeoutError:
                continue
            await websocket.send(message)
            break

    async def visit(port: int) -> str | bytes:
        async with connect(f"ws://127.0.0.1:{port}/") as client:
            await client.send("hello")
            return await client.recv()

    async with serving(app, server) as port, asyncio.timeout(PATIENCE):
        answers = await asyncio.gather(*(visit(port) for _ in range(40)))
    assert answers == ["hello"] * 40


class SlowToAccept(Peer):
    """A compiled server, for which a cancelled handshake is the end of the connection."""

    def send(self, message: dict[str, Any]) -> Any:
        return Compiled(asyncio.ensure_future(self._send_late(message)))

    async def _send_late(self, message: dict[str, Any]) -> None:
        await asyncio.sleep(BRIEFLY * 3)
        await super().send(message)


class Timed(SlowToAccept):
    """The same as a coroutine, as of servers in Python."""

    def send(self, message: dict[str, Any]) -> Any:
        return self._send_late(message)


@pytest.mark.parametrize("peer_class", [SlowToAccept, Timed])
@pytest.mark.parametrize("receive", WAYS, ids=lambda way: way.__name__)
async def test_a_handshake_is_sent_as_a_whole(
    receive: Callable[[], Awaitable[str | bytes]], peer_class: type[Peer]
) -> None:
    app = Pottle(__name__, static_folder=None)
    received: list[str | bytes] = []

    @app.websocket("/")
    async def ws() -> None:
        with suppress(TimeoutError):
            await receive()
        peer.put({"type": "websocket.receive", "text": "one"})
        received.append(await websocket.receive())

    peer = peer_class(CONNECT)
    async with asyncio.timeout(PATIENCE):
        await app(websocket_scope(), peer.receive, peer.send)
    assert [message["type"] for message in peer.sent] == ["websocket.accept", "websocket.close"]
    assert received == ["one"]


@pytest.mark.parametrize("peer_class", [SlowToAccept, Timed])
async def test_a_handshake_that_nobody_takes_has_an_end(peer_class: type[Peer]) -> None:
    app = Pottle(__name__, static_folder=None)
    app.config["RESPONSE_TIMEOUT"] = 0.1
    ended: list[BaseException] = []

    @app.websocket("/")
    async def ws() -> None:
        try:
            await with_wait_for()
        except BaseException as error:
            ended.append(error)
            raise

    class Stuck(peer_class):  # type: ignore[valid-type, misc]
        async def _send_late(self, message: dict[str, Any]) -> None:
            if message["type"] == "websocket.accept":
                await asyncio.Event().wait()
            await super()._send_late(message)

    peer = Stuck(CONNECT)
    async with asyncio.timeout(PATIENCE):
        await app(websocket_scope(), peer.receive, peer.send)
    assert [type(error).__name__ for error in ended] in (["TimeoutError"], ["WebsocketCancelled"])


# Bodies.


def make_upload() -> Pottle:
    app = Pottle(__name__, static_folder=None)

    @app.post("/pieces")
    async def pieces() -> bytes:
        """Each piece under a time-out, with another iteration after each that was given up."""
        found, given_up = b"", 0
        while True:
            try:
                async with asyncio.timeout(BRIEFLY):
                    async for data in request.body:
                        found += data
                    break
            except TimeoutError:
                given_up += 1
        assert given_up
        return found

    @app.post("/whole")
    async def whole() -> bytes:
        given_up = 0
        while True:
            try:
                found = await asyncio.wait_for(request.get_data(), BRIEFLY)
                break
            except TimeoutError:
                given_up += 1
        assert given_up
        return found

    @app.post("/task")
    async def task() -> bytes:
        """One task begins to read and is cancelled, another goes on."""
        reader = asyncio.ensure_future(request.get_data())
        await asyncio.sleep(10 * BRIEFLY)
        assert not reader.done()
        reader.cancel()
        return await request.get_data()

    return app


#: So many pieces of a body, each of them different.
PIECES = [b"%09d\n" % number for number in range(100)]


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("path", ["/pieces", "/whole", "/task"])
async def test_bodies_over_the_wire(server: str, path: str) -> None:
    async with serving(make_upload(), server) as port, connected(port) as client:
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(PIECES) * 10}\r\n\r\n"
        await client.send(head.encode())
        for data, pause in zip(PIECES, pauses(), strict=False):
            await asyncio.sleep(pause)
            await client.send(data)
        assert await client.answer() == b"".join(PIECES)


@pytest.mark.parametrize("path", ["/pieces", "/whole", "/task"])
async def test_bodies_of_a_server_that_would_lose_pieces(path: str) -> None:
    app = make_upload()
    peer = Lossy(*map(piece, PIECES[:30]), piece(b"", False))
    async with asyncio.timeout(PATIENCE):
        await app(http_scope(path, method="POST"), peer.receive, peer.send)
    assert peer.body == b"".join(PIECES[:30])


@pytest.mark.parametrize("path", ["/pieces", "/whole", "/task"])
async def test_bodies_of_a_test_client(path: str) -> None:
    async with make_upload().test_client().request(path, method="POST") as connection:
        for data, pause in zip(PIECES, pauses(), strict=False):
            await asyncio.sleep(pause)
            await connection.send(data)
        await connection.send_complete()
        response = await connection.as_response()
        assert await response.get_data() == b"".join(PIECES)
