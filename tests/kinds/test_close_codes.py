"""The code that a websocket is closed with arrives, whatever the handler was waiting for."""

from __future__ import annotations

import asyncio

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from pottle import Pottle, websocket
from serving import SERVERS, serving

PATIENCE = 10


async def close_code(peer: ClientConnection) -> int:
    with pytest.raises(ConnectionClosed) as closed:
        async with asyncio.timeout(PATIENCE):
            await peer.recv()
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code


@pytest.mark.parametrize("server", SERVERS)
async def test_after_a_receive_that_was_given_up(server: str) -> None:
    app = Pottle(__name__, static_folder=None)

    @app.websocket("/")
    async def handler() -> None:
        await websocket.accept()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(websocket.receive(), 0.05)
        await websocket.close(4000, "enough")

    async with serving(app, server) as port, connect(f"ws://127.0.0.1:{port}/") as peer:
        assert await close_code(peer) == 4000


@pytest.mark.parametrize("server", SERVERS)
async def test_at_shutdown_where_nothing_else_is_under_way(server: str) -> None:
    app = Pottle(__name__, static_folder=None)

    @app.websocket("/")
    async def handler() -> None:
        await websocket.send("ready")
        async for _ in websocket:
            pass

    async with serving(app, server) as port:
        peer = await connect(f"ws://127.0.0.1:{port}/")
        await peer.recv()
        code = asyncio.create_task(close_code(peer))
    assert await code == 1012
    await peer.close()
