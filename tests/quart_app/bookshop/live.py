"""What happens now: a chat over websockets and a feed of server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from quart import Blueprint, abort, g, make_response, request, session, websocket

blueprint = Blueprint("live", __name__, url_prefix="/live")


class Broadcast:
    def __init__(self) -> None:
        self.subscribers: set[asyncio.Queue[str]] = set()

    def publish(self, message: str) -> None:
        for queue in self.subscribers:
            queue.put_nowait(message)

    async def subscribe(self) -> AsyncIterator[str]:
        queue: asyncio.Queue[str] = asyncio.Queue()
        self.subscribers.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self.subscribers.discard(queue)


chat = Broadcast()
news = Broadcast()


async def _pass_on() -> None:
    async for message in chat.subscribe():
        await websocket.send(message)


@blueprint.websocket("/chat")
async def talk() -> None:
    if g.user is None:
        abort(401)
    await websocket.accept(headers={"X-Room": "chat"})
    sender = asyncio.ensure_future(_pass_on())
    try:
        while True:
            chat.publish(f"{session['user']}: {await websocket.receive()}")
    finally:
        sender.cancel()
        await asyncio.gather(sender, return_exceptions=True)


@blueprint.websocket("/prices/<isbn:isbn>")
async def haggle(isbn: str) -> None:
    while True:
        offer = await websocket.receive_json()
        await websocket.send_json({"isbn": isbn, "accepted": offer["price"] >= 5})


@blueprint.get("/news")
async def read_news() -> Any:
    if "text/event-stream" not in request.accept_mimetypes:
        abort(406)

    async def send_events() -> AsyncIterator[bytes]:
        yield b"retry: 1000\n\n"
        async for message in news.subscribe():
            yield f"event: news\ndata: {message}\n\n".encode()

    response = await make_response(
        send_events(),
        {
            "Content-Type": "text/event-stream",
            "Cache-Control": "no-cache",
            "Transfer-Encoding": "chunked",
        },
    )
    response.timeout = None
    return response


@blueprint.post("/news")
async def publish_news() -> Any:
    news.publish((await request.get_data(as_text=True)).strip())
    return "", 202
