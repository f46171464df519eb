"""Websockets, streams and files on Pottle."""

from __future__ import annotations

import asyncio

from bench.peers_streams import EVENTS, SAVED, SENT

from pottle import Pottle, ServerSentEvent, request, send_file, websocket

app = Pottle(__name__)
app.config["MAX_CONTENT_LENGTH"] = None
queues: set[asyncio.Queue[str]] = set()


@app.websocket("/ws")
async def echo():
    async for message in websocket:
        await websocket.send(message)


@app.websocket("/feed")
async def feed():
    queue: asyncio.Queue[str] = asyncio.Queue(maxsize=100)
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
        if not queue.full():
            queue.put_nowait(message)
    return "", 204


@app.sse("/events")
async def events():
    for number in range(EVENTS):
        yield ServerSentEvent(f"event {number}", id=number)
        await asyncio.sleep(0)


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


@app.post("/parts")
async def parts():
    part = await anext(request.parts())
    return {"size": await part.save(SAVED)}


@app.get("/file")
async def file():
    return await send_file(SENT)
