"""A real server in the event loop of the test: what it holds can be looked at from inside."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from pottle.servers import runner, sockets
from pottle.servers.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pottle import Pottle

SERVERS = ("uvicorn", "hypercorn", "granian")
PATIENCE = 15.0  # seconds; a test that needs them all has failed


@asynccontextmanager
async def serving(app: Pottle, server: str = "uvicorn", **settings: Any) -> AsyncIterator[int]:
    """Serve *app* by *server*; gives the port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    started, stop = asyncio.Event(), asyncio.Event()
    claimed, listening = sockets.claim(Settings(port=port, server=server, grace=1, **settings))
    task = asyncio.create_task(
        runner.serve_on(
            app, claimed, listening, announce=started.set, trigger=stop.wait, signals=False
        )
    )
    try:
        async with asyncio.timeout(PATIENCE):
            await asyncio.wait(
                {task, (up := asyncio.create_task(started.wait()))},
                return_when=asyncio.FIRST_COMPLETED,
            )
            up.cancel()
            if task.done():
                task.result()
        yield port
    finally:
        stop.set()
        async with asyncio.timeout(PATIENCE):
            await task
        if listening is not None:
            listening.close()


class Connection:
    """A client's end of a connection, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> bytes:
        """The body of the next answer, which has a Content-Length."""
        async with asyncio.timeout(PATIENCE):
            head = await self.reader.readuntil(b"\r\n\r\n")
            for line in head.lower().split(b"\r\n"):
                name, _, value = line.partition(b":")
                if name == b"content-length":
                    return await self.reader.readexactly(int(value))
        raise AssertionError(f"an answer without a length: {head!r}")

    async def end(self) -> bytes:
        """Everything up to the end of the connection."""
        async with asyncio.timeout(PATIENCE):
            return await self.reader.read()


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Connection]:
    """A connection to *port*, closed at the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Connection(reader, writer)
    finally:
        writer.close()


def request_bytes(path: str = "/", body: bytes = b"", method: str = "GET") -> bytes:
    """A request as it goes over the wire."""
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
