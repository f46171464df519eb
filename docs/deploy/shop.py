"""The application that the other files here deploy: it can be probed, drained and stopped."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

from pottle import Pottle, request, run_sync, websocket

app = Pottle(__name__)
app.config["DRAIN_FILE"] = "/tmp/draining"  # noqa: S108 - it says no more than that it is there
app.config.from_prefixed_env("SHOP")

draining = run_sync(Path.exists)


@app.get("/live")
async def live() -> str:
    """The process answers. Nothing else is asked: a restart would not mend a database."""
    return "alive"


@app.get("/ready")
async def ready() -> tuple[str, int]:
    """Send clients here, or send them elsewhere because this process is about to go."""
    if app.shutdown_event.is_set() or await draining(Path(app.config["DRAIN_FILE"])):
        return "draining", 503
    return "ready", 200


@app.get("/")
async def index() -> dict[str, str | None]:
    return {"client": request.remote_addr, "scheme": request.scheme, "host": request.host}


@app.sse("/events")
async def events() -> AsyncIterator[int]:
    for number in range(1_000_000):
        yield number
        await asyncio.sleep(1)


@app.websocket("/echo")
async def echo() -> None:
    async for message in websocket:
        await websocket.send(message)


@app.post("/uploads/film")
async def film() -> dict[str, str | int]:
    request.max_content_length = 1024**3
    digest, size = hashlib.sha256(), 0
    async for chunk in request.body:
        digest.update(chunk)
        size += len(chunk)
    return {"sha256": digest.hexdigest(), "bytes": size}
