"""Websockets: polite ones by a library, and the others by hand."""

from __future__ import annotations

import asyncio

from websockets.asyncio.client import ClientConnection, connect

from ..load import kind
from ..wire import CLOSE, SMALL_BUFFER, Target, connected, expect, frame, upgraded
from ..wire import HANDSHAKE as UPGRADE
from .leaving import expect_cut
from .requests import post


def polite(target: Target, path: str) -> connect:
    return connect(
        target.websocket_url + path,
        proxy=None,
        compression=None,
        open_timeout=5,
        close_timeout=1,
        ping_interval=None,
    )


async def exchange(websocket: ClientConnection, messages: list[str]) -> None:
    for message in messages:
        await websocket.send(message)
    for message in messages:
        expect(await websocket.recv() == message, "a message was lost or is another's")


@kind("websocket echo", clients=2, pause=0.4)
async def echo(target: Target) -> None:
    async with polite(target, "/ws/echo") as websocket:
        for _ in range(5):
            await exchange(websocket, [target.user() for _ in range(4)])


@kind("websocket, receive with a time-out", pause=0.5)
async def impatient(target: Target) -> None:
    async with polite(target, "/ws/impatient") as websocket:
        for _ in range(20):
            await exchange(websocket, [target.user()])
            await asyncio.sleep(target.random.uniform(0, 0.01))


@kind("websocket, refused", pause=1)
async def refused(target: Target) -> None:
    async with connected(target) as connection:
        await connection.request("/ws/refused", headers=UPGRADE)
        status, _ = await connection.head()
        expect(status == 403, f"a refusal was a {status}")


@kind("websocket, says hello and closes", clients=2, pause=0.5)
async def hello(target: Target) -> None:
    async with upgraded(target, "/ws/talk") as connection:
        await connection.send(frame(b"hello"))
        await connection.read_for(0.2)
        await connection.send(CLOSE)
        await connection.read_for(0.3)


@kind("websocket, leaves who talks to it", clients=2, pause=0.5)
async def left(target: Target) -> None:
    async with upgraded(target, "/ws/talk") as connection:
        await connection.read_for(target.random.uniform(0, 0.3))


@kind("peer of a broadcast", clients=4, pause=0.3)
async def peer(target: Target) -> None:
    """Some leave early without a word. The others have to hear the news all the same."""
    if target.random.random() < 0.4:
        async with upgraded(target, "/ws/peers") as connection:
            await connection.read_for(target.random.uniform(0.1, 0.5))
        return
    async with polite(target, "/ws/peers") as websocket:
        heard = [await websocket.recv() for _ in range(5)]
        expect(heard == ["welcome", *["news"] * 4], f"a peer heard {heard}")


@kind("broadcast", pause=0.15)
async def broadcast(target: Target) -> None:
    response = await post(target, "/broadcast")
    expect("failed" in response.json(), "a broadcast gave no account")


async def read(target: Target, path: str, seconds: float, pause: float = 0.0) -> None:
    async with upgraded(target, path, SMALL_BUFFER if pause else None) as connection:
        taken = await connection.read_for(seconds, pause, 1024 if pause else 1 << 16)
        expect(taken > 0, f"{path} sent nothing in {seconds} s")


@kind("endless websocket, fast reader", pause=3, never_suspends=True)
async def fast(target: Target) -> None:
    await read(target, "/ws/endless", 0.3)


@kind("endless websocket, slow reader", pause=2, never_suspends=True)
async def slow(target: Target) -> None:
    await read(target, "/ws/endless/large", 1.5, pause=0.02)


@kind("endless websocket, never read", pause=2, never_suspends=True)
async def unread(target: Target) -> None:
    async with upgraded(target, "/ws/endless/large", SMALL_BUFFER) as connection:
        await expect_cut(target, connection)


@kind("endless websocket, left at once", pause=1, never_suspends=True)
async def left_at_once(target: Target) -> None:
    async with connected(target) as connection:
        await connection.request("/ws/endless", headers=UPGRADE)
        await asyncio.sleep(target.random.uniform(0, 0.06))
