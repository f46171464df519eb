"""What one connection can make the server hold, and for how long: under uvicorn, with raw sockets.

Granian and Hypercorn have limits of their own, which docs/limits.md lists.
"""

from __future__ import annotations

import asyncio
import socket
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import pytest

from pottle import Pottle, request, websocket

HOST = b"Host: example.org\r\n"
GET = b"GET / HTTP/1.1\r\n" + HOST
POST = b"POST / HTTP/1.1\r\n" + HOST
SLOW = GET.replace(b"/ ", b"/slow ", 1) + b"\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
UPGRADE = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
DEADLINE = 15.0  # seconds; a test that needs them all has failed


@dataclass
class Server:
    """An application that is being served, and what happened in its views."""

    port: int
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    started: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    messages: list[str | bytes] = field(default_factory=list)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Peer]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 24)
        try:
            yield Peer(reader, writer)
        finally:
            writer.close()

    @asynccontextmanager
    async def websocket(self, path: bytes, *extensions: bytes) -> AsyncIterator[Peer]:
        async with self.connection() as peer:
            head = GET.replace(b"/ ", path + b" ", 1) + UPGRADE + b"".join(extensions) + b"\r\n"
            assert (await peer.ask(head)).startswith(b"HTTP/1.1 101 ")
            yield peer


@dataclass
class Peer:
    """The client's end of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, data: bytes, until: bytes = b"\r\n\r\n") -> bytes:
        self.writer.write(data)
        async with asyncio.timeout(DEADLINE):
            return await self.reader.readuntil(until)

    async def rest(self) -> bytes:
        """What comes until the server closes."""
        async with asyncio.timeout(DEADLINE):
            try:
                return await self.reader.read()
            except ConnectionResetError:
                return b""

    async def flood(self, data: bytes, most: int) -> int:
        """Send *data* again and again until the server closes; answers how many bytes that took."""
        sent = 0
        try:
            while sent < most and not self.reader.at_eof():
                self.writer.write(data)
                await self.writer.drain()
                sent += len(data)
                await asyncio.sleep(0)
        except ConnectionError:
            pass
        return sent


@asynccontextmanager
async def serving(
    *, send_buffer: int | None = None, **config: float | None
) -> AsyncIterator[Server]:
    app, ended = Pottle(__name__), asyncio.Event()
    app.config.update({"KEEP_ALIVE_TIMEOUT": 0.2, "HEADER_TIMEOUT": 0.2, **config})
    listening = socket.create_server(("127.0.0.1", 0))
    if send_buffer is not None:  # which the accepted connections inherit
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
    server = Server(listening.getsockname()[1])

    @app.route("/", methods=["GET", "POST"])
    async def index() -> str:
        return "here"

    @app.post("/body")
    async def body() -> dict[str, object]:
        data = await request.get_data()
        return {"size": len(data), "admin": request.headers.get("X-Admin")}

    @app.get("/slow")
    async def slow() -> AsyncIterator[str]:
        async def stream() -> AsyncIterator[str]:
            yield "begin,"
            server.started.set()
            try:
                await server.go_on.wait()
            except asyncio.CancelledError:
                server.cancelled.set()
                raise
            yield "end"

        return stream()

    @app.get("/large")
    async def large() -> bytes:
        return b"x" * 20_000_000

    @app.websocket("/late")
    async def late() -> None:
        await websocket.accept()
        await server.go_on.wait()
        while True:
            server.messages.append(await websocket.receive())

    task = asyncio.create_task(
        app.run_task(host=f"fd:{listening.detach()}", shutdown_trigger=ended.wait)
    )
    try:
        async with server.connection() as peer:
            await peer.ask(GET + b"\r\n", b"here")
        yield server
    finally:
        ended.set()
        await task


# Size


@pytest.mark.parametrize(
    "endless",
    [
        pytest.param(b"0\r\n", id="trailers"),
        pytest.param(b"0\r\nX-Long: ", id="one trailer"),
        pytest.param(b"1;", id="chunk extension"),
        pytest.param(b"0" * 10, id="size of a chunk"),
    ],
)
async def test_what_is_no_content_of_a_chunked_body_is_bounded(endless: bytes) -> None:
    more = b"X-More: " + b"x" * 990 + b"\r\n" if endless == b"0\r\n" else b"0" * 1000
    async with serving() as server, server.connection() as peer:
        peer.writer.write(POST.replace(b"/ ", b"/body ") + CHUNKED + endless)
        assert (
            await peer.flood(more, most=50_000_000) < 15_000_000
        )  # buffers of the system included
        assert await peer.rest() in (b"", REFUSED_431)


REFUSED_431 = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


async def test_a_chunked_body_of_many_small_chunks_is_taken() -> None:
    async with serving() as server, server.connection() as peer:
        peer.writer.write(POST.replace(b"/ ", b"/body ") + CHUNKED)
        for _ in range(200):
            peer.writer.write(b"1\r\nx\r\n" * 1000)
            await peer.writer.drain()
        answer = await peer.ask(b"0\r\n\r\n", b"}")
        assert b'"size":200000' in answer


async def test_trailers_do_not_become_headers() -> None:
    async with serving() as server, server.connection() as peer:
        head = POST.replace(b"/ ", b"/body ") + CHUNKED
        answer = await peer.ask(head + b"1\r\nx\r\n0\r\nX-Admin: yes\r\n\r\n", b"}")
        assert b'"admin":null' in answer


async def test_the_number_of_headers_is_bounded() -> None:
    async with serving(MAX_HEADERS=50) as server:
        async with server.connection() as peer:
            assert await peer.ask(GET + b"a:\r\n" * 49 + b"\r\n", b"here")
        async with server.connection() as peer:
            peer.writer.write(GET + b"a:\r\n" * 50 + b"\r\n")
            assert await peer.rest() == REFUSED_431


async def test_requests_that_wait_behind_a_running_one_are_bounded() -> None:
    async with serving(MAX_PIPELINED_REQUESTS=3) as server, server.connection() as peer:
        await peer.ask(SLOW, b"begin,")
        peer.writer.write((GET + b"\r\n") * 2000)
        await server.started.wait()
        server.go_on.set()
        answers = await peer.rest()
        assert 3 <= answers.count(b"here") <= 4  # one may have begun when the others came
        assert answers.endswith(
            b"HTTP/1.1 429 Too Many Requests\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        )


# Time


@pytest.mark.parametrize(
    ("head", "later"),
    [
        pytest.param(GET + b"\r\n", b"", id="nothing"),
        pytest.param(GET + b"\r\n", b"\r\n", id="a blank line"),
        pytest.param(GET + b"\r\n", b"G", id="a byte of the next head"),
        pytest.param(POST + b"Content-Length: 9\r\n\r\n", b"", id="no body"),
        pytest.param(POST + b"Content-Length: 9\r\n\r\n", b"x", id="a byte of the body"),
        pytest.param(POST + b"Content-Length: 9\r\n\r\n", b"x" * 9, id="all of the body"),
        pytest.param(
            POST + b"Content-Length: 9\r\n\r\n", b"x" * 9 + b"\r\n", id="body, blank line"
        ),
        pytest.param(POST + b"Content-Length: 9\r\n\r\n", b"x" * 9 + b"P", id="body, next head"),
        pytest.param(POST + CHUNKED, b"1", id="a size"),
        pytest.param(POST + CHUNKED, b"0\r\na: b\r\n", id="a trailer"),
        pytest.param(GET + b"Connection: Upgrade\r\nUpgrade: x\r\n\r\n", b"x", id="an upgrade"),
        pytest.param(POST + b"Expect: 100-continue\r\n" + CHUNKED, b"1", id="an expectation"),
        pytest.param(
            POST + b"Content-Length: 9\r\n" + UPGRADE + b"\r\n", b"x", id="websocket, body"
        ),
    ],
)
async def test_whatever_comes_after_an_answer_the_connection_ends(
    head: bytes, later: bytes
) -> None:
    async with serving() as server, server.connection() as peer:
        if UPGRADE in head:
            await peer.ask(GET + b"\r\n" + head, b"here")
        else:
            await peer.ask(head, b"here")
        peer.writer.write(later)
        await peer.rest()


async def test_a_body_that_goes_on_for_ever_after_its_answer() -> None:
    async with serving() as server, server.connection() as peer:
        await peer.ask(POST + b"Content-Length: 1000000000\r\n\r\n", b"here")
        async with asyncio.timeout(DEADLINE):
            while not peer.reader.at_eof():  # a byte at a time
                peer.writer.write(b"x")
                await asyncio.wait({asyncio.ensure_future(peer.reader.read(1))}, timeout=0.02)
                if peer.reader.exception() is not None:
                    break


async def test_a_connection_that_was_silent_after_a_late_body_can_be_used_again() -> None:
    async with serving(KEEP_ALIVE_TIMEOUT=DEADLINE) as server, server.connection() as peer:
        await peer.ask(POST + b"Content-Length: 9\r\n\r\n", b"here")
        peer.writer.write(b"x" * 9)
        await peer.ask(GET + b"\r\n", b"here")


@pytest.mark.parametrize("path", [b"/large", b"/large-and-close"])
async def test_a_client_that_takes_nothing_is_cut_off(path: bytes) -> None:
    head = GET.replace(b"/ ", b"/large ", 1)
    head += b"Connection: close\r\n\r\n" if path.endswith(b"close") else b"\r\n"
    async with serving(RESPONSE_TIMEOUT=0.4) as server:
        client = socket.create_connection(("127.0.0.1", server.port))
        client.setblocking(False)
        try:
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(client, head)
            await later(1.2)
            taken = 0
            async with asyncio.timeout(DEADLINE):
                try:
                    while data := await loop.sock_recv(client, 1 << 20):
                        taken += len(data)
                except ConnectionResetError:
                    pass
            assert taken < 20_000_000
        finally:
            client.close()


async def test_a_client_that_takes_little_by_little_is_not() -> None:
    async with serving(RESPONSE_TIMEOUT=0.4, send_buffer=65536) as server:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.setblocking(False)
        try:
            loop = asyncio.get_running_loop()
            await loop.sock_connect(client, ("127.0.0.1", server.port))
            await loop.sock_sendall(client, GET.replace(b"/ ", b"/large ", 1) + b"\r\n")
            taken = 0
            for _ in range(15):
                taken += len(await loop.sock_recv(client, 200_000))
                await later(0.1)
            async with asyncio.timeout(DEADLINE):
                while taken < 20_000_000:
                    taken += len(await loop.sock_recv(client, 1 << 20))
        finally:
            client.close()


# Answers in their order


@pytest.mark.parametrize(
    ("behind", "refusal"),
    [
        pytest.param(b"\0", b"400 ", id="nonsense"),
        pytest.param(GET + b"X: " + b"x" * 70_000, b"431 ", id="a large head"),
        pytest.param(b"G", b"408 ", id="half a head"),
        pytest.param(GET + UPGRADE + b"\r\n", b"400 ", id="an upgrade"),
        pytest.param(GET + b"\r\n\0", b"400 ", id="a request, then nonsense"),
        pytest.param(POST + CHUNKED + b"nonsense", b"400 ", id="a request with a bad body"),
    ],
)
async def test_a_refusal_waits_for_the_answers_before_it(behind: bytes, refusal: bytes) -> None:
    async with serving() as server, server.connection() as peer:
        await peer.ask(SLOW, b"begin,")
        peer.writer.write(behind)
        await later(0.5)  # longer than a head may take
        server.go_on.set()
        rest = await peer.rest()
        answer, _, after = rest.partition(b"3\r\nend\r\n0\r\n\r\n")
        assert answer == b"\r\n"  # the end of the chunk before
        assert after.rpartition(b"HTTP/1.1 ")[2].startswith(refusal)
        assert after.count(b"here") == (behind == GET + b"\r\n\0")


async def test_a_bad_body_does_not_write_into_its_own_answer() -> None:
    async with serving() as server, server.connection() as peer:
        await peer.ask(SLOW[:-2] + CHUNKED, b"begin,")
        peer.writer.write(b"nonsense")
        assert b"HTTP/1.1" not in await peer.rest()


async def test_the_running_request_hears_that_a_pipelining_client_has_left() -> None:
    async with serving() as server:
        async with server.connection() as peer:
            await peer.ask(SLOW + GET + b"\r\n", b"begin,")
        async with asyncio.timeout(DEADLINE):
            await server.cancelled.wait()


# WebSockets


def frame(opcode: int, payload: bytes = b"", fin: bool = True, compressed: bool = False) -> bytes:
    """A frame of a client, masked with zeros (RFC 6455 section 5.2)."""
    size = len(payload)
    first = opcode | 0x80 * fin | 0x40 * compressed
    length = bytes([0x80 | size]) if size < 126 else bytes([0x80 | 126]) + size.to_bytes(2, "big")
    return bytes([first]) + length + b"\0\0\0\0" + payload


@pytest.mark.parametrize(
    "more",
    [
        pytest.param(b"a: b\r\n" * 200, id="many headers"),
        pytest.param(b"a: " + b"b" * 9000 + b"\r\n", id="a long header"),
        pytest.param(b"Content-Length: 3\r\n", id="a body"),
    ],
)
async def test_a_handshake_that_cannot_be_read_is_answered(more: bytes) -> None:
    async with serving() as server, server.connection() as peer:
        peer.writer.write(GET.replace(b"/ ", b"/late ", 1) + UPGRADE + more + b"\r\nabc")
        assert (await peer.rest()).startswith(b"HTTP/1.1 400 ")


async def test_pongs_for_a_client_that_reads_none_do_not_pile_up() -> None:
    ping, count = frame(9, b"x" * 125), 30_000
    async with serving(send_buffer=16384, RESPONSE_TIMEOUT=None) as server:
        async with server.websocket(b"/late") as peer:
            peer.reader._transport.pause_reading()  # type: ignore[attr-defined]
            for _ in range(count // 100):
                peer.writer.write(ping * 100)
                await peer.writer.drain()
            last = frame(9, b"last") + frame(1, b"behind")
            peer.writer.write(last)
            server.go_on.set()
            await until(lambda: server.messages == ["behind"])
            peer.reader._transport.resume_reading()  # type: ignore[attr-defined]
            pongs = await peer.ask(b"", b"\x8a\x04last")  # the last ping is always answered
            assert len(pongs) // 127 < count * 0.9


async def test_a_message_in_many_fragments_takes_as_much_as_it_has() -> None:
    async with serving() as server, server.websocket(b"/late") as peer:
        with growth() as grown:
            peer.writer.write(frame(1, b"ab", fin=False))
            for _ in range(300):
                peer.writer.write(frame(0, b"ab", fin=False) * 100)
                await peer.writer.drain()
            assert b"\x8a\x00" in await peer.ask(frame(9), b"\x8a\x00")  # it was all read
            assert grown() < 600_000
        server.go_on.set()
        peer.writer.write(frame(0))
        await until(lambda: server.messages == ["ab" * 30_001])


@pytest.mark.parametrize("compressed", [False, True])
async def test_messages_that_nobody_takes_are_not_unpacked(compressed: bool) -> None:
    """They wait as they came in; 250 KB of them can be 250 MB."""
    extension = b"Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n"
    if compressed:
        message, payload = "x" * 1_000_000, deflated(b"x" * 1_000_000)
    else:
        message, payload = "x", b"x"
    data = frame(1, payload, compressed=compressed)
    count = 200_000 // len(data)
    async with serving() as server:
        async with server.websocket(b"/late", extension if compressed else b"") as peer:
            with growth() as grown:
                peer.writer.write(data * count)
                await later(0.3)
                assert grown() < (10_000_000 if compressed else 2_000_000)
            server.go_on.set()
            await until(lambda: len(server.messages) == count)
            assert set(server.messages) == {message}


@pytest.mark.parametrize(("size", "config"), [(1 << 20, {}), (100, {"WEBSOCKET_MAX_SIZE": 100})])
async def test_the_size_of_a_message_is_bounded(size: int, config: dict[str, float]) -> None:
    extension = b"Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n"

    def message(length: int) -> bytes:
        return frame(1, deflated(b"x" * length), compressed=True)

    async with serving(**config) as server, server.websocket(b"/late", extension) as peer:
        server.go_on.set()
        peer.writer.write(message(size))
        await until(lambda: server.messages == ["x" * size])
        peer.writer.write(message(size + 1))
        assert b"\x03\xf1" in await peer.rest()  # 1009
        assert len(server.messages) == 1


def deflated(data: bytes) -> bytes:
    """*data* as a compressed message carries it (RFC 7692 section 7.2.1)."""
    compressor = zlib.compressobj(wbits=-12)
    return (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


@contextmanager
def growth() -> Iterator[Callable[[], int]]:
    """Gives how many bytes Python has allocated and not freed since."""
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    try:
        yield lambda: tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await asyncio.sleep(0.01)


async def later(seconds: float) -> None:
    """Ends when the loop's clock has gone on by *seconds*: longer than a limit allows."""
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(seconds, future.set_result, None)
    await future
