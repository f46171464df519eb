"""Hypercorn: a client that leaves at an odd moment leaves no task and no handler behind."""

from __future__ import annotations

import asyncio

import pytest

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
