"""Websockets, streams and files on Quart, after the guides of its documentation."""

from __future__ import annotations

import asyncio

from bench.peers_streams import EVENTS, SAVED, SENT
from quart import Quart, make_response, request, send_file, websocket

app = Quart(__name__)
app.config["MAX_CONTENT_LENGTH"] = None
app.config["BODY_TIMEOUT"] = None
app.config["RESPONSE_TIMEOUT"] = None
queues: set[asyncio.Queue[str]] = set()


@app.websocket("/ws")
async def echo():
    while True:
        message = await websocket.receive()
        await websocket.send(message)


@app.websocket("/feed")
async def feed():
    queue: asyncio.Queue[str] = asyncio.Queue()
    queues.add(queue)
    try:
        await websocket.send("ready")
        while True:
            await websocket.send(await queue.get())
    finally:
        queues.remove(queue)


@app.post("/publish")
async def publish():
    message = await request.get_data(as_text=True)
    for queue in queues:
        await queue.put(message)
    return "", 204


@app.get("/events")
async def events():
    async def send_events():
        for number in range(EVENTS):
            yield f"data: event {number}\nid: {number}\n\n".encode()
            await asyncio.sleep(0)

    headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}
    response = await make_response(send_events(), headers)
    response.timeout = None
    return response


@app.post("/upload")
async def upload():
    size = 0
    async for piece in request.body:
        size += len(piece)
    return {"size": size}


@app.post("/multipart")
async def multipart():
    file = (await request.files)["file"]
    await file.save(SAVED)
    return {"size": file.stream.tell()}


@app.get("/file")
async def file():
    return await send_file(SENT)
