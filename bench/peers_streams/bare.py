"""Websockets, streams and files as bare ASGI functions. There are no forms: that is a parser's work."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from bench.peers_streams import EVENTS, SENT

PIECE = 256 * 1024
sends = set()


async def echo(receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


async def feed(receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    sends.add(send)
    try:
        await send({"type": "websocket.send", "text": "ready"})
        while (await receive())["type"] == "websocket.receive":
            pass
    finally:
        sends.remove(send)


async def publish(receive, send):
    message = (await receive())["body"].decode()
    for send_one in sends:
        await send_one({"type": "websocket.send", "text": message})
    await answer(send, b"", 204)


async def events(receive, send):
    headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for number in range(EVENTS):
        body = b"data: event %d\nid: %d\n\n" % (number, number)
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await asyncio.sleep(0)
    await send({"type": "http.response.body", "body": b""})


async def upload(receive, send):
    size = 0
    while True:
        message = await receive()
        size += len(message["body"])
        if not message["more_body"]:
            break
    await answer(send, json.dumps({"size": size}).encode())


async def file(receive, send):
    loop = asyncio.get_running_loop()
    source, size = await loop.run_in_executor(None, open_to_send)
    with source:
        headers = [
            (b"content-type", b"application/octet-stream"),
            (b"content-length", b"%d" % size),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        while piece := await loop.run_in_executor(None, source.read, PIECE):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def open_to_send():
    path = Path(SENT)
    return path.open("rb", buffering=0), path.stat().st_size


async def answer(send, body: bytes, status: int = 200) -> None:
    length = (b"content-length", str(len(body)).encode())
    headers = [(b"content-type", b"application/json"), length]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def missing(receive, send):
    await answer(send, b"{}", 404)


ROUTES = {
    "/ws": echo,
    "/feed": feed,
    "/publish": publish,
    "/events": events,
    "/upload": upload,
    "/file": file,
}


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        for event in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{event}.complete"})
    else:
        await ROUTES.get(scope["path"], missing)(receive, send)
