"""Websockets: those that answer, those that only talk, and one that talks to others."""

from __future__ import annotations

import asyncio
from typing import Any

from pottle import Blueprint, abort, websocket

from .census import visit

sockets = Blueprint("sockets", __name__)
#: Who hears the news. A peer that has gone stays until a message to it fails.
peers: list[Any] = []


@sockets.websocket("/ws/echo")
async def echo():
    with visit("echo"):
        async for message in websocket:
            await websocket.send(message)


@sockets.websocket("/ws/talk")
async def talk():
    """Sends, and never asks for a message."""
    with visit("talk"):
        while True:
            await websocket.send("tick")
            await asyncio.sleep(0.02)


@sockets.websocket("/ws/endless")
async def endless():
    with visit("endless websocket"):
        while True:
            await websocket.send("x")


@sockets.websocket("/ws/endless/large")
async def endless_large():
    with visit("endless large websocket"):
        message = "x" * 16384
        while True:
            await websocket.send(message)


@sockets.websocket("/ws/impatient")
async def impatient():
    """Waits for each message for four milliseconds at a time, and has to miss none."""
    with visit("impatient"):
        while True:
            try:
                message = await asyncio.wait_for(websocket.receive(), 0.004)
            except TimeoutError:
                continue
            await websocket.send(message)


@sockets.websocket("/ws/refused")
async def refused():
    with visit("refused"):
        abort(403)


@sockets.websocket("/ws/peers")
async def join():
    with visit("peer"):
        await websocket.accept()
        peer = websocket._get_current_object()
        peers.append(peer)
        await websocket.send("welcome")
        try:
            async for _ in websocket:
                pass
        finally:
            # Not at once: between the leaving and its being noticed, news go to a peer that has gone.
            asyncio.get_running_loop().call_later(0.3, peers.remove, peer)


@sockets.post("/broadcast")
async def broadcast():
    with visit("broadcast"):
        failed = 0
        for peer in peers.copy():
            try:
                await peer.send("news")
            except Exception:
                failed += 1
        return {"peers": len(peers), "failed": failed}
