"""Hypercorn: a client that leaves at an odd moment leaves no task and no handler behind."""

from __future__ import annotations

import asyncio

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ResponseReceived
from h2.settings import SettingCodes

from pottle import Pottle, websocket
from serving import PATIENCE, connected, serving

UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
CLOSE = b"\x88\x82\0\0\0\0\x0f\xa0"
MESSAGE = b"\x81\x81\0\0\0\0m"
CLIENTS = 10


@pytest.mark.parametrize(
    "early", [CLOSE, MESSAGE, MESSAGE * 3 + CLOSE], ids=["close", "message", "both"]
)
async def test_frames_before_the_accept(early: bytes) -> None:
    app, at_work = Pottle(__name__, static_folder=None), 0

    @app.websocket("/ws")
    async def receives() -> None:
        nonlocal at_work
        at_work += 1
        try:
            while True:
                await websocket.receive()
        finally:
            at_work -= 1

    async with serving(app, "hypercorn") as port:
        tasks = len(asyncio.all_tasks())
        for _ in range(CLIENTS):
            async with connected(port) as client:
                await client.send(UPGRADE + early)
                async with asyncio.timeout(PATIENCE):
                    await client.reader.read()
        async with asyncio.timeout(PATIENCE):
            while at_work or len(asyncio.all_tasks()) > tasks:
                await asyncio.sleep(0.01)


async def test_bodies_that_nobody_reads() -> None:
    app = Pottle(__name__, static_folder=None)
    chunks = b"1\r\nx\r\n" * 100
    head = b"POST /nowhere HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with serving(app, "hypercorn") as port:
        tasks = len(asyncio.all_tasks())
        for _ in range(CLIENTS):
            async with connected(port) as client:
                await client.send(head + chunks)
                async with asyncio.timeout(PATIENCE):
                    await client.reader.readuntil(b"\r\n\r\n")
        async with asyncio.timeout(PATIENCE):
            while len(asyncio.all_tasks()) > tasks:
                await asyncio.sleep(0.01)


async def test_windows_that_stay_shut() -> None:
    """Of HTTP/2: the answer waits for a window, and its client leaves."""
    app = Pottle(__name__, static_folder=None)

    @app.get("/")
    async def view() -> str:
        return "answered"

    peer = H2Connection(H2Configuration(client_side=True))
    peer.initiate_connection()
    peer.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 0})
    head = [(":method", "GET"), (":path", "/"), (":scheme", "http"), (":authority", "x")]
    for stream in (1, 3, 5):
        peer.send_headers(stream, head, end_stream=True)
    async with serving(app, "hypercorn") as port:
        tasks = len(asyncio.all_tasks())
        async with connected(port) as client:
            await client.send(peer.data_to_send())
            answered: set[int] = set()
            async with asyncio.timeout(PATIENCE):
                while len(answered) < 3:
                    events = peer.receive_data(await client.reader.read(65536))
                    answered |= {e.stream_id for e in events if isinstance(e, ResponseReceived)}
        async with asyncio.timeout(PATIENCE):
            while len(asyncio.all_tasks()) > tasks:
                await asyncio.sleep(0.01)
