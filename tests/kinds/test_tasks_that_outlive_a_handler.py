"""Whoever sends to many meets some who have gone: an ordinary exception, whoever has started the task."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from websockets.asyncio.client import connect

from pottle import Pottle, WebsocketDisconnect, websocket
from pottle.errors import PeerDisconnected
from serving import SERVERS, serving

PATIENCE = 10


async def broadcast(peers: set[Any], gone: list[Any], text: str) -> None:
    for peer in list(peers):
        try:
            await peer.send(text)
        except PeerDisconnected as error:
            gone.append(error)
            peers.discard(peer)


@pytest.mark.parametrize(
    ("server", "cancel"), [*((server, True) for server in SERVERS), ("uvicorn", False)]
)
async def test_a_task_that_the_first_handler_has_started(server: str, cancel: bool) -> None:
    """It goes on when that client leaves, also while its handler is still at work."""
    app = Pottle(__name__, static_folder=None)
    peers: set[Any] = set()
    gone: list[Any] = []
    ticking: list[asyncio.Task[None]] = []
    end = asyncio.Event()

    async def tick() -> None:
        while not end.is_set():
            await broadcast(peers, gone, "tick")
            await asyncio.sleep(0.01)

    @app.websocket("/", cancel_on_disconnect=cancel)
    async def handler() -> None:
        await websocket.accept()
        peers.add(websocket._get_current_object())
        if not ticking:
            ticking.append(asyncio.create_task(tick()))
        try:
            async for _ in websocket:
                pass
        finally:
            await asyncio.sleep(0.2)  # while which it is still among the peers

    async with serving(app, server) as port:
        url = f"ws://127.0.0.1:{port}/"
        async with asyncio.timeout(PATIENCE):
            async with connect(url) as first, connect(url) as second:
                await first.recv()
                await second.recv()
                await first.close()
                while not gone:
                    await second.recv()
                for _ in range(3):
                    await second.recv()
                assert not ticking[0].done()
                end.set()
                await ticking[0]


async def test_a_peer_that_its_own_handler_has_closed() -> None:
    app = Pottle(__name__, static_folder=None)
    peers: set[Any] = set()
    gone: list[Any] = []
    closed, go_on = asyncio.Event(), asyncio.Event()

    @app.websocket("/")
    async def handler() -> None:
        await websocket.accept()
        peers.add(websocket._get_current_object())
        await websocket.close(4000, "enough")
        closed.set()
        await go_on.wait()  # and is not cancelled because the client closes as well

    @app.post("/news")
    async def news() -> str:
        await broadcast(peers, gone, "news")
        return "sent"

    client = app.test_client()
    async with client.websocket("/"):
        await closed.wait()
        assert (await client.post("/news")).status_code == 200
        assert [(error.code, error.reason) for error in gone] == [(4000, "enough")]
        await asyncio.sleep(0.2)
        go_on.set()


@pytest.mark.parametrize("server", SERVERS)
async def test_the_close_code_is_known_after_the_end(server: str) -> None:
    """Of a handler that has never received, too."""
    app = Pottle(__name__, static_folder=None)
    codes: list[Any] = []

    @app.websocket("/")
    async def handler() -> None:
        await websocket.send("hello")
        await asyncio.sleep(100)

    @app.after_websocket
    async def after(response: Any) -> Any:
        codes.append(websocket.close_code)
        return response

    @app.teardown_websocket
    async def teardown(error: BaseException | None) -> None:
        assert isinstance(error, WebsocketDisconnect)
        codes.append(error.code)

    async with serving(app, server) as port:
        async with connect(f"ws://127.0.0.1:{port}/") as peer:
            await peer.recv()
            await peer.close(4001)
        async with asyncio.timeout(PATIENCE):
            while len(codes) < 2:
                await asyncio.sleep(0.01)
    assert codes == ([1006] * 2 if server == "hypercorn" else [4001] * 2)
