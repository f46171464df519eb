"""Websockets, streams and files on Starlette. It documents no fan-out; FastAPI's way is taken."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from bench.peers_streams import EVENTS, SAVED, SENT
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

subscribers: set[WebSocket] = set()


async def echo(websocket):
    await websocket.accept()
    async for message in websocket.iter_text():
        await websocket.send_text(message)


async def feed(websocket):
    await websocket.accept()
    subscribers.add(websocket)
    try:
        await websocket.send_text("ready")
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect:
        pass
    finally:
        subscribers.remove(websocket)


async def publish(request):
    message = (await request.body()).decode()
    for subscriber in subscribers:
        await subscriber.send_text(message)
    return Response(status_code=204)


async def events(request):
    async def send_events():
        for number in range(EVENTS):
            yield f"data: event {number}\nid: {number}\n\n"
            await asyncio.sleep(0)

    headers = {"Cache-Control": "no-cache"}
    return StreamingResponse(send_events(), media_type="text/event-stream", headers=headers)


async def upload(request):
    size = 0
    async for piece in request.stream():
        size += len(piece)
    return JSONResponse({"size": size})


async def multipart(request):
    async with request.form() as form:
        file = form["file"]
        await run_in_threadpool(save, file.file)
        return JSONResponse({"size": file.size})


def save(source) -> None:
    with Path(SAVED).open("wb") as target:
        shutil.copyfileobj(source, target)


async def file(request):
    return FileResponse(SENT)


app = Starlette(
    routes=[
        WebSocketRoute("/ws", echo),
        WebSocketRoute("/feed", feed),
        Route("/publish", publish, methods=["POST"]),
        Route("/events", events),
        Route("/upload", upload, methods=["POST"]),
        Route("/multipart", multipart, methods=["POST"]),
        Route("/file", file),
    ]
)
