"""A websocket that the server closes by itself has disconnected: that is no error of the application."""

from __future__ import annotations

import asyncio
import base64
import logging
import os
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest
import uvicorn

from pottle import Pottle, WebsocketDisconnect, websocket

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PATIENCE = 10


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pings that are to be answered soon."""
    make = uvicorn.Config.__init__

    def make_impatient(self: uvicorn.Config, *args: object, **kwargs: object) -> None:
        kwargs.update(ws_ping_interval=0.05, ws_ping_timeout=0.05)
        make(self, *args, **kwargs)  # type: ignore[arg-type] # whatever it takes

    monkeypatch.setattr(uvicorn.Config, "__init__", make_impatient)


class Handlers:
    """An application whose handlers note how they end."""

    def __init__(self) -> None:
        self.app = Pottle(__name__)
        self.app.config["SHUTDOWN_TIMEOUT"] = 1
        self.ends: asyncio.Queue[BaseException] = asyncio.Queue()
        self.app.websocket("/tight")(self.tight)
        self.app.websocket("/waiting")(self.waiting)

    async def tight(self) -> None:
        """Sends, and is never looked after while it waits."""
        await websocket.accept()
        with self.noting():
            while True:
                await websocket.send("news")
                await asyncio.sleep(0)

    async def waiting(self) -> None:
        await websocket.accept()
        with self.noting():
            await websocket.receive()

    def noting(self) -> Noting:
        return Noting(self.ends)


class Noting:
    """Puts the error that a block ends with into a queue, and lets it pass."""

    def __init__(self, ends: asyncio.Queue[BaseException]) -> None:
        self.ends = ends

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        assert error is not None
        self.ends.put_nowait(error)


@asynccontextmanager
async def connected(app: Pottle, path: str) -> AsyncIterator[asyncio.StreamWriter]:
    """A client of *path* that has shaken hands, takes all it is sent, and says nothing by itself."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    stop = asyncio.Event()
    serving = asyncio.create_task(app.run_task(port=port, shutdown_trigger=stop.wait))
    while True:
        with suppress(ConnectionRefusedError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            break
        await asyncio.sleep(0.01)
    key = base64.b64encode(os.urandom(16)).decode()
    writer.write(
        f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    taking = asyncio.create_task(take_all(reader))
    try:
        yield writer
    finally:
        taking.cancel()
        writer.close()
        stop.set()
        await asyncio.wait_for(serving, PATIENCE)


async def take_all(reader: asyncio.StreamReader) -> None:
    with suppress(ConnectionError):
        while await reader.read(65536):
            pass


@pytest.mark.parametrize("path", ["/tight", "/waiting"])
@pytest.mark.usefixtures("impatient")
async def test_a_ping_that_is_not_answered_is_a_disconnect(
    path: str, caplog: pytest.LogCaptureFixture
) -> None:
    handlers = Handlers()
    async with connected(handlers.app, path):
        error = await asyncio.wait_for(handlers.ends.get(), PATIENCE)
    assert isinstance(error, WebsocketDisconnect)
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("path", ["/tight", "/waiting"])
async def test_a_client_that_breaks_the_protocol_is_a_disconnect(
    path: str, caplog: pytest.LogCaptureFixture
) -> None:
    handlers = Handlers()
    async with connected(handlers.app, path) as writer:
        writer.write(b"\xff\xff\xff\xff\xff\xff")  # reserved bits and no such opcode
        error = await asyncio.wait_for(handlers.ends.get(), PATIENCE)
    assert isinstance(error, WebsocketDisconnect)
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
