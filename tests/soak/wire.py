"""A client by hand: for what a polite library would not do."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

HOST = "127.0.0.1"
#: Closing with this sends a reset, and leaves no port behind that is blocked for a minute.
RESET = struct.pack("ii", 1, 0)
ESTABLISHED = 1  # a state of a TCP connection, as `TCP_INFO` tells it
SMALL_BUFFER = 4096  # bytes
#: Seconds in which all that the system still holds of a connection can be read.
LAST_READ = 3.0


class WrongAnswerError(Exception):
    """The server has sent something else than it had to."""


def expect(holds: bool, sentence: str) -> None:
    if not holds:
        raise WrongAnswerError(sentence)


@dataclass
class Target:
    """Where the clients go, and what they share."""

    port: int
    http: httpx.AsyncClient
    #: Seconds after which the application ends a send that is blocked.
    response_timeout: float
    random: random.Random = field(default_factory=lambda: random.Random(12))

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def websocket_url(self) -> str:
        return f"ws://{HOST}:{self.port}"

    def user(self) -> str:
        """A name that nobody else has."""
        return f"user-{self.random.getrandbits(48):x}"


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


class Connection:
    """A connection that sends bytes, and reads answers if it is asked to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.socket: socket.socket = writer.get_extra_info("socket")

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def request(
        self, target: str, method: str = "GET", body: bytes = b"", headers: str = ""
    ) -> None:
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        head = f"{method} {target} HTTP/1.1\r\nHost: {HOST}\r\n{length}{headers}\r\n"
        await self.send(head.encode() + body)

    async def head(self) -> tuple[int, dict[str, str]]:
        """Status and headers of the next answer."""
        text = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = text.removesuffix("\r\n\r\n").split("\r\n")
        pairs = (line.partition(":") for line in lines)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        return int(first.split()[1]), headers

    async def answer(self) -> Answer:
        status, headers = await self.head()
        if "content-length" in headers:
            body = await self.reader.readexactly(int(headers["content-length"]))
        elif headers.get("transfer-encoding") == "chunked":
            body = await self._chunks()
        else:
            body = b""
        return Answer(status, headers, body)

    async def _chunks(self) -> bytes:
        body = b""
        while size := int(await self.reader.readline(), 16):
            body += await self.reader.readexactly(size)
            await self.reader.readexactly(2)
        await self.reader.readline()
        return body

    async def read_for(self, seconds: float, pause: float = 0.0, size: int = 1 << 16) -> int:
        """Read what comes for so many seconds, *size* bytes and a *pause* at a time; how much it was."""
        loop = asyncio.get_running_loop()
        end, total = loop.time() + seconds, 0
        while (left := end - loop.time()) > 0:
            try:
                async with asyncio.timeout(left):
                    piece = await self.reader.read(size)
                    await asyncio.sleep(pause)
            except TimeoutError:
                break
            if not piece:
                break
            total += len(piece)
        return total

    async def was_cut(self, seconds: float, whole: int | None = None) -> bool:
        """Read nothing for so many seconds; whether the server has given the connection up by then.

        What is in the buffers of the system arrives even so, therefore it is read at last. An answer
        of which the *whole* arrives was not given up.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while loop.time() < end:
            if self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != ESTABLISHED:
                return True
            await asyncio.sleep(0.1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        total = 0
        try:
            async with asyncio.timeout(LAST_READ):
                while piece := await self.reader.read(1 << 16):
                    total += len(piece)
        except TimeoutError:
            return False
        except ConnectionError:
            return True
        return whole is None or total < whole


@asynccontextmanager
async def connected(target: Target, buffer: int | None = None) -> AsyncIterator[Connection]:
    """A connection that is reset at the end. With a small *buffer*, a server soon has to wait."""
    plain = socket.socket()
    try:
        plain.setblocking(False)
        if buffer:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        await asyncio.get_running_loop().sock_connect(plain, (HOST, target.port))
        reader, writer = await asyncio.open_connection(sock=plain, limit=buffer or 1 << 16)
    except BaseException:
        plain.close()
        raise
    try:
        yield Connection(reader, writer)
    finally:
        writer.transport.abort()


HANDSHAKE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)


def frame(payload: bytes, opcode: int = 1) -> bytes:
    """A short frame as clients send it (RFC 6455, 5.2), masked with zeros."""
    return bytes([0x80 | opcode, 0x80 | len(payload)]) + bytes(4) + payload


CLOSE = frame((1000).to_bytes(2, "big"), opcode=8)


@asynccontextmanager
async def upgraded(
    target: Target, path: str, buffer: int | None = None
) -> AsyncIterator[Connection]:
    """A websocket of which the bytes go by as they are."""
    async with connected(target, buffer) as connection:
        await connection.request(path, headers=HANDSHAKE)
        status, _ = await connection.head()
        expect(status == 101, f"a handshake was answered by {status}")
        yield connection
